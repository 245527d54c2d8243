//! Alerts as rows of `alert_rules`, `alert_channels`, `alert_states`, `alert_events` and `alert_deliveries`; which node
//! looks after them as a row of `leases`.

use tokio_postgres::types::ToSql;

use super::{
    Failure, PostgresStore,
    fields::{Fields, collect, firsts, int, json, met, text},
    pool::Lent,
};
use crate::{
    alert::{AlertEvent, AlertRule, AlertRuleSpec, AlertState, Channel, ChannelSpec, Subject},
    id::{AlertRuleId, ChannelId, DeliveryId},
    store::{
        AlertNotes, AlertStore, DeliveryEnd, MOST_KEPT, NewDelivery, Page, StoreFuture, StoredAlertEvent,
        StoredDelivery,
        stored::alerts::{self as stored, ShownChannel},
        vault::Vault,
    },
    time::Timestamp,
};

/// So long a node looks after alerts without saying so again. Three looks of its own.
const LEASE_MS: i64 = 45_000;

macro_rules! clock {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}

const LEAD: &str = concat!(
    "INSERT INTO leases AS lease (name, create_time, update_time, holder, expires_at) ",
    "SELECT 'alerts', now, now, $1, now + $2 FROM (SELECT ",
    clock!(),
    " AS now) AS clock ON CONFLICT (name) DO UPDATE ",
    "SET update_time = excluded.update_time, holder = excluded.holder, expires_at = excluded.expires_at ",
    "WHERE lease.holder = excluded.holder OR lease.expires_at < excluded.update_time RETURNING name"
);

const RULES: &str = "SELECT id, create_time, update_time, spec::text FROM alert_rules ORDER BY id";
const INSERT_RULE: &str = "
    INSERT INTO alert_rules (create_time, update_time, spec) VALUES ($1, $1, $2::text::jsonb)
    RETURNING id, create_time, update_time, spec::text";
const UPDATE_RULE: &str = "
    UPDATE alert_rules SET update_time = $1, spec = $2::text::jsonb WHERE id = $3
    RETURNING id, create_time, update_time, spec::text";

const CHANNELS: &str = "SELECT id, create_time, update_time, spec::text, secrets FROM alert_channels ORDER BY id";
const INSERT_CHANNEL: &str =
    "INSERT INTO alert_channels (create_time, update_time, spec) VALUES ($1, $1, '{}') RETURNING id";
const UPDATE_CHANNEL: &str = "
    UPDATE alert_channels SET update_time = $2, spec = $3::text::jsonb, secrets = $4 WHERE id = $1
    RETURNING id, create_time, update_time, spec::text, secrets";

const STATES: &str = r#"
    SELECT rule_id, subject, name, phase, create_time, told_at, detail FROM alert_states
    ORDER BY rule_id, subject COLLATE "C""#;
const PUT_STATE: &str = "
    INSERT INTO alert_states (rule_id, subject, create_time, update_time, name, phase, told_at, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (rule_id, subject) DO UPDATE SET create_time = $3, update_time = $4, name = $5, phase = $6,
        told_at = $7, detail = $8";

const PUT_EVENT: &str = "
    INSERT INTO alert_events (create_time, update_time, rule_id, rule_name, kind, severity, event, subject,
        subject_name, since, detail, quiet)
    VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const EVENTS: &str = "
    SELECT id, create_time, rule_id, rule_name, kind, severity, event, subject, subject_name, since, detail, quiet
    FROM alert_events WHERE id < $1 AND ($2::int8 IS NULL OR rule_id = $2) ORDER BY id DESC LIMIT $3";
const OLD_EVENTS: &str = "DELETE FROM alert_events WHERE id <= (SELECT max(id) FROM alert_events) - $1";

macro_rules! deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT id, create_time, update_time, channel_id, channel_name, message::text, state, tries, next_at, ",
            "detail FROM alert_deliveries ",
            $rest
        )
    };
}

const PUT_DELIVERY: &str = "
    INSERT INTO alert_deliveries (create_time, update_time, channel_id, channel_name, message, state, tries, next_at)
    VALUES ($1, $1, $2, $3, $4::text::jsonb, 'pending', 0, $5) RETURNING id";
const DELIVERIES: &str =
    deliveries!("WHERE id < $1 AND ($2::int8 IS NULL OR channel_id = $2) ORDER BY id DESC LIMIT $3");
const DUE: &str = deliveries!("WHERE state = 'pending' AND next_at <= $1 ORDER BY next_at, id LIMIT $2");
const CLAIM: &str = "
    UPDATE alert_deliveries SET tries = tries + 1, update_time = $4, next_at = $3
    WHERE id = $1 AND tries = $2 AND state = 'pending'";
const SETTLE: &str =
    "UPDATE alert_deliveries SET state = $2, next_at = $3, detail = $4, update_time = $5 WHERE id = $1";
const GIVE_UP: &str = "
    UPDATE alert_deliveries SET state = 'failed', next_at = NULL, update_time = $2, detail = 'the channel was removed'
    WHERE channel_id = $1 AND state = 'pending'";
