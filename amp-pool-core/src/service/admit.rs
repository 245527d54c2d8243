//! The door behind which every call becomes exactly one record.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tower::{Layer, Service};

use super::{Admitted, Response, ResponseFuture, Routed, recorder::Recorder};
use crate::{Error, ledger::Ledger, store::Opened, time::Clock};

/// How long a refused client is asked to wait.
const COME_BACK: Duration = Duration::from_secs(1);

/// Makes [`Admit`].
#[derive(Clone)]
pub struct AdmitLayer {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    draining: Arc<AtomicBool>,
}

impl AdmitLayer {
    /// A layer that opens records in `ledger`, until `draining` is set.
    #[must_use]
    pub fn new(ledger: Ledger, clock: Arc<dyn Clock>, draining: Arc<AtomicBool>) -> Self {
        Self { ledger, clock, draining }
    }
}

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admit { door: self.clone(), inner }
    }
}

/// Takes calls into the books.
#[derive(Clone)]
pub struct Admit<S> {
    door: AdmitLayer,
    inner: S,
}

impl<S> Service<Routed> for Admit<S>
where
    S: Service<Admitted, Response = Response, Error = Error, Future = ResponseFuture>,
{
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, routed: Routed) -> ResponseFuture {
        match self.door.open(&routed) {
            Ok(recorder) => self.inner.call(Admitted { routed, recorder }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

impl AdmitLayer {
    fn open(&self, routed: &Routed) -> Result<Recorder, Error> {
        if self.draining.load(Ordering::Acquire) {
            return Err(Error::busy("the server is shutting down").with_retry_after(COME_BACK));
        }
        let prices = routed.catalog.prices().clone();
        Recorder::open(opened(routed), routed.call.started, prices, &self.ledger, self.clock.clone())
            .map_err(|busy| Error::busy(busy.to_string()).with_retry_after(COME_BACK))
    }
}

fn opened(routed: &Routed) -> Opened {
    let call = &routed.call;
    Opened {
        call: call.id,
        create_time: call.received,
        token: call.caller.token,
        model: call.ask.model.to_string(),
        format: call.ask.format,
        endpoint: call.ask.endpoint.as_str(),
        stream: call.ask.stream,
    }
}
