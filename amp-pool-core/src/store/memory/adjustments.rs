//! Adjustments in memory.

use super::{MemoryStore, State};
use crate::{
    store::{Adjustment, AdjustmentStore, AttemptAdjustment, CallAdjustment, StoreFuture},
    time::Timestamp,
};

impl AdjustmentStore for MemoryStore {
    fn adjust(&self, calls: Vec<CallAdjustment>, now: Timestamp) -> StoreFuture<'_, u64> {
        self.run(|state| Ok(calls.iter().filter(|call| state.adjust(call, now)).count() as u64))
    }
}

impl State {
    fn adjust(&mut self, call: &CallAdjustment, now: Timestamp) -> bool {
        let row = self.row_of(call.call).and_then(|id| self.records.get_mut(&id));
        let Some(row) = row.filter(|row| row.adjustments.len() == call.seen) else { return false };
        // Sums are made of the rows themselves.
        row.adjustments.extend(call.attempts.iter().map(|attempt| written(call, attempt, now)));
        self.budgets.adjust(call);
        true
    }
}

fn written(call: &CallAdjustment, attempt: &AttemptAdjustment, now: Timestamp) -> Adjustment {
    Adjustment {
        create_time: now,
        attempt: attempt.clone(),
        call_cost: call.cost,
        call_saved: call.saved,
        who: call.who.clone(),
        note: call.note.clone(),
    }
}
