use proptest::prelude::*;

use super::{super::read_answer::read_answer, *};
use crate::format::{
    Format, Scanner,
    canonical::{Collected, Grammar, Part, ProofKind},
    transcode::tests::way_back,
};

/// Reads events; what comes out is legal.
fn read(lines: &[&str]) -> Vec<Event> {
    let (mut reader, mut events, mut grammar) = (Reader::default(), Vec::new(), Grammar::new());
    for line in lines {
        Scanner::new().feed(format!("data: {line}\n\n").as_bytes(), |event| reader.read(&event, &mut events));
    }
    for event in &events {
        assert_eq!(grammar.check(event), Ok(()), "{events:?}");
    }
    events
}

fn collected(lines: &[&str]) -> Collected {
    Collected::of(read(lines))
}

const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_1","model":"m","error":null}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"status":"completed","error":null,"output":[],"usage":{"input_tokens":9,"output_tokens":5}}}"#;
const LENGTH: &str = r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":9,"output_tokens":5}}}"#;

fn reason(answer: &Collected) -> &FinishReason {
    &answer.finish.as_ref().unwrap().reason
}

fn inputs(answer: &Collected) -> Vec<(&str, &str)> {
    answer.calls().map(|call| (&*call.id, call.input.as_str())).collect()
}

#[test]
fn trap_007_only_the_final_encrypted_reasoning_counts() {
    let answer = collected(&[
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","encrypted_content":"short"}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"one"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"tw"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","encrypted_content":"whole","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}]}}"#,
        COMPLETED,
    ]);
    let Part::Thought(thought) = &answer.blocks[0].part else { panic!("{answer:?}") };
    let proof = thought.proof.as_ref().unwrap();

    assert_eq!(thought.paragraphs, ["one", "two"]);
    assert_eq!((proof.kind, &*proof.data), (ProofKind::Encrypted, "whole"));
}

#[test]
fn trap_004_a_call_without_a_name_is_a_broken_answer() {
    let item = r#"{"type":"function_call","call_id":"c","name":"","arguments":"{}"}"#;
    let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
    let delta = r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}"#;
    for lines in [[CREATED, &*done, COMPLETED], [CREATED, delta, COMPLETED]] {
        let answer = collected(&lines);
        assert!(answer.failure.is_some() && answer.finish.is_none(), "{answer:?}");
    }
    let whole = format!(r#"{{"object":"response","status":"completed","output":[{item}]}}"#);
    let answer = Collected::of(read_answer(whole.as_bytes(), &way_back(Format::Chat, Format::Responses)).unwrap());
    assert!(answer.failure.is_some() && answer.finish.is_none(), "{answer:?}");
    // The limit cut it before it had one.
    assert_eq!(reason(&collected(&[CREATED, delta, LENGTH])), &FinishReason::Length);
}

#[test]
fn trap_008_026_029_hosted_items_are_skipped_and_leave_no_gap() {
    let events = read(&[
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"web_search_call","id":"ws_1"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"web_search_call","id":"ws_1"}}"#,
        r#"{"type":"response.output_text.delta","output_index":3,"content_index":0,"delta":"hi"}"#,
        COMPLETED,
    ]);
    assert!(matches!(events[1], Event::BlockStarted { index: 0, .. }), "{events:?}");
    let answer = Collected::of(events);
    assert_eq!((answer.text(), answer.spent.unwrap().web_searches), ("hi".to_owned(), Some(1)));
}

#[test]
fn trap_010_a_failure_ends_the_answer_once() {
    let events = read(&[
        CREATED,
        r#"{"type":"error","error":{"type":"t","code":"c","message":"first"}}"#,
        r#"{"type":"response.failed","response":{"error":{"code":"d","message":"second"}}}"#,
        COMPLETED,
    ]);
    assert_eq!(events.len(), 2);
    assert_eq!(Collected::of(events).failure.unwrap().message, "first");
}

#[test]
fn a_stream_without_its_last_word_does_not_end() {
    let (mut reader, mut events) = (Reader::default(), read(&[CREATED]));
    reader.end(&mut events);

    assert_eq!(events.len(), 1);
}

const ADDED: &str = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":""}}"#;

#[test]
fn trap_011_an_open_call_under_the_limit_is_cut() {
    let answer = collected(&[
        CREATED,
        ADDED,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"a\":"}"#,
        LENGTH,
    ]);
    assert_eq!((reason(&answer), answer.calls().count()), (&FinishReason::Length, 0));
    assert!(!answer.blocks[0].is_complete);
}

#[test]
fn trap_015_a_call_without_arguments_gets_the_empty_object() {
    let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"call_1","name":"f","arguments":""}}"#;
    assert_eq!(inputs(&collected(&[CREATED, ADDED, done, COMPLETED])), [("call_1", "{}")]);
    assert_eq!(inputs(&collected(&[CREATED, done, COMPLETED])), [("call_1", "{}")]);
}

