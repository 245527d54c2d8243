use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    format::{
        Failure, Scanner,
        canonical::{self, Citation, FinishReason, HostedPart, Json, Started, ThoughtKind, arbitrary},
        checker::chat as checker,
        transcode::tests::way_back,
    },
    usage::Usage,
};

fn stream(include_usage: bool, events: &[Event]) -> Vec<u8> {
    let mut back = way_back(Format::Chat, Format::Messages);
    back.include_usage = include_usage;
    let (mut writer, mut out) = (Writer::new(&back), Vec::new());
    events.iter().for_each(|event| writer.write(event, &mut out));
    out
}

/// The deltas of a stream, as written; the finish as text.
fn deltas(stream: &[u8]) -> Vec<String> {
    let mut deltas = Vec::new();
    Scanner::new().feed(stream, |event| {
        let chunk: Value = serde_json::from_slice(&event.data).unwrap_or_default();
        let choice = &chunk["choices"][0];
        match choice["finish_reason"].as_str() {
            Some(word) => deltas.push(word.to_owned()),
            None if choice.is_object() => deltas.push(choice["delta"].to_string()),
            None => {}
        }
    });
    deltas
}

/// An answer of these blocks, each with one delta.
fn answer(blocks: Vec<(BlockKind, Vec<canonical::Delta>)>, reason: FinishReason) -> Vec<Event> {
    let mut events = vec![Event::Started(Started::default())];
    for (index, (kind, deltas)) in (0..).zip(blocks) {
        events.push(Event::BlockStarted { index, kind });
        events.extend(deltas.into_iter().map(|delta| Event::Delta { index, delta }));
        events.push(Event::BlockEnded { index, is_complete: true });
    }
    events.push(Event::Finished(Finish::new(reason)));
    events
}

fn words(text: &str) -> (BlockKind, Vec<canonical::Delta>) {
    (BlockKind::Text { phase: None }, vec![canonical::Delta::Text(text.into())])
}

fn call(id: &str, input: &str) -> (BlockKind, Vec<canonical::Delta>) {
    (BlockKind::function(id, "f"), vec![canonical::Delta::Input(input.into())])
}

const ROLE: &str = r#"{"content":"","role":"assistant"}"#;

#[test]
fn trap_016_and_020_calls_are_counted_and_not_blocks() {
    let said =
        stream(false, &answer(vec![words("a"), call("x", "{}"), words("b"), call("y", "{}")], FinishReason::Calls));

    assert_eq!(
        deltas(&said),
        [
            ROLE,
            r#"{"content":"a"}"#,
            r#"{"tool_calls":[{"function":{"arguments":"","name":"f"},"id":"x","index":0,"type":"function"}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"{}"},"index":0}]}"#,
            r#"{"content":"b"}"#,
            r#"{"tool_calls":[{"function":{"arguments":"","name":"f"},"id":"y","index":1,"type":"function"}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"{}"},"index":1}]}"#,
            "tool_calls",
        ]
    );
}

#[test]
fn trap_028_texts_are_joined_by_nothing_and_thoughts_by_a_blank_line() {
    let thought = |text: &str| (BlockKind::Thought(ThoughtKind::Summary), vec![canonical::Delta::Text(text.into())]);
    let said = stream(false, &answer(vec![thought("1"), words("a"), thought("2"), words("b")], FinishReason::End));

    assert_eq!(
        deltas(&said),
        [
            ROLE,
            r#"{"reasoning_content":"1"}"#,
            r#"{"content":"a"}"#,
            r#"{"reasoning_content":"\n\n"}"#,
            r#"{"reasoning_content":"2"}"#,
            r#"{"content":"b"}"#,
            "stop"
        ]
    );
}

#[test]
fn trap_029_hosted_steps_are_not_shown() {
    let hosted = HostedPart { kind: "server_tool_use".into(), text: Some("search".into()), raw: Json::of(&()) };
    let said = stream(false, &answer(vec![(BlockKind::Hosted(hosted), Vec::new()), words("a")], FinishReason::End));

    assert_eq!(deltas(&said), [ROLE, r#"{"content":"a"}"#, "stop"]);
}

#[test]
fn trap_019_and_030_an_error_is_a_frame_of_its_own_and_the_last() {
    let back = way_back(Format::Chat, Format::Messages);
    let (mut writer, mut out) = (Writer::new(&back), Vec::new());
    writer.write(&Event::Started(Started::default()), &mut out);
    let begun = out.len();
    writer
        .fail(&Problem { status: 529, kind: "overloaded", message: "m", field: None, code: None, call: "c" }, &mut out);

    checker::check(&out, false).unwrap();
    assert_eq!(Failure::read(&out[begun + "data: ".len()..]).unwrap().message, "m");
}

#[test]
fn trap_062_silence_is_a_comment() {
    let (mut writer, mut out) = (Writer::new(&way_back(Format::Chat, Format::Messages)), Vec::new());
    writer.keep_alive(Duration::from_secs(15), &mut out);
    writer.write(&Event::Ping, &mut out);

    assert_eq!(out, b": ka\n\n: ka\n\n");
}

#[test]
fn trap_076_the_prompt_includes_what_caches_held() {
    let usage = Usage {
        uncached_input: 1,
        cache_read: 20,
        cache_write_5m: 300,
        cache_write_1h: 4_000,
        output: 5,
        reasoning: None,
    };
    let mut events = answer(vec![words("a")], FinishReason::End);
    events.insert(1, Event::Usage(Spent { usage, ..Spent::default() }));
    let told = String::from_utf8(stream(true, &events)).unwrap();

    assert!(told.contains(
        r#""usage":{"prompt_tokens":4321,"completion_tokens":5,"total_tokens":4326,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":4300}}"#
    ));
    assert!(!String::from_utf8(stream(false, &events)).unwrap().contains("usage"));
}

#[test]
fn trap_094_an_answer_without_anything_is_one_with_empty_text() {
    let said = stream(false, &answer(Vec::new(), FinishReason::Refusal { category: None }));
    assert_eq!(deltas(&said), [ROLE, "content_filter"]);

    let explained = Finish { explanation: Some("no".into()), ..Finish::new(FinishReason::Refusal { category: None }) };
    let said = stream(false, &[Event::Started(Started::default()), Event::Finished(explained)]);
    assert_eq!(deltas(&said), [ROLE, r#"{"refusal":"no"}"#, "content_filter"]);
}

#[test]
fn citations_count_in_the_whole_text_and_come_in_one_piece() {
    let cited = |span| {
        let citation = Citation { url: Some("https://a".into()), span, ..Citation::default() };
        (
            BlockKind::Text { phase: None },
            vec![canonical::Delta::Text("éé".into()), canonical::Delta::Citation(citation)],
        )
    };
    let said = stream(false, &answer(vec![cited(None), cited(Some((1, 2)))], FinishReason::End));
    let told = deltas(&said).into_iter().find(|delta| delta.contains("annotations")).unwrap();

    checker::check(&said, false).unwrap();
    assert!(
        told.contains(r#""end_index":2,"start_index":0"#) && told.contains(r#""end_index":4,"start_index":3"#),
        "{told}"
    );
}

proptest! {
    /// Traps 17, 18, 19: choice 0, one role, one end.
    #[test]
    fn every_answer_is_a_stream_that_the_strictest_client_takes(events in arbitrary::events(), include_usage: bool) {
        let said = stream(include_usage, &events);
        prop_assert!(checker::check(&said, include_usage).is_ok(), "{}", String::from_utf8_lossy(&said));
    }
}
