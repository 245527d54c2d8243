//! Books whose writing is counted.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};

use super::Figures;
use crate::{
    id::CallId,
    store::{
        Entry, FailurePage, GroupBy, HoldAnswer, Page, RecordFilter, RecordStore, Store, StoreFuture, StoredFailure,
        StoredRecord, Totals, TotalsFilter,
    },
    time::Timestamp,
};

/// The books of a store, for the ledger to write.
pub(crate) struct Counted {
    store: Arc<dyn Store>,
    figures: Arc<Figures>,
    /// Who makes traces of what was written.
    traces: Option<mpsc::Sender<Arc<[Entry]>>>,
}

impl Counted {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        figures: Arc<Figures>,
        traces: Option<mpsc::Sender<Arc<[Entry]>>>,
    ) -> Self {
        Self { store, figures, traces }
    }
}

impl RecordStore for Counted {
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>> {
        Box::pin(async move {
            let began = Instant::now();
            let written = self.store.commit(batch.clone()).await;
            match &written {
                Ok(answers) => self.figures.written(&batch, answers, began.elapsed()),
                Err(_) => self.figures.failed(),
            }
            if let (Ok(_), Some(traces)) = (&written, &self.traces) {
                // Where nobody takes them fast enough some are left out.
                let _ = traces.try_send(batch);
            }
            written
        })
    }

    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        self.store.recover(now)
    }

    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.store.list(filter, page)
    }

    fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>> {
        self.store.failures(page)
    }

    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>> {
        self.store.get(call)
    }

    fn get_many(&self, calls: Vec<CallId>) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.store.get_many(calls)
    }

    fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>> {
        self.store.totals(filter, by)
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        self.store.close()
    }
}
