//! The door behind which every call becomes exactly one record.
//!
//! A caller with limits goes through its turnstiles first: a refusal there opens no record. Money is held after the record
//! is opened, because a hold has an owner. A caller with neither waits for nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tower::{Layer, Service};

mod limits;
mod money;
mod worst;

use super::{Admitted, Response, ResponseFuture, Routed, attempts::input, recorder::Recorder};
use crate::{
    Error,
    bodies::{Capture, Heard, Keeper},
    caller::Allowance,
    ledger::Ledger,
    store::Opened,
    time::Clock,
};

/// How long a refused client is asked to wait.
const COME_BACK: Duration = Duration::from_secs(1);

/// Makes [`Admit`].
#[derive(Clone)]
pub struct AdmitLayer {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    draining: Arc<AtomicBool>,
    site: Arc<ArcSwapOption<Allowance>>,
    bodies: Option<Arc<Keeper>>,
}

impl AdmitLayer {
    /// A layer that opens records in `ledger`, until `draining` is set. `site`: what all callers together may.
    #[must_use]
    pub fn new(
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        draining: Arc<AtomicBool>,
        site: Arc<ArcSwapOption<Allowance>>,
    ) -> Self {
        Self { ledger, clock, draining, site, bodies: None }
    }

    /// Lets `bodies` listen to the calls that it wants to hear.
    #[must_use]
    pub(crate) fn heard_by(self, bodies: Arc<Keeper>) -> Self {
        Self { bodies: Some(bodies), ..self }
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
    S: Service<Admitted, Response = Response, Error = Error, Future = ResponseFuture> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, routed: Routed) -> ResponseFuture {
        let Some(capture) = self.door.listen(&routed) else { return self.admit(routed) };
        let answer = self.admit(routed);
        Box::pin(async move { Ok(answer.await?.map(|body| body.heard_by(capture))) })
    }
}

impl<S> Admit<S>
where
    S: Service<Admitted, Response = Response, Error = Error, Future = ResponseFuture> + Clone + Send + 'static,
{
    fn admit(&mut self, routed: Routed) -> ResponseFuture {
        let allowances = self.door.allowances(&routed);
        if !allowances.is_empty() {
            let (door, inner) = (self.door.clone(), self.inner.clone());
            return Box::pin(within(door, inner, routed, allowances));
        }
        match self.door.open(&routed) {
            Ok(recorder) => self.inner.call(Admitted { routed, recorder, barred: Vec::new() }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

/// Lets a call in that keeps limits, and tells its client what is left of them.
async fn within<S>(
    door: AdmitLayer,
    mut inner: S,
    mut routed: Routed,
    allowances: Vec<Arc<Allowance>>,
) -> Result<Response, Error>
where
    S: Service<Admitted, Response = Response, Error = Error, Future = ResponseFuture>,
{
    let (format, received) = (routed.call.ask.format, routed.call.received);
    let quote = money::quote(&routed, &allowances)?;
    let passes = limits::enter(&allowances, input(&routed), format, received)?;
    let mut told = limits::told(&allowances, format, received);
    let mut recorder = door.open(&routed)?;
    recorder.enter(passes);
    let (recorder, barred) = match quote {
        None => (recorder, Vec::new()),
        Some(quote) => {
            let paid = money::hold(&door, &mut routed, recorder, quote, &allowances).await?;
            told.extend(paid.told);
            (paid.recorder, paid.barred)
        }
    };
    let mut response = inner.call(Admitted { routed, recorder, barred }).await?;
    limits::tell(response.headers_mut(), &told);
    Ok(response)
}

impl AdmitLayer {
    /// What the call has to keep, in the order in which it is asked.
    fn allowances(&self, routed: &Routed) -> Vec<Arc<Allowance>> {
        let own = &routed.call.caller.allowances;
        let site = self.site.load();
        own.iter().chain(site.as_ref()).filter(|allowance| !allowance.is_unlimited()).cloned().collect()
    }

    /// Where nobody wants to know what is said, this is all that it costs.
    fn listen(&self, routed: &Routed) -> Option<Box<Capture>> {
        let call = &routed.call;
        let token = call.caller.token;
        self.bodies.as_ref()?.listen(Heard { call: call.id, received: call.received, token, request: &call.body })
    }

    fn open(&self, routed: &Routed) -> Result<Box<Recorder>, Error> {
        if self.draining.load(Ordering::Acquire) {
            return Err(Error::busy("the server is shutting down").with_retry_after(COME_BACK));
        }
        let prices = routed.catalog.prices().clone();
        Recorder::open(opened(routed), routed.call.started, prices, &self.ledger)
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
