//! Mends streams that break the official SDKs, though they come in the client's own format.
//!
//! Some servers repeat the role with every delta (helpers then build "assistantassistant"), leave out the index of calls or
//! count all of them as the first, leave out the finish, or give each event another id. Only these members are touched, and
//! only of providers that are known for it; every other event passes as it came.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use serde::Deserialize;

use super::{
    Event, Format,
    canonical::{Json, Member},
    retouch::Retouch,
};

/// An event longer than this is passed on as it is.
const HELD_MAX: usize = 1 << 20;

/// Mends one stream.
///
/// ```
/// use amp_pool_core::format::{Format, Repair};
/// use bytes::Bytes;
///
/// let mut repair = Repair::new(Format::Chat);
/// let chunk = |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{text},\"finish_reason\":null}}]}}\n\n");
/// let role = r#"{"role":"assistant","content":"a"}"#;
/// let mended: Vec<Bytes> = repair.feed(Bytes::from(chunk(role) + &chunk(role))).collect();
///
/// assert_eq!(mended.concat(), (chunk(role) + &chunk(r#"{"content":"a"}"#)).as_bytes());
/// ```
#[derive(Debug)]
pub struct Repair {
    retouch: Retouch,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Chat(Chat),
    Responses(Responses),
    /// Nothing is known to be wrong with these.
    Messages,
}

impl Repair {
    /// At the beginning of a stream of `format`.
    #[must_use]
    pub fn new(format: Format) -> Self {
        let stream = match format {
            Format::Chat => Stream::Chat(Chat::default()),
            Format::Responses => Stream::Responses(Responses::default()),
            Format::Messages => Stream::Messages,
        };
        Self { retouch: Retouch::new(HELD_MAX), stream }
    }

    /// Takes a frame, cut anywhere, and gives what may go by now. Slices that are not taken are lost.
    pub fn feed(&mut self, frame: Bytes) -> impl Iterator<Item = Bytes> {
        let stream = &mut self.stream;
        self.retouch.feed(frame, |event| stream.mend(event))
    }

    /// Gives what is left when the stream ends.
    pub fn finish(&mut self) -> Option<Bytes> {
        let stream = &mut self.stream;
        self.retouch.finish(|event| stream.mend(event))
    }
}

impl Stream {
    fn mend(&mut self, event: &Event<'_>) -> Option<Bytes> {
        if matches!(self, Self::Messages) {
            return None;
        }
        let object = Json::parse(std::str::from_utf8(&event.data).ok()?).ok()?;
        let mended = match self {
            Self::Chat(chat) => chat.chunk(&object)?,
            Self::Responses(responses) => responses.event(&object)?,
            Self::Messages => return None,
        };
        let name = event.name.map_or(Cow::Borrowed(""), String::from_utf8_lossy);
        let name = if name.is_empty() { String::new() } else { format!("event: {name}\n") };
        // An event may have come in several lines; line ends between its tokens would end the one line that it is now.
        let line = mended.get().replace(['\n', '\r'], " ");
        Some(format!("{name}data: {line}\n\n").into())
    }
}

/// A Chat stream.
#[derive(Debug, Default)]
struct Chat {
    id: Option<Json>,
    choices: BTreeMap<u64, Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    has_role: bool,
    calls: Vec<Slot>,
}

/// A call, by its number.
#[derive(Debug)]
struct Slot {
    id: String,
    /// The number that the upstream gave it.
    told: Option<u64>,
}

impl Chat {
    /// The chunk as it should be. `None`: it is.
    fn chunk(&mut self, chunk: &Json) -> Option<Json> {
        let mut members = chunk.members()?;
        let is_renamed = one_id(&mut self.id, &mut members, "id");
        let is_mended = edit(&mut members, "choices", |choices| {
            let choices: Vec<Json> = serde_json::from_str(choices.get()).ok()?;
            each(&choices, |choice| self.choice(choice))
        });
        (is_renamed || is_mended).then(|| Json::object(members))
    }

    fn choice(&mut self, choice: &Json) -> Option<Json> {
        let mut members = choice.members()?;
        let index = number(&members, "index").unwrap_or(0);
        let state = self.choices.entry(index).or_default();
        let is_mended = edit(&mut members, "delta", |delta| state.delta(delta));
        let is_without_finish = !members.iter().any(|(name, _)| name == "finish_reason");
        if is_without_finish {
            members.push(("finish_reason".to_owned(), Json::of(&())));
        }
        (is_mended || is_without_finish).then(|| Json::object(members))
    }
}

impl Choice {
    fn delta(&mut self, delta: &Json) -> Option<Json> {
        let mut members = delta.members()?;
        let is_repeated = self.role(&mut members);
        let is_mended = edit(&mut members, "tool_calls", |calls| {
            let calls: Vec<Json> = serde_json::from_str(calls.get()).ok()?;
            each(&calls, |call| self.call(call))
        });
        (is_repeated || is_mended).then(|| Json::object(members))
    }

