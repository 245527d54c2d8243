//! The admin API without a network: for the program whose process the pool is in.

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{Request, Response};
use tower::ServiceExt as _;

use crate::access::Who;

/// Answers requests of the admin API as those of an admin. Nobody is asked for a token: who holds this is trusted. What is
/// changed stands in the audit log, done by `host program`.
#[derive(Clone)]
pub struct AdminDoor(Router);

impl AdminDoor {
    pub(crate) fn new(admin: Router) -> Self {
        Self(admin)
    }

    /// Answers one request, such as `GET /api/keys`, in the shapes that the server has. Paths of the gateway and the ways to
    /// sign in are not here.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a change made or not made, and the audit log without its end.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Who::host());
        let Ok(answer) = self.0.clone().oneshot(request).await;
        answer
    }
}
