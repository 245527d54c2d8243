//! What the environment brings along for the pool: one client token and a few keys, each added once.

use amp_pool_core::{
    caller::{TokenDigest, TokenSpec},
    handle::{ChangeError, Handle, KeyView},
    keys::KeySpec,
    secret::Secret,
};

use crate::{
    ServeError,
    config::{SeedKey, Settings, SettingsError},
};

/// Adds what is not there yet.
pub(crate) async fn plant(handle: &Handle, settings: &Settings) -> Result<(), ServeError> {
    if let Some(token) = &settings.client_token {
        plant_token(handle, token).await.map_err(|error| explain("AMP_POOL_CLIENT_TOKEN", error))?;
    }
    for key in &settings.keys {
        plant_key(handle, key).await.map_err(|error| explain(key.variable, error))?;
    }
    Ok(())
}

async fn plant_token(handle: &Handle, token: &Secret) -> Result<(), ChangeError> {
    let digest = TokenDigest::of(token.expose());
    if handle.tokens().iter().any(|known| known.digest == digest) {
        return Ok(());
    }
    handle.add_token_with(TokenSpec::named("env"), token.clone()).await?;
    tracing::info!("added the client token of AMP_POOL_CLIENT_TOKEN");
    Ok(())
}

async fn plant_key(handle: &Handle, key: &SeedKey) -> Result<(), ChangeError> {
    // By credential, not by the store's fingerprint: an operator may have given the key another base URL since.
    let is_this = |view: &KeyView| view.key.spec.provider == key.provider && view.key.spec.api_key == key.api_key;
    if handle.keys().iter().any(is_this) {
        return Ok(());
    }
    match handle.add_key(KeySpec::new(key.variable, key.provider, key.api_key.clone())).await {
        Ok(_) => tracing::info!("added the key of {}", key.variable),
        Err(ChangeError::Conflict { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn explain(variable: &'static str, error: ChangeError) -> ServeError {
    let message = match error {
        ChangeError::Invalid { message, .. } => message,
        ChangeError::Conflict { what } => format!("{what} is there already"),
        ChangeError::NotFound => "cannot be added".into(),
        ChangeError::Unavailable(why) => format!("cannot be stored: {why}"),
    };
    SettingsError::new(variable, message).into()
}
