//! Whether every total agrees with what it is a total of.
//!
//! Whoever keeps books shows them here row by row, in the order of the methods below; what is recomputed needs memory for
//! the sums alone, not for the calls.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use super::{
    HoldState, StoredHold, StoredRecord, Totals,
    rollup::{Part, Span},
    rows::{INTERRUPTED, Row},
};
use crate::{
    budget::{Period, Tally},
    id::{CallId, KeyId},
    money::NanoUsd,
    time::Timestamp,
    usage::Usage,
};

/// Findings that are told one by one. Of more, only the number is.
const TOLD: usize = 1_000;

/// What an audit looked at, and what it found.
///
/// ```
/// use amp_pool_core::{
///     store::{
///         Audit, Durability,
///         sqlite::{self, SqliteOptions, SqliteStore},
///     },
///     time::{Clock as _, SystemClock},
/// };
///
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// let path = home.join("amp_pool.db");
/// let master_key_file = home.join("master.key");
/// let options = SqliteOptions { path: path.clone(), master_key_file, durability: Durability::Full, echo: false };
/// drop(SqliteStore::open(options, SystemClock.now())?);
///
/// // Every total, computed again from its attempts. Other programs may write meanwhile.
/// let Audit { calls, discrepancies, findings, .. } = sqlite::audit(&path)?;
/// assert_eq!((calls, discrepancies, findings.len()), (0, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// Calls in the log.
    pub calls: u64,
    /// Those among them that have not ended.
    pub open: u64,
    /// Attempts.
    pub attempts: u64,
    /// Rows of statistics.
    pub sums: u64,
    /// Holds and charges.
    pub holds: u64,
    /// Windows of budgets.
    pub budgets: u64,
    /// How many totals do not agree.
    pub discrepancies: u64,
    /// The first thousand of them.
    pub findings: Vec<Finding>,
}

/// A total that does not agree.
///
/// ```
/// use amp_pool_core::store::{Audit, Finding, What};
///
/// let finding = Finding {
///     what: What::Budget,
///     place: "token 7, day".into(),
///     booked: "5.00".into(),
///     recomputed: "4.50".into(),
/// };
/// let audit = Audit { discrepancies: 1, findings: vec![finding], ..Audit::default() };
/// // What an operator reads.
/// let told: Vec<String> = audit.findings.iter().map(Finding::to_string).collect();
/// assert_eq!(told, ["budget token 7, day: booked 5.00, recomputed 4.50"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is a total of.
    pub what: What,
    /// Where it stands.
    pub place: String,
    /// What the books say.
    pub booked: String,
    /// What it has to be.
    pub recomputed: String,
}

/// What a total is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// A call, of its attempts.
    Call,
    /// An attempt without its call.
    Attempt,
    /// What a call turned out to cost, of its attempts.
    Adjustment,
    /// Statistics, of calls.
    Statistics,
    /// A hold, of its call.
    Hold,
    /// A budget, of its holds.
    Budget,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::Call => "call",
            What::Attempt => "attempt",
            What::Adjustment => "adjustment",
            What::Statistics => "statistics",
            What::Hold => "hold",
            What::Budget => "budget",
        };
        write!(f, "{what} {}: booked {}, recomputed {}", self.place, self.booked, self.recomputed)
    }
}

impl Audit {
    /// Whether every total agrees.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.discrepancies == 0
    }

    fn find(&mut self, what: What, place: &dyn fmt::Display, booked: impl fmt::Debug, recomputed: impl fmt::Debug) {
        self.discrepancies += 1;
        if self.findings.len() < TOLD {
            let (booked, recomputed) = (format!("{booked:?}"), format!("{recomputed:?}"));
            self.findings.push(Finding { what, place: place.to_string(), booked, recomputed });
        }
    }
}

/// One attempt, as far as totals are made of it.
pub(super) struct Try {
    pub(super) key: KeyId,
    pub(super) served: bool,
    pub(super) usage: Usage,
    pub(super) estimated: bool,
    pub(super) cost: Option<NanoUsd>,
    /// What it turned out to cost, where that was adjusted.
    pub(super) adjusted: Option<NanoUsd>,
}

/// What a hold is compared with.
pub(super) struct Owner {
    pub(super) is_open: bool,
    /// Of the whole call; of its attempts on one key, where the budget is that of a key.
    pub(super) cost: Option<NanoUsd>,
    pub(super) attempts: u32,
}

