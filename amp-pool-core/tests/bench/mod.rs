//! A pool over a scripted upstream, for the tests of the whole stack.

// Each test program uses some of it.
#![allow(dead_code)]

use amp_pool_core::{
    Handle, Pool,
    caller::TokenSpec,
    format::Format,
    keys::{KeySpec, KeyState},
    route::RouteCandidate,
    secret::Secret,
    service::{Limits, PoolBody},
    store::{Page, RecordFilter, StoredRecord},
    testkit::{Reply, Script},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const TOKEN: &str = "amp-test-token-0123456789";

/// A pool over a scripted upstream, with a client token.
pub(crate) struct Bench {
    pub(crate) pool: Pool,
    pub(crate) upstream: Script,
}

/// An answer, read to its end.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Bench {
    /// `keys`: name, provider and priority; the credential is the name.
    pub(crate) async fn new(upstream: &Script, keys: &[(&str, &str, i32)]) -> Self {
        Self::with_limits(upstream, keys, Limits::default()).await
    }

    pub(crate) async fn with_limits(upstream: &Script, keys: &[(&str, &str, i32)], limits: Limits) -> Self {
        let spec = |(name, provider, priority): &(&str, &str, i32)| KeySpec {
            priority: *priority,
            ..KeySpec::new(*name, *provider, Secret::new(*name))
        };
        Self::of_keys(upstream, keys.iter().map(spec), limits).await
    }

    pub(crate) async fn of_keys(upstream: &Script, keys: impl IntoIterator<Item = KeySpec>, limits: Limits) -> Self {
        let pool = Pool::builder().transport(upstream.clone()).limits(limits).build().await.unwrap();
        let bench = Self { pool, upstream: upstream.clone() };
        bench.handle().add_token_with(TokenSpec::named("test"), Secret::new(TOKEN)).await.unwrap();
        for spec in keys {
            bench.handle().add_key(spec).await.unwrap();
        }
        bench
    }

    /// The state of the key of that name.
    pub(crate) fn state(&self, name: &str) -> KeyState {
        self.handle().keys().into_iter().find(|view| view.key.spec.name == name).unwrap().status.state
    }

    /// The keys that were asked, by their names.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.upstream.keys_tried()
    }

    pub(crate) fn handle(&self) -> Handle {
        self.pool.handle()
    }

    pub(crate) async fn start(&self, method: &str, path: &str, body: &[u8]) -> http::Response<PoolBody> {
        self.start_with(&[], method, path, body).await
    }

    pub(crate) async fn start_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &[u8],
    ) -> http::Response<PoolBody> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.pool.clone().oneshot(request.body(Full::new(Bytes::copy_from_slice(body))).unwrap()).await.unwrap()
    }

    pub(crate) async fn post_with(&self, headers: &[(&str, &str)], path: &str, body: &Value) -> Got {
        read(self.start_with(headers, "POST", path, body.to_string().as_bytes()).await).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        read(self.start("POST", path, body.to_string().as_bytes()).await).await
    }

    pub(crate) async fn chat(&self) -> Got {
        self.post("/v1/chat/completions", &json!({"model": "gpt-4o-mini", "messages": []})).await
    }

    pub(crate) async fn chat_stream(&self) -> Got {
        self.post("/v1/chat/completions", &json!({"model": "gpt-4o-mini", "messages": [], "stream": true})).await
    }

    pub(crate) async fn records(&self) -> Vec<StoredRecord> {
        self.handle().flush().await;
        let page = Page { before: None, limit: 100 };
        let mut full = Vec::new();
        for record in self.handle().records(RecordFilter::default(), page).await.unwrap() {
            full.push(self.handle().record(record.call).await.unwrap().unwrap());
        }
        full
    }

    pub(crate) async fn only_record(&self) -> StoredRecord {
        let mut records = self.records().await;
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    pub(crate) fn verdicts(record: &StoredRecord) -> Vec<&str> {
        record.attempts.iter().map(|attempt| attempt.verdict.as_str()).collect()
    }
}

pub(crate) async fn read(response: http::Response<PoolBody>) -> Got {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Got { status: head.status.as_u16(), headers: head.headers, body }
}

pub(crate) fn body_of(format: Format, stream: bool) -> (&'static str, Value) {
    match format {
        Format::Chat => ("/v1/chat/completions", json!({"model": "gpt-4o-mini", "messages": [], "stream": stream})),
        Format::Messages => {
            ("/v1/messages", json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [], "stream": stream}))
        }
        Format::Responses => ("/v1/responses", json!({"model": "gpt-5-mini", "input": "hi", "stream": stream})),
    }
}

pub(crate) fn provider_of(format: Format) -> &'static str {
    if format == Format::Messages { "anthropic" } else { "openai" }
}

/// A key that speaks `upstream` and nothing else, whatever its provider could.
pub(crate) async fn only_speaking(upstream: &Script, format: Format) -> Bench {
    let bench = Bench::new(upstream, &[]).await;
    let mut spec = KeySpec::new("a", "custom", Secret::new("a"));
    spec.base_url = Some("https://upstream.example".into());
    spec.formats = Some(vec![format]);
    bench.handle().add_key(spec).await.unwrap();
    bench
}

pub(crate) fn whole(format: Format, text: &str) -> Reply {
    match format {
        Format::Chat => Reply::chat(text),
        Format::Messages => Reply::message(text),
        Format::Responses => Reply::json(
            200,
            &json!({
                "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-mini",
                "error": null, "incomplete_details": null,
                "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                            "content": [{"type": "output_text", "text": text, "annotations": []}]}],
                "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
                          "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15},
            }),
        ),
    }
}

pub(crate) fn asking(client: Format, stream: bool) -> (&'static str, Value) {
    let turns = json!([{"role": "user", "content": "hi"}]);
    match client {
        Format::Chat => ("/v1/chat/completions", json!({"model": "gpt-4o-mini", "messages": turns, "stream": stream})),
        Format::Messages => {
            ("/v1/messages", json!({"model": "gpt-4o-mini", "max_tokens": 99, "messages": turns, "stream": stream}))
        }
        Format::Responses => ("/v1/responses", json!({"model": "gpt-4o-mini", "input": "hi", "stream": stream})),
    }
}

pub(crate) fn pairs() -> impl Iterator<Item = (Format, Format)> {
    let all = Format::ALL.into_iter().flat_map(|client| Format::ALL.map(|upstream| (client, upstream)));
    all.filter(|(client, upstream)| client != upstream)
}

pub(crate) fn candidate(model: &str, provider: Option<&str>, tier: u32) -> RouteCandidate {
    RouteCandidate { model: model.into(), provider: provider.map(Into::into), tier, weight: 1 }
}
