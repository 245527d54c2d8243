//! Groups of client tokens as rows of `token_groups`.

use tokio_postgres::types::ToSql;

use super::{
    Failure,
    fields::{Fields, collect, json, met, text},
    pool::Lent,
};
use crate::{
    caller::{GroupSpec, TokenGroup},
    id::GroupId,
    keys::Caps,
    store::StoreError,
    time::Timestamp,
};

macro_rules! columns {
    () => {
        "id, create_time, update_time, name, rpm, tpm, concurrency, budget::text, memo"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM token_groups ORDER BY id");

// Numbered as below: the same values are bound to both. The first is the row, which a new one does not have yet.
const INSERT: &str = concat!(
    "INSERT INTO token_groups (create_time, update_time, name, rpm, tpm, concurrency, budget, memo) ",
    "SELECT $2, $2, $3, $4, $5, $6, $7::text::jsonb, $8 WHERE $1::int8 IS NULL RETURNING ",
    columns!()
);

const UPDATE: &str = concat!(
    "UPDATE token_groups SET update_time = $2, name = $3, rpm = $4, tpm = $5, concurrency = $6, ",
    "budget = $7::text::jsonb, memo = $8 WHERE id = $1 RETURNING ",
    columns!()
);

const MEMBERS: &str = "SELECT EXISTS (SELECT 1 FROM client_tokens WHERE group_id = $1)";

pub(super) async fn load(tx: &Lent) -> Result<Vec<TokenGroup>, Failure> {
    collect(&tx.query(ALL, &[]).await?, read)
}

pub(super) async fn insert(tx: &Lent, spec: &GroupSpec, now: Timestamp) -> Result<TokenGroup, Failure> {
    write(tx, INSERT, None, spec, now).await
}

pub(super) async fn update(tx: &Lent, id: GroupId, spec: &GroupSpec, now: Timestamp) -> Result<TokenGroup, Failure> {
    write(tx, UPDATE, Some(id.0), spec, now).await
}

/// No token can join a group that is about to go: joining asks for the row of the group.
pub(super) async fn delete(tx: &Lent, id: GroupId) -> Result<(), Failure> {
    met(tx.execute("DELETE FROM token_groups WHERE id = $1", &[&id.0]).await?)?;
    match tx.one(MEMBERS, &[&id.0]).await?.try_get(0)? {
        true => Err(StoreError::Conflict { what: "a client token of this group".into() }.into()),
        false => Ok(()),
    }
}

async fn write(
    tx: &Lent,
    statement: &'static str,
    id: Option<i64>,
    spec: &GroupSpec,
    now: Timestamp,
) -> Result<TokenGroup, Failure> {
    let Caps { rpm, tpm, concurrency } = spec.limits;
    let (rpm, tpm, concurrency) = (rpm.map(i64::from), tpm.map(i64::from), concurrency.map(i64::from));
    let budget = spec.budget.as_ref().map(json).transpose()?;
    let values: [&(dyn ToSql + Sync); 8] =
        [&id, &now.as_millis(), &text(&spec.name), &rpm, &tpm, &concurrency, &budget, &text(&spec.memo)];
    read(&mut Fields::of(&tx.one(statement, &values).await?))
}

fn read(row: &mut Fields<'_>) -> Result<TokenGroup, Failure> {
    Ok(TokenGroup {
        id: GroupId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        spec: GroupSpec {
            name: row.take()?,
            limits: Caps { rpm: row.maybe_number()?, tpm: row.maybe_number()?, concurrency: row.maybe_number()? },
            budget: row.maybe_json()?,
            memo: row.take()?,
        },
    })
}
