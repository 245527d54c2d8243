//! Routes as rows of `routes`.

use tokio_postgres::Row;

use super::{
    Failure,
    fields::{Fields, collect, json, met, text},
    pool::Lent,
};
use crate::{
    id::RouteId,
    route::{Route, RouteSpec},
    store::stored::Candidate,
    time::Timestamp,
};

macro_rules! columns {
    () => {
        "id, create_time, update_time, model, candidates::text, translation::text, strategy"
    };
}

const ALL: &str = concat!("SELECT ", columns!(), " FROM routes ORDER BY id");

const INSERT: &str = concat!(
    "INSERT INTO routes (create_time, update_time, model, candidates, translation, strategy) ",
    "VALUES ($1, $1, $2, $3::text::jsonb, $4::text::jsonb, $5) RETURNING ",
    columns!()
);

const UPDATE: &str = concat!(
    "UPDATE routes SET update_time = $2, model = $3, candidates = $4::text::jsonb, translation = $5::text::jsonb, ",
    "strategy = $6 WHERE id = $1 RETURNING ",
    columns!()
);

pub(super) async fn load(tx: &Lent) -> Result<Vec<Route>, Failure> {
    collect(&tx.query(ALL, &[]).await?, read)
}

pub(super) async fn insert(tx: &Lent, spec: &RouteSpec, now: Timestamp) -> Result<Route, Failure> {
    let (candidates, translation) = (candidates(spec)?, json(&spec.translation)?);
    let (model, strategy) = (text(&spec.model), spec.strategy.as_str());
    route(&tx.one(INSERT, &[&now.as_millis(), &model, &candidates, &translation, &strategy]).await?)
}

pub(super) async fn update(tx: &Lent, id: RouteId, spec: &RouteSpec, now: Timestamp) -> Result<Route, Failure> {
    let (candidates, translation) = (candidates(spec)?, json(&spec.translation)?);
    let (model, strategy) = (text(&spec.model), spec.strategy.as_str());
    route(&tx.one(UPDATE, &[&id.0, &now.as_millis(), &model, &candidates, &translation, &strategy]).await?)
}

pub(super) async fn delete(tx: &Lent, id: RouteId) -> Result<(), Failure> {
    met(tx.execute("DELETE FROM routes WHERE id = $1", &[&id.0]).await?)
}

fn candidates(spec: &RouteSpec) -> Result<String, Failure> {
    json(&spec.candidates.iter().map(Candidate::of).collect::<Vec<_>>())
}

fn route(row: &Row) -> Result<Route, Failure> {
    read(&mut Fields::of(row))
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
