//! Prices as rows of `model_prices`.

use super::{
    Failure, PostgresStore,
    columns::{Columns, number},
    config,
    fields::{Fields, collect, firsts, json},
};
use crate::{
    id::PriceId,
    price::{PriceRow, PriceSpec},
    store::{PriceStore, StoreFuture, stored},
    time::Timestamp,
};

const AFTER: &str = "
    SELECT id, create_time, origin, provider, model, aliases::text, valid_from, price::text, source, who, note
    FROM model_prices WHERE id > $1 ORDER BY id";

// Numbers are given in the order of the rows, which a SELECT keeps that is sorted.
const INSERT: &str = "
    INSERT INTO model_prices
        (create_time, update_time, origin, provider, model, aliases, valid_from, price, source, who, note)
    SELECT $1, $1, origin, provider, model, aliases::jsonb, valid_from, price::jsonb, source, who, note
    FROM unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int8[], $8::text[], $9::text[], $10::text[],
                $11::text[])
        AS new (n, origin, provider, model, aliases, valid_from, price, source, who, note)
    ORDER BY n
    RETURNING id";

impl PriceStore for PostgresStore {
    fn prices(&self, after: Option<PriceId>) -> StoreFuture<'_, Vec<PriceRow>> {
        self.answer(async move {
            let lent = self.inner.pool.lend().await?;
            collect(&lent.query(AFTER, &[&after.map_or(0, |id| id.0)]).await?, read)
        })
    }

    fn add_prices(&self, specs: Vec<PriceSpec>, now: Timestamp) -> StoreFuture<'_, Vec<PriceRow>> {
        self.answer(async move {
            let tx = self.inner.pool.begin().await?;
            // One after the other: rows are taken up by their numbers, and none may appear behind a larger one.
            tx.query("SELECT revision FROM config_revision FOR UPDATE", &[]).await?;
            let written = specs.iter().map(written).collect::<Result<Vec<_>, _>>()?;
            let mut columns = Columns::default();
            for (n, (spec, (aliases, sheet))) in (0_i64..).zip(specs.iter().zip(&written)) {
                let PriceSpec { origin, provider, model, valid_from, source, who, note, .. } = spec;
                columns.push([
                    number(n),
                    origin.as_str().into(),
                    provider.as_deref().into(),
                    (&**model).into(),
                    (&**aliases).into(),
                    number(valid_from.as_millis()),
                    sheet.as_deref().into(),
                    (&**source).into(),
                    (&**who).into(),
                    (&**note).into(),
                ]);
            }
            if columns.is_empty() {
                return Ok(Vec::new());
            }
            let ids = firsts::<i64>(&tx.query(INSERT, &columns.values(&[&now.as_millis()])).await?)?;
            let row = |(id, spec)| PriceRow { id: PriceId(id), create_time: now, spec };
            drop(columns);
            config::changed(tx, ids.into_iter().zip(specs).map(row).collect()).await
        })
    }
}

fn written(spec: &PriceSpec) -> Result<(String, Option<String>), Failure> {
    Ok((json(&spec.aliases)?, spec.sheet.as_ref().map(json).transpose()?))
}

fn read(row: &mut Fields<'_>) -> Result<PriceRow, Failure> {
    Ok(PriceRow {
        id: PriceId(row.take()?),
        create_time: row.time()?,
        spec: PriceSpec {
            origin: stored::origin(row.take()?)?,
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
