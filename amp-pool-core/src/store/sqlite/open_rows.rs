//! Which rows of the log belong to calls that are under way.
//!
//! A hint, so that the row of a call that ends need not be searched for: whoever goes by it checks that the row is the
//! call's, and looks for the row of a call that is not here. So it takes no part in transactions, and may forget.

use std::collections::HashMap;

use crate::id::CallId;

/// Calls under way are far fewer; what is left here of others is forgotten at once.
const MOST: usize = 1 << 17;

#[derive(Default)]
pub(super) struct OpenRows(HashMap<CallId, i64, foldhash::fast::RandomState>);

impl OpenRows {
    pub(super) fn add(&mut self, call: CallId, row: i64) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(call, row);
    }

    pub(super) fn take(&mut self, call: CallId) -> Option<i64> {
        self.0.remove(&call)
    }
}
