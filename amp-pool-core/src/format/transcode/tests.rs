use super::*;
use crate::{
    format::{
        Format, Problem, Scanner,
        canonical::{
            BlockKind, Collected, Delta, Event, Finish, FinishReason, Grammar, Input, Issuer, Json, Part, Proof,
            ProofKind, Request, Role, Started, Thought, ThoughtKind, Turn, arbitrary,
        },
        capability::Dialect,
    },
    id::CallId,
    time::Timestamp,
};
use proptest::prelude::*;

/// A translation as tests need one; the model is known by the same name on both sides.
pub(in crate::format) fn translation(client: Format, upstream: Format, provider: &str, model: &str) -> Translation {
    let seal = SealKey::derive(b"secret", "tenant");
    let issuer = Issuer { format: upstream, provider: provider.into(), account: seal.tag("account") };
    Translation {
        client,
        upstream,
        call: CallId::new(Timestamp::from_millis(1_000), &[7; 10]),
        created: Timestamp::from_millis(1_000),
        model: model.into(),
        asked_model: model.into(),
        dialect: Dialect::find(provider),
        issuer,
        seal,
        policy: Policy::default(),
    }
}

/// What an answer needs to know of an empty request.
pub(in crate::format) fn way_back(client: Format, upstream: Format) -> WayBack {
    WayBack::new(&translation(client, upstream, "custom", "m"), &Request::default())
}

fn passed(back: &WayBack, events: Vec<Event>) -> Vec<Event> {
    let (mut stages, mut out) = (answer::Answer::new(back), Vec::new());
    events.into_iter().for_each(|event| stages.pass(event, &mut out));
    out
}

fn block(kind: BlockKind, deltas: Vec<Delta>) -> Vec<Event> {
    let mut events = vec![Event::Started(Started::default()), Event::BlockStarted { index: 0, kind }];
    events.extend(deltas.into_iter().map(|delta| Event::Delta { index: 0, delta }));
    events.push(Event::BlockEnded { index: 0, is_complete: true });
    events.push(Event::Finished(Finish::new(FinishReason::Calls)));
    events
}

/// Gives a thought of the upstream to the client and back, and says what arrives.
fn returned(sent: &Translation, again: &Translation, deltas: Vec<Delta>) -> Option<Thought> {
    let back = WayBack::new(sent, &Request::default());
    let events = passed(&back, block(BlockKind::Thought(ThoughtKind::Summary), deltas));
    let parts: Vec<Part> = Collected::of(events).blocks.into_iter().map(|block| block.part).collect();
    let mut request = Request { turns: vec![Turn::new(Role::Assistant, parts)], ..Request::default() };
    thoughts::resolve(&mut request, again, &mut crate::format::Losses::new(again.client)).unwrap();
    request.turns[0].parts.iter().find_map(|part| match part {
        Part::Thought(thought) => Some(thought.clone()),
        _ => None,
    })
}

#[test]
fn a_thought_comes_home_as_it_was_and_elsewhere_without_its_proof() {
    let home = translation(Format::Chat, Format::Messages, "anthropic", "m");
    let other =
        Translation { issuer: Issuer { account: home.seal.tag("other"), ..home.issuer.clone() }, ..home.clone() };
    let proof = || Proof { kind: ProofKind::Signature, data: "sig==".into(), issuer: None };
    let deltas = || vec![Delta::Text("one".into()), Delta::Paragraph, Delta::Text("two".into()), Delta::Proof(proof())];
    let text = vec!["one".to_owned(), "two".to_owned()];

    let thought = returned(&home, &home, deltas()).unwrap();
    assert_eq!(thought.paragraphs, text);
    assert_eq!(thought.proof, Some(Proof { issuer: Some(home.issuer.clone()), ..proof() }));

    let thought = returned(&home, &other, deltas()).unwrap();
    assert_eq!((thought.paragraphs, thought.proof), (text, None));

    let silent = || vec![Delta::Proof(proof())];
    assert_eq!(returned(&home, &home, silent()).unwrap().proof.unwrap().data, "sig==");
    assert_eq!(returned(&home, &other, silent()), None);
}

#[test]
fn a_thought_without_a_proof_gets_one_of_ours() {
    let home = translation(Format::Messages, Format::Chat, "deepseek", "m");
    let back = WayBack::new(&home, &Request::default());
    let events = passed(&back, block(BlockKind::Thought(ThoughtKind::Raw), vec![Delta::Text("hm".into())]));
    let proofs = events.iter().filter(|event| matches!(event, Event::Delta { delta: Delta::Proof(_), .. })).count();
    assert_eq!(proofs, 1);

    let thought = returned(&home, &home, vec![Delta::Text("hm".into())]).unwrap();
    assert_eq!((thought.paragraphs, thought.proof), (vec!["hm".to_owned()], None));
}

#[test]
fn hidden_reasoning_is_proved_and_not_shown() {
    let mut back = way_back(Format::Responses, Format::Messages);
    back.is_reasoning_hidden = true;
    let events = block(BlockKind::Thought(ThoughtKind::Raw), vec![Delta::Text("secret".into())]);
    let answer = Collected::of(passed(&back, events));

    let Part::Thought(thought) = &answer.blocks[0].part else { panic!("{answer:?}") };
    assert_eq!((thought.text(), thought.proof.is_some()), (String::new(), true));
}

#[test]
fn a_call_is_shown_as_the_client_knows_it() {
    let mut back = way_back(Format::Responses, Format::Chat);
    let sent = back.names.sent(Some("fs"), "apply patch", 64);
    back.customs.insert(sent.to_string());
    let deltas = vec![Delta::Input("{\"input\":\"a\\n".into()), Delta::Input("b\"}".into())];
    let answer = Collected::of(passed(&back, block(BlockKind::function("functions.f:0", sent), deltas)));

    let call = answer.calls().next().unwrap();
    assert_eq!((call.namespace.as_deref(), &*call.name), (Some("fs"), "apply patch"));
    assert_eq!((&*call.id, &call.input), ("ampx_functions_2Ef_3A0", &Input::Text("a\nb".into())));
}

