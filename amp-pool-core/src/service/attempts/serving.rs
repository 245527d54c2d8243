//! An answer goes out: as it is, as a stream of another format, or as a whole one of it.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::error::Elapsed;

use super::{
    Means, input,
    prepare::{Way, tenant},
};
use crate::{
    Error,
    classify::Verdict,
    format::{
        Chain, Endpoint, Format, Gatherer, HiddenUsage, Losses, Meter, Pausing, Repair, Transcoder, WayBack, Whole,
    },
    service::{
        Ask, PoolBody, Response, Routed, ambient,
        body::{Again, Beside, Drain, Mended, Metered, Parts, Pass, Rewrite, Shape},
        headers,
        held::Held,
        recorder::Recorder,
    },
    store::{Outcome, Side},
    transport::{Answer, Outgoing, UpstreamBody},
};

/// An answer that has begun to come.
pub(super) struct Come {
    pub(super) head: http::response::Parts,
    pub(super) opening: Vec<Bytes>,
    pub(super) body: UpstreamBody,
    /// When so much of it was here.
    pub(super) at: Instant,
}

/// An answer that goes out.
pub(super) enum Served<'a> {
    /// With its head; its body may still be to come.
    Begun(Response),
    /// Put together of a stream first.
    Gathered(BoxFuture<'a, Response>),
}

