use proptest::prelude::*;

use super::*;
use crate::format::{
    Format, Scanner,
    canonical::{Collected, Grammar, Part, Proof, ProofKind, arbitrary},
    capability::Dialect,
    chat::{read_answer::read_answer, write_answer::write_answer, write_stream},
    transcode::{WriteEvents, tests::way_back},
};

fn read_bytes(stream: &[u8], cut: usize) -> Vec<Event> {
    let back = way_back(Format::Messages, Format::Chat);
    let (mut reader, mut scanner, mut events) = (Reader::new(&back), Scanner::new(), Vec::new());
    for frame in [&stream[..cut], &stream[cut..]] {
        scanner.feed(frame, |event| reader.read(&event, &mut events));
    }
    scanner.finish(|event| reader.read(&event, &mut events));
    reader.end(&mut events);
    let mut grammar = Grammar::new();
    for event in &events {
        assert_eq!(grammar.check(event), Ok(()), "{events:?}");
    }
    events
}

/// The answer of a stream of these events.
fn read(lines: &[&str]) -> Collected {
    let stream: String = lines.iter().map(|line| format!("data: {line}\n\n")).collect();
    Collected::of(read_bytes(stream.as_bytes(), 0))
}

/// The answer of a stream of these deltas, which ends as `finish` says.
fn deltas(deltas: &[&str], finish: &str) -> Collected {
    let mut lines: Vec<String> =
        deltas.iter().map(|delta| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#)).collect();
    lines.push(format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{finish}"}}]}}"#));
    lines.push("[DONE]".into());
    read(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// An answer in short: `T` text, `R` refusal, `H` thought, `C` call, `!` behind what was cut.
fn short(answer: &Collected) -> String {
    let block = |part: &Part| match part {
        Part::Text(text) => format!("T:{}", text.text),
        Part::Refusal(text) => format!("R:{text}"),
        Part::Thought(thought) => format!("H:{}", thought.text()),
        Part::Call(call) => format!("C:{}:{}:{}", call.id, call.name, call.input.as_str()),
        other => format!("{other:?}"),
    };
    let blocks = answer.blocks.iter().map(|it| block(&it.part) + if it.is_complete { "" } else { "!" });
    blocks.collect::<Vec<_>>().join(" ")
}

fn reason(answer: &Collected) -> Option<FinishReason> {
    answer.finish.clone().map(|finish| finish.reason)
}

const CALL_A: &str =
    r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#;

#[test]
fn trap_003_empty_texts_between_pieces_of_a_call_change_nothing() {
    let said = deltas(
        &[
            CALL_A,
            r#"{"content":"","tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
            r#"{"content":null,"reasoning_content":"","refusal":null}"#,
            r#"{"content":"","tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":":1}"}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(short(&said), r#"C:a:f:{"x":1}"#);
}

#[test]
fn trap_004_a_call_begins_when_its_name_is_complete() {
    let check = |said: &[&str], expected: &str| {
        let lines: Vec<String> = said.iter().map(|call| format!(r#"{{"tool_calls":[{call}]}}"#)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(short(&deltas(&lines, "tool_calls")), expected);
    };
    check(
        &[
            r#"{"index":0,"id":"a","function":{"name":""}}"#,
            r#"{"index":0,"function":{"name":"get_"}}"#,
            r#"{"index":0,"function":{"name":"time"}}"#,
            r#"{"index":0,"function":{"arguments":"{}"}}"#,
        ],
        "C:a:get_time:{}",
    );
    check(
        &[
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#,
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}"#,
        ],
        "C:a:f:{}",
    );
    check(
        &[r#"{"index":0,"function":{"name":"f"}}"#, r#"{"index":0,"id":"late","function":{"arguments":"{}"}}"#],
        "C:late:f:{}",
    );
}

#[test]
fn calls_are_told_apart_by_number_or_id_or_neither() {
    let check = |said: &[&str], expected: &str| {
        let lines: Vec<String> = said.iter().map(|call| format!(r#"{{"tool_calls":[{call}]}}"#)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(short(&deltas(&lines, "stop")), expected);
    };
    let all_zero = [
        r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"n\":1}"}}"#,
        r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{\"n\":2}"}}"#,
    ];
    check(&all_zero, r#"C:a:f:{"n":1} C:b:f:{"n":2}"#);
    let without = [
        r#"{"id":"a","function":{"name":"f","arguments":"{}"}}"#,
        r#"{"id":"b","function":{"name":"g","arguments":"{}"}}"#,
    ];
    check(&without, "C:a:f:{} C:b:g:{}");
    let from_one = [
        r#"{"index":1,"id":"a","function":{"name":"f"}}"#,
        r#"{"index":3,"id":"b","function":{"name":"g","arguments":"{"}}"#,
        r#"{"index":1,"function":{"arguments":"{}"}}"#,
        r#"{"index":3,"function":{"arguments":"}"}}"#,
    ];
    check(&from_one, "C:a:f:{} C:b:g:{}");
    let custom = [
        r#"{"index":0,"id":"a","type":"custom","custom":{"name":"p","input":"x "}}"#,
        r#"{"index":0,"custom":{"input":"y"}}"#,
    ];
    check(&custom, "C:a:p:x y");
}

#[test]
fn trap_005_a_second_reasoning_is_a_second_thought() {
    let said = deltas(
        &[r#"{"reasoning_content":"1"}"#, r#"{"content":"a"}"#, r#"{"reasoning_content":"2"}"#, r#"{"content":"b"}"#],
        "stop",
    );
    assert_eq!(short(&said), "H:1 T:a H:2 T:b");
}

#[test]
fn trap_010_an_answer_that_breaks_off_has_no_end() {
    let begun = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let said = read(&[begun]);
    assert_eq!((reason(&said), said.failure.is_some()), (None, false));

    let said = read(&[begun, r#"{"error":{"message":"m","type":"server_error"}}"#, "[DONE]"]);
    assert_eq!((reason(&said), said.failure.unwrap().message), (None, "m".to_owned()));
    for word in ["error", "network_error", "insufficient_system_resource"] {
        assert_eq!(deltas(&[r#"{"content":"a"}"#], word).failure.unwrap().code.as_deref(), Some(word));
    }
}

#[test]
fn trap_011_a_call_that_the_limit_cut_is_not_complete() {
    let begun = r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"command\":\"rm -rf /tm"}}]}"#;
    let said = deltas(&[CALL_A, begun], "length");
    assert_eq!(
        (short(&said), reason(&said)),
        (r#"C:a:f:{"command":"rm -rf /tm!"#.to_owned(), Some(FinishReason::Length))
    );
}

#[test]
fn trap_015_a_call_without_arguments_gets_the_empty_object() {
    let said = deltas(&[CALL_A], "tool_calls");
    assert_eq!((short(&said), reason(&said)), ("C:a:f:{}".to_owned(), Some(FinishReason::Calls)));
}

#[test]
fn trap_022_and_081_usage_is_read_to_the_end_and_the_last_one_counts() {
    let usage = |prompt: u64| format!(r#""usage":{{"prompt_tokens":{prompt},"completion_tokens":1}}"#);
    let text = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"a"}}}}],{}}}"#, usage(1));
    let finish = format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],{}}}"#, usage(2));
    let last = format!(r#"{{"choices":[],{},"x_groq":{{{}}}}}"#, usage(3), usage(9));
    let said = read(&[&text, &finish, &last, "[DONE]"]);

    assert_eq!(said.spent.unwrap().usage.uncached_input, 3);
}

#[test]
fn trap_058_reasoning_is_read_under_every_name_and_once() {
    let check = |delta: &str, expected: &str| assert_eq!(short(&deltas(&[delta, delta], "stop")), expected, "{delta}");
    check(r#"{"reasoning_content":"r"}"#, "H:rr");
    check(r#"{"reasoning":"r"}"#, "H:rr");
    check(r#"{"reasoning":"r","reasoning_content":"r"}"#, "H:rr");
    check(r#"{"reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r","index":0}]}"#, "H:rr");
    check(r#"{"reasoning_details":[{"type":"reasoning.text","text":"r","index":0}]}"#, "H:rr");
    check(r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}]}]}"#, "H:rr");
}

#[test]
fn details_are_kept_for_the_way_back() {
    let piece = r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","index":0}]}"#;
    let said = deltas(&[piece, r#"{"content":"a"}"#], "stop");
    let Part::Thought(thought) = &said.blocks[0].part else { panic!("{said:?}") };

    let data = r#"[{"type":"reasoning.encrypted","data":"x","index":0}]"#.to_owned();
    assert_eq!(thought.proof, Some(Proof { kind: ProofKind::Details, data, issuer: None }));
}

#[test]
fn trap_061_a_signature_stays_with_its_call() {
    let call = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}"#;
    let said = deltas(&[call], "stop");

    assert_eq!(said.calls().next().unwrap().proof.as_ref().unwrap().data, "s");
}

#[test]
fn trap_073_and_074_an_error_wins_over_a_finish_and_keeps_the_usage() {
    let finish = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"length"}]}"#;
    let error = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"error":{"code":502,"message":"m"},"usage":{"prompt_tokens":7,"completion_tokens":1}}"#;
    let said = read(&[finish, finish, error, "[DONE]"]);
    assert_eq!((reason(&said), said.failure.unwrap().message), (None, "m".to_owned()));
    assert_eq!(said.spent.unwrap().usage.uncached_input, 7);

    let events = read_bytes(b"event: error\ndata: {\"error\":{\"message\":\"tool_use_failed\"}}\n\n", 0);
    assert!(matches!(&events[..], [Event::Failed(failure)] if failure.message == "tool_use_failed"));
}

#[test]
fn trap_082_reasoning_outside_the_completion_is_output() {
    let usage = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":18,"completion_tokens_details":{"reasoning_tokens":3}}}"#;
    assert_eq!(read(&[usage, "[DONE]"]).spent.unwrap().usage.output, 8);
}

#[test]
fn trap_092_id_and_model_are_the_first_that_are_not_empty() {
    let empty = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{}]}"#;
    let text = r#"{"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a"},"content_filter_results":{}}]}"#;
    let odd = r#"{"id":"y","model":"m","choices":[{"index":0,"delta":null,"finish_reason":"stop"}]}"#;
    let said = read(&[empty, text, odd, "[DONE]"]);

    assert_eq!((said.started.id.as_deref(), said.started.model.as_deref()), (Some("x"), Some("m")));
    assert_eq!(short(&said), "T:a");
}

