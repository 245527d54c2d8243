//! An upstream that follows a script: a transport without a network.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};

use crate::{
    format::{Chain, Format},
    transport::{Answer, Outgoing, Stage, Transport, TransportError, UpstreamBody},
};

/// An upstream by script: what it answers depends on the credential it is shown. Clones share what they follow and what
/// they saw.
///
/// ```
/// use amp_pool_core::testkit::{Reply, Script};
///
/// let upstream = Script::new()
///     .on("sk-a", Reply::limited().retry_after_secs(30))
///     .on("sk-b", Reply::chat("hello"));
/// ```
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Plot>>);

#[derive(Default)]
struct Plot {
    replies: HashMap<String, VecDeque<Reply>>,
    sent: Vec<Sent>,
    forgets: bool,
    otherwise: Option<Otherwise>,
}

/// What answers keys that have no replies of their own.
type Otherwise = Box<dyn FnMut(&Sent) -> Reply + Send>;

/// A request as it reached the upstream.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script, Sent},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let upstream = Script::new().on("sk-a", Reply::chat("Hello!"));
/// let pool = Pool::builder().transport(upstream.clone()).build().await?;
/// pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
///
/// // After a call:
/// let sent: Vec<Sent> = upstream.sent();
/// assert_eq!((sent[0].key.as_str(), sent[0].uri.path()), ("sk-a", "/v1/chat/completions"));
/// assert_eq!(sent[0].headers["authorization"], "Bearer sk-a");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sent {
    /// The credential it showed.
    pub key: String,
    /// Where it went.
    pub uri: http::Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, in the slices it was made of.
    pub body: Chain,
}

/// One answer of a scripted upstream.
#[derive(Debug, Clone)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Bytes(Bytes),
    Wait(Duration),
    Break,
    Hang,
}

impl Script {
    /// An upstream that knows no credential.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `key` with `reply` after what it was to be answered before. The last reply is given again and again.
    #[must_use]
    pub fn on(self, key: &str, reply: Reply) -> Self {
        self.plot().replies.entry(key.to_owned()).or_default().push_back(reply);
        self
    }

    /// Answers by `answer` whoever has no replies of its own.
    #[must_use]
    pub fn otherwise(self, answer: impl FnMut(&Sent) -> Reply + Send + 'static) -> Self {
        self.plot().otherwise = Some(Box::new(answer));
        self
    }

    /// Keeps nothing of what was sent: for measurements.
    #[must_use]
    pub fn forgetful(self) -> Self {
        self.plot().forgets = true;
        self
    }

    /// Everything that was sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.plot().sent.clone()
    }

    /// The credentials that were shown so far, in order.
    #[must_use]
    pub fn keys_tried(&self) -> Vec<String> {
        self.plot().sent.iter().map(|sent| sent.key.clone()).collect()
    }

    fn plot(&self) -> MutexGuard<'_, Plot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, sent: Sent) -> Reply {
        let mut plot = self.plot();
        let reply = match plot.replies.get_mut(&sent.key) {
            Some(replies) if replies.len() > 1 => replies.pop_front(),
            Some(replies) => replies.front().cloned(),
            None => plot.otherwise.as_mut().map(|answer| answer(&sent)),
        };
        if !plot.forgets {
            plot.sent.push(sent);
        }
        reply.unwrap_or_else(Reply::refused)
    }
}

impl Transport for Script {
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'static, Answer> {
        let (head, body) = outgoing.request.into_parts();
        let key = shown(&head.headers);
        let reply = self.next(Sent { key, uri: head.uri, headers: head.headers, body });
        reply.answer().boxed()
    }
}

fn shown(headers: &HeaderMap) -> String {
    crate::caller::shown_token(headers).unwrap_or_default().to_owned()
}

