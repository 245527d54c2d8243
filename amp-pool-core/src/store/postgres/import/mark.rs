//! Setting and removing the mark of a database that is being filled.

use std::sync::Arc;

use super::{Failure, Pool};
use crate::{
    store::{StoreError, postgres::notes::NOTE_ERRORS},
    time::Timestamp,
};

const MAKE: &str = "
    CREATE TABLE unfinished_import (
        id          INTEGER PRIMARY KEY CHECK (id = 1),
        create_time BIGINT  NOT NULL,
        update_time BIGINT  NOT NULL,
        source      TEXT    NOT NULL
    )";

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

/// Says that it is whole, and adds what its source need not have. With this everything that was written before is on the disk.
pub(super) async fn end(pool: &Arc<Pool>) -> Result<(), Failure> {
    let tx = pool.begin().await?;
    tx.batch("SET LOCAL synchronous_commit = on; DROP TABLE unfinished_import").await?;
    tx.execute(NOTE_ERRORS, &[]).await?;
    tx.execute("UPDATE config_revision SET revision = revision + 1", &[]).await?;
    tx.commit().await
}
