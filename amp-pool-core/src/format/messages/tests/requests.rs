//! Requests there and back, and the traps of requests by their numbers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{read_request::read_request, write_request::write_request};
use crate::format::{
    Format, LossKind, Losses, Reject,
    canonical::{
        CacheMark, Call, Effort, FunctionTool, Image, Input, Json, Part, Proof, ProofKind, Reasoning, Request, Role,
        Sampling, Source, Structured, Text, Thought, Tool, ToolChoice, ToolKind, ToolRef, ToolResult, Turn, arbitrary,
    },
    transcode::{WayBack, tests::translation},
};

/// What is sent to a model at Anthropic for a client of Chat, and what was lost on the way.
fn sent(request: Request, model: &str) -> Result<(Value, Losses, WayBack), Reject> {
    write_to(request, Format::Chat, "anthropic", model)
}

fn write_to(request: Request, client: Format, provider: &str, model: &str) -> Result<(Value, Losses, WayBack), Reject> {
    let translation = translation(client, Format::Messages, provider, model);
    let request = Request { model: model.into(), ..request };
    let (mut losses, mut back) = (Losses::new(client), WayBack::new(&translation, &request));
    let body = write_request(&request, &translation, &mut losses, &mut back)?;
    Ok((serde_json::from_slice(&body).unwrap(), losses, back))
}

fn read(body: &Value) -> Result<(Request, Losses), Reject> {
    let mut losses = Losses::new(Format::Messages);
    let request = read_request(&serde_json::to_vec(body).unwrap(), &mut losses)?;
    Ok((request, losses))
}

fn words(text: &str) -> Part {
    Part::Text(Text::new(text))
}

fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![words(text)])
}

fn says(text: &str) -> Turn {
    Turn::new(Role::Assistant, vec![words(text)])
}

fn system(text: &str) -> Turn {
    Turn::new(Role::System, vec![words(text)])
}

fn call(id: &str, input: &str) -> Part {
    let input = Input::Json(input.into());
    Part::Call(Call { id: id.into(), name: "f".into(), namespace: None, input, proof: None, cache: None })
}

fn result(id: &str, content: Vec<Part>) -> Part {
    Part::Result(ToolResult { call: id.into(), content, is_error: false, cache: None })
}

fn talk(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

fn hi() -> Request {
    talk(vec![user("hi")])
}

fn tool(name: &str) -> Tool {
    Tool::Function(FunctionTool { name: name.into(), ..FunctionTool::default() })
}

/// The conversation in short: `user: a|b`.
fn short(body: &Value) -> Vec<String> {
    let word = |block: &Value| match block["type"].as_str().unwrap() {
        "text" => block["text"].as_str().unwrap().to_owned(),
        "tool_use" => format!("{}!", block["id"].as_str().unwrap()),
        "tool_result" => format!("{}=", block["tool_use_id"].as_str().unwrap()),
        other => other.to_owned(),
    };
    let turn = |turn: &Value| {
        let words: Vec<String> = turn["content"].as_array().unwrap().iter().map(word).collect();
        format!("{}: {}", turn["role"].as_str().unwrap(), words.join("|"))
    };
    body["messages"].as_array().unwrap().iter().map(turn).collect()
}

#[test]
fn the_request_of_an_agent_is_read_and_written() {
    let golden = include_str!("../../../../tests/data/messages_agent_in.json");
    let (request, losses) = read(&serde_json::from_str(golden).unwrap()).unwrap();
    assert_eq!(losses.all(), []);
    assert_eq!(request.extra.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["context_management"]);

    let (body, losses, _) = write_to(request, Format::Messages, "anthropic", "claude-opus-4-8").unwrap();
    let expected: Value = serde_json::from_str(include_str!("../../../../tests/data/messages_agent_out.json")).unwrap();
    assert_eq!(body, expected);
    assert_eq!(losses.all(), []);
}

#[test]
fn what_lives_at_anthropic_is_refused_by_its_name() {
    let check = |name: &str, value: Value, field: &str| {
        let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
        body[name] = value;
        assert_eq!(read(&body).unwrap_err().field.as_deref(), Some(field), "{name}");
    };
    let content = |block: Value| json!([{"role": "user", "content": [block]}]);
    check("max_tokens", json!(0), "max_tokens");
    check("mcp_servers", json!([{"url": "x"}]), "mcp_servers");
    check("container", json!("c"), "container");
    check("messages", content(json!({"type": "novel"})), "messages[0].content[0].type");
    check("messages", content(json!({"type": "container_upload", "file_id": "f"})), "messages[0].content[0].type");
    let file = json!({"type": "image", "source": {"type": "file", "file_id": "f"}});
    check("messages", content(file), "messages[0].content[0].source");
    check("messages", json!([{"role": "tool", "content": "x"}]), "messages[0].role");
    check("messages", json!("hi"), "messages");
    check("messages", Value::Null, "messages");
    check("temperature", json!("hot"), "temperature");
    check("output_config", json!({"effort": "enormous"}), "output_config.effort");
    check("tool_choice", json!({"type": "perhaps"}), "tool_choice.type");
}

#[test]
fn what_nobody_knows_of_a_block_is_told() {
    let content = json!([{"type": "text", "text": "a", "weight": 2, "citations": null},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "b", "weight": 1}], "hurry": true}]);
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}],
        "system": [{"type": "text", "text": "s", "mood": "good"}]});

    let dropped = read(&body).unwrap().1.dropped_header();
    assert_eq!(dropped.as_deref(), Some("system[].mood, messages[].content[].weight, messages[].content[].hurry"));
}

