//! From typed errors to HTTP, in the caller's own format. Outermost, so that whatever fails below is answered.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderName, HeaderValue, StatusCode, header};
use tower::{Layer, Service};

use super::{Arrived, PoolBody, Response, ResponseFuture, headers};
use crate::{
    Error, Fault,
    format::{Format, Problem, error_body},
    id::CallId,
    time::Clock,
};

/// Anthropic's status for an overloaded service.
const OVERLOADED: u16 = 529;

/// Makes [`Render`].
#[derive(Clone)]
pub struct RenderLayer(Arc<dyn Clock>);

impl RenderLayer {
    /// A layer that stamps requests with the time of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl<S> Layer<S> for RenderLayer {
    type Service = Render<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Render { clock: self.0.clone(), inner }
    }
}

/// Answers errors.
#[derive(Clone)]
pub struct Render<S> {
    clock: Arc<dyn Clock>,
    inner: S,
}

impl<S, B> Service<http::Request<B>> for Render<S>
where
    S: Service<Arrived<B>, Response = Response, Error = Error, Future = ResponseFuture>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RenderFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> RenderFuture {
        let arrived = Arrived::new(request, &*self.clock);
        let (id, format) = (arrived.id, arrived.format);
        RenderFuture { id, format, inner: self.inner.call(arrived) }
    }
}

/// The future of [`Render`].
pub struct RenderFuture {
    id: CallId,
    format: Format,
    inner: ResponseFuture,
}

impl Future for RenderFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.inner.as_mut().poll(cx));
        let mut response = outcome.unwrap_or_else(|error| answer(&error, self.format, self.id));
        name(&mut response, self.id);
        Poll::Ready(Ok(response))
    }
}

fn name(response: &mut Response, id: CallId) {
    let mut buffer = uuid::Uuid::encode_buffer();
    let Ok(id) = HeaderValue::from_str(id.0.hyphenated().encode_lower(&mut buffer)) else { return };
    // Each SDK knows one of them, and those of others follow either.
    response.headers_mut().insert(const { HeaderName::from_static("x-request-id") }, id.clone());
    response.headers_mut().insert(const { HeaderName::from_static("request-id") }, id);
}

fn answer(error: &Error, format: Format, id: CallId) -> Response {
    if error.is_internal() {
        tracing::error!(call = %id, error = ?error, "a call failed by a defect of ours");
    }
    let status = status(error, format);
    let body = error_body(format, &problem(error, &message(error, format), status, &id.to_string()));
    let mut response = http::Response::new(PoolBody::whole(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(wait) = error.retry_after() {
        // Rounded up: a client that comes a moment too early is refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers::set(response.headers_mut(), "retry-after", &seconds.max(1).to_string());
    }
    for (name, value) in error.headers() {
        headers::set(response.headers_mut(), name, value);
    }
    if error.is_budget() {
        // Money does not come back in the seconds that an SDK would wait.
        headers::set(response.headers_mut(), "x-should-retry", "false");
    } else if error.fault() != Fault::Caller {
        // We have tried what there is; the SDKs' own retries would only multiply the load.
        headers::set(response.headers_mut(), "x-should-retry", if error.is_busy() { "true" } else { "false" });
    }
    response
}

/// What it says to people; and to agents of OpenAI's formats, which read how long to wait in these words.
fn message(error: &Error, format: Format) -> String {
    let message = error.to_string();
    let is_limit = error.is_rate_limited() || error.is_over_limit();
    match error.retry_after().filter(|_| is_limit && format != Format::Messages) {
        Some(wait) if !message.contains("try again in") => {
            format!("{message}; please try again in {}s", (wait.as_secs_f64() * 10.0).ceil() / 10.0)
        }
        _ => message,
    }
}

pub(super) fn problem<'a>(error: &'a Error, message: &'a str, status: StatusCode, call: &'a str) -> Problem<'a> {
    Problem { status: status.as_u16(), kind: error.name(), message, field: error.field(), code: error.code(), call }
}

/// The status a caller of `format` sees for an error.
pub(crate) fn status(error: &Error, format: Format) -> StatusCode {
    match error {
        e if e.is_unauthorized() => StatusCode::UNAUTHORIZED,
        e if e.is_forbidden() => StatusCode::FORBIDDEN,
        e if e.is_bad_request() => StatusCode::BAD_REQUEST,
        e if e.is_too_large() => StatusCode::PAYLOAD_TOO_LARGE,
        e if e.is_not_found() || e.is_unknown_model() => StatusCode::NOT_FOUND,
        e if e.is_format_mismatch() => StatusCode::NOT_IMPLEMENTED,
        e if e.is_budget() => out_of_money(format),
        e if e.is_rate_limited() || e.is_over_limit() => StatusCode::TOO_MANY_REQUESTS,
        e if e.is_overloaded() => overloaded(format),
        e if e.is_upstream() => StatusCode::BAD_GATEWAY,
        e if e.is_slow_body() => StatusCode::REQUEST_TIMEOUT,
        e if e.is_timeout() => StatusCode::GATEWAY_TIMEOUT,
        e if e.is_no_key() || e.is_busy() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Anthropic's error for a bill is 402, OpenAI's for a spent quota a 429 with a code of its own.
fn out_of_money(format: Format) -> StatusCode {
    if format == Format::Messages { StatusCode::PAYMENT_REQUIRED } else { StatusCode::TOO_MANY_REQUESTS }
}

fn overloaded(format: Format) -> StatusCode {
    let code = if format == Format::Messages { OVERLOADED } else { 503 };
    StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}
