//! One key after another until one answers: select, prepare, send, open, classify.
//!
//! The state of a call's tries belongs to one scope, so there is nothing to clean up and nothing to leak. A key that
//! failed in a call is never tried again in it, and nothing is tried again once a byte has gone to the client.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::Service;

use super::{
    Admitted, Limits, PoolBody, Response, ResponseFuture, Routed,
    body::{Metered, Parts, Shape},
    headers,
    recorder::Recorder,
    render, stage,
};
use crate::{
    Error,
    classify::{Signal, Verdict},
    format::{Endpoint, HiddenUsage, Meter, Opened, Opening, splice},
    keys::Lesson,
    route::{Choice, Seat, Want},
    store::Outcome,
    time::Clock,
    transport::{Outgoing, Transport, TransportError, UpstreamBody},
};

/// A rough count of tokens where nobody tells: this many bytes of a request make one.
const BYTES_PER_TOKEN: u64 = 4;

/// Tries keys. The innermost service.
#[derive(Clone)]
pub struct Attempts {
    transport: Arc<dyn Transport>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Attempts {
    /// Sends by `transport`, within `limits`.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self { transport, limits, clock }
    }
}

impl Service<Admitted> for Attempts {
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, admitted: Admitted) -> ResponseFuture {
        let this = self.clone();
        Box::pin(async move { this.run(admitted).await })
    }
}

/// How one try went.
enum Step {
    /// The client has its answer.
    Answered(Response),
    /// Another key may do better.
    Failed(Box<Recorder>, Failure),
}

/// Why a try failed.
struct Failure {
    verdict: Verdict,
    status: Option<StatusCode>,
    message: String,
    /// The upstream said nothing for too long.
    silent: bool,
}

impl Attempts {
    async fn run(&self, Admitted { routed, mut recorder }: Admitted) -> Result<Response, Error> {
        let mut tried = Vec::new();
        let mut last: Option<Failure> = None;
        loop {
            let choice = routed.plan.choose(want(&routed, &tried));
            let Choice::Seat(at) = choice else { return Err(self.give_up(&routed, recorder, last, choice).await) };
            if last.is_some() && routed.call.started.elapsed() > self.limits.failover {
                return Err(self.give_up(&routed, recorder, last, Choice::Exhausted).await);
            }
            tried.push(at);
            match self.attempt(&routed, &routed.plan.seats()[at], recorder).await {
                Step::Answered(response) => return Ok(response),
                Step::Failed(unfinished, failure) => {
                    recorder = *unfinished;
                    last = Some(failure);
                }
            }
        }
    }

    async fn attempt(&self, routed: &Routed, seat: &Seat, mut recorder: Recorder) -> Step {
        let model = seat.model(&routed.call.ask.model);
        recorder.begin(&seat.key, routed.call.ask.format, model);
        let failure = match self.send(routed, seat).await {
            Err(failure) => failure,
            Ok(answer) if answer.status().is_success() => match self.open(routed, seat, answer, &mut recorder).await {
                Ok((head, opening, body)) => {
                    seat.key.health.learn(model, Lesson::Fit { sent: recorder.sent() }, stage::now());
                    seat.key.link.learn("", Lesson::Fit { sent: recorder.sent() }, stage::now());
                    return Step::Answered(self.serve(routed, recorder, &head, opening, body));
                }
                Err(failure) => failure,
            },
            Ok(answer) => match self.refusal(seat, answer).await {
                Refusal::OfTheCaller(response) => return Step::Answered(self.pass_on(recorder, response).await),
                Refusal::OfTheKey(failure) => failure,
            },
        };
        failure.teach(seat, model);
        recorder.verdict(failure.verdict.as_str(), failure.status.map(|s| s.as_u16()), Some(&failure.message));
        recorder.end_attempt();
        Step::Failed(Box::new(recorder), failure)
    }
}

