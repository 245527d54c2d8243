//! What the writer knows of the books because it wrote it, so that the next batch need not read it.
//!
//! It holds for as long as nobody else writes. The writer keeps it from one batch to the next, if that is durable, and drops it
//! with whatever else is done by its connection; what another connection has written shows here.

use rusqlite::Transaction;

use super::{Failure, blocks::Noted, running::RunningSums};

#[derive(Default)]
pub(super) struct Known {
    /// Another number when another connection has written since.
    version: Option<i64>,
    pub(super) sums: RunningSums,
    pub(super) noted: Noted,
}

impl Known {
    /// Forgets what may not be so any more.
    pub(super) fn check(&mut self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let version = tx.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if self.version != Some(version) {
            *self = Self { version: Some(version), ..Self::default() };
        }
        Ok(())
    }
}
