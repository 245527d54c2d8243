//! Every path the server answers, who may call it, and who answers it.
//!
//! `routes` is that list, and nothing else is served: the routers are built of it, and `amp-pool-server routes` prints
//! it. The gateway paths go straight to the pool, before any router is asked.

mod area;
mod door;

use std::{
    convert::Infallible,
    fmt::Write as _,
    net::IpAddr,
    sync::{Arc, LazyLock},
};

use amp_pool_core::{
    caller,
    format::{self, Endpoint, Format},
    handle::Handle,
    pool::Pool,
    secret::Secret,
    service::{Response as PoolResponse, render::RenderFuture},
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
use bytes::Bytes;
use futures::{FutureExt as _, future::Map};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tower::{Service as _, ServiceExt as _};

use crate::{
    access::{self, Gate, Guard, Peer, Takes, Who},
    admin::{
        self, Live, Problem, alerts, audit, auth, balances, budgets, config, explain, groups, keys, models, prices,
        providers, requests, rules, statistics, tokens, users,
    },
    amp::Amp,
    config::{Origin, Settings},
    error::ServeError,
    front::{FrontBody, Visitor, Visits},
    metrics::{self, Openness},
    oidc::Oidc,
    openapi::{self, As, Document, Operation, Page, Schemas, Served, Told},
    ui,
};
use area::Area;

pub use door::AdminDoor;

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
    /// The word for it.
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

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
    page: Option<Described>,
    /// Whether the audit log tells who calls it.
    is_noted: bool,
}

/// What answers, and what its types tell of it.
struct Described {
    page: MethodRouter<Shared>,
    summary: &'static str,
    told: fn(&mut Schemas) -> Operation,
}

/// What handlers can ask for.
#[derive(Clone, FromRef)]
struct Shared {
    handle: Handle,
    gate: Arc<Gate>,
    oidc: Option<Arc<Oidc>>,
    live: Arc<Live>,
    visits: Arc<Visits>,
    origins: Arc<[Origin]>,
}

impl Route {
    /// Reading it is worth a line in the audit log, too.
    fn noted(self) -> Self {
        Self { is_noted: true, ..self }
    }
}

