//! Alerts as rows of `alert_rules`, `alert_channels`, `alert_states`, `alert_events` and `alert_deliveries`.

use std::sync::Arc;

use rusqlite::{Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect, int, json, one, single},
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

const RULES: &str = "SELECT id, create_time, update_time, spec FROM alert_rules ORDER BY id";
const RULE: &str = "SELECT id, create_time, update_time, spec FROM alert_rules WHERE id = ?1";
const CHANNELS: &str = "SELECT id, create_time, update_time, spec, secrets FROM alert_channels ORDER BY id";
const CHANNEL: &str = "SELECT id, create_time, update_time, spec, secrets FROM alert_channels WHERE id = ?1";

const STATES: &str =
    "SELECT rule_id, subject, name, phase, create_time, told_at, detail FROM alert_states ORDER BY rule_id, subject";
const PUT_STATE: &str = "
    INSERT INTO alert_states (rule_id, subject, create_time, update_time, name, phase, told_at, detail)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (rule_id, subject) DO UPDATE SET create_time = ?3, update_time = ?4, name = ?5, phase = ?6,
        told_at = ?7, detail = ?8";

const PUT_EVENT: &str = "
    INSERT INTO alert_events (create_time, update_time, rule_id, rule_name, kind, severity, event, subject,
        subject_name, since, detail, quiet)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const EVENTS: &str = "
    SELECT id, create_time, rule_id, rule_name, kind, severity, event, subject, subject_name, since, detail, quiet
    FROM alert_events WHERE id < ?1 AND (?2 IS NULL OR rule_id = ?2) ORDER BY id DESC LIMIT ?3";
const OLD_EVENTS: &str = "DELETE FROM alert_events WHERE id <= (SELECT max(id) FROM alert_events) - ?1";

macro_rules! deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT id, create_time, update_time, channel_id, channel_name, message, state, tries, next_at, detail ",
            "FROM alert_deliveries ",
            $rest
        )
    };
}

const PUT_DELIVERY: &str = "
    INSERT INTO alert_deliveries (create_time, update_time, channel_id, channel_name, message, state, tries, next_at)
    VALUES (?1, ?1, ?2, ?3, ?4, 'pending', 0, ?5)";
const DELIVERIES: &str = deliveries!("WHERE id < ?1 AND (?2 IS NULL OR channel_id = ?2) ORDER BY id DESC LIMIT ?3");
const DUE: &str = deliveries!("WHERE state = 'pending' AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2");
const CLAIM: &str = "
    UPDATE alert_deliveries SET tries = tries + 1, update_time = ?4, next_at = ?3
    WHERE id = ?1 AND tries = ?2 AND state = 'pending'";
const SETTLE: &str =
    "UPDATE alert_deliveries SET state = ?2, next_at = ?3, detail = ?4, update_time = ?5 WHERE id = ?1";
const GIVE_UP: &str = "
    UPDATE alert_deliveries SET state = 'failed', next_at = NULL, update_time = ?2, detail = 'the channel was removed'
    WHERE channel_id = ?1 AND state = 'pending'";
const OLD_DELIVERIES: &str =
    "DELETE FROM alert_deliveries WHERE id <= (SELECT max(id) FROM alert_deliveries) - ?1 AND state <> 'pending'";

impl AlertStore for SqliteStore {
    fn alert_rules(&self) -> StoreFuture<'_, Vec<AlertRule>> {
        self.read(|tx| collect(tx, RULES, &[], read_rule))
    }

    fn insert_alert_rule(&self, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule> {
        self.write(move |tx| {
            let insert = "INSERT INTO alert_rules (create_time, update_time, spec) VALUES (?1, ?1, ?2)";
            tx.execute(insert, params![now.as_millis(), json(&spec)?])?;
            single(tx, RULE, &[&tx.last_insert_rowid()], read_rule)
        })
    }

    fn update_alert_rule(&self, id: AlertRuleId, spec: AlertRuleSpec, now: Timestamp) -> StoreFuture<'_, AlertRule> {
        self.write(move |tx| {
            let update = "UPDATE alert_rules SET update_time = ?2, spec = ?3 WHERE id = ?1";
            one(tx.execute(update, params![id.0, now.as_millis(), json(&spec)?])?)?;
            single(tx, RULE, &[&id.0], read_rule)
        })
    }

    fn delete_alert_rule(&self, id: AlertRuleId) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            tx.execute("DELETE FROM alert_states WHERE rule_id = ?1", [id.0])?;
            one(tx.execute("DELETE FROM alert_rules WHERE id = ?1", [id.0])?)
        })
    }

    fn alert_channels(&self) -> StoreFuture<'_, Vec<Channel>> {
        let vault = Arc::clone(&self.vault);
        self.read(move |tx| collect(tx, CHANNELS, &[], |row| read_channel(row, &vault)))
    }

    fn insert_alert_channel(&self, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel> {
        let vault = Arc::clone(&self.vault);
        self.write(move |tx| {
            let insert = "INSERT INTO alert_channels (create_time, update_time, spec) VALUES (?1, ?1, '{}')";
            tx.execute(insert, [now.as_millis()])?;
            put_channel(tx, &vault, ChannelId(tx.last_insert_rowid()), &spec, now)
        })
    }

    fn update_alert_channel(&self, id: ChannelId, spec: ChannelSpec, now: Timestamp) -> StoreFuture<'_, Channel> {
        let vault = Arc::clone(&self.vault);
        self.write(move |tx| put_channel(tx, &vault, id, &spec, now))
    }

    fn delete_alert_channel(&self, id: ChannelId, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            tx.execute(GIVE_UP, params![id.0, now.as_millis()])?;
            one(tx.execute("DELETE FROM alert_channels WHERE id = ?1", [id.0])?)
        })
    }

    fn alert_states(&self) -> StoreFuture<'_, Vec<AlertState>> {
        self.read(|tx| collect(tx, STATES, &[], read_state))
    }

    fn note_alerts(&self, notes: AlertNotes, now: Timestamp) -> StoreFuture<'_, Vec<DeliveryId>> {
        self.write(move |tx| note(tx, &notes, now))
    }

    fn alert_events(&self, rule: Option<AlertRuleId>, page: Page) -> StoreFuture<'_, Vec<StoredAlertEvent>> {
        self.read(move |tx| {
            let before = page.before.unwrap_or(i64::MAX);
            collect(tx, EVENTS, &[&before, &rule.map(|rule| rule.0), &page.limit], read_event)
        })
    }

    fn alert_deliveries(&self, channel: Option<ChannelId>, page: Page) -> StoreFuture<'_, Vec<StoredDelivery>> {
        self.read(move |tx| {
            let before = page.before.unwrap_or(i64::MAX);
            collect(tx, DELIVERIES, &[&before, &channel.map(|channel| channel.0), &page.limit], read_delivery)
        })
    }

    fn due_deliveries(&self, now: Timestamp, limit: u32) -> StoreFuture<'_, Vec<StoredDelivery>> {
        self.read(move |tx| collect(tx, DUE, &[&now.as_millis(), &limit], read_delivery))
    }

    fn claim_delivery(&self, id: DeliveryId, tries: u32, next_at: Timestamp, now: Timestamp) -> StoreFuture<'_, bool> {
        self.write(move |tx| {
            let values = params![id.0, tries, next_at.as_millis(), now.as_millis()];
            Ok(tx.execute(CLAIM, values)? == 1)
        })
    }

    fn settle_delivery(&self, id: DeliveryId, end: DeliveryEnd, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            let DeliveryEnd { state, next_at, detail } = end;
            let next_at = next_at.map(Timestamp::as_millis);
            one(tx.execute(SETTLE, params![id.0, state.as_str(), next_at, detail, now.as_millis()])?)
        })
    }
}