const OLD_DELIVERIES: &str =
    "DELETE FROM alert_deliveries WHERE id <= (SELECT max(id) FROM alert_deliveries) - $1 AND state <> 'pending'";

impl AlertStore for PostgresStore {
    fn alert_rules(&self) -> StoreFuture<'_, Vec<AlertRule>> {
        self.answer(async { collect(&self.inner.pool.lend().await?.query(RULES, &[]).await?, read_rule) })
    }

    fn insert_alert_rule(&self, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            let row = lent.one(INSERT_RULE, &[&now.as_millis(), &json(&spec)?]).await?;
            read_rule(&mut Fields::of(&row))
        })
    }

    fn update_alert_rule(&self, id: AlertRuleId, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            let row = lent.one(UPDATE_RULE, &[&now.as_millis(), &json(&spec)?, &id.0]).await?;
            read_rule(&mut Fields::of(&row))
        })
    }

    fn delete_alert_rule(&self, id: AlertRuleId) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            tx.execute("DELETE FROM alert_states WHERE rule_id = $1", &[&id.0]).await?;
            met(tx.execute("DELETE FROM alert_rules WHERE id = $1", &[&id.0]).await?)?;
            tx.commit().await
        })
    }

    fn alert_channels(&self) -> StoreFuture<'_, Vec<Channel>> {
        self.answer(async {
            let rows = self.inner.pool.lend().await?.query(CHANNELS, &[]).await?;
            collect(&rows, |row| read_channel(row, &self.inner.vault))
        })
    }

    fn insert_alert_channel(&self, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let id = ChannelId(tx.one(INSERT_CHANNEL, &[&now.as_millis()]).await?.try_get(0)?);
            let channel = put_channel(&tx, &self.inner.vault, id, &spec, now).await?;
            tx.commit().await?;
            Ok(channel)
        })
    }

    fn update_alert_channel(&self, id: ChannelId, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel> {
        self.answer(async move { put_channel(&self.inner.pool.lend().await?, &self.inner.vault, id, &spec, now).await })
    }

    fn delete_alert_channel(&self, id: ChannelId, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            tx.execute(GIVE_UP, &[&id.0, &now.as_millis()]).await?;
            met(tx.execute("DELETE FROM alert_channels WHERE id = $1", &[&id.0]).await?)?;
            tx.commit().await
        })
    }

    fn alert_states(&self) -> StoreFuture<'_, Vec<AlertState>> {
        self.answer(async { collect(&self.inner.pool.lend().await?.query(STATES, &[]).await?, read_state) })
    }

    fn note_alerts(&self, notes: AlertNotes, now: Timestamp) -> StoreFuture<'_, Vec<DeliveryId>> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            let ids = note(&tx, &notes, now).await?;
            tx.commit().await?;
            Ok(ids)
        })
    }

    fn alert_events(&self, rule: Option<AlertRuleId>, page: Page) -> StoreFuture<'_, Vec<StoredAlertEvent>> {
        self.answer(async move {
            let (before, rule) = (page.before.unwrap_or(i64::MAX), rule.map(|rule| rule.0));
            let lent = self.inner.pool.lend().await?;
            collect(&lent.query(EVENTS, &[&before, &rule, &i64::from(page.limit)]).await?, read_event)
        })
    }

    fn alert_deliveries(&self, channel: Option<ChannelId>, page: Page) -> StoreFuture<'_, Vec<StoredDelivery>> {
        self.answer(async move {
            let (before, channel) = (page.before.unwrap_or(i64::MAX), channel.map(|channel| channel.0));
            let lent = self.inner.pool.lend().await?;
            collect(&lent.query(DELIVERIES, &[&before, &channel, &i64::from(page.limit)]).await?, read_delivery)
        })
    }

    fn due_deliveries(&self, now: Timestamp, limit: u32) -> StoreFuture<'_, Vec<StoredDelivery>> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            collect(&lent.query(DUE, &[&now.as_millis(), &i64::from(limit)]).await?, read_delivery)
        })
    }

    fn claim_delivery(&self, id: DeliveryId, tries: u32, next_at: Timestamp, now: Timestamp) -> StoreFuture<'_, bool> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            let values: [&(dyn ToSql + Sync); 4] = [&id.0, &i64::from(tries), &next_at.as_millis(), &now.as_millis()];
            Ok(lent.execute(CLAIM, &values).await? == 1)
        })
    }

    fn settle_delivery(&self, id: DeliveryId, end: DeliveryEnd, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let DeliveryEnd { state, next_at, detail } = end;
            let (next_at, detail) = (next_at.map(Timestamp::as_millis), detail.as_deref().map(text));
            let lent = self.inner.pool.lend().await?;
            met(lent.execute(SETTLE, &[&id.0, &state.as_str(), &next_at, &detail, &now.as_millis()]).await?)
        })
    }

    fn lead_alerts(&self) -> StoreFuture<'_, bool> {
        self.answer(async {
            let lent = self.inner.pool.lend().await?;
            let leads: Vec<String> = firsts(&lent.query(LEAD, &[&self.inner.node.name(), &LEASE_MS]).await?)?;
            Ok(!leads.is_empty())
        })
    }

    fn node(&self) -> &str {
        self.inner.node.name()
    }
}