#[test]
fn trap_093_repeated_roles_and_missing_finishes_do_not_matter() {
    let text = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#;
    let said = read(&[text, text, "[DONE]"]);
    assert_eq!((short(&said), reason(&said)), ("T:aa".to_owned(), Some(FinishReason::End)));
}

#[test]
fn a_tag_is_reasoning_only_where_the_provider_writes_it_so() {
    let line = r#"{"choices":[{"index":0,"delta":{"content":"<think>r</think>a"},"finish_reason":"stop"}]}"#;
    assert_eq!(short(&read(&[line])), "T:<think>r</think>a");

    let mut back = way_back(Format::Messages, Format::Chat);
    back.dialect = Dialect::find("minimax");
    let (mut reader, mut events) = (Reader::new(&back), Vec::new());
    reader.chunk(line.as_bytes(), &mut events);
    reader.done(&mut events);
    assert_eq!(short(&Collected::of(events)), "H:r T:a");
}

#[test]
fn a_whole_answer_is_read_like_a_stream() {
    let body = r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let said = Collected::of(read_answer(body.as_bytes(), &way_back(Format::Messages, Format::Chat)).unwrap());

    assert_eq!(short(&said), "H:r C:a:f:{} C:b:f:{}");
    assert_eq!(reason(&said), Some(FinishReason::Calls));
}