impl Reply {
    /// A whole answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let bytes = Bytes::from(body.to_string());
        let length = bytes.len().to_string();
        let reply = Self::empty(status).header("content-type", "application/json").header("content-length", &length);
        reply.then(Step::Bytes(bytes))
    }

    /// A stream; each piece comes as one frame.
    #[must_use]
    pub fn stream(pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        let mut reply = Self::empty(200).header("content-type", "text/event-stream");
        reply.steps.extend(pieces.into_iter().map(|piece| Step::Bytes(piece.into())));
        reply
    }

    /// A Chat answer with `text`, 10 tokens in and 5 out.
    #[must_use]
    pub fn chat(text: &str) -> Self {
        Self::json(
            200,
            &json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }),
        )
    }

    /// A Messages answer with `text`, 10 tokens in and 5 out.
    #[must_use]
    pub fn message(text: &str) -> Self {
        Self::json(
            200,
            &json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 10, "output_tokens": 5},
            }),
        )
    }

    /// A stream of `format` with `words`, one event a frame, and 10 tokens in and 5 out.
    #[must_use]
    pub fn words(format: Format, words: &[&str]) -> Self {
        Self::stream(match format {
            Format::Chat => chat_events(words),
            Format::Messages => message_events(words),
            Format::Responses => response_events(words),
        })
    }

    /// 429 in OpenAI's shape.
    #[must_use]
    pub fn limited() -> Self {
        Self::error(429, "requests", "rate_limit_exceeded", "Rate limit reached")
    }

    /// 401 in OpenAI's shape.
    #[must_use]
    pub fn refused() -> Self {
        Self::error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided")
    }

    /// 500 in OpenAI's shape.
    #[must_use]
    pub fn broken() -> Self {
        Self::error(500, "server_error", "server_error", "The server had an error")
    }

    /// An error in OpenAI's shape.
    #[must_use]
    pub fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
    }

    /// No answer at all: the connection breaks.
    #[must_use]
    pub fn reset() -> Self {
        Self::empty(0).then(Step::Break)
    }

    /// No answer at all, for ever.
    #[must_use]
    pub fn hang() -> Self {
        Self::empty(0).then(Step::Hang)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after_secs(self, seconds: u64) -> Self {
        self.header("retry-after", &seconds.to_string())
    }

    /// With silence before all of it.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.steps.insert(0, Step::Wait(time));
        self
    }

    /// Then silence for a while.
    #[must_use]
    pub fn pause(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// Then one more piece.
    #[must_use]
    pub fn piece(self, piece: impl Into<Bytes>) -> Self {
        self.then(Step::Bytes(piece.into()))
    }

    /// Then the connection breaks.
    #[must_use]
    pub fn then_break(self) -> Self {
        self.then(Step::Break)
    }

    /// Then silence, for ever.
    #[must_use]
    pub fn then_hang(self) -> Self {
        self.then(Step::Hang)
    }

    /// Only the first `pieces` of it.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.steps.truncate(pieces);
        self
    }

    /// The bytes of its body.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let pieces =
            self.steps.iter().filter_map(|step| if let Step::Bytes(piece) = step { Some(piece) } else { None });
        pieces.flatten().copied().collect()
    }

    fn empty(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        Self { status, headers: HeaderMap::new(), steps: Vec::new() }
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    async fn answer(mut self) -> Answer {
        while let Some(Step::Wait(time)) = self.steps.first() {
            tokio::time::sleep(*time).await;
            self.steps.remove(0);
        }
        match self.steps.first() {
            Some(Step::Break) => return Err(TransportError::new(Stage::Head, "reset by the script")),
            Some(Step::Hang) => std::future::pending().await,
            _ => {}
        }
        let length = self.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut response = http::Response::new(body(self.steps, length));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        Ok(response)
    }
}

fn body(steps: Vec<Step>, length: Option<u64>) -> UpstreamBody {
    let frames = futures::stream::iter(steps).filter_map(|step| async {
        match step {
            Step::Bytes(bytes) => Some(Ok(Frame::data(bytes))),
            Step::Wait(time) => {
                tokio::time::sleep(time).await;
                None
            }
            Step::Break => Some(Err(TransportError::new(Stage::Body, "broken off by the script"))),
            Step::Hang => std::future::pending().await,
        }
    });
    let body = StreamBody::new(frames);
    match length {
        Some(length) => Sized { body, length }.boxed_unsync(),
        None => body.boxed_unsync(),
    }
}

pin_project_lite::pin_project! {
    /// A body whose length was announced.
    struct Sized<B> {
        #[pin]
        body: B,
        length: u64,
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for Sized<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = std::task::ready!(this.body.poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            *this.length = this.length.saturating_sub(data.len() as u64);
        }
        std::task::Poll::Ready(frame)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.length)
    }
}

fn chat_events(words: &[&str]) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        data(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
            "choices": choice, "usage": null,
        }))
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(words.iter().map(|word| chunk(json!({"content": word}), Value::Null)));
    events.push(chunk(json!({}), json!("stop")));
    events.push(data(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    })));
    events.push("data: [DONE]\n\n".into());
    events
}

fn message_events(words: &[&str]) -> Vec<String> {
    let mut events = vec![
        json!({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 10, "output_tokens": 1},
        }}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    events.extend(
        words.iter().map(
            |word| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}),
        ),
    );
    events.push(json!({"type": "content_block_stop", "index": 0}));
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(named).collect()
}

fn response_events(words: &[&str]) -> Vec<String> {
    let response = |status: &str, usage: Value| json!({"id": "resp_1", "object": "response", "status": status, "model": "gpt-5-mini", "output": [], "usage": usage});
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress", Value::Null)}),
        json!({"type": "response.in_progress", "response": response("in_progress", Value::Null)}),
    ];
    events.extend(words.iter().map(|word| {
        let delta = "response.output_text.delta";
        json!({"type": delta, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": word})
    }));
    let usage = json!({
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
    });
    events.push(json!({"type": "response.completed", "response": response("completed", usage)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(named).collect()
}

fn named(event: &Value) -> String {
    format!("event: {}\n{}", event["type"].as_str().unwrap_or_default(), data(event))
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}
