//! Tools in the answer, as the client knows them.
//!
//! Gives calls their names and namespaces back, makes the input of a custom tool free text again, and turns a forced
//! call that only stood for the shape of the answer back into the text of it. Blocks are numbered anew, because some go.

use std::collections::{BTreeMap, BTreeSet};

use super::{WayBack, answer::Stage, call_ids, names::Names};
use crate::format::{
    Failure,
    canonical::{BlockKind, Call, Delta, Event, FinishReason, Input},
};

/// The stage.
pub(super) struct Restore {
    back: WayBack,
    /// The blocks that are open, by the upstream's index.
    open: BTreeMap<u32, Block>,
    /// The next index of ours.
    next: u32,
    /// The ids of calls that the client has seen.
    ids: BTreeSet<String>,
    /// Whether a call ended before it was whole.
    has_cut_call: bool,
}

struct Block {
    index: u32,
    kind: Kind,
    /// Whether it is a call of the upstream, whatever the client sees.
    is_call: bool,
}

enum Kind {
    /// Goes through.
    Plain,
    /// Is not for the client.
    Hidden,
    /// A function's input that is a text in an object.
    Wrapped(Unwrap),
    /// A function's input that is the text of the answer.
    Answer,
}

impl Restore {
    pub(super) fn new(back: &WayBack) -> Self {
        Self { back: back.clone(), open: BTreeMap::new(), next: 0, ids: BTreeSet::new(), has_cut_call: false }
    }

    fn start(&mut self, index: u32, kind: BlockKind, out: &mut Vec<Event>) {
        let is_call = matches!(kind, BlockKind::Call(_));
        let (kind, shown) = self.restored(kind);
        let own = self.next;
        if let Some(kind) = shown {
            self.next += 1;
            out.push(Event::BlockStarted { index: own, kind });
        }
        self.open.insert(index, Block { index: own, kind, is_call });
    }

    fn restored(&mut self, kind: BlockKind) -> (Kind, Option<BlockKind>) {
        match kind {
            BlockKind::Call(call) if self.back.text_tool.as_ref() == Some(&call.name) => {
                (Kind::Answer, Some(BlockKind::Text { phase: None }))
            }
            // What is said around a forced shape is not part of it.
            BlockKind::Text { .. } if self.back.text_tool.is_some() => (Kind::Hidden, None),
            BlockKind::Call(call) => {
                let is_wrapped = matches!(call.input, Input::Json(_)) && self.back.customs.contains(&call.name);
                let kind = if is_wrapped { Kind::Wrapped(Unwrap::default()) } else { Kind::Plain };
                (kind, Some(BlockKind::Call(self.call(call, is_wrapped))))
            }
            kind => (Kind::Plain, Some(kind)),
        }
    }

    fn call(&mut self, call: Call, is_wrapped: bool) -> Call {
        let names: &Names = &self.back.names;
        let (namespace, name) = names.restored(&call.name);
        let id = self.id(&call.id);
        let input = if is_wrapped { Input::Text(String::new()) } else { call.input };
        Call { id, name, namespace: namespace.or(call.namespace), input, ..call }
    }

    /// The id that the client sees. Results find their calls by it, so one that is missing or comes again is ours.
    fn id(&mut self, id: &str) -> String {
        let shown = call_ids::shown(id, self.back.client);
        if !id.is_empty() && self.ids.insert(shown.clone()) {
            return shown;
        }
        let own = self.back.ids.item("call_", self.next);
        self.ids.insert(own.clone());
        own
    }

    fn extend(&mut self, index: u32, delta: Delta, out: &mut Vec<Event>) {
        let Some(Block { index, kind, .. }) = self.open.get_mut(&index) else { return };
        let index = *index;
        let delta = match (kind, delta) {
            (Kind::Hidden, _) => return,
            (Kind::Wrapped(unwrap), Delta::Input(more)) => Delta::Input(unwrap.push(&more)),
            (Kind::Answer, Delta::Input(more)) => Delta::Text(more),
            (_, delta) => delta,
        };
        let is_empty = matches!(&delta, Delta::Input(text) | Delta::Text(text) if text.is_empty());
        out.extend((!is_empty).then_some(Event::Delta { index, delta }));
    }

    fn end(&mut self, index: u32, is_complete: bool, out: &mut Vec<Event>) {
        let Some(Block { index, kind, is_call }) = self.open.remove(&index) else { return };
        self.has_cut_call |= is_call && !is_complete;
        match kind {
            Kind::Hidden => return,
            Kind::Wrapped(unwrap) => {
                let rest = if is_complete { unwrap.rest() } else { String::new() };
                out.extend((!rest.is_empty()).then_some(Event::Delta { index, delta: Delta::Input(rest) }));
            }
            Kind::Plain | Kind::Answer => {}
        }
        out.push(Event::BlockEnded { index, is_complete });
    }
}

