//! What other gateways got wrong, by number: `traps.md` says for each of them which tests hold us to better, and this holds
//! the page to the sources; `UPDATE=1` writes the names anew. Below are the traps that only a whole translation can show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use amp_pool_core::{
    format::{Format, Meter, Sent, Transcoder, count_tokens},
    testkit::translation,
};
use bytes::Bytes;
use serde_json::{Value, json};

const CAN_NOT: &str = "can not arise: ";

/// The page, with the names of the tests written anew if that is asked for.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps.md");
    let page = fs::read_to_string(&path).unwrap();
    if std::env::var_os("UPDATE").is_none() {
        return page;
    }
    let tests = tests();
    let page: String = page.lines().map(|line| format!("{}\n", updated(line, &tests))).collect();
    fs::write(&path, &page).unwrap();
    page
}

/// A line of the page with all tests of its trap. A reason stays.
fn updated(line: &str, tests: &BTreeSet<String>) -> String {
    let Some((number, shown)) = row(line).filter(|(_, shown)| !shown.starts_with(CAN_NOT)) else {
        return line.to_owned();
    };
    let named = tests.iter().filter(|name| numbers(name).contains(&number)).map(|name| format!("`{name}`"));
    let head = line.strip_suffix(" |").and_then(|line| line.strip_suffix(shown)).unwrap();
    format!("{head}{} |", named.collect::<Vec<_>>().join(", "))
}

/// The number of a row, and what shows it.
fn row(line: &str) -> Option<(u32, &str)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.splitn(3, " | ");
    Some((cells.next()?.parse().ok()?, cells.nth(1)?))
}

/// The traps that a test is named after: `trap_031_032_and_039_…`.
fn numbers(name: &str) -> Vec<u32> {
    let words = name.split('_').skip(1);
    words
        .take_while(|word| *word == "and" || word.parse::<u32>().is_ok())
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The names of tests in a cell.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|name| name.starts_with("trap_"))
}

/// Every test of the repository that is named after a trap.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for folder in ["amp-pool-core/src", "amp-pool-core/tests", "amp-pool-server/src", "amp-pool-server/tests"] {
        collect(&root.join(folder), &mut files);
    }
    let source = |file: &PathBuf| fs::read_to_string(file).unwrap();
    let defined = |text: String| {
        let names = ["fn trap_", "def test_trap_"].map(|start| {
            let found = text.match_indices(start).map(|(at, _)| {
                let rest = &text[at + start.len() - "trap_".len()..];
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
            });
            found.collect::<Vec<_>>()
        });
        names.concat()
    };
    let is_numbered = |name: &String| name.as_bytes().get("trap_".len()).is_some_and(u8::is_ascii_digit);
    files.iter().map(source).flat_map(defined).filter(is_numbered).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "node_modules" {
            collect(&path, files);
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            files.push(path);
        }
    }
}

#[test]
fn every_trap_has_a_test_or_a_reason_why_it_can_not_arise() {
    let (page, tests) = (page(), tests());
    let rows: Vec<(u32, &str)> = page.lines().filter_map(row).collect();
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=105).collect::<Vec<_>>());
    for (number, shown) in &rows {
        for name in names(shown) {
            assert!(numbers(name).contains(number), "{name} is not named after trap {number}");
            assert!(tests.contains(name), "there is no test {name}");
        }
        let is_settled = names(shown).next().is_some() || shown.starts_with(CAN_NOT);
        assert!(is_settled, "trap {number} has neither a test nor a reason");
    }
    for test in &tests {
        for number in numbers(test) {
            let is_told = rows.iter().any(|(of, shown)| *of == number && names(shown).any(|name| name == test));
            assert!(is_told, "{test} is missing in traps.md: UPDATE=1 cargo test -p amp-pool-core --test traps");
        }
    }
}

/// A request to the plainest upstream of a format.
fn sent(client: Format, upstream: Format, body: &Value) -> Sent {
    translation(client, upstream, "custom", "m").request(body.to_string().as_bytes()).unwrap()
}

/// The shortest request of a client.
fn hello(client: Format) -> Value {
    let turns = json!([{"role": "user", "content": "hi"}]);
    match client {
        Format::Chat => json!({"model": "m", "messages": turns}),
        Format::Messages => json!({"model": "m", "max_tokens": 100, "messages": turns}),
        Format::Responses => json!({"model": "m", "input": turns}),
    }
}

fn sse(events: &[Value]) -> Vec<u8> {
    events.iter().flat_map(|event| format!("data: {event}\n\n").into_bytes()).collect()
}