#[test]
fn trap_103_threads_are_refused_with_the_code_sdks_recover_from() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [], "thread": {"id": "t"}});

    assert_eq!(read(&body).unwrap_err().code, Some("thread_unsupported_request"));
}

#[test]
fn trap_087_the_billing_header_is_no_system_text() {
    let read = |text: &str| {
        let system = json!([{"type": "text", "text": text}, {"type": "text", "text": "Be good."}]);
        let body = json!({"model": "m", "max_tokens": 9, "messages": [], "system": system});
        read(&body).unwrap().0.instructions.len()
    };
    assert_eq!(read("x-anthropic-billing-header: cch=00a1b;"), 1);
    // What stands behind it in the same text is for the model.
    assert_eq!(read("x-anthropic-billing-header: cch=00a1b;\n\nYou are an agent."), 2);
    assert_eq!(read("About the x-anthropic-billing-header:"), 2);
}

#[test]
fn trap_104_claude_code_may_say_system_text_between_turns_and_have_a_long_name() {
    let name = "u".repeat(150);
    let messages = json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "now"}]);
    let body = json!({"model": "m", "max_tokens": 9, "messages": messages, "metadata": {"user_id": name}});
    let (request, losses) = read(&body).unwrap();

    assert_eq!((request.user, request.turns[1].role), (Some(name), Role::System));
    assert_eq!(losses.all(), []);
}

