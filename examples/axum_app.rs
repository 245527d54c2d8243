//! A pool inside an axum application, beside its own routes and behind its own sign-in.
//!
//! Who calls is known by the application's session, so there are no client tokens; calls are booked under its names.

use std::sync::Arc;

use amp_pool_core::{
    Error, Pool,
    caller::Caller,
    keys::KeySpec,
    secret::Secret,
    service::auth::Callers,
    testkit::{Reply, Script},
    time::Timestamp,
};
use axum::{Router, body::Body, routing::get};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// The people of this application. A real one looks its session up.
struct Sessions;

impl Callers for Sessions {
    fn identify(&self, headers: &HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
        let cookie = headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
        match cookie.and_then(|cookie| cookie.strip_prefix("session=")) {
            Some(name) => Ok(Arc::new(Caller::named(name))),
            None => Err(Error::unauthorized("sign in first")),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without `transport` the pool asks the real service.
    let upstream = Script::new().on("sk-example", Reply::chat("Hello!"));
    let pool = Pool::builder().transport(upstream).callers(Sessions).build().await?;
    pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-example"))).await?;

    let app = Router::new()
        .route("/", get(|| async { "our own page" }))
        // By `route_service` the pool sees the whole path; `nest_service("/ai", pool)` puts it below another one.
        .route_service("/v1/{*path}", pool.clone());

    // A real application goes on with `axum::serve(listener, app)`.
    for (path, cookie) in [("/", ""), ("/v1/chat/completions", ""), ("/v1/chat/completions", "session=ada")] {
        let request = Request::post(path).method(if path == "/" { "GET" } else { "POST" }).header("cookie", cookie);
        let body = Body::from(r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello"}]}"#);
        let answer = app.clone().oneshot(request.body(body)?).await?;
        let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        println!("{path} for {cookie:?}: {status} {}", String::from_utf8_lossy(&body));
    }
    pool.handle().close().await;
    Ok(())
}
