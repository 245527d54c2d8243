use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::format::{
    Format,
    canonical::{
        Call, CustomTool, FunctionTool, Image, Input, Json, Part, Proof, ProofKind, Role, Source, Text, Thought, Tool,
        ToolChoice, ToolResult, Turn, arbitrary,
    },
    responses::read_request::read_request,
    transcode::tests::{translation, way_back},
};

fn try_write(request: &Request, translation: &Translation) -> Result<(Value, Losses), Reject> {
    let mut losses = Losses::new(translation.client);
    let mut back = way_back(translation.client, Format::Responses);
    let body = write_request(request, translation, &mut losses, &mut back)?;
    Ok((serde_json::from_slice(&body).unwrap(), losses))
}

fn openai() -> Translation {
    translation(Format::Messages, Format::Responses, "openai", "gpt-5")
}

fn deepseek() -> Translation {
    translation(Format::Messages, Format::Responses, "deepseek", "deepseek-v4")
}

fn write(request: &Request) -> Value {
    try_write(request, &openai()).unwrap().0
}

fn text(text: &str) -> Part {
    Part::Text(Text::new(text))
}

fn call(id: &str) -> Part {
    let input = Input::Json("{\"b\":1.0,\"a\":2}".into());
    Part::Call(Call { id: id.into(), name: "f".into(), namespace: None, input, proof: None, cache: None })
}

fn result(id: &str, content: Vec<Part>) -> Part {
    Part::Result(ToolResult { call: id.into(), content, is_error: false, cache: None })
}

fn thought(data: Option<&str>) -> Part {
    let proof = data.map(|data| Proof { kind: ProofKind::Encrypted, data: data.into(), issuer: None });
    Part::Thought(Thought { paragraphs: vec!["hm".into()], proof, ..Thought::default() })
}

/// A user's word, what the model made of it, and what came of that.
fn talk(said: Vec<Part>, answered: Vec<Part>) -> Request {
    let mut turns = vec![Turn::new(Role::User, vec![text("go")]), Turn::new(Role::Assistant, said)];
    turns.push(Turn::new(Role::User, answered));
    Request { model: "m".into(), turns, ..Request::default() }
}

#[test]
fn a_summary_is_asked_for_only_where_the_client_spoke_of_reasoning() {
    let plain = talk(vec![text("a")], vec![text("b")]);
    assert_eq!(write(&plain)["reasoning"]["summary"], Value::Null);

    let mut asked = plain;
    asked.reasoning.effort = Some(Effort::High);
    assert_eq!(write(&asked)["reasoning"]["summary"], "auto");
}

fn with_tool(tool: Tool) -> Request {
    Request { tools: vec![tool], ..talk(vec![text("a")], vec![text("b")]) }
}

