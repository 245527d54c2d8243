//! Groups of client tokens as rows of `token_groups`.

use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, json, one, single},
};
use crate::{
    caller::{GroupSpec, TokenGroup},
    id::GroupId,
    keys::Caps,
    store::StoreError,
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, create_time, update_time, name, rpm, tpm, concurrency, budget, memo FROM token_groups ",
            $rest
        )
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE id = ?1");

const INSERT: &str = "
    INSERT INTO token_groups (create_time, update_time, name, rpm, tpm, concurrency, budget, memo)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const UPDATE: &str = "
    UPDATE token_groups SET update_time = ?1, name = ?2, rpm = ?3, tpm = ?4, concurrency = ?5, budget = ?6, memo = ?7
    WHERE id = ?8";

pub(super) fn load(tx: &Transaction<'_>) -> Result<Vec<TokenGroup>, Failure> {
    collect(tx, ALL, &[], read)
}

pub(super) fn insert(tx: &Transaction<'_>, spec: &GroupSpec, now: Timestamp) -> Result<TokenGroup, Failure> {
    let GroupSpec { name, limits: Caps { rpm, tpm, concurrency }, budget, memo } = spec;
    let budget = budget.as_ref().map(json).transpose()?;
    tx.execute(INSERT, params![now.as_millis(), name, rpm, tpm, concurrency, budget, memo])?;
    get(tx, GroupId(tx.last_insert_rowid()))
}

pub(super) fn update(
    tx: &Transaction<'_>,
    id: GroupId,
    spec: &GroupSpec,
    now: Timestamp,
) -> Result<TokenGroup, Failure> {
    let GroupSpec { name, limits: Caps { rpm, tpm, concurrency }, budget, memo } = spec;
    let budget = budget.as_ref().map(json).transpose()?;
    one(tx.execute(UPDATE, params![now.as_millis(), name, rpm, tpm, concurrency, budget, memo, id.0])?)?;
    get(tx, id)
}

pub(super) fn delete(tx: &Transaction<'_>, id: GroupId) -> Result<(), Failure> {
    let members = "SELECT count(*) FROM client_tokens WHERE group_id = ?1";
    if tx.query_row(members, [id.0], |row| row.get::<_, i64>(0))? > 0 {
        return Err(StoreError::Conflict { what: "a client token of this group".into() }.into());
    }
    one(tx.execute("DELETE FROM token_groups WHERE id = ?1", [id.0])?)
}

fn get(tx: &Transaction<'_>, id: GroupId) -> Result<TokenGroup, Failure> {
    single(tx, ONE, &[&id.0], read)
}

fn read(row: &mut Fields<'_>) -> Result<TokenGroup, Failure> {
    Ok(TokenGroup {
        id: GroupId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        spec: GroupSpec {
            name: row.take()?,
            limits: Caps { rpm: row.take()?, tpm: row.take()?, concurrency: row.take()? },
            budget: row.maybe_json()?,
            memo: row.take()?,
        },
    })
}