#[test]
fn an_answer_is_the_same_wherever_its_frames_are_cut() {
    let stream = "\u{feff}data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"é漢\"}}]}\r\n\r\n: ka\n\ndata:{\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n".as_bytes();
    let whole = read_bytes(stream, 0);

    assert!(matches!(whole.last(), Some(Event::Finished(_))));
    for cut in 0..stream.len() {
        assert_eq!(read_bytes(stream, cut), whole, "{cut}");
    }
}

/// What of an answer Chat can carry.
fn carried(answer: &Collected) -> (String, String, String, Vec<String>, Option<FinishReason>, Option<Usage>) {
    let (mut refusal, mut thoughts, mut calls) = (String::new(), Vec::new(), Vec::new());
    for block in &answer.blocks {
        match &block.part {
            Part::Refusal(text) => refusal.push_str(text),
            Part::Thought(thought) => thoughts.push(thought.text()),
            Part::Call(call) => calls.push(format!("{}:{}:{}", call.id, call.name, call.input.as_str())),
            _ => {}
        }
    }
    let reason = reason(answer).map(|reason| reason.settled(!calls.is_empty(), !refusal.is_empty()));
    let usage = answer.spent.as_ref().map(|spent| spent.usage);
    // Blank paragraphs are nothing to anyone who reads them.
    let thoughts = thoughts.join("\n\n");
    let paragraphs: Vec<_> = thoughts.split("\n\n").filter(|paragraph| !paragraph.is_empty()).collect();
    (answer.text(), refusal, paragraphs.join("\n\n"), calls, reason, usage)
}

