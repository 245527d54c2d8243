//! `GET /api/requests/live`: calls as they begin and end, for people who watch.
//!
//! One task reads the newest rows of the books twice a second while anybody watches, and tells those that are new or have
//! changed: calls are not made to wait for watchers, whose number, speed and share are bounded.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use amp_pool_core::{
    handle::Handle,
    store::{Page, RecordFilter, StoredRecord},
    time::{Clock as _, SystemClock, Timestamp},
};
use axum::{
    extract::State,
    response::{
        IntoResponse as _,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use http::StatusCode;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast},
    time::{Instant, sleep, timeout_at},
};

use super::{FilterParams, Params, Problem, RequestOut, Wish, chain};
use crate::{
    access::{Gate, Who},
    openapi::{As, Events},
};

const EVERY: Duration = Duration::from_millis(500);
/// Rows that are looked at each time: more calls than twice as many a second are not all told.
const ROWS: u32 = 200;
/// Rows that wait for a slow watcher. Who falls behind further is cut off.
const BEHIND: usize = 1024;
const WATCHERS: usize = 32;
/// How often it is asked whether a watcher is still signed in.
const CHECK: Duration = Duration::from_secs(15);

/// Who watches.
pub(crate) struct Live {
    handle: Handle,
    places: Arc<Semaphore>,
    rows: Mutex<Weak<broadcast::Sender<Arc<StoredRecord>>>>,
}

impl Live {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, places: Arc::new(Semaphore::new(WATCHERS)), rows: Mutex::default() }
    }

    /// Begins to watch. The reading ends with its last watcher.
    fn watch(&self) -> (Arc<broadcast::Sender<Arc<StoredRecord>>>, broadcast::Receiver<Arc<StoredRecord>>) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = rows.upgrade().unwrap_or_else(|| {
            let sender = Arc::new(broadcast::Sender::new(BEHIND));
            *rows = Arc::downgrade(&sender);
            tokio::spawn(read(self.handle.clone(), rows.clone(), SystemClock.now()));
            sender
        });
        let receiver = sender.subscribe();
        (sender, receiver)
    }
}

/// Tells rows that are new since `start`, or changed.
async fn read(handle: Handle, watchers: Weak<broadcast::Sender<Arc<StoredRecord>>>, start: Timestamp) {
    let mut seen: BTreeMap<i64, Timestamp> = BTreeMap::new();
    loop {
        sleep(EVERY).await;
        let page = Page { before: None, limit: ROWS };
        let newest = handle.records(RecordFilter::default(), page).await.unwrap_or_default();
        let Some(watchers) = watchers.upgrade() else { return };
        for row in newest.into_iter().rev().filter(|row| row.update_time >= start) {
            if seen.insert(row.id, row.update_time) != Some(row.update_time) {
                // The chain is a nicety: a row without it is told all the same.
                let row = chain::filled(&handle, row.clone()).await.unwrap_or(row);
                // Nobody may be listening at this very moment.
                let _ = watchers.send(Arc::new(row));
            }
        }
        while seen.len() > 4 * ROWS as usize {
            seen.pop_first();
        }
    }
}

struct Watcher {
    rows: broadcast::Receiver<Arc<StoredRecord>>,
    wish: Wish,
    gate: Arc<Gate>,
    handle: Handle,
    who: Who,
    check_at: Instant,
    _reading: Arc<broadcast::Sender<Arc<StoredRecord>>>,
    _place: OwnedSemaphorePermit,
}

/// Each call that fits, as JSON in an event `request`: when it begins, and again when it has ended.
pub(crate) async fn live(
    State(live): State<Arc<Live>>,
    State(gate): State<Arc<Gate>>,
    who: Who,
    Params(params): Params<FilterParams>,
) -> Result<As<Events<RequestOut>>, Problem> {
    let wish = params.wish()?;
    let Ok(place) = live.places.clone().try_acquire_owned() else {
        let message = "too many watch already";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message));
    };
    let (reading, rows) = live.watch();
    let handle = live.handle.clone();
    let check_at = Instant::now() + CHECK;
    let watcher = Watcher { rows, wish, gate, handle, who, check_at, _reading: reading, _place: place };
    let keep_alive = KeepAlive::new().interval(CHECK);
    Ok(As::new(Sse::new(stream::unfold(watcher, next)).keep_alive(keep_alive).into_response()))
}

/// The stream ends when its watcher falls behind, is signed out, or the server goes down.
async fn next(mut watcher: Watcher) -> Option<(Result<Event, Infallible>, Watcher)> {
    loop {
        match timeout_at(watcher.check_at, watcher.rows.recv()).await {
            Ok(Ok(row)) if watcher.wish.wants(&row) => {
                let event = Event::default().event("request").json_data(RequestOut::from((*row).clone())).ok()?;
                return Some((Ok(event), watcher));
            }
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return None,
            Err(_) => {
                if !watcher.may_go_on().await {
                    return None;
                }
                watcher.check_at = Instant::now() + CHECK;
            }
        }
    }
}

impl Watcher {
    async fn may_go_on(&self) -> bool {
        let signed_in = match &self.who.session {
            Some(session) => self.gate.is_signed_in(session.digest).await,
            None => true,
        };
        signed_in && self.handle.is_ready()
    }
}
