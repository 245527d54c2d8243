//! Every path the server answers, who may call it, and who answers it.
//!
//! `routes` is that list, and nothing else is served: the routers are built of it, and `amp-pool-server routes` prints
//! it. The gateway paths go straight to the pool, before any router is asked.

mod area;

use std::{fmt::Write as _, net::IpAddr, sync::Arc};

use amp_pool_core::{
    caller,
    format::{self, Endpoint, Format},
    handle::Handle,
    pool::Pool,
    user::Role,
};
use axum::{
    Json, Router,
    body::Body,
    extract::{FromRef, Request as PageRequest, State},
    handler::Handler,
    middleware,
    response::{IntoResponse, Response as PageResponse},
    routing::{self, MethodRouter},
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Serialize;
use tower::{Service as _, ServiceExt as _};

use crate::{
    access::{self, Gate, Guard, Peer},
    admin::{
        self, Live, Problem, audit, auth, balances, budgets, config, explain, groups, keys, models, providers,
        requests, rules, statistics, tokens, users,
    },
    amp::Amp,
    config::AmpPaths,
    front::FrontBody,
    ui,
};
use area::Area;

/// Who may call a route. Each of the last three may call what those before may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// Anybody.
    Open,
    /// Who shows a client token.
    Client,
    /// Any user.
    Viewer,
    /// Who runs the pool.
    Operator,
    /// An admin, or who shows the admin token.
    Admin,
}

impl Access {
    /// The role it takes, of those who come by the admin API.
    fn role(self) -> Option<Role> {
        match self {
            Self::Open | Self::Client => None,
            Self::Viewer => Some(Role::Viewer),
            Self::Operator => Some(Role::Operator),
            Self::Admin => Some(Role::Admin),
        }
    }
}

struct Route {
    access: Access,
    method: &'static str,
    path: &'static str,
    page: Option<MethodRouter<Shared>>,
}

/// What handlers can ask for.
#[derive(Clone, FromRef)]
struct Shared {
    handle: Handle,
    gate: Arc<Gate>,
    live: Arc<Live>,
}

