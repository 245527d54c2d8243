//! Every path the server answers, who may call it, and who answers it.
//!
//! `routes` is that list, and nothing else is served: the routers are built of it, and `amp-pool-server routes` prints
//! it. The gateway paths go straight to the pool, before any router is asked.

mod area;

use std::fmt::Write as _;

use amp_pool_core::{caller::shown_token, handle::Handle, pool::Pool};
use axum::{
    Json, Router,
    body::Body,
    extract::{Request as PageRequest, State},
    handler::Handler,
    response::{IntoResponse, Response as PageResponse},
    routing::{self, MethodRouter},
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Serialize;
use tower::{Service as _, ServiceExt as _};

use crate::{
    admin::{self, AdminToken, Problem, balances, config, keys, providers, requests, statistics, tokens},
    front::FrontBody,
    ui,
};
use area::Area;

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// Anybody.
    Open,
    /// Who shows a client token.
    Client,
    /// Who shows the admin token.
    Admin,
}

struct Route {
    access: Access,
    method: &'static str,
    path: &'static str,
    page: Option<MethodRouter<Handle>>,
}

#[rustfmt::skip]
fn routes() -> Vec<Route> {
    use Access::{Admin, Open};
    vec![
        get   (Open,  "/health",                     health),
        get   (Open,  "/ready",                      ready),
        get   (Open,  "/",                           page),

        pool  ("/v1/{*path}"),
        pool  ("/api/provider/{*path}"),

        get   (Admin, "/api/keys",                   keys::list),
        post  (Admin, "/api/keys",                   keys::add),
        get   (Admin, "/api/keys/{id}",              keys::show),
        put   (Admin, "/api/keys/{id}",              keys::change),
        delete(Admin, "/api/keys/{id}",              keys::remove),
        post  (Admin, "/api/keys/{id}/reset",        keys::reset),
        get   (Admin, "/api/keys/{id}/health",       keys::health),
        get   (Admin, "/api/keys/{id}/balance",      balances::show),
        put   (Admin, "/api/keys/{id}/balance",      balances::say),
        post  (Admin, "/api/keys/{id}/balance/refresh", balances::refresh),
        get   (Admin, "/api/keys/{id}/balance/history", balances::history),

        get   (Admin, "/api/tokens",                 tokens::list),
        post  (Admin, "/api/tokens",                 tokens::add),
        get   (Admin, "/api/tokens/{id}",            tokens::show),
        put   (Admin, "/api/tokens/{id}",            tokens::change),
        delete(Admin, "/api/tokens/{id}",            tokens::remove),
        post  (Admin, "/api/tokens/{id}/rotate",     tokens::rotate),

        get   (Admin, "/api/routes",                 admin::routes::list),
        post  (Admin, "/api/routes",                 admin::routes::add),
        put   (Admin, "/api/routes/{id}",            admin::routes::change),
        delete(Admin, "/api/routes/{id}",            admin::routes::remove),

        get   (Admin, "/api/providers",              providers::list),

        get   (Admin, "/api/requests",               requests::list),
        get   (Admin, "/api/requests/{id}",          requests::show),

        get   (Admin, "/api/statistics/overview",    statistics::overview),
        get   (Admin, "/api/statistics/keys",        statistics::keys),
        get   (Admin, "/api/statistics/models",      statistics::models),
        get   (Admin, "/api/statistics/providers",   statistics::providers),
        get   (Admin, "/api/statistics/tokens",      statistics::tokens),
        get   (Admin, "/api/statistics/timeline",    statistics::timeline),

        get   (Admin, "/api/config",                 config::list),
        put   (Admin, "/api/config/{key}",           config::put),
    ]
}

macro_rules! methods {
    ($($method:ident $name:literal;)*) => {$(
        fn $method<H: Handler<T, Handle>, T: 'static>(access: Access, path: &'static str, handler: H) -> Route {
            Route { access, method: $name, path, page: Some(routing::$method(handler)) }
        }
    )*};
}

methods! {
    get "GET";
    post "POST";
    put "PUT";
    delete "DELETE";
}

fn pool(path: &'static str) -> Route {
    Route { access: Access::Client, method: "ANY", path, page: None }
}

/// Every route with who may call it, one per line.
#[must_use]
pub fn list_routes() -> String {
    let mut text = String::new();
    for Route { access, method, path, .. } in routes() {
        let access = format!("{access:?}").to_lowercase();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{access:<7} {method:<7} {path}");
    }
    text
}

/// Answers requests.
pub(crate) struct App {
    pool: Pool,
    token: AdminToken,
    open: Router,
    admin: Router,
}

impl App {
    pub(crate) fn new(pool: Pool, token: AdminToken) -> Self {
        let handle = pool.handle();
        let open = router(Access::Open).fallback(page).with_state(handle.clone());
        let admin = router(Access::Admin).fallback(unknown_path).with_state(handle);
        Self { pool, token, open, admin }
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<FrontBody> {
        match Area::of(request.uri().path()) {
            // Neither has a use here: one echoes headers back, the other asks for a tunnel.
            _ if matches!(*request.method(), Method::TRACE | Method::CONNECT) => {
                api_answer(wrong_method().await.into_response())
            }
            Area::Gateway => {
                let Ok(answer) = self.pool.clone().call(request).await;
                answer.map(FrontBody::pool)
            }
            Area::AmpLayout => amp_layout(&request).into_response().map(FrontBody::page),
            // The one lock of the admin API: behind it are all of its routes, and the answer for unknown ones.
            Area::Admin if !self.token.opens_for(request.headers()) => {
                api_answer(Problem::unauthorized().into_response())
            }
            Area::Admin => api_answer(ask(&self.admin, request).await),
            Area::Open => ask(&self.open, request).await.map(FrontBody::page),
        }
    }
}

fn router(access: Access) -> Router<Handle> {
    let ours = routes().into_iter().filter(|route| route.access == access);
    let pages = ours.filter_map(|route| Some((route.path, route.page?)));
    pages.fold(Router::new(), |router, (path, page)| router.route(path, page)).method_not_allowed_fallback(wrong_method)
}

async fn ask(router: &Router, request: Request<Incoming>) -> PageResponse {
    let Ok(answer) = router.clone().oneshot(request.map(Body::new)).await;
    answer
}

/// What the admin API answers stays between it and the caller.
fn api_answer(mut answer: PageResponse) -> Response<FrontBody> {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer.map(FrontBody::page)
}

fn amp_layout(request: &Request<Incoming>) -> Problem {
    match shown_token(request.headers()) {
        None => Problem::unauthorized(),
        Some(_) => Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported", "this path layout is not supported yet"),
    }
}

async fn unknown_path() -> Problem {
    Problem::not_found()
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method")
}

async fn page(request: PageRequest) -> PageResponse {
    ui::serve(request.method(), request.uri().path(), request.headers())
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

async fn ready(State(handle): State<Handle>) -> PageResponse {
    let (code, status) =
        if handle.is_ready() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    (code, Json(Health { status, version: env!("CARGO_PKG_VERSION") })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_routes_says_who_may_call_each() {
        let list = list_routes();
        assert!(list.contains("open    GET     /health\n"), "{list}");
        assert!(list.contains("client  ANY     /v1/{*path}\n"), "{list}");
        assert!(list.contains("admin   DELETE  /api/keys/{id}\n"), "{list}");
        let guarded = |line: &str| !line.contains("/api/") || line.starts_with("admin") || line.contains("/provider/");
        assert!(list.lines().all(guarded), "{list}");
    }
}
