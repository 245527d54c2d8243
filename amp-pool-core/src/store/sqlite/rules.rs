//! Rules of operators as rows of `verdict_rules`.

use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, json, one, single},
};
use crate::{
    classify::{OwnRule, RuleSpec},
    id::RuleId,
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, create_time, update_time, name, provider, enabled, position, rule FROM verdict_rules ",
            $rest
        )
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE id = ?1");

pub(super) fn load(tx: &Transaction<'_>) -> Result<Vec<OwnRule>, Failure> {
    collect(tx, ALL, &[], read)
}

pub(super) fn insert(tx: &Transaction<'_>, spec: &RuleSpec, now: Timestamp) -> Result<OwnRule, Failure> {
    let insert = "INSERT INTO verdict_rules (create_time, update_time, name, provider, enabled, position, rule)
         VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6)";
    let RuleSpec { name, provider, enabled, position, rule } = spec;
    tx.execute(insert, params![now.as_millis(), name, provider, enabled, position, json(rule)?])?;
    get(tx, RuleId(tx.last_insert_rowid()))
}

pub(super) fn update(tx: &Transaction<'_>, id: RuleId, spec: &RuleSpec, now: Timestamp) -> Result<OwnRule, Failure> {
    let update = "
        UPDATE verdict_rules SET update_time = ?2, name = ?3, provider = ?4, enabled = ?5, position = ?6, rule = ?7
        WHERE id = ?1";
    let RuleSpec { name, provider, enabled, position, rule } = spec;
    one(tx.execute(update, params![id.0, now.as_millis(), name, provider, enabled, position, json(rule)?])?)?;
    get(tx, id)
}

pub(super) fn delete(tx: &Transaction<'_>, id: RuleId) -> Result<(), Failure> {
    one(tx.execute("DELETE FROM verdict_rules WHERE id = ?1", [id.0])?)
}

fn get(tx: &Transaction<'_>, id: RuleId) -> Result<OwnRule, Failure> {
    single(tx, ONE, &[&id.0], read)
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
            position: row.take()?,
            rule: row.json()?,
        },
    })
}
