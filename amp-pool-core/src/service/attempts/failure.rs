//! Why a try failed: what the key learns of it, and what the caller is told when no other is left.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;

use super::{Means, next};
use crate::{
    Error,
    classify::{Judgement, Signal, Verdict, scrub},
    keys::{Complaint, KeyState, Lesson, Line, LiveKey, Resource, refused_for},
    route::{Choice, Seat},
    service::{Routed, ambient, recorder::Recorder, render},
    store::Outcome,
    transport::{TransportError, UpstreamBody, packed},
};

/// Why a try failed.
pub(super) struct Failure {
    pub(super) verdict: Verdict,
    pub(super) status: Option<StatusCode>,
    pub(super) message: String,
    /// For how long the upstream said nothing, where that was too long.
    pub(super) silent: Option<Duration>,
    /// The line whose doing it was.
    line: Option<Arc<Line>>,
}

impl Failure {
    pub(super) fn network(error: &TransportError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { verdict: Verdict::Network, status: None, message: format!("{error}{cause}"), silent: None, line: None }
    }

    pub(super) fn silent(patience: Duration) -> Self {
        let message = format!("the upstream did not begin its answer within {} ms", patience.as_millis());
        Self { verdict: Verdict::Network, status: None, message, silent: Some(patience), line: None }
    }

    pub(super) fn empty() -> Self {
        let message = "the upstream ended its stream before its first event".to_owned();
        Self::judged(Verdict::UpstreamFault, StatusCode::OK, message)
    }

    /// An answer that was none.
    pub(super) fn judged(verdict: Verdict, status: StatusCode, message: String) -> Self {
        Self { verdict, status: Some(status), message, silent: None, line: None }
    }

    /// Lets the key, its account, or the way to its upstream remember. A client's own mistake counts against nobody.
    pub(super) fn teach(&mut self, seat: &Seat, model: &str) {
        let (now, reason) = (ambient::now(), self.reason());
        let LiveKey { health, account, link, .. } = &*seat.key;
        let refused = refused_for(&self.message);
        if matches!(self.verdict, Verdict::RateLimited { wait: None }) && seat.room.is_crowded(refused) {
            return seat.room.refuse(refused, now);
        }
        if self.complaint().is_some_and(|complaint| link.is_to_blame(seat.key.key.id, complaint, now)) {
            self.line = Some(link.clone());
            link.rest(None, reason.clone(), now);
            // The key is held harmless: it rests a little, and nothing is proven against it.
            let wait = self.verdict.wait().unwrap_or(HARMLESS_PAUSE);
            return health.learn(model, Lesson::Rest { wait: Some(wait), reason }, now);
        }
        match &self.verdict {
            Verdict::RateLimited { wait } => {
                seat.room.refuse(refused, now);
                account.health.learn(model, Lesson::RestModel { wait: *wait, reason }, now);
            }
            Verdict::ModelUnavailable => {
                health.learn(model, Lesson::RestModel { wait: Some(MODEL_PAUSE), reason }, now);
            }
            Verdict::OutOfCredit { wait } => account.health.learn(model, Lesson::NoCredit { wait: *wait, reason }, now),
            Verdict::BadCredential => health.learn(model, Lesson::Refused { reason }, now),
            // While others were answered on the same line, whoever was silent was so alone.
            Verdict::Network if self.silent.is_some_and(|silence| well_meanwhile(link, now, silence)) => {
                health.learn(model, Lesson::RestModel { wait: None, reason }, now);
            }
            Verdict::Overloaded { .. } | Verdict::UpstreamFault | Verdict::Network => {
                self.line = Some(link.clone());
                link.rest(self.verdict.wait(), reason, now);
            }
            Verdict::KeyLimited { wait } => account.health.learn(model, Lesson::Rest { wait: *wait, reason }, now),
            Verdict::Blocked { wait } => health.learn(model, Lesson::Blocked { wait: *wait, reason }, now),
            Verdict::Answer | Verdict::CallerFault | Verdict::Rotate => {}
        }
    }

