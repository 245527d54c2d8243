//! Names of stored things and of calls.
//!
//! Stored things carry the integer their row has; calls and attempts carry a UUIDv7, so that they can be named before
//! anything is written and sort by time.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

macro_rules! row_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

row_id! {
    /// The row of a key in `api_keys`.
    KeyId;
    /// The row of a client token in `client_tokens`.
    TokenId;
    /// The row of a group of client tokens in `token_groups`.
    ///
    /// ```
    /// use amp_pool_core::{budget::Scope, caller::TokenSpec, id::GroupId};
    ///
    /// let group = GroupId(3);
    /// let token = TokenSpec { group: Some(group), ..TokenSpec::named("ada") };
    /// // In JSON and in tables it is a number; here no token is taken for a group.
    /// assert_eq!(serde_json::to_string(&token.group)?, "3");
    /// assert_eq!(Scope::Group(group).to_string(), "group 3");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    GroupId;
    /// The row of a route in `routes`.
    RouteId;
    /// The row of a user in `users`.
    UserId;
    /// The row of a line in `audit_log`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use amp_pool_core::{
    ///     id::AuditId,
    ///     store::{AuditStore as _, memory::MemoryStore},
    ///     time::Timestamp,
    ///     user::Deed,
    /// };
    ///
    /// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
    /// let mut last: Option<AuditId> = None;
    /// for actor in ["ada", "bob", "eve"] {
    ///     last = Some(store.note(Deed { actor: actor.into(), ..Deed::default() }, now).await?);
    /// }
    /// // A page of older lines begins before the last one seen.
    /// let older = store.notes(None, last, 10).await?;
    /// assert_eq!(older.iter().map(|entry| entry.deed.actor.as_str()).collect::<Vec<_>>(), ["bob", "ada"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    AuditId;
    /// The row of a rule in `verdict_rules`.
    RuleId;
    /// The row of a price in `model_prices`.
    ///
    /// ```
    /// use amp_pool_core::{
    ///     id::PriceId,
    ///     price::{Origin, PriceBook, PriceRow, PriceSpec},
    ///     time::Timestamp,
    /// };
    ///
    /// let valid_from = Timestamp::from_millis(0);
    /// let spec = PriceSpec {
    ///     origin: Origin::Own,
    ///     provider: None,
    ///     model: "house-model".into(),
    ///     aliases: Vec::new(),
    ///     valid_from,
    ///     sheet: Some(serde_json::from_str(r#"{"input": "1", "output": "2"}"#)?),
    ///     source: "admin".into(),
    ///     who: "ada".into(),
    ///     note: String::new(),
    /// };
    /// let row = PriceRow { id: PriceId(42), create_time: valid_from, spec };
    /// // Attempts keep the row that they were rated by.
    /// let mut book = PriceBook::builtin().clone();
    /// book.add(&row)?;
    /// assert_eq!(book.find("openai", "house-model").map(|price| price.version.as_str()), Some("row:42"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    PriceId;
    /// The row of a rule in `alert_rules`.
    AlertRuleId;
    /// The row of a channel in `alert_channels`.
    ChannelId;
    /// The row of a line in `alert_deliveries`.
    DeliveryId;
}

macro_rules! event_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A UUIDv7 of the time and ten random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: &[u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
            }

            /// When it was made, to the millisecond.
            #[must_use]
            pub fn time(&self) -> Timestamp {
                let [a, b, c, d, e, f, ..] = *self.as_bytes();
                Timestamp::from_millis(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
            }

            /// The sixteen bytes, as stores keep them.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

event_id! {
    /// One inbound request. Clients see it as `x-request-id`.
    CallId;
    /// One try of a call on one key.
    ///
    /// ```
    /// use amp_pool_core::{
    ///     id::{AttemptId, CallId},
    ///     time::Timestamp,
    /// };
    ///
    /// // A call and its tries are named before anything is written, and sort by time.
    /// let now: Timestamp = "2026-01-02T03:04:05.678Z".parse()?;
    /// let (call, first) = (CallId::new(now, &[1; 10]), AttemptId::new(now, &[2; 10]));
    /// let second = AttemptId::new(now.plus_millis(1), &[0; 10]);
    /// assert!(first < second);
    /// assert_eq!((first.time(), call.time()), (now, now));
    /// assert_eq!(AttemptId(uuid::Uuid::from_bytes(*first.as_bytes())), first);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    AttemptId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_calls_sort_after_earlier_ones() {
        let early = CallId::new(Timestamp::from_millis(1_000), &[0xff; 10]);
        let late = CallId::new(Timestamp::from_millis(1_001), &[0; 10]);

        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
        assert_eq!(early.time(), Timestamp::from_millis(1_000));
    }
}
