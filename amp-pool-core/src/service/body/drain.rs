//! Listening on when the client has hung up, for what the answer cost.
//!
//! Chat and Responses tell their usage at the very end, so a client that leaves takes it along. Where the operator wants
//! it, the rest of such an answer is read and thrown away, within bounds; a Messages stream tells its input at the
//! beginning, and is left at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::poll_data;
use crate::{
    format::{Ending, Meter},
    id::TokenId,
    service::recorder::Recorder,
    transport::UpstreamBody,
};

/// How many bytes of an answer are read that nobody wants.
const BYTES_MAX: usize = 8 << 20;

/// How many answers are drained at once for one client token, whose owner may hang up as often as it likes.
const PER_TOKEN: usize = 16;

/// Answers that are being drained.
pub(in crate::service) struct Drains {
    longest: Duration,
    /// How many, by client token.
    running: Mutex<HashMap<Option<TokenId>, usize>>,
}

impl Drains {
    /// Each lasts no longer than `longest`.
    pub(in crate::service) fn new(longest: Duration) -> Self {
        Self { longest, running: Mutex::default() }
    }

    /// A place among them. `None` when the token has too many.
    fn enter(self: &Arc<Self>, token: Option<TokenId>) -> Option<Place> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(token).or_default();
        if *count >= PER_TOKEN {
            return None;
        }
        *count += 1;
        Some(Place { drains: self.clone(), token })
    }
}

/// A place among the answers that are drained, until it is dropped.
struct Place {
    drains: Arc<Drains>,
    token: Option<TokenId>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.drains.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.token);
            }
        }
    }
}

/// What is needed to drain an answer should its client leave.
pub(in crate::service) struct Drain {
    pub(in crate::service) drains: Arc<Drains>,
    pub(in crate::service) token: Option<TokenId>,
}

impl Drain {
    /// Reads the rest of an answer beside everything else, and then writes its record. At once, with what is known, where
    /// it can not be drained.
    pub(super) fn start(self, upstream: UpstreamBody, meter: Meter, recorder: Box<Recorder>) {
        let mut running = Running { upstream, meter, recorder };
        let place = self.drains.enter(self.token);
        match (place, tokio::runtime::Handle::try_current()) {
            (Some(place), Ok(runtime)) => {
                drop(runtime.spawn(async move {
                    let longest = place.drains.longest;
                    // Whether it came to its end or the time did: what is known then is booked.
                    let _ended = tokio::time::timeout(longest, running.read()).await;
                    drop((running, place));
                }));
            }
            _ => drop(running),
        }
    }
}

/// An answer that nobody waits for.
struct Running {
    upstream: UpstreamBody,
    meter: Meter,
    recorder: Box<Recorder>,
}

impl Running {
    async fn read(&mut self) {
        let mut left = BYTES_MAX;
        while let Some(Ok(frame)) = std::future::poll_fn(|cx| poll_data(&mut self.upstream, cx)).await {
            self.meter.feed(&frame);
            left = left.saturating_sub(frame.len());
            if left == 0 || self.meter.ending() != Ending::Open {
                return;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.meter.finish();
        // The recorder's own drop writes it: its client has hung up all the same.
        self.recorder.used(&self.meter);
    }
}