    /// What many keys of one upstream may say alike without being to blame.
    fn complaint(&self) -> Option<Complaint> {
        match self.verdict {
            Verdict::BadCredential | Verdict::Blocked { .. } => Some(Complaint::Credential),
            Verdict::OutOfCredit { .. } => Some(Complaint::Money),
            Verdict::RateLimited { .. } | Verdict::KeyLimited { .. } => Some(Complaint::Limit),
            _ => None,
        }
    }

    /// Whether `seat` may be tried after this. What failed by its line's doing is tried on that line only within bounds:
    /// an upstream in trouble gets no more from us for it.
    pub(super) fn allows(&self, seat: &Seat) -> bool {
        let same = self.line.as_ref().filter(|line| Arc::ptr_eq(line, &seat.key.link));
        same.is_none_or(|line| line.may_retry(ambient::now()))
    }

    fn reason(&self) -> String {
        format!("{}: {}", self.verdict.as_str(), scrub(&self.message))
    }
}

/// Whether a line was well through a silence that ends now.
fn well_meanwhile(line: &Line, now: Instant, silence: Duration) -> bool {
    now.checked_sub(silence).is_some_and(|began| line.was_well(began, now))
}

/// How long a key rests that is not to blame.
const HARMLESS_PAUSE: Duration = Duration::from_secs(2);

/// How long a model that a key may not use is left alone.
const MODEL_PAUSE: Duration = Duration::from_secs(10 * 60);

/// What was no answer is not to be taken for one, whatever the rules say.
pub(super) fn failed(verdict: Verdict) -> Verdict {
    if verdict == Verdict::Answer { Verdict::UpstreamFault } else { verdict }
}

