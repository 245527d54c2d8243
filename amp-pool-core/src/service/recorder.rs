//! The guard that writes a call's record exactly once, whatever happens.
//!
//! It travels with the call and ends in the answer's body. Whoever finishes it says how the call ended; dropping it
//! means that the client went away (or, while panicking, that we broke), and that is booked too.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderMap;

use super::{ambient, held::Held, place::Place, render};
use crate::{
    Error,
    budget::Scope,
    caller::Pass,
    classify::{DecidedBy, Evidence, Verdict, scrub},
    format::{Endpoint, Format, Losses, Meter},
    id::AttemptId,
    keys::{Lesson, LiveKey, Moment, told},
    ledger::{Busy, Durable, Ledger, Slot},
    money::NanoUsd,
    price::{Billing, PriceBook},
    route::By,
    store::{Attempt, Booking, Opened, Outcome, Record, RecordedChoice, RecordedLoss, Side},
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};

/// The verdict on an attempt that nobody has judged yet.
const UNFINISHED: &str = "unfinished";

/// The status in the books of a call whose client was gone before there was one.
const CLIENT_GONE: u16 = 499;

/// Boxed wherever it is, because it is handed from step to step.
///
/// Steps are told the moment they happen at: several of them are one look at the clock. What it says on the wall follows from
/// that, so within a record time never goes backwards, whoever sets that clock meanwhile.
pub(crate) struct Recorder {
    /// Gone once the record is written.
    open: Option<Open>,
    admitted: Moment,
    running: Option<Running>,
    /// The call's places behind turnstiles.
    passes: Vec<Pass>,
    held: Option<Arc<Held>>,
    prices: Arc<PriceBook>,
}

/// A record that is not written yet, and its place in the ledger.
struct Open {
    slot: Slot,
    // Boxed, because it is handed on to the ledger.
    record: Box<Record>,
}

/// What a key is asked for, and why it was this key.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) format: Format,
    pub(super) model: &'a str,
    /// `None`: it is the same key once more.
    pub(super) chosen_by: Option<By>,
    pub(super) candidates: u32,
    /// On which terms, as far as the request says.
    pub(super) terms: ServiceTerms,
}

/// The attempt that is under way, the last one of the record.
struct Running {
    sent: Instant,
    place: Place,
}

impl Recorder {
    /// Takes a call into the books. `started` is its admission on the monotonic clock.
    pub(super) fn open(
        opened: Opened,
        started: Instant,
        prices: Arc<PriceBook>,
        ledger: &Ledger,
    ) -> Result<Box<Self>, Busy> {
        let slot = ledger.open(opened.clone())?;
        let admitted = Moment { now: started, wall: opened.create_time };
        let open = Some(Open { slot, record: Box::new(blank(opened)) });
        Ok(Box::new(Self { open, admitted, running: None, passes: Vec::new(), held: None, prices }))
    }

    /// The call stands behind turnstiles until it has ended.
    pub(super) fn enter(&mut self, passes: Vec<Pass>) {
        self.passes = passes;
    }

    /// Its places behind turnstiles, for whoever lasts longer than the record. They are told what was used.
    pub(super) fn leave(&mut self) -> Vec<Pass> {
        let used = self.open.as_ref().map(|open| open.record.usage().total()).filter(|used| *used > 0);
        let mut passes = std::mem::take(&mut self.passes);
        if let Some(used) = used {
            passes.iter_mut().for_each(|pass| pass.used(used, ambient::now()));
        }
        passes
    }

    /// Money is held for the call from here on, by `held`.
    pub(super) fn hold_by(&mut self, held: Arc<Held>) {
        self.change(|record| record.booking.holds = true);
        self.held = Some(held);
    }

