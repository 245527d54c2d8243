//! What is held of budgets for one call, and how more of it is asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::{
    Error,
    budget::{Claim, Scope},
    id::CallId,
    keys::PriceFactor,
    ledger::Ledger,
    money::NanoUsd,
    price::Price,
    store::{Attempt, Hold, HoldAnswer},
    time::{Clock, Timestamp},
};

/// How long a call waits for its money to be held.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client is asked to wait when the books are slow.
const COME_BACK: Duration = Duration::from_secs(1);

/// A limit that a call keeps, and when it begins anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) claim: Claim,
    pub(super) until: Option<Timestamp>,
}

/// The way of one call to its budgets.
pub(crate) struct Held {
    pub(super) ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) call: CallId,
    pub(super) dues: Vec<Due>,
    /// What stands for the price of what has none.
    pub(super) ceiling: Option<Price>,
    /// What one more pass of the call can cost.
    pub(super) worst: NanoUsd,
    /// How often was asked.
    pub(super) asked: AtomicU32,
    /// What ended attempts did cost for which more was held.
    pub(super) covered: AtomicI64,
}

impl Held {
    /// Holds between `least` and `worst`, and more than before where that was done already. Gives how much is held now,
    /// and what is left beside it.
    ///
    /// # Errors
    /// [`Error::is_budget`] when it does not fit, [`Error::is_busy`] when the books can not be written.
    pub(super) async fn hold(&self, least: NanoUsd, worst: NanoUsd) -> Result<(NanoUsd, NanoUsd), Error> {
        let hold = Hold {
            call: self.call,
            n: self.asked.fetch_add(1, Ordering::Relaxed),
            create_time: self.clock.now(),
            worst,
            least,
            claims: self.dues.iter().map(|due| due.claim).collect(),
        };
        let busy = || Error::busy("the books can not be written").with_retry_after(COME_BACK);
        let holding = self.ledger.hold(hold).map_err(|_| busy())?;
        let answer = tokio::time::timeout(PATIENCE, holding).await.map_err(|_| busy())?.map_err(|_| busy())?;
        match answer {
            HoldAnswer::Held { amount, left } => Ok((amount, left)),
            HoldAnswer::Short { at, left } => Err(self.short(at, left, least)),
            HoldAnswer::Ended => Err(Error::internal("money was asked for a call that has ended")),
        }
    }

    /// Holds what one more pass of the call can cost.
    pub(super) async fn hold_again(&self) -> Result<(), Error> {
        self.hold(self.worst, self.worst).await.map(drop)
    }

    /// Holds more for what attempts did `charge` since this was done last.
    pub(super) async fn cover(&self, charged: NanoUsd) -> Result<(), Error> {
        let before = self.covered.swap(charged.0, Ordering::Relaxed);
        let more = NanoUsd(charged.0.saturating_sub(before).max(0));
        if more == NanoUsd::ZERO { Ok(()) } else { self.hold(more, more).await.map(drop) }
    }

    fn short(&self, at: usize, left: NanoUsd, least: NanoUsd) -> Error {
        let Some(Due { claim, until }) = self.dues.get(at) else { return Error::out_of_budget("a budget is used up") };
        let whose = match claim.period.scope {
            Scope::Token(_) => "the budget of this client token",
            Scope::Group(_) => "the budget of this client token's group",
            Scope::Key(_) => "the budget of the key",
            Scope::Site => "the budget of this server",
        };
        let anew = until.map_or_else(String::new, |until| format!("; it begins anew at {until}"));
        let (left, limit, least) = (usd(left), usd(claim.limit), usd(least));
        let message =
            format!("{whose} does not cover this call: {left} of {limit} USD are left, it may cost {least} USD{anew}");
        let error = Error::out_of_budget(message).with_header("x-amp-budget-remaining", left);
        match until {
            Some(until) => error
                .with_retry_after(until.since(self.clock.now()))
                .with_header("x-amp-budget-reset", until.to_string()),
            None => error,
        }
    }

    /// What budgets are charged for `attempts`.
    pub(super) fn charge(&self, attempts: &[Attempt]) -> NanoUsd {
        let stands_for = |attempt: &Attempt| self.ceiling.as_ref()?.cost(&attempt.usage, PriceFactor::ONE).ok();
        attempts.iter().map(|attempt| attempt.cost.or_else(|| stands_for(attempt)).unwrap_or_default()).sum()
    }
}

/// An amount for people: no more zeros than cents have.
fn usd(amount: NanoUsd) -> String {
    let text = amount.to_string();
    let short = text.trim_end_matches('0');
    let cents = text.find('.').map_or(text.len(), |point| point + 3);
    text[..short.len().max(cents)].to_owned()
}