/// Selecting.
fn want<'a>(routed: &'a Routed, tried: &'a [usize]) -> Want<'a> {
    let ask = &routed.call.ask;
    Want { format: ask.format, model: &ask.model, tried, now: stage::now() }
}

/// Preparing and sending.
impl Attempts {
    async fn send(&self, routed: &Routed, seat: &Seat) -> Result<http::Response<UpstreamBody>, Failure> {
        let outgoing = prepare(routed, seat)?;
        let patience = self.patience(routed);
        match tokio::time::timeout(patience, self.transport.send(outgoing)).await {
            Ok(answer) => answer.map_err(|error| Failure::network(&error)),
            Err(_) => Err(Failure::silent(patience)),
        }
    }

    /// How long to wait for the beginning of an answer.
    fn patience(&self, routed: &Routed) -> Duration {
        if routed.call.ask.stream { self.limits.first_byte } else { self.limits.whole_answer }
    }
}

/// The request for an upstream that speaks the caller's format: the client's own bytes, but for the named splices.
fn prepare(routed: &Routed, seat: &Seat) -> Result<Outgoing, Failure> {
    let call = &routed.call;
    let key = &seat.key;
    let upstream = key.upstream(call.ask.format).ok_or_else(|| Failure::ours("this key does not speak the format"))?;
    let path = call.head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = headers::to_upstream(&call.head.headers, |headers| upstream.complete(headers), &key.egress);
    let signed = upstream.auth().apply(&key.key.spec.api_key, &mut headers);
    signed.map_err(|_| Failure::ours("the key's credential can not be sent"))?;
    let uri = upstream.url(path).and_then(|url| url.parse::<http::Uri>().ok());
    let uri = uri.ok_or_else(|| Failure::ours("the path does not make a URL at the upstream"))?;
    let mut request = http::Request::new(splice(&call.body, splices(routed, seat)));
    *request.method_mut() = call.head.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(Outgoing { request, egress: key.egress.clone() })
}

/// The changes to the body: the model where an alias maps it, and usage where a Chat stream did not ask for it.
fn splices(routed: &Routed, seat: &Seat) -> Vec<crate::format::Splice> {
    let ask = &routed.call.ask;
    let mut edits = Vec::new();
    if let (Some(span), Some(model)) = (&ask.model_span, &seat.upstream_model)
        && **model != *ask.model
    {
        edits.push(crate::format::Splice::string(span.clone(), model));
    }
    if seat.key.provider.include_usage_ok {
        edits.extend(ask.ask_for_usage.clone());
    }
    edits
}

/// Opening: holding back the beginning of an answer until it is sure to be one.
impl Attempts {
    /// Waits for the beginning of a successful answer. Gives its head, the frames that have come, and the rest.
    async fn open(
        &self,
        routed: &Routed,
        seat: &Seat,
        answer: http::Response<UpstreamBody>,
        recorder: &mut Recorder,
    ) -> Result<(http::response::Parts, Vec<Bytes>, UpstreamBody), Failure> {
        let (head, mut body) = answer.into_parts();
        let patience = self.patience(routed);
        let first = match tokio::time::timeout(patience, next(&mut body)).await {
            Err(_) => return Err(Failure::silent(patience)),
            Ok(Err(error)) => return Err(Failure::network(&error)),
            Ok(Ok(None)) if is_stream(&head.headers) => return Err(Failure::empty()),
            Ok(Ok(None)) => return Ok((head, Vec::new(), body)),
            Ok(Ok(Some(first))) => first,
        };
        recorder.first_byte();
        let opening = if is_stream(&head.headers) {
            self.open_stream(routed, seat, first, &mut body).await?
        } else {
            if let Some(error) = error_in(routed.call.ask.endpoint, &first) {
                self.judge(seat, error)?;
            }
            vec![first]
        };
        Ok((head, opening, body))
    }

