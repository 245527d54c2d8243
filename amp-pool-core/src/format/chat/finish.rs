//! Why an answer ended, in the words of Chat.

use crate::format::{Failure, canonical::FinishReason};

/// What a `finish_reason` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The answer ended so.
    Reason(FinishReason),
    /// The answer broke off at the upstream.
    Broken(String),
}

impl Said {
    /// Reads a `finish_reason`. Servers call the same things by several names.
    pub(super) fn of(word: &str) -> Self {
        Self::Reason(match word {
            "stop" => FinishReason::End,
            "tool_calls" | "function_call" => FinishReason::Calls,
            "length" | "model_length" | "max_tokens" => FinishReason::Length,
            "content_filter" | "sensitive" => FinishReason::Refusal { category: None },
            "error" | "network_error" | "insufficient_system_resource" => return Self::Broken(word.to_owned()),
            other => FinishReason::Other(other.to_owned()),
        })
    }
}

/// The error of an answer whose end is called `word`. The word is its code: it tells overload from other trouble.
pub(super) fn broken(word: String, data: &[u8]) -> Failure {
    let message = format!("the upstream ended its answer with `{word}`");
    Failure { kind: None, code: Some(word), message, ..Failure::unread(data) }
}

/// Writes a reason. Behind words of refusal the answer stopped by itself; without them a filter stopped it.
pub(super) fn word(reason: &FinishReason, has_refusal: bool) -> &'static str {
    match reason {
        FinishReason::Calls => "tool_calls",
        FinishReason::Length | FinishReason::ContextFull => "length",
        FinishReason::Refusal { category: None } if has_refusal => "stop",
        FinishReason::Refusal { .. } => "content_filter",
        FinishReason::End | FinishReason::Stop(_) | FinishReason::Paused | FinishReason::Other(_) => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_every_dialect() {
        let check = |word: &str, expected: FinishReason| assert_eq!(Said::of(word), Said::Reason(expected), "{word}");
        check("stop", FinishReason::End);
        check("tool_calls", FinishReason::Calls);
        check("function_call", FinishReason::Calls);
        check("length", FinishReason::Length);
        check("model_length", FinishReason::Length);
        check("sensitive", FinishReason::Refusal { category: None });
        check("new", FinishReason::Other("new".into()));
        assert_eq!(Said::of("network_error"), Said::Broken("network_error".into()));
    }

    #[test]
    fn reasons_are_written_in_the_five_words_that_clients_know() {
        let check =
            |reason: FinishReason, has_refusal, expected: &str| assert_eq!(word(&reason, has_refusal), expected);
        check(FinishReason::End, false, "stop");
        check(FinishReason::Stop(Some("x".into())), false, "stop");
        check(FinishReason::Paused, false, "stop");
        check(FinishReason::Other("compaction".into()), false, "stop");
        check(FinishReason::Calls, false, "tool_calls");
        check(FinishReason::Length, true, "length");
        check(FinishReason::ContextFull, false, "length");
        check(FinishReason::Refusal { category: None }, false, "content_filter");
        check(FinishReason::Refusal { category: None }, true, "stop");
        check(FinishReason::Refusal { category: Some("bio".into()) }, true, "content_filter");
    }
}
