//! One key after another until one answers: select, prepare, send, open, classify.
//!
//! The state of a call's tries belongs to one scope, so there is nothing to clean up and nothing to leak. A key that
//! failed in a call is never tried again in it, and nothing is tried again once a byte has gone to the client.

mod choosing;
mod failure;
mod opening;
mod prepare;
mod serving;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::sleep;
use tower::Service;

use self::{
    choosing::{Next, SoFar},
    failure::{Failure, Refusal},
    prepare::Prepared,
    serving::{Come, Served},
};
use super::{
    Admitted, Limits, Response, ResponseFuture, Routed, ambient,
    body::{Drains, poll_data},
    conversation, headers,
    memos::Memos,
    place::Place,
    recorder::{Asked, Recorder},
    waits::{Turn, Waits},
};
use crate::{
    Error,
    classify::Verdict,
    format::{Chain, Endpoint, Format, refuses_reasoning, thinks_with_tools, without_reasoning},
    route::{By, Seat, Trail, Want},
    time::Clock,
    transport::{Outgoing, Transport, TransportError, UpstreamBody},
    usage::ServiceTerms,
};

pub(crate) use self::{choosing::reason, failure::nobody};

/// A rough count of tokens where nobody tells: this many bytes of a request make one.
const BYTES_PER_TOKEN: u64 = 4;

/// Tries keys. The innermost service.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::{Arc, atomic::AtomicBool};
///
/// use amp_pool_core::{
///     Error,
///     caller::Caller,
///     id::KeyId,
///     keys::{Key, KeySpec, LiveKey, Standing},
///     ledger::Ledger,
///     price::PriceBook,
///     provider::Presets,
///     route::{Catalog, Trail},
///     secret::Secret,
///     service::{
///         Limits,
///         admit::AdmitLayer,
///         attempts::Attempts,
///         auth::{AuthLayer, Callers},
///         read::ReadLayer,
///         render::RenderLayer,
///         routing::RoutingLayer,
///     },
///     store::memory::MemoryStore,
///     testkit::{Reply, Script},
///     time::{Clock, SystemClock, Timestamp},
/// };
/// use arc_swap::{ArcSwap, ArcSwapOption};
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt as _};
///
/// struct Anybody;
/// impl Callers for Anybody {
///     fn identify(&self, _: &http::HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
///         Ok(Arc::new(Caller::named("ada")))
///     }
/// }
///
/// let now = Timestamp::from_millis(0);
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-a"));
/// let key = Key { id: KeyId(1), create_time: now, update_time: now, fingerprint: "1".into(), spec };
/// let live = LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(std::time::Instant::now()))?;
/// let catalog = Catalog::new(vec![Arc::new(live)], Vec::new(), Arc::new(PriceBook::builtin().clone()));
///
/// // The whole stack by hand, as `Pool` puts it together. Each layer takes one type and calls the next with another, so that
/// // only this order compiles.
/// let clock = || -> Arc<dyn Clock> { Arc::new(SystemClock) };
/// let ledger = Ledger::start(Arc::new(MemoryStore::new()), 1024);
/// let upstream = Arc::new(Script::new().on("sk-a", Reply::chat("Hello!")));
/// let (limits, seal, trail) = (Limits::default(), Arc::new([7; 32]), Arc::new(Trail::default()));
/// let stack = ServiceBuilder::new()
///     .layer(RenderLayer::new(clock()))
///     .layer(AuthLayer::new(Arc::new(Anybody)))
///     .layer(ReadLayer::new(limits.clone()))
///     .layer(RoutingLayer::new(Arc::new(ArcSwap::from_pointee(catalog))))
///     .layer(AdmitLayer::new(ledger, clock(), Arc::new(AtomicBool::new(false)), Arc::new(ArcSwapOption::empty())))
///     .service(Attempts::new(upstream, limits, clock(), seal, trail));
///
/// let body = Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#));
/// let Ok(answer) = stack.oneshot(http::Request::post("/v1/chat/completions").body(body)?).await;
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Attempts(Arc<Means>);

/// What trying takes.
#[derive(Clone)]
struct Means {
    transport: Arc<dyn Transport>,
    limits: Arc<Limits>,
    clock: Arc<dyn Clock>,
    seal: SealSecret,
    memos: Arc<Memos>,
    drains: Option<Arc<Drains>>,
    trail: Arc<Trail>,
    waits: Option<Arc<Waits>>,
    names_keys: bool,
}

/// What reasoning is sealed with on its way through clients of another format.
pub type SealSecret = Arc<[u8; 32]>;

impl Attempts {
    /// Sends by `transport`, within `limits`. `trail` knows where conversations are.
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        seal: SealSecret,
        trail: Arc<Trail>,
    ) -> Self {
        let drains = (!limits.drain.is_zero()).then(|| Arc::new(Drains::new(limits.drain)));
        let waits = (!limits.wait.is_zero()).then(|| Arc::new(Waits::new(limits.wait, limits.waiting)));
        let limits = Arc::new(limits);
        Self(Arc::new(Means {
            transport,
            limits,
            clock,
            seal,
            memos: Arc::default(),
            drains,
            trail,
            waits,
            names_keys: false,
        }))
    }

    /// Whether clients are told which key answered: its id, as `x-amp-key`.
    #[must_use]
    pub fn naming_keys(self, names_keys: bool) -> Self {
        Self(Arc::new(Means { names_keys, ..Arc::unwrap_or_clone(self.0) }))
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
        Box::pin(Means::run(Arc::clone(&self.0), admitted))
    }
}

