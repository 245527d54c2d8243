//! What was counted so far.

use std::{collections::BTreeMap, time::Duration};

use super::Spread;
use crate::{
    store::{Attempt, HoldAnswer, Outcome, Record},
    usage::Usage,
};

/// Everything that was counted since the process began.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// Calls that have ended, by model.
    pub calls: BTreeMap<Box<str>, CallSum>,
    /// Calls that have ended, by what went wrong; those that went well are not here.
    pub errors: BTreeMap<Box<str>, u64>,
    /// Attempts, by provider.
    pub attempts: BTreeMap<Box<str>, AttemptSum>,
    /// Attempts, by the row of their key: how many, and how many of them were answered.
    pub keys: BTreeMap<Box<str>, (u64, u64)>,
    /// The books.
    pub books: BookSums,
}

/// Calls of one model.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     figures::{AttemptSum, BookSums, CallSum, Sums},
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let pool = Pool::builder().transport(Script::new().on("sk-a", Reply::chat("Hello!"))).build().await?;
/// pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
///
/// // After one call:
/// let Sums { calls, attempts, books, .. } = pool.handle().figures().sums();
/// let of_model: &CallSum = calls.get("gpt-4o-mini").ok_or("it was asked for")?;
/// assert_eq!((of_model.outcomes.iter().sum::<u64>(), of_model.latency.count), (1, 1));
/// let of_provider: &AttemptSum = attempts.get("openai").ok_or("it was asked")?;
/// assert_eq!(of_provider.verdicts.get("answer"), Some(&1));
/// let BookSums { commits, failures, .. } = books;
/// assert!(commits > 0 && failures == 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CallSum {
    /// How many ended how, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// What they used.
    pub usage: Usage,
    /// What they cost, as far as prices are known, in nano-dollars.
    pub cost_nanos: u128,
    /// Those without a known price.
    pub unpriced: u64,
    /// How long they took.
    pub latency: Spread,
    /// How long it took to their first byte.
    pub first_byte: Spread,
}

/// Attempts at one provider.
#[derive(Debug, Clone, Default)]
pub struct AttemptSum {
    /// How many had which verdict.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// How long they took.
    pub latency: Spread,
}

/// The writing of books.
#[derive(Debug, Clone, Copy, Default)]
pub struct BookSums {
    /// Transactions that were written.
    pub commits: u64,
    /// Entries in them.
    pub entries: u64,
    /// Transactions that could not be written, each try.
    pub failures: u64,
    /// How long those took that were.
    pub took: Spread,
    /// Holds that were granted.
    pub held: u64,
    /// Holds that were refused.
    pub refused: u64,
}

impl Sums {
    pub(super) fn call(&mut self, model: &str, record: &Record) {
        let Some(sum) = named(&mut self.calls, model) else { return };
        let outcome = Outcome::ALL.iter().zip(&mut sum.outcomes).find(|(outcome, _)| **outcome == record.outcome);
        if let Some((_, count)) = outcome {
            *count += 1;
        }
        sum.usage = sum.usage.plus(record.usage());
        match record.cost() {
            Some(cost) => sum.cost_nanos += u128::try_from(cost.0).unwrap_or_default(),
            None => sum.unpriced += 1,
        }
        sum.latency.add(Duration::from_millis(record.latency_ms));
        if let Some(ms) = record.first_byte_ms {
            sum.first_byte.add(Duration::from_millis(ms));
        }
        let error = record.error_type.as_deref();
        if let Some(count) = error.and_then(|kind| named(&mut self.errors, kind)) {
            *count += 1;
        }
    }

    pub(super) fn attempt(&mut self, attempt: &Attempt, key: &str) {
        if let Some(sum) = named(&mut self.attempts, &attempt.provider) {
            *sum.verdicts.entry(attempt.verdict).or_default() += 1;
            sum.latency.add(Duration::from_millis(attempt.latency_ms));
        }
        if let Some((all, answered)) = named(&mut self.keys, key) {
            *all += 1;
            *answered += u64::from(attempt.verdict == "answer");
        }
    }
}

impl BookSums {
    pub(super) fn written(&mut self, entries: usize, answers: &[HoldAnswer], took: Duration) {
        self.commits += 1;
        self.entries += entries as u64;
        self.took.add(took);
        let held = answers.iter().filter(|answer| matches!(answer, HoldAnswer::Held { .. })).count() as u64;
        self.held += held;
        self.refused += answers.len() as u64 - held;
    }
}

/// The value of a name, without a new text for one that is there. It is always there in the end.
fn named<'a, T: Default>(values: &'a mut BTreeMap<Box<str>, T>, name: &str) -> Option<&'a mut T> {
    if !values.contains_key(name) {
        values.insert(name.into(), T::default());
    }
    values.get_mut(name)
}