#[rustfmt::skip]
fn routes() -> Vec<Route> {
    use Access::{Admin, Open, Operator, Viewer};
    vec![
        get   (Open,      "/health",                             health,                  "Whether the process is there"),
        get   (Open,      "/ready",                              ready,                   "Whether calls are served"),
        get   (Open,      "/",                                   page,                    "The web UI"),
        get   (Open,      "/docs",                               page,                    "This document, to read and to try"),
        get   (Open,      "/openapi.json",                       document,                "This document"),
        get   (Viewer,    "/metrics",                            metrics::show,           "What was counted, for Prometheus"),

        pool  ("/v1/{*path}"),
        pool  ("/api/provider/{*path}"),

        get   (Open,      "/api/auth/state",                     auth::state,             "What is to be known before anybody has signed in"),
        post  (Open,      "/api/auth/setup",                     auth::setup,             "Makes the first admin, by the link in the log"),
        post  (Open,      "/api/auth/login",                     auth::login,             "Signs in"),
        get   (Open,      "/api/auth/oidc/login",                auth::oidc::begin,       "Sends a browser to whom it signs in at"),
        get   (Open,      "/api/auth/oidc/callback",             auth::oidc::finish,      "Takes it back from there"),
        post  (Viewer,    "/api/auth/logout",                    auth::logout,            "Ends the session"),
        post  (Viewer,    "/api/auth/password",                  auth::password,          "Changes one's own password; all other sessions end"),
        get   (Viewer,    "/api/auth/me",                        auth::me,                "Who asks"),

        get   (Admin,     "/api/users",                          users::list,             "Users"),
        post  (Admin,     "/api/users",                          users::add,              "Adds a user"),
        put   (Admin,     "/api/users/{id}",                     users::change,           "Changes a user"),
        delete(Admin,     "/api/users/{id}",                     users::remove,           "Removes a user"),
        get   (Admin,     "/api/audit",                          audit::list,             "What was done, newest first"),

        get   (Viewer,    "/api/keys",                           keys::list,              "Keys"),
        post  (Operator,  "/api/keys",                           keys::add,               "Adds a key"),
        post  (Operator,  "/api/keys/import",                    keys::import,            "Adds many keys, with a report for each"),
        get   (Viewer,    "/api/keys/export",                    keys::export,            "All keys, without secrets"),
        post  (Admin,     "/api/keys/export",                    keys::export_secrets,    "All keys with their secrets, for an admin who gives the password"),
        post  (Operator,  "/api/keys/bulk",                      keys::bulk,              "Does one thing to many keys"),
        get   (Viewer,    "/api/keys/{id}",                      keys::show,              "A key"),
        put   (Operator,  "/api/keys/{id}",                      keys::change,            "Changes what is given of a key"),
        delete(Operator,  "/api/keys/{id}",                      keys::remove,            "Removes a key"),
        post  (Operator,  "/api/keys/{id}/reset",                keys::reset,             "Ends the pauses of a key"),
        post  (Operator,  "/api/keys/{id}/test",                 keys::trial,             "Asks the upstream whether a key is good"),
        get   (Viewer,    "/api/keys/{id}/health",               keys::health,            "How a key is and was, for each model"),
        get   (Viewer,    "/api/keys/{id}/failures",             keys::failures,          "Why answers of a key were no success, by cause"),
        post  (Operator,  "/api/keys/{id}/egress",               keys::way,               "Asks from which address the world sees a key's requests come"),
        get   (Viewer,    "/api/keys/{id}/balance",              balances::show,          "What a key has left"),
        put   (Operator,  "/api/keys/{id}/balance",              balances::say,           "Says what a key has left"),
        post  (Operator,  "/api/keys/{id}/balance/refresh",      balances::refresh,       "Asks the upstream what a key has left"),
        get   (Viewer,    "/api/keys/{id}/balance/history",      balances::history,       "What a key had left"),

        get   (Viewer,    "/api/tokens",                         tokens::list,            "Client tokens"),
        post  (Operator,  "/api/tokens",                         tokens::add,             "Makes a client token; its value is shown this once"),
        get   (Viewer,    "/api/tokens/{id}",                    tokens::show,            "A client token"),
        put   (Operator,  "/api/tokens/{id}",                    tokens::change,          "Changes what is given of a client token"),
        delete(Operator,  "/api/tokens/{id}",                    tokens::remove,          "Removes a client token"),
        post  (Operator,  "/api/tokens/{id}/rotate",             tokens::rotate,          "Gives a client token another value"),

        get   (Viewer,    "/api/groups",                         groups::list,            "Groups of client tokens"),
        post  (Operator,  "/api/groups",                         groups::add,             "Makes a group"),
        get   (Viewer,    "/api/groups/{id}",                    groups::show,            "A group"),
        put   (Operator,  "/api/groups/{id}",                    groups::change,          "Changes what is given of a group"),
        delete(Operator,  "/api/groups/{id}",                    groups::remove,          "Removes a group"),
        get   (Viewer,    "/api/budgets",                        budgets::list,           "All budgets and what is used of them"),

        get   (Viewer,    "/api/routes",                         admin::routes::list,     "Routes"),
        post  (Operator,  "/api/routes",                         admin::routes::add,      "Makes a route"),
        post  (Viewer,    "/api/routes/explain",                 explain::explain,        "What would become of a call now"),
        put   (Operator,  "/api/routes/{id}",                    admin::routes::change,   "Changes what is given of a route"),
        delete(Operator,  "/api/routes/{id}",                    admin::routes::remove,   "Removes a route"),

        get   (Viewer,    "/api/rules",                          rules::list,             "Rules, in the order in which they are asked"),
        post  (Operator,  "/api/rules",                          rules::add,              "Makes a rule"),
        put   (Operator,  "/api/rules/{id}",                     rules::change,           "Changes what is given of a rule"),
        delete(Operator,  "/api/rules/{id}",                     rules::remove,           "Removes a rule"),
        post  (Operator,  "/api/rules/dry-run",                  rules::dry_run,          "What a rule would have changed"),

        get   (Viewer,    "/api/providers",                      providers::list,         "Providers"),
        post  (Operator,  "/api/providers",                      providers::add,          "Makes a provider of one's own"),
        put   (Admin,     "/api/providers/{id}",                 providers::change,       "Changes what is given of a provider of one's own"),
        delete(Operator,  "/api/providers/{id}",                 providers::remove,       "Removes a provider of one's own to which no keys belong"),
        get   (Viewer,    "/api/models",                         models::list,            "Models, their prices and who serves them"),
        post  (Operator,  "/api/models/refresh",                 models::refresh,         "Asks upstreams for their models"),
        get   (Viewer,    "/api/models/{id}",                    models::show,            "What a model costs, and did cost"),
        put   (Operator,  "/api/models/{id}",                    models::set,             "Writes another price of a model; what was booked keeps its own"),
        delete(Operator,  "/api/models/{id}",                    models::remove,          "Takes the own price of a model back"),
        get   (Viewer,    "/api/prices",                         prices::list,            "Every price that holds now"),
        post  (Operator,  "/api/prices/import",                  prices::import,          "Takes a price list, by what differs"),
        post  (Operator,  "/api/prices/re-rate",                 prices::re_rate,         "Rates past calls by the prices of now, and writes adjustments"),

        get   (Viewer,    "/api/requests",                       requests::list,          "Calls, newest first"),
        get   (Viewer,    "/api/requests/live",                  requests::live,          "Calls as they begin and end"),
        get   (Viewer,    "/api/requests/export",                requests::export,        "Calls as a table"),
        get   (Viewer,    "/api/requests/{id}",                  requests::show,          "A call and its attempts"),
        get   (Admin,     "/api/requests/{id}/bodies",           requests::bodies,        "What a call said, where that is kept").noted(),

        get   (Viewer,    "/api/statistics/overview",            statistics::overview,    "Sums of all"),
        get   (Viewer,    "/api/statistics/keys",                statistics::keys,        "Sums by key"),
        get   (Viewer,    "/api/statistics/keys/hours",          statistics::hours,       "The last hours of each key"),
        get   (Viewer,    "/api/statistics/models",              statistics::models,      "Sums by model"),
        get   (Viewer,    "/api/statistics/providers",           statistics::providers,   "Sums by provider"),
        get   (Viewer,    "/api/statistics/tokens",              statistics::tokens,      "Sums by client token"),
        get   (Viewer,    "/api/statistics/timeline",            statistics::timeline,    "Sums by hour or day"),

        get   (Viewer,    "/api/alerts/kinds",                   alerts::kinds,           "What rules and channels there can be"),
        get   (Viewer,    "/api/alerts/rules",                   alerts::rules::list,     "Rules for alerts"),
        post  (Operator,  "/api/alerts/rules",                   alerts::rules::add,      "Makes a rule for alerts"),
        put   (Operator,  "/api/alerts/rules/{id}",              alerts::rules::change,   "Changes what is given of a rule for alerts"),
        delete(Operator,  "/api/alerts/rules/{id}",              alerts::rules::remove,   "Removes a rule for alerts"),
        get   (Viewer,    "/api/alerts/channels",                alerts::channels::list,  "Where people are told"),
        post  (Operator,  "/api/alerts/channels",                alerts::channels::add,   "Makes a channel"),
        put   (Operator,  "/api/alerts/channels/{id}",           alerts::channels::change, "Changes what is given of a channel"),
        delete(Operator,  "/api/alerts/channels/{id}",           alerts::channels::remove, "Removes a channel that no rule uses"),
        post  (Operator,  "/api/alerts/channels/{id}/test",      alerts::channels::test,  "Sends a test by a channel"),
        get   (Viewer,    "/api/alerts/state",                   alerts::log::state,      "What is wrong now"),
        get   (Viewer,    "/api/alerts/events",                  alerts::log::events,     "What happened, newest first"),
        get   (Viewer,    "/api/alerts/deliveries",              alerts::log::deliveries, "What was sent or is to be, newest first"),

        get   (Viewer,    "/api/config",                         config::list,            "Settings"),
        get   (Operator,  "/api/config/server",                  config::server,          "What the server was started with, and where it came from"),
        put   (Admin,     "/api/config/{key}",                   config::put,             "Changes a setting"),
    ]
}

