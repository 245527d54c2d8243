//! The pool's short memory of what clients can not carry, by the ids of calls.
//!
//! Bounded in bytes and in time, and each tenant sees only its own. What is forgotten costs reasoning, never an answer;
//! so it is kept in memory alone, and each node has its own.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::ambient;
use crate::format::{Memo, Memory};

/// How long a tool may take until what was thought before it is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(30 * 60);

/// How many bytes of memos are kept.
const BYTES_MAX: usize = 32 << 20;

/// What an entry costs beside its memo.
const ENTRY: usize = 256;

/// Memos of all tenants.
#[derive(Default)]
pub(super) struct Memos(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    memos: HashMap<Key, (Instant, Memo)>,
    /// Oldest first. An entry that was written again stands here twice, and only the later one counts.
    order: VecDeque<(Instant, Key)>,
    bytes: usize,
}

/// A tenant and the id of a call.
type Key = (Box<str>, Box<str>);

impl Memos {
    /// Keeps what an answer to `tenant` could not carry.
    pub(super) fn keep(&self, tenant: &str, memos: Vec<(String, Memo)>) {
        if memos.is_empty() {
            return;
        }
        let now = ambient::now();
        let mut kept = self.lock();
        for (call, memo) in memos {
            kept.put((tenant.into(), call.into()), memo, now);
        }
        kept.forget(now);
    }

    /// The memory of one tenant.
    pub(super) fn of<'a>(&'a self, tenant: &'a str) -> TenantMemory<'a> {
        TenantMemory { memos: self, tenant }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // It is written whole or not at all, so a panic elsewhere has left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, key: Key, memo: Memo, now: Instant) {
        self.bytes += ENTRY + memo.size();
        if let Some((_, old)) = self.memos.insert(key.clone(), (now, memo)) {
            self.bytes -= ENTRY + old.size();
        }
        self.order.push_back((now, key));
    }

    /// Drops what is too old, and the oldest of what is too much.
    fn forget(&mut self, now: Instant) {
        while let Some((kept, key)) = self.order.front() {
            let is_old = now.saturating_duration_since(*kept) > KEPT_FOR;
            if !is_old && self.bytes <= BYTES_MAX {
                return;
            }
            if self.memos.get(key).is_some_and(|(latest, _)| latest == kept)
                && let Some((_, memo)) = self.memos.remove(key)
            {
                self.bytes -= ENTRY + memo.size();
            }
            self.order.pop_front();
        }
    }
}

/// What is kept for one tenant.
pub(super) struct TenantMemory<'a> {
    memos: &'a Memos,
    tenant: &'a str,
}

impl Memory for TenantMemory<'_> {
    fn recall(&self, call: &str) -> Option<Memo> {
        let kept = self.memos.lock();
        let (at, memo) = kept.memos.get(&(self.tenant.into(), call.into()))?;
        (ambient::now().saturating_duration_since(*at) <= KEPT_FOR).then(|| memo.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memo(size: usize) -> Memo {
        Memo::of_thoughts(vec!["x".repeat(size)])
    }

    #[tokio::test(start_paused = true)]
    async fn a_memo_is_its_tenants_alone_and_ends() {
        let memos = Memos::default();
        memos.keep("a", vec![("call".into(), memo(1))]);
        assert_eq!(memos.of("a").recall("call"), Some(memo(1)));
        assert_eq!(memos.of("b").recall("call"), None);
        assert_eq!(memos.of("a").recall("other"), None);

        tokio::time::advance(KEPT_FOR + Duration::from_secs(1)).await;
        assert_eq!(memos.of("a").recall("call"), None);
        memos.keep("a", vec![("next".into(), memo(1))]);
        assert_eq!(memos.lock().memos.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_the_oldest_goes_first() {
        let memos = Memos::default();
        for n in 0..40 {
            memos.keep("a", vec![(n.to_string(), memo(1 << 20))]);
            memos.keep("a", vec![("again".into(), memo(1))]);
        }
        let kept = memos.lock();
        assert!(kept.bytes <= BYTES_MAX, "{}", kept.bytes);
        let sum: usize = kept.memos.values().map(|(_, memo)| ENTRY + memo.size()).sum();
        assert_eq!(kept.bytes, sum);
        drop(kept);
        assert!(memos.of("a").recall("0").is_none() && memos.of("a").recall("39").is_some());
        assert!(memos.of("a").recall("again").is_some());
    }
}