type Name = (&'static str, Timestamp, i64, i64, String, String);

/// Recomputes.
#[derive(Default)]
pub(super) struct Auditor {
    audit: Audit,
    sums: BTreeMap<Name, Totals>,
    tallies: HashMap<Period, Tally>,
    /// The holds of one call in one period, until the next begins.
    together: Option<Together>,
    /// Calls admitted before this may have been forgotten; sums that begin earlier can not be made again.
    horizon: Option<Timestamp>,
}

struct Together {
    call: CallId,
    period: Period,
    cost: NanoUsd,
    expected: Option<NanoUsd>,
}

#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "only SQLite keeps sums of sums"))]
impl Auditor {
    /// For books in which calls admitted before `horizon` may be missing.
    pub(super) fn since(horizon: Option<Timestamp>) -> Self {
        Self { horizon, ..Self::default() }
    }

    fn is_whole(&self, start: Timestamp) -> bool {
        self.horizon.is_none_or(|horizon| start >= horizon)
    }

    /// A call with all its attempts.
    pub(super) fn call(&mut self, row: &StoredRecord, tries: &[Try]) {
        self.audit.calls += 1;
        self.audit.attempts += tries.len() as u64;
        if row.outcome.is_none() {
            self.audit.open += 1;
            return;
        }
        let is_lost = row.error_type.as_deref() == Some(INTERRUPTED) && tries.is_empty();
        let shown = tries.iter().rfind(|attempt| attempt.served).or(tries.last());
        let booked = (row.attempt_count as usize, row.usage, row.cost, row.estimated, row.key);
        let recomputed = (
            tries.len(),
            tries.iter().fold(Usage::default(), |sum, attempt| sum.plus(attempt.usage)),
            // What a call did cost that a crash broke off, nobody knows.
            tries.iter().map(|attempt| attempt.cost).sum::<Option<NanoUsd>>().filter(|_| !is_lost),
            tries.iter().any(|attempt| attempt.estimated) || is_lost,
            shown.map(|attempt| attempt.key),
        );
        if booked != recomputed {
            self.audit.find(What::Call, &row.call, booked, recomputed);
        }
        let now = tries.iter().map(|attempt| attempt.adjusted.or(attempt.cost)).sum::<Option<NanoUsd>>();
        if !row.adjustments.is_empty() && row.cost_now() != now {
            self.audit.find(What::Adjustment, &row.call, row.cost_now(), now);
        }
        for span in [Span::Hour, Span::Day] {
            if !self.is_whole(span.start_of(row.create_time)) {
                continue;
            }
            self.sums.entry(name(row, span)).or_default().count(&Row::of(row));
        }
    }

    /// An attempt whose call is not there.
    pub(super) fn orphan(&mut self, row: i64) {
        self.audit.attempts += 1;
        self.audit.find(What::Attempt, &row, "an attempt", "no call");
    }

    /// A row of statistics. Every call was shown before.
    pub(super) fn statistics(
        &mut self,
        span: &str,
        start: Timestamp,
        ids: [i64; 2],
        names: [String; 2],
        kept: &Totals,
    ) {
        self.audit.sums += 1;
        if !self.is_whole(start) {
            return;
        }
        let span = if span == Span::Hour.as_str() { Span::Hour } else { Span::Day };
        let ([key, token], [model, provider]) = (ids, names);
        let place = format!("{} {start} key {key} token {token} {model} {provider}", span.as_str());
        let found = self.sums.remove(&(span.as_str(), start, key, token, model, provider)).unwrap_or_default();
        if numbers(kept) != numbers(&found) {
            self.audit.find(What::Statistics, &place, numbers(kept), numbers(&found));
        }
    }

    /// What the statistics of an hour or a day come to for a part and a name: what is kept of that, and what it is.
    pub(super) fn sum_of_sums(
        &mut self,
        (span, start, part, name): (Span, Timestamp, Part, &str),
        kept: Option<&Totals>,
        found: &Totals,
    ) {
        if kept != Some(found) {
            let place = format!("{} {start} {} {name} as a whole", span.as_str(), part.as_str());
            self.audit.find(What::Statistics, &place, kept.map(numbers), numbers(found));
        }
    }

    /// What is kept of statistics that are not there.
    pub(super) fn sums_of_nothing(&mut self, rows: u64) {
        if rows > 0 {
            self.audit.find(What::Statistics, &"of nothing", rows, 0);
        }
    }

    /// A hold, with what is known of its call. Those of one call and period come one after the other.
    pub(super) fn hold(&mut self, call: CallId, hold: &StoredHold, owner: Option<&Owner>) {
        self.audit.holds += 1;
        let tally = self.tallies.entry(hold.period).or_default();
        let is_held = hold.state == HoldState::Held;
        *tally = if is_held { tally.holding(hold.amount) } else { tally.settling(NanoUsd::ZERO, hold.cost) };
        let place = format!("of call {call}, {} {}", hold.period.scope, hold.n);
        match owner {
            None => self.audit.find(What::Hold, &place, hold.state.as_str(), "no call"),
            Some(owner) if owner.is_open != is_held => {
                let state = if owner.is_open { "held" } else { "not held" };
                self.audit.find(What::Hold, &place, hold.state.as_str(), state);
            }
            Some(owner) => self.compare(call, hold, owner, &place),
        }
    }

    /// A hold whose budget is not there.
    pub(super) fn hold_of_nothing(&mut self, call: CallId) {
        self.audit.holds += 1;
        self.audit.find(What::Hold, &format!("of call {call}"), "a hold", "no budget");
    }

    fn compare(&mut self, call: CallId, hold: &StoredHold, owner: &Owner, place: &str) {
        match hold.state {
            HoldState::Held => {}
            HoldState::Void if hold.cost == NanoUsd::ZERO && owner.attempts == 0 => {}
            HoldState::Void => self.audit.find(What::Hold, &place, hold.cost.to_string(), "void"),
            HoldState::Recovered if hold.cost == hold.amount => {}
            HoldState::Recovered => self.audit.find(What::Hold, &place, hold.cost, hold.amount),
            HoldState::Settled => {
                let is_next = |together: &Together| together.call != call || together.period != hold.period;
                if self.together.as_ref().is_none_or(is_next) {
                    self.end_of_call();
                    let (period, cost, expected) = (hold.period, NanoUsd::ZERO, owner.cost);
                    self.together = Some(Together { call, period, cost, expected });
                }
                if let Some(together) = &mut self.together {
                    together.cost = together.cost.saturating_add(hold.cost);
                }
            }
        }
    }

    /// What the holds of one call became has to be what it did cost, where that is known.
    fn end_of_call(&mut self) {
        let Some(Together { call, period, cost, expected }) = self.together.take() else { return };
        if expected.is_some_and(|expected| expected != cost) {
            self.audit.find(What::Hold, &format!("of call {call}, {}", period.scope), Some(cost), expected);
        }
    }

    /// By how much what is spent of a budget was corrected for a call.
    pub(super) fn correction(&mut self, period: Period, amount: NanoUsd) {
        let tally = self.tallies.entry(period).or_default();
        *tally = tally.settling(NanoUsd::ZERO, amount);
    }

    /// A correction for a call that is not there.
    pub(super) fn correction_of_nothing(&mut self, call: CallId) {
        self.audit.find(What::Adjustment, &format!("of a budget, for call {call}"), "a correction", "no call");
    }

    /// A window of a budget. Every hold was shown before.
    pub(super) fn budget(&mut self, period: Period, kept: Tally, folded: NanoUsd) {
        self.audit.budgets += 1;
        let found = self.tallies.remove(&period).unwrap_or_default().settling(NanoUsd::ZERO, folded);
        if kept != found {
            let place = format!("of {}, {} from {}", period.scope, period.window.as_str(), period.start);
            self.audit.find(What::Budget, &place, kept, found);
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Audit {
        self.end_of_call();
        for ((span, start, key, token, model, provider), sums) in std::mem::take(&mut self.sums) {
            let place = format!("{span} {start} key {key} token {token} {model} {provider}");
            self.audit.find(What::Statistics, &place, "nothing", numbers(&sums));
        }
        for (period, tally) in std::mem::take(&mut self.tallies) {
            self.audit.find(What::Budget, &format!("of {}", period.scope), "nothing", tally);
        }
        self.audit
    }
}

fn name(row: &StoredRecord, span: Span) -> Name {
    let (key, token) = (row.key.map_or(0, |key| key.0), row.token.map_or(0, |token| token.0));
    let provider = row.provider.clone().unwrap_or_default();
    (span.as_str(), span.start_of(row.create_time), key, token, row.model.clone(), provider)
}

/// What has been summed since there are sums. How times spread, and what caches saved, older sums do not have.
fn numbers(sums: &Totals) -> (u64, u64, Usage, NanoUsd, u64, [u64; 3]) {
    let Totals { requests, errors, usage, cost, unpriced, latency_ms, first_byte_ms, first_bytes, .. } = sums;
    (*requests, *errors, *usage, *cost, *unpriced, [*latency_ms, *first_byte_ms, *first_bytes])
}
