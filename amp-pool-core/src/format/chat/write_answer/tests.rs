use serde_json::Value;

use super::*;
use crate::{
    format::{
        Format,
        canonical::{Block, Finish, HostedPart, Spent, Thought},
        transcode::tests::way_back,
    },
    usage::Usage as Tokens,
};

fn answer(parts: Vec<Part>, reason: FinishReason) -> Collected {
    let blocks = parts.into_iter().map(|part| Block { part, is_complete: true }).collect();
    Collected { blocks, finish: Some(Finish::new(reason)), ..Collected::default() }
}

fn written(answer: &Collected) -> Value {
    serde_json::from_slice(&write_answer(answer, &way_back(Format::Chat, Format::Messages))).unwrap()
}

/// The message and the finish, as written.
fn told(answer: &Collected) -> String {
    let choice = &written(answer)["choices"][0];
    format!("{} {}", choice["message"], choice["finish_reason"].as_str().unwrap())
}

fn words(text: &str) -> Part {
    Part::Text(Text::new(text))
}

fn call(input: Input) -> Part {
    Part::Call(Call { id: "a".into(), name: "f".into(), namespace: None, input, proof: None, cache: None })
}

#[test]
fn trap_015_a_call_without_arguments_has_the_empty_object() {
    let check = |input: Input, expected: &str| {
        let told = told(&answer(vec![call(input)], FinishReason::Calls));
        assert!(told.contains(expected) && told.contains(r#""content":null"#), "{told}");
    };
    check(Input::Json(String::new()), r#"{"function":{"arguments":"{}","name":"f"},"id":"a","type":"function"}"#);
    check(Input::Json("{\"b\": 1.0}".into()), r#""arguments":"{\"b\": 1.0}""#);
    check(Input::Text("x".into()), r#"{"custom":{"input":"x","name":"f"},"id":"a","type":"custom"}"#);
}

#[test]
fn trap_028_and_029_texts_are_joined_by_nothing_and_hosted_steps_are_not_shown() {
    let hosted = HostedPart { kind: "server_tool_use".into(), text: Some("s".into()), raw: Json::of(&()) };
    let thought = Part::Thought(Thought { paragraphs: vec!["1".into(), "2".into()], ..Thought::default() });
    let said = answer(vec![thought, words("a"), Part::Hosted(hosted), words("b")], FinishReason::End);

    let expected = r#"{"content":"ab","reasoning_content":"1\n\n2","refusal":null,"role":"assistant"} stop"#;
    assert_eq!(told(&said), expected);
}

#[test]
fn trap_076_the_prompt_includes_what_caches_held() {
    let usage = Tokens {
        uncached_input: 1,
        cache_read: 20,
        cache_write_5m: 300,
        output: 5,
        reasoning: Some(2),
        ..Tokens::default()
    };
    let spent = Some(Spent { usage, service_tier: Some("standard".into()), ..Spent::default() });
    let body = written(&Collected { spent, ..answer(vec![words("a")], FinishReason::End) });

    assert_eq!((&body["usage"]["prompt_tokens"], &body["usage"]["total_tokens"]), (&321.into(), &326.into()));
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
    assert_eq!(body["service_tier"], "default");
}

#[test]
fn trap_094_an_answer_without_anything_has_empty_text() {
    let refused = || FinishReason::Refusal { category: None };
    assert_eq!(
        told(&answer(Vec::new(), refused())),
        r#"{"content":"","refusal":null,"role":"assistant"} content_filter"#
    );
    let said = answer(vec![Part::Refusal("no".into())], refused());
    assert_eq!(told(&said), r#"{"content":"","refusal":"no","role":"assistant"} stop"#);
}

#[test]
fn a_call_that_was_cut_is_not_shown() {
    let mut said = answer(vec![words("a"), call(Input::Json("{\"x".into()))], FinishReason::Length);
    said.blocks[1].is_complete = false;
    assert_eq!(told(&said), r#"{"content":"a","refusal":null,"role":"assistant"} length"#);
}