    /// Leaves the role only in the first delta that has one.
    fn role(&mut self, members: &mut Vec<Member>) -> bool {
        let has_role = members.iter().any(|(name, _)| name == "role");
        let is_repeated = has_role && self.has_role;
        self.has_role |= has_role;
        members.retain(|(name, _)| !is_repeated || name != "role");
        is_repeated
    }

    fn call(&mut self, call: &Json) -> Option<Json> {
        let mut members = call.members()?;
        let told = number(&members, "index");
        let id = text(&members, "id").unwrap_or_default();
        let index = self.number_of(id, told);
        if told == Some(index) {
            return None;
        }
        match members.iter_mut().find(|(name, _)| name == "index") {
            Some((_, old)) => *old = Json::of(&index),
            None => members.insert(0, ("index".to_owned(), Json::of(&index))),
        }
        Some(Json::object(members))
    }

    /// The number of a call: by its id, else by what the upstream calls it, else the last.
    fn number_of(&mut self, id: String, told: Option<u64>) -> u64 {
        let known = match (id.is_empty(), told) {
            (false, _) => self.calls.iter().position(|slot| slot.id == id),
            (true, Some(_)) => self.calls.iter().rposition(|slot| slot.told == told),
            (true, None) => self.calls.len().checked_sub(1),
        };
        let at = known.unwrap_or_else(|| {
            self.calls.push(Slot { id, told });
            self.calls.len() - 1
        });
        u64::try_from(at).unwrap_or(u64::MAX)
    }
}

/// A Responses stream.
#[derive(Debug, Default)]
struct Responses {
    id: Option<Json>,
    /// By place in the output.
    items: BTreeMap<u64, Option<Json>>,
}

impl Responses {
    /// The event as it should be. `None`: it is.
    fn event(&mut self, event: &Json) -> Option<Json> {
        let mut members = event.members()?;
        let at = number(&members, "output_index");
        let mut is_mended = edit(&mut members, "response", |response| self.response(response));
        if let Some(at) = at {
            let id = self.items.entry(at).or_default();
            is_mended |= one_id(id, &mut members, "item_id");
            is_mended |= edit(&mut members, "item", |item| with_one_id(id, item));
        }
        is_mended.then(|| Json::object(members))
    }

    fn response(&mut self, response: &Json) -> Option<Json> {
        let mut members = response.members()?;
        let is_renamed = one_id(&mut self.id, &mut members, "id");
        let items = &mut self.items;
        let is_mended = edit(&mut members, "output", |output| {
            let output: Vec<Json> = serde_json::from_str(output.get()).ok()?;
            let mut at = 0..;
            each(&output, |item| with_one_id(items.entry(at.next()?).or_default(), item))
        });
        (is_renamed || is_mended).then(|| Json::object(members))
    }
}

fn with_one_id(id: &mut Option<Json>, item: &Json) -> Option<Json> {
    let mut members = item.members()?;
    one_id(id, &mut members, "id").then(|| Json::object(members))
}

/// Gives the member the first value it had. Says whether it had another.
fn one_id(first: &mut Option<Json>, members: &mut [Member], name: &str) -> bool {
    let Some((_, id)) = members.iter_mut().find(|(known, _)| known == name) else { return false };
    if id.as_text().is_none_or(|id| id.is_empty()) {
        return false;
    }
    let first = first.get_or_insert_with(|| id.clone());
    let is_other = id != first;
    id.clone_from(first);
    is_other
}

/// Changes one member. Says whether there was anything to change.
fn edit(members: &mut [Member], name: &str, change: impl FnOnce(&Json) -> Option<Json>) -> bool {
    let Some((_, value)) = members.iter_mut().find(|(known, _)| known == name) else { return false };
    let changed = change(value);
    let is_changed = changed.is_some();
    if let Some(changed) = changed {
        *value = changed;
    }
    is_changed
}

/// Changes the items of a list. `None`: none was.
fn each(items: &[Json], mut change: impl FnMut(&Json) -> Option<Json>) -> Option<Json> {
    let changed: Vec<Option<Json>> = items.iter().map(&mut change).collect();
    let is_changed = changed.iter().any(Option::is_some);
    let items = changed.into_iter().zip(items).map(|(changed, item)| changed.unwrap_or_else(|| item.clone()));
    is_changed.then(|| Json::of(&items.collect::<Vec<_>>()))
}

fn number(members: &[Member], name: &str) -> Option<u64> {
    value(members, name)
}

fn text(members: &[Member], name: &str) -> Option<String> {
    value(members, name)
}