proptest! {
    #[test]
    fn what_was_written_is_read_as_it_was(events in arbitrary::events()) {
        let mut back = way_back(Format::Chat, Format::Chat);
        back.include_usage = true;
        let (mut writer, mut out) = (write_stream::Writer::new(&back), Vec::new());
        events.iter().for_each(|event| writer.write(event, &mut out));

        prop_assert_eq!(carried(&Collected::of(read_bytes(&out, 0))), carried(&Collected::of(events)));
    }

    #[test]
    fn a_whole_answer_that_was_written_is_read_as_it_was(events in arbitrary::events()) {
        let back = way_back(Format::Chat, Format::Chat);
        let mut answer = Collected::of(events);
        let body = write_answer(&answer, &back);
        // A call that was cut is not in a whole answer.
        answer.blocks.retain(|block| block.is_complete || !matches!(block.part, Part::Call(_)));

        prop_assert_eq!(carried(&Collected::of(read_answer(&body, &back).unwrap())), carried(&answer));
    }

    #[test]
    fn nothing_that_comes_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        read_bytes(&bytes, cut.index(bytes.len() + 1));
        let _ = read_answer(&bytes, &way_back(Format::Messages, Format::Chat));
    }

    #[test]
    fn no_mixture_of_chunks_breaks_the_grammar(picks in prop::collection::vec(0..12_usize, 0..12)) {
        let pieces = [
            r#"{"content":"a"}"#, r#"{"content":[{"type":"text","text":"b"},7]}"#, r#"{"refusal":"r"}"#,
            r#"{"reasoning":"t"}"#, r#"{"reasoning_details":[{"type":"x","index":0},1]}"#, CALL_A,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#, r#"{"tool_calls":[{"function":{"name":"g"}}]}"#,
            r#"{"tool_calls":[{"id":"z","function":{"name":"g","arguments":{"a":1}}}, null, 3]}"#, r#"{"function_call":{"name":"h","arguments":"{"}}"#,
            r#"{"tool_calls":[{"index":2,"function":{"arguments":"x"}}]}"#, r#"{"annotations":[{"url_citation":{"url":"u"}}],"tool_calls":{}}"#,
        ];
        deltas(&picks.iter().map(|&pick| pieces[pick]).collect::<Vec<_>>(), "stop");
    }
}
