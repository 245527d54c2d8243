//! Bodies as rows of `api_request_bodies`.

use rusqlite::params;

use super::{
    SqliteStore,
    fields::{Fields, collect, int},
    pages,
};
use crate::{
    id::CallId,
    store::{BodyStore, CallBodies, KeptBody, StoreFuture},
    time::Timestamp,
};

const INSERT: &str = "
    INSERT INTO api_request_bodies (call_id, create_time, request, request_bytes, answer, answer_bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (call_id) DO NOTHING";

const ONE: &str = "
    SELECT call_id, create_time, request, request_bytes, answer, answer_bytes FROM api_request_bodies WHERE call_id = ?1";

const FORGET: &str = "
    DELETE FROM api_request_bodies
    WHERE call_id IN (SELECT call_id FROM api_request_bodies WHERE create_time < ?1 ORDER BY create_time LIMIT ?2)";

impl BodyStore for SqliteStore {
    fn put_bodies(&self, bodies: Vec<CallBodies>) -> StoreFuture<'_, ()> {
        self.write(move |tx| {
            let mut insert = tx.prepare_cached(INSERT)?;
            for CallBodies { call, create_time, request, answer } in &bodies {
                let (request_bytes, answer_bytes) = (int(request.bytes), int(answer.bytes));
                let at = create_time.as_millis();
                insert.execute(params![call.as_bytes(), at, request.text, request_bytes, answer.text, answer_bytes])?;
            }
            Ok(())
        })
    }

    fn bodies(&self, call: CallId) -> StoreFuture<'_, Option<CallBodies>> {
        self.read(move |tx| {
            let found = collect(tx, ONE, &[&call.as_bytes()], |row: &mut Fields<'_>| {
                Ok(CallBodies {
                    call: CallId(pages::uuid(row)?),
                    create_time: row.time()?,
                    request: KeptBody { text: row.take()?, bytes: row.count()? },
                    answer: KeptBody { text: row.take()?, bytes: row.count()? },
                })
            })?;
            Ok(found.into_iter().next())
        })
    }

    fn forget_bodies(&self, before: Timestamp, most: u32) -> StoreFuture<'_, u64> {
        self.write(move |tx| Ok(tx.prepare_cached(FORGET)?.execute(params![before.as_millis(), most])? as u64))
    }
}