/// The data of a client's stream, `[DONE]` left out.
fn streamed(sent: &Sent, events: &[Value]) -> Vec<Value> {
    let (mut transcoder, mut out) = (Transcoder::new(sent.back.clone()), Vec::new());
    transcoder.feed(&sse(events), &mut out);
    transcoder.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// An answer of Messages with these blocks, streamed.
fn message(blocks: &[Value], reason: &str) -> Vec<Value> {
    let start = json!({"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}});
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (index, block) in blocks.iter().enumerate() {
        let (begin, delta) = match block["type"].as_str().unwrap() {
            "text" => (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": block["text"]})),
            _ => (
                json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
                json!({"type": "input_json_delta", "partial_json": block["input"].to_string()}),
            ),
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": begin}));
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}}));
    events.push(json!({"type": "message_stop"}));
    events
}

#[test]
fn trap_017_and_018_all_is_said_in_choice_0_and_by_one_role() {
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}});
    let blocks = [json!({"type": "text", "text": "a"}), json!({"type": "text", "text": "b"}), call];
    let chunks = streamed(&sent(Format::Chat, Format::Messages, &hello(Format::Chat)), &message(&blocks, "tool_use"));

    assert!(chunks.len() > 5);
    assert!(chunks.iter().all(|chunk| chunk["choices"][0]["index"] == 0), "{chunks:?}");
    let roles = chunks.iter().map(|chunk| chunk["choices"][0]["delta"]["role"].clone()).collect::<Vec<_>>();
    assert_eq!(roles[0], "assistant");
    assert!(roles[1..].iter().all(Value::is_null), "{roles:?}");
}

#[test]
fn trap_042_the_whole_schema_of_a_tool_is_sent_in_its_order() {
    let schema = r##"{"type":"object","description":"d","properties":{"z":{"anyOf":[{"type":"string"},{"type":"null"}],"description":"x"},"a":{"$ref":"#/$defs/n"}},"required":["z"],"additionalProperties":false,"$defs":{"n":{"type":"integer","minimum":1}}}"##;
    for client in Format::ALL {
        let mut body = hello(client).to_string();
        let tool = match client {
            Format::Chat => format!(r#"{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}"#),
            Format::Messages => format!(r#"{{"name":"f","input_schema":{schema}}}"#),
            Format::Responses => format!(r#"{{"type":"function","name":"f","parameters":{schema},"strict":false}}"#),
        };
        body.truncate(body.len() - 1);
        body.push_str(&format!(",\"tools\":[{tool}]}}"));
        for upstream in Format::ALL.into_iter().filter(|upstream| *upstream != client) {
            let sent = translation(client, upstream, "custom", "m").request(body.as_bytes()).unwrap();
            let sent = String::from_utf8(sent.body).unwrap();
            assert!(sent.contains(schema), "{client} to {upstream}: {sent}");
        }
    }
}

#[test]
fn trap_048_ids_stay_apart_and_results_find_their_calls() {
    let ids = ["functions.f:0", "functions_f_0", "functions-f-0", &"x".repeat(41), &"x".repeat(42)];
    let call = |id: &&str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut messages = vec![json!({"role": "user", "content": "hi"})];
    messages
        .push(json!({"role": "assistant", "content": null, "tool_calls": ids.iter().map(call).collect::<Vec<_>>()}));
    messages.extend(ids.iter().map(|id| json!({"role": "tool", "tool_call_id": id, "content": "r"})));
    let body = json!({"model": "m", "messages": messages});

    let there = sent(Format::Chat, Format::Messages, &body);
    let there: Value = serde_json::from_slice(&there.body).unwrap();
    let of = |turn: &Value, name: &str| -> Vec<String> {
        let blocks = turn["content"].as_array().unwrap().iter();
        blocks.filter_map(|block| block[name].as_str().map(String::from)).collect()
    };
    let (calls, results) = (of(&there["messages"][1], "id"), of(&there["messages"][2], "tool_use_id"));
    let is_legal = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    assert!(calls.iter().all(is_legal), "{calls:?}");
    assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert_eq!(calls, results);

    // Messages knows no limit; Chat does.
    let turn =
        json!({"role": "assistant", "content": [{"type": "tool_use", "id": "y".repeat(41), "name": "f", "input": {}}]});
    let body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}, turn]});
    let there: Value = serde_json::from_slice(&sent(Format::Messages, Format::Chat, &body).body).unwrap();
    let id = there["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() <= 40, "{id}");
    assert_eq!(there["messages"][2]["tool_call_id"], id);
}

#[test]
fn trap_063_an_overflow_is_said_in_the_words_that_clients_compact_on() {
    let said = json!({"error": {"message": "This model's maximum context length is 8192 tokens, you asked for 9000"}});
    for client in Format::ALL {
        let upstream = if client == Format::Chat { Format::Messages } else { Format::Chat };
        let sent = sent(client, upstream, &hello(client));
        for status in [400, 413, 500] {
            let whole = sent.back.error(status, said.to_string().as_bytes());
            let body: Value = serde_json::from_slice(&whole.body).unwrap();
            assert_eq!(whole.status, 400);
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains("prompt is too long") && message.contains("9000"), "{message}");
            assert!(client == Format::Messages || body["error"]["code"] == "context_length_exceeded", "{body}");
        }
    }
    let sent = sent(Format::Responses, Format::Chat, &hello(Format::Responses));
    let last = streamed(&sent, &[said]).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("context_length_exceeded"))
    );
}

