//! Why a Messages answer ends, in its own words.

use serde::{Deserialize, Serialize};

use crate::format::{
    canonical::{Finish, FinishReason},
    loose::{Loose, Text},
};

/// The members that tell the end, in a whole message and in a `message_delta`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Told<'a> {
    #[serde(borrow)]
    stop_reason: Loose<Text<'a>>,
    #[serde(borrow)]
    stop_sequence: Loose<Text<'a>>,
    #[serde(borrow)]
    stop_details: Loose<Details<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    category: Loose<Text<'a>>,
    #[serde(borrow)]
    explanation: Loose<Text<'a>>,
}

impl Told<'_> {
    /// The end. `None` while there is no word of it.
    pub(super) fn finish(&self) -> Option<Finish> {
        let word = self.stop_reason.0.as_ref()?;
        let details = self.stop_details.0.as_ref();
        let reason = match &*word.0 {
            "end_turn" => FinishReason::End,
            "max_tokens" => FinishReason::Length,
            "stop_sequence" => FinishReason::Stop(owned(&self.stop_sequence)),
            "tool_use" => FinishReason::Calls,
            "pause_turn" => FinishReason::Paused,
            "refusal" => FinishReason::Refusal { category: details.and_then(|details| owned(&details.category)) },
            "model_context_window_exceeded" => FinishReason::ContextFull,
            other => FinishReason::Other(other.to_owned()),
        };
        Some(Finish { reason, explanation: details.and_then(|details| owned(&details.explanation)) })
    }
}

fn owned(text: &Loose<Text<'_>>) -> Option<String> {
    text.0.as_ref().map(|text| text.0.clone().into_owned()).filter(|text| !text.is_empty())
}

/// The end of an answer, to be written.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<WrittenDetails<'a>>,
}

#[derive(Debug, Serialize)]
struct WrittenDetails<'a> {
    r#type: &'static str,
    category: Option<&'a str>,
    explanation: Option<&'a str>,
}

impl<'a> Written<'a> {
    pub(super) fn of(finish: &'a Finish) -> Self {
        let stop_sequence = match &finish.reason {
            FinishReason::Stop(stop) => stop.as_deref(),
            _ => None,
        };
        Self { stop_reason: word(&finish.reason), stop_sequence, stop_details: details(finish) }
    }
}

fn word(reason: &FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop(_) => "stop_sequence",
        FinishReason::Calls => "tool_use",
        FinishReason::Length => "max_tokens",
        FinishReason::ContextFull => "model_context_window_exceeded",
        FinishReason::Refusal { .. } => "refusal",
        // A pause is the pool's business; the client has nothing to send back.
        FinishReason::End | FinishReason::Paused | FinishReason::Other(_) => "end_turn",
    }
}

fn details(finish: &Finish) -> Option<WrittenDetails<'_>> {
    let FinishReason::Refusal { category } = &finish.reason else { return None };
    let (category, explanation) = (category.as_deref(), finish.explanation.as_deref());
    (category.is_some() || explanation.is_some()).then_some(WrittenDetails { r#type: "refusal", category, explanation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_an_end_come_back() {
        let check = |json: &str, expected: Option<FinishReason>, written: Option<&str>| {
            let finish = serde_json::from_str::<Told<'_>>(json).unwrap().finish();
            assert_eq!(finish.as_ref().map(|finish| finish.reason.clone()), expected, "{json}");
            let again = finish.map(|finish| serde_json::to_string(&Written::of(&finish)).unwrap());
            assert_eq!(again.as_deref(), written);
        };
        let plain = |word: &str| format!(r#"{{"stop_reason":"{word}","stop_sequence":null}}"#);
        let round = |word: &str, reason| check(&plain(word), Some(reason), Some(&plain(word)));
        round("end_turn", FinishReason::End);
        round("max_tokens", FinishReason::Length);
        round("tool_use", FinishReason::Calls);
        round("model_context_window_exceeded", FinishReason::ContextFull);
        round("refusal", FinishReason::Refusal { category: None });
        let stop = r#"{"stop_reason":"stop_sequence","stop_sequence":"END"}"#;
        check(stop, Some(FinishReason::Stop(Some("END".into()))), Some(stop));
        let refusal = r#"{"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":"bio","explanation":"no"}}"#;
        check(refusal, Some(FinishReason::Refusal { category: Some("bio".into()) }), Some(refusal));
        check(&plain("pause_turn"), Some(FinishReason::Paused), Some(&plain("end_turn")));
        check(&plain("compaction"), Some(FinishReason::Other("compaction".into())), Some(&plain("end_turn")));
        check(r#"{"stop_reason":null}"#, None, None);
        check(r#"{"stop_reason":7}"#, None, None);
    }
}