macro_rules! methods {
    ($($method:ident $name:literal;)*) => {$(
        fn $method<H, T>(access: Access, path: &'static str, handler: H, summary: &'static str) -> Route
        where
            H: Handler<T, Shared> + Told<T>,
            T: 'static,
        {
            let page = Described { page: routing::$method(handler), summary, told: H::operation };
            Route { access, method: $name, path, page: Some(page), is_noted: $name != "GET" }
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
    Route { access: Access::Client, method: "ANY", path, page: None, is_noted: false }
}

/// Every route with who may call it, one per line.
#[must_use]
pub fn list_routes() -> String {
    let mut text = String::new();
    for Route { access, method, path, .. } in routes() {
        let access = access.name();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{access:<8} {method:<7} {path}");
    }
    text
}

/// The OpenAPI document of all of them.
#[must_use]
pub fn openapi() -> Value {
    openapi::document(routes().into_iter().filter_map(|route| {
        let Described { summary, told, .. } = route.page?;
        Some(openapi::Path { access: route.access.name(), method: route.method, path: route.path, summary, told })
    }))
}

/// Answers requests.
pub(crate) struct App {
    pool: Pool,
    gate: Arc<Gate>,
    amp: Amp,
    open: Router,
    admin: Router,
    visits: Arc<Visits>,
    /// The ways to come in.
    doors: Vec<&'static str>,
    metrics: Openness,
}

impl App {
    pub(crate) fn new(pool: Pool, gate: Gate, settings: &Settings) -> Result<Self, ServeError> {
        let gate = Arc::new(gate);
        let live = Arc::new(Live::new(pool.handle()));
        let visits = Arc::<Visits>::default();
        let shared = Shared {
            handle: pool.handle(),
            gate: gate.clone(),
            oidc: settings.oidc.clone().map(Oidc::new).transpose()?.map(Arc::new),
            live,
            visits: visits.clone(),
            origins: settings.origins.clone().into(),
        };
        let open = open_router().fallback(page).with_state(shared.clone());
        let admin = admin_router(&gate).fallback(unknown_path).with_state(shared);
        let doors = routes().into_iter().filter(|route| route.access == Access::Open).map(|route| route.path);
        let amp = Amp::new(settings.amp_paths.clone(), pool.handle());
        let metrics = Openness { on_loopback: settings.open_metrics };
        Ok(Self { pool, gate, amp, open, admin, visits, doors: doors.collect(), metrics })
    }

    /// The pool behind the gateway paths.
    pub(crate) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// What is counted of connections.
    pub(crate) fn visits(&self) -> Arc<Visits> {
        self.visits.clone()
    }

    /// The secret of the setup link, while there is no admin.
    pub(crate) fn setup_secret(&self) -> Option<Secret> {
        self.gate.setup_secret()
    }

    /// The admin API for the program whose process this is.
    pub(crate) fn door(&self) -> AdminDoor {
        AdminDoor::new(self.admin.clone())
    }

    /// Whether a request is for the pool, by [`Self::call`]; all others are for [`Self::answer`].
    pub(crate) fn is_call(&self, request: &Request<Incoming>) -> bool {
        Area::of(request.uri().path()) == Area::Gateway && !is_of_no_use(request.method()) && self.gate.is_set_up()
    }

    /// Calls the pool. Apart from everything else, because calls are most of what comes, and their future is small.
    pub(crate) fn call(&self, mut request: Request<Incoming>, visitor: Visitor) -> Calling {
        request.extensions_mut().insert(caller::Peer(visitor.address));
        self.pool.clone().call(request).map(|Ok(answer)| answer.map(FrontBody::pool))
    }

    /// Answers a request of `visitor` that is no call.
    pub(crate) async fn answer(&self, mut request: Request<Incoming>, visitor: Visitor) -> Response<FrontBody> {
        let peer = visitor.address;
        match Area::of(request.uri().path()) {
            _ if is_of_no_use(request.method()) => api_answer(wrong_method().await.into_response()),
            Area::Gateway => not_set_up(&request).into_response().map(FrontBody::page),
            Area::Admin if self.gate.is_set_up() && self.amp.answers(request.uri().path()) => {
                api_answer(self.amp.answer(request, peer).await)
            }
            Area::Admin => {
                if visitor.by_tls {
                    // Said by a proxy otherwise; here nobody needs to be believed.
                    request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
                }
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
        if self.metrics.shows(request.uri().path(), peer, request.headers()) {
            request.extensions_mut().insert(Who::nobody(peer));
            return ask(&self.admin, request).await;
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

/// The answer to a call, when it comes.
pub(crate) type Calling = Map<RenderFuture, fn(Result<PoolResponse, Infallible>) -> Response<FrontBody>>;

/// One echoes headers back, the other asks for a tunnel.
fn is_of_no_use(method: &Method) -> bool {
    matches!(*method, Method::TRACE | Method::CONNECT)
}

fn open_router() -> Router<Shared> {
    let ours = routes().into_iter().filter(|route| route.access == Access::Open);
    let pages = ours.filter_map(|route| Some((route.path, route.page?.page)));
    pages.fold(Router::new(), |router, (path, page)| router.route(path, page)).method_not_allowed_fallback(wrong_method)
}

/// Everything that takes a role, each behind its guard.
fn admin_router(gate: &Arc<Gate>) -> Router<Shared> {
    let guarded = |Route { access, method, path, page, is_noted }: Route| {
        let Described { page, told, .. } = page?;
        let guard = Guard {
            gate: gate.clone(),
            least: access.role()?,
            action: format!("{method} {path}"),
            object_at: path.split('/').position(|segment| segment.starts_with('{')),
            is_noted,
            takes: Takes::of(told),
        };
        let pass = move |request, next| guard.clone().pass(request, next);
        Some((path, page.route_layer(middleware::from_fn(pass))))
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

async fn page(request: PageRequest) -> As<Page> {
    As::new(ui::serve(request.method(), request.uri().path(), request.headers()))
}

/// Made when it is first asked for.
async fn document() -> As<Document> {
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| openapi().to_string().into());
    As::new(([(header::CONTENT_TYPE, "application/json")], TEXT.clone()).into_response())
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

async fn ready(State(handle): State<Handle>) -> As<Served<Health>> {
    let (code, status) =
        if handle.is_ready() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    As::new((code, Json(Health { status, version: env!("CARGO_PKG_VERSION") })).into_response())
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
        let open = [
            "/api/auth/state",
            "/api/auth/setup",
            "/api/auth/login",
            "/api/auth/oidc/login",
            "/api/auth/oidc/callback",
            "/api/provider/{*path}",
        ];
        for line in list.lines().filter(|line| line.starts_with("open") || line.starts_with("client")) {
            assert!(!line.contains("/api/") || open.iter().any(|path| line.ends_with(path)), "{line}");
        }
    }
}
