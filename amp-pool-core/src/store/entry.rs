//! What the ledger writes of a call.

use super::{Booking, Hold, RecordedChoice};
use crate::{
    classify::{DecidedBy, Evidence},
    format::{Format, Loss, LossKind},
    id::{AttemptId, CallId, KeyId, TokenId},
    keys::PriceFactor,
    money::NanoUsd,
    time::Timestamp,
    usage::{ServiceTerms, Usage, UsageSource},
};

/// One thing the ledger writes.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A call was admitted.
    Opened(Opened),
    /// Money is to be held for a call. It comes after the call was opened, and before it has ended.
    Held(Hold),
    /// A call has ended.
    Settled(Box<Record>),
}

/// What is known of a call when it is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The call.
    pub call: CallId,
    /// When its head had been read.
    pub create_time: Timestamp,
    /// The client token it came with.
    pub token: Option<TokenId>,
    /// The model the client asked for.
    pub model: String,
    /// The client's format.
    pub format: Format,
    /// What was asked: `chat_completions`, `opaque`, …
    pub endpoint: &'static str,
    /// Whether a stream was asked for.
    pub stream: bool,
}

/// What a call became. Written exactly once for each call that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What was known at admission.
    pub opened: Opened,
    /// How it ended.
    pub outcome: Outcome,
    /// The status the client saw; 499 when it was gone before there was one.
    pub http_status: u16,
    /// A short stable name of what went wrong. Not kept of a call that is [`Outcome::Done`].
    pub error_type: Option<String>,
    /// What went wrong, scrubbed of secrets.
    pub error_message: Option<String>,
    /// Milliseconds from admission to the last byte.
    pub latency_ms: u64,
    /// Milliseconds from admission to the first byte of the answer.
    pub first_byte_ms: Option<u64>,
    /// Every try, in order. The last one with `served` gave the answer.
    pub attempts: Vec<Attempt>,
    /// Choices at which somebody was passed over, or nobody was left. Empty for most calls.
    pub choices: Vec<RecordedChoice>,
    /// What translation could not carry, the request's losses first. Empty for a call that was not translated.
    pub losses: Vec<RecordedLoss>,
    /// What it means for budgets.
    pub booking: Booking,
}

impl Record {
    /// The attempt whose answer reached the client.
    #[must_use]
    pub fn served(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.served)
    }

    /// The key to show for the call: the one that served it, else the last one tried.
    #[must_use]
    pub fn shown_attempt(&self) -> Option<&Attempt> {
        self.served().or_else(|| self.attempts.last())
    }

    /// What all attempts used together.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.attempts.iter().fold(Usage::default(), |sum, attempt| sum.plus(attempt.usage))
    }

    /// What all attempts cost together. `None` when one of them used tokens without a known price.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        self.attempts.iter().map(|attempt| attempt.cost).sum::<Option<NanoUsd>>()
    }

    /// What prompt caches saved in all attempts together. `None` when that is not known of one of them.
    #[must_use]
    pub fn saved(&self) -> Option<NanoUsd> {
        self.attempts.iter().map(|attempt| attempt.saved).sum::<Option<NanoUsd>>()
    }

    /// Whether any of its numbers were counted by us.
    #[must_use]
    pub fn estimated(&self) -> bool {
        self.attempts.iter().any(Attempt::estimated)
    }
}

/// Something that translation could not carry, as the books keep it.
///
/// ```
/// use amp_pool_core::{
///     format::{Format, Losses},
///     store::{RecordedLoss, Side},
/// };
///
/// let mut losses = Losses::new(Format::Chat);
/// losses.dropped("seed", "the upstream has none")?;
/// let kept = RecordedLoss::of(Side::Request, &losses.all()[0]);
/// assert_eq!((kept.side.as_str(), kept.field.as_str()), ("request", "seed"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLoss {
    /// Where it was lost.
    pub side: Side,
    /// What became of it.
    pub kind: LossKind,
    /// The member, by the name that the client's format has for it.
    pub field: String,
    /// What was done, or why; may be empty.
    pub note: String,
}

impl RecordedLoss {
    /// `loss`, which happened on `side`.
    #[must_use]
    pub fn of(side: Side, loss: &Loss) -> Self {
        Self { side, kind: loss.kind, field: loss.field.to_string(), note: loss.note.to_string() }
    }
}

/// A direction of translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// From the client to the upstream.
    Request,
    /// Back.
    Answer,
}

impl Side {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Request, Self::Answer];

    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The client got a whole answer.
    Done,
    /// The client got an error.
    Failed,
    /// The client went away.
    HungUp,
    /// The upstream broke off in the middle of an answer.
    Cut,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::HungUp, Self::Cut];

    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::HungUp => "hung_up",
            Self::Cut => "cut",
        }
    }

    /// The original log's `status` column.
    #[must_use]
    pub const fn status(self) -> &'static str {
        if matches!(self, Self::Done) { "success" } else { "error" }
    }
}

/// One try of a call on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its own id.
    pub id: AttemptId,
    /// The key that was tried.
    pub key: KeyId,
    /// The key's provider.
    pub provider: String,
    /// The format the upstream was spoken to in.
    pub upstream_format: Format,
    /// The model the upstream was asked for.
    pub upstream_model: String,
    /// What decided for the key: `home`, `hash` or `strategy`. `None`: the same key was asked once more.
    pub chosen_by: Option<&'static str>,
    /// Among how many candidates.
    pub candidates: u32,
    /// Whether its answer reached the client.
    pub served: bool,
    /// What the upstream's answer meant: `answer`, `rate_limited`, `network`, …
    pub verdict: &'static str,
    /// The upstream's status, if it gave one.
    pub http_status: Option<u16>,
    /// What went wrong, scrubbed of secrets.
    pub error_message: Option<String>,
    /// When it was sent.
    pub create_time: Timestamp,
    /// Milliseconds from sending to its end.
    pub latency_ms: u64,
    /// Milliseconds from sending to its first byte.
    pub first_byte_ms: Option<u64>,
    /// What it used.
    pub usage: Usage,
    /// How far `usage` can be trusted.
    pub usage_source: UsageSource,
    /// On which terms it was served, as far as anybody said.
    pub terms: ServiceTerms,
    /// How many times the price its key paid.
    pub price_factor: PriceFactor,
    /// What it cost. `None`: the price is not known.
    pub cost: Option<NanoUsd>,
    /// What a prompt cache saved. `None`: the price is not known.
    pub saved: Option<NanoUsd>,
    /// The price row that `cost` was made with.
    pub price_version: Option<String>,
    /// What there was to judge by, if the upstream gave an answer and that was no success.
    pub evidence: Option<Box<Evidence>>,
    /// What decided the verdict, where there was something to judge by.
    pub decided_by: Option<Box<DecidedBy>>,
}

impl Attempt {
    /// Whether its numbers were counted by us.
    #[must_use]
    pub fn estimated(&self) -> bool {
        self.usage_source == UsageSource::Estimated
    }
}