fn value<T: for<'de> Deserialize<'de>>(members: &[Member], name: &str) -> Option<T> {
    let (_, value) = members.iter().find(|(known, _)| known == name)?;
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(format: Format, pieces: &[&[u8]]) -> String {
        let mut repair = Repair::new(format);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(repair.feed(Bytes::copy_from_slice(piece)));
        }
        out.extend(repair.finish());
        String::from_utf8(out.concat()).unwrap()
    }

    /// The same wherever it is cut.
    fn check(format: Format, stream: &str, expected: &str) {
        for at in 0..=stream.len() {
            let (before, after) = stream.as_bytes().split_at(at);
            assert_eq!(mended(format, &[before, after]), expected, "cut at {at}");
        }
    }

    fn deltas(deltas: &[&str]) -> String {
        let chunk = |delta: &&str| {
            format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n")
        };
        deltas.iter().map(chunk).collect::<String>() + "data: [DONE]\n\n"
    }

    #[test]
    fn trap_093_a_role_is_told_once_and_a_finish_is_never_left_out() {
        let role = r#"{"role":"assistant","content":"a"}"#;
        check(Format::Chat, &deltas(&[role, role]), &deltas(&[role, r#"{"content":"a"}"#]));
        check(
            Format::Chat,
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n",
        );
    }

    #[test]
    fn trap_093_calls_are_counted_from_the_first() {
        let check = |told: &[&str], expected: &[&str]| {
            let delta = |call: &&str| format!("{{\"tool_calls\":[{call}]}}");
            let stream = |calls: &[&str]| {
                let calls: Vec<String> = calls.iter().map(delta).collect();
                deltas(&calls.iter().map(String::as_str).collect::<Vec<_>>())
            };
            check(Format::Chat, &stream(told), &stream(expected));
        };
        // No index at all, whole calls.
        check(&[r#"{"id":"a"}"#, r#"{"id":"b"}"#], &[r#"{"index":0,"id":"a"}"#, r#"{"index":1,"id":"b"}"#]);
        // All of them the first.
        check(
            &[r#"{"index":0,"id":"a"}"#, r#"{"index":0,"id":"b"}"#, r#"{"index":0,"function":1}"#],
            &[r#"{"index":0,"id":"a"}"#, r#"{"index":1,"id":"b"}"#, r#"{"index":1,"function":1}"#],
        );
        // Counted from one.
        check(
            &[r#"{"index":1,"id":"a"}"#, r#"{"index":1}"#, r#"{"index":2,"id":"b"}"#, r#"{"index":1}"#],
            &[r#"{"index":0,"id":"a"}"#, r#"{"index":0}"#, r#"{"index":1,"id":"b"}"#, r#"{"index":0}"#],
        );
    }

    #[test]
    fn trap_025_ids_that_change_on_the_way_are_the_first_ones() {
        check(
            Format::Responses,
            concat!(
                "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"output\":[]}}\n\n",
                "event: x\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"i1\"}}\n\n",
                "event: x\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"item_id\":\"i2\",\"delta\":\"é 1.0\"}\n\n",
                "event: x\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r2\",\"output\":[{\"id\":\"i3\"}]}}\n\n",
            ),
            concat!(
                "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"output\":[]}}\n\n",
                "event: x\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"id\":\"i1\"}}\n\n",
                "event: x\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"item_id\":\"i1\",\"delta\":\"é 1.0\"}\n\n",
                "event: x\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"output\":[{\"id\":\"i1\"}]}}\n\n",
            ),
        );
        check(
            Format::Chat,
            "data: {\"id\":\"\",\"choices\":[]}\n\ndata: {\"id\":\"a\"}\n\ndata: {\"id\":\"b\"}\n\n",
            "data: {\"id\":\"\",\"choices\":[]}\n\ndata: {\"id\":\"a\"}\n\ndata: {\"id\":\"a\"}\n\n",
        );
    }

    #[test]
    fn an_event_on_several_lines_is_mended_on_one() {
        check(
            Format::Chat,
            "data: {\"choices\":[\ndata: {\"index\":0,\"delta\":\ndata: {\"content\":\"a\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n",
        );
        check(
            Format::Chat,
            "data: {\"choices\":[{\"delta\":{\"a\":[1,\ndata: 2]}}]}\n\n",
            "data: {\"choices\":[{\"delta\":{\"a\":[1, 2]},\"finish_reason\":null}]}\n\n",
        );
    }

    #[test]
    fn what_is_in_order_passes_byte_for_byte() {
        let odd = ": ping\n\nevent: x\r\ndata:{ \"n\" : 1.0 }\r\n\r\ndata: {\"broken\ndata: more\n\ndata: [DONE]";
        for format in Format::ALL {
            check(format, odd, odd);
        }
        let clean = deltas(&[r#"{ "role":"assistant" }"#, r#"{"tool_calls":[{"index":0,"id":"a"}]}"#]);
        check(Format::Chat, &clean, &clean);
    }
}
