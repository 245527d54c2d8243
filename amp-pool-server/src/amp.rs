//! Paths of the Amp layout that ask no model: threads, settings, telemetry.
//!
//! Amp's client looks for them at the same address as for models. By setting they are answered by stubs that let it
//! start, or passed on with one key, since threads belong to an account. Whoever asks shows a client token.

use std::net::IpAddr;

use amp_pool_core::{Error, handle::Handle, id::KeyId};
use axum::{
    Json,
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{admin::Problem, config::AmpPaths};

/// Bytes of a body that is passed on.
const LARGEST_BODY: usize = 32 << 20;
/// How long it may take to come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// What becomes of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Duty {
    /// It belongs to an account.
    Account,
    /// It tells somebody else of the user, which nobody here wants.
    Telemetry,
    /// It runs in Amp's own cloud.
    Cloud,
}

/// By what stands behind `/api/`.
const DUTIES: [(&str, Duty); 16] = [
    ("internal", Duty::Account),
    ("user", Duty::Account),
    ("meta", Duty::Account),
    ("threads", Duty::Account),
    ("attachments", Duty::Account),
    ("skills", Duty::Account),
    ("ads", Duty::Account),
    ("tab", Duty::Account),
    ("connections", Duty::Account),
    ("telemetry", Duty::Telemetry),
    ("otel", Duty::Telemetry),
    ("thread-actors", Duty::Cloud),
    ("user-actor-credentials", Duty::Cloud),
    ("thread-imports", Duty::Cloud),
    ("durable-thread-workers", Duty::Cloud),
    ("orb-spawner", Duty::Cloud),
];

fn duty(path: &str) -> Option<Duty> {
    let name = path.strip_prefix("/api/")?.split('/').next()?;
    DUTIES.iter().find(|(known, _)| *known == name).map(|(_, duty)| *duty)
}

/// Answers these paths.
pub(crate) struct Amp {
    paths: AmpPaths,
    handle: Handle,
}

impl Amp {
    pub(crate) fn new(paths: AmpPaths, handle: Handle) -> Self {
        Self { paths, handle }
    }

    /// Whether a path is one of these, and they are answered at all.
    pub(crate) fn answers(&self, path: &str) -> bool {
        self.paths != AmpPaths::Off && duty(path).is_some()
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response {
        if let Err(error) = self.handle.caller_of(request.headers(), Some(peer)) {
            return refused(&error);
        }
        match duty(request.uri().path()) {
            Some(Duty::Telemetry) => StatusCode::NO_CONTENT.into_response(),
            Some(Duty::Account) => self.account(request).await,
            Some(Duty::Cloud) => {
                let message = "Amp runs this in its own cloud, and a pool can not serve it; use the classic mode";
                Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported", message).into_response()
            }
            None => Problem::not_found().into_response(),
        }
    }

    async fn account(&self, request: Request<Incoming>) -> Response {
        let AmpPaths::Key(name) = &self.paths else { return Json(stub(request.uri())).into_response() };
        let key = self.handle.keys().into_iter().find(|view| view.key.spec.name == *name).map(|view| view.key.id);
        match key {
            Some(key) => self.pass_on(key, request).await.unwrap_or_else(|error| refused(&error)),
            None => refused(&Error::no_key(format!("there is no key `{name}`, which AMP_POOL_AMP_PATHS names"))),
        }
    }

    async fn pass_on(&self, key: KeyId, request: Request<Incoming>) -> Result<Response, Error> {
        let (head, body) = request.into_parts();
        let body = tokio::time::timeout(PATIENCE, Limited::new(body, LARGEST_BODY).collect()).await;
        let body = body
            .map_err(|_| Error::slow_body())?
            .map_err(|_| Error::bad_request("", "the body broke off, or is too large"))?
            .to_bytes();
        let (upstream, body) = self.handle.pass_on(key, Request::from_parts(head, body)).await?.into_parts();
        let mut answer = Response::new(Body::new(body));
        *answer.status_mut() = upstream.status;
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
            if let Some(value) = upstream.headers.get(&name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(answer)
    }
}

fn refused(error: &Error) -> Response {
    let status = match error {
        error if error.is_unauthorized() => StatusCode::UNAUTHORIZED,
        error if error.is_forbidden() => StatusCode::FORBIDDEN,
        error if error.is_bad_request() => StatusCode::BAD_REQUEST,
        error if error.is_slow_body() => StatusCode::REQUEST_TIMEOUT,
        error if error.is_no_key() => StatusCode::SERVICE_UNAVAILABLE,
        error if error.is_timeout() => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    Problem::new(status, error.name(), error.to_string()).into_response()
}

/// What lets a client start that has no account behind it. Its procedures answer `ok` with a result.
fn stub(uri: &http::Uri) -> Value {
    let user = json!({"id": "amp-pool", "username": "amp-pool", "email": "amp-pool@localhost", "emailVerified": true});
    let result = |result: Value| json!({"ok": true, "result": result});
    match (uri.path(), uri.query().unwrap_or_default()) {
        ("/api/internal", "getUserInfo") => result(user),
        ("/api/internal", "userDisplayBalanceInfo") => result(json!({"displayText": "Served by AMP Pool"})),
        (path, _) if path.starts_with("/api/internal") => result(json!({})),
        ("/api/user", _) => user,
        _ => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_of_the_admin_api_is_taken() {
        let admin = crate::app::list_routes();
        let paths = admin.lines().filter_map(|line| line.split_whitespace().nth(2));
        for path in paths.filter(|path| path.starts_with("/api/")) {
            assert_eq!(duty(path), None, "{path}");
        }
        assert_eq!(duty("/api/threads/T-1"), Some(Duty::Account));
        assert_eq!(duty("/api/users"), None);
    }
}
