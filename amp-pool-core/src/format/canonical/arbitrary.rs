//! Random answers and requests, legal ones.

use proptest::{collection::vec, option, prelude::*};

use super::{
    BlockKind, Call, Citation, Delta, Event, Finish, FinishReason, FunctionTool, Input, Json, Part, Request, Role,
    Spent, Started, Text, Thought, ThoughtKind, Tool, ToolChoice, ToolResult, Turn,
};
use crate::usage::Usage;

/// Texts with what breaks naive code: quotes, newlines, characters of several bytes.
pub(in crate::format) fn text() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "word ", "\"", "\\", "\n", "é", "漢", "\u{1f600}", "{", "<b>"]), 1..6)
        .prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-zA-Z0-9_-]{0,11}"
}

/// Argument objects, compact, cut into pieces anywhere.
fn arguments() -> impl Strategy<Value = Vec<String>> {
    (vec((name(), text()), 0..3), any::<prop::sample::Index>()).prop_map(|(members, cut)| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{}", Json::of(value).get())).collect();
        let json = format!("{{{}}}", members.join(","));
        let places: Vec<usize> = (0..=json.len()).filter(|&at| json.is_char_boundary(at)).collect();
        let (left, right) = json.split_at(places[cut.index(places.len())]);
        [left, right].into_iter().filter(|piece| !piece.is_empty()).map(String::from).collect()
    })
}

/// What a block is and what it says.
fn block() -> impl Strategy<Value = (BlockKind, Vec<Delta>)> {
    let said = || vec(text().prop_map(Delta::Text), 1..4);
    let citation = text().prop_map(|title| {
        Delta::Citation(Citation { url: Some("https://example.com".into()), title: Some(title), ..Citation::default() })
    });
    prop_oneof![
        4 => (said(), option::weighted(0.2, citation)).prop_map(|(mut deltas, citation)| {
            deltas.extend(citation);
            (BlockKind::Text { phase: None }, deltas)
        }),
        1 => said().prop_map(|deltas| (BlockKind::Refusal, deltas)),
        2 => vec(text(), 1..4).prop_map(|paragraphs| {
            let mut deltas: Vec<Delta> = Vec::new();
            for text in paragraphs {
                deltas.extend((!deltas.is_empty()).then_some(Delta::Paragraph));
                deltas.push(Delta::Text(text));
            }
            (BlockKind::Thought(ThoughtKind::Summary), deltas)
        }),
        4 => (name(), arguments()).prop_map(|(name, pieces)| {
            // The id is made unique when the block gets its place.
            (BlockKind::function("call", name), pieces.into_iter().map(Delta::Input).collect())
        }),
    ]
}

/// Whole answers: blocks one after the other, but calls that stand side by side may be interleaved.
pub(in crate::format) fn events() -> impl Strategy<Value = Vec<Event>> {
    let cut = prop_oneof![4 => Just(false), 1 => Just(true)];
    (vec(block(), 0..6), any::<bool>(), vec(any::<prop::sample::Index>(), 24), spent(), cut).prop_map(
        |(blocks, interleave, picks, spent, is_cut)| {
            let mut events = vec![Event::Started(Started { id: Some("up-1".into()), model: Some("model-1".into()) })];
            let mut reason = FinishReason::End;
            let mut runs: Vec<Vec<Vec<Event>>> = Vec::new();
            let mut was_call = false;
            let count = blocks.len();
            for (at, (kind, deltas)) in blocks.into_iter().enumerate() {
                let is_call = matches!(kind, BlockKind::Call(_));
                if is_call {
                    reason = FinishReason::Calls;
                }
                let run = whole(u32::try_from(at).unwrap(), kind, deltas, !(is_cut && at + 1 == count));
                match runs.last_mut() {
                    Some(last) if interleave && was_call && is_call => last.push(run),
                    _ => runs.push(vec![run]),
                }
                was_call = is_call;
            }
            let mut picks = picks.into_iter().cycle();
            for run in runs {
                mix(run, &mut picks, &mut events);
            }
            events.push(Event::Usage(spent));
            let reason = if is_cut { FinishReason::Length } else { reason };
            events.push(Event::Finished(Finish::new(reason)));
            events
        },
    )
}