    async fn open_stream(
        &self,
        routed: &Routed,
        seat: &Seat,
        first: Bytes,
        body: &mut UpstreamBody,
    ) -> Result<Vec<Bytes>, Failure> {
        let until = tokio::time::Instant::now() + self.limits.opening_time;
        let mut opening = Opening::new(routed.call.ask.format);
        let (mut held, mut bytes, mut frame) = (Vec::with_capacity(2), 0, first);
        loop {
            let state = opening.feed(&frame);
            bytes += frame.len();
            held.push(frame);
            match state {
                Opened::Begun => return Ok(held),
                Opened::Failed(error) => return self.judge(seat, error).map(|()| held),
                Opened::Hold if bytes >= self.limits.opening_bytes => return Ok(held),
                Opened::Hold => {}
            }
            frame = match tokio::time::timeout_at(until, next(body)).await {
                // Whoever sends nothing but a beginning for so long is thinking: its client may know.
                Err(_) => return Ok(held),
                Ok(Ok(Some(frame))) => frame,
                Ok(Ok(None)) => return self.end_of_opening(seat, &mut opening).map(|()| held),
                Ok(Err(error)) => return Err(Failure::network(&error)),
            };
        }
    }

    /// A stream that ended while it was held back.
    fn end_of_opening(&self, seat: &Seat, opening: &mut Opening) -> Result<(), Failure> {
        match opening.finish() {
            Opened::Begun => Ok(()),
            Opened::Failed(error) => self.judge(seat, error),
            Opened::Hold => Err(Failure::empty()),
        }
    }

    /// An error stands where an answer should. The client's own mistake is an answer all the same.
    fn judge(&self, seat: &Seat, error: crate::format::Failure) -> Result<(), Failure> {
        let crate::format::Failure { kind, code, message, .. } = error;
        let signal = Signal::event(kind.as_deref(), code.as_deref(), &message, self.clock.now());
        match failed(seat.key.provider.classify(&signal)) {
            Verdict::CallerFault => Ok(()),
            verdict => Err(Failure { verdict, status: Some(StatusCode::OK), message, silent: false }),
        }
    }
}

/// What was no answer is not to be taken for one, whatever the rules say.
fn failed(verdict: Verdict) -> Verdict {
    if verdict == Verdict::Answer { Verdict::UpstreamFault } else { verdict }
}

