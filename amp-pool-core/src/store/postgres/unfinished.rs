//! The mark of a database into which another one is being copied.
//!
//! As long as it is there, nobody serves from the database, and only the same copy may go on. It is a table of its own, and
//! not of the schema: a database that is not being filled knows nothing of it.

use super::{
    Failure,
    fields::firsts,
    pool::{Lent, Pool},
};
use crate::{store::StoreError, time::Timestamp};
use std::sync::Arc;

const IS_THERE: &str = "
    SELECT 1 FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name = 'unfinished_import'";

const MAKE: &str = "
    CREATE TABLE unfinished_import (
        id          INTEGER PRIMARY KEY CHECK (id = 1),
        create_time BIGINT  NOT NULL,
        update_time BIGINT  NOT NULL,
        source      TEXT    NOT NULL
    )";

/// What the database is a copy of, if that is not finished.
pub(super) async fn source(lent: &Lent) -> Result<Option<String>, Failure> {
    if lent.query_once(IS_THERE, &[]).await?.is_empty() {
        return Ok(None);
    }
    Ok(firsts(&lent.query_once("SELECT source FROM unfinished_import", &[]).await?)?.pop())
}

/// Refuses half a copy.
pub(super) async fn refuse(lent: &Lent) -> Result<(), Failure> {
    if source(lent).await?.is_none() {
        return Ok(());
    }
    let message = "the database is half a copy of another one: let `amp-pool-server import` finish it, or empty it";
    Err(StoreError::Invalid(message.into()).into())
}

/// Says that a copy of `source` begins, unless somebody has begun to use the database.
pub(super) async fn begin(pool: &Arc<Pool>, source: &str, now: Timestamp) -> Result<(), Failure> {
    let tx = pool.begin().await?;
    // Whoever makes a vault does so under the same lock, and looks for the mark.
    tx.batch("LOCK TABLE vault IN SHARE ROW EXCLUSIVE MODE").await?;
    if !tx.query_once("SELECT 1 FROM vault LIMIT 1", &[]).await?.is_empty() {
        return Err(in_use());
    }
    tx.batch(MAKE).await?;
    let insert = "INSERT INTO unfinished_import VALUES (1, $1, $1, $2)";
    tx.query_once(insert, &[&now.as_millis(), &source]).await?;
    tx.commit().await
}

/// Why nothing is copied into a database that somebody uses.
pub(super) fn in_use() -> Failure {
    let message = "the PostgreSQL database holds something already; an import needs an empty one";
    StoreError::Invalid(message.into()).into()
}

/// Says that it is whole. With this everything that was written before is on the disk.
pub(super) async fn end(pool: &Arc<Pool>) -> Result<(), Failure> {
    let tx = pool.begin().await?;
    tx.batch("SET LOCAL synchronous_commit = on; DROP TABLE unfinished_import").await?;
    tx.execute("UPDATE config_revision SET revision = revision + 1", &[]).await?;
    tx.commit().await
}
