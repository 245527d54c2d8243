//! Prices as rows of `model_prices`.

use rusqlite::{Transaction, params};

use super::{
    Failure, SqliteStore,
    fields::{Fields, collect, json},
};
use crate::{
    id::PriceId,
    price::{PriceRow, PriceSpec},
    store::{PriceStore, StoreFuture, stored},
    time::Timestamp,
};

const AFTER: &str = "
    SELECT id, create_time, origin, provider, model, aliases, valid_from, price, source, who, note
    FROM model_prices WHERE id > ?1 ORDER BY id";

const INSERT: &str = "
    INSERT INTO model_prices
        (create_time, update_time, origin, provider, model, aliases, valid_from, price, source, who, note)
    VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

impl PriceStore for SqliteStore {
    fn prices(&self, after: Option<PriceId>) -> StoreFuture<'_, Vec<PriceRow>> {
        self.read(move |tx| collect(tx, AFTER, &[&after.map_or(0, |id| id.0)], read))
    }

    fn add_prices(&self, specs: Vec<PriceSpec>, now: Timestamp) -> StoreFuture<'_, Vec<PriceRow>> {
        self.write(move |tx| specs.into_iter().map(|spec| insert(tx, spec, now)).collect())
    }
}

fn insert(tx: &Transaction<'_>, spec: PriceSpec, now: Timestamp) -> Result<PriceRow, Failure> {
    let PriceSpec { origin, provider, model, aliases, valid_from, sheet, source, who, note } = &spec;
    let (aliases, sheet) = (json(aliases)?, sheet.as_ref().map(json).transpose()?);
    let (now_ms, from) = (now.as_millis(), valid_from.as_millis());
    let values = params![now_ms, origin.as_str(), provider, model, aliases, from, sheet, source, who, note];
    tx.prepare_cached(INSERT)?.execute(values)?;
    Ok(PriceRow { id: PriceId(tx.last_insert_rowid()), create_time: now, spec })
}

fn read(row: &mut Fields<'_>) -> Result<PriceRow, Failure> {
    Ok(PriceRow {
        id: PriceId(row.take()?),
        create_time: row.time()?,
        spec: PriceSpec {
            origin: stored::origin(&row.take::<String>()?)?,
            provider: row.take()?,
            model: row.take()?,
            aliases: row.json()?,
            valid_from: row.time()?,
            sheet: row.maybe_json()?,
            source: row.take()?,
            who: row.take()?,
            note: row.take()?,
        },
    })
}
