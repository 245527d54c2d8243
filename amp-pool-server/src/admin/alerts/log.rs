//! What is wrong now, what happened, and what was sent.

use amp_pool_core::{
    alert::{AlertEvent, AlertKind, AlertState, Message, Severity},
    handle::Handle,
    id::{AlertRuleId, ChannelId, DeliveryId},
    store::{Page, StoredAlertEvent, StoredDelivery},
    time::Timestamp,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::{
    List, Problem,
    input::{Params, optional},
    page::PageParams,
};

const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 1000;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertState")]
pub(crate) struct StateOut {
    rule_id: AlertRuleId,
    subject: String,
    name: String,
    since: Timestamp,
    /// `null`: nobody was told; the hours are quiet.
    told_at: Option<Timestamp>,
    detail: String,
}

impl From<AlertState> for StateOut {
    fn from(AlertState { rule, subject, since, told_at, detail, .. }: AlertState) -> Self {
        Self { rule_id: rule, subject: subject.id, name: subject.name, since, told_at, detail }
    }
}

pub(crate) async fn state(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<StateOut>>, Problem> {
    let states = handle.alert_states().await?.into_iter().map(StateOut::from).collect();
    Ok(Json(params.page(states, |state: &StateOut| (state.rule_id, state.subject.clone()))?))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventParams {
    /// Only by this rule.
    #[schemars(with = "i64")]
    rule_id: Option<String>,
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertEvent")]
pub(crate) struct EventOut {
    id: i64,
    create_time: Timestamp,
    rule_id: AlertRuleId,
    rule_name: String,
    kind: AlertKind,
    severity: Severity,
    event: &'static str,
    subject: String,
    name: String,
    since: Timestamp,
    detail: String,
    /// Whether nobody was told.
    quiet: bool,
}

impl From<StoredAlertEvent> for EventOut {
    fn from(StoredAlertEvent { id, create_time, event }: StoredAlertEvent) -> Self {
        let AlertEvent { rule, rule_name, kind, severity, event, subject, since, detail, quiet } = event;
        Self {
            id,
            create_time,
            rule_id: rule,
            rule_name,
            kind,
            severity,
            event: event.as_str(),
            subject: subject.id,
            name: subject.name,
            since,
            detail,
            quiet,
        }
    }
}

pub(crate) async fn events(
    State(handle): State<Handle>,
    Params(params): Params<EventParams>,
) -> Result<Json<List<EventOut>>, Problem> {
    let (page, limit) = page(params.limit, params.cursor)?;
    let found = handle.alert_events(optional("rule_id", params.rule_id)?.map(AlertRuleId), page).await?;
    Ok(Json(listed(found, limit, |stored| stored.id)))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeliveryParams {
    /// Only by this channel.
    #[schemars(with = "i64")]
    channel_id: Option<String>,
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertDelivery")]
pub(crate) struct DeliveryOut {
    id: DeliveryId,
    create_time: Timestamp,
    update_time: Timestamp,
    channel_id: ChannelId,
    channel_name: String,
    message: Message,
    state: &'static str,
    tries: u32,
    next_at: Option<Timestamp>,
    detail: Option<String>,
}

impl From<StoredDelivery> for DeliveryOut {
    fn from(stored: StoredDelivery) -> Self {
        let StoredDelivery { id, create_time, update_time, channel, channel_name, message, .. } = stored;
        let (state, tries, next_at, detail) = (stored.state.as_str(), stored.tries, stored.next_at, stored.detail);
        let channel_id = channel;
        Self { id, create_time, update_time, channel_id, channel_name, message, state, tries, next_at, detail }
    }
}

pub(crate) async fn deliveries(
    State(handle): State<Handle>,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<List<DeliveryOut>>, Problem> {
    let (page, limit) = page(params.limit, params.cursor)?;
    let found = handle.alert_deliveries(optional("channel_id", params.channel_id)?.map(ChannelId), page).await?;
    Ok(Json(listed(found, limit, |stored| stored.id.0)))
}

/// One more than wanted, which tells whether there is another page.
fn page(limit: Option<String>, cursor: Option<String>) -> Result<(Page, u32), Problem> {
    let limit = optional("limit", limit)?.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    Ok((Page { before: optional("cursor", cursor)?, limit: limit + 1 }, limit))
}

fn listed<T, O: From<T>>(mut found: Vec<T>, limit: u32, id: impl Fn(&T) -> i64) -> List<O> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    let next = found.last().filter(|_| more).map(|last| id(last).to_string());
    List::page(found.into_iter().map(O::from).collect(), next)
}
