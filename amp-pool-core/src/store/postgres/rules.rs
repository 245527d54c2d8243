//! Rules of operators as rows of `verdict_rules`.

use tokio_postgres::types::ToSql;

use super::{
    Failure,
    fields::{Fields, collect, json, met, text},
    pool::Lent,
};
use crate::{
    classify::{OwnRule, RuleSpec},
    id::RuleId,
    store::StoreError,
    time::Timestamp,
};

const ALL: &str = "
    SELECT id, create_time, update_time, name, provider, enabled, position, rule::text FROM verdict_rules ORDER BY id";

const INSERT: &str = "
    INSERT INTO verdict_rules (create_time, update_time, name, provider, enabled, position, rule)
    VALUES ($1, $1, $2, $3, $4, $5, $6::text::jsonb)
    RETURNING id, create_time, update_time, name, provider, enabled, position, rule::text";

const UPDATE: &str = "
    UPDATE verdict_rules
    SET update_time = $1, name = $2, provider = $3, enabled = $4, position = $5, rule = $6::text::jsonb
    WHERE id = $7
    RETURNING id, create_time, update_time, name, provider, enabled, position, rule::text";

pub(super) async fn load(tx: &Lent) -> Result<Vec<OwnRule>, Failure> {
    collect(&tx.query(ALL, &[]).await?, read)
}

pub(super) async fn insert(tx: &Lent, spec: &RuleSpec, now: Timestamp) -> Result<OwnRule, Failure> {
    write(tx, INSERT, spec, now, None).await
}

pub(super) async fn update(tx: &Lent, id: RuleId, spec: &RuleSpec, now: Timestamp) -> Result<OwnRule, Failure> {
    write(tx, UPDATE, spec, now, Some(id)).await
}

async fn write(
    tx: &Lent,
    sql: &'static str,
    spec: &RuleSpec,
    now: Timestamp,
    id: Option<RuleId>,
) -> Result<OwnRule, Failure> {
    let RuleSpec { name, provider, enabled, position, rule } = spec;
    let (now, name, provider) = (now.as_millis(), text(name), provider.as_deref().map(text));
    let (position, rule, id) = (i64::from(*position), json(rule)?, id.map(|id| id.0));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&now, &name, &provider, enabled, &position, &rule];
    values.extend(id.as_ref().map(|id| id as &(dyn ToSql + Sync)));
    collect(&tx.query(sql, &values).await?, read)?.pop().ok_or(StoreError::NotFound.into())
}

pub(super) async fn delete(tx: &Lent, id: RuleId) -> Result<(), Failure> {
    met(tx.execute("DELETE FROM verdict_rules WHERE id = $1", &[&id.0]).await?)
}

fn read(row: &mut Fields<'_>) -> Result<OwnRule, Failure> {
    Ok(OwnRule {
        id: RuleId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        spec: RuleSpec {
            name: row.take()?,
            provider: row.take()?,
            enabled: row.take()?,
            position: row.number()?,
            rule: row.json()?,
        },
    })
}
