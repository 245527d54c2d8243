use proptest::prelude::*;

use super::*;
use crate::format::{
    Format,
    canonical::{
        CacheMark, Call, Document, Effort, FunctionTool, Image, Input, Part, Proof, ProofKind, Role, Source, Text,
        Thinking, Thought, ThoughtKind, Tool, ToolChoice, ToolResult, Turn, arbitrary,
    },
    chat::read_request::read_request,
    transcode::tests::{translation, way_back},
};

/// Writes for a provider and a model, and says what was lost.
fn written(request: &Request, provider: &str, model: &str) -> Result<(String, Losses), Reject> {
    let translation = translation(Format::Messages, Format::Chat, provider, model);
    let mut losses = Losses::new(Format::Messages);
    let body = write_request(request, &translation, &mut losses, &mut way_back(Format::Messages, Format::Chat))?;
    Ok((String::from_utf8(body).unwrap(), losses))
}

/// One member of the body that is written.
fn member(request: &Request, provider: &str, model: &str, name: &str) -> Option<String> {
    let (body, _) = written(request, provider, model).unwrap();
    let members = Json::parse(&body).unwrap().members().unwrap();
    members.into_iter().find(|(member, _)| member == name).map(|(_, value)| value.get().to_owned())
}

fn messages(request: &Request, provider: &str) -> String {
    member(request, provider, "m", "messages").unwrap()
}

fn words(text: &str) -> Part {
    Part::Text(Text::new(text))
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![words(text)])
}

fn call(input: &str) -> Part {
    let input = Input::Json(input.into());
    Part::Call(Call { id: "a".into(), name: "f".into(), namespace: None, input, proof: None, cache: None })
}

fn result(content: Vec<Part>, is_error: bool) -> Turn {
    Turn::new(Role::User, vec![Part::Result(ToolResult { call: "a".into(), content, is_error, cache: None })])
}

fn thought() -> Part {
    Part::Thought(Thought { paragraphs: vec!["r".into()], kind: ThoughtKind::Raw, proof: None })
}

