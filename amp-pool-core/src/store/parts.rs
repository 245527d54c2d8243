//! A store of parts: most of it one store's, some of it one's own.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    AdjustmentStore, AlertNotes, AlertStore, AuditStore, BalanceStore, BodyStore, BudgetStore, CallAdjustment,
    CallBodies, ConfigStore, Configuration, DeliveryEnd, Entry, Extent, FailurePage, Forgotten, GroupBy, HealthStore,
    HoldAnswer, KeyChange, NewBalance, Page, PriceStore, RecordFilter, RecordStore, RetentionStore, Store, StoreError,
    StoreFuture, StoredAlertEvent, StoredBalance, StoredDelivery, StoredFailure, StoredHealthEvent, StoredHold,
    StoredRecord, TokenSecret, Totals, TotalsFilter, UserStore,
};
use crate::{
    alert::{AlertRule, AlertRuleSpec, AlertState, Channel, ChannelSpec},
    budget::{Period, Tally},
    caller::{ClientToken, GroupSpec, TokenGroup, TokenSpec},
    classify::{OwnRule, RuleSpec},
    id::{
        AlertRuleId, AuditId, CallId, ChannelId, DeliveryId, GroupId, KeyId, PriceId, RouteId, RuleId, TokenId, UserId,
    },
    keys::{KeptHealth, Key, KeySpec, Report, Slice},
    price::{PriceRow, PriceSpec},
    provider::{OwnProvider, Provider},
    route::{Route, RouteSpec},
    secret::Secret,
    time::Timestamp,
    user::{AuditEntry, Deed, DeedEnd, Identity, Session, SessionDigest, User, UserSpec},
};

/// A store whose parts may be of different stores.
///
/// Who wants to do one thing otherwise, such as to send each record somewhere else as well, implements that trait alone and
/// takes the rest from a whole store. Records, budgets and retention look at the same rows: what replaces one of them has to
/// hand on to that of the same store.
///
/// ```
/// use std::sync::Arc;
/// use amp_pool_core::store::{Parts, Store, memory::MemoryStore};
///
/// let whole: Arc<dyn Store> = Arc::new(MemoryStore::new());
/// let elsewhere: Arc<dyn Store> = Arc::new(MemoryStore::new());
/// let store = Parts { audit: elsewhere, ..Parts::of(whole) };
/// let pool = amp_pool_core::Pool::builder().store(Arc::new(store));
/// ```
#[derive(Clone)]
pub struct Parts {
    /// Keys, client tokens, routes, rules, settings.
    pub config: Arc<dyn ConfigStore>,
    /// Prices that were written down.
    pub prices: Arc<dyn PriceStore>,
    /// The books.
    pub records: Arc<dyn RecordStore>,
    /// What calls cost by other prices.
    pub adjustments: Arc<dyn AdjustmentStore>,
    /// What is spent and held.
    pub budgets: Arc<dyn BudgetStore>,
    /// What accounts had left.
    pub balances: Arc<dyn BalanceStore>,
    /// How fit keys are.
    pub health: Arc<dyn HealthStore>,
    /// What is forgotten.
    pub retention: Arc<dyn RetentionStore>,
    /// What calls said.
    pub bodies: Arc<dyn BodyStore>,
    /// Who runs the pool.
    pub users: Arc<dyn UserStore>,
    /// What they did.
    pub audit: Arc<dyn AuditStore>,
    /// Whom to tell of what, and what was told.
    pub alerts: Arc<dyn AlertStore>,
}

impl Parts {
    /// All parts of one store.
    #[must_use]
    pub fn of(whole: Arc<dyn Store>) -> Self {
        Self {
            config: whole.clone(),
            prices: whole.clone(),
            records: whole.clone(),
            adjustments: whole.clone(),
            budgets: whole.clone(),
            balances: whole.clone(),
            health: whole.clone(),
            retention: whole.clone(),
            bodies: whole.clone(),
            users: whole.clone(),
            audit: whole.clone(),
            alerts: whole,
        }
    }
}

/// Every function of each trait, also those that have a default: the part may do it otherwise.
macro_rules! hand_on {
    ($($store:ident by $part:ident { $(fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> $result:ty;)* })*) => {$(
        impl $store for Parts {
            $(fn $name(&self $(, $argument: $kind)*) -> $result {
                self.$part.$name($($argument),*)
            })*
        }
    )*};
}

