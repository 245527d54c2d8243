//! Bodies as rows of `api_request_bodies`.

use super::{
    PostgresStore,
    columns::{Columns, number},
    fields::{collect, int},
};
use crate::{
    id::CallId,
    store::{BodyStore, CallBodies, KeptBody, StoreFuture},
    time::Timestamp,
};

const INSERT: &str = "
    INSERT INTO api_request_bodies (call_id, create_time, request, request_bytes, answer, answer_bytes)
    SELECT * FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::int8[], $5::text[], $6::int8[])
    ON CONFLICT (call_id) DO NOTHING";

const ONE: &str = "
    SELECT call_id, create_time, request, request_bytes, answer, answer_bytes FROM api_request_bodies WHERE call_id = $1";

const FORGET: &str = "
    DELETE FROM api_request_bodies
    WHERE call_id IN (SELECT call_id FROM api_request_bodies WHERE create_time < $1 ORDER BY create_time LIMIT $2)";

impl BodyStore for PostgresStore {
    fn put_bodies(&self, bodies: Vec<CallBodies>) -> StoreFuture<'_, ()> {
        self.answer(async move {
            let mut columns = Columns::default();
            for CallBodies { call, create_time, request, answer } in &bodies {
                columns.push([
                    call.0.into(),
                    number(create_time.as_millis()),
                    request.text.as_deref().into(),
                    number(int(request.bytes)),
                    answer.text.as_deref().into(),
                    number(int(answer.bytes)),
                ]);
            }
            if !columns.is_empty() {
                self.inner.pool.lend().await?.execute(INSERT, &columns.values(&[])).await?;
            }
            Ok(())
        })
    }

    fn bodies(&self, call: CallId) -> StoreFuture<'_, Option<CallBodies>> {
        self.answer(async move {
            let rows = self.inner.pool.lend().await?.query(ONE, &[&call.0]).await?;
            let mut found = collect(&rows, |row| {
                Ok(CallBodies {
                    call: CallId(row.uuid()?),
                    create_time: row.time()?,
                    request: KeptBody { text: row.take()?, bytes: row.number()? },
                    answer: KeptBody { text: row.take()?, bytes: row.number()? },
                })
            })?;
            Ok(found.pop())
        })
    }

    fn forget_bodies(&self, before: Timestamp, most: u32) -> StoreFuture<'_, u64> {
        self.answer(async move {
            self.inner.pool.lend().await?.execute(FORGET, &[&before.as_millis(), &i64::from(most)]).await
        })
    }
}
