//! The fitness of keys as rows of `api_key_health` and `api_key_health_events`.
//!
//! What is kept is what was reported last, by whichever node. To the others it is a hint, which they hear of as they hear of
//! changes of the configuration.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_postgres::types::ToSql;

use super::{
    Failure, PostgresStore,
    config::announce,
    fields::{Fields, collect, int, text},
    pool::Lent,
};
use crate::{
    id::KeyId,
    keys::{HealthEvent, KeptHealth, KeptTrouble, KeyState, Report, Subject},
    store::{HealthStore, KEPT_FOR_MS, MOST_EVENTS, Page, StoreFuture, StoredHealthEvent, stored},
    time::Timestamp,
};

// Two nodes that report on one account at the same time would both write its rows.
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 1095585872))";

const INSERT_TROUBLE: &str = "
    INSERT INTO api_key_health
        (create_time, update_time, subject, key_id, model, state, left_ms, reason, failures, refused, on_trial)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const TROUBLES: &str = r#"
    SELECT subject, key_id, update_time, model, state, create_time, left_ms, reason, failures, refused, on_trial
    FROM api_key_health ORDER BY subject COLLATE "C", id"#;

const INSERT_EVENT: &str = "
    INSERT INTO api_key_health_events
        (create_time, update_time, subject, key_id, model, state, until, reason, times)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const GO_ON: &str =
    "UPDATE api_key_health_events SET update_time = $2, until = $3, reason = $4, times = $5 WHERE id = $1";

macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT id, subject, model, state, create_time, update_time, until, reason, times ",
            "FROM api_key_health_events ",
            $rest
        )
    };
}

const NEWEST: &str = events!("WHERE subject = $1 AND model IS NOT DISTINCT FROM $2 ORDER BY id DESC LIMIT 1");
const EVENTS: &str = events!("WHERE subject = ANY($1) AND id < $2 ORDER BY id DESC LIMIT $3");

const SURPLUS: &str = "
    DELETE FROM api_key_health_events WHERE subject = $1 AND id <=
        (SELECT id FROM api_key_health_events WHERE subject = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";

impl HealthStore for PostgresStore {
    fn put_health(&self, reports: Arc<[Report]>, now: Timestamp) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            // In one order, so that no two nodes wait for each other.
            let mut sorted: Vec<_> = reports.iter().collect();
            sorted.sort_by(|a, b| a.subject.name.cmp(&b.subject.name));
            for report in sorted {
                put(&tx, report, now).await?;
            }
            announce(&tx).await?;
            tx.commit().await
        })
    }

    fn health(&self, now: Timestamp) -> StoreFuture<'_, Vec<KeptHealth>> {
        self.answer(async move {
            let old = now.plus_millis(-KEPT_FOR_MS).as_millis();
            let tx = self.inner.pool.begin().await?;
            tx.execute("DELETE FROM api_key_health WHERE update_time + left_ms < $1", &[&old]).await?;
            tx.execute("DELETE FROM api_key_health_events WHERE update_time < $1", &[&old]).await?;
            let rows = collect(&tx.query(TROUBLES, &[]).await?, read_trouble)?;
            tx.commit().await?;
            Ok(stored::by_subject(rows))
        })
    }

    fn health_news(&self) -> Option<watch::Receiver<i64>> {
        Some(self.health.clone())
    }

    fn troubles(&self) -> StoreFuture<'_, Vec<KeptHealth>> {
        self.answer(async move {
            let rows = collect(&self.inner.pool.lend().await?.query(TROUBLES, &[]).await?, read_trouble)?;
            Ok(stored::by_subject(rows))
        })
    }

    fn health_events(&self, subjects: Vec<Arc<str>>, page: Page) -> StoreFuture<'_, Vec<StoredHealthEvent>> {
        self.answer(async move {
            let names: Vec<_> = subjects.iter().map(|name| text(name)).collect();
            let (before, limit) = (page.before.unwrap_or(i64::MAX), i64::from(page.limit));
            let lent = self.inner.pool.lend().await?;
            collect(&lent.query(EVENTS, &[&names, &before, &limit]).await?, read_event)
        })
    }
}

