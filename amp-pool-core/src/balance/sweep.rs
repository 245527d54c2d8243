//! What an upstream said, fit to be kept: bounded, and without secrets.

use super::template::percent;
use crate::classify::scrub;

const MOST_LINES: usize = 40;
const LONGEST: usize = 4_000;
const REDACTED: &str = "[redacted]";

/// The text with every one of `secrets` and whatever looks like one replaced; its lines are kept, cut where they or the
/// whole are too long.
pub(super) fn sweep<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> String {
    // Cut with room to spare, so that a secret at the end is still seen whole.
    let mut clean: String = text.chars().take(4 * LONGEST).collect();
    for secret in secrets {
        for spelling in [secret.to_owned(), percent(secret)] {
            clean = clean.replace(&spelling, REDACTED);
        }
    }
    let lines: Vec<_> = clean.lines().take(MOST_LINES).map(scrub).collect();
    lines.join("\n").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_swept_and_lines_are_kept() {
        let text = "Signed in as a@b.c\nkey amp-odd/secret and amp-odd%2Fsecret\nBearer sk-0123456789abcdef";
        let clean = sweep(text, ["amp-odd/secret"].into_iter());

        assert_eq!(clean, "Signed in as a@b.c\nkey [redacted] and [redacted]\nBearer [redacted]");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let clean = sweep(&"a line of words\n".repeat(10_000), [].into_iter());
        assert_eq!(clean.lines().count(), MOST_LINES);
        assert!(sweep(&"wort ".repeat(100_000), [].into_iter()).chars().count() <= LONGEST);
    }
}