#[test]
fn trap_029_steps_of_hosted_tools_are_no_calls() {
    let content = json!([
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "title": "T", "url": "https://t"}]}
    ]);
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": content}]});
    let parts = read(&body).unwrap().0.turns.remove(0).parts;
    let texts = parts.iter().map(|part| match part {
        Part::Hosted(hosted) => hosted.text.as_deref().unwrap(),
        other => panic!("{other:?}"),
    });

    assert_eq!(texts.collect::<Vec<_>>(), [r#"[web_search {"query":"x"}]"#, "T https://t"]);
}

#[test]
fn trap_031_032_and_039_results_stand_first_and_once() {
    let results = Turn::new(Role::User, vec![result("a", vec![words("1"), words("2")]), result("b", vec![])]);
    let turns = vec![
        user("hi"),
        Turn::new(Role::Assistant, vec![words("yes"), call("a", "{}"), call("b", "{}")]),
        results,
        system("hook"),
        user("more"),
    ];
    let (body, ..) = sent(talk(turns), "claude-sonnet-4-5").unwrap();

    assert_eq!(short(&body), ["user: hi", "assistant: yes|a!|b!", "user: a=|b=|<system>hook</system>|more"]);
    assert_eq!(body["messages"][2]["content"][0]["content"].as_array().unwrap().len(), 2);
    assert!(body["messages"][2]["content"][1].get("content").is_none());
}

#[test]
fn trap_034_broken_arguments_are_wrapped_and_told() {
    let check = |input: &str, expected: Value, is_told| {
        let turns = vec![user("hi"), Turn::new(Role::Assistant, vec![call("a", input)]), user("go")];
        let (body, losses, _) = sent(talk(turns), "claude-opus-4-8").unwrap();
        assert_eq!(body["messages"][1]["content"][0]["input"], expected);
        assert_eq!(losses.adjusted_header().is_some(), is_told, "{input}");
    };
    check("", json!({}), false);
    check(r#"{"a":1.0}"#, json!({"a": 1.0}), false);
    check(r#"{"a":"#, json!({"_raw": "{\"a\":"}), true);
    check("[1]", json!({"_raw": "[1]"}), true);
}

#[test]
fn trap_035_system_text_between_turns_goes_where_the_model_follows_it() {
    let check = |model: &str, turns: Vec<Turn>, expected: &[&str], system_texts: usize| {
        let (body, ..) = sent(talk(turns), model).unwrap();
        assert_eq!(short(&body), expected, "{model}");
        assert_eq!(body["system"].as_array().map_or(0, Vec::len), system_texts);
    };
    let late = || vec![system("top"), user("a"), system("now"), user("b"), says("c"), user("d")];
    let wrapped = ["user: a|<system>now</system>|b", "assistant: c", "user: d"];
    check("claude-opus-4-8", late(), &["user: a|b", "system: now", "assistant: c", "user: d"], 1);
    check("claude-sonnet-5", late(), &wrapped, 1);
    check("claude-opus-4-7", late(), &wrapped, 1);
    check("glm-5", late(), &wrapped, 1);
    check("claude-opus-5", vec![user("a"), system("now")], &["user: a", "system: now"], 0);
    let behind = vec![user("a"), says("b"), system("now")];
    check("claude-opus-5", behind, &["user: a", "assistant: b", "user: Continue.", "system: now"], 0);
}

#[test]
fn trap_038_the_last_word_is_the_models_only_where_it_takes_one() {
    let check = |model: &str, expected: &[&str]| {
        let (body, ..) = sent(talk(vec![user("hi"), says("{ ")]), model).unwrap();
        assert_eq!(short(&body), expected, "{model}");
    };
    check("claude-sonnet-4-5", &["user: hi", "assistant: {"]);
    check("claude-opus-4-6", &["user: hi", "assistant: { ", "user: Continue."]);
    check("glm-5", &["user: hi", "assistant: { ", "user: Continue."]);
}

#[test]
fn trap_037_a_conversation_begins_with_the_user_and_nothing_is_empty() {
    let check = |turns: Vec<Turn>, expected: &[&str]| {
        assert_eq!(short(&sent(talk(turns), "claude-opus-5").unwrap().0), expected);
    };
    check(vec![says("hello"), user("hi")], &["user: (conversation so far)", "assistant: hello", "user: hi"]);
    check(vec![system("only")], &["user: (conversation so far)"]);
    let foreign = Part::Thought(Thought { paragraphs: vec!["hm".into()], ..Thought::default() });
    check(vec![user("a"), Turn::new(Role::Assistant, vec![foreign]), user("b")], &["user: a|b"]);
}

#[test]
fn trap_041_an_image_stands_where_it_belongs() {
    let check = |source: Source, expected: Result<Value, &str>| {
        let image = Part::Image(Image { source, detail: None, cache: None });
        let sent = sent(talk(vec![Turn::new(Role::User, vec![image])]), "claude-opus-5");
        let shown = sent.map(|(body, ..)| body["messages"][0]["content"][0]["source"].clone());
        assert_eq!(shown.map_err(|reject| reject.message), expected.map_err(String::from));
    };
    let base64 = |media_type: &str, data: &str| Source::Base64 { media_type: media_type.into(), data: data.into() };
    let png = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
    check(base64("image/png", "iVBORw0KGgo="), Ok(png.clone()));
    check(base64("image/jpeg", "iVBORw0KGgo="), Ok(png));
    check(base64("image/bmp", "Qk0="), Err("the upstream takes no `image/bmp`"));
    check(Source::Url("https://a/b.png".into()), Ok(json!({"type": "url", "url": "https://a/b.png"})));
    check(Source::File("file_1".into()), Err("files of an account can not be translated"));
}

#[test]
fn trap_045_and_046_the_choice_is_carried_with_its_tools() {
    let check = |choice: Option<ToolChoice>, parallel_tools, expected: Value| {
        let request = Request { tools: vec![tool("f")], tool_choice: choice, parallel_tools, ..hi() };
        let (body, ..) = sent(request, "claude-opus-5").unwrap();
        assert_eq!(body.get("tool_choice").cloned().unwrap_or_default(), expected);
        assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    };
    let named = || Some(ToolChoice::Tool(ToolRef { kind: ToolKind::Function, name: "f".into(), namespace: None }));
    check(None, None, Value::Null);
    check(None, Some(true), Value::Null);
    check(None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true}));
    check(Some(ToolChoice::None), Some(false), json!({"type": "none"}));
    check(Some(ToolChoice::Required), None, json!({"type": "any"}));
    check(named(), Some(false), json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}));
}

