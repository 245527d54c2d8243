//! Why a call went where it went, as the books keep it.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{id::KeyId, time::Timestamp};

/// A choice of a key at which somebody was passed over, or after which nobody was asked.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     keys::KeySpec,
///     secret::Secret,
///     store::{Page, RecordFilter, RecordedChoice, RecordedHindrance},
///     testkit::{Reply, Script},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let upstream = Script::new().on("sk-a", Reply::limited().retry_after_secs(600));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # for _ in 0..2 {
/// #     let request = http::Request::post("/v1/chat/completions")
/// #         .header("authorization", format!("Bearer {}", token.expose()))
/// #         .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// #     let Ok(answer) = pool.clone().oneshot(request).await;
/// #     answer.into_body().collect().await.map_err(|error| error.to_string())?;
/// # }
///
/// // Of two calls the first met with a limit, and the second found its only key at rest.
/// let records = pool.handle().records(RecordFilter::default(), Page { before: None, limit: 1 }).await?;
/// let record = pool.handle().record(records[0].call).await?.ok_or("it is there")?;
/// let RecordedChoice { outcome, candidates, first, .. } = record.choices.last().ok_or("nobody was asked")?;
/// assert_eq!((&**outcome, *candidates), ("resting", 1));
/// let RecordedHindrance { key_id, why, .. } = &first[0];
/// assert_eq!((*key_id, &**why), (key, "cooling"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Choice"))]
pub struct RecordedChoice {
    /// How many attempts had been made before.
    pub after_attempts: u32,
    /// What decided for the key that was asked: `home`, `hash` or `strategy`. Or why nobody was asked: `resting`, `full`,
    /// `exhausted`, `no_format`; `no_retry` where the line that failed had its share of retries, and `late` where the call
    /// had lasted too long to try another key.
    pub outcome: Cow<'static, str>,
    /// How many candidates the model had.
    pub candidates: u32,
    /// How many of them were looked at and not asked, by reason: `cooling`, `out_of_credit`, `disabled`, `probing`,
    /// `line`, `full`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub passed_over: BTreeMap<Cow<'static, str>, u32>,
    /// The first of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<RecordedHindrance>,
    /// What spoke against the key that was asked all the same, because nobody was fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub despite: Option<RecordedHindrance>,
    /// How long the call waited for a key to be ready, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
}

/// Why a key was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Hindrance"))]
pub struct RecordedHindrance {
    /// The key.
    pub key_id: KeyId,
    /// One of the reasons that are counted.
    pub why: Cow<'static, str>,
    /// When that ends, where it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// More about it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