#[test]
fn half_a_call_is_an_error_unless_the_answer_says_that_it_was_cut() {
    for client in Format::ALL {
        let check = |reason: FinishReason, is_answer: bool| {
            let mut events = block(BlockKind::function("c", "f"), vec![Delta::Input("{\"a\":".into())]);
            events.truncate(3);
            events.push(Event::BlockEnded { index: 0, is_complete: false });
            events.push(Event::Finished(Finish::new(reason.clone())));
            let answer = Collected::of(passed(&way_back(client, Format::Chat), events));
            assert_eq!(answer.failure.is_none(), is_answer, "{client} {reason:?}");
        };
        check(FinishReason::End, false);
        check(FinishReason::Calls, false);
        check(FinishReason::Length, true);
        check(FinishReason::Refusal { category: None }, true);
    }
}

#[test]
fn calls_with_one_id_are_told_apart() {
    let called = |index| {
        let kind = BlockKind::function("same", "f");
        [Event::BlockStarted { index, kind }, Event::BlockEnded { index, is_complete: true }]
    };
    let events = [Event::Started(Started::default())].into_iter().chain([0, 1, 2].into_iter().flat_map(called));
    let back = way_back(Format::Responses, Format::Messages);
    let answer = Collected::of(passed(&back, events.collect()));
    let ids: Vec<&str> = answer.calls().map(|call| call.id.as_str()).collect();

    assert_eq!(ids[0], "same");
    assert!(ids[1] != ids[2] && ids[1].starts_with("call_") && ids[2].starts_with("call_"), "{ids:?}");
}

#[test]
fn a_forced_shape_is_the_text_of_the_answer() {
    let mut back = way_back(Format::Chat, Format::Messages);
    back.text_tool = Some("json_response".into());
    let mut events = block(BlockKind::Text { phase: None }, vec![Delta::Text("Here:".into())]);
    events.pop();
    events.extend([
        Event::BlockStarted { index: 1, kind: BlockKind::function("c", "json_response") },
        Event::Delta { index: 1, delta: Delta::Input("{\"a\":1}".into()) },
        Event::BlockEnded { index: 1, is_complete: true },
        Event::Finished(Finish::new(FinishReason::Calls)),
    ]);
    let answer = Collected::of(passed(&back, events));

    assert_eq!((answer.text(), answer.calls().count()), ("{\"a\":1}".to_owned(), 0));
    assert_eq!(answer.finish, Some(Finish::new(FinishReason::End)));
}

#[test]
fn a_stream_that_breaks_off_ends_once_and_in_an_error() {
    for client in Format::ALL {
        let mut transcoder = Transcoder::new(way_back(client, Format::Chat));
        let mut out = Vec::new();
        transcoder.feed(b": nothing\n\n", &mut out);
        transcoder.finish(&mut out);
        assert!(transcoder.is_over());
        let length = out.len();
        transcoder.finish(&mut out);
        let again = Problem { status: 500, kind: "internal", message: "m", field: None, code: None, call: "c" };
        transcoder.fail(&again, &mut out);
        transcoder.feed(b"data: {}\n\n", &mut out);
        assert_eq!(out.len(), length);

        let mut messages = Vec::new();
        Scanner::new().feed(&out, |event| messages.extend(crate::format::Failure::in_event(&event)));
        assert!(!messages.is_empty());
        assert!(messages.iter().all(|failure| failure.message.contains("closed the connection")), "{messages:?}");
    }
}

#[test]
fn trap_100_two_answers_in_one_stream_are_an_error_to_a_client_that_wants_it_whole() {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","model":"m","content":[],"usage":{}}}"#;
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
    let lines = [start, start, end, r#"{"type":"message_stop"}"#].map(|line| format!("data: {line}\n\n"));
    let back = way_back(Format::Chat, Format::Messages);

    assert_eq!(back.whole(200, lines.concat().as_bytes()).status, 502);
    assert_eq!(back.whole(200, lines[1..].concat().as_bytes()).status, 200);
}

#[test]
fn an_error_in_one_piece_is_understood_in_a_stream_and_whole() {
    let back = way_back(Format::Messages, Format::Chat);
    let body = br#"{"error":{"message":"maximum context length is 9","code":"context_length_exceeded"}}"#;
    let mut transcoder = Transcoder::new(back.clone());
    let mut out = Vec::new();
    transcoder.feed(&body[..20], &mut out);
    transcoder.feed(&body[20..], &mut out);
    transcoder.finish(&mut out);
    let whole = back.whole(200, body);

    assert!(String::from_utf8(out).unwrap().contains("prompt is too long"));
    assert_eq!(whole.status, 400);
    assert!(Json::parse(std::str::from_utf8(&whole.body).unwrap()).is_ok());
    assert_eq!(back.error(429, b"{}").status, 429);
    assert_eq!(way_back(Format::Chat, Format::Messages).error(529, b"").status, 503);
}

proptest! {
    #[test]
    fn the_stages_keep_the_grammar(events in arbitrary::events()) {
        for client in Format::ALL {
            let mut back = way_back(client, Format::Chat);
            back.stops = vec!["word".into()];
            let mut grammar = Grammar::new();
            for event in passed(&back, events.clone()) {
                prop_assert_eq!(grammar.check(&event), Ok(()));
            }
            prop_assert!(grammar.has_ended());
        }
    }
}