async fn next(body: &mut UpstreamBody) -> Result<Option<Bytes>, TransportError> {
    loop {
        match body.frame().await.transpose()?.map(http_body::Frame::into_data) {
            None => return Ok(None),
            Some(Ok(data)) if !data.is_empty() => return Ok(Some(data)),
            Some(_) => {}
        }
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("text/event-stream")
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with("application/json")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// How far into a body an error that came with a good status begins.
const ERROR_WITHIN: usize = 64;

/// The error in a body that came with a good status: some upstreams answer so. Only where an answer's shape is known:
/// other objects may rightly have an `error`.
fn error_in(endpoint: Endpoint, first: &[u8]) -> Option<crate::format::Failure> {
    let start = &first[..first.len().min(ERROR_WITHIN)];
    let names = |name: &[u8]| start.windows(name.len()).any(|window| window == name);
    let suspicious = endpoint.needs_model() && (names(b"\"error\"") || names(b"\"base_resp\""));
    if suspicious { crate::format::Failure::read(first) } else { None }
}

/// Serving.
impl Attempts {
    fn serve(
        &self,
        routed: &Routed,
        mut recorder: Recorder,
        head: &http::response::Parts,
        opening: Vec<Bytes>,
        upstream: UpstreamBody,
    ) -> Response {
        recorder.verdict(Verdict::Answer.as_str(), Some(head.status.as_u16()), None);
        recorder.serving();
        recorder.status(head.status.as_u16());
        let call = &routed.call;
        let stream = is_stream(&head.headers);
        let come: u64 = opening.iter().map(|frame| frame.len() as u64).sum();
        let left = http_body::Body::size_hint(&upstream).exact().filter(|_| length_is_known(&head.headers));
        let parts = Parts {
            call: call.id,
            format: call.ask.format,
            shape: if stream { Shape::Stream } else { Shape::Whole { left: left.map(|left| left + come) } },
            upstream,
            meter: meter(routed, &head.headers),
            hidden_usage: (stream && call.ask.ask_for_usage.is_some()).then(HiddenUsage::new),
            limits: self.limits.clone(),
            deadline: call.started + self.limits.total,
        };
        let body = PoolBody::metered(Metered::new(parts, recorder, opening));
        respond(head.status, &head.headers, body)
    }

    /// Passes the upstream's refusal of the client's own mistake on, as it is.
    async fn pass_on(&self, mut recorder: Recorder, refusal: http::Response<Bytes>) -> Response {
        let (head, body) = refusal.into_parts();
        recorder.verdict(Verdict::CallerFault.as_str(), Some(head.status.as_u16()), None);
        recorder.serving();
        recorder.status(head.status.as_u16());
        recorder.error(Verdict::CallerFault.as_str(), &String::from_utf8_lossy(&body));
        self.written(recorder, Outcome::Failed).await;
        respond(head.status, &head.headers, PoolBody::whole(body))
    }

    /// Writes a failed call's record and waits for it, within bounds: an error is an answer too.
    async fn written(&self, recorder: Recorder, outcome: Outcome) {
        if let Some(durable) = recorder.finish(outcome)
            && !matches!(tokio::time::timeout(self.limits.durable, durable).await, Ok(Ok(())))
        {
            tracing::error!("an error was answered before the books had it");
        }
    }
}

fn length_is_known(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH)
}

fn meter(routed: &Routed, headers: &HeaderMap) -> Option<Meter> {
    let ask = &routed.call.ask;
    if !ask.is_paid() {
        return None;
    }
    let mut meter = match is_stream(headers) {
        true => Meter::stream(ask.format),
        false if is_json(headers) => Meter::whole(ask.format),
        false => return None,
    };
    if ask.endpoint.needs_model() {
        meter.expect_input(routed.call.body.len() as u64 / BYTES_PER_TOKEN);
    }
    Some(meter)
}

fn respond(status: StatusCode, upstream: &HeaderMap, body: PoolBody) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers::to_client(upstream);
    response
}

/// Classifying.
enum Refusal {
    /// No other key would say anything else.
    OfTheCaller(http::Response<Bytes>),
    OfTheKey(Failure),
}

impl Attempts {
    async fn refusal(&self, seat: &Seat, answer: http::Response<UpstreamBody>) -> Refusal {
        let (head, body) = answer.into_parts();
        let (body, whole) = self.error_body(body).await;
        let signal = Signal::response(head.status, &head.headers, &body, self.clock.now());
        let verdict = failed(seat.key.provider.classify(&signal));
        if verdict == Verdict::CallerFault && whole {
            return Refusal::OfTheCaller(http::Response::from_parts(head, body));
        }
        let message = format!("{} {}", head.status.as_u16(), String::from_utf8_lossy(&body));
        Refusal::OfTheKey(Failure { verdict, status: Some(head.status), message, silent: false })
    }

    /// Reads an upstream's error within bounds. Says whether that was all of it.
    async fn error_body(&self, mut body: UpstreamBody) -> (Bytes, bool) {
        let mut read = BytesMut::new();
        let all = async {
            while let Ok(Some(frame)) = next(&mut body).await {
                read.extend_from_slice(&frame);
                if read.len() > self.limits.error_body {
                    return false;
                }
            }
            true
        };
        let whole = tokio::time::timeout(self.limits.idle, all).await.unwrap_or(false);
        (read.freeze(), whole)
    }
}

impl Failure {
    fn network(error: &TransportError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { verdict: Verdict::Network, status: None, message: format!("{error}{cause}"), silent: false }
    }

