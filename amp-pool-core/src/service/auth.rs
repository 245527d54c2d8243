//! Who makes a call. Reads the head only: a stranger must not make us read a body.

use std::{
    collections::HashMap,
    sync::Arc,
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use tower::{Layer, Service};

use super::{Arrived, Known, Response, ResponseFuture};
use crate::{
    Error,
    caller::{Allowance, Caller, ClientToken, TokenDigest, shown_token},
    time::Timestamp,
};

/// Where callers come from. A host application may know its own.
///
/// ```
/// use std::sync::Arc;
/// use amp_pool_core::{Error, Pool, caller::Caller, service::auth::Callers, testkit::Script, time::Timestamp};
///
/// /// Whoever stands in front of us has signed people in, and says who they are.
/// struct SignedIn;
///
/// impl Callers for SignedIn {
///     fn identify(&self, headers: &http::HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
///         let user = headers.get("x-user").and_then(|user| user.to_str().ok());
///         user.map(|user| Arc::new(Caller::named(user))).ok_or_else(|| Error::unauthorized("sign in first"))
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let pool = Pool::builder().transport(Script::new()).callers(SignedIn).build().await?;
/// let request = http::Request::get("/v1/models").header("x-user", "ada").body(String::new())?;
/// let Ok(answer) = tower::ServiceExt::oneshot(pool, request).await;
/// assert_eq!(answer.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Callers: Send + Sync + 'static {
    /// The caller behind a request's head.
    ///
    /// # Errors
    /// [`Error::is_unauthorized`] when nobody is.
    fn identify(&self, headers: &http::HeaderMap, now: Timestamp) -> Result<Arc<Caller>, Error>;
}

/// Callers by client token.
#[derive(Default)]
pub struct Tokens(ArcSwap<HashMap<TokenDigest, (ClientToken, Arc<Caller>), foldhash::fast::RandomState>>);

impl Tokens {
    /// Replaces all tokens, and what each of them may. In force for the next call.
    pub fn replace(&self, tokens: impl IntoIterator<Item = (ClientToken, Vec<Arc<Allowance>>)>) {
        let by_digest = |(token, allowances): (ClientToken, _)| {
            let caller = Arc::new(token.caller(allowances));
            (token.digest, (token, caller))
        };
        self.0.store(Arc::new(tokens.into_iter().map(by_digest).collect()));
    }
}

impl Callers for Tokens {
    fn identify(&self, headers: &http::HeaderMap, now: Timestamp) -> Result<Arc<Caller>, Error> {
        let shown = shown_token(headers).ok_or_else(|| {
            Error::unauthorized("no token: send `Authorization: Bearer`, `x-api-key` or `api-key` with a client token")
        })?;
        match self.0.load().get(&TokenDigest::of(shown)) {
            Some((token, caller)) if token.is_valid(now) => Ok(caller.clone()),
            // One sentence for unknown, expired and switched off: which it is, is nobody's business.
            _ => Err(Error::unauthorized("this client token opens nothing here")),
        }
    }
}

/// Makes [`Auth`].
#[derive(Clone)]
pub struct AuthLayer(Arc<dyn Callers>);

impl AuthLayer {
    /// A layer that asks `callers`.
    #[must_use]
    pub fn new(callers: Arc<dyn Callers>) -> Self {
        Self(callers)
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Auth { callers: self.0.clone(), inner }
    }
}

/// Lets known callers in.
#[derive(Clone)]
pub struct Auth<S> {
    callers: Arc<dyn Callers>,
    inner: S,
}

impl<S, B> Service<Arrived<B>> for Auth<S>
where
    S: Service<Known<B>, Response = Response, Error = Error, Future = ResponseFuture>,
{
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, arrived: Arrived<B>) -> ResponseFuture {
        match self.callers.identify(arrived.request.headers(), arrived.received) {
            Ok(caller) if !caller.may_call_from(arrived.peer) => {
                let elsewhere = Error::forbidden("this client token may not be used from this address");
                Box::pin(std::future::ready(Err(elsewhere)))
            }
            Ok(caller) => self.inner.call(Known { caller, arrived }),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
