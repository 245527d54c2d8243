//! A conversation that goes on sends the upstream what it was sent before, to the byte, and then more: else no prompt cache
//! would ever be met again.

#![allow(clippy::unwrap_used, clippy::panic)]

use amp_pool_core::{
    format::{Format, Translation},
    id::CallId,
    testkit,
    time::Timestamp,
};
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

/// What happens between two messages of the user.
#[derive(Debug, Clone)]
enum Round {
    Said { user: String, assistant: String },
    Called { id: String, path: String, result: String },
}

fn round() -> impl Strategy<Value = Round> {
    // Some ids are legal everywhere, others are not.
    let id = "[a-z]{1,8}[.:_a-z]{0,50}";
    prop_oneof![
        ("[a-z \"é\n]{1,20}x", "[a-z ]{1,20}y").prop_map(|(user, assistant)| Round::Said { user, assistant }),
        (id, "[a-z/]{1,12}", "[a-z \n]{0,30}").prop_map(|(id, path, result)| Round::Called { id, path, result }),
    ]
}

impl Round {
    fn turns(&self, client: Format, number: usize) -> Vec<Value> {
        let (id, path, result) = match self {
            Self::Said { user, assistant } => {
                return vec![
                    json!({"role": "user", "content": user}),
                    json!({"role": "assistant", "content": assistant}),
                ];
            }
            Self::Called { id, path, result } => (format!("{id}{number}"), path, result),
        };
        let arguments = json!({"path": path}).to_string();
        match client {
            Format::Chat => vec![
                json!({"role": "assistant", "tool_calls": [{
                    "id": id, "type": "function", "function": {"name": "read", "arguments": arguments}}]}),
                json!({"role": "tool", "tool_call_id": id, "content": result}),
            ],
            Format::Messages => vec![
                json!({"role": "assistant", "content": [{
                    "type": "tool_use", "id": id, "name": "read", "input": {"path": path}}]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result}]}),
            ],
            Format::Responses => vec![
                json!({"type": "function_call", "call_id": id, "name": "read", "arguments": arguments}),
                json!({"type": "function_call_output", "call_id": id, "output": result}),
            ],
        }
    }
}

fn request(client: Format, rounds: &[Round], last: &str) -> Value {
    let mut turns = vec![json!({"role": "user", "content": "Begin."})];
    turns.extend(rounds.iter().enumerate().flat_map(|(number, round)| round.turns(client, number)));
    turns.push(json!({"role": "user", "content": last}));
    let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
    let function = json!({"name": "read", "parameters": schema});
    match client {
        Format::Chat => {
            json!({"model": "m", "messages": turns, "tools": [{"type": "function", "function": function}]})
        }
        Format::Messages => {
            let tools = json!([{"name": "read", "input_schema": schema}]);
            json!({"model": "m", "max_tokens": 100, "system": "Be brief.", "messages": turns, "tools": tools})
        }
        Format::Responses => {
            let tools = json!([{"type": "function", "name": "read", "parameters": schema}]);
            json!({"model": "m", "instructions": "Be brief.", "store": false, "input": turns, "tools": tools})
        }
    }
}

fn translation(client: Format, upstream: Format, call: u8) -> Translation {
    let (provider, model) = match upstream {
        Format::Chat => ("openai", "gpt-4.1"),
        Format::Messages => ("anthropic", "claude-sonnet-4-5"),
        Format::Responses => ("openai", "gpt-5.1"),
    };
    // Another call at another time: nothing of that may stand in the body.
    let at = Timestamp::from_millis(1_000 * i64::from(call));
    Translation {
        call: CallId::new(at, &[call; 10]),
        created: at,
        ..testkit::translation(client, upstream, provider, model)
    }
}

/// The members of a body without its turns, and its turns.
fn taken_apart(body: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
    let members: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).unwrap();
    let is_turns = |name: &str| name == "messages" || name == "input";
    let turns = members.iter().find(|(name, _)| is_turns(name)).unwrap().1;
    let turns: Vec<Box<RawValue>> = serde_json::from_str(turns.get()).unwrap();
    let rest =
        members.iter().filter(|(name, _)| !is_turns(name)).map(|(name, value)| (name.clone(), value.to_string()));
    (rest.collect(), turns.iter().map(ToString::to_string).collect())
}

fn check(client: Format, upstream: Format, rounds: &[Round]) {
    let sent = |rounds: &[Round], last: &str, call: u8| {
        let body = request(client, rounds, last).to_string();
        let sent = translation(client, upstream, call).request(body.as_bytes()).unwrap();
        taken_apart(&sent.body)
    };
    let (members, whole) = sent(rounds, "Go on.", 200);
    for before in 0..rounds.len() {
        let (members_before, turns) = sent(&rounds[..before], "Go on.", u8::try_from(before).unwrap());
        assert_eq!(members_before, members, "{client} over {upstream}");
        // The last turn is the new message, or ends with it. What stands before may have been gone on with in its turn.
        let kept = &turns[..turns.len() - 1];
        let Some((open, closed)) = kept.split_last() else { continue };
        let goes_on = whole.get(closed.len()).is_some_and(|turn| turn.starts_with(open.trim_end_matches(['}', ']'])));
        let is_same = whole.starts_with(closed) && goes_on;
        assert!(is_same, "{client} over {upstream}: {kept:#?}\nis no beginning of\n{whole:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sent_before_is_sent_again_to_the_byte(rounds in prop::collection::vec(round(), 1..6)) {
        for client in Format::ALL {
            for upstream in Format::ALL.into_iter().filter(|upstream| *upstream != client) {
                check(client, upstream, &rounds);
            }
        }
    }
}