async fn put_channel(
    lent: &Lent,
    vault: &Vault,
    id: ChannelId,
    spec: &ChannelSpec,
    now: Timestamp,
) -> Result<Channel, Failure> {
    let (shown, sealed) = (json(&ShownChannel::of(spec))?, stored::seal(vault, id, spec)?);
    let row = lent.one(UPDATE_CHANNEL, &[&id.0, &now.as_millis(), &shown, &sealed]).await?;
    read_channel(&mut Fields::of(&row), vault)
}

async fn note(tx: &Lent, notes: &AlertNotes, now: Timestamp) -> Result<Vec<DeliveryId>, Failure> {
    let AlertNotes { events, kept, gone, deliveries } = notes;
    for event in events {
        put_event(tx, event, now).await?;
    }
    for (rule, subject) in gone {
        let remove = "DELETE FROM alert_states WHERE rule_id = $1 AND subject = $2";
        tx.execute(remove, &[&rule.0, &text(subject)]).await?;
    }
    for state in kept {
        put_state(tx, state, now).await?;
    }
    let mut ids = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        ids.push(put_delivery(tx, delivery, now).await?);
    }
    tx.execute(OLD_EVENTS, &[&int(MOST_KEPT as u64)]).await?;
    tx.execute(OLD_DELIVERIES, &[&int(MOST_KEPT as u64)]).await?;
    Ok(ids)
}

async fn put_event(tx: &Lent, event: &AlertEvent, now: Timestamp) -> Result<(), Failure> {
    let AlertEvent { rule, rule_name, kind, severity, event, subject, since, detail, quiet } = event;
    let values: [&(dyn ToSql + Sync); 11] = [
        &now.as_millis(),
        &rule.0,
        &text(rule_name),
        &kind.as_str(),
        &severity.as_str(),
        &event.as_str(),
        &text(&subject.id),
        &text(&subject.name),
        &since.as_millis(),
        &text(detail),
        quiet,
    ];
    tx.execute(PUT_EVENT, &values).await.map(drop)
}

async fn put_state(tx: &Lent, state: &AlertState, now: Timestamp) -> Result<(), Failure> {
    let AlertState { rule, subject, phase, since, told_at, detail } = state;
    let values: [&(dyn ToSql + Sync); 8] = [
        &rule.0,
        &text(&subject.id),
        &since.as_millis(),
        &now.as_millis(),
        &text(&subject.name),
        &phase.as_str(),
        &told_at.map(Timestamp::as_millis),
        &text(detail),
    ];
    tx.execute(PUT_STATE, &values).await.map(drop)
}

async fn put_delivery(tx: &Lent, delivery: &NewDelivery, now: Timestamp) -> Result<DeliveryId, Failure> {
    let NewDelivery { channel, channel_name, message, next_at } = delivery;
    let values: [&(dyn ToSql + Sync); 5] =
        [&now.as_millis(), &channel.0, &text(channel_name), &json(message)?, &next_at.as_millis()];
    Ok(DeliveryId(tx.one(PUT_DELIVERY, &values).await?.try_get(0)?))
}

fn read_rule(row: &mut Fields<'_>) -> Result<AlertRule, Failure> {
    Ok(AlertRule {
        id: AlertRuleId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        spec: row.json()?,
    })
}

fn read_channel(row: &mut Fields<'_>, vault: &Vault) -> Result<Channel, Failure> {
    let id = ChannelId(row.take()?);
    let (create_time, update_time) = (row.time()?, row.time()?);
    let shown: ShownChannel = row.json()?;
    let sealed = row.take::<Option<Vec<u8>>>()?;
    Ok(Channel { id, create_time, update_time, spec: shown.opened(vault, id, sealed.as_deref())? })
}

fn read_state(row: &mut Fields<'_>) -> Result<AlertState, Failure> {
    Ok(AlertState {
        rule: AlertRuleId(row.take()?),
        subject: Subject { id: row.take()?, name: row.take()? },
        phase: stored::phase(row.take()?)?,
        since: row.time()?,
        told_at: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
        detail: row.take()?,
    })
}

fn read_event(row: &mut Fields<'_>) -> Result<StoredAlertEvent, Failure> {
    Ok(StoredAlertEvent {
        id: row.take()?,
        create_time: row.time()?,
        event: AlertEvent {
            rule: AlertRuleId(row.take()?),
            rule_name: row.take()?,
            kind: stored::alert_kind(row.take()?)?,
            severity: stored::severity(row.take()?)?,
            event: stored::event_kind(row.take()?)?,
            subject: Subject { id: row.take()?, name: row.take()? },
            since: row.time()?,
            detail: row.take()?,
            quiet: row.take()?,
        },
    })
}

fn read_delivery(row: &mut Fields<'_>) -> Result<StoredDelivery, Failure> {
    Ok(StoredDelivery {
        id: DeliveryId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        channel: ChannelId(row.take()?),
        channel_name: row.take()?,
        message: row.json()?,
        state: stored::delivery_state(row.take()?)?,
        tries: row.number()?,
        next_at: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
        detail: row.take()?,
    })
}