impl Means {
    /// Gives the answer its body. `again`: the request as it was sent, where its turn may pause.
    ///
    /// No future of its own, which would keep room for all that it is handed.
    pub(super) fn serve<'a>(
        &'a self,
        routed: &'a Routed,
        way: Way,
        mut recorder: Box<Recorder>,
        come: Come,
        again: Option<Box<Outgoing>>,
    ) -> Served<'a> {
        let status = come.head.status;
        recorder.verdict(Verdict::Answer.as_str(), Some(status.as_u16()), None);
        recorder.serving();
        recorder.status(status.as_u16());
        let is_mended = matches!(way, Way::Mended);
        match way {
            Way::Native | Way::Mended => Served::Begun(match &routed.call.ask.cap {
                None => self.serve_native(routed, recorder, come, is_mended),
                Some(cap) => {
                    recorder.lost(Side::Request, &cap.told);
                    tell_losses(self.serve_native(routed, recorder, come, is_mended), &cap.told)
                }
            }),
            Way::Translated(back, losses) => {
                recorder.lost(Side::Request, &losses);
                let again = again.and_then(|sent| self.resend(routed, sent, recorder.held()));
                if routed.call.ask.stream {
                    let answer = self.serve_translated(routed, *back, recorder, come, again);
                    return Served::Begun(tell_losses(answer, &losses));
                }
                Served::Gathered(Box::pin(self.serve_whole(routed, *back, losses, recorder, come, again)))
            }
        }
    }

    fn serve_native(&self, routed: &Routed, recorder: Box<Recorder>, come: Come, is_mended: bool) -> Response {
        let Come { head, opening, body: upstream, at } = come;
        let call = &routed.call;
        let stream = headers::is_stream(&head.headers);
        let arrived: u64 = opening.iter().map(|frame| frame.len() as u64).sum();
        let left = http_body::Body::size_hint(&upstream).exact().filter(|_| length_is_known(&head.headers));
        let parts = Parts {
            shape: if stream { Shape::Stream } else { Shape::Whole { left: left.map(|left| left + arrived) } },
            rewrite: if stream { native(&call.ask, is_mended) } else { Rewrite::Nothing },
            meter: meter(routed, call.ask.format, &head.headers),
            drain: self.drain(routed, call.ask.format),
            ..self.parts(routed, upstream)
        };
        respond(head.status, &head.headers, PoolBody::metered(Metered::new(parts, recorder, opening, at)))
    }

    /// A stream in the client's format. The meter reads the upstream's own events: they are the richest truth.
    fn serve_translated(
        &self,
        routed: &Routed,
        back: WayBack,
        recorder: Box<Recorder>,
        come: Come,
        again: Option<Box<Again>>,
    ) -> Response {
        let Come { head, opening, body: upstream, at } = come;
        let parts = Parts {
            meter: meter(routed, back.upstream(), &head.headers),
            drain: self.drain(routed, back.upstream()),
            rewrite: Rewrite::stream(Transcoder::new(back)),
            translation: Some(self.beside(routed, again)),
            ..self.parts(routed, upstream)
        };
        let mut response =
            respond(head.status, &head.headers, PoolBody::metered(Metered::new(parts, recorder, opening, at)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    /// A whole answer in the client's format. It comes in through the same body that others go out by, so that limits,
    /// hang-ups and the books are the same.
    async fn serve_whole(
        &self,
        routed: &Routed,
        back: WayBack,
        mut losses: Losses,
        recorder: Box<Recorder>,
        come: Come,
        again: Option<Box<Again>>,
    ) -> Response {
        let Come { head, opening, body: upstream, at } = come;
        let is_stream = headers::is_stream(&head.headers);
        let parts = Parts {
            shape: if is_stream { Shape::Stream } else { Shape::Whole { left: None } },
            meter: meter(routed, back.upstream(), &head.headers),
            drain: self.drain(routed, back.upstream()),
            rewrite: Rewrite::whole(Gatherer::new(back.clone())),
            translation: Some(self.beside(routed, again)),
            // Its client waits for all of it anyway: no piece of it has to come soon.
            idle: self.limits.whole_answer,
            ..self.parts(routed, upstream)
        };
        let whole = Metered::new(parts, recorder, opening, at).whole().await;
        let whole = whole.unwrap_or_else(|| back.error(StatusCode::BAD_GATEWAY.as_u16(), b""));
        losses.join(&whole.losses);
        tell_losses(translated(&head.headers, whole), &losses)
    }

    fn parts(&self, routed: &Routed, upstream: UpstreamBody) -> Parts {
        Parts {
            call: routed.call.id,
            format: routed.call.ask.format,
            shape: Shape::Stream,
            upstream,
            meter: None,
            rewrite: Rewrite::Nothing,
            translation: None,
            drain: None,
            limits: self.limits.clone(),
            idle: self.limits.idle,
            deadline: routed.call.started + self.limits.total,
        }
    }

    /// What an answer of `upstream` needs should its client hang up.
    fn drain(&self, routed: &Routed, upstream: Format) -> Option<Drain> {
        let drains = self.drains.as_ref().filter(|_| upstream != Format::Messages && routed.call.ask.is_paid())?;
        Some(Drain { drains: drains.clone(), token: routed.call.caller.token })
    }

    fn beside(&self, routed: &Routed, again: Option<Box<Again>>) -> Beside {
        Beside { memos: self.memos.clone(), tenant: tenant(routed), again }
    }

    /// Sends a request again with more of its turn, when that has paused.
    fn resend(&self, routed: &Routed, sent: Box<Outgoing>, held: Option<Arc<Held>>) -> Option<Box<Again>> {
        let pausing = Pausing::new(&sent.request.body().clone().into_bytes())?;
        let (transport, patience) = (self.transport.clone(), self.patience(routed));
        let input = input(routed);
        let send = move |body: Vec<u8>| {
            let mut outgoing = sent.clone();
            *outgoing.request.body_mut() = Chain::from(Bytes::from(body));
            let (transport, held) = (transport.clone(), held.clone());
            Box::pin(async move {
                // To its upstream, and so to budgets, it is a call of its own.
                if let Some(held) = held {
                    held.hold_again().await?;
                }
                next_pass(tokio::time::timeout(patience, transport.send(*outgoing)).await, input)
            }) as BoxFuture<'static, _>
        };
        Some(Box::new(Again::new(pausing, send)))
    }

    /// Passes the upstream's refusal of the client's own mistake on, as it is.
    pub(super) async fn pass_on(
        &self,
        way: Way,
        mut recorder: Box<Recorder>,
        refusal: http::Response<Bytes>,
    ) -> Response {
        let (head, body) = refusal.into_parts();
        recorder.verdict(Verdict::CallerFault.as_str(), Some(head.status.as_u16()), None);
        recorder.serving();
        recorder.status(head.status.as_u16());
        recorder.error(Verdict::CallerFault.as_str(), &String::from_utf8_lossy(&body));
        let answer = match way {
            Way::Native | Way::Mended => respond(head.status, &head.headers, PoolBody::whole(body)),
            Way::Translated(back, _) => translated(&head.headers, back.error(head.status.as_u16(), &body)),
        };
        recorder.status(answer.status().as_u16());
        self.written(recorder, Outcome::Failed).await;
        answer
    }

    /// Writes a failed call's record and waits for it, within bounds: an error is an answer too.
    pub(super) async fn written(&self, mut recorder: Box<Recorder>, outcome: Outcome) {
        if let Some(durable) = recorder.finish(outcome, ambient::now())
            && !matches!(tokio::time::timeout(self.limits.durable, durable).await, Ok(Ok(())))
        {
            tracing::error!("an error was answered before the books had it");
        }
    }
}

fn length_is_known(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH)
}

/// A whole answer in the client's format.
fn translated(upstream: &HeaderMap, whole: Whole) -> Response {
    let status = StatusCode::from_u16(whole.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = respond(status, upstream, PoolBody::whole(whole.body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Tells what could not be carried.
fn tell_losses(mut response: Response, losses: &Losses) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [("x-amp-dropped", losses.dropped_header()), ("x-amp-adjusted", losses.adjusted_header())] {
        if let Some(value) = value {
            headers::set(headers, name, &value);
        }
    }
    response
}

/// What becomes of a stream in the client's own format.
fn native(ask: &Ask, is_mended: bool) -> Rewrite {
    let hidden_usage = ask.ask_for_usage.is_some().then(HiddenUsage::new);
    match hidden_usage {
        hidden_usage if is_mended && ask.endpoint.is_translatable() => {
            Rewrite::Mended(Box::new(Mended { repair: Repair::new(ask.format), hidden_usage }))
        }
        Some(hidden_usage) => Rewrite::HiddenUsage(hidden_usage),
        None => Rewrite::Nothing,
    }
}

/// The answer to a turn that was sent back.
fn next_pass(answer: Result<Answer, Elapsed>, input: u64) -> Result<Pass, Error> {
    let answer = answer.map_err(|_| Error::timeout("the upstream did not go on with its turn in time"))?;
    let answer = answer.map_err(|error| Error::upstream("the upstream can not be reached").with_source(error))?;
    if !answer.status().is_success() {
        return Err(Error::upstream("the upstream did not go on with its turn"));
    }
    let (head, upstream) = answer.into_parts();
    let is_stream = headers::is_stream(&head.headers);
    let mut meter = if is_stream { Meter::stream(Format::Messages) } else { Meter::whole(Format::Messages) };
    meter.expect_input(input);
    Ok(Pass { upstream, meter, is_stream, status: head.status.as_u16() })
}

fn meter(routed: &Routed, upstream: Format, headers: &HeaderMap) -> Option<Meter> {
    let ask = &routed.call.ask;
    if !ask.is_paid() {
        return None;
    }
    let mut meter = match headers::is_stream(headers) {
        is_stream if ask.endpoint == Endpoint::Google => Meter::google(is_stream),
        true => Meter::stream(upstream),
        false if headers::is_json(headers) => Meter::whole(upstream),
        false => return None,
    };
    if ask.endpoint.needs_model() {
        meter.expect_input(input(routed));
    }
    Some(meter)
}

fn respond(status: StatusCode, upstream: &HeaderMap, body: PoolBody) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers::to_client(upstream);
    response
}
