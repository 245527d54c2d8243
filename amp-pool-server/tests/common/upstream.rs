//! An upstream that answers by script, on loopback.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream::{self, Stream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a call asks of the upstream.
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Ask {
    pub(crate) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.body["stream"] == true
    }
}

/// What it gets.
pub(crate) struct Reply {
    status: u16,
    kind: &'static str,
    parts: Vec<(Duration, Bytes)>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, kind: "application/json", parts: vec![(Duration::ZERO, body.to_string().into())] }
    }

    /// With silence before its first byte; its head comes at once.
    pub(crate) fn after(mut self, pause: Duration) -> Self {
        for (before, _) in self.parts.iter_mut().take(1) {
            *before = pause;
        }
        self
    }

    /// A whole chat answer that used so many tokens.
    pub(crate) fn chat(model: &str, input: u64, output: u64) -> Self {
        let message =
            json!({"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"});
        Self::json(
            200,
            &json!({"id": "c1", "object": "chat.completion", "model": model, "choices": [message],
                    "usage": usage(input, output)}),
        )
    }

    /// A streamed chat answer that turns into an error.
    pub(crate) fn failing_stream(model: &str, error: &Value) -> Self {
        let word = chunk(model, &json!([{"index": 0, "delta": {"content": "word "}, "finish_reason": null}]), None);
        let parts = [word, format!("data: {error}\n\n").into()].map(|part| (Duration::from_millis(30), part));
        Self { status: 200, kind: "text/event-stream", parts: parts.into() }
    }

    /// A streamed chat answer of `words` events, `pause` before each, that used so many tokens.
    pub(crate) fn chat_stream(model: &str, words: usize, pause: Duration, input: u64, output: u64) -> Self {
        let word = chunk(model, &json!([{"index": 0, "delta": {"content": "word "}, "finish_reason": null}]), None);
        let stop = chunk(model, &json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), None);
        let used = chunk(model, &json!([]), Some(usage(input, output)));
        let mut parts = vec![(pause, word); words];
        parts.extend([stop, used, "data: [DONE]\n\n".into()].map(|part| (Duration::ZERO, part)));
        Self { status: 200, kind: "text/event-stream", parts }
    }
}

fn usage(input: u64, output: u64) -> Value {
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}

fn chunk(model: &str, choices: &Value, usage: Option<Value>) -> Bytes {
    let mut event = json!({"id": "c1", "object": "chat.completion.chunk", "model": model, "choices": choices});
    if let Some(usage) = usage {
        event["usage"] = usage;
    }
    format!("data: {event}\n\n").into()
}

/// A running upstream; it ends with the runtime of the test.
pub(crate) struct Upstream(SocketAddr);

impl Upstream {
    pub(crate) async fn start(script: impl Fn(Ask) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), script).await
    }

    pub(crate) async fn start_at(address: SocketAddr, script: impl Fn(Ask) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(script);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let script = Arc::clone(&script);
                let service = service_fn(move |request| answer(Arc::clone(&script), request));
                // A client that goes away is no failure of the test.
                tokio::spawn(async move {
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self(address)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

async fn answer(
    script: Arc<impl Fn(Ask) -> Reply>,
    request: Request<Incoming>,
) -> Result<Response<StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let ask = Ask {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let reply = script(ask);
    let response = Response::builder().status(reply.status).header("content-type", reply.kind);
    Ok(response.body(StreamBody::new(play(reply.parts))).unwrap())
}

fn play(parts: Vec<(Duration, Bytes)>) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    stream::unfold(parts.into_iter(), |mut left| async move {
        let (pause, part) = left.next()?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Some((Ok(Frame::data(part)), left))
    })
}
