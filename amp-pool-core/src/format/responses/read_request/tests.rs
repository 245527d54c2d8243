use proptest::prelude::*;

use super::*;
use crate::format::{
    Format,
    canonical::{Call, Input, Part, ProofKind, Role, Source, Tool, ToolChoice, Turn},
};

fn read(body: &str) -> (Request, Losses) {
    let mut losses = Losses::new(Format::Responses);
    let request = read_request(body.as_bytes(), &mut losses).unwrap();
    (request, losses)
}

fn with(members: &str) -> (Request, Losses) {
    read(&format!(r#"{{"model":"m","input":"hi",{members}}}"#))
}

fn turns(items: &str) -> Vec<Turn> {
    read(&format!(r#"{{"model":"m","input":[{items}]}}"#)).0.turns
}

fn refused(body: &str) -> (Option<String>, Option<&'static str>) {
    let reject = read_request(body.as_bytes(), &mut Losses::new(Format::Responses)).unwrap_err();
    (reject.field.map(std::borrow::Cow::into_owned), reject.code)
}

#[test]
fn what_follows_one_another_in_the_model_is_one_turn() {
    let turns = turns(
        r#"{"role":"user","content":"go"},
        {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"e"},
        {"type":"message","role":"assistant","id":"msg_1","phase":"commentary","content":[{"type":"output_text","text":"a"}]},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"b\": 1.0}"},
        {"type":"function_call_output","call_id":"c1","output":"r"},
        {"role":"developer","content":[{"type":"input_text","text":"d"}]}"#,
    );
    let roles: Vec<Role> = turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User, Role::Developer]);

    let [Part::Thought(thought), Part::Text(text), Part::Call(call)] = &turns[1].parts[..] else { panic!("{turns:?}") };
    assert_eq!(thought.proof.as_ref().unwrap().kind, ProofKind::Encrypted);
    assert_eq!(text.phase, Some(crate::format::canonical::Phase::Commentary));
    // Opaque: not parsed and printed again.
    assert_eq!(call.input.as_str(), "{\"b\": 1.0}");
}

#[test]
fn tools_that_stand_in_the_conversation_are_offered() {
    let (request, losses) = read(
        r#"{"model":"m","tools":[{"type":"function","name":"first"}],"input":[
        {"type":"additional_tools","id":"at_1","role":"developer","tools":[
            {"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec"}]},
            {"type":"function","name":"wait"}]},
        {"role":"user","content":"go"}]}"#,
    );

    let names: Vec<_> = request.tools.iter().filter_map(Tool::name).collect();
    assert_eq!(names, ["first", "exec", "wait"]);
    assert!(matches!(&request.tools[1], Tool::Custom(tool) if tool.namespace.as_deref() == Some("functions")));
    assert_eq!(request.turns.len(), 1, "an offer is no turn");
    assert!(losses.all().is_empty(), "{losses:?}");
}

#[test]
fn a_broken_tool_in_the_conversation_is_named() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"go"},
        {"type":"additional_tools","tools":[{"type":"teleport"}]}]}"#;

    assert_eq!(refused(body).0.as_deref(), Some("input[1].tools[0].type"));
}

#[test]
fn what_nobody_knows_of_an_item_is_told_and_what_only_its_maker_knows_is_not() {
    let (_, losses) = read(
        r#"{"model":"m","input":[
            {"type":"message","id":"msg_1","status":"completed","role":"assistant","mood":1,
                "content":[{"type":"output_text","text":"a","annotations":[],"logprobs":[],"weight":2}]},
            {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null,"status":null},
            {"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}","hurry":true},
            {"type":"function_call_output","call_id":"c","output":"x","hurry":true},
            {"type":"web_search_call","id":"ws_1","action":{"type":"search","query":"q"},"more":1}]}"#,
    );

    let dropped = losses.dropped_header();
    assert_eq!(dropped.as_deref(), Some("input[].content[].weight, input[].mood, input[].hurry"));
}