hand_on! {
    ConfigStore by config {
        fn load(&self) -> StoreFuture<'_, Configuration>;
        fn revisions(&self) -> Option<watch::Receiver<i64>>;
        fn slice(&self) -> Slice;
        fn insert_key(&self, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key>;
        fn update_key(&self, id: KeyId, spec: KeySpec, now: Timestamp) -> StoreFuture<'_, Key>;
        fn delete_key(&self, id: KeyId) -> StoreFuture<'_, ()>;
        fn insert_keys(&self, specs: Vec<KeySpec>, now: Timestamp) -> StoreFuture<'_, Vec<Result<Key, StoreError>>>;
        fn update_keys(&self, changes: Vec<(KeyId, KeySpec)>, now: Timestamp) -> StoreFuture<'_, Vec<KeyChange>>;
        fn delete_keys(&self, ids: Vec<KeyId>) -> StoreFuture<'_, Vec<KeyChange>>;
        fn insert_token(&self, spec: TokenSpec, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken>;
        fn update_token(&self, id: TokenId, spec: TokenSpec, now: Timestamp) -> StoreFuture<'_, ClientToken>;
        fn rotate_token(&self, id: TokenId, secret: TokenSecret, now: Timestamp) -> StoreFuture<'_, ClientToken>;
        fn delete_token(&self, id: TokenId) -> StoreFuture<'_, ()>;
        fn insert_group(&self, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup>;
        fn update_group(&self, id: GroupId, spec: GroupSpec, now: Timestamp) -> StoreFuture<'_, TokenGroup>;
        fn delete_group(&self, id: GroupId) -> StoreFuture<'_, ()>;
        fn insert_route(&self, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route>;
        fn update_route(&self, id: RouteId, spec: RouteSpec, now: Timestamp) -> StoreFuture<'_, Route>;
        fn delete_route(&self, id: RouteId) -> StoreFuture<'_, ()>;
        fn insert_rule(&self, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule>;
        fn update_rule(&self, id: RuleId, spec: RuleSpec, now: Timestamp) -> StoreFuture<'_, OwnRule>;
        fn delete_rule(&self, id: RuleId) -> StoreFuture<'_, ()>;
        fn insert_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider>;
        fn update_provider(&self, provider: Provider, now: Timestamp) -> StoreFuture<'_, OwnProvider>;
        fn delete_provider(&self, id: String) -> StoreFuture<'_, ()>;
        fn put_setting(&self, name: String, value: Option<String>, now: Timestamp) -> StoreFuture<'_, ()>;
    }
    RecordStore by records {
        fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>>;
        fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64>;
        fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>>;
        fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>>;
        fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>>;
        fn get_many(&self, calls: Vec<CallId>) -> StoreFuture<'_, Vec<StoredRecord>>;
        fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>>;
        fn close(&self) -> StoreFuture<'_, ()>;
    }
    AlertStore by alerts {
        fn alert_rules(&self) -> StoreFuture<'_, Vec<AlertRule>>;
        fn insert_alert_rule(&self, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule>;
        fn update_alert_rule(&self, id: AlertRuleId, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule>;
        fn delete_alert_rule(&self, id: AlertRuleId) -> StoreFuture<'_, ()>;
        fn alert_channels(&self) -> StoreFuture<'_, Vec<Channel>>;
        fn insert_alert_channel(&self, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel>;
        fn update_alert_channel(&self, id: ChannelId, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel>;
        fn delete_alert_channel(&self, id: ChannelId, now: Timestamp) -> StoreFuture<'_, ()>;
        fn alert_states(&self) -> StoreFuture<'_, Vec<AlertState>>;
        fn note_alerts(&self, notes: AlertNotes, now: Timestamp) -> StoreFuture<'_, Vec<DeliveryId>>;
        fn alert_events(&self, rule: Option<AlertRuleId>, page: Page) -> StoreFuture<'_, Vec<StoredAlertEvent>>;
        fn alert_deliveries(&self, channel: Option<ChannelId>, page: Page) -> StoreFuture<'_, Vec<StoredDelivery>>;
        fn due_deliveries(&self, now: Timestamp, limit: u32) -> StoreFuture<'_, Vec<StoredDelivery>>;
        fn claim_delivery(&self, id: DeliveryId, tries: u32, next_at: Timestamp, now: Timestamp) -> StoreFuture<'_, bool>;
        fn settle_delivery(&self, id: DeliveryId, end: DeliveryEnd, now: Timestamp) -> StoreFuture<'_, ()>;
        fn lead_alerts(&self) -> StoreFuture<'_, bool>;
        fn node(&self) -> &str;
    }
    PriceStore by prices {
        fn prices(&self, after: Option<PriceId>) -> StoreFuture<'_, Vec<PriceRow>>;
        fn add_prices(&self, specs: Vec<PriceSpec>, now: Timestamp) -> StoreFuture<'_, Vec<PriceRow>>;
    }
    AdjustmentStore by adjustments {
        fn adjust(&self, calls: Vec<CallAdjustment>, now: Timestamp) -> StoreFuture<'_, u64>;
    }
    BodyStore by bodies {
        fn put_bodies(&self, bodies: Vec<CallBodies>) -> StoreFuture<'_, ()>;
        fn bodies(&self, call: CallId) -> StoreFuture<'_, Option<CallBodies>>;
        fn forget_bodies(&self, before: Timestamp, most: u32) -> StoreFuture<'_, u64>;
    }
    BudgetStore by budgets {
        fn tallies(&self, periods: Vec<Period>) -> StoreFuture<'_, Vec<Tally>>;
        fn holds(&self, call: CallId) -> StoreFuture<'_, Vec<StoredHold>>;
    }
    BalanceStore by balances {
        fn put_balance(&self, balance: NewBalance, now: Timestamp) -> StoreFuture<'_, ()>;
        fn latest_balances(&self) -> StoreFuture<'_, Vec<StoredBalance>>;
        fn balances(&self, key: KeyId, from: Timestamp, to: Timestamp) -> StoreFuture<'_, Vec<StoredBalance>>;
    }
    HealthStore by health {
        fn put_health(&self, reports: Arc<[Report]>, now: Timestamp) -> StoreFuture<'_, ()>;
        fn health(&self, now: Timestamp) -> StoreFuture<'_, Vec<KeptHealth>>;
        fn health_news(&self) -> Option<watch::Receiver<i64>>;
        fn troubles(&self) -> StoreFuture<'_, Vec<KeptHealth>>;
        fn health_events(&self, subjects: Vec<Arc<str>>, page: Page) -> StoreFuture<'_, Vec<StoredHealthEvent>>;
    }
    RetentionStore by retention {
        fn forget(&self, before: Timestamp, most: u32, now: Timestamp) -> StoreFuture<'_, Forgotten>;
        fn sum_up(&self, now: Timestamp) -> StoreFuture<'_, bool>;
        fn extent(&self) -> StoreFuture<'_, Extent>;
    }
    UserStore by users {
        fn users(&self) -> StoreFuture<'_, Vec<User>>;
        fn insert_user(&self, spec: UserSpec, password: Option<Secret>, now: Timestamp) -> StoreFuture<'_, User>;
        fn insert_first_admin(&self, username: String, password: Secret, now: Timestamp) -> StoreFuture<'_, User>;
        fn update_user(&self, id: UserId, spec: UserSpec, now: Timestamp) -> StoreFuture<'_, User>;
        fn set_password(&self, id: UserId, password: Secret, now: Timestamp) -> StoreFuture<'_, ()>;
        fn user_of(&self, identity: Identity) -> StoreFuture<'_, Option<User>>;
        fn insert_identity(&self, user: UserId, identity: Identity, now: Timestamp) -> StoreFuture<'_, ()>;
        fn delete_user(&self, id: UserId) -> StoreFuture<'_, ()>;
        fn insert_session(&self, session: Session) -> StoreFuture<'_, ()>;
        fn session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, Option<(Session, User)>>;
        fn touch_session(&self, digest: SessionDigest, now: Timestamp) -> StoreFuture<'_, ()>;
        fn end_session(&self, digest: SessionDigest) -> StoreFuture<'_, ()>;
    }
    AuditStore by audit {
        fn note(&self, deed: Deed, now: Timestamp) -> StoreFuture<'_, AuditId>;
        fn settle_note(&self, id: AuditId, end: DeedEnd, now: Timestamp) -> StoreFuture<'_, ()>;
        fn notes(&self, user: Option<UserId>, before: Option<AuditId>, limit: u32) -> StoreFuture<'_, Vec<AuditEntry>>;
    }
}

#[cfg(test)]
mod tests {
    /// The names of the functions that `source` declares in its traits for stores.
    fn declared(source: &str) -> Vec<&str> {
        let traits =
            source.split("\npub trait ").skip(1).filter(|text| text.split(':').next().unwrap().ends_with("Store"));
        let bodies = traits.map(|text| text.split("\n}\n").next().unwrap());
        bodies.flat_map(|body| body.split("\n    fn ").skip(1)).map(|text| text.split('(').next().unwrap()).collect()
    }

    #[test]
    fn no_function_is_left_to_its_default() {
        let ours = include_str!("parts.rs");
        let sources = [
            include_str!("config.rs"),
            include_str!("records.rs"),
            include_str!("alerts.rs"),
            include_str!("budgets.rs"),
            include_str!("adjustments.rs"),
            include_str!("bodies.rs"),
            include_str!("prices.rs"),
            include_str!("balances.rs"),
            include_str!("health.rs"),
            include_str!("retention.rs"),
            include_str!("users.rs"),
        ];
        let all: Vec<_> = sources.into_iter().flat_map(declared).collect();
        assert!(all.len() > 50, "{all:?}");
        let mut left = all;
        left.retain(|name| !ours.contains(&format!("        fn {name}(&self")));
        assert_eq!(left, Vec::<&str>::new());
    }
}