// What is rarely done is boxed where it is awaited: a future is as large as its largest branch, and each call makes one.

/// How one try went.
enum Step {
    /// The client has its answer.
    Answered(Response),
    /// Another key may do better.
    Failed(Box<Recorder>, Failure),
    /// Others took what the key had left; nothing was sent.
    Missed(Box<Recorder>),
    /// The request can not be put into the upstream's format; nothing was sent.
    Rejected(Box<Recorder>, Error),
}

impl Means {
    /// Owns what it works with: a future around this one would keep room for the call a second time.
    async fn run(self: Arc<Self>, Admitted { routed, mut recorder, barred }: Admitted) -> Result<Response, Error> {
        let mut tried = barred;
        let mut last: Option<Failure> = None;
        let mut refused: Option<Error> = None;
        loop {
            let so_far = SoFar { tried: &tried, last: last.as_ref(), translates: refused.is_none() };
            let (next, turn) = self.find(&routed, so_far, &mut recorder).await;
            let (at, by) = match next {
                Next::Ask { at, by } => (at, by),
                Next::Nobody(choice) => {
                    return Err(match refused.filter(|_| last.is_none()) {
                        Some(error) => Box::pin(self.reject(&routed, recorder, error)).await,
                        None => Box::pin(self.give_up(&routed, recorder, last, choice)).await,
                    });
                }
            };
            tried.push(at);
            // What failed tries did cost comes on top of what this one may.
            if last.is_some()
                && let Err(error) = recorder.cover().await
            {
                return Err(Box::pin(self.reject(&routed, recorder, error)).await);
            }
            match self.attempt(&routed, &routed.plan.seats()[at], by, turn, recorder).await {
                Step::Answered(response) => return Ok(response),
                Step::Failed(unfinished, failure) => {
                    recorder = unfinished;
                    last = Some(failure.beside(last));
                }
                // To whoever looks again it is full, until there is room.
                Step::Missed(untouched) => {
                    recorder = untouched;
                    tried.pop();
                }
                // A key that speaks the caller's own format may still take it.
                Step::Rejected(untouched, error) => {
                    recorder = untouched;
                    refused = Some(error);
                }
            }
        }
    }

    async fn attempt(
        &self,
        routed: &Routed,
        seat: &Seat,
        by: By,
        turn: Option<Turn<'_>>,
        mut recorder: Box<Recorder>,
    ) -> Step {
        let model = seat.model(&routed.call.ask.model);
        let format = format_for(routed, seat);
        let Prepared { outgoing, way } = match self.prepare(routed, seat, format) {
            Ok(prepared) => prepared,
            Err(error) => return Step::Rejected(recorder, error),
        };
        // Terms have other names in other formats, and translation keeps few of them: there the answer's word holds alone.
        let terms = if format == routed.call.ask.format { routed.call.ask.terms } else { ServiceTerms::default() };
        let candidates = choosing::count(&routed.plan);
        let asked = Asked { format, model, chosen_by: Some(by), candidates, terms };
        let now = ambient::now();
        let Some(place) = Place::take(seat, model, input(routed), self.waits.clone(), now) else {
            return Step::Missed(recorder);
        };
        recorder.begin(place, asked, now);
        // The place is taken: whoever waits behind this call sees a key with one place less.
        drop(turn);
        let target = Target { seat, format };
        let again = way.may_pause().then(|| outgoing.clone());
        let mut asked = self.ask(routed, target, outgoing, &mut recorder).await;
        if let Err(Refusal::OfTheCaller(refusal)) = &asked
            && let Some(outgoing) = self.without_reasoning(routed, target, refusal)
        {
            recorder.verdict(Verdict::CallerFault.as_str(), Some(refusal.status().as_u16()), Some(REASONING));
            recorder.again();
            asked = Box::pin(self.ask(routed, target, outgoing, &mut recorder)).await;
        }
        let failure = match asked {
            Ok(come) => {
                recorder.answered(&come.head.headers, model, come.at);
                self.remember(routed, target, &come);
                let mut answer = match self.serve(routed, way, recorder, come, again) {
                    Served::Begun(answer) => answer,
                    Served::Gathered(answer) => answer.await,
                };
                // One that is all here goes out at once, head and body in one write, when the books have it.
                answer.body_mut().settled().await;
                return Step::Answered(self.naming(seat, answer));
            }
            Err(Refusal::OfTheCaller(refusal)) => {
                let answer = Box::pin(self.pass_on(way, recorder, refusal)).await;
                return Step::Answered(self.naming(seat, answer));
            }
            Err(Refusal::OfTheKey(failure)) => failure,
        };
        let mut failure = failure;
        failure.teach(seat, model);
        recorder.verdict(failure.verdict.as_str(), failure.status.map(|s| s.as_u16()), Some(&failure.message));
        recorder.end_attempt(ambient::now());
        Step::Failed(recorder, failure)
    }