    /// How more is held.
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.held.clone()
    }

    /// Holds what the attempts that have ended did cost, so that another may cost as much as the first.
    pub(super) async fn cover(&self) -> Result<(), Error> {
        match &self.held {
            Some(held) => held.cover(self.charged()).await,
            None => Ok(()),
        }
    }

    /// What the attempts that have ended did cost budgets.
    fn charged(&self) -> NanoUsd {
        let attempts = self.open.as_ref().map_or(&[][..], |open| &open.record.attempts);
        self.held.as_ref().map_or(NanoUsd::ZERO, |held| held.charge(attempts))
    }

    /// The call was refused before it was sent.
    pub(super) fn refused(&mut self, error: &Error, format: Format) {
        self.status(render::status(error, format).as_u16());
        self.error(error.name(), &error.to_string());
    }

    /// A key is about to be tried.
    pub(super) fn begin(&mut self, place: Place, asked: Asked<'_>, now: Instant) {
        let Some(open) = &mut self.open else { return };
        let key = &place.key;
        let create_time = self.admitted.on_the_wall(now);
        let attempt = Attempt {
            id: AttemptId::new(create_time, &ambient::random()),
            key: key.key.id,
            provider: key.provider.id.clone(),
            upstream_format: asked.format,
            upstream_model: asked.model.to_owned(),
            chosen_by: asked.chosen_by.map(By::as_str),
            candidates: asked.candidates,
            served: false,
            verdict: UNFINISHED,
            http_status: None,
            error_message: None,
            create_time,
            latency_ms: 0,
            first_byte_ms: None,
            usage: Usage::default(),
            usage_source: UsageSource::None,
            terms: asked.terms,
            price_factor: key.key.spec.price_factor,
            cost: None,
            saved: None,
            price_version: None,
            evidence: None,
            decided_by: None,
        };
        open.record.attempts.push(attempt);
        self.running = Some(Running { sent: now, place });
    }

    /// The attempt that is under way.
    fn attempt(&mut self) -> Option<(&Running, &mut Attempt)> {
        self.running.as_ref().zip(self.open.as_mut()?.record.attempts.last_mut())
    }

    /// The same key is asked once more: of a turn that paused, or without what it refused.
    pub(super) fn again(&mut self) {
        let now = ambient::now();
        let Some((running, attempt)) = self.attempt() else { return };
        let place = running.place.renew(now);
        let (format, model) = (attempt.upstream_format, attempt.upstream_model.clone());
        let (candidates, terms) = (attempt.candidates, attempt.terms);
        self.end_attempt(now);
        self.begin(place, Asked { format, model: &model, chosen_by: None, candidates, terms }, now);
    }

    /// The key answers: whatever was held against it before is over, and its headers may tell how much more it takes.
    pub(super) fn answered(&self, headers: &HeaderMap, model: &str, now: Instant) {
        let Some(Running { sent, place }) = &self.running else { return };
        let (key, wall) = (&place.key, self.admitted.on_the_wall(now));
        for health in [&*key.health, &*key.account.health, &key.link.health] {
            health.learn(model, Lesson::Fit { sent: *sent }, now);
        }
        key.link.answered(now);
        place.room().pass(now.saturating_duration_since(*sent), now);
        told(headers, now, wall).for_each(|(resource, told)| place.room().hear(resource, told));
    }

    /// What the upstream's answer meant.
    pub(super) fn verdict(&mut self, verdict: &'static str, status: Option<u16>, message: Option<&str>) {
        let message = message.map(|message| self.discreet(message));
        if let Some((_, attempt)) = self.attempt() {
            attempt.verdict = verdict;
            attempt.http_status = status;
            attempt.error_message = message;
        }
    }

    /// What there was to judge the upstream's answer by, and what decided.
    pub(super) fn heard(&mut self, evidence: Option<Evidence>, by: Option<DecidedBy>) {
        if let Some((_, attempt)) = self.attempt() {
            attempt.evidence = evidence.map(Box::new);
            attempt.decided_by = by.map(Box::new);
        }
    }

    /// The upstream's answer has begun to reach the client.
    pub(super) fn serving(&mut self) {
        if let Some((_, attempt)) = self.attempt() {
            attempt.served = true;
        }
    }

    /// The first byte of the upstream's answer came.
    pub(super) fn first_byte(&mut self, now: Instant) {
        let since_admission = millis(self.admitted.now, now);
        if let Some((running, attempt)) = self.attempt() {
            attempt.first_byte_ms.get_or_insert(millis(running.sent, now));
            self.change(|record| record.first_byte_ms = Some(since_admission));
        }
    }

    /// What the attempt used so far, as `meter` knows it.
    pub(super) fn used(&mut self, meter: &Meter) {
        if let Some((_, attempt)) = self.attempt() {
            attempt.usage = meter.usage();
            attempt.usage_source = meter.source();
            // What the upstream says is what it bills.
            attempt.terms = meter.terms().or(attempt.terms);
        }
    }

    /// The attempt is over.
    pub(super) fn end_attempt(&mut self, now: Instant) {
        let Some(Running { sent, mut place }) = self.running.take() else { return };
        let Some(Record { attempts, opened, booking, .. }) = self.open.as_mut().map(|open| &mut *open.record) else {
            return;
        };
        let Some(attempt) = attempts.last_mut() else { return };
        attempt.latency_ms = millis(sent, now);
        if attempt.usage_source != UsageSource::None {
            place.used(attempt.usage.input(), attempt.usage.output);
        }
        let at = attempt.create_time;
        match self.prices.find_at(&attempt.provider, &attempt.upstream_model, at) {
            Some(price) => {
                let billing = Billing { factor: attempt.price_factor, terms: attempt.terms, at: Some(at) };
                attempt.cost = price.cost(&attempt.usage, billing).ok();
                attempt.saved = price.saved(&attempt.usage, billing).ok();
                attempt.price_version = Some(price.version.clone());
            }
            // Without a price, what used nothing still costs nothing, and what read from no cache saved nothing.
            None => {
                attempt.cost = used_nothing(opened, attempt).then_some(NanoUsd::ZERO);
                attempt.saved = (attempt.usage.cache_read == 0).then_some(NanoUsd::ZERO);
            }
        }
        if let Some(cost) = attempt.cost.filter(|cost| *cost > NanoUsd::ZERO) {
            let moment = Moment { now, wall: self.admitted.on_the_wall(now) };
            charge(&place.key, cost, opened.create_time, moment, booking);
        }
        place.leave(now);
    }

    /// A request that was sent is most likely read and paid for, also when nobody waits for its answer.
    fn assume_read(&mut self) {
        let is_counted = |opened: &Opened| {
            [Endpoint::ChatCompletions, Endpoint::Messages, Endpoint::Responses]
                .iter()
                .any(|e| e.as_str() == opened.endpoint)
        };
        if !self.open.as_ref().is_some_and(|open| is_counted(&open.record.opened)) {
            return;
        }
        if let Some((running, attempt)) = self.attempt()
            && attempt.verdict == UNFINISHED
            && attempt.usage_source == UsageSource::None
        {
            attempt.usage.uncached_input = running.place.input();
            attempt.usage_source = UsageSource::Estimated;
        }
    }

    /// What went wrong with the call as a whole.
    pub(super) fn error(&mut self, kind: &str, message: &str) {
        let message = self.discreet(message);
        self.change(|record| {
            record.error_type = Some(kind.to_owned());
            record.error_message = Some(message);
        });
    }

    /// A piece of what the upstream says, without the secrets of the key that is asked, and beside it the end of the piece where
    /// that may be the beginning of one.
    pub(super) fn unsaid_piece(&self, said: Bytes) -> (Bytes, Bytes) {
        match &self.running {
            Some(running) => running.place.key.unsaid_piece(said),
            None => (said, Bytes::new()),
        }
    }

    /// A piece of a good answer without the credential of the key that is asked, and beside it the end of the piece where that may be
    /// the beginning of it, unless it is the last.
    pub(super) fn unechoed_piece(&self, said: Bytes, is_last: bool) -> (Bytes, Bytes) {
        match &self.running {
            Some(running) => running.place.key.unechoed_piece(said, is_last),
            None => (said, Bytes::new()),
        }
    }

    /// A message without what looks like a secret, and without what is one of the key that is asked.
    fn discreet(&self, message: &str) -> String {
        match &self.running {
            Some(running) => scrub(&running.place.key.unsaid_text(message.to_owned())),
            None => scrub(message),
        }
    }

    /// A choice was not plain: somebody was passed over, or nobody is asked.
    pub(super) fn chose(&mut self, choice: RecordedChoice) {
        self.change(|record| {
            let after_attempts = u32::try_from(record.attempts.len()).unwrap_or(u32::MAX);
            record.choices.push(RecordedChoice { after_attempts, ..choice });
        });
    }

    /// The call waited for a key.
    pub(super) fn waited(&mut self, time: Duration) {
        let waited_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.change(|record| match record.choices.last_mut() {
            Some(choice) if choice.waited_ms.is_none() => choice.waited_ms = waited_ms,
            _ => {
                record.choices.push(RecordedChoice {
                    outcome: "queued".into(),
                    waited_ms,
                    ..RecordedChoice::default()
                });
            }
        });
    }

    /// What the attempt's translation could not carry on one of its ways.
    pub(super) fn lost(&mut self, side: Side, losses: &Losses) {
        let losses = losses.all().iter().map(|loss| RecordedLoss::of(side, loss));
        self.change(|record| record.losses.extend(losses));
    }

    /// The status the client sees.
    pub(super) fn status(&mut self, status: u16) {
        self.change(|record| record.http_status = status);
    }

    fn change(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(open) = &mut self.open {
            change(&mut open.record);
        }
    }

    /// Writes the record, to which nothing is added any more. The future is ready when it is durable.
    pub(super) fn finish(&mut self, outcome: Outcome, now: Instant) -> Option<Durable> {
        let Open { slot, record } = self.close(outcome, now)?;
        Some(slot.settle_durably(record))
    }

    fn close(&mut self, outcome: Outcome, now: Instant) -> Option<Open> {
        self.end_attempt(now);
        drop(self.leave());
        let charged = self.charged();
        let mut open = self.open.take()?;
        open.record.booking.charged = charged;
        open.record.outcome = outcome;
        open.record.latency_ms = millis(self.admitted.now, now);
        Some(open)
    }
}

