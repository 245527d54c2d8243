//! The web UI: a stand-in until its built files are here.

use axum::body::Body;
use http::{HeaderMap, Method, Response};

/// Answers a request for a page or one of its files.
pub(crate) fn serve(_method: &Method, _path: &str, _headers: &HeaderMap) -> Response<Body> {
    Response::new(Body::from("AMP Pool is running. This build has no web UI.\n"))
}