#[test]
fn trap_065_every_status_of_an_overload_is_one() {
    for status in [498, 503, 529] {
        let error = |client, upstream| sent(client, upstream, &hello(client)).back.error(status, b"").status;
        assert_eq!(error(Format::Messages, Format::Chat), 529);
        assert_eq!(error(Format::Chat, Format::Messages), 503);
        assert_eq!(error(Format::Responses, Format::Chat), 503);
    }
}

#[test]
fn trap_067_each_error_is_what_it_is_in_the_clients_format() {
    let check = |status, in_messages: (u16, &str), in_chat: u16| {
        let body = br#"{"error":{"message":"m"}}"#;
        let whole = sent(Format::Messages, Format::Chat, &hello(Format::Messages)).back.error(status, body);
        let error: Value = serde_json::from_slice(&whole.body).unwrap();
        assert_eq!((whole.status, error["error"]["type"].as_str().unwrap()), in_messages, "{status}");
        let whole = sent(Format::Chat, Format::Messages, &hello(Format::Chat)).back.error(status, body);
        assert_eq!(whole.status, in_chat, "{status}");
    };
    check(400, (400, "invalid_request_error"), 400);
    check(401, (502, "api_error"), 502);
    check(402, (402, "billing_error"), 429);
    check(403, (403, "permission_error"), 403);
    check(404, (404, "not_found_error"), 404);
    check(413, (413, "request_too_large"), 413);
    check(429, (429, "rate_limit_error"), 429);
    check(503, (529, "overloaded_error"), 503);
    check(504, (504, "timeout_error"), 504);
}

#[test]
fn trap_075_tokens_from_the_cache_are_counted_once() {
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40}});
    let answer = json!({
        "id": "c", "model": "m", "usage": usage,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    });
    let mut meter = Meter::whole(Format::Chat);
    meter.feed(&Bytes::from(answer.to_string()));
    meter.finish();
    assert_eq!((meter.usage().uncached_input, meter.usage().cache_read, meter.usage().input()), (60, 40, 100));

    let whole =
        sent(Format::Messages, Format::Chat, &hello(Format::Messages)).back.whole(200, answer.to_string().as_bytes());
    let told: Value = serde_json::from_slice(&whole.body).unwrap();
    assert_eq!((&told["usage"]["input_tokens"], &told["usage"]["cache_read_input_tokens"]), (&json!(60), &json!(40)));
}

#[test]
fn trap_084_everything_that_is_sent_is_counted() {
    let count = |body: &Value| -> u64 {
        let counted = count_tokens(Format::Messages, body.to_string().as_bytes()).unwrap();
        serde_json::from_slice::<Value>(&counted).unwrap()["input_tokens"].as_u64().unwrap()
    };
    let words = "many words that take some tokens ".repeat(20);
    let user = json!({"role": "user", "content": "hi"});
    let called = |input: &str, thought: &str, result: &str| {
        let said = json!([
            {"type": "thinking", "thinking": thought, "signature": "s"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": input}},
        ]);
        let results = json!([{"type": "tool_result", "tool_use_id": "t", "content": result}]);
        json!([user, {"role": "assistant", "content": said}, {"role": "user", "content": results}])
    };
    let image = json!([{"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}}]);
    let base = count(&json!({"model": "m", "messages": [user]}));
    let bare = count(&json!({"model": "m", "messages": called("", "", "")}));

    assert!(count(&json!({"model": "m", "system": words, "messages": [user]})) > base + 100);
    let tool = json!([{"name": "f", "description": words, "input_schema": {"type": "object"}}]);
    assert!(count(&json!({"model": "m", "tools": tool, "messages": [user]})) > base + 100);
    assert!(count(&json!({"model": "m", "messages": [{"role": "user", "content": image}]})) > base + 1_000);
    assert!(count(&json!({"model": "m", "messages": called(&words, "", "")})) > bare + 100);
    assert!(count(&json!({"model": "m", "messages": called("", &words, "")})) > bare + 100);
    assert!(count(&json!({"model": "m", "messages": called("", "", &words)})) > bare + 100);
}

#[test]
fn trap_097_a_shape_that_had_to_be_forced_by_a_tool_is_the_text_of_the_answer() {
    let mut body = hello(Format::Chat);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let sent = translation(Format::Chat, Format::Messages, "anthropic", "claude-3-haiku")
        .request(body.to_string().as_bytes())
        .unwrap();
    let there: Value = serde_json::from_slice(&sent.body).unwrap();
    let name = there["tool_choice"]["name"].clone();
    let input = json!({"a": "b"});
    let blocks = [
        json!({"type": "text", "text": "Here you are"}),
        json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input}),
    ];
    let chunks = streamed(&sent, &message(&blocks, "tool_use"));
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    let finish = chunks.iter().find_map(|chunk| chunk["choices"][0]["finish_reason"].as_str());
    assert_eq!((text, finish), (input.to_string(), Some("stop")));

    let whole = sent.back.whole(200, &sse(&message(&blocks, "tool_use")));
    let whole: Value = serde_json::from_slice(&whole.body).unwrap();
    let choice = &whole["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!(input.to_string()), &json!("stop")));
    assert!(choice["message"].get("tool_calls").is_none_or(Value::is_null));
}
