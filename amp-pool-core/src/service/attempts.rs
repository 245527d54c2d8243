//! One key after another until one answers: select, prepare, send, open, classify.
//!
//! The state of a call's tries belongs to one scope, so there is nothing to clean up and nothing to leak. A key that
//! failed in a call is never tried again in it, and nothing is tried again once a byte has gone to the client.

mod failure;
mod opening;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::Service;

use self::failure::{Failure, Refusal};
use super::{
    Admitted, Limits, PoolBody, Response, ResponseFuture, Routed, ambient,
    body::{Metered, Parts, Shape},
    headers,
    recorder::Recorder,
};
use crate::{
    Error,
    classify::Verdict,
    format::{HiddenUsage, Meter, Splice, splice},
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

impl Attempts {
    async fn run(&self, Admitted { routed, mut recorder }: Admitted) -> Result<Response, Error> {
        let mut tried = Vec::new();
        let mut last: Option<Failure> = None;
        loop {
            let choice = routed.plan.choose(want(&routed, &tried));
            let Choice::Seat(at) = choice else { return Err(self.give_up(&routed, recorder, last, choice).await) };
            if last.is_some() && ambient::now().saturating_duration_since(routed.call.started) > self.limits.failover {
                return Err(self.give_up(&routed, recorder, last, Choice::Exhausted).await);
            }
            tried.push(at);
            match self.attempt(&routed, &routed.plan.seats()[at], recorder).await {
                Step::Answered(response) => return Ok(response),
                Step::Failed(unfinished, failure) => {
                    recorder = *unfinished;
                    last = Some(failure.beside(last));
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
                    seat.key.health.learn(model, Lesson::Fit { sent: recorder.sent() }, ambient::now());
                    seat.key.link.learn("", Lesson::Fit { sent: recorder.sent() }, ambient::now());
                    return Step::Answered(self.serve(routed, recorder, &head, opening, body).await);
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
    Want { format: ask.format, model: &ask.model, tried, now: ambient::now() }
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
fn splices(routed: &Routed, seat: &Seat) -> Vec<Splice> {
    let ask = &routed.call.ask;
    let mut edits = Vec::new();
    if let (Some(span), Some(model)) = (&ask.model_span, &seat.upstream_model)
        && **model != *ask.model
    {
        edits.push(Splice::string(span.clone(), model));
    }
    if seat.key.provider.include_usage_ok {
        edits.extend(ask.ask_for_usage.clone());
    }
    edits
}

/// Serving.
impl Attempts {
    async fn serve(
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
        let stream = headers::is_stream(&head.headers);
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
        let mut body = Metered::new(parts, recorder, opening);
        // An answer that is all here goes out at once, head and body in one write, when the books have it.
        body.settled().await;
        respond(head.status, &head.headers, PoolBody::metered(body))
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
    let mut meter = match headers::is_stream(headers) {
        true => Meter::stream(ask.format),
        false if headers::is_json(headers) => Meter::whole(ask.format),
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

/// The next bytes of a body. Trailers say nothing that we could use.
async fn next(body: &mut UpstreamBody) -> Result<Option<Bytes>, TransportError> {
    loop {
        match body.frame().await.transpose()?.map(http_body::Frame::into_data) {
            None => return Ok(None),
            Some(Ok(data)) if !data.is_empty() => return Ok(Some(data)),
            Some(_) => {}
        }
    }
}
