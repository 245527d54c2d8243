//! Bodies in memory.

use super::MemoryStore;
use crate::{
    id::CallId,
    store::{BodyStore, CallBodies, StoreFuture},
    time::Timestamp,
};

impl BodyStore for MemoryStore {
    fn put_bodies(&self, bodies: Vec<CallBodies>) -> StoreFuture<'_, ()> {
        self.run(|state| {
            for kept in bodies {
                state.bodies.entry(kept.call).or_insert(kept);
            }
            Ok(())
        })
    }

    fn bodies(&self, call: CallId) -> StoreFuture<'_, Option<CallBodies>> {
        self.run(|state| Ok(state.bodies.get(&call).cloned()))
    }

    fn forget_bodies(&self, before: Timestamp, most: u32) -> StoreFuture<'_, u64> {
        self.run(|state| {
            let old = state.bodies.values().filter(|kept| kept.create_time < before).map(|kept| kept.call);
            let old: Vec<_> = old.take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
            old.iter().for_each(|call| drop(state.bodies.remove(call)));
            Ok(old.len() as u64)
        })
    }
}
