//! A peek agrees with a full parse, and its places are right.
#![allow(clippy::unwrap_used)]

use amp_pool_core::format::{peek, splice};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// A request with right members among others. `preserve_order` is off, so names come sorted; that is order enough.
fn request() -> impl Strategy<Value = Map<String, Value>> {
    let options = prop_oneof![
        Just(None),
        Just(Some(json!(null))),
        Just(Some(json!({}))),
        Just(Some(json!({"a": {"include_usage": 1}}))),
        Just(Some(json!({"include_usage": null, "z": []}))),
        Just(Some(json!({"include_usage": false}))),
        Just(Some(json!({"a": "\"", "include_usage": true}))),
    ];
    let others = prop::collection::vec((any::<String>(), value()), 0..6);
    (others, "\\PC{1,20}", any::<bool>(), any::<u64>(), options).prop_map(|(others, model, stream, limit, options)| {
        let mut members: Map<_, _> = others.into_iter().collect();
        members.extend([
            ("model".into(), model.into()),
            ("stream".into(), stream.into()),
            ("max_tokens".into(), limit.into()),
        ]);
        members.extend(options.map(|options| ("stream_options".into(), options)));
        members
    })
}

fn written(members: &Map<String, Value>, pretty: bool) -> Bytes {
    let write = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
    write(members).unwrap().into()
}

proptest! {
    #[test]
    fn a_peek_agrees_with_a_full_parse(members in request(), pretty: bool) {
        let body = written(&members, pretty);
        let peek = peek(&body).unwrap();

        prop_assert_eq!(peek.model.as_deref(), members["model"].as_str());
        prop_assert_eq!(Some(peek.stream), members["stream"].as_bool());
        prop_assert_eq!(peek.max_output, members["max_tokens"].as_u64());
        let options = members.get("stream_options");
        prop_assert_eq!(peek.include_usage, options.and_then(|options| options["include_usage"].as_bool()));
        let at = |span: std::ops::Range<usize>| serde_json::from_slice::<Value>(&body[span]).unwrap();
        prop_assert_eq!(peek.stream_options.map(at), options.cloned());
        prop_assert_eq!(peek.model_span.map(at), members.get("model").cloned());
    }

    #[test]
    fn edits_change_what_they_name_and_nothing_else(mut members in request(), pretty: bool, model in "\\PC{1,20}") {
        let body = written(&members, pretty);
        let peek = peek(&body).unwrap();
        let edits = peek.ask_for_usage().into_iter().chain(peek.model_splice(&model)).collect();
        let edited: Map<String, Value> = serde_json::from_slice(&splice(&body, edits).into_bytes()).unwrap();

        members.insert("model".into(), model.into());
        let options = members.entry("stream_options").or_insert(Value::Null);
        options["include_usage"] = true.into();
        prop_assert_eq!(edited, members);
    }

    #[test]
    fn any_bytes_are_taken_if_they_are_an_object(text in "[\\[\\]{}\":,a-c0-9.\\\\\\-e ntu]{0,40}") {
        if let Ok(peek) = peek(text.as_bytes()) {
            let is_object = text.trim_start().starts_with('{') && text.trim_end().ends_with('}');
            prop_assert!(is_object);
            prop_assert_eq!(text.as_bytes()[peek.first_member - 1], b'{');
        } else {
            // What is refused has a member twice, or is no JSON that a full parse could read either.
            let parsed = serde_json::from_str::<Map<String, Value>>(&text);
            prop_assert!(parsed.is_err() || parsed.unwrap().len() < text.matches(':').count());
        }
    }
}
