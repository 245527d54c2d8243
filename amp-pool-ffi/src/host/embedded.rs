//! Pools with everything the server has but the network.

use std::{any::Any, sync::Arc};

use amp_pool_core::Pool;
use amp_pool_server::{AdminDoor, Embedded, ServeError, config::Settings};
use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::Full;

use crate::{call::Call, config::Config, engine::Engine, status::Failure};

/// A pool and its admin API.
pub(super) struct Own(Embedded);

impl Own {
    pub(super) async fn open(config: Config) -> Result<Self, Failure> {
        let embedded = Embedded::open(settings(&config)?).await.map_err(|error| refused(&error))?;
        config.plant(&embedded.pool().handle()).await?;
        Ok(Self(embedded))
    }

    pub(super) fn pool(&self) -> Pool {
        self.0.pool()
    }

    pub(super) fn admin(&self) -> Admin {
        Admin(self.0.admin())
    }

    pub(super) async fn close(self) {
        self.0.close().await;
    }
}

/// Without a place to keep things, things are kept in memory.
pub(crate) fn settings(config: &Config) -> Result<Settings, Failure> {
    let given = config.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let is_homeless = config.setting("data_dir").or_else(|| config.setting("database_url")).is_none();
    let memory = is_homeless.then_some(("database_url", "memory:"));
    Settings::named(given.chain(memory)).map_err(Failure::config)
}

/// Why a pool or a server could not be opened.
pub(crate) fn refused(error: &ServeError) -> Failure {
    match error {
        ServeError::Settings(_) => Failure::config(error),
        _ => Failure::unavailable(error),
    }
}

/// The admin API.
pub(crate) struct Admin(pub(crate) AdminDoor);

impl Admin {
    pub(super) fn ask(
        &self,
        engine: &Engine,
        host: Arc<dyn Any + Send + Sync>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Call, Failure> {
        let json = http::HeaderValue::from_static("application/json");
        request.headers_mut().entry(CONTENT_TYPE).or_insert(json);
        let door = self.0.clone();
        Call::start(engine, host, async move { door.answer(request).await })
    }
}
