//! The mark of a database into which another one is being copied.
//!
//! As long as it is there, nobody serves from the database, and only the same copy may go on. It is a table of its own, and
//! not of the schema: a database that is not being filled knows nothing of it.

use super::{Failure, fields::firsts, pool::Lent};
use crate::store::StoreError;

const IS_THERE: &str = "
    SELECT 1 FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name = 'unfinished_import'";

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