fn whole(index: u32, kind: BlockKind, deltas: Vec<Delta>, is_complete: bool) -> Vec<Event> {
    let kind = match kind {
        BlockKind::Call(call) => BlockKind::Call(Call { id: format!("call_{index}"), ..call }),
        other => other,
    };
    let mut events = vec![Event::BlockStarted { index, kind }];
    events.extend(deltas.into_iter().map(|delta| Event::Delta { index, delta }));
    events.push(Event::BlockEnded { index, is_complete });
    events
}

/// Mixes the events of blocks that are open at the same time. They begin in order.
fn mix(run: Vec<Vec<Event>>, picks: &mut impl Iterator<Item = prop::sample::Index>, events: &mut Vec<Event>) {
    let mut queues: Vec<_> = run.into_iter().map(|block| block.into_iter().peekable()).collect();
    let mut begun = 0;
    while queues.iter_mut().any(|queue| queue.peek().is_some()) {
        let ready: Vec<usize> = (0..queues.len().min(begun + 1)).filter(|&at| queues[at].peek().is_some()).collect();
        let at = ready[picks.next().unwrap().index(ready.len())];
        begun = begun.max(at + 1);
        events.extend(queues[at].next());
    }
}

fn spent() -> impl Strategy<Value = Spent> {
    (1..9_000_u64, 0..9_000_u64, 0..900_u64, 1..900_u64).prop_map(|(fresh, read, write, output)| Spent {
        usage: Usage { uncached_input: fresh, cache_read: read, cache_write_5m: write, output, ..Usage::default() },
        ..Spent::default()
    })
}

/// Requests in settled form: text, rounds of calls with their results, tools, limits.
pub(in crate::format) fn request() -> impl Strategy<Value = Request> {
    let limits = (option::of(16..4_096_u64), any::<bool>(), option::of(text()));
    (vec(exchange(), 1..4), vec(name(), 0..3), limits).prop_map(|(rounds, names, (max_output, stream, system))| {
        let mut turns: Vec<Turn> = Vec::new();
        for (at, round) in rounds.into_iter().enumerate() {
            turns.extend(numbered(at, round));
        }
        let tools: Vec<Tool> = distinct(names).into_iter().map(function).collect();
        Request {
            model: "model-1".into(),
            instructions: system.map(Text::new).into_iter().collect(),
            turns,
            tool_choice: (!tools.is_empty()).then_some(ToolChoice::Auto),
            tools,
            max_output,
            stream,
            ..Request::default()
        }
    })
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

fn function(name: String) -> Tool {
    let schema = Json::parse(r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"number"}}}"#).ok();
    Tool::Function(FunctionTool { name, schema, ..FunctionTool::default() })
}

/// What the user says, what the model thinks, says and calls, and what came of it.
type Exchange = (String, Option<String>, String, Vec<(String, Vec<String>, String)>);

fn exchange() -> impl Strategy<Value = Exchange> {
    (text(), option::weighted(0.3, text()), text(), vec((name(), arguments(), text()), 0..3))
}

fn numbered(round: usize, (asked, thought, answer, calls): Exchange) -> Vec<Turn> {
    let words = |text: &str| Part::Text(Text::new(format!("t{text}")));
    let thought = thought.map(|text| Part::Thought(Thought { paragraphs: vec![text], ..Thought::default() }));
    let mut said: Vec<Part> = thought.into_iter().chain([words(&answer)]).collect();
    let mut results = Vec::new();
    for (at, (name, input, output)) in calls.into_iter().enumerate() {
        let id = format!("call_{round}_{at}");
        let input = Input::Json(input.concat());
        said.push(Part::Call(Call { id: id.clone(), name, namespace: None, input, proof: None, cache: None }));
        let content = vec![words(&output)];
        results.push(Part::Result(ToolResult { call: id, content, is_error: false, cache: None }));
    }
    let mut turns = vec![Turn::new(Role::User, vec![words(&asked)]), Turn::new(Role::Assistant, said)];
    if !results.is_empty() {
        turns.push(Turn::new(Role::User, results));
    }
    turns.push(Turn::new(Role::User, vec![words("go on")]));
    turns
}
