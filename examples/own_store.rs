//! A store of one's own: this one sends each record somewhere else as well, and leaves the rest to another store.

use std::sync::Arc;

use amp_pool_core::{
    Pool,
    caller::TokenSpec,
    id::CallId,
    keys::KeySpec,
    secret::Secret,
    store::{
        Entry, FailurePage, GroupBy, HoldAnswer, Page, Parts, RecordFilter, RecordStore, Store, StoreFuture,
        StoredFailure, StoredRecord, Totals, TotalsFilter, memory::MemoryStore,
    },
    testkit::{Reply, Script},
    time::Timestamp,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;

/// Tells of each call once its record is durable.
struct Told(Arc<dyn Store>);

impl RecordStore for Told {
    fn commit(&self, batch: Arc<[Entry]>) -> StoreFuture<'_, Vec<HoldAnswer>> {
        Box::pin(async move {
            let answers = self.0.commit(batch.clone()).await?;
            for entry in batch.iter() {
                // A real one would queue it for a warehouse: nothing here may wait long, because calls wait for it.
                if let Entry::Settled(record) = entry {
                    let cost = record.attempts.last().and_then(|attempt| attempt.cost);
                    println!("{} cost {cost:?}", record.opened.model);
                }
            }
            Ok(answers)
        })
    }

    // The books are the other store's.
    fn recover(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        self.0.recover(now)
    }
    fn list(&self, filter: RecordFilter, page: Page) -> StoreFuture<'_, Vec<StoredRecord>> {
        self.0.list(filter, page)
    }
    fn failures(&self, page: FailurePage) -> StoreFuture<'_, Vec<StoredFailure>> {
        self.0.failures(page)
    }
    fn get(&self, call: CallId) -> StoreFuture<'_, Option<StoredRecord>> {
        self.0.get(call)
    }
    fn totals(&self, filter: TotalsFilter, by: GroupBy) -> StoreFuture<'_, Vec<Totals>> {
        self.0.totals(filter, by)
    }
    fn close(&self) -> StoreFuture<'_, ()> {
        self.0.close()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let books: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let store = Parts { records: Arc::new(Told(books.clone())), ..Parts::of(books) };
    let upstream = Script::new().on("sk-example", Reply::chat("Hello!"));
    let pool = Pool::builder().store(Arc::new(store)).transport(upstream).build().await?;
    pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-example"))).await?;
    let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;

    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {}", token.expose()))
        .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
    let Ok(answer) = pool.clone().oneshot(request).await;
    answer.into_body().collect().await.map_err(|error| error.to_string())?;

    let kept = pool.handle().records(RecordFilter::default(), Page { before: None, limit: 10 }).await?;
    println!("in the books as well: {}", kept.len());
    pool.handle().close().await;
    Ok(())
}
