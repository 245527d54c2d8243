//! Upstream words without the secrets in them.

/// The longest text that records keep.
const LONGEST: usize = 500;
const REDACTED: &str = "[redacted]";

/// How credentials of known makers begin.
const PREFIXES: [&str; 18] = [
    "sk-", "sk_", "pk-", "rk-", "sgamp_", "AIza", "xai-", "gsk_", "ghp_", "hf_", "nvapi-", "pplx-", "csk-", "r8_",
    "AKIA", "eyJ", "fw_", "tgp_",
];

/// After how many words a mention of a key is forgotten.
const REACH: u32 = 4;

/// A text fit for records and logs: one line of at most 500 characters, in which whatever looks like a credential is
/// replaced.
///
/// ```
/// use amp_pool_core::classify::scrub;
///
/// assert_eq!(scrub("Incorrect API key provided: sk-abcd**********wxyz."), "Incorrect API key provided: [redacted].");
/// assert_eq!(scrub("The model `gpt-9` does not exist"), "The model `gpt-9` does not exist");
/// ```
#[must_use]
pub fn scrub(text: &str) -> String {
    scrub_to(text, LONGEST)
}

/// The whole of a text, in which whatever looks like a credential is replaced.
#[cfg(feature = "pool")]
pub(crate) fn redacted(text: &str) -> String {
    without_tokens(&without_userinfo(text))
}

/// The same, of at most `longest` characters.
pub(super) fn scrub_to(text: &str, longest: usize) -> String {
    // Cut with room to spare, so that a secret at the end is still seen whole.
    let line: String = text.chars().take(8 * longest).map(|c| if c.is_control() { ' ' } else { c }).collect();
    cap(&without_tokens(&without_userinfo(&line)), longest)
}

/// `http://user:password@proxy` as `http://[redacted]@proxy`.
fn without_userinfo(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, authority) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = authority.find(|c: char| c.is_whitespace() || "/\"'?#".contains(c)).unwrap_or(authority.len());
        rest = authority;
        if let Some(credentials) = authority[..end].rfind('@') {
            clean.push_str(REDACTED);
            rest = &authority[credentials..];
        }
    }
    clean + rest
}

fn without_tokens(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut mention = Mention::default();
    let mut rest = text;
    while let Some(start) = rest.find(is_token) {
        let (between, from) = rest.split_at(start);
        let end = from.find(|c| !is_token(c)).unwrap_or(from.len());
        // The full stop of a sentence is not part of its last word.
        let token = from[..end].trim_end_matches('.');
        clean.push_str(between);
        clean.push_str(if mention.makes_secret(token) { REDACTED } else { token });
        rest = &from[token.len()..];
        if token.is_empty() {
            clean.push('.');
            rest = &from[1..];
        }
    }
    clean + rest
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.*+~".contains(c)
}

/// What the words before have announced.
#[derive(Default)]
struct Mention {
    words_left: u32,
    after_bearer: bool,
}

impl Mention {
    fn makes_secret(&mut self, token: &str) -> bool {
        let named = self.words_left > 0 && is_random(token, 12);
        let carried = self.after_bearer && token.len() >= 8 && token.contains(|c: char| c.is_ascii_digit());
        self.hear(token);
        is_known(token) || named || carried || is_random(token, 40)
    }

    fn hear(&mut self, token: &str) {
        let word = token.to_ascii_lowercase();
        self.after_bearer = word == "bearer";
        let announces = ["key", "token", "secret", "password", "authorization", "credential"];
        let announced = announces.iter().any(|name| word.contains(name));
        self.words_left = if announced { REACH } else { self.words_left.saturating_sub(1) };
    }
}

fn is_known(token: &str) -> bool {
    token.len() >= 8 && PREFIXES.iter().any(|prefix| token.starts_with(prefix))
}

/// Whether a run of `length` letters and digits, both of them, is in `token`. Masked characters count as either.
fn is_random(token: &str, length: usize) -> bool {
    let masked = token.contains("***");
    let runs = token.split(|c: char| !c.is_ascii_alphanumeric() && c != '*');
    let mut long = runs.filter(|run| run.len() >= length);
    long.any(|run| masked || has(run, |c| c.is_ascii_digit()) && has(run, |c| c.is_ascii_alphabetic()))
}

fn has(run: &str, kind: impl Fn(char) -> bool) -> bool {
    run.contains(kind)
}

fn cap(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(scrub(text), expected);
    }

    #[test]
    fn credentials_are_replaced() {
        check("bad key sk-proj-0123456789abcdef!", "bad key [redacted]!");
        check("Incorrect API key provided: sgamp_user_01ABC.", "Incorrect API key provided: [redacted].");
        check("header was Bearer abc123def456", "header was Bearer [redacted]");
        check("GET /v1?key=AIzaSyA-0123456789&alt=sse", "GET /v1?key=[redacted]&alt=sse");
        check("jwt eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "jwt [redacted]");
        check("your api key: 0a1b2c3d4e5f6a7b8c9d.Xyz", "your api key: [redacted]");
        check("API key abcd************wxyz is disabled", "API key [redacted] is disabled");
        check(&format!("x {} y", "a1".repeat(32)), "x [redacted] y");
        check("proxy http://user:p@ss@10.0.0.1:3128/ refused", "proxy http://[redacted]@10.0.0.1:3128/ refused");
    }

    #[test]
    fn what_helps_to_find_the_cause_stays() {
        for text in [
            "The model `claude-sonnet-4-5-20250929` does not exist",
            "Your API key may not use the model claude-sonnet-4-5-20250929",
            "Bearer authentication required",
            "request id req_011CSHoEeqs5C35K2UUqR7Fy failed...",
            "Rate limit reached for gpt-5 in organization org-1: 30000 TPM. Try again in 2.5s.",
            "令牌状态不可用",
            "https://platform.openai.com/account/api-keys",
            "",
            "...",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_text_becomes_one_line_of_bounded_length() {
        check("a\r\nb\tc", "a  b c");
        let long = scrub(&"é".repeat(600));
        assert_eq!((long.chars().count(), long.ends_with('…')), (500, true));
        assert_eq!(scrub(&"é".repeat(500)), "é".repeat(500));
    }

    #[test]
    fn a_secret_across_the_cut_is_not_cut_into_the_open() {
        let text = format!("{} sk-proj-{}", "w".repeat(490), "a1".repeat(20));
        assert!(!scrub(&text).contains("sk-"));
    }

    proptest! {
        #[test]
        fn no_key_gets_through_whatever_stands_around_it(before in "\\PC{0,40}[ ,:\"(]", after in "([ ,\")]\\PC{0,40})?") {
            let key = "sk-proj-0123456789abcdef";
            let shown = scrub(&format!("{before}{key}{after}"));
            prop_assert!(!shown.contains(&key[8..]), "{}", shown);
        }
    }
}
