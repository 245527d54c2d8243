//! `/api/auth`: coming in and going out.

pub(crate) mod oidc;

use std::sync::Arc;

use amp_pool_core::{secret::Secret, time::Timestamp, user::User};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, header::SET_COOKIE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Problem, input::Input};
use crate::{
    access::{Cookie, Gate, Peer, SessionId, Who, username, weakness},
    oidc::Oidc,
    openapi::{As, RoleName},
};

/// What is to be known before anybody has signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SetupState")]
pub(crate) struct StateOut {
    /// Whether the first admin has yet to be made, by the link in the server's log.
    setup_needed: bool,
    /// What the other way to sign in is called, at `/api/auth/oidc/login`. `null`: there is none.
    oidc: Option<String>,
}

pub(crate) async fn state(State(gate): State<Arc<Gate>>, State(oidc): State<Option<Arc<Oidc>>>) -> Json<StateOut> {
    let oidc = oidc.map(|oidc| oidc.settings.name.clone());
    Json(StateOut { setup_needed: gate.setup_secret().is_some(), oidc })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupInput {
    token: Secret,
    username: String,
    password: Secret,
}

/// Makes the first admin, and signs them in.
pub(crate) async fn setup(
    State(gate): State<Arc<Gate>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Input(input): Input<SetupInput>,
) -> Result<As<(StatusCode, Json<MeOut>)>, Problem> {
    let name = username("username", &input.username)?;
    strong("password", &input.password, &name)?;
    let user = gate.set_up(input.token.expose(), name, input.password).await?;
    gate.tell("setup", Some(&user), peer, StatusCode::CREATED).await;
    signed_in(&gate, &user, peer, &headers, StatusCode::CREATED).await.map(As::new)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginInput {
    username: String,
    password: Secret,
}

/// Signs somebody in.
pub(crate) async fn login(
    State(gate): State<Arc<Gate>>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Input(input): Input<LoginInput>,
) -> Result<As<Json<MeOut>>, Problem> {
    let name = input.username.trim().to_lowercase();
    match gate.check_login(&name, input.password, peer).await {
        Ok(user) => {
            gate.tell("login", Some(&user), peer, StatusCode::OK).await;
            signed_in(&gate, &user, peer, &headers, StatusCode::OK).await.map(As::new)
        }
        Err(problem) => {
            if problem.status() == StatusCode::UNAUTHORIZED {
                gate.tell("login", gate.find_user(&name).await.as_ref(), peer, problem.status()).await;
            }
            Err(problem)
        }
    }
}

/// Ends the session.
pub(crate) async fn logout(
    State(gate): State<Arc<Gate>>,
    who: Who,
    headers: HeaderMap,
) -> Result<As<StatusCode>, Problem> {
    if let Some(session) = who.session {
        gate.end(session.digest).await?;
    }
    with_cookie(StatusCode::NO_CONTENT.into_response(), &Cookie::Forget, &headers).map(As::new)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordInput {
    current_password: Secret,
    new_password: Secret,
}

/// Changes one's own password: all sessions end, and this one goes on under another id.
pub(crate) async fn password(
    State(gate): State<Arc<Gate>>,
    who: Who,
    headers: HeaderMap,
    Input(input): Input<PasswordInput>,
) -> Result<As<Json<MeOut>>, Problem> {
    gate.confirm("current_password", &who, input.current_password).await?;
    strong("new_password", &input.new_password, &who.name)?;
    let user = gate.user(who.user.ok_or_else(Problem::not_found)?).await?;
    let hash = gate.hash(input.new_password).await?;
    gate.store.set_password(user.id, hash, now()).await?;
    signed_in(&gate, &user, who.peer, &headers, StatusCode::OK).await.map(As::new)
}

/// Who asks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Me")]
pub(crate) struct MeOut {
    /// `null`: the admin token.
    user: Option<MyselfOut>,
    #[schemars(with = "RoleName")]
    role: &'static str,
    /// To be sent as `x-csrf-token` with everything but GET. `null`: not needed.
    csrf_token: Option<String>,
    /// When the session ends if it is not used.
    expires_at: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Myself")]
struct MyselfOut {
    id: i64,
    username: String,
    #[schemars(with = "RoleName")]
    role: &'static str,
}

pub(crate) async fn me(who: Who) -> Json<MeOut> {
    Json(who.into())
}

impl From<Who> for MeOut {
    fn from(who: Who) -> Self {
        let role = who.role.as_str();
        let (csrf_token, expires_at) =
            who.session.map(|session| (session.csrf.expose().to_owned(), session.ends_at)).unzip();
        let user = who.user.map(|id| MyselfOut { id: id.0, username: who.name, role });
        Self { user, role, csrf_token, expires_at }
    }
}

/// A password that is not among the first that are tried.
pub(super) fn strong(field: &'static str, password: &Secret, username: &str) -> Result<(), Problem> {
    weakness(password.expose(), username).map_or(Ok(()), |why| Err(Problem::field(field, why)))
}

async fn signed_in(
    gate: &Gate,
    user: &User,
    peer: std::net::IpAddr,
    headers: &HeaderMap,
    status: StatusCode,
) -> Result<Response, Problem> {
    let (id, who): (SessionId, Who) = gate.begin(user, peer).await?;
    with_cookie((status, Json(MeOut::from(who))).into_response(), &Cookie::Keep(id), headers)
}

fn with_cookie(mut response: Response, cookie: &Cookie, headers: &HeaderMap) -> Result<Response, Problem> {
    let value = cookie.header(headers).map_err(|error| Problem::broken(&error))?;
    response.headers_mut().append(SET_COOKIE, value);
    Ok(response)
}

fn now() -> Timestamp {
    use amp_pool_core::time::{Clock as _, SystemClock};
    SystemClock.now()
}

#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<LoginInput>(body).map(drop)
}

#[cfg(test)]
pub(super) fn read_setup(body: &[u8]) -> Result<(), Problem> {
    let input = super::input::parse::<SetupInput>(body)?;
    strong("password", &input.password, &username("username", &input.username)?)
}

#[cfg(test)]
pub(super) fn read_password(body: &[u8]) -> Result<(), Problem> {
    strong("new_password", &super::input::parse::<PasswordInput>(body)?.new_password, "ada")
}
