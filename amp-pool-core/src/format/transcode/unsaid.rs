//! What of an answer has no place in the client's format.
//!
//! Looks at the events that the client's writer gets. Words about them leave with the answer only when it is whole; of a
//! stream they are known too late for its head, and stay in the books.

use std::borrow::Cow;

use crate::format::{
    Format, Losses,
    canonical::{BlockKind, Citation, Delta, Event, FinishReason},
};

/// Tells what the client will not see of `event`.
pub(super) fn look(event: &Event, client: Format, losses: &mut Losses) {
    let Some((field, note)) = lost(event, client) else { return };
    // Only the way there can be strict: what was answered has been paid for.
    let _never_refused = match event {
        Event::Finished(_) => losses.adjusted(field, note),
        _ => losses.dropped(field, note),
    };
}

fn lost(event: &Event, client: Format) -> Option<(String, Cow<'static, str>)> {
    let (field, note): (&str, &'static str) = match event {
        Event::BlockStarted { kind: BlockKind::Hosted(part), .. } => {
            return Some((format!("answer: {}", part.kind), "a step of the provider's own".into()));
        }
        Event::Delta { delta: Delta::Citation(citation), .. } if !has_place(citation, client) => {
            ("citation", "the client's format has no such citation")
        }
        Event::Delta { delta: Delta::Logprobs(_), .. } if client == Format::Messages => {
            ("logprobs", "the client's format has none")
        }
        Event::Finished(finish) => {
            return match &finish.reason {
                FinishReason::Other(word) => Some(("answer: stop reason".to_owned(), format!("was {word}").into())),
                _ => None,
            };
        }
        _ => return None,
    };
    Some((format!("answer: {field}"), note.into()))
}

/// Places of citations have no form in Messages that another provider could fill, and elsewhere need an address.
fn has_place(citation: &Citation, client: Format) -> bool {
    client != Format::Messages && citation.url.is_some()
}
