//! The fitness of keys as rows of `api_key_health` and `api_key_health_events`.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect, int},
};
use crate::{
    id::KeyId,
    keys::{HealthEvent, KeptHealth, KeptTrouble, KeyState, Report, Subject},
    store::{HealthStore, KEPT_FOR_MS, MOST_EVENTS, Page, StoreFuture, StoredHealthEvent, stored},
    time::Timestamp,
};

const INSERT_TROUBLE: &str = "
    INSERT INTO api_key_health
        (create_time, update_time, subject, key_id, model, state, left_ms, reason, failures, refused, on_trial)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const TROUBLES: &str = "
    SELECT subject, key_id, update_time, model, state, create_time, left_ms, reason, failures, refused, on_trial
    FROM api_key_health ORDER BY subject, id";

const INSERT_EVENT: &str = "
    INSERT INTO api_key_health_events
        (create_time, update_time, subject, key_id, model, state, until, reason, times)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const GO_ON: &str =
    "UPDATE api_key_health_events SET update_time = ?2, until = ?3, reason = ?4, times = ?5 WHERE id = ?1";

macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT id, subject, model, state, create_time, update_time, until, reason, times ",
            "FROM api_key_health_events ",
            $rest
        )
    };
}

const NEWEST: &str = events!("WHERE subject = ?1 AND model IS ?2 ORDER BY id DESC LIMIT 1");
const EVENTS: &str = events!("WHERE subject = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");

const SURPLUS: &str = "
    DELETE FROM api_key_health_events WHERE subject = ?1 AND id <=
        (SELECT id FROM api_key_health_events WHERE subject = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";

impl HealthStore for SqliteStore {
    fn put_health(&self, reports: Arc<[Report]>, now: Timestamp) -> StoreFuture<'_, ()> {
        self.write(move |tx| reports.iter().try_for_each(|report| put(tx, report, now)))
    }

    fn health(&self, now: Timestamp) -> StoreFuture<'_, Vec<KeptHealth>> {
        self.write(move |tx| {
            let old = [now.plus_millis(-KEPT_FOR_MS).as_millis()];
            tx.execute("DELETE FROM api_key_health WHERE update_time + left_ms < ?1", old)?;
            tx.execute("DELETE FROM api_key_health_events WHERE update_time < ?1", old)?;
            let rows = collect(tx, TROUBLES, &[], read_trouble)?;
            Ok(stored::by_subject(rows))
        })
    }

    fn health_events(&self, subjects: Vec<Arc<str>>, page: Page) -> StoreFuture<'_, Vec<StoredHealthEvent>> {
        self.read(move |tx| {
            let (before, limit) = (page.before.unwrap_or(i64::MAX), page.limit);
            let mut found = Vec::new();
            for subject in &subjects {
                found.extend(collect(tx, EVENTS, &[&&**subject, &before, &limit], read_event)?);
            }
            found.sort_by_key(|event| std::cmp::Reverse(event.id));
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(found)
        })
    }
}

fn put(tx: &Transaction<'_>, report: &Report, now: Timestamp) -> Result<(), Failure> {
    let Report { subject, troubles, events } = report;
    tx.prepare_cached("DELETE FROM api_key_health WHERE subject = ?1")?.execute([&*subject.name])?;
    for trouble in troubles {
        insert_trouble(tx, subject, trouble, now)?;
    }
    for event in events {
        put_event(tx, subject, event)?;
    }
    if !events.is_empty() {
        tx.prepare_cached(SURPLUS)?.execute(params![&*subject.name, int(MOST_EVENTS as u64)])?;
    }
    Ok(())
}

fn insert_trouble(
    tx: &Transaction<'_>,
    subject: &Subject,
    trouble: &KeptTrouble,
    now: Timestamp,
) -> Result<(), Failure> {
    let KeptTrouble { model, state, since, left, reason, failures, refused, on_trial } = trouble;
    let left_ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    let values = params![
        since.as_millis(),
        now.as_millis(),
        &*subject.name,
        subject.key.map(|key| key.0),
        model,
        state.as_str(),
        left_ms,
        reason,
        failures,
        refused,
        on_trial,
    ];
    tx.prepare_cached(INSERT_TROUBLE)?.execute(values)?;
    Ok(())
}

fn put_event(tx: &Transaction<'_>, subject: &Subject, event: &HealthEvent) -> Result<(), Failure> {
    let mut statement = tx.prepare_cached(NEWEST)?;
    let newest = statement.query_row(params![&*subject.name, event.model], |row| Ok(read_event(&mut Fields::of(row))));
    match newest.optional()?.transpose()? {
        Some(mut newest) if newest.event.is_continued_by(event) => {
            newest.event.go_on(event.clone());
            let HealthEvent { last, until, reason, times, .. } = newest.event;
            let until = until.map(Timestamp::as_millis);
            tx.prepare_cached(GO_ON)?.execute(params![newest.id, last.as_millis(), until, reason, times])?;
        }
        _ => insert_event(tx, subject, event)?,
    }
    Ok(())
}

fn insert_event(tx: &Transaction<'_>, subject: &Subject, event: &HealthEvent) -> Result<(), Failure> {
    let HealthEvent { model, state, at, last, until, reason, times } = event;
    let values = params![
        at.as_millis(),
        last.as_millis(),
        &*subject.name,
        subject.key.map(|key| key.0),
        model,
        state.as_str(),
        until.map(Timestamp::as_millis),
        reason,
        times,
    ];
    tx.prepare_cached(INSERT_EVENT)?.execute(values)?;
    Ok(())
}

/// What is kept of a key goes with it.
pub(super) fn forget(tx: &Transaction<'_>, key: KeyId) -> Result<(), Failure> {
    tx.execute("DELETE FROM api_key_health WHERE key_id = ?1", [key.0])?;
    tx.execute("DELETE FROM api_key_health_events WHERE key_id = ?1", [key.0])?;
    Ok(())
}

fn read_trouble(row: &mut Fields<'_>) -> Result<(Subject, Timestamp, KeptTrouble), Failure> {
    let name = row.take::<String>()?.into();
    let subject = Subject { name, key: row.take::<Option<i64>>()?.map(KeyId) };
    let at = row.time()?;
    let trouble = KeptTrouble {
        model: row.take()?,
        state: state(row)?,
        since: row.time()?,
        left: std::time::Duration::from_millis(row.count()?),
        reason: row.take()?,
        failures: row.take()?,
        refused: row.take()?,
        on_trial: row.take()?,
    };
    Ok((subject, at, trouble))
}

fn read_event(row: &mut Fields<'_>) -> Result<StoredHealthEvent, Failure> {
    Ok(StoredHealthEvent {
        id: row.take()?,
        subject: row.take::<String>()?.into(),
        event: HealthEvent {
            model: row.take()?,
            state: state(row)?,
            at: row.time()?,
            last: row.time()?,
            until: row.take::<Option<i64>>()?.map(Timestamp::from_millis),
            reason: row.take()?,
            times: row.take()?,
        },
    })
}

fn state(row: &mut Fields<'_>) -> Result<KeyState, Failure> {
    Ok(stored::key_state(&row.take::<String>()?)?)
}