    fn silent(patience: Duration) -> Self {
        let message = format!("the upstream did not begin its answer within {} ms", patience.as_millis());
        Self { verdict: Verdict::Network, status: None, message, silent: true }
    }

    fn empty() -> Self {
        let message = "the upstream ended its stream before its first event".to_owned();
        Self { verdict: Verdict::UpstreamFault, status: Some(StatusCode::OK), message, silent: false }
    }

    /// It can not even be sent, and would not be by any other key.
    fn ours(message: &str) -> Self {
        Self { verdict: Verdict::CallerFault, status: None, message: message.to_owned(), silent: false }
    }

    /// Lets the key, or the way to its upstream, remember. A client's own mistake counts against nobody.
    fn teach(&self, seat: &Seat, model: &str) {
        let (now, reason) = (stage::now(), self.reason());
        let (health, link) = (&seat.key.health, &seat.key.link);
        match &self.verdict {
            Verdict::RateLimited { wait } => health.learn(model, Lesson::RestModel { wait: *wait, reason }, now),
            Verdict::ModelUnavailable => {
                health.learn(model, Lesson::RestModel { wait: Some(MODEL_PAUSE), reason }, now);
            }
            Verdict::OutOfCredit { wait } => health.learn(model, Lesson::NoCredit { wait: *wait, reason }, now),
            Verdict::BadCredential => health.learn(model, Lesson::Refused { reason }, now),
            Verdict::Overloaded { wait } => link.learn("", Lesson::Rest { wait: *wait, reason }, now),
            Verdict::UpstreamFault | Verdict::Network => link.learn("", Lesson::Rest { wait: None, reason }, now),
            Verdict::Answer | Verdict::CallerFault => {}
        }
    }

    fn reason(&self) -> String {
        format!("{}: {}", self.verdict.as_str(), crate::classify::scrub(&self.message))
    }
}

/// How long a model that a key may not use is left alone.
const MODEL_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Giving up.
impl Attempts {
    async fn give_up(&self, routed: &Routed, mut recorder: Recorder, last: Option<Failure>, choice: Choice) -> Error {
        let error = match (last, &choice) {
            (Some(failure), _) => failure.into_error(),
            (None, Choice::Resting { why, .. }) => resting(&why.reason),
            (None, _) => Error::no_key("no key of this pool can serve the call now"),
        };
        let error = match choice {
            Choice::Resting { wait, .. } => error.with_retry_after(wait),
            _ => error,
        };
        recorder.status(render::status(&error, routed.call.ask.format).as_u16());
        recorder.error(error.name(), &error.to_string());
        self.written(recorder, Outcome::Failed).await;
        error
    }
}

fn resting(reason: &str) -> Error {
    let limited = Verdict::RateLimited { wait: None };
    if reason.starts_with(limited.as_str()) {
        return Error::rate_limited("every key for this model has reached its rate limit");
    }
    Error::no_key("every key for this model rests after a failure")
}

impl Failure {
    fn into_error(self) -> Error {
        match self.verdict {
            Verdict::RateLimited { wait } => {
                Error::rate_limited("every key for this model has reached its rate limit").with_retry_after(wait)
            }
            Verdict::Overloaded { wait } => Error::overloaded("the upstream is overloaded").with_retry_after(wait),
            Verdict::ModelUnavailable => Error::no_key("no key of this pool may use the model at its upstream"),
            Verdict::OutOfCredit { .. } => Error::no_key("the keys for this model have no credit left"),
            Verdict::BadCredential => Error::no_key("the keys for this model were refused by their upstream"),
            Verdict::Network if self.silent => Error::timeout("the upstream did not answer in time"),
            Verdict::Network => Error::upstream("the upstream can not be reached"),
            Verdict::CallerFault => Error::bad_request("", self.message),
            Verdict::UpstreamFault | Verdict::Answer => Error::upstream("the upstream failed"),
        }
    }
}