fn is_gone(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// Classifying.
pub(super) enum Refusal {
    /// No other key would say anything else.
    OfTheCaller(http::Response<Bytes>),
    OfTheKey(Failure),
}

impl Means {
    pub(super) async fn refusal(
        &self,
        seat: &Seat,
        answer: http::Response<UpstreamBody>,
        recorder: &mut Recorder,
    ) -> Refusal {
        let (mut head, body) = answer.into_parts();
        let (mut body, whole) = self.error_body(body).await;
        if packed::is_packed(&body)
            && let Some(plain) = packed::unpacked(&body, self.limits.error_body)
        {
            packed::amend(&mut head.headers);
            body = plain;
        }
        let body = seat.key.unsaid(body);
        let signal = Signal::response(head.status, &head.headers, &body, self.clock.now());
        let Judgement { verdict, by } = seat.key.judge(&signal);
        let verdict = failed(verdict);
        recorder.heard(signal.evidence(), by);
        if !verdict.retries_on_another_key() && whole {
            return Refusal::OfTheCaller(http::Response::from_parts(head, body));
        }
        let gone = is_gone(head.status) && verdict == Verdict::UpstreamFault;
        let why = if gone { "this upstream no longer offers the API: " } else { "" };
        let message = format!("{why}{} {}", head.status.as_u16(), String::from_utf8_lossy(&body));
        Refusal::OfTheKey(Failure::judged(verdict, head.status, message))
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

/// Giving up.
impl Means {
    /// Ends a call whose request no upstream could be sent.
    pub(super) async fn reject(&self, routed: &Routed, mut recorder: Box<Recorder>, error: Error) -> Error {
        recorder.verdict(Verdict::CallerFault.as_str(), None, Some(&error.to_string()));
        self.fail(routed, recorder, &error).await;
        error
    }

    async fn fail(&self, routed: &Routed, mut recorder: Box<Recorder>, error: &Error) {
        recorder.status(render::status(error, routed.call.ask.format).as_u16());
        recorder.error(error.name(), &error.to_string());
        self.written(recorder, Outcome::Failed).await;
    }

    pub(super) async fn give_up(
        &self,
        routed: &Routed,
        recorder: Box<Recorder>,
        last: Option<Failure>,
        choice: Choice,
    ) -> Error {
        let error = match last {
            Some(failure) => come_back(failure.into_error(&routed.call.ask.model), &choice),
            None => nobody(&choice),
        };
        self.fail(routed, recorder, &error).await;
        error
    }
}

/// What a caller is told for whom nobody was asked.
pub(crate) fn nobody(choice: &Choice) -> Error {
    let error = match choice {
        Choice::Resting { why, .. } if why.state == KeyState::OutOfBudget => {
            Error::no_key("the budget of every key for this model is used up")
        }
        Choice::Resting { why, .. } => resting(&why.reason),
        Choice::Full { why, .. } => full(why.resource),
        _ => Error::no_key("no key of this pool can serve the call now"),
    };
    come_back(error, choice)
}

/// With when somebody is ready again, where that is known.
fn come_back(error: Error, choice: &Choice) -> Error {
    match choice {
        Choice::Resting { wait, .. } | Choice::Full { wait: Some(wait), .. } if *wait <= WORTH_WAITING => {
            error.with_retry_after(*wait)
        }
        _ => error,
    }
}

/// Nobody is told to come back later than a budget begins anew.
const WORTH_WAITING: Duration = Duration::from_secs(32 * 24 * 60 * 60);

fn full(resource: Resource) -> Error {
    Error::rate_limited(format!("every key for this model has its fill of {} now", resource.as_str()))
}

fn resting(reason: &str) -> Error {
    let limited = [Verdict::RateLimited { wait: None }, Verdict::KeyLimited { wait: None }];
    if limited.iter().any(|limited| reason.starts_with(limited.as_str())) {
        return Error::rate_limited("every key for this model has reached its rate limit");
    }
    Error::no_key("every key for this model rests after a failure")
}

impl Failure {
    /// Which of two failures of one call the caller is told: the one that passes sooner. A rate limit says more about
    /// when to come back than the refused key beside it.
    pub(super) fn beside(self, earlier: Option<Self>) -> Self {
        earlier.filter(|earlier| earlier.hope() >= self.hope()).unwrap_or(self)
    }

    fn hope(&self) -> u8 {
        match self.verdict {
            Verdict::RateLimited { .. } | Verdict::KeyLimited { .. } => 6,
            Verdict::Overloaded { .. } => 5,
            Verdict::Network => 4,
            Verdict::UpstreamFault | Verdict::Answer | Verdict::Rotate => 3,
            Verdict::OutOfCredit { .. } => 2,
            Verdict::BadCredential | Verdict::Blocked { .. } => 1,
            Verdict::ModelUnavailable | Verdict::CallerFault => 0,
        }
    }

    fn into_error(self, model: &str) -> Error {
        match self.verdict {
            Verdict::RateLimited { wait } | Verdict::KeyLimited { wait } => {
                Error::rate_limited("every key for this model has reached its rate limit").with_retry_after(wait)
            }
            Verdict::Overloaded { wait } => Error::overloaded("the upstream is overloaded").with_retry_after(wait),
            // Every key said so: to its caller the model does not exist.
            Verdict::ModelUnavailable => Error::unknown_model(model),
            Verdict::OutOfCredit { .. } => Error::no_key("the keys for this model have no credit left"),
            Verdict::BadCredential | Verdict::Blocked { .. } => {
                Error::no_key("the keys for this model were refused by their upstream")
            }
            Verdict::Network if self.silent.is_some() => Error::timeout("the upstream did not answer in time"),
            Verdict::Network => Error::upstream("the upstream can not be reached"),
            Verdict::CallerFault => Error::bad_request("", self.message),
            Verdict::UpstreamFault | Verdict::Answer | Verdict::Rotate => Error::upstream("the upstream failed"),
        }
    }
}