/// Takes what an attempt did cost from the budget of its key, if that has one.
fn charge(key: &LiveKey, cost: NanoUsd, admitted: Timestamp, Moment { now, wall }: Moment, booking: &mut Booking) {
    let Some(budget) = &key.key.spec.budget else { return };
    let (period, until) = budget.period(Scope::Key(key.key.id), admitted);
    booking.add(period, cost);
    key.purse.spend(period, cost, until.map(|until| now + until.since(wall)));
}

/// Whether it is sure that an attempt used nothing: it was refused, or the call is of a kind that is free.
fn used_nothing(opened: &Opened, attempt: &Attempt) -> bool {
    let counts = [Endpoint::CountTokens, Endpoint::InputTokens].iter().any(|free| opened.endpoint == free.as_str());
    let free = counts || opened.model.is_empty();
    attempt.usage == Usage::default() && (free || !attempt.served || attempt.verdict != Verdict::Answer.as_str())
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.open.is_none() {
            return;
        }
        let outcome = if std::thread::panicking() {
            self.error("internal", "the pool broke while it served this call");
            Outcome::Failed
        } else {
            self.error("client_gone", "the client went away before its answer was complete");
            self.assume_read();
            Outcome::HungUp
        };
        if let Some(Open { slot, record }) = self.close(outcome, ambient::now()) {
            slot.settle(record);
        }
    }
}

fn blank(opened: Opened) -> Record {
    Record {
        opened,
        outcome: Outcome::HungUp,
        http_status: CLIENT_GONE,
        error_type: None,
        error_message: None,
        latency_ms: 0,
        first_byte_ms: None,
        attempts: Vec::new(),
        choices: Vec::new(),
        losses: Vec::new(),
        booking: Booking::default(),
    }
}

fn millis(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod races;
