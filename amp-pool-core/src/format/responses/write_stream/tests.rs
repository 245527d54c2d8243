use proptest::prelude::*;
use serde_json::Value;

use super::{super::write_answer::write_answer, *};
use crate::format::{
    Format, Scanner,
    canonical::{Collected, Part as Said, Proof, ProofKind, Started, ThoughtKind, arbitrary},
    checker::{frames, responses as checker},
    responses::{read_answer::read_answer, read_stream::Reader},
    transcode::{ReadEvents, tests::way_back},
};

fn back() -> WayBack {
    let mut back = way_back(Format::Responses, Format::Messages);
    back.include_encrypted = true;
    back
}

fn written(back: &WayBack, events: &[Event]) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(back), Vec::new());
    events.iter().for_each(|event| writer.write(event, &mut out));
    out
}

/// The events of a stream, held to the grammar of the format.
fn lines(stream: &[u8]) -> Vec<Value> {
    checker::check_beginning(stream).unwrap();
    frames(stream).unwrap().iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn a_message_ends_when_the_last_of_its_texts_does_also_when_one_was_cut() {
    let begin = |index| Event::BlockStarted { index, kind: BlockKind::Text { phase: None } };
    let end = |index, is_complete| Event::BlockEnded { index, is_complete };
    let events = [
        Event::Started(Started::default()),
        begin(0),
        begin(1),
        end(0, false),
        end(1, true),
        Event::Finished(Finish::new(FinishReason::Length)),
    ];
    let lines = lines(&written(&back(), &events));
    let done: Vec<&Value> = lines.iter().filter(|line| line["type"] == "response.output_item.done").collect();

    assert_eq!(done.len(), 1);
    assert_eq!((&done[0]["item"]["status"], lines.len()), (&Value::from("incomplete"), 11));
}

fn read(stream: &[u8]) -> Vec<Event> {
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    Scanner::new().feed(stream, |event| reader.read(&event, &mut events));
    events
}

/// What an answer says, without what the way through the format changes: ids, and which names are asked for.
fn essence(answer: &Collected) -> Vec<(Said, bool)> {
    let blocks = answer.blocks.iter().map(|block| {
        let mut part = block.part.clone();
        if let Said::Text(text) = &mut part {
            text.citations.iter_mut().for_each(|citation| citation.span = None);
        }
        // Only of calls it matters whether they were cut.
        (part, block.is_complete || !matches!(block.part, Said::Call(_)))
    });
    blocks.collect()
}

proptest! {
    #[test]
    fn an_answer_that_is_written_and_read_says_the_same(events in arbitrary::events()) {
        let stream = written(&back(), &events);
        lines(&stream);
        let (answer, again) = (Collected::of(events), Collected::of(read(&stream)));

        prop_assert_eq!(essence(&again), essence(&answer));
        prop_assert_eq!(again.spent.map(|spent| spent.usage.total()), answer.spent.as_ref().map(|spent| spent.usage.total()));
        prop_assert_eq!(again.failure, None);
        let whole = Collected::of(read_answer(&write_answer(&answer, &back()), &back()).unwrap());
        prop_assert_eq!(essence(&whole), essence(&answer));
        prop_assert_eq!(whole.finish, again.finish);
    }

    #[test]
    fn a_stream_cut_anywhere_reads_the_same(events in arbitrary::events(), at in any::<prop::sample::Index>()) {
        let stream = written(&back(), &events);
        let (left, right) = stream.split_at(at.index(stream.len()));
        let (mut scanner, mut reader, mut pieces) = (Scanner::new(), Reader::default(), Vec::new());
        for frame in [left, right] {
            scanner.feed(frame, |event| reader.read(&event, &mut pieces));
        }
        prop_assert_eq!(pieces, read(&stream));
    }
}

fn start(index: u32, kind: BlockKind) -> Event {
    Event::BlockStarted { index, kind }
}

fn delta(index: u32, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

fn end(index: u32, is_complete: bool) -> Event {
    Event::BlockEnded { index, is_complete }
}

fn answer(middle: impl IntoIterator<Item = Event>, reason: FinishReason) -> Vec<Event> {
    let mut events = vec![Event::Started(Started::default())];
    events.extend(middle);
    events.push(Event::Finished(Finish::new(reason)));
    events
}

fn last(stream: &[u8]) -> Value {
    lines(stream).pop().unwrap()
}

#[test]
fn trap_015_a_call_without_arguments_has_the_empty_object() {
    let call = [start(0, BlockKind::function("c", "f")), end(0, true)];
    let stream = last(&written(&back(), &answer(call, FinishReason::Calls)));

    assert_eq!(stream["response"]["output"][0]["arguments"], "{}");
}

#[test]
fn trap_021_every_reason_has_one_right_terminal_event() {
    let check = |reason, kind: &str, why: Value| {
        let line = last(&written(&back(), &answer([], reason)));
        assert_eq!((&line["type"], &line["response"]["incomplete_details"]["reason"]), (&kind.into(), &why));
    };
    check(FinishReason::End, "response.completed", Value::Null);
    check(FinishReason::Stop(None), "response.completed", Value::Null);
    check(FinishReason::Calls, "response.completed", Value::Null);
    check(FinishReason::Paused, "response.completed", Value::Null);
    check(FinishReason::Other("new".into()), "response.completed", Value::Null);
    check(FinishReason::Length, "response.incomplete", "max_output_tokens".into());
    check(FinishReason::ContextFull, "response.incomplete", "max_output_tokens".into());
    check(FinishReason::Refusal { category: None }, "response.incomplete", "content_filter".into());
}

#[test]
fn a_cut_call_is_never_shown_as_a_finished_one() {
    let call = [start(0, BlockKind::function("c", "f")), delta(0, Delta::Input("{\"a\":".into())), end(0, false)];
    let stream = written(&back(), &answer(call, FinishReason::Length));
    let lines = lines(&stream);

    assert!(lines.iter().all(|line| line["type"] != "response.function_call_arguments.done"));
    assert_eq!(lines.last().unwrap()["response"]["output"][0]["status"], "incomplete");
}

#[test]
fn trap_023_the_call_id_is_the_upstreams_and_the_item_id_is_ours() {
    let call = [start(0, BlockKind::function("toolu_1", "f")), end(0, true)];
    let item = last(&written(&back(), &answer(call, FinishReason::Calls)))["response"]["output"][0].clone();

    assert_eq!(item["call_id"], "toolu_1");
    assert!(item["id"].as_str().unwrap().starts_with("fc_"), "{item}");
}

#[test]
fn trap_024_both_details_of_usage_are_whole_numbers() {
    let spent =
        Event::Usage(Spent { usage: crate::usage::Usage { output: 3, ..Default::default() }, ..Default::default() });
    let usage = last(&written(&back(), &answer([spent], FinishReason::End)))["response"]["usage"].clone();

    assert_eq!(usage["input_tokens_details"], serde_json::json!({"cached_tokens": 0, "cache_write_tokens": 0}));
    assert_eq!(usage["output_tokens_details"], serde_json::json!({"reasoning_tokens": 0}));
}

#[test]
fn trap_026_hidden_steps_leave_no_gap() {
    let step = crate::format::canonical::HostedPart { kind: "server_tool_use".into(), text: None, raw: Json::of(&1) };
    let events = [
        start(0, BlockKind::Hosted(step)),
        end(0, true),
        start(1, BlockKind::Text { phase: None }),
        delta(1, Delta::Text("hi".into())),
        end(1, true),
    ];

    assert_eq!(
        last(&written(&back(), &answer(events, FinishReason::End)))["response"]["output"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn trap_043_a_custom_call_is_written_as_one() {
    let call = Call { input: Input::Text(String::new()), ..function() };
    let events = [start(0, BlockKind::Call(call)), delta(0, Delta::Input("*** Begin".into())), end(0, true)];
    let item = last(&written(&back(), &answer(events, FinishReason::Calls)))["response"]["output"][0].clone();

    assert_eq!((&item["type"], &item["input"]), (&"custom_tool_call".into(), &"*** Begin".into()));
}

fn function() -> Call {
    match BlockKind::function("c", "f") {
        BlockKind::Call(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn adjacent_texts_are_parts_of_one_message() {
    let text = |index| {
        [start(index, BlockKind::Text { phase: None }), delta(index, Delta::Text("a".into())), end(index, true)]
    };
    let events = [text(0), text(1)].concat();
    let output = last(&written(&back(), &answer(events, FinishReason::End)))["response"]["output"].clone();

    assert_eq!((output.as_array().unwrap().len(), output[0]["content"].as_array().unwrap().len()), (1, 2));
}

#[test]
fn encrypted_reasoning_is_told_to_who_asked_for_it() {
    let proof = Proof { kind: ProofKind::Text, data: "ampr1.x".into(), issuer: None };
    let events = answer(
        [
            start(0, BlockKind::Thought(ThoughtKind::Raw)),
            delta(0, Delta::Text("hm".into())),
            delta(0, Delta::Proof(proof)),
            end(0, true),
        ],
        FinishReason::End,
    );
    let item = last(&written(&back(), &events))["response"]["output"][0].clone();
    assert_eq!((&item["encrypted_content"], &item["content"][0]["text"]), (&"ampr1.x".into(), &"hm".into()));

    let unasked = last(&written(&way_back(Format::Responses, Format::Messages), &events));
    assert_eq!(unasked["response"]["output"][0].get("encrypted_content"), None);
}

#[test]
fn trap_062_a_long_silence_is_broken_by_an_event() {
    let (mut writer, mut out) = (Writer::new(&back()), Vec::new());
    writer.keep_alive(LONG_SILENCE, &mut out);
    assert_eq!(out, b": ka\n\n");
    writer.write(&Event::Started(Started::default()), &mut out);
    writer.keep_alive(Duration::from_secs(15), &mut out);
    assert_eq!(lines(&out).len(), 2);
    writer.keep_alive(LONG_SILENCE, &mut out);
    assert_eq!(last(&out)["type"], "keepalive");
}

#[test]
fn trap_064_an_overload_is_a_server_error() {
    let (mut writer, mut out) = (Writer::new(&back()), Vec::new());
    writer.write(&Event::Started(Started::default()), &mut out);
    writer.write(&start(0, BlockKind::function("c", "f")), &mut out);
    let problem = Problem { status: 529, kind: "overloaded", message: "busy", field: None, code: None, call: "x" };
    writer.fail(&problem, &mut out);
    let response = last(&out)["response"].clone();

    assert_eq!(response["error"], serde_json::json!({"code": "server_error", "message": "busy"}));
    assert_eq!((&response["status"], &response["output"]), (&"failed".into(), &serde_json::json!([])));
}

#[test]
fn trap_094_a_refusal_without_words_is_an_empty_answer_and_one_with_an_explanation_tells_it() {
    let refused = |explanation: Option<&str>| {
        let mut events = answer([], FinishReason::Refusal { category: Some("cyber".into()) });
        events.pop();
        let reason = FinishReason::Refusal { category: None };
        events.push(Event::Finished(Finish { reason, explanation: explanation.map(str::to_owned) }));
        last(&written(&back(), &events))["response"].clone()
    };
    assert_eq!(refused(None)["output"], serde_json::json!([]));
    let told = refused(Some("no"));
    assert_eq!(told["output"][0]["content"][0]["refusal"], "no");
    assert_eq!(told["status"], "incomplete");
}

#[test]
fn trap_025_ids_are_ours_and_the_same_whenever_they_are_told() {
    let rotating = |id: &str| {
        let mut events = answer([start(0, BlockKind::Refusal), end(0, true)], FinishReason::End);
        events[0] = Event::Started(Started { id: Some(id.into()), model: None });
        written(&back(), &events)
    };

    assert_eq!(rotating("a"), rotating("b"));
    lines(&rotating("a"));
}

#[test]
fn the_request_is_echoed_and_never_twice() {
    let mut back = back();
    back.echo = vec![("temperature".into(), Json::parse("0.50").unwrap())];
    let body = written(&back, &answer([], FinishReason::End));
    let text = String::from_utf8(body).unwrap();

    assert_eq!(text.matches("\"temperature\":").count(), 3);
    assert_eq!(text.matches("\"temperature\":0.50,").count(), 3);
}
