//! Bodies without the secrets in them.

use crate::{classify::redacted, secret::Secret};

/// Shorter ones are words that anybody may use.
const SHORTEST: usize = 8;

/// At most `limit` bytes of a text, without `secrets` and without whatever looks like a credential. `None`: it is no text.
pub(super) fn redact(body: &[u8], limit: usize, secrets: &[Secret]) -> Option<String> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        // The last character may have been cut in two.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(body.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let secrets = secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= SHORTEST);
    let without =
        secrets.fold(
            text.to_owned(),
            |text, secret| {
                if text.contains(secret) { text.replace(secret, "[redacted]") } else { text }
            },
        );
    let mut clean = redacted(&without);
    while clean.len() > limit {
        clean.pop();
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let secrets = [Secret::new("planted-secret"), Secret::new("short")];
        assert_eq!(redact(body.as_bytes(), 200, &secrets).as_deref(), Some(expected), "{body}");
    }

    #[test]
    fn what_looks_like_a_secret_is_left_out_and_the_rest_stays() {
        check("{\n \"a\": 1\n}", "{\n \"a\": 1\n}");
        check(r#"{"x":"planted-secret"}"#, r#"{"x":"[redacted]"}"#);
        check(r#"{"x":"a short word"}"#, r#"{"x":"a short word"}"#);
        check(r#"{"text":"my key is sk-0123456789abcdef"}"#, r#"{"text":"my key is [redacted]"}"#);
        check(r#"{"url":"https://user:pass@host/"}"#, r#"{"url":"https://[redacted]@host/"}"#);
        check(
            r#"{"max_tokens": 16384, "model": "claude-sonnet-4-5-20250929"}"#,
            r#"{"max_tokens": 16384, "model": "claude-sonnet-4-5-20250929"}"#,
        );
    }

    #[test]
    fn a_text_is_cut_between_characters_and_what_is_no_text_is_not_kept() {
        assert_eq!(redact("éé".as_bytes(), 3, &[]).as_deref(), Some("é"));
        assert_eq!(redact(&"é".as_bytes()[..1], 3, &[]).as_deref(), Some(""));
        assert_eq!(redact(b"\xff\xfe binary", 9, &[]), None);
        assert_eq!(redact(b"", 9, &[]).as_deref(), Some(""));
    }
}