#[rustfmt::skip]
fn routes() -> Vec<Route> {
    use Access::{Admin, Open, Operator, Viewer};
    vec![
        get   (Open,     "/health",                             health),
        get   (Open,     "/ready",                              ready),
        get   (Open,     "/",                                   page),

        pool  ("/v1/{*path}"),
        pool  ("/api/provider/{*path}"),

        get   (Open,     "/api/auth/state",                     auth::state),
        post  (Open,     "/api/auth/setup",                     auth::setup),
        post  (Open,     "/api/auth/login",                     auth::login),
        post  (Viewer,   "/api/auth/logout",                    auth::logout),
        post  (Viewer,   "/api/auth/password",                  auth::password),
        get   (Viewer,   "/api/auth/me",                        auth::me),

        get   (Admin,    "/api/users",                          users::list),
        post  (Admin,    "/api/users",                          users::add),
        put   (Admin,    "/api/users/{id}",                     users::change),
        delete(Admin,    "/api/users/{id}",                     users::remove),
        get   (Admin,    "/api/audit",                          audit::list),

        get   (Viewer,   "/api/keys",                           keys::list),
        post  (Operator, "/api/keys",                           keys::add),
        post  (Operator, "/api/keys/import",                    keys::import),
        get   (Viewer,   "/api/keys/export",                    keys::export),
        post  (Admin,    "/api/keys/export",                    keys::export_secrets),
        post  (Operator, "/api/keys/bulk",                      keys::bulk),
        get   (Viewer,   "/api/keys/{id}",                      keys::show),
        put   (Operator, "/api/keys/{id}",                      keys::change),
        delete(Operator, "/api/keys/{id}",                      keys::remove),
        post  (Operator, "/api/keys/{id}/reset",                keys::reset),
        post  (Operator, "/api/keys/{id}/test",                 keys::trial),
        get   (Viewer,   "/api/keys/{id}/health",               keys::health),
        get   (Viewer,   "/api/keys/{id}/balance",              balances::show),
        put   (Operator, "/api/keys/{id}/balance",              balances::say),
        post  (Operator, "/api/keys/{id}/balance/refresh",      balances::refresh),
        get   (Viewer,   "/api/keys/{id}/balance/history",      balances::history),

        get   (Viewer,   "/api/tokens",                         tokens::list),
        post  (Operator, "/api/tokens",                         tokens::add),
        get   (Viewer,   "/api/tokens/{id}",                    tokens::show),
        put   (Operator, "/api/tokens/{id}",                    tokens::change),
        delete(Operator, "/api/tokens/{id}",                    tokens::remove),
        post  (Operator, "/api/tokens/{id}/rotate",             tokens::rotate),

        get   (Viewer,   "/api/groups",                         groups::list),
        post  (Operator, "/api/groups",                         groups::add),
        get   (Viewer,   "/api/groups/{id}",                    groups::show),
        put   (Operator, "/api/groups/{id}",                    groups::change),
        delete(Operator, "/api/groups/{id}",                    groups::remove),
        get   (Viewer,   "/api/budgets",                        budgets::list),

        get   (Viewer,   "/api/routes",                         admin::routes::list),
        post  (Operator, "/api/routes",                         admin::routes::add),
        post  (Viewer,   "/api/routes/explain",                 explain::explain),
        put   (Operator, "/api/routes/{id}",                    admin::routes::change),
        delete(Operator, "/api/routes/{id}",                    admin::routes::remove),

        get   (Viewer,   "/api/rules",                          rules::list),
        post  (Operator, "/api/rules",                          rules::add),
        put   (Operator, "/api/rules/{id}",                     rules::change),
        delete(Operator, "/api/rules/{id}",                     rules::remove),
        post  (Operator, "/api/rules/dry-run",                  rules::dry_run),

        get   (Viewer,   "/api/providers",                      providers::list),
        get   (Viewer,   "/api/models",                         models::list),
        post  (Operator, "/api/models/refresh",                 models::refresh),

        get   (Viewer,   "/api/requests",                       requests::list),
        get   (Viewer,   "/api/requests/live",                  requests::live),
        get   (Viewer,   "/api/requests/export",                requests::export),
        get   (Viewer,   "/api/requests/{id}",                  requests::show),

        get   (Viewer,   "/api/statistics/overview",            statistics::overview),
        get   (Viewer,   "/api/statistics/keys",                statistics::keys),
        get   (Viewer,   "/api/statistics/models",              statistics::models),
        get   (Viewer,   "/api/statistics/providers",           statistics::providers),
        get   (Viewer,   "/api/statistics/tokens",              statistics::tokens),
        get   (Viewer,   "/api/statistics/timeline",            statistics::timeline),

        get   (Viewer,   "/api/config",                         config::list),
        put   (Admin,    "/api/config/{key}",                   config::put),
    ]
}

