//! Pools: one that a program made, or that of a server in its process.

use std::{any::Any, sync::Arc, time::Duration};

use amp_pool_core::{Pool, handle::Handle};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::ServiceExt as _;

use crate::{call::Call, config::Config, engine::Engine, status::Failure, table::Kind};

#[cfg(not(feature = "server"))]
mod bare;
#[cfg(feature = "server")]
mod embedded;

#[cfg(not(feature = "server"))]
use bare as way;
#[cfg(feature = "server")]
use embedded as way;

pub(crate) use way::Admin;
#[cfg(feature = "server")]
pub(crate) use way::{refused, settings};

/// How long the last handle of a pool waits for its books.
const FAREWELL: Duration = Duration::from_secs(30);

/// A pool, and what it lives in. Calls keep it alive.
pub(crate) struct Host {
    pool: Pool,
    admin: Admin,
    own: Option<way::Own>,
    /// A server has its own life; its pool is only borrowed.
    _server: Option<Arc<dyn Any + Send + Sync>>,
    // After everything that runs on it.
    engine: Arc<Engine>,
}

/// What a handle of a pool stands for.
pub(crate) struct PoolHandle(pub(crate) Arc<Host>);

impl Kind for PoolHandle {
    const NUMBER: u64 = 1;
    const NAME: &'static str = "pool";
}

impl Host {
    /// Opens a pool of the program's own.
    pub(crate) fn open(config: Config) -> Result<Self, Failure> {
        let engine = Engine::get()?;
        let opened = engine.wait(Box::pin(way::Own::open(config)), None)?;
        let own = opened.ok_or_else(Failure::panicked)??;
        Ok(Self { pool: own.pool(), admin: own.admin(), own: Some(own), _server: None, engine })
    }

    /// The pool of a server.
    #[cfg(feature = "server")]
    pub(crate) fn of_server(pool: Pool, admin: Admin, server: Arc<dyn Any + Send + Sync>, engine: Arc<Engine>) -> Self {
        Self { pool, admin, own: None, _server: Some(server), engine }
    }

    pub(crate) fn handle(&self) -> Handle {
        self.pool.handle()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Begins a call.
    pub(crate) fn call(self: &Arc<Self>, request: Request<Full<Bytes>>) -> Result<Call, Failure> {
        let pool = self.pool.clone();
        Call::start(&self.engine, self.clone(), async move {
            let Ok(answer) = pool.oneshot(request).await;
            answer
        })
    }

    /// Begins a request to the admin API.
    pub(crate) fn ask_admin(self: &Arc<Self>, request: Request<Full<Bytes>>) -> Result<Call, Failure> {
        self.admin.ask(&self.engine, self.clone(), request)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            // What can not be written in time is told by the log; there is nobody else to tell.
            let _ = self.engine.wait(own.close(), Some(FAREWELL));
        }
    }
}
