//! Routes as rows of `routes`.

use rusqlite::{Transaction, params};

use super::{
    Failure,
    fields::{Fields, collect, json, one, single},
};
use crate::{
    id::RouteId,
    route::{Route, RouteSpec},
    store::stored::Candidate,
    time::Timestamp,
};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, create_time, update_time, model, candidates, translation, strategy FROM routes ", $rest)
    };
}

const ALL: &str = select!("ORDER BY id");
const ONE: &str = select!("WHERE id = ?1");

pub(super) fn load(tx: &Transaction<'_>) -> Result<Vec<Route>, Failure> {
    collect(tx, ALL, &[], read)
}

pub(super) fn insert(tx: &Transaction<'_>, spec: &RouteSpec, now: Timestamp) -> Result<Route, Failure> {
    let insert = "INSERT INTO routes (create_time, update_time, model, candidates, translation, strategy)
         VALUES (?1, ?1, ?2, ?3, ?4, ?5)";
    let strategy = spec.strategy.as_str();
    tx.execute(insert, params![now.as_millis(), spec.model, candidates(spec)?, json(&spec.translation)?, strategy])?;
    get(tx, RouteId(tx.last_insert_rowid()))
}

pub(super) fn update(tx: &Transaction<'_>, id: RouteId, spec: &RouteSpec, now: Timestamp) -> Result<Route, Failure> {
    let update = "
        UPDATE routes SET update_time = ?2, model = ?3, candidates = ?4, translation = ?5, strategy = ?6 WHERE id = ?1";
    let (strategy, translation) = (spec.strategy.as_str(), json(&spec.translation)?);
    one(tx.execute(update, params![id.0, now.as_millis(), spec.model, candidates(spec)?, translation, strategy])?)?;
    get(tx, id)
}

pub(super) fn delete(tx: &Transaction<'_>, id: RouteId) -> Result<(), Failure> {
    one(tx.execute("DELETE FROM routes WHERE id = ?1", [id.0])?)
}

fn get(tx: &Transaction<'_>, id: RouteId) -> Result<Route, Failure> {
    single(tx, ONE, &[&id.0], read)
}

fn read(row: &mut Fields<'_>) -> Result<Route, Failure> {
    Ok(Route {
        id: RouteId(row.take()?),
        create_time: row.time()?,
        update_time: row.time()?,
        spec: RouteSpec {
            model: row.take()?,
            candidates: row.json::<Vec<Candidate>>()?.into_iter().map(Candidate::into_route).collect(),
            translation: row.json()?,
            strategy: row.take::<String>()?.parse().map_err(Failure::corrupt)?,
        },
    })
}

fn candidates(spec: &RouteSpec) -> Result<String, Failure> {
    json(&spec.candidates.iter().map(Candidate::of).collect::<Vec<_>>())
}
