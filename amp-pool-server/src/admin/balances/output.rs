//! A balance as it is read back. What nobody knows is `null`.

use amp_pool_core::{
    balance::{Amount, Purse, Reading, Window},
    id::KeyId,
    prober::{BalanceView, Burn, Computed, ManualBalance, Trouble},
    store::StoredBalance,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::BalanceSource;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Balance")]
pub(crate) struct BalanceOut {
    key_id: KeyId,
    balance: Option<Amount>,
    balance_currency: Option<String>,
    balance_usd: Option<Amount>,
    #[schemars(with = "BalanceSource")]
    balance_source: &'static str,
    balance_last_update: Option<Timestamp>,
    age_seconds: Option<i64>,
    reported: Option<ReportedOut>,
    computed: Option<ComputedOut>,
    manual: Option<ManualOut>,
    minimum: Option<Amount>,
    stopped: bool,
    burn: BurnOut,
    days_left: Option<f64>,
    last_error: Option<ErrorOut>,
    next_refresh: Option<Timestamp>,
    missing_values: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReportedBalance")]
struct ReportedOut {
    probe: String,
    kind: &'static str,
    amount: Option<Amount>,
    total: Option<Amount>,
    spent: Option<Amount>,
    currency: Option<String>,
    usable: Option<bool>,
    complete: bool,
    parts: Vec<Purse>,
    windows: Vec<Window>,
    warnings: Vec<String>,
    raw: Option<String>,
    /// Since when it is the same.
    since: Timestamp,
    at: Timestamp,
    age_seconds: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ComputedBalance")]
struct ComputedOut {
    amount: Amount,
    currency: &'static str,
    total: Amount,
    booked: Amount,
    /// Calls without a known price: with any, less is left.
    unpriced_requests: u64,
    at: Timestamp,
    age_seconds: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ManualBalance")]
struct ManualOut {
    /// What there was.
    amount: Amount,
    currency: String,
    /// What our own books leave of it.
    left: Option<Amount>,
    at: Timestamp,
    age_seconds: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Burn")]
struct BurnOut {
    booked_per_day: Option<Amount>,
    reported_per_day: Option<Amount>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BalanceError")]
struct ErrorOut {
    kind: &'static str,
    message: String,
    raw: Option<String>,
    at: Timestamp,
    age_seconds: i64,
}

fn age(at: Timestamp, now: Timestamp) -> i64 {
    now.as_millis().saturating_sub(at.as_millis()).max(0) / 1000
}

impl BalanceOut {
    pub(super) fn new(view: BalanceView, now: Timestamp) -> Self {
        let BalanceView { key, figure, reported, computed, manual, trouble, next_at, minimum, stopped, missing, burn } =
            view;
        Self {
            key_id: key,
            balance: figure.amount,
            balance_currency: figure.currency,
            balance_usd: figure.usd,
            balance_source: figure.source.as_str(),
            balance_last_update: figure.at,
            age_seconds: figure.at.map(|at| age(at, now)),
            reported: reported.map(|stored| ReportedOut::new(&stored, now)),
            computed: computed.map(|computed| ComputedOut::new(computed, now)),
            manual: manual.map(|manual| ManualOut::new(manual, now)),
            minimum,
            stopped,
            days_left: burn.days_left,
            burn: burn.into(),
            last_error: trouble.map(|trouble| ErrorOut::new(trouble, now)),
            next_refresh: next_at,
            missing_values: missing,
        }
    }
}

impl ReportedOut {
    fn new(stored: &StoredBalance, now: Timestamp) -> Self {
        let Reading { probe, kind, amount, total, spent, currency, usable, purses, windows, complete, warnings } =
            stored.balance.reading.clone();
        let (since, at) = (stored.create_time, stored.update_time);
        let (kind, raw, age_seconds) = (kind.as_str(), stored.balance.raw.clone(), age(at, now));
        let parts = purses;
        Self {
            probe,
            kind,
            amount,
            total,
            spent,
            currency,
            usable,
            complete,
            parts,
            windows,
            warnings,
            raw,
            since,
            at,
            age_seconds,
        }
    }
}

impl ComputedOut {
    fn new(computed: Computed, now: Timestamp) -> Self {
        let Computed { left, total, booked, unpriced, at } = computed;
        let (total, booked, age_seconds) = (total.into(), booked.into(), age(at, now));
        Self { amount: left, currency: "USD", total, booked, unpriced_requests: unpriced, at, age_seconds }
    }
}

impl ManualOut {
    fn new(manual: ManualBalance, now: Timestamp) -> Self {
        let ManualBalance { amount, currency, at, left } = manual;
        Self { amount, currency, left, at, age_seconds: age(at, now) }
    }
}

impl From<Burn> for BurnOut {
    fn from(burn: Burn) -> Self {
        Self { booked_per_day: burn.booked_per_day, reported_per_day: burn.reported_per_day }
    }
}

impl ErrorOut {
    fn new(trouble: Trouble, now: Timestamp) -> Self {
        let Trouble { refusal, at } = trouble;
        let (kind, age_seconds) = (refusal.kind.as_str(), age(at, now));
        Self { kind, message: refusal.message, raw: refusal.raw, at, age_seconds }
    }
}

/// A stretch of time in which a balance was the same.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BalanceSpan")]
pub(crate) struct HistoryOut {
    from: Timestamp,
    to: Timestamp,
    source: &'static str,
    kind: &'static str,
    amount: Option<Amount>,
    total: Option<Amount>,
    spent: Option<Amount>,
    currency: Option<String>,
    windows: Vec<Window>,
    /// What our own books had then, in USD.
    booked: Amount,
}

impl HistoryOut {
    /// Where it stands among others of its key.
    pub(super) fn place(&self) -> (Timestamp, Timestamp, String) {
        (self.from, self.to, self.source.to_owned())
    }
}

impl From<StoredBalance> for HistoryOut {
    fn from(stored: StoredBalance) -> Self {
        let Reading { kind, amount, total, spent, currency, windows, .. } = stored.balance.reading;
        Self {
            from: stored.create_time,
            to: stored.update_time,
            source: stored.balance.source.as_str(),
            kind: kind.as_str(),
            amount,
            total,
            spent,
            currency,
            windows,
            booked: stored.balance.booked.into(),
        }
    }
}
