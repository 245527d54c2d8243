//! Traces: one span for the call, one for each attempt, under the call's own id, and nothing of what was said.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::time::Duration;

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    keys::KeySpec,
    secret::Secret,
    testkit::{Reply, Script},
    traces::TraceOptions,
};
use bench::{Bench, TOKEN};
use serde_json::{Value, json};

const COLLECTOR: &str = "http://collector.example.com:4318/v1/traces";

async fn traced(upstream: Script, collector: Script) -> Bench {
    let headers = http::HeaderMap::from_iter([("x-team".parse().unwrap(), "a".parse().unwrap())]);
    let options = TraceOptions { endpoint: COLLECTOR.parse().unwrap(), headers, service: "pool".into() };
    let builder = Pool::builder().transport(upstream.clone()).traces(options, collector);
    let bench = Bench { pool: builder.build().await.unwrap(), upstream };
    bench.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
    for (name, priority) in [("a", 1), ("b", 0)] {
        let spec = KeySpec { priority, ..KeySpec::new(name, "openai", Secret::new(name)) };
        bench.handle().add_key(spec).await.unwrap();
    }
    bench
}

/// The attributes of a span, each as its one value.
fn attribute(span: &Value, key: &str) -> Value {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|one| one["key"] == key).map(|one| one["value"].clone()).unwrap_or_default();
    found.as_object().and_then(|value| value.values().next().cloned()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_failover_is_a_call_with_two_attempts_under_it() {
    let upstream = Script::new().on("a", Reply::broken()).on("b", Reply::chat("planted-answer"));
    let collector = Script::new().otherwise(|_| Reply::json(200, &json!({})));
    let bench = traced(upstream, collector.clone()).await;
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "planted-question"}]});
    let got = bench.post("/v1/chat/completions", &body).await;
    tokio::time::sleep(Duration::from_secs(5)).await;

    let sent = collector.sent();
    assert_eq!((sent.len(), sent[0].uri.to_string().as_str()), (1, COLLECTOR));
    assert_eq!(
        (&sent[0].headers["content-type"], &sent[0].headers["x-team"]),
        (&"application/json".parse().unwrap(), &"a".parse().unwrap())
    );
    let bytes = sent[0].body.clone().into_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!text.contains("planted") && !text.contains(TOKEN), "{text}");
    let whole: Value = serde_json::from_str(&text).unwrap();
    let resource = &whole["resourceSpans"][0];
    assert_eq!(attribute(&resource["resource"], "service.name"), "pool");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let [call, failed, served] = &spans[..] else { panic!("{spans:?}") };

    let id = got.headers["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(call["traceId"], id.replace('-', ""), "the call's own id");
    assert_eq!((&call["name"], &call["kind"], &call["status"]), (&json!("chat gpt-4o-mini"), &json!(2), &json!({})));
    assert_eq!(attribute(call, "gen_ai.usage.output_tokens"), "5");
    assert_eq!(attribute(call, "amp_pool.call_id"), *id);
    assert_eq!(attribute(call, "amp_pool.cost_usd"), "0.000004500");
    for span in [failed, served] {
        assert_eq!(
            (&span["traceId"], &span["parentSpanId"], &span["kind"]),
            (&call["traceId"], &call["spanId"], &json!(3))
        );
        assert_eq!(attribute(span, "gen_ai.provider.name"), "openai");
        assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
        let time = |name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
    }
    assert_eq!(
        (&failed["status"]["code"], attribute(failed, "error.type")),
        (&json!(2), attribute(failed, "amp_pool.verdict"))
    );
    assert_eq!((&served["status"], attribute(served, "amp_pool.served")), (&json!({}), json!(true)));
    assert_ne!(failed["spanId"], served["spanId"]);
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_wait_for_a_collector_that_is_not_there() {
    let upstream = Script::new().on("a", Reply::chat("hello"));
    let bench = traced(upstream, Script::new().otherwise(|_| Reply::hang())).await;
    let began = tokio::time::Instant::now();
    for _ in 0..500 {
        assert_eq!(bench.chat().await.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