macro_rules! methods {
    ($($method:ident $name:literal;)*) => {$(
        fn $method<H: Handler<T, Shared>, T: 'static>(access: Access, path: &'static str, handler: H) -> Route {
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
        let _ = writeln!(text, "{access:<8} {method:<7} {path}");
    }
    text
}

/// Answers requests.
pub(crate) struct App {
    pool: Pool,
    gate: Arc<Gate>,
    amp: Amp,
    open: Router,
    admin: Router,
    /// The ways to come in.
    doors: Vec<&'static str>,
}

impl App {
    pub(crate) fn new(pool: Pool, gate: Gate, amp: AmpPaths) -> Self {
        let gate = Arc::new(gate);
        let live = Arc::new(Live::new(pool.handle()));
        let shared = Shared { handle: pool.handle(), gate: gate.clone(), live };
        let open = open_router().fallback(page).with_state(shared.clone());
        let admin = admin_router(&gate).fallback(unknown_path).with_state(shared);
        let doors = routes().into_iter().filter(|route| route.access == Access::Open).map(|route| route.path);
        let amp = Amp::new(amp, pool.handle());
        Self { pool, gate, amp, open, admin, doors: doors.collect() }
    }

    /// Answers one request, which came from `peer`.
    pub(crate) async fn answer(&self, mut request: Request<Incoming>, peer: IpAddr) -> Response<FrontBody> {
        match Area::of(request.uri().path()) {
            // Neither has a use here: one echoes headers back, the other asks for a tunnel.
            _ if matches!(*request.method(), Method::TRACE | Method::CONNECT) => {
                api_answer(wrong_method().await.into_response())
            }
            Area::Gateway if !self.gate.is_set_up() => not_set_up(&request).into_response().map(FrontBody::page),
            Area::Gateway => {
                request.extensions_mut().insert(caller::Peer(peer));
                let Ok(answer) = self.pool.clone().call(request).await;
                answer.map(FrontBody::pool)
            }
            Area::Admin if self.gate.is_set_up() && self.amp.answers(request.uri().path()) => {
                api_answer(self.amp.answer(request, peer).await)
            }
            Area::Admin => {
                request.extensions_mut().insert(Peer(peer));
                api_answer(self.admin(request, peer).await)
            }
            Area::Open => ask(&self.open, request).await.map(FrontBody::page),
        }
    }

    /// The one lock of the admin API: behind it are all of its routes, and the answer for unknown ones. Only the ways to
    /// come in are before it.
    async fn admin(&self, mut request: Request<Incoming>, peer: IpAddr) -> PageResponse {
        if let Err(problem) = access::check_origin(request.method(), request.headers()) {
            return problem.into_response();
        }
        if self.doors.contains(&request.uri().path()) {
            return ask(&self.open, request).await;
        }
        match self.gate.identify(request.method(), request.headers(), peer).await {
            Ok(Some(who)) => {
                request.extensions_mut().insert(who);
                ask(&self.admin, request).await
            }
            Ok(None) => Problem::unauthorized().into_response(),
            Err(problem) => problem.into_response(),
        }
    }
}

fn open_router() -> Router<Shared> {
    let ours = routes().into_iter().filter(|route| route.access == Access::Open);
    let pages = ours.filter_map(|route| Some((route.path, route.page?)));
    pages.fold(Router::new(), |router, (path, page)| router.route(path, page)).method_not_allowed_fallback(wrong_method)
}

/// Everything that takes a role, each behind its guard.
fn admin_router(gate: &Arc<Gate>) -> Router<Shared> {
    let guarded = |Route { access, method, path, page }: Route| {
        let guard = Guard {
            gate: gate.clone(),
            least: access.role()?,
            action: format!("{method} {path}"),
            object_at: path.split('/').position(|segment| segment.starts_with('{')),
            changes: method != "GET",
        };
        let pass = move |request, next| guard.clone().pass(request, next);
        Some((path, page?.route_layer(middleware::from_fn(pass))))
    };
    let pages = routes().into_iter().filter_map(guarded);
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

/// Nobody runs this pool yet, so nobody's keys are used. Said in the client's own format.
fn not_set_up(request: &Request<Incoming>) -> (StatusCode, [(HeaderName, &'static str); 1], Vec<u8>) {
    let format = Endpoint::of(request.method(), request.uri().path()).format().unwrap_or(Format::Chat);
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = format::Problem {
        status: status.as_u16(),
        kind: "not_set_up",
        message: "this pool has no admin yet; the link to make one is in its log",
        field: None,
        code: Some("not_set_up"),
        call: "",
    };
    (status, [(header::CONTENT_TYPE, "application/json")], format::error_body(format, &problem))
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
        assert!(list.contains("open     GET     /health\n"), "{list}");
        assert!(list.contains("client   ANY     /v1/{*path}\n"), "{list}");
        assert!(list.contains("operator DELETE  /api/keys/{id}\n"), "{list}");
        let open = ["/api/auth/state", "/api/auth/setup", "/api/auth/login", "/api/provider/{*path}"];
        for line in list.lines().filter(|line| line.starts_with("open") || line.starts_with("client")) {
            assert!(!line.contains("/api/") || open.iter().any(|path| line.ends_with(path)), "{line}");
        }
    }
}
