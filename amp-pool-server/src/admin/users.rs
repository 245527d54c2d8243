//! `/api/users`: who may sign in, and what they may do.

use std::sync::Arc;

use amp_pool_core::{
    id::UserId,
    secret::Secret,
    time::{Clock as _, SystemClock, Timestamp},
    user::{Role, UnknownRole, User, UserSpec},
};
use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    List, Problem,
    auth::strong,
    input::{Input, Params, Row, given},
    page::PageParams,
};
use crate::{
    access::{Gate, username},
    openapi::{Null, RoleName},
};

/// Every field may be left out: a new user then has the default, a known one keeps what it has.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-needed" = ["username", "password", "role"]))]
pub(crate) struct UserInput {
    #[serde(deserialize_with = "given")]
    username: Option<String>,
    /// `null`, for somebody new: signs in by OpenID Connect alone, the first time by the address that is the username.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Null<Secret>")]
    password: Option<Option<Secret>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "RoleName")]
    role: Option<String>,
    #[serde(deserialize_with = "given")]
    enabled: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(crate) struct UserOut {
    id: UserId,
    create_time: Timestamp,
    update_time: Timestamp,
    username: String,
    #[schemars(with = "RoleName")]
    role: &'static str,
    enabled: bool,
    /// Without one the user signs in by OpenID Connect.
    has_password: bool,
    last_login: Option<Timestamp>,
}

pub(crate) async fn list(
    State(gate): State<Arc<Gate>>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<UserOut>>, Problem> {
    let users = gate.store.users().await?;
    Ok(Json(params.page(users.into_iter().map(UserOut::from).collect(), |user: &UserOut| user.id)?))
}

pub(crate) async fn add(
    State(gate): State<Arc<Gate>>,
    Input(input): Input<UserInput>,
) -> Result<(StatusCode, Json<UserOut>), Problem> {
    let name = username("username", &input.username.ok_or_else(|| Problem::missing("username"))?)?;
    let role = read_role(&input.role.ok_or_else(|| Problem::missing("role"))?)?;
    let password = input.password.ok_or_else(|| Problem::missing("password"))?;
    let hash = match password {
        Some(password) => Some(hash_of(&gate, password, &name).await?),
        None => None,
    };
    let spec = UserSpec { username: name, role, enabled: input.enabled.unwrap_or(true) };
    let made = gate.store.insert_user(spec, hash, SystemClock.now()).await?;
    if made.is_active_admin() {
        gate.note_admin();
    }
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Replaces what is given. Another password ends the user's sessions, and so do fewer rights.
pub(crate) async fn change(
    State(gate): State<Arc<Gate>>,
    Row(id): Row,
    Input(input): Input<UserInput>,
) -> Result<Json<UserOut>, Problem> {
    let known = gate.user(UserId(id)).await?;
    let name = input.username.map_or(Ok(known.spec.username), |text| username("username", &text))?;
    let role = input.role.map_or(Ok(known.spec.role), |text| read_role(&text))?;
    let hash = match input.password {
        Some(Some(password)) => Some(hash_of(&gate, password, &name).await?),
        Some(None) if known.password.is_some() => {
            return Err(Problem::field("password", "a password can be changed, and not be taken away"));
        }
        _ => None,
    };
    let spec = UserSpec { username: name, role, enabled: input.enabled.unwrap_or(known.spec.enabled) };
    let mut user = gate.store.update_user(known.id, spec, SystemClock.now()).await?;
    if user.is_active_admin() {
        gate.note_admin();
    }
    if let Some(hash) = hash {
        user.update_time = SystemClock.now();
        gate.store.set_password(known.id, hash.clone(), user.update_time).await?;
        user.password = Some(hash);
    }
    Ok(Json(user.into()))
}

pub(crate) async fn remove(State(gate): State<Arc<Gate>>, Row(id): Row) -> Result<StatusCode, Problem> {
    gate.store.delete_user(UserId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn hash_of(gate: &Gate, password: Secret, username: &str) -> Result<Secret, Problem> {
    strong("password", &password, username)?;
    gate.hash(password).await
}

fn read_role(text: &str) -> Result<Role, Problem> {
    text.parse().map_err(|error: UnknownRole| Problem::field("role", error.to_string()))
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            create_time: user.create_time,
            update_time: user.update_time,
            username: user.spec.username,
            role: user.spec.role.as_str(),
            enabled: user.spec.enabled,
            has_password: user.password.is_some(),
            last_login: user.last_login,
        }
    }
}

#[cfg(test)]
pub(super) fn read(body: &[u8]) -> Result<(), Problem> {
    let input = super::input::parse::<UserInput>(body)?;
    let name = username("username", &input.username.unwrap_or_default())?;
    read_role(&input.role.unwrap_or_default())?;
    input.password.flatten().map_or(Ok(()), |password| strong("password", &password, &name))
}
