//! Bodies of calls, for operators who have to see what was said.
//!
//! Off unless the setting `bodies` names whose calls they are kept of. They are no part of the books: they are bounded, without
//! secrets as far as those can be told, written when there is time, and forgotten after some days. What can not be kept
//! in time is let go; no call ever waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, Instant},
};

use crate::{
    id::{CallId, TokenId},
    secret::Secret,
    store::{CallBodies, KeptBody, Store},
    time::{Clock, Timestamp},
};

mod policy;
mod redact;

pub(crate) use policy::Policy;
use policy::Whose;
use redact::redact;

/// The setting that says whose bodies are kept.
pub(crate) const SETTING: &str = "bodies";

/// Calls whose bodies wait to be written. More are let go.
const QUEUE: usize = 256;
/// Calls that are written together.
const BATCH: usize = 32;
/// How often old bodies are looked for.
const PAUSE: Duration = Duration::from_secs(10 * 60);
/// Calls whose bodies one transaction forgets.
const STEP: u32 = 500;
/// Read beyond the limit, so that a secret at its edge is still seen whole.
const MARGIN: usize = 4 * 1024;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Keeps bodies by a policy.
pub(crate) struct Keeper {
    policy: ArcSwap<Policy>,
    queue: mpsc::Sender<Message>,
    secrets: Arc<ArcSwap<Vec<Secret>>>,
    lost: AtomicU64,
}

enum Message {
    Keep(Box<Taken>),
    /// Say when everything before is written.
    Flush(oneshot::Sender<()>),
}

/// What a call said, as it came.
struct Taken {
    call: CallId,
    create_time: Timestamp,
    limit: usize,
    request: Part,
    answer: Part,
}

/// The beginning of a body, and how long it was.
#[derive(Default)]
struct Part {
    kept: Vec<u8>,
    bytes: u64,
}

impl Part {
    fn add(&mut self, bytes: &[u8], limit: usize) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let room = (limit + MARGIN).saturating_sub(self.kept.len());
        self.kept.extend(bytes.iter().take(room));
    }
}

impl Keeper {
    /// Begins to keep bodies in `store`, on the current runtime, for as long as it lives.
    pub(crate) fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (policy, secrets) = (ArcSwap::from_pointee(Policy::default()), Arc::<ArcSwap<Vec<Secret>>>::default());
        let keeper = Arc::new(Self { policy, queue, secrets: secrets.clone(), lost: AtomicU64::new(0) });
        let days = Arc::downgrade(&keeper);
        let days = move || days.upgrade().map(|keeper| keeper.policy.load().days);
        tokio::spawn(Writer { store, clock, secrets, messages, days: Box::new(days) }.run());
        keeper
    }

    /// Another policy, and secrets of which none is to be kept.
    pub(crate) fn set(&self, policy: Policy, secrets: impl Iterator<Item = Secret>) {
        let secrets = if policy.of == Whose::Nobody { Vec::new() } else { secrets.collect() };
        self.secrets.store(Arc::new(secrets));
        self.policy.store(Arc::new(policy));
    }

    /// Begins to listen to a call. `None`: nobody wants its bodies.
    pub(crate) fn listen(self: &Arc<Self>, call: Heard<'_>) -> Option<Box<Capture>> {
        let policy = self.policy.load();
        if !policy.wants(call.token) {
            return None;
        }
        let limit = usize::try_from(policy.bytes).unwrap_or(usize::MAX);
        let mut request = Part::default();
        request.add(call.request, limit);
        let taken = Taken { call: call.call, create_time: call.received, limit, request, answer: Part::default() };
        Some(Box::new(Capture { taken: Some(Box::new(taken)), keeper: self.clone() }))
    }

    /// Waits until everything that was heard so far is written.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }

    fn keep(&self, taken: Box<Taken>) {
        if self.queue.try_send(Message::Keep(taken)).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // Once for each power of two.
            if lost.is_power_of_two() {
                tracing::warn!(lost, "bodies come faster than they can be kept");
            }
        }
    }
}

/// A call that may be listened to.
#[derive(Clone, Copy)]
pub(crate) struct Heard<'a> {
    pub(crate) call: CallId,
    pub(crate) received: Timestamp,
    pub(crate) token: Option<TokenId>,
    pub(crate) request: &'a Bytes,
}

/// Listens to one call. When it is dropped, the call is over.
pub(crate) struct Capture {
    taken: Option<Box<Taken>>,
    keeper: Arc<Keeper>,
}

impl Capture {
    /// The next bytes of the answer.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        if let Some(taken) = &mut self.taken {
            taken.answer.add(bytes, taken.limit);
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.keeper.keep(taken);
        }
    }
}