    /// An answer that says whose it is, where clients are told.
    fn naming(&self, seat: &Seat, mut answer: Response) -> Response {
        if self.names_keys {
            headers::set(answer.headers_mut(), "x-amp-key", &seat.key.key.id.to_string());
        }
        answer
    }

    /// Sends a request and waits for the beginning of its answer.
    async fn ask(
        &self,
        routed: &Routed,
        target: Target<'_>,
        outgoing: Box<Outgoing>,
        recorder: &mut Recorder,
    ) -> Result<Come, Refusal> {
        let answer = self.send(routed, outgoing).await.map_err(Refusal::OfTheKey)?;
        if !answer.status().is_success() {
            return Err(Box::pin(self.refusal(target.seat, answer, recorder)).await);
        }
        self.open(routed, target.seat, target.format, answer, recorder).await.map_err(Refusal::OfTheKey)
    }

    /// The same request without the reasoning in its history, where that is what the upstream refuses and there is any:
    /// proofs are good only where they were made, and the conversation may have begun elsewhere.
    fn without_reasoning(
        &self,
        routed: &Routed,
        target: Target<'_>,
        refusal: &http::Response<Bytes>,
    ) -> Option<Box<Outgoing>> {
        if !refuses_reasoning(refusal.status().as_u16(), refusal.body()) {
            return None;
        }
        let Prepared { mut outgoing, .. } = self.prepare(routed, target.seat, target.format).ok()?;
        let body = std::mem::take(outgoing.request.body_mut()).into_bytes();
        *outgoing.request.body_mut() = Chain::from(Bytes::from(without_reasoning(target.format, &body)?));
        Some(outgoing)
    }
}

/// What stands in the books at an attempt that was made once more.
const REASONING: &str = "the reasoning in the history was refused; asked once more without it";

/// Who is asked, and how.
#[derive(Clone, Copy)]
struct Target<'a> {
    seat: &'a Seat,
    format: Format,
}

/// The format in which a seat is asked.
fn format_for(routed: &Routed, seat: &Seat) -> Format {
    let ask = &routed.call.ask;
    let is_chat = seat.chat_refuses_tools && ask.endpoint == Endpoint::ChatCompletions;
    if is_chat && thinks_with_tools(seat.model(&ask.model), &routed.call.body) {
        return Format::Responses;
    }
    seat.format_for(ask.format, ask.endpoint.is_translatable()).unwrap_or(ask.format)
}

/// Selecting.
impl Means {
    fn want<'a>(&self, routed: &'a Routed, tried: &'a [usize], translates: bool) -> Want<'a> {
        let (ask, now) = (&routed.call.ask, ambient::now());
        // A conversation that may begin with this call has no cache anywhere.
        let conversation = ask.talk.filter(|talk| !talk.may_begin).map(|talk| talk.conversation);
        Want {
            translates: translates && ask.endpoint.is_translatable(),
            tried,
            input: input(routed),
            conversation,
            home: conversation.and_then(|conversation| self.trail.find(conversation, now)),
            chance: u64::from_le_bytes(routed.call.id.as_bytes()[8..].try_into().unwrap_or_default()),
            ..Want::new(ask.format, &ask.model, now)
        }
    }

    /// Where the conversation is now, and where the answer is that a next call may go on from.
    fn remember(&self, routed: &Routed, Target { seat, format }: Target<'_>, Come { opening, at: now, .. }: &Come) {
        let (ask, key, now) = (&routed.call.ask, seat.key.key.id, *now);
        if let Some(talk) = ask.talk {
            self.trail.leave(talk.conversation, key, now);
        }
        let keeps_answers = ask.format == Format::Responses && format == Format::Responses;
        if let Some(id) = opening.first().filter(|_| keeps_answers).and_then(|first| conversation::answer_id(first)) {
            self.trail.leave(conversation::going_on_from(id), key, now);
        }
    }
}

/// About how many tokens a call sends.
pub(super) fn input(routed: &Routed) -> u64 {
    routed.call.body.len() as u64 / BYTES_PER_TOKEN
}

/// Sending.
impl Means {
    async fn send(&self, routed: &Routed, outgoing: Box<Outgoing>) -> Result<http::Response<UpstreamBody>, Failure> {
        let patience = self.patience(routed);
        match ambient::before(|| sleep(patience), self.transport.send(*outgoing)).await {
            Some(answer) => answer.map_err(|error| Failure::network(&error)),
            None => Err(Failure::silent(patience)),
        }
    }

    /// How long to wait for the beginning of an answer.
    fn patience(&self, routed: &Routed) -> Duration {
        if routed.call.ask.stream { self.limits.first_byte } else { self.limits.whole_answer }
    }
}

/// The next bytes of an upstream's answer.
fn next(body: &mut UpstreamBody) -> impl Future<Output = Result<Option<Bytes>, TransportError>> + Unpin {
    std::future::poll_fn(|cx| poll_data(body, cx).map(Option::transpose))
}