#[test]
fn what_a_done_event_has_more_is_sent_on() {
    let check = |lines: &[&str]| {
        let answer = collected(&[&[CREATED, ADDED], lines, &[COMPLETED]].concat());
        assert_eq!(inputs(&answer), [("call_1", "{\"a\":1}")], "{lines:?}");
        assert_eq!(reason(&answer), &FinishReason::Calls);
    };
    let delta = r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"a\""}"#;
    let done = r#"{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\"a\":1}"}"#;
    let item = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"a\":1}"}}"#;
    check(&[delta, done, item]);
    check(&[delta, item]);
    check(&[item]);
    check(&[done]);
    check(&[delta, done, item, item]);
}

#[test]
fn trap_020_023_025_calls_are_told_apart_by_index_and_named_by_call_id() {
    let answer = collected(&[
        CREATED,
        ADDED,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_2","call_id":"call_2","name":"g"}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"item_id":"other","delta":"{\"b\":2}"}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"rotated","delta":"{\"a\":1}"}"#,
        COMPLETED,
    ]);
    assert_eq!(inputs(&answer), [("call_1", "{\"a\":1}"), ("call_2", "{\"b\":2}")]);
}

#[test]
fn trap_027_items_count_wherever_they_are_told() {
    let item = r#"{"type":"message","content":[{"type":"output_text","text":"hi","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":2}]}]}"#;
    let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
    let only_last = format!(r#"{{"type":"response.completed","response":{{"output":[{item}]}}}}"#);
    let answer = collected(&[CREATED, &done, COMPLETED]);

    assert_eq!(answer.text(), "hi");
    assert_eq!(collected(&[CREATED, &only_last]).blocks, answer.blocks);
    assert_eq!(collected(&[CREATED, &done, &only_last]).blocks, answer.blocks);
    let Part::Text(text) = &answer.blocks[0].part else { panic!("{answer:?}") };
    assert_eq!(text.citations[0].span, Some((0, 2)));
}

#[test]
fn trap_080_any_terminal_event_tells_the_usage() {
    for terminal in [COMPLETED, LENGTH] {
        assert_eq!(collected(&[CREATED, terminal]).spent.unwrap().usage.total(), 14, "{terminal}");
    }
    let failed = r#"{"type":"response.failed","response":{"error":{"code":"c","message":"m"},"usage":{"input_tokens":9,"output_tokens":5}}}"#;
    assert_eq!(collected(&[CREATED, failed]).spent.unwrap().usage.total(), 14);
}

#[test]
fn a_whole_answer_is_read_and_anything_else_is_not() {
    let back = way_back(Format::Chat, Format::Responses);
    let check = |body: &str, is_answer: bool| {
        assert_eq!(read_answer(body.as_bytes(), &back).is_ok(), is_answer, "{body}");
    };
    check(r#"{"status":"completed","output":[]}"#, true);
    check(r#"{"status":"incomplete","output":[]}"#, true);
    check(r#"{"status":"in_progress","output":[]}"#, false);
    check(r#"{"status":"cancelled","output":[]}"#, false);
    check(r#"{"choices":[]}"#, false);
    check("[]", false);
    check("<html>", false);
}

#[test]
fn a_refusal_is_one_and_so_is_what_a_filter_cut() {
    let refusal = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"refusal","refusal":"no"}]}}"#;
    let filtered = r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#;
    let refused = FinishReason::Refusal { category: None };

    let answer = collected(&[CREATED, refusal, COMPLETED]);
    assert_eq!((reason(&answer), &answer.blocks[0].part), (&refused, &Part::Refusal("no".into())));
    assert_eq!(reason(&collected(&[CREATED, filtered])), &refused);
}

fn piece() -> impl Strategy<Value = String> {
    let kinds = vec![
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.refusal.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.output_text.annotation.added",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "keepalive",
    ];
    let items = vec![
        "null",
        "[]",
        r#"{"type":"message","content":[{"type":"refusal","refusal":"r"},{"text":"t"}]}"#,
        r#"{"type":"reasoning","summary":[{"text":"s"}],"content":[{"text":"c"}],"encrypted_content":"e"}"#,
        r#"{"type":"function_call","name":"f","arguments":"{}"}"#,
        r#"{"type":"custom_tool_call","call_id":"c"}"#,
        r#"{"type":"web_search_call"}"#,
    ];
    (prop::sample::select(kinds), 0..3_u8, 0..3_u8, prop::sample::select(items)).prop_map(|(kind, at, part, item)| {
        format!(
            r#"{{"type":"{kind}","output_index":{at},"content_index":{part},"summary_index":{part},"delta":"d","text":"dd","part":{{"type":"output_text","text":"d"}},"annotation":{{"url":"u"}},"arguments":"dx","item":{item},"response":{{"output":[{item}]}}}}"#
        )
    })
}

proptest! {
    #[test]
    fn whatever_the_order_of_events_the_answer_is_legal(lines in prop::collection::vec(piece(), 0..24)) {
        read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..256), text in "[\\[\\]{}:,\"a-z0-9]{0,64}") {
        for data in [&bytes[..], text.as_bytes()] {
            let event = sse::Event { start: None, end: 0, name: Some(b"response.completed"), data: data.into() };
            Reader::default().read(&event, &mut Vec::new());
            let _ = read_answer(data, &way_back(Format::Chat, Format::Responses));
        }
    }
}