#[test]
fn trap_047_one_stop_sequence_is_a_list() {
    let (body, ..) = sent(Request { stop: vec!["END".into()], ..hi() }, "claude-opus-5").unwrap();

    assert_eq!(body["stop_sequences"], json!(["END"]));
}

#[test]
fn trap_054_signed_thoughts_stay_as_they_are_and_where_they_are() {
    let thought = |kind, text: &[&str], data: &str| {
        let proof = Some(Proof { kind, data: data.into(), issuer: None });
        let paragraphs = text.iter().map(|text| String::from(*text)).collect();
        Part::Thought(Thought { paragraphs, proof, ..Thought::default() })
    };
    let parts = vec![
        thought(ProofKind::Signature, &[], "s1"),
        thought(ProofKind::Redacted, &[], "r1"),
        call("a", "{}"),
        thought(ProofKind::Signature, &["x\n"], "s2"),
        call("b", "{}"),
    ];
    let (body, losses, _) =
        sent(talk(vec![user("hi"), Turn::new(Role::Assistant, parts), user("go")]), "claude-opus-5").unwrap();
    let blocks = &body["messages"][1]["content"];

    assert_eq!(blocks[0], json!({"type": "thinking", "thinking": "", "signature": "s1"}));
    assert_eq!(blocks[1], json!({"type": "redacted_thinking", "data": "r1"}));
    assert_eq!(blocks[3], json!({"type": "thinking", "thinking": "x\n", "signature": "s2"}));
    assert_eq!(losses.all(), []);
}

#[test]
fn trap_056_and_057_thinking_is_asked_for_in_the_words_of_the_model() {
    let check = |model: &str, effort, thinking: Value, said: Value| {
        let reasoning = Reasoning { effort, ..Reasoning::default() };
        let (body, ..) = sent(Request { reasoning, max_output: Some(20_000), ..hi() }, model).unwrap();
        let of = |value: &Value| value.clone();
        assert_eq!(
            (of(&body["thinking"]), of(&body["output_config"]["effort"])),
            (thinking, said),
            "{model} {effort:?}"
        );
    };
    let adaptive = || json!({"type": "adaptive"});
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    check("claude-opus-4-8", None, Value::Null, Value::Null);
    check("claude-opus-4-8", Some(Effort::Xhigh), adaptive(), json!("xhigh"));
    check("claude-opus-4-8", Some(Effort::Minimal), adaptive(), json!("low"));
    check("claude-opus-4-8", Some(Effort::None), json!({"type": "disabled"}), Value::Null);
    check("claude-opus-4-6", Some(Effort::Xhigh), adaptive(), json!("max"));
    check("claude-fable-5", Some(Effort::None), Value::Null, json!("low"));
    check("claude-haiku-4-5", Some(Effort::Medium), budget(8_192), Value::Null);
    check("claude-haiku-4-5", Some(Effort::Xhigh), budget(19_999), Value::Null);
    check("claude-opus-4-5", Some(Effort::High), budget(16_384), json!("high"));
    check("claude-3-haiku", Some(Effort::High), Value::Null, Value::Null);
    check("glm-5", Some(Effort::Low), budget(2_048), Value::Null);
}

#[test]
fn trap_056_adaptive_thinking_without_an_effort_gets_none() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "thinking": {"type": "adaptive"}});
    let (request, _) = read(&body).unwrap();
    assert_eq!(request.reasoning.wanted(), None);

    let (body, ..) = write_to(request, Format::Messages, "anthropic", "claude-opus-4-8").unwrap();
    assert_eq!((&body["thinking"], body.get("output_config")), (&json!({"type": "adaptive"}), None));
}

