use proptest::prelude::*;

use super::*;
use crate::format::{
    Format,
    canonical::{CacheMark, Call, Input, Json, Part, Role, Source, Text, ToolChoice, Turn},
};

fn request(body: &str) -> Request {
    read_request(body.as_bytes(), &mut Losses::new(Format::Chat)).unwrap()
}

/// A request of these messages, and what was lost of it.
fn turns(messages: &str) -> (Vec<Turn>, Option<String>) {
    let mut losses = Losses::new(Format::Chat);
    let body = format!(r#"{{"model":"m","messages":{messages}}}"#);
    let request = read_request(body.as_bytes(), &mut losses).unwrap();
    (request.turns, losses.dropped_header())
}

/// The field that a body is refused for.
fn refused(members: &str) -> Option<String> {
    let body = format!(r#"{{"model":"m",{members}}}"#);
    let reject = read_request(body.as_bytes(), &mut Losses::new(Format::Chat)).unwrap_err();
    reject.field.map(std::borrow::Cow::into_owned)
}

fn words(text: &str) -> Part {
    Part::Text(Text::new(text))
}

#[test]
fn trap_036_every_system_text_keeps_its_place() {
    let (turns, _) = turns(
        r#"[{"role":"system","content":"a"},{"role":"developer","content":[{"type":"text","text":"b"}]},
            {"role":"user","content":"c"},{"role":"system","content":"d"}]"#,
    );
    let expected = [
        Turn::new(Role::System, vec![words("a")]),
        Turn::new(Role::Developer, vec![words("b")]),
        Turn::new(Role::User, vec![words("c")]),
        Turn::new(Role::System, vec![words("d")]),
    ];
    assert_eq!(turns, expected);
}

#[test]
fn trap_039_a_result_of_several_parts_is_one_result() {
    let (turns, _) = turns(
        r#"[{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"1"},{"type":"text","text":"2"}]}]"#,
    );
    let [Part::Result(result)] = &turns[0].parts[..] else { panic!("{turns:?}") };
    assert_eq!((turns[0].role, &*result.call), (Role::User, "a"));
    assert_eq!(result.content, [words("1"), words("2")]);
}

#[test]
fn trap_041_addresses_with_data_are_taken_apart() {
    let check = |part: &str, expected: Source| {
        let (turns, _) = turns(&format!(r#"[{{"role":"user","content":[{part}]}}]"#));
        let source = match turns[0].parts[0].clone() {
            Part::Image(image) => image.source,
            Part::Document(document) => document.source,
            other => panic!("{other:?}"),
        };
        assert_eq!(source, expected);
    };
    let base64 = |media_type: &str, data: &str| Source::Base64 { media_type: media_type.into(), data: data.into() };
    check(r#"{"type":"image_url","image_url":{"url":"data:image/jpg;x=y;base64,/9j/"}}"#, base64("image/jpeg", "/9j/"));
    check(r#"{"type":"image_url","image_url":"https://a/b"}"#, Source::Url("https://a/b".into()));
    check(
        r#"{"type":"file","file":{"filename":"a","file_data":"data:application/pdf;base64,JVBE"}}"#,
        base64("application/pdf", "JVBE"),
    );
}

#[test]
fn trap_043_custom_tools_and_their_calls_stay_custom() {
    let read = request(
        r#"{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"custom","custom":{"name":"p","input":"x"}}]}],
            "tools":[{"type":"custom","custom":{"name":"p","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}}}]}"#,
    );
    let Tool::Custom(tool) = &read.tools[0] else { panic!("{read:?}") };
    assert_eq!(tool.grammar, Json::parse(r#"{"syntax":"lark","definition":"d"}"#).ok());
    let [Part::Call(Call { input: Input::Text(input), .. })] = &read.turns[0].parts[..] else { panic!("{read:?}") };
    assert_eq!(input, "x");
}

#[test]
fn trap_061_a_signature_is_read_with_its_call() {
    let (turns, _) = turns(
        r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}]"#,
    );
    let [Part::Call(call)] = &turns[0].parts[..] else { panic!("{turns:?}") };
    assert_eq!(call.proof.as_ref().unwrap().data, "s");
}

#[test]
fn an_answer_is_thought_then_text_then_calls() {
    let (turns, lost) = turns(
        r#"[{"role":"assistant","name":"n","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"b\": 1"}}],"refusal":"no","content":"t","reasoning_content":"r"}]"#,
    );
    let [Part::Thought(thought), text, Part::Refusal(refusal), Part::Call(call)] = &turns[0].parts[..] else {
        panic!("{turns:?}")
    };
    assert_eq!((thought.text(), text, &**refusal), ("r".to_owned(), &words("t"), "no"));
    assert_eq!(call.input.as_str(), "{\"b\": 1");
    assert_eq!(lost.as_deref(), Some("messages[].name"));
}

#[test]
fn legacy_calls_and_their_results_get_the_same_id() {
    let (turns, _) = turns(
        r#"[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"},
            {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"2"}]"#,
    );
    let ids: Vec<&str> = turns
        .iter()
        .map(|turn| match &turn.parts[0] {
            Part::Call(call) => &*call.id,
            Part::Result(result) => &*result.call,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["call_0", "call_0", "call_1", "call_1"]);
}

#[test]
fn marks_of_both_kinds_are_read() {
    let (turns, _) = turns(
        r#"[{"role":"user","content":[{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},
            {"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]"#,
    );
    let marks: Vec<_> = turns[0].parts.iter().cloned().map(|mut part| *part.cache_mut().unwrap()).collect();
    assert_eq!(marks, [Some(CacheMark::Short), Some(CacheMark::Hour)]);
}

#[test]
fn members_are_typed_or_told_as_extra() {
    let read = request(
        r#"{"model":"m","messages":[],"stop":"x","seed":1,"max_tokens":5,"max_completion_tokens":6,"user":"u","logprobs":true,"top_logprobs":2,
            "temperature":0.5,"reasoning_effort":"high","presence_penalty":0,"logit_bias":{},"n":1,"modalities":["text"],"audio":null,
            "stream":true,"stream_options":{"include_usage":true},"tool_choice":{"type":"function","function":{"name":"f"}},"frequency_penalty":1}"#,
    );
    assert_eq!((read.stop, read.max_output, read.user.as_deref()), (vec!["x".to_owned()], Some(6), Some("u")));
    assert_eq!((read.logprobs, read.sampling.temperature), (Some(2), Some(0.5)));
    assert_eq!((read.reasoning.effort, read.stream, read.include_usage), (Some(Effort::High), true, true));
    assert!(matches!(read.tool_choice, Some(ToolChoice::Tool(tool)) if tool.name == "f"));
    let extra: Vec<_> = read.extra.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(extra, ["seed", "frequency_penalty", "max_tokens"]);
}

#[test]
fn what_no_translation_can_carry_is_refused_by_its_name() {
    let check = |members: &str, field: &str| assert_eq!(refused(members).as_deref(), Some(field));
    let part = |part: &str| format!(r#""messages":[{{"role":"user","content":[{part}]}}]"#);
    check(r#""n":2"#, "n");
    check(r#""modalities":["text","audio"]"#, "modalities");
    check(r#""audio":{"voice":"v"}"#, "audio");
    check(r#""max_tokens":"5""#, "max_tokens");
    check(r#""reasoning_effort":"huge""#, "reasoning_effort");
    check(r#""tools":[{"type":"hosted"}]"#, "tools[0].type");
    check(r#""messages":[{"role":"robot","content":"a"}]"#, "messages[0].role");
    check(r#""messages":[{"role":"tool","content":"a"}]"#, "messages[0].tool_call_id");
    check(&part(r#"{"type":"video","video":1}"#), "messages[0].content[0].type");
    check(&part(r#"{"type":"text"}"#), "messages[0].content[0].text");
    check(&part(r#"{"type":"file","file":{"file_id":"f"}}"#), "messages[0].content[0].file.file_id");
}

proptest! {
    #[test]
    fn nothing_that_comes_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_request(&bytes, &mut Losses::new(Format::Chat));
    }

    #[test]
    fn no_value_anywhere_breaks_the_reader(pick in 0..40_usize, value in 0..9_usize) {
        let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}},"response_format":{"type":"json_schema","json_schema":{"schema":{}}},"stop":["a"],"stream_options":{}}"#;
        let value = ["null", "1", "-1", "\"\"", "[]", "{}", "[[]]", "true", "1e400"][value];
        let colons: Vec<usize> = body.match_indices(':').map(|(at, _)| at + 1).collect();
        let at = colons[pick % colons.len()];
        let mut stream = serde_json::Deserializer::from_str(&body[at..]).into_iter::<Json>();
        stream.next();
        let changed = format!("{}{value}{}", &body[..at], &body[at + stream.byte_offset()..]);
        let _ = read_request(changed.as_bytes(), &mut Losses::new(Format::Chat));
    }
}