fn put_channel(
    tx: &Transaction<'_>,
    vault: &Vault,
    id: ChannelId,
    spec: &ChannelSpec,
    now: Timestamp,
) -> Result<Channel, Failure> {
    let (shown, sealed) = (json(&ShownChannel::of(spec))?, stored::seal(vault, id, spec)?);
    let update = "UPDATE alert_channels SET update_time = ?2, spec = ?3, secrets = ?4 WHERE id = ?1";
    one(tx.execute(update, params![id.0, now.as_millis(), shown, sealed])?)?;
    single(tx, CHANNEL, &[&id.0], |row| read_channel(row, vault))
}

fn note(tx: &Transaction<'_>, notes: &AlertNotes, now: Timestamp) -> Result<Vec<DeliveryId>, Failure> {
    let AlertNotes { events, kept, gone, deliveries } = notes;
    for event in events {
        put_event(tx, event, now)?;
    }
    for (rule, subject) in gone {
        let mut remove = tx.prepare_cached("DELETE FROM alert_states WHERE rule_id = ?1 AND subject = ?2")?;
        remove.execute(params![rule.0, subject])?;
    }
    for state in kept {
        put_state(tx, state, now)?;
    }
    let put = |delivery| put_delivery(tx, delivery, now);
    let ids = deliveries.iter().map(put).collect::<Result<_, Failure>>()?;
    tx.execute(OLD_EVENTS, [int(MOST_KEPT as u64)])?;
    tx.execute(OLD_DELIVERIES, [int(MOST_KEPT as u64)])?;
    Ok(ids)
}

fn put_event(tx: &Transaction<'_>, event: &AlertEvent, now: Timestamp) -> Result<(), Failure> {
    let AlertEvent { rule, rule_name, kind, severity, event, subject, since, detail, quiet } = event;
    let values = params![
        now.as_millis(),
        rule.0,
        rule_name,
        kind.as_str(),
        severity.as_str(),
        event.as_str(),
        subject.id,
        subject.name,
        since.as_millis(),
        detail,
        quiet,
    ];
    tx.prepare_cached(PUT_EVENT)?.execute(values)?;
    Ok(())
}

fn put_state(tx: &Transaction<'_>, state: &AlertState, now: Timestamp) -> Result<(), Failure> {
    let AlertState { rule, subject, phase, since, told_at, detail } = state;
    let values = params![
        rule.0,
        subject.id,
        since.as_millis(),
        now.as_millis(),
        subject.name,
        phase.as_str(),
        told_at.map(Timestamp::as_millis),
        detail,
    ];
    tx.prepare_cached(PUT_STATE)?.execute(values)?;
    Ok(())
}

fn put_delivery(tx: &Transaction<'_>, delivery: &NewDelivery, now: Timestamp) -> Result<DeliveryId, Failure> {
    let NewDelivery { channel, channel_name, message, next_at } = delivery;
    let values = params![now.as_millis(), channel.0, channel_name, json(message)?, next_at.as_millis()];
    tx.execute(PUT_DELIVERY, values)?;
    Ok(DeliveryId(tx.last_insert_rowid()))
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
        phase: stored::phase(&row.take::<String>()?)?,
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
            kind: stored::alert_kind(&row.take::<String>()?)?,
            severity: stored::severity(&row.take::<String>()?)?,
            event: stored::event_kind(&row.take::<String>()?)?,
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
        state: stored::delivery_state(&row.take::<String>()?)?,
        tries: row.take()?,
        next_at: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
        detail: row.take()?,
    })
}