#[test]
fn trap_059_a_round_without_its_thoughts_is_gone_on_with_without_thinking() {
    let turns = vec![
        user("hi"),
        Turn::new(Role::Assistant, vec![call("a", "{}")]),
        Turn::new(Role::User, vec![result("a", vec![])]),
    ];
    let reasoning = Reasoning { effort: Some(Effort::High), ..Reasoning::default() };
    let (body, losses, _) = sent(Request { reasoning, ..talk(turns) }, "claude-haiku-4-5").unwrap();

    assert_eq!(body["thinking"], json!({"type": "disabled"}));
    assert!(losses.adjusted_header().unwrap().contains("reasoning_effort"));
}

#[test]
fn a_limit_without_room_for_thinking_leaves_it_out() {
    let reasoning = Reasoning { effort: Some(Effort::High), ..Reasoning::default() };
    let (body, ..) = sent(Request { reasoning, max_output: Some(1_024), ..hi() }, "claude-haiku-4-5").unwrap();

    assert_eq!((body.get("thinking"), &body["max_tokens"]), (None, &json!(1_024)));
}

#[test]
fn the_limit_of_output_is_the_models_when_nobody_says_one() {
    let check = |model: &str, expected: u64| assert_eq!(sent(hi(), model).unwrap().0["max_tokens"], json!(expected));
    check("claude-opus-4-8", 128_000);
    check("glm-5", 8_192);
}

#[test]
fn trap_090_sampling_is_what_the_model_takes() {
    let check = |model: &str, [temperature, top_p]: [Option<f64>; 2], expected: [Value; 2], dropped: Option<&str>| {
        let sampling = Sampling { temperature, top_p, top_k: None };
        let (body, losses, _) = sent(Request { sampling, ..hi() }, model).unwrap();
        assert_eq!([body["temperature"].clone(), body["top_p"].clone()], expected, "{model}");
        let lost = losses.all().iter().find(|loss| loss.kind == LossKind::Dropped).map(|loss| &*loss.field);
        assert_eq!(lost, dropped, "{model}");
    };
    let none = || Value::Null;
    check("claude-3-haiku", [Some(1.8), Some(0.5)], [json!(1.0), json!(0.5)], None);
    check("claude-sonnet-4-5", [Some(0.2), Some(0.5)], [json!(0.2), none()], Some("top_p"));
    check("claude-sonnet-4-5", [None, Some(0.5)], [none(), json!(0.5)], None);
    check("claude-opus-4-8", [Some(0.2), None], [none(), none()], Some("temperature"));
    check("claude-opus-4-8", [Some(1.0), None], [json!(1.0), none()], None);
}

#[test]
fn trap_085_caching_is_asked_for_once_and_by_whoever_asked_first() {
    let check = |provider: &str, client, mark: Option<CacheMark>, expected: (bool, usize)| {
        let text = Text { cache: mark, ..Text::new("hi") };
        let request = talk(vec![Turn::new(Role::User, vec![Part::Text(text)])]);
        let (body, ..) = write_to(request, client, provider, "claude-opus-5").unwrap();
        let marks = body.to_string().matches("cache_control").count();
        assert_eq!((body.get("cache_control").is_some(), marks), expected, "{provider}");
    };
    check("anthropic", Format::Chat, None, (true, 1));
    check("anthropic", Format::Messages, None, (false, 0));
    check("anthropic", Format::Chat, Some(CacheMark::Short), (false, 1));
    check("openrouter", Format::Chat, None, (false, 1));
    check("custom", Format::Chat, None, (false, 0));
    check("custom", Format::Chat, Some(CacheMark::Hour), (false, 0));
}

#[test]
fn trap_086_at_most_four_marks_and_long_ones_first() {
    let part = |mark| Part::Text(Text { cache: Some(mark), ..Text::new("x") });
    let marks = [CacheMark::Short, CacheMark::Hour, CacheMark::Short, CacheMark::Hour, CacheMark::Short];
    let request = talk(vec![Turn::new(Role::User, marks.map(part).to_vec())]);
    let (body, losses, _) = sent(request, "claude-opus-5").unwrap();
    let ttls: Vec<Value> = body["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| {
            block.get("cache_control").map_or(Value::Null, |mark| mark.get("ttl").cloned().unwrap_or(json!("5m")))
        })
        .collect();

    assert_eq!(ttls, [Value::Null, json!("1h"), json!("5m"), json!("5m"), json!("5m")]);
    assert!(losses.adjusted_header().is_some());
}