#[test]
fn trap_033_results_without_calls_are_read_as_they_came() {
    let turns =
        turns(r#"{"type":"function_call_output","call_id":"gone","output":[{"type":"input_text","text":"r"}]}"#);

    assert!(matches!(&turns[0].parts[..], [Part::Result(result)] if result.call == "gone"), "{turns:?}");
}

#[test]
fn trap_043_custom_tools_and_calls_stay_custom() {
    let (request, _) = read(
        r#"{"model":"m","input":[{"type":"custom_tool_call","call_id":"c","name":"p","input":"*** Begin"}],
        "tools":[{"type":"custom","name":"p","format":{"type":"grammar","syntax":"lark","definition":"start: x"}}]}"#,
    );
    let [Part::Call(Call { input: Input::Text(input), .. })] = &request.turns[0].parts[..] else { panic!() };
    let [Tool::Custom(tool)] = &request.tools[..] else { panic!() };

    assert_eq!(input, "*** Begin");
    assert_eq!(tool.grammar.as_ref().unwrap().get(), r#"{"syntax":"lark","definition":"start: x"}"#);
}

#[test]
fn trap_049_what_needs_state_at_the_provider_is_refused() {
    let check = |member: &str, field: &str| {
        let body = format!(r#"{{"model":"m","input":"hi",{member}}}"#);
        assert_eq!(refused(&body), (Some(field.to_owned()), Some("unsupported_parameter")));
    };
    check(r#""previous_response_id":"resp_1""#, "previous_response_id");
    check(r#""conversation":{"id":"c"}"#, "conversation");
    check(r#""prompt":{"id":"p"}"#, "prompt");
    check(r#""background":true"#, "background");
    assert_eq!(
        refused(r#"{"model":"m","input":[{"type":"item_reference","id":"i"}]}"#),
        (Some("input[0]".to_owned()), Some("unsupported_parameter"))
    );
    with(r#""previous_response_id":null,"background":false,"truncation":"disabled""#);
}

#[test]
fn trap_105_what_codex_sends_is_taken() {
    let (request, losses) = read(
        r#"{"model":"m","instructions":"i","client_metadata":{"a":"b"},"store":false,"stream":true,
        "input":[{"type":"message","id":"msg_1","role":"user","content":[{"type":"input_text","text":"hi"}]},
        {"type":"reasoning","summary":[],"content":null,"encrypted_content":"e"}],
        "tools":[{"type":"namespace","name":"fs","description":"d","tools":[{"type":"function","name":"read","parameters":{}}]}],
        "tool_choice":"auto","parallel_tool_calls":false,"reasoning":{"effort":"high","summary":"auto"},
        "include":["reasoning.encrypted_content"],"prompt_cache_key":"k","text":{"verbosity":"low"}}"#,
    );
    let Tool::Function(tool) = &request.tools[0] else { panic!("{request:?}") };

    assert_eq!((tool.namespace.as_deref(), &*tool.name), (Some("fs"), "read"));
    assert_eq!((request.cache.key.as_deref(), request.verbosity.as_deref()), (Some("k"), Some("low")));
    assert_eq!((request.reasoning.effort, request.parallel_tools), (Some(Effort::High), Some(false)));
    assert_eq!(request.extra.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["client_metadata"]);
    assert_eq!(losses.dropped_header().as_deref(), Some("tools[0].description"));
}

#[test]
fn media_is_read_wherever_it_is() {
    let check = |part: &str, expected: Source| {
        let turns = turns(&format!(r#"{{"role":"user","content":[{part}]}}"#));
        let (Part::Image(crate::format::canonical::Image { source, .. })
        | Part::Document(crate::format::canonical::Document { source, .. })) = &turns[0].parts[0]
        else {
            panic!("{turns:?}")
        };
        assert_eq!(source, &expected);
    };
    let base64 = |media_type: &str| Source::Base64 { media_type: media_type.into(), data: "AA".into() };
    check(r#"{"type":"input_image","image_url":"data:image/png;base64,AA"}"#, base64("image/png"));
    check(r#"{"type":"input_image","image_url":"https://a"}"#, Source::Url("https://a".into()));
    check(r#"{"type":"input_image","file_id":"f"}"#, Source::File("f".into()));
    check(
        r#"{"type":"input_file","filename":"a","file_data":"data:text/plain;base64,aGk="}"#,
        Source::Text("hi".into()),
    );
    check(r#"{"type":"input_file","file_data":"AA"}"#, base64("application/pdf"));
    check(r#"{"type":"input_file","file_url":"https://a"}"#, Source::Url("https://a".into()));
}

#[test]
fn a_choice_is_read_in_every_shape() {
    let check = |json: &str, is_it: fn(&ToolChoice) -> bool| {
        let (request, _) = with(&format!(r#""tool_choice":{json}"#));
        assert!(request.tool_choice.as_ref().is_some_and(is_it), "{json}");
    };
    check(r#""required""#, |choice| *choice == ToolChoice::Required);
    check(r#"{"type":"custom","name":"p"}"#, |choice| matches!(choice, ToolChoice::Tool(tool) if tool.name == "p"));
    check(r#"{"type":"web_search"}"#, |choice| matches!(choice, ToolChoice::Hosted(_)));
    check(
        r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]}"#,
        |choice| matches!(choice, ToolChoice::Allowed { is_required: true, tools } if tools[0].name == "f"),
    );
}

#[test]
fn what_is_wrong_is_refused_by_its_path() {
    let check = |body: &str, field: Option<&str>| assert_eq!(refused(body).0.as_deref(), field, "{body}");
    check("[]", None);
    check("{", None);
    check(r#"{"input":"hi"}"#, Some("model"));
    check(r#"{"model":"m"}"#, Some("input"));
    check(r#"{"model":"m","input":[]}"#, Some("input"));
    check(r#"{"model":"m","input":[{"type":"compaction"}]}"#, Some("input[0]"));
    check(r#"{"model":"m","input":[{"role":"user","content":[{"type":"new"}]}]}"#, Some("input[0].content[0].type"));
    check(r#"{"model":"m","input":"hi","tools":[{"type":"new"}]}"#, Some("tools[0].type"));
    check(r#"{"model":"m","input":"hi","reasoning":{"effort":"extreme"}}"#, Some("reasoning.effort"));
    check(r#"{"model":"m","input":"hi","temperature":"warm"}"#, Some("temperature"));
}

#[test]
fn nothing_is_lost_in_silence() {
    let (_, losses) =
        with(r#""include":["web_search_call.action.sources"],"reasoning":{"context":"all"},"text":{"new":1}"#);

    let dropped = losses.dropped_header().unwrap();
    assert_eq!(dropped, "include.web_search_call.action.sources, text.new, reasoning.context");
}

#[test]
fn the_answer_will_repeat_what_the_client_wrote() {
    let (request, _) = with(r#""temperature":0.50,"tools":[],"metadata":null"#);
    let echo: Vec<(&str, &str)> = request.echo.iter().map(|(name, value)| (name.as_str(), value.get())).collect();

    assert_eq!(echo, [("temperature", "0.50"), ("tools", "[]")]);
}

proptest! {
    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..256), text in "[\\[\\]{}:,\"a-z0-9]{0,64}") {
        let _ = read_request(&bytes, &mut Losses::new(Format::Responses));
        let _ = read_request(text.as_bytes(), &mut Losses::new(Format::Responses));
        let body = format!(r#"{{"model":"m","input":[{text}],"tools":[{text}]}}"#);
        let _ = read_request(body.as_bytes(), &mut Losses::new(Format::Responses));
    }
}
