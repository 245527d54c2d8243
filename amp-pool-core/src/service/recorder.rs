//! The guard that writes a call's record exactly once, whatever happens.
//!
//! It travels with the call and ends in the answer's body. Whoever finishes it says how the call ended; dropping it
//! means that the client went away (or, while panicking, that we broke), and that is booked too.

use std::{sync::Arc, time::Instant};

use super::ambient;
use crate::{
    classify::{Verdict, scrub},
    format::{Endpoint, Format, Losses},
    id::AttemptId,
    keys::LiveKey,
    ledger::{Busy, Durable, Ledger, Slot},
    money::NanoUsd,
    price::PriceBook,
    store::{Attempt, Opened, Outcome, Record, RecordedLoss, Side},
    time::Clock,
    usage::{Usage, UsageSource},
};

/// The status in the books of a call whose client was gone before there was one.
const CLIENT_GONE: u16 = 499;

pub(crate) struct Recorder {
    slot: Option<Slot>,
    record: Record,
    started: Instant,
    running: Option<Running>,
    prices: Arc<PriceBook>,
    clock: Arc<dyn Clock>,
}

/// The attempt that is under way.
struct Running {
    attempt: Attempt,
    sent: Instant,
    key: Arc<LiveKey>,
}

impl Recorder {
    /// Takes a call into the books. `started` is its admission on the monotonic clock.
    pub(super) fn open(
        opened: Opened,
        started: Instant,
        prices: Arc<PriceBook>,
        ledger: &Ledger,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Busy> {
        let slot = Some(ledger.open(opened.clone())?);
        Ok(Self { slot, record: blank(opened), started, running: None, prices, clock })
    }

    /// A key is about to be tried.
    pub(super) fn begin(&mut self, key: &Arc<LiveKey>, format: Format, model: &str) {
        let create_time = self.clock.now();
        let attempt = Attempt {
            id: AttemptId::new(create_time, &ambient::random()),
            key: key.key.id,
            provider: key.provider.id.clone(),
            upstream_format: format,
            upstream_model: model.to_owned(),
            served: false,
            verdict: "unfinished",
            http_status: None,
            error_message: None,
            create_time,
            latency_ms: 0,
            first_byte_ms: None,
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost: None,
            price_version: None,
        };
        self.running = Some(Running { attempt, sent: ambient::now(), key: key.clone() });
    }

    /// When the attempt was sent; now, if none is under way.
    pub(super) fn sent(&self) -> Instant {
        self.running.as_ref().map_or_else(ambient::now, |running| running.sent)
    }

    /// What the upstream's answer meant.
    pub(super) fn verdict(&mut self, verdict: &'static str, status: Option<u16>, message: Option<&str>) {
        if let Some(running) = &mut self.running {
            running.attempt.verdict = verdict;
            running.attempt.http_status = status;
            running.attempt.error_message = message.map(scrub);
        }
    }

    /// The upstream's answer has begun to reach the client.
    pub(super) fn serving(&mut self) {
        if let Some(running) = &mut self.running {
            running.attempt.served = true;
        }
    }

    /// The first byte of the upstream's answer came.
    pub(super) fn first_byte(&mut self) {
        let since_admission = millis_since(self.started);
        if let Some(running) = &mut self.running {
            running.attempt.first_byte_ms.get_or_insert(millis_since(running.sent));
            self.record.first_byte_ms = Some(since_admission);
        }
    }

    /// What the attempt used so far.
    pub(super) fn used(&mut self, usage: Usage, source: UsageSource) {
        if let Some(running) = &mut self.running {
            running.attempt.usage = usage;
            running.attempt.usage_source = source;
        }
    }

    /// The attempt is over.
    pub(super) fn end_attempt(&mut self) {
        let Some(Running { mut attempt, sent, key }) = self.running.take() else { return };
        attempt.latency_ms = millis_since(sent);
        match self.prices.find(&attempt.provider, &attempt.upstream_model) {
            Some(price) => {
                attempt.cost = price.cost(&attempt.usage, key.key.spec.price_factor).ok();
                attempt.price_version = Some(price.version.clone());
            }
            // Without a price, what used nothing still costs nothing.
            None => attempt.cost = self.used_nothing(&attempt).then_some(NanoUsd::ZERO),
        }
        self.record.attempts.push(attempt);
    }

    /// Whether it is sure that an attempt used nothing: it was refused, or the call is of a kind that is free.
    fn used_nothing(&self, attempt: &Attempt) -> bool {
        let free = self.record.opened.endpoint == Endpoint::CountTokens.as_str() || self.record.opened.model.is_empty();
        attempt.usage == Usage::default() && (free || !attempt.served || attempt.verdict != Verdict::Answer.as_str())
    }

    /// What went wrong with the call as a whole.
    pub(super) fn error(&mut self, kind: &str, message: &str) {
        self.record.error_type = Some(kind.to_owned());
        self.record.error_message = Some(scrub(message));
    }

    /// What the attempt's translation could not carry on one of its ways.
    pub(super) fn lost(&mut self, side: Side, losses: &Losses) {
        self.record.losses.extend(losses.all().iter().map(|loss| RecordedLoss::of(side, loss)));
    }

    /// The status the client sees.
    pub(super) fn status(&mut self, status: u16) {
        self.record.http_status = status;
    }

    /// Writes the record. The future is ready when it is durable.
    pub(super) fn finish(mut self, outcome: Outcome) -> Option<Durable> {
        self.close(outcome);
        let record = self.take();
        self.slot.take().map(|slot| slot.settle_durably(record))
    }

    fn close(&mut self, outcome: Outcome) {
        self.end_attempt();
        self.record.outcome = outcome;
        self.record.latency_ms = millis_since(self.started);
    }

    fn take(&mut self) -> Record {
        let empty = blank(self.record.opened.clone());
        std::mem::replace(&mut self.record, empty)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let outcome = if std::thread::panicking() {
            self.error("internal", "the pool broke while it served this call");
            Outcome::Failed
        } else {
            self.error("client_gone", "the client went away before its answer was complete");
            Outcome::HungUp
        };
        self.close(outcome);
        slot.settle(self.take());
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
        losses: Vec::new(),
    }
}

fn millis_since(then: Instant) -> u64 {
    u64::try_from(ambient::now().saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX)
}
