//! The web UI as the browser gets it.
//!
//! Answers whatever path no other route has taken: a file of the UI by its exact name, the page itself for the paths the
//! page routes by itself, and 404 for the rest. Which files there are is [`files`]' business, which encoding a client
//! wants is [`encoding`]'s.

mod encoding;
#[cfg(feature = "ui")]
mod files;
#[cfg(not(feature = "ui"))]
#[path = "ui/no_files.rs"]
mod files;

use axum::body::Body;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use encoding::Encoding;
use files::File;

const PAGE: &str = "index.html";
/// The page of the API, and the path that shows it.
const DOCS: (&str, &str) = ("/docs", "docs.html");

/// First segments that belong to the server or to hashed files: a missing one is a mistake, and the page would hide it.
const NOT_PAGES: [&str; 7] = ["api", "assets", "docs", "health", "metrics", "ready", "v1"];

const ABSENT: &str = "This AMP Pool was built without its web UI. Its API answers all the same.\n";

/// Ant Design writes `<style>` elements at run time, so styles may be inline. Scripts may not.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
     img-src 'self' data:; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);

/// Answers `method` on `path` (percent-encoded as it came, without the query) with a part of the UI.
pub(crate) fn serve(method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        return guarded(not_allowed());
    }
    let mut response = match find(path) {
        Some(file) if knows(headers, file.tag()) => not_modified(file),
        Some(file) => whole(file, Encoding::wanted(headers)),
        None if is_page(path) || path == DOCS.0 => text(StatusCode::OK, ABSENT),
        None => text(StatusCode::NOT_FOUND, "not found\n"),
    };
    if method == Method::HEAD {
        // The length stays in the headers.
        *response.body_mut() = Body::empty();
    }
    guarded(response)
}

fn find(path: &str) -> Option<&'static File> {
    let name = if is_page(path) { PAGE } else { path.strip_prefix('/')? };
    files::find(if path == DOCS.0 { DOCS.1 } else { name })
}

/// Whether the page routes `path` by itself. Its paths are plain words: a dot names a file, and nothing needs escapes.
fn is_page(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
    let Some(below) = path.strip_prefix('/') else { return false };
    let first = below.split('/').next().unwrap_or_default();
    below.bytes().all(plain) && !NOT_PAGES.contains(&first)
}

/// Whether the client already has what `tag` names. Tags compare weakly here, as RFC 9110 wants it for this header.
fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(ours) = tag.to_str().map(opaque) else { return false };
    let theirs = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    theirs.flat_map(|list| list.split(',')).map(opaque).any(|theirs| theirs == "*" || theirs == ours)
}

/// A tag without its mark of weakness.
fn opaque(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

fn whole(file: &'static File, encoding: Encoding) -> Response<Body> {
    let mut response = full(file.bytes(encoding));
    describe(response.headers_mut(), file);
    response.headers_mut().insert(CONTENT_TYPE, file.content_type().clone());
    if let Some(name) = encoding.name() {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

fn not_modified(file: &File) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    describe(response.headers_mut(), file);
    response
}

/// What a cache needs, the same with and without the file.
fn describe(headers: &mut HeaderMap, file: &File) {
    // A hashed name never means anything else; the page names the hashed files of its day and is asked for each time.
    let caching = if file.is_hashed() { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(ETAG, file.tag().clone());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
}

fn not_allowed() -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn text(status: StatusCode, words: &'static str) -> Response<Body> {
    let mut response = full(Bytes::from_static(words.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn full(bytes: Bytes) -> Response<Body> {
    let length = HeaderValue::from(bytes.len());
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

/// Adds what keeps other sites and injected markup away from a page that can see keys.
fn guarded(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("same-origin"));
    }
    response
}

#[cfg(test)]
mod tests;