/// Writes what was heard, and forgets what is old.
struct Writer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    secrets: Arc<ArcSwap<Vec<Secret>>>,
    messages: mpsc::Receiver<Message>,
    days: Box<dyn Fn() -> Option<u32> + Send + Sync>,
}

impl Writer {
    async fn run(mut self) {
        let mut next = Instant::now();
        let mut messages = Vec::with_capacity(BATCH);
        loop {
            match tokio::time::timeout_at(next, self.messages.recv_many(&mut messages, BATCH)).await {
                Ok(0) => return,
                Ok(_) => self.write(std::mem::take(&mut messages)).await,
                Err(_) => {
                    next = Instant::now() + PAUSE;
                    self.forget().await;
                }
            }
        }
    }

    async fn write(&self, messages: Vec<Message>) {
        let (mut bodies, mut waiting) = (Vec::new(), Vec::new());
        let secrets = self.secrets.load_full();
        for message in messages {
            match message {
                Message::Keep(taken) => bodies.push(taken.cleaned(&secrets)),
                Message::Flush(done) => waiting.push(done),
            }
        }
        if !bodies.is_empty()
            && let Err(error) = self.store.put_bodies(bodies).await
        {
            tracing::warn!(%error, "bodies of calls could not be kept");
        }
        for done in waiting {
            let _ = done.send(());
        }
    }

    async fn forget(&self) {
        let Some(days) = (self.days)() else { return };
        let before = self.clock.now().plus_millis(-i64::from(days) * DAY_MS);
        loop {
            match self.store.forget_bodies(before, STEP).await {
                Ok(gone) if gone >= u64::from(STEP) => tokio::task::yield_now().await,
                Ok(_) => return,
                Err(error) => return tracing::warn!(%error, "old bodies could not be forgotten; trying again later"),
            }
        }
    }
}

impl Taken {
    fn cleaned(self, secrets: &[Secret]) -> CallBodies {
        let part = |part: Part| KeptBody { text: redact(&part.kept, self.limit, secrets), bytes: part.bytes };
        let Self { call, create_time, request, answer, .. } = self;
        CallBodies { call, create_time, request: part(request), answer: part(answer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::{BodyStore as _, memory::MemoryStore},
        time::SystemClock,
    };

    fn call(n: u8) -> CallId {
        CallId::new(Timestamp::from_millis(1_000), &[n; 10])
    }

    fn listen(keeper: &Arc<Keeper>, n: u8, token: i64, request: &'static str) -> Option<Box<Capture>> {
        let request = Bytes::from_static(request.as_bytes());
        let heard =
            Heard { call: call(n), received: SystemClock.now(), token: Some(TokenId(token)), request: &request };
        keeper.listen(heard)
    }

    #[tokio::test]
    async fn bodies_are_kept_of_whom_the_policy_names_and_as_much_as_it_says() {
        let store = Arc::new(MemoryStore::new());
        let keeper = Keeper::start(store.clone(), Arc::new(SystemClock));
        assert!(listen(&keeper, 1, 1, "x").is_none(), "off");

        let policy: Policy = serde_json::from_str(r#"{"of": [7], "bytes": 10}"#).unwrap();
        keeper.set(policy, [Secret::new("hunter2hunter2")].into_iter());
        assert!(listen(&keeper, 1, 1, "x").is_none(), "another token");
        let mut capture = listen(&keeper, 2, 7, "say hunter2hunter2 twice").unwrap();
        capture.hear(b"first ");
        capture.hear("sécond".as_bytes());
        drop(capture);
        keeper.flush().await;

        let kept = store.bodies(call(2)).await.unwrap().unwrap();
        assert_eq!((kept.request.text.as_deref(), kept.request.bytes), (Some("say [redac"), 24));
        assert_eq!((kept.answer.text.as_deref(), kept.answer.bytes), (Some("first séc"), 13));
        assert!(store.bodies(call(1)).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_are_forgotten_after_their_days() {
        let store = Arc::new(MemoryStore::new());
        let keeper = Keeper::start(store.clone(), Arc::new(SystemClock));
        let old = SystemClock.now().plus_millis(-8 * DAY_MS);
        let body = || KeptBody { text: None, bytes: 1 };
        let bodies = |n, create_time| CallBodies { call: call(n), create_time, request: body(), answer: body() };
        store.put_bodies(vec![bodies(1, old), bodies(2, SystemClock.now())]).await.unwrap();

        tokio::time::sleep(PAUSE * 2).await;

        assert!(store.bodies(call(1)).await.unwrap().is_none());
        assert!(store.bodies(call(2)).await.unwrap().is_some());
        drop(keeper);
    }
}