impl Stage for Restore {
    fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::BlockStarted { index, kind } => self.start(index, kind, out),
            Event::Delta { index, delta } => self.extend(index, delta, out),
            Event::BlockEnded { index, is_complete } => self.end(index, is_complete, out),
            // Half a call under a reason that says all is well: clients would run what they can make of it.
            Event::Finished(finish) if self.has_cut_call && !finish.reason.cuts() => {
                out.push(Event::Failed(Failure::broken("the upstream ended its answer inside of a call")));
            }
            Event::Finished(mut finish) => {
                if self.back.text_tool.is_some() && finish.reason == FinishReason::Calls {
                    finish.reason = FinishReason::End;
                }
                out.push(Event::Finished(finish));
            }
            other => out.push(other),
        }
    }
}

/// Takes the text out of `{"input": "…"}` while it comes.
#[derive(Debug, Default)]
struct Unwrap {
    raw: String,
    /// How far the text has been read. 0: its beginning has not been found.
    at: usize,
    is_over: bool,
}

impl Unwrap {
    /// Takes more of the object, and gives what that tells of the text.
    fn push(&mut self, more: &str) -> String {
        self.raw.push_str(more);
        if self.at == 0 {
            self.at = text_start(&self.raw).unwrap_or(0);
        }
        let mut text = String::new();
        while self.at > 0 && !self.is_over {
            match piece(&self.raw[self.at..]) {
                Piece::Text(piece, length) => {
                    text.push_str(&piece);
                    self.at += length;
                }
                Piece::End => self.is_over = true,
                Piece::Cut => break,
            }
        }
        text
    }

    /// What is left to say when the object is whole: all of it, if it was no such object.
    fn rest(self) -> String {
        if self.at > 0 { String::new() } else { self.raw }
    }
}

/// Where the text begins.
fn text_start(raw: &str) -> Option<usize> {
    let mut rest = raw;
    for token in ["{", "\"input\"", ":", "\""] {
        rest = rest.trim_ascii_start().strip_prefix(token)?;
    }
    Some(raw.len() - rest.len())
}

/// The next piece of a JSON string.
enum Piece {
    /// Text, and how many bytes it took.
    Text(String, usize),
    /// The closing quote.
    End,
    /// More must come.
    Cut,
}

fn piece(rest: &str) -> Piece {
    match rest.find(['"', '\\']) {
        None if rest.is_empty() => Piece::Cut,
        None => Piece::Text(rest.to_owned(), rest.len()),
        Some(0) if rest.starts_with('"') => Piece::End,
        Some(0) => escape(rest),
        Some(at) => Piece::Text(rest[..at].to_owned(), at),
    }
}

/// An escape, with its second half if it has one.
fn escape(rest: &str) -> Piece {
    let is_pair = |half: &str| {
        half.get(2..4)
            .is_some_and(|digits| matches!(digits.as_bytes(), [b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B']))
    };
    let length = match rest.as_bytes() {
        [_] => return Piece::Cut,
        [_, b'u', ..] if is_pair(rest) => 12,
        [_, b'u', ..] => 6,
        _ => 2,
    };
    let Some(escaped) = rest.get(..length) else { return Piece::Cut };
    // A broken escape is shown as what it is.
    let text = serde_json::from_str(&format!("\"{escaped}\"")).unwrap_or_else(|_| escaped.to_owned());
    Piece::Text(text, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_custom_tool_comes_out_as_it_comes_in() {
        let check = |object: &str, expected: &str| {
            for cut in (0..=object.len()).filter(|at| object.is_char_boundary(*at)) {
                let mut unwrap = Unwrap::default();
                let mut text = unwrap.push(&object[..cut]);
                text.push_str(&unwrap.push(&object[cut..]));
                text.push_str(&unwrap.rest());
                assert_eq!(text, expected, "{object} cut at {cut}");
            }
        };
        check(r#"{"input":"*** Begin Patch\n+é"}"#, "*** Begin Patch\n+é");
        check(r#" { "input" : "a\\\"b\u00e9\/" } "#, "a\\\"bé/");
        check(r#"{"input":"\ud83d\ude00 \uD83D\uDE00"}"#, "😀 😀");
        check(r#"{"input":""}"#, "");
        check(r#"{"patch":"x"}"#, r#"{"patch":"x"}"#);
        check("plain text", "plain text");
    }
}
