//! What is kept of alerts: rules, channels, what is wrong now, what happened, and what was sent.

use super::{Page, StoreFuture};
use crate::{
    alert::{AlertEvent, AlertRule, AlertRuleSpec, AlertState, Channel, ChannelSpec, Message, Step},
    id::{AlertRuleId, ChannelId, DeliveryId},
    time::Timestamp,
};

/// So many events and ended deliveries are kept, the newest.
pub const MOST_KEPT: usize = 10_000;

/// Keeps alerts.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     alert::{AlertKind, AlertRuleSpec, AlertState, Phase, Subject},
///     store::{AlertNotes, AlertStore, memory::MemoryStore},
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let rule = store.insert_alert_rule(AlertRuleSpec::new("a key is down", AlertKind::KeyDown), now).await?.id;
/// let subject = Subject { id: "key:7".into(), name: "mine".into() };
/// let state = AlertState { rule, subject, phase: Phase::Firing, since: now, told_at: Some(now), detail: "401".into() };
/// // What is wrong and what was told of it are written at once, so that a restart tells nothing twice.
/// let notes = AlertNotes { kept: vec![state], gone: Vec::new(), events: Vec::new(), deliveries: Vec::new() };
/// store.note_alerts(notes, now).await?;
/// assert_eq!(store.alert_states().await?[0].phase, Phase::Firing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait AlertStore: Send + Sync + 'static {
    /// All rules, by row.
    fn alert_rules(&self) -> StoreFuture<'_, Vec<AlertRule>>;
    /// Adds a rule.
    fn insert_alert_rule(&self, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule>;
    /// Replaces a rule.
    fn update_alert_rule(&self, id: AlertRuleId, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule>;
    /// Removes a rule with its states. What happened by it stays.
    fn delete_alert_rule(&self, id: AlertRuleId) -> StoreFuture<'_, ()>;

    /// All channels, by row, with their secrets.
    fn alert_channels(&self) -> StoreFuture<'_, Vec<Channel>>;
    /// Adds a channel.
    fn insert_alert_channel(&self, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel>;
    /// Replaces a channel.
    fn update_alert_channel(&self, id: ChannelId, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel>;
    /// Removes a channel. What is still to be sent by it is given up.
    fn delete_alert_channel(&self, id: ChannelId, now: Timestamp) -> StoreFuture<'_, ()>;

    /// Everything that is wrong now, by rule and subject.
    fn alert_states(&self) -> StoreFuture<'_, Vec<AlertState>>;

    /// Writes down what a look at the world has changed, as one transaction, and forgets what is old. Gives the rows of the
    /// deliveries, in their order.
    fn note_alerts(&self, notes: AlertNotes, now: Timestamp) -> StoreFuture<'_, Vec<DeliveryId>>;

    /// A page of what happened, newest first; by one rule, if so asked.
    fn alert_events(&self, rule: Option<AlertRuleId>, page: Page) -> StoreFuture<'_, Vec<StoredAlertEvent>>;

    /// A page of what was sent or is to be, newest first; by one channel, if so asked.
    fn alert_deliveries(&self, channel: Option<ChannelId>, page: Page) -> StoreFuture<'_, Vec<StoredDelivery>>;

    /// What is to be sent by `now`, the oldest first, at most `limit`.
    fn due_deliveries(&self, now: Timestamp, limit: u32) -> StoreFuture<'_, Vec<StoredDelivery>>;

    /// Takes a delivery that was tried `tries` times in hand for one more try: of many who want to, one is told `true`. If
    /// nobody settles it, it is due again at `next_at`.
    fn claim_delivery(&self, id: DeliveryId, tries: u32, next_at: Timestamp, now: Timestamp) -> StoreFuture<'_, bool>;

    /// Writes down what became of a try.
    fn settle_delivery(&self, id: DeliveryId, end: DeliveryEnd, now: Timestamp) -> StoreFuture<'_, ()>;

    /// Whether this process looks after alerts, of those that share the store; asked again and again, which also keeps it
    /// so. Who has not asked for a while may lose it to another.
    fn lead_alerts(&self) -> StoreFuture<'_, bool> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// The name of this process among those that share the store. Empty: there are no others.
    fn node(&self) -> &str {
        ""
    }
}

/// What a look at the world has changed.
#[derive(Debug, Clone, Default)]
pub struct AlertNotes {
    /// What happened.
    pub events: Vec<AlertEvent>,
    /// States that hold now, in place of those of the same rule and subject.
    pub kept: Vec<AlertState>,
    /// States that hold no more.
    pub gone: Vec<(AlertRuleId, String)>,
    /// What is to be sent.
    pub deliveries: Vec<NewDelivery>,
}

impl AlertNotes {
    /// Adds what another look has changed. Of one subject the later state holds.
    pub(crate) fn join(&mut self, later: Step) {
        let Step { events, kept, gone } = later;
        let is_of = |state: &AlertState, (rule, subject): &(AlertRuleId, String)| {
            state.rule == *rule && state.subject.id == *subject
        };
        self.kept.retain(|state| !gone.iter().any(|place| is_of(state, place)));
        self.kept.retain(|state| !kept.iter().any(|new| new.rule == state.rule && new.subject.id == state.subject.id));
        self.events.extend(events);
        self.kept.extend(kept);
        // What is kept again is written after what goes.
        self.gone.extend(gone);
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.kept.is_empty() && self.gone.is_empty() && self.deliveries.is_empty()
    }
}

/// A message to send.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     alert::{AlertEvent, AlertKind, ChannelSpec, EventKind, Message, Severity, Subject},
///     id::{AlertRuleId, ChannelId, DeliveryId},
///     store::{
///         AlertNotes, AlertStore as _, DeliveryEnd, DeliveryState, NewDelivery, Page, StoredAlertEvent,
///         StoredDelivery, memory::MemoryStore,
///     },
///     time::Timestamp,
/// };
///
/// let (store, now) = (MemoryStore::new(), Timestamp::from_millis(0));
/// let spec = ChannelSpec::new("ops", "webhook").with_secret("url", "https://hooks.example.com/T0");
/// let channel: ChannelId = store.insert_alert_channel(spec, now).await?.id;
/// let event = AlertEvent {
///     rule: AlertRuleId(1),
///     rule_name: "a key is down".into(),
///     kind: AlertKind::KeyDown,
///     severity: Severity::Critical,
///     subject: Subject { id: "key:7".into(), name: "mine".into() },
///     event: EventKind::Fired,
///     detail: "401".into(),
///     since: now,
///     quiet: false,
/// };
///
/// // What happened and who is to be told of it are written at once.
/// let tell = |(_, message)| NewDelivery { channel, channel_name: "ops".into(), message, next_at: now };
/// let deliveries = Message::of(std::slice::from_ref(&event), now).into_iter().map(tell).collect();
/// let notes = AlertNotes { events: vec![event], deliveries, ..AlertNotes::default() };
/// let rows: Vec<DeliveryId> = store.note_alerts(notes, now).await?;
/// let page = Page { before: None, limit: 10 };
/// let happened: Vec<StoredAlertEvent> = store.alert_events(None, page).await?;
/// assert_eq!(happened[0].event.detail, "401");
///
/// // Of all processes that share the store one takes it in hand, and says what came of it.
/// let due: Vec<StoredDelivery> = store.due_deliveries(now, 10).await?;
/// assert_eq!((due[0].id, due[0].state), (rows[0], DeliveryState::Pending));
/// assert!(store.claim_delivery(rows[0], due[0].tries, now.plus_millis(60_000), now).await?);
/// let end = DeliveryEnd { state: DeliveryState::Sent, next_at: None, detail: None };
/// store.settle_delivery(rows[0], end, now).await?;
/// assert!(store.due_deliveries(now.plus_millis(3_600_000), 10).await?.is_empty());
/// assert_eq!(store.alert_deliveries(Some(channel), page).await?[0].state, DeliveryState::Sent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// By which channel.
    pub channel: ChannelId,
    /// What people call it.
    pub channel_name: String,
    /// What to say.
    pub message: Message,
    /// When.
    pub next_at: Timestamp,
}

/// Something that happened, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAlertEvent {
    /// Its row.
    pub id: i64,
    /// When it was noted.
    pub create_time: Timestamp,
    /// What.
    pub event: AlertEvent,
}

/// A message that was sent, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// Its row.
    pub id: DeliveryId,
    /// When it was written.
    pub create_time: Timestamp,
    /// When it was last tried, or changed.
    pub update_time: Timestamp,
    /// By which channel.
    pub channel: ChannelId,
    /// What people called that.
    pub channel_name: String,
    /// What it says.
    pub message: Message,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried again. `None`: never.
    pub next_at: Option<Timestamp>,
    /// Why the last try failed, without secrets.
    pub detail: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It is to be sent.
    Pending,
    /// It arrived.
    Sent,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Sent, Self::Failed];

    /// The name in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryEnd {
    /// What became of the message.
    pub state: DeliveryState,
    /// When it is tried again. `None`: never.
    pub next_at: Option<Timestamp>,
    /// Why it failed, without secrets.
    pub detail: Option<String>,
}
