//! A turn that paused, sent back to be continued.
//!
//! To the client it is one answer; in the books each pass is an attempt of its own.

use futures::future::BoxFuture;

use crate::{
    Error,
    format::{Meter, Pausing},
    transport::UpstreamBody,
};

/// What is needed to continue a turn.
pub(in crate::service) struct Again {
    pub(super) pausing: Pausing,
    send: Box<dyn Fn(Vec<u8>) -> Continued + Send>,
}

/// The next pass, when it begins to come.
pub(super) type Continued = BoxFuture<'static, Result<Pass, Error>>;

/// The answer to a turn that was sent back.
pub(in crate::service) struct Pass {
    pub(in crate::service) upstream: UpstreamBody,
    pub(in crate::service) meter: Meter,
    pub(in crate::service) is_stream: bool,
    pub(in crate::service) status: u16,
}

impl Again {
    pub(in crate::service) fn new(pausing: Pausing, send: impl Fn(Vec<u8>) -> Continued + Send + 'static) -> Self {
        Self { pausing, send: Box::new(send) }
    }

    /// Sends the turn back. `None` when the pass that was read did not pause.
    pub(super) fn send(&mut self) -> Option<Continued> {
        self.pausing.again().map(|body| (self.send)(body))
    }
}