#[test]
fn trap_088_and_089_the_shape_of_the_answer_is_guaranteed_forced_or_asked_for() {
    let schema = || Json::parse(r#"{"type":"object","properties":{}}"#).unwrap();
    let shape = |schema| Structured::Schema { name: None, description: None, schema, strict: None };
    let ask = |structured, model: &str| sent(Request { structured: Some(structured), ..hi() }, model).unwrap();

    let (body, ..) = ask(shape(schema()), "claude-opus-4-8");
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    assert_eq!(body["output_config"]["format"], json!({"type": "json_schema", "schema": closed}));

    let (body, _, back) = ask(shape(schema()), "claude-3-haiku");
    assert_eq!(body["tool_choice"]["name"], json!("json_response"));
    assert_eq!(back.text_tool.as_deref(), Some("json_response"));

    let (body, losses, _) = ask(Structured::Object, "claude-opus-4-8");
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON object"));
    assert_eq!(body.get("output_config"), None);
    assert!(losses.adjusted_header().unwrap().contains("response_format"));
}

#[test]
fn what_messages_can_not_say_is_refused_or_told() {
    let refused = sent(Request { logprobs: Some(0), ..hi() }, "claude-opus-5").unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("logprobs"));

    let request = Request { verbosity: Some("low".into()), store: Some(true), ..hi() };
    let (_, losses, _) = sent(request, "claude-opus-5").unwrap();
    assert_eq!(losses.dropped_header().as_deref(), Some("verbosity, store"));
}

#[test]
fn strictness_is_carried_where_it_can_be_held() {
    let check = |schema: &str, expected: Value| {
        let schema = Json::parse(schema).ok();
        let strict =
            Tool::Function(FunctionTool { name: "f".into(), schema, strict: Some(true), ..FunctionTool::default() });
        let (body, losses, _) = sent(Request { tools: vec![strict], ..hi() }, "claude-opus-5").unwrap();
        assert_eq!(body["tools"][0].get("strict").cloned().unwrap_or_default(), expected);
        assert_eq!(losses.dropped_header().is_some(), expected.is_null());
    };
    check(r#"{"type":"object","properties":{},"additionalProperties":false}"#, json!(true));
    check(r#"{"type":"object","properties":{"a":{}}}"#, Value::Null);
}

/// Adjacent turns of one role are one, as the writer leaves them.
fn merged(turns: Vec<Turn>) -> Vec<Turn> {
    let mut all: Vec<Turn> = Vec::new();
    for turn in turns {
        match all.last_mut() {
            Some(last) if last.role == turn.role => last.parts.extend(turn.parts),
            _ => all.push(turn),
        }
    }
    all
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(request in arbitrary::request()) {
        let translation = translation(Format::Messages, Format::Messages, "custom", "model-1");
        let (mut losses, mut back) = (Losses::strict(Format::Messages), WayBack::new(&translation, &request));
        let body = write_request(&request, &translation, &mut losses, &mut back).unwrap();
        prop_assert_eq!(&body, &write_request(&request, &translation, &mut losses, &mut back).unwrap());
        let again = read_request(&body, &mut losses).unwrap();
        let expected = Request {
            turns: merged(request.turns.clone()),
            max_output: request.max_output.or(Some(8_192)),
            include_usage: true,
            ..request
        };
        prop_assert_eq!(again, expected);
    }

    #[test]
    fn no_bytes_break_the_reader(bytes: Vec<u8>, pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        let mut losses = Losses::new(Format::Messages);
        let _ = read_request(&bytes, &mut losses);
        let _ = read_request(pieces.concat().as_bytes(), &mut losses);
        let nested = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{}]}}]}}"#, pieces.concat());
        let _ = read_request(nested.as_bytes(), &mut losses);
    }
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1",
    "\"\"",
    "\"type\":",
    "\"text\"",
    "\"messages\":",
    "\"content\":",
    r#"{"type":"text","text":"a"}"#,
    r#"{"type":"tool_use","id":"a","name":"b"}"#,
    r#"{"type":"image","source":{}}"#,
];