fn function(strict: Option<bool>) -> Tool {
    let schema = Json::parse(r#"{"type":"object","properties":{"z":{},"a":{}}}"#).ok();
    Tool::Function(FunctionTool { name: "f".into(), schema, strict, ..FunctionTool::default() })
}

fn types(body: &Value) -> Vec<&str> {
    body["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

/// What a request says, with results in turns of their own, as a reader gives them, and without what is always made
/// explicit.
fn plain(request: &Request) -> (Vec<Turn>, Vec<Tool>) {
    let mut turns = Vec::new();
    for turn in &request.turns {
        let mut rest = Vec::new();
        for part in turn.parts.clone() {
            match part {
                Part::Result(_) => turns.push(Turn::new(Role::User, vec![part])),
                Part::Thought(_) => {}
                part => rest.push(part),
            }
        }
        turns.extend((!rest.is_empty()).then(|| Turn::new(turn.role, rest)));
    }
    let mut tools = request.tools.clone();
    for tool in &mut tools {
        if let Tool::Function(tool) = tool {
            tool.strict = Some(false);
        }
    }
    (turns, tools)
}

proptest! {
    #[test]
    fn a_request_that_is_written_and_read_says_the_same(request in arbitrary::request()) {
        let mut losses = Losses::new(Format::Messages);
        let mut back = way_back(Format::Messages, Format::Responses);
        let body = write_request(&request, &openai(), &mut losses, &mut back).unwrap();
        let again = read_request(&body, &mut Losses::strict(Format::Responses)).unwrap();

        prop_assert_eq!(plain(&again), plain(&request));
        prop_assert_eq!(again.instructions, request.instructions);
        prop_assert_eq!((again.max_output, again.stream), (request.max_output, request.stream));
        prop_assert_eq!((again.tool_choice, again.extra), (request.tool_choice, Vec::new()));
    }
}

#[test]
fn trap_023_calls_and_results_are_linked_by_the_call_id_alone() {
    let body = write(&talk(vec![call("c1")], vec![result("c1", vec![text("r")])]));

    assert_eq!(
        body["input"][1],
        json!({"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"b\":1.0,\"a\":2}"})
    );
    assert_eq!(body["input"][2], json!({"type": "function_call_output", "call_id": "c1", "output": "r"}));
}

#[test]
fn trap_032_outputs_follow_their_calls_with_nothing_between() {
    let body = write(&talk(vec![call("c1"), call("c2")], vec![text("b"), result("c1", vec![]), result("c2", vec![])]));

    let outputs = ["function_call", "function_call", "function_call_output", "function_call_output", "message"];
    assert_eq!(types(&body)[1..], outputs);
}

#[test]
fn trap_040_images_stay_in_results_or_follow_them() {
    let source = Source::Base64 { media_type: "image/png".into(), data: "iVBO".into() };
    let image = Part::Image(Image { source, detail: None, cache: None });
    let request = talk(vec![call("c1")], vec![result("c1", vec![image])]);

    assert_eq!(
        write(&request)["input"][2]["output"],
        json!([{"type": "input_image", "image_url": "data:image/png;base64,iVBO"}])
    );
    let vllm = translation(Format::Messages, Format::Responses, "vllm", "m");
    let (body, losses) = try_write(&request, &vllm).unwrap();
    assert_eq!(body["input"][3]["content"][1]["image_url"], "data:image/png;base64,iVBO");
    assert!(losses.adjusted_header().unwrap().starts_with("messages[].tool_result"));
}

#[test]
fn trap_043_custom_tools_and_their_calls_stay_custom() {
    let grammar = Json::parse(r#"{"syntax":"lark","definition":"start: x"}"#).ok();
    let tool = Tool::Custom(CustomTool { name: "patch".into(), grammar, ..CustomTool::default() });
    let Part::Call(made) = call("c1") else { panic!() };
    let made = Part::Call(Call { input: Input::Text("*** Begin".into()), ..made });
    let request = Request { tools: vec![tool], ..talk(vec![made], vec![result("c1", vec![text("ok")])]) };
    let body = write(&request);

    assert_eq!(body["tools"][0]["format"], json!({"type": "grammar", "syntax": "lark", "definition": "start: x"}));
    assert_eq!(
        (&types(&body)[1..], &body["input"][1]["input"]),
        (&["custom_tool_call", "custom_tool_call_output"][..], &json!("*** Begin"))
    );
}

#[test]
fn trap_044_strict_is_always_said() {
    let check = |strict, expected: bool, dropped: Option<&str>| {
        let (body, losses) = try_write(&with_tool(function(strict)), &openai()).unwrap();
        assert_eq!((&body["tools"][0]["strict"], losses.dropped_header().as_deref()), (&json!(expected), dropped));
    };
    check(None, false, None);
    check(Some(false), false, None);
    // Properties that are not required are outside the strict subset.
    check(Some(true), false, Some("tools[].strict"));
}

#[test]
fn trap_045_no_choice_keeps_the_tools() {
    let body = write(&Request { tool_choice: Some(ToolChoice::None), ..with_tool(function(None)) });

    assert_eq!((&body["tool_choice"], body["tools"].as_array().unwrap().len()), (&json!("none"), 1));
}

#[test]
fn trap_046_one_call_at_a_time_is_kept() {
    let body = write(&Request { parallel_tools: Some(false), ..with_tool(function(None)) });

    assert_eq!(body["parallel_tool_calls"], json!(false));
}

#[test]
fn trap_049_nothing_is_stored_and_no_item_has_an_id() {
    let body = write(&talk(vec![thought(Some("e")), text("a"), call("c1")], vec![result("c1", vec![])]));

    assert_eq!((&body["store"], &body["include"]), (&json!(false), &json!(["reasoning.encrypted_content"])));
    assert!(body["input"].as_array().unwrap().iter().all(|item| item.get("id").is_none()), "{body}");
}

#[test]
fn trap_050_a_thought_stands_before_what_it_led_to_or_nowhere() {
    let led = write(&talk(vec![thought(Some("e")), call("c1")], vec![result("c1", vec![])]));
    assert_eq!(types(&led)[1..3], ["reasoning", "function_call"]);
    assert_eq!(
        led["input"][1],
        json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "e"})
    );

    let (alone, losses) = try_write(&talk(vec![text("a"), thought(Some("e"))], vec![text("b")]), &openai()).unwrap();
    assert_eq!(types(&alone), ["message"; 3]);
    assert_eq!(losses.dropped_header().as_deref(), Some("messages[].thinking"));
}

#[test]
fn a_thought_of_another_maker_is_no_text_of_the_answer() {
    let (body, losses) = try_write(&talk(vec![thought(None), text("a")], vec![text("b")]), &openai()).unwrap();

    assert_eq!(types(&body), ["message"; 3]);
    assert!(losses.dropped_header().is_some());
}

#[test]
fn trap_051_the_limit_is_raised_to_what_is_taken() {
    let check = |asked, expected: Value| {
        let request = Request { max_output: asked, ..talk(vec![text("a")], vec![text("b")]) };
        assert_eq!(write(&request)["max_output_tokens"], expected);
    };
    check(Some(1), json!(16));
    check(Some(16), json!(16));
    check(Some(17), json!(17));
    check(None, Value::Null);
    let none = Request { max_output: Some(0), ..talk(vec![text("a")], vec![text("b")]) };
    assert_eq!(try_write(&none, &openai()).unwrap_err().field.as_deref(), Some("max_tokens"));
}

#[test]
fn trap_055_each_call_has_its_reasoning_where_that_is_asked_for() {
    let results = || vec![result("c1", vec![]), result("c2", vec![])];
    let known = talk(vec![thought(None), call("c1"), call("c2")], results());
    let unknown = talk(vec![call("c1"), call("c2")], results());
    for (request, text) in [(known, "hm"), (unknown, "")] {
        let (body, _) = try_write(&request, &deepseek()).unwrap();
        assert_eq!(types(&body)[1..5], ["reasoning", "function_call", "reasoning", "function_call"]);
        for at in [1, 3] {
            assert_eq!(body["input"][at]["content"], json!([{"type": "reasoning_text", "text": text}]));
        }
    }
}

#[test]
fn trap_091_a_long_user_is_hashed() {
    let request = Request { user: Some("u".repeat(150)), ..talk(vec![text("a")], vec![text("b")]) };
    let (body, losses) = try_write(&request, &openai()).unwrap();

    assert_eq!(body["safety_identifier"].as_str().unwrap().len(), 64);
    assert!(losses.adjusted_header().unwrap().starts_with("metadata.user_id"));
}

#[test]
fn json_is_asked_for_in_a_message() {
    let request = |said: &str| Request {
        instructions: vec![Text::new("Speak JSON.")],
        structured: Some(Structured::Object),
        ..talk(vec![text("a")], vec![text(said)])
    };
    let body = write(&request("b"));
    assert_eq!((body.get("instructions"), &body["input"][0]["role"]), (None, &json!("developer")));

    let body = write(&Request { instructions: vec![], ..request("b") });
    assert_eq!(body["input"][3]["content"][0]["text"], "Answer with one JSON object.");
    let body = write(&Request { instructions: vec![], ..request("as json") });
    assert_eq!(body["input"].as_array().unwrap().len(), 3);
}

#[test]
fn the_beginning_of_an_answer_is_refused_to_messages_clients_only() {
    let mut request = talk(vec![text("a")], vec![]);
    request.turns.pop();
    let chat = translation(Format::Chat, Format::Responses, "openai", "gpt-5");

    assert_eq!(try_write(&request, &openai()).unwrap_err().field.as_deref(), Some("messages"));
    assert!(try_write(&request, &chat).is_ok());
}

#[test]
fn files_of_the_clients_account_are_refused() {
    let image = Part::Image(Image { source: Source::File("file-1".into()), detail: None, cache: None });

    assert!(try_write(&talk(vec![text("a")], vec![image]), &openai()).is_err());
}