fn of(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

fn with_tools() -> Request {
    let strict =
        |name: &str, strict| Tool::Function(FunctionTool { name: name.into(), strict, ..FunctionTool::default() });
    let closed = Json::parse(r#"{"type":"object","properties":{},"additionalProperties":false}"#).ok();
    let closed = Tool::Function(FunctionTool {
        name: "h".into(),
        strict: Some(true),
        schema: closed,
        ..FunctionTool::default()
    });
    Request { tools: vec![strict("f", None), strict("g", Some(true)), closed], ..of(vec![user("hi")]) }
}

#[test]
fn trap_034_arguments_go_as_they_came() {
    let check = |input: &str, expected: &str| {
        let request = of(vec![Turn::new(Role::Assistant, vec![call(input)]), result(Vec::new(), false)]);
        assert!(messages(&request, "openai").contains(&format!(r#""arguments":{expected}"#)));
    };
    check(r#"{"b": 1.0,"a":"#, r#""{\"b\": 1.0,\"a\":""#);
    check("", r#""{}""#);
}

#[test]
fn trap_035_and_099_system_text_keeps_its_place_and_is_one_message_where_only_one_is_taken() {
    let request = Request {
        instructions: vec![Text::new("a"), Text::new("b")],
        ..of(vec![Turn::new(Role::Developer, vec![words("c")]), user("d"), Turn::new(Role::System, vec![words("e")])])
    };
    assert_eq!(
        messages(&request, "openai"),
        r#"[{"role":"system","content":"a\n\nb"},{"role":"developer","content":"c"},{"role":"user","content":"d"},{"role":"system","content":"e"}]"#
    );
    assert_eq!(
        messages(&request, "custom"),
        r#"[{"role":"system","content":"a\n\nb\n\nc"},{"role":"user","content":"d"},{"role":"user","content":"<system>e</system>"}]"#
    );
}

#[test]
fn trap_040_media_of_results_stand_behind_the_last_of_them() {
    let image =
        Part::Image(Image { source: Source::of_address("data:image/png;base64,iVBO"), detail: None, cache: None });
    let mut turn = result(vec![image.clone()], false);
    turn.parts.extend(result(vec![words("x"), words("y")], true).parts);
    let (body, losses) = written(&of(vec![turn]), "openai", "m").unwrap();

    let expected = r#"[{"role":"tool","tool_call_id":"a","content":"(see attached image)"},{"role":"tool","tool_call_id":"a","content":"Error: x\ny"},{"role":"user","content":[{"type":"text","text":"From the result of tool call a:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBO"}}]}]"#;
    assert!(body.contains(expected), "{body}");
    assert!(losses.adjusted_header().unwrap().starts_with("messages[].tool_result"));
}

#[test]
fn trap_044_strict_is_written_where_it_can_be_kept() {
    let tools = member(&with_tools(), "openai", "m", "tools").unwrap();
    assert_eq!(tools.matches("strict").count(), 1);
    assert!(tools.contains(
        r#""name":"h","parameters":{"type":"object","properties":{},"additionalProperties":false},"strict":true"#
    ));
    let (_, losses) = written(&with_tools(), "openai", "m").unwrap();
    assert_eq!(losses.dropped_header().unwrap(), "tools[].strict (the schema or the upstream can not be strict)");
    assert!(!member(&with_tools(), "deepseek", "m", "tools").unwrap().contains("strict"));
}

#[test]
fn trap_045_and_046_no_choice_keeps_the_tools_and_parallel_calls_are_told() {
    let request = Request { tool_choice: Some(ToolChoice::None), parallel_tools: Some(false), ..with_tools() };
    let (body, _) = written(&request, "openai", "m").unwrap();
    assert!(body.contains(r#""tool_choice":"none","parallel_tool_calls":false"#) && body.contains(r#""tools":[{"#));
    let (body, losses) = written(&request, "ollama", "m").unwrap();
    assert!(!body.contains("parallel"));
    assert!(losses.dropped_header().unwrap().contains("tool_choice.disable_parallel_tool_use"));
}

#[test]
fn trap_047_stop_is_a_list() {
    let request = Request { stop: vec!["x".into()], ..of(vec![user("hi")]) };
    assert_eq!(member(&request, "openai", "m", "stop").as_deref(), Some(r#"["x"]"#));
}

#[test]
fn trap_054_details_go_back_unchanged() {
    let data = r#"[{"type":"reasoning.encrypted","data":"x", "index":0}]"#;
    let proof = Some(Proof { kind: ProofKind::Details, data: data.into(), issuer: None });
    let silent = Part::Thought(Thought { paragraphs: Vec::new(), kind: ThoughtKind::Raw, proof });
    let told = messages(&of(vec![Turn::new(Role::Assistant, vec![silent, words("a")]), user("hi")]), "openrouter");

    assert!(told.contains(&format!(r#""reasoning_details":{data}"#)), "{told}");
}

#[test]
fn a_turn_of_which_nothing_is_left_is_not_written() {
    let told = messages(&of(vec![Turn::new(Role::Assistant, vec![thought()]), user("hi")]), "openai");
    assert_eq!(told, r#"[{"role":"user","content":"hi"}]"#);
}

#[test]
fn trap_055_reasoning_goes_back_to_those_who_need_it() {
    let check = |provider: &str, parts: Vec<Part>, expected: Option<&str>| {
        let told = messages(&of(vec![Turn::new(Role::Assistant, parts), user("hi")]), provider);
        match expected {
            Some(expected) => assert!(told.contains(expected), "{provider}: {told}"),
            None => assert!(!told.contains("reasoning"), "{provider}: {told}"),
        }
    };
    check("deepseek", vec![thought(), call("{}")], Some(r#""reasoning_content":"r""#));
    check("deepseek", vec![call("{}")], Some(r#""reasoning_content":"""#));
    check("deepseek", vec![thought(), words("a")], None);
    check("moonshot", vec![call("{}")], None);
    check("zhipu", vec![thought(), words("a")], Some(r#""reasoning_content":"r""#));
    check("vllm", vec![thought(), call("{}")], Some(r#""reasoning":"r""#));
    check(
        "openrouter",
        vec![thought(), words("a")],
        Some(r#""reasoning_details":[{"type":"reasoning.text","text":"r"}]"#),
    );
    check("openai", vec![thought(), words("a")], None);
}

#[test]
fn trap_060_tools_are_sent_without_thinking_where_both_are_refused() {
    assert_eq!(member(&with_tools(), "openai", "gpt-5.6", "reasoning_effort").as_deref(), Some(r#""none""#));
    assert_eq!(member(&with_tools(), "openai", "gpt-5", "reasoning_effort"), None);
    assert!(written(&with_tools(), "openai", "gpt-5.5-pro").is_err());
}

#[test]
fn trap_061_a_signature_goes_back_with_its_call() {
    let mut part = call("{}");
    if let Part::Call(call) = &mut part {
        call.proof = Some(Proof { kind: ProofKind::CallSignature, data: "s".into(), issuer: None });
    }
    let told = messages(&of(vec![Turn::new(Role::Assistant, vec![part]), result(Vec::new(), false)]), "gemini");
    assert!(told.contains(r#""extra_content":{"google":{"thought_signature":"s"}}"#), "{told}");
}

#[test]
fn trap_091_a_long_user_is_hashed() {
    let request = Request { user: Some("x".repeat(150)), ..of(vec![user("hi")]) };
    assert_eq!(member(&request, "openai", "m", "safety_identifier").unwrap().len(), 66);
    assert_eq!(member(&request, "deepseek", "m", "user").unwrap().len(), 66);
}

#[test]
fn thinking_is_switched_as_the_provider_has_it() {
    let check = |provider: &str, effort, thinking, name: &str, expected: Option<&str>| {
        let mut request = of(vec![user("hi")]);
        (request.reasoning.effort, request.reasoning.thinking) = (effort, thinking);
        assert_eq!(member(&request, provider, "m", name).as_deref(), expected, "{provider}");
    };
    let budget = Some(Thinking::Budget(2_000));
    check("openai", Some(Effort::High), None, "reasoning_effort", Some(r#""high""#));
    check("openai", None, Some(Thinking::Adaptive), "reasoning_effort", None);
    check("custom", None, Some(Thinking::Disabled), "reasoning_effort", None);
    check("moonshot", None, budget, "thinking", Some(r#"{"type":"enabled"}"#));
    check("deepseek", Some(Effort::None), None, "thinking", Some(r#"{"type":"disabled"}"#));
    check("deepseek", Some(Effort::None), None, "reasoning_effort", None);
    check("deepseek", Some(Effort::High), None, "reasoning_effort", Some(r#""high""#));
    check("qwen", None, budget, "thinking_budget", Some("2000"));
    check("openrouter", None, budget, "reasoning", Some(r#"{"max_tokens":2000}"#));
    check("openrouter", Some(Effort::Low), None, "reasoning", Some(r#"{"effort":"low"}"#));
    check("mistral", Some(Effort::Low), None, "reasoning_effort", None);
}

#[test]
fn limits_shapes_and_marks_are_written_as_the_provider_has_them() {
    let schema = Json::parse(r#"{"type":"object","properties":{"a":{}}}"#).unwrap();
    let structured = Some(Structured::Schema { name: None, description: None, schema, strict: None });
    let marked = Part::Text(Text { cache: Some(CacheMark::Hour), ..Text::new("hi") });
    let turns = vec![Turn::new(Role::User, vec![marked])];
    let request = Request { max_output: Some(9), structured, stream: true, ..of(turns) };

    assert_eq!(member(&request, "openai", "m", "max_completion_tokens").as_deref(), Some("9"));
    assert_eq!(member(&request, "deepseek", "m", "max_tokens").as_deref(), Some("9"));
    assert_eq!(
        member(&request, "openai", "m", "response_format").as_deref(),
        Some(
            r#"{"type":"json_schema","json_schema":{"name":"response","schema":{"type":"object","properties":{"a":{}}},"strict":false}}"#
        )
    );
    assert_eq!(member(&request, "openai", "m", "stream_options").as_deref(), Some(r#"{"include_usage":true}"#));
    assert!(messages(&request, "qwen").contains(r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#));
    let by_model = member(&request, "openai", "gpt-5.6", "messages").unwrap();
    assert!(by_model.contains(r#""prompt_cache_breakpoint":{"mode":"explicit"}"#), "{by_model}");
    assert_eq!(messages(&request, "openai"), r#"[{"role":"user","content":"hi"}]"#);
}

#[test]
fn what_can_not_be_asked_is_refused_by_the_name_the_client_knows() {
    let check = |request: Request, provider: &str, field: &str| {
        assert_eq!(written(&request, provider, "m").unwrap_err().field.as_deref(), Some(field));
    };
    let part = |part| of(vec![Turn::new(Role::User, vec![part])]);
    let image = |source| part(Part::Image(Image { source, detail: None, cache: None }));
    let document =
        |source| part(Part::Document(Document { source, title: None, context: None, citations: false, cache: None }));
    let images = "messages[].content[].image";
    check(image(Source::File("f".into())), "openai", images);
    check(image(Source::Url("https://a".into())), "deepseek", images);
    check(document(Source::Url("https://a".into())), "openai", "messages[].content[].document");
    check(document(Source::of_address("data:application/pdf;base64,JVBE")), "vllm", "messages[].content[].document");
    check(Request { max_output: Some(0), ..of(vec![user("hi")]) }, "openai", "max_tokens");
    check(of(vec![user("hi"), Turn::new(Role::Assistant, vec![words("{")])]), "openai", "messages");
}

#[test]
fn a_begun_answer_is_marked_where_the_provider_can_go_on_from_it() {
    let request = of(vec![user("hi"), Turn::new(Role::Assistant, vec![words("{")])]);
    assert!(messages(&request, "deepseek").ends_with(r#"{"role":"assistant","content":"{","prefix":true}]"#));
    assert!(messages(&request, "qwen").ends_with(r#"{"role":"assistant","content":"{","partial":true}]"#));
}

/// The request as Chat has it: instructions are messages, and so is every result.
fn as_messages(mut request: Request) -> Request {
    let instructions = std::mem::take(&mut request.instructions);
    let mut turns: Vec<Turn> = Vec::new();
    turns.extend(
        (!instructions.is_empty()).then(|| Turn::new(Role::System, instructions.into_iter().map(Part::Text).collect())),
    );
    for turn in request.turns {
        match turn.parts[0] {
            Part::Result(_) => turns.extend(turn.parts.into_iter().map(|part| Turn::new(Role::User, vec![part]))),
            _ => turns.push(turn),
        }
    }
    for part in turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Part::Thought(thought) = part {
            thought.kind = ThoughtKind::Raw;
        }
    }
    Request { include_usage: request.stream, turns, ..request }
}

proptest! {
    #[test]
    fn what_was_written_is_read_as_it_was(request in arbitrary::request()) {
        let (body, losses) = written(&request, "zhipu", "model-1").unwrap();
        let read = read_request(body.as_bytes(), &mut Losses::new(Format::Chat)).unwrap();

        prop_assert_eq!(losses.all(), &[]);
        prop_assert_eq!(read, as_messages(request));
    }

    /// Trap 87: nothing random in what a cache sees.
    #[test]
    fn the_same_request_gives_the_same_bytes(request in arbitrary::request()) {
        prop_assert_eq!(written(&request, "openai", "m").unwrap().0, written(&request, "openai", "m").unwrap().0);
    }
}

#[test]
fn a_limit_is_called_as_the_server_knows_it_or_as_openai_does_where_nobody_told_us() {
    let request = Request { max_output: Some(9), ..of(vec![user("hi")]) };
    let check = |provider: &str, model: &str, name: &str| {
        assert_eq!(member(&request, provider, model, name).as_deref(), Some("9"), "{provider} {model}");
    };
    check("openai", "gpt-4o", "max_completion_tokens");
    check("custom", "gpt-5-mini", "max_completion_tokens");
    check("custom", "openai/o3", "max_completion_tokens");
    check("custom", "gpt-4o", "max_tokens");
    check("custom", "claude-sonnet-4-5", "max_tokens");
    check("custom", "llama-4", "max_tokens");
    check("openrouter", "openai/gpt-5", "max_tokens");
}

#[test]
fn a_stream_is_asked_for_its_usage_where_that_is_not_refused() {
    let request = Request { stream: true, ..of(vec![user("hi")]) };
    assert_eq!(member(&request, "custom", "m", "stream_options").as_deref(), Some(r#"{"include_usage":true}"#));
    assert_eq!(member(&request, "mistral", "m", "stream_options"), None);
    assert_eq!(member(&request, "mistral", "m", "stream").as_deref(), Some("true"));
}
