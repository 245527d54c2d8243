//! Budgets at the door: what a call can cost is held before it is sent.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32},
};

use super::{
    AdmitLayer,
    limits::Header,
    worst::{Quote, Terms},
};
use crate::{
    Error,
    caller::Allowance,
    service::{
        Routed, ambient,
        held::{Due, Held},
        recorder::Recorder,
    },
    store::Outcome,
};

/// What a call was let in on.
pub(super) struct Paid {
    pub(super) recorder: Box<Recorder>,
    pub(super) barred: Vec<usize>,
    pub(super) told: Vec<Header>,
}

/// What the call asks of budgets. `None`: nothing.
///
/// # Errors
/// When what it can cost is not known, or has no bound, and the budgets refuse that.
pub(super) fn quote(routed: &Routed, allowances: &[Arc<Allowance>]) -> Result<Option<Quote>, Error> {
    let budgets = || allowances.iter().filter_map(|allowance| allowance.budget.as_ref());
    if budgets().next().is_none() {
        return Ok(None);
    }
    Quote::of(routed, &Terms::of(budgets()))
}

/// Holds what `quote` says, and limits the call to what is held.
///
/// # Errors
/// When it does not fit, or the books can not be written. The record is written then.
pub(super) async fn hold(
    door: &AdmitLayer,
    routed: &mut Routed,
    mut recorder: Box<Recorder>,
    quote: Quote,
    allowances: &[Arc<Allowance>],
) -> Result<Paid, Error> {
    let due =
        |allowance: &Arc<Allowance>| allowance.claim(routed.call.received).map(|(claim, until)| Due { claim, until });
    let held = Arc::new(Held {
        ledger: door.ledger.clone(),
        clock: door.clock.clone(),
        call: routed.call.id,
        dues: allowances.iter().filter_map(due).collect(),
        ceiling: quote.ceiling.clone(),
        worst: quote.worst,
        asked: AtomicU32::new(0),
        covered: AtomicI64::new(0),
    });
    recorder.hold_by(held.clone());
    match held.hold(quote.least, quote.worst).await {
        Ok((amount, left)) => {
            let barred = quote.barred.clone();
            routed.call.ask.cap = quote.cap(routed, amount);
            Ok(Paid { recorder, barred, told: vec![("x-amp-budget-remaining", left.to_string())] })
        }
        Err(error) => {
            recorder.refused(&error, routed.call.ask.format);
            let written = recorder.finish(Outcome::Failed, ambient::now());
            // An error is an answer too. Books that can not be written now have its record in their queue.
            if let (Some(written), false) = (written, error.is_busy()) {
                let _ = written.await;
            }
            Err(error)
        }
    }
}