async fn put(tx: &Lent, report: &Report, now: Timestamp) -> Result<(), Failure> {
    let Report { subject, troubles, events } = report;
    let name = text(&subject.name);
    tx.query(ONE_AT_A_TIME, &[&name]).await?;
    tx.execute("DELETE FROM api_key_health WHERE subject = $1", &[&name]).await?;
    for trouble in troubles {
        insert_trouble(tx, subject, trouble, now).await?;
    }
    for event in events {
        put_event(tx, subject, event).await?;
    }
    if !events.is_empty() {
        tx.execute(SURPLUS, &[&name, &int(MOST_EVENTS as u64)]).await?;
    }
    Ok(())
}

async fn insert_trouble(tx: &Lent, subject: &Subject, trouble: &KeptTrouble, now: Timestamp) -> Result<(), Failure> {
    let KeptTrouble { model, state, since, left, reason, failures, refused, on_trial } = trouble;
    let left_ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    let values: [&(dyn ToSql + Sync); 11] = [
        &since.as_millis(),
        &now.as_millis(),
        &text(&subject.name),
        &subject.key.map(|key| key.0),
        &model.as_deref().map(text),
        &state.as_str(),
        &left_ms,
        &text(reason),
        &i64::from(*failures),
        refused,
        on_trial,
    ];
    tx.execute(INSERT_TROUBLE, &values).await.map(drop)
}

async fn put_event(tx: &Lent, subject: &Subject, event: &HealthEvent) -> Result<(), Failure> {
    let newest = tx.query(NEWEST, &[&text(&subject.name), &event.model.as_deref().map(text)]).await?;
    let newest = collect(&newest, read_event)?.pop();
    let Some(mut newest) = newest.filter(|newest| newest.event.is_continued_by(event)) else {
        return insert_event(tx, subject, event).await;
    };
    newest.event.go_on(event.clone());
    let HealthEvent { last, until, reason, times, .. } = newest.event;
    let (until, times) = (until.map(Timestamp::as_millis), i64::from(times));
    tx.execute(GO_ON, &[&newest.id, &last.as_millis(), &until, &text(&reason), &times]).await.map(drop)
}

async fn insert_event(tx: &Lent, subject: &Subject, event: &HealthEvent) -> Result<(), Failure> {
    let HealthEvent { model, state, at, last, until, reason, times } = event;
    let values: [&(dyn ToSql + Sync); 9] = [
        &at.as_millis(),
        &last.as_millis(),
        &text(&subject.name),
        &subject.key.map(|key| key.0),
        &model.as_deref().map(text),
        &state.as_str(),
        &until.map(Timestamp::as_millis),
        &text(reason),
        &i64::from(*times),
    ];
    tx.execute(INSERT_EVENT, &values).await.map(drop)
}

/// What is kept of a key goes with it.
pub(super) async fn forget(tx: &Lent, key: KeyId) -> Result<(), Failure> {
    tx.execute("DELETE FROM api_key_health WHERE key_id = $1", &[&key.0]).await?;
    tx.execute("DELETE FROM api_key_health_events WHERE key_id = $1", &[&key.0]).await.map(drop)
}

fn read_trouble(row: &mut Fields<'_>) -> Result<(Subject, Timestamp, KeptTrouble), Failure> {
    let name = row.take::<&str>()?.into();
    let subject = Subject { name, key: row.take::<Option<_>>()?.map(KeyId) };
    let at = row.time()?;
    let trouble = KeptTrouble {
        model: row.take()?,
        state: state(row)?,
        since: row.time()?,
        left: std::time::Duration::from_millis(row.number()?),
        reason: row.take()?,
        failures: row.number()?,
        refused: row.take()?,
        on_trial: row.take()?,
    };
    Ok((subject, at, trouble))
}

fn read_event(row: &mut Fields<'_>) -> Result<StoredHealthEvent, Failure> {
    Ok(StoredHealthEvent {
        id: row.take()?,
        subject: row.take::<&str>()?.into(),
        event: HealthEvent {
            model: row.take()?,
            state: state(row)?,
            at: row.time()?,
            last: row.time()?,
            until: row.take::<Option<_>>()?.map(Timestamp::from_millis),
            reason: row.take()?,
            times: row.number()?,
        },
    })
}

fn state(row: &mut Fields<'_>) -> Result<KeyState, Failure> {
    Ok(stored::key_state(row.take()?)?)
}
