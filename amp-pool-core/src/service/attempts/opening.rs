//! Holding back the beginning of an answer until it is sure to be one.
//!
//! While nothing has gone to the client, an error inside a good answer still lets another key try.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::{BodyExt as _, Empty};
use memchr::memmem::Finder;
use tokio::time::sleep;

use super::{
    Means,
    failure::{Failure, failed},
    next,
    serving::Come,
};
use crate::{
    classify::{Judgement, Signal, Verdict},
    format::{self, Endpoint, Format, Opened, Opening},
    route::Seat,
    service::{Routed, ambient, headers::is_stream, recorder::Recorder},
    transport::{UpstreamBody, packed},
};

/// Opening: holding back the beginning of an answer until it is sure to be one.
impl Means {
    /// Waits for the beginning of a successful answer. Gives its head, the frames that have come, and the rest.
    pub(super) async fn open(
        &self,
        routed: &Routed,
        seat: &Seat,
        format: Format,
        answer: http::Response<UpstreamBody>,
        recorder: &mut Recorder,
    ) -> Result<Come, Failure> {
        let (mut head, mut body) = answer.into_parts();
        let patience = self.patience(routed);
        let first = match ambient::before(|| sleep(patience), next(&mut body)).await {
            None => return Err(Failure::silent(patience)),
            Some(Err(error)) => return Err(Failure::network(&error)),
            Some(Ok(None)) if is_stream(&head.headers) => return Err(Failure::empty()),
            Some(Ok(None)) => return Ok(Come { head, opening: Vec::new(), body, at: ambient::now() }),
            Some(Ok(Some(first))) => first,
        };
        let mut at = ambient::now();
        recorder.first_byte(at);
        let opening = if is_stream(&head.headers) {
            let held = Box::pin(self.open_stream(format, seat, first, &mut body, recorder)).await?;
            at = ambient::now();
            held
        } else {
            let first = if packed::is_packed(&first) {
                packed::amend(&mut head.headers);
                let whole = Box::pin(tokio::time::timeout(patience, unpacked(first, &mut body))).await;
                let whole = whole.map_err(|_| Failure::silent(patience))??;
                body = Empty::new().map_err(|never| match never {}).boxed_unsync();
                at = ambient::now();
                whole
            } else {
                first
            };
            match error_in(routed.call.ask.endpoint, &first) {
                Some(error) => {
                    self.judge(seat, error, recorder)?;
                    vec![seat.key.unsaid(first)]
                }
                // Of what nobody knows the shape of, it may be one.
                None if !routed.call.ask.endpoint.needs_model() => vec![seat.key.unsaid(first)],
                None => vec![first],
            }
        };
        Ok(Come { head, opening, body, at })
    }

    async fn open_stream(
        &self,
        format: Format,
        seat: &Seat,
        first: Bytes,
        body: &mut UpstreamBody,
        recorder: &mut Recorder,
    ) -> Result<Vec<Bytes>, Failure> {
        let until = tokio::time::Instant::now() + self.limits.opening_time;
        let mut opening = Opening::new(format);
        let (mut held, mut bytes, mut frame) = (Vec::with_capacity(2), 0, first);
        loop {
            let state = opening.feed(&frame);
            bytes += frame.len();
            held.push(frame);
            match state {
                Opened::Begun => return Ok(held),
                Opened::Failed(error) => return self.judge(seat, error, recorder).map(|()| unsaid(seat, &held)),
                Opened::Hold if bytes >= self.limits.opening_bytes => return Ok(held),
                Opened::Hold => {}
            }
            frame = match tokio::time::timeout_at(until, next(body)).await {
                // Whoever sends nothing but a beginning for so long is thinking: its client may know.
                Err(_) => return Ok(held),
                Ok(Ok(Some(frame))) => frame,
                Ok(Ok(None)) => return self.end_of_opening(seat, &mut opening, recorder).map(|()| unsaid(seat, &held)),
                Ok(Err(error)) => return Err(Failure::network(&error)),
            };
        }
    }

    /// A stream that ended while it was held back.
    fn end_of_opening(&self, seat: &Seat, opening: &mut Opening, recorder: &mut Recorder) -> Result<(), Failure> {
        match opening.finish() {
            Opened::Begun => Ok(()),
            Opened::Failed(error) => self.judge(seat, error, recorder),
            Opened::Hold => Err(Failure::empty()),
        }
    }

    /// An error stands where an answer should. The client's own mistake is an answer all the same.
    fn judge(&self, seat: &Seat, error: format::Failure, recorder: &mut Recorder) -> Result<(), Failure> {
        let format::Failure { kind, code, message, .. } = error;
        let unsaid = |text| seat.key.unsaid_text(text);
        let (kind, code, message) = (kind.map(unsaid), code.map(unsaid), unsaid(message));
        let signal = Signal::event(kind.as_deref(), code.as_deref(), &message, self.clock.now());
        let Judgement { verdict, by } = seat.key.judge(&signal);
        let verdict = failed(verdict);
        recorder.heard(signal.evidence(), by);
        if verdict.retries_on_another_key() {
            return Err(Failure::judged(verdict, StatusCode::OK, message));
        }
        Ok(())
    }
}

/// An error in a few frames, or what may be one, without what it repeats of the key's secrets.
fn unsaid(seat: &Seat, held: &[Bytes]) -> Vec<Bytes> {
    vec![seat.key.unsaid(held.concat().into())]
}

/// The longest answer that is unpacked, in bytes.
const LONGEST: usize = 64 << 20;

/// All of an answer that comes packed, of which the first piece has come. Nothing of it can be passed on before.
async fn unpacked(first: Bytes, body: &mut UpstreamBody) -> Result<Bytes, Failure> {
    let broken =
        |why: &str| Failure::judged(Verdict::UpstreamFault, StatusCode::OK, format!("the answer is packed and {why}"));
    let mut packed = BytesMut::from(first);
    while let Some(frame) = next(body).await.map_err(|error| Failure::network(&error))? {
        packed.extend_from_slice(&frame);
        if packed.len() > LONGEST {
            return Err(broken("too long"));
        }
    }
    packed::unpacked(&packed, LONGEST).ok_or_else(|| broken("damaged"))
}

/// How far into a body an error that came with a good status begins.
const ERROR_WITHIN: usize = 64;

// Made once: making one costs more than the search.
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
static BASE_RESP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"base_resp\""));

/// The error in a body that came with a good status: some upstreams answer so. Only where an answer's shape is known:
/// other objects may rightly have an `error`.
fn error_in(endpoint: Endpoint, first: &[u8]) -> Option<format::Failure> {
    let start = &first[..first.len().min(ERROR_WITHIN)];
    let names = |name: &Finder<'_>| name.find(start).is_some();
    let suspicious = endpoint.needs_model() && (names(&ERROR) || names(&BASE_RESP));
    if suspicious { format::Failure::read(first) } else { None }
}
