//! AMP Pool as a server: the pool behind its gateway paths, an admin API for users behind one lock, health, and the web UI.
//!
//! The binary is a few lines around this library. A host application can run the same server inside itself:
//!
//! ```no_run
//! # async fn host() -> Result<(), amp_pool_server::ServeError> {
//! use amp_pool_server::{Server, config::Settings};
//!
//! let settings = Settings { port: 0, data_dir: "/var/lib/amp-pool".into(), ..Settings::default() };
//! let server = Server::bind(settings).await?;
//! println!("serving on {}", server.local_addr());
//! server.run(std::future::pending(), std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod app;
pub mod config;
pub mod copies;
pub mod healthcheck;

mod access;
mod admin;
mod amp;
mod data_dir;
mod database;
mod embedded;
mod error;
mod front;
mod hex;
mod import;
mod mail;
mod metrics;
mod oidc;
mod openapi;
mod seed;
mod ui;

use std::{net::SocketAddr, time::Duration};

use amp_pool_core::{
    handle::{ChangeError, Handle, ReRate, ReRated},
    pool::Pool,
    secret::Secret,
    transport::reqwest::{Options, ReqwestTransport},
};
use tokio::net::TcpListener;

use crate::{
    config::{Settings, SettingsError},
    data_dir::DataDir,
    database::Opened,
    front::{Front, Tls},
    mail::Smtp,
};

pub use crate::{
    app::AdminDoor,
    data_dir::DataDirError,
    embedded::Embedded,
    error::ServeError,
    front::Reload,
    import::{Import, import},
};

/// Serves until `shutdown` is ready and running calls have finished, or the drain limit has passed.
///
/// # Errors
/// When the server cannot start. Nothing is served then.
pub async fn serve(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::bind(settings).await?.run(shutdown, std::future::pending()).await;
    Ok(())
}

/// Rates calls again by the prices of now. No server may run on the data directory meanwhile; while one does, its admin API
/// does the same.
///
/// # Errors
/// When the time is none, or the data directory or the database cannot be used. Calls that were adjusted by then stay so.
pub async fn re_rate(settings: Settings, wanted: ReRate) -> Result<ReRated, ServeError> {
    let settings = Settings { alerts: None, ..settings };
    let data_dir = embedded::data_dir(&settings)?;
    let handle = open_pool(database::open(&settings, data_dir.as_ref()).await?, &settings).await?.handle();
    let done = handle.re_rate(wanted).await;
    handle.close().await;
    done.map_err(|error| match error {
        ChangeError::Invalid { field, message } => SettingsError::new(field, message).into(),
        other => ServeError::other(other),
    })
}

/// A server that listens and is not serving yet.
pub struct Server {
    front: Front,
    pool: Pool,
    admin: AdminDoor,
    drain: Duration,
    // Held as long as anything may be written into the directory.
    data_dir: Option<DataDir>,
}

impl Server {
    /// Opens everything, in the order in which a failure does least harm, and starts to listen.
    ///
    /// # Errors
    /// Each with its own [exit code](ServeError::exit_code) and a message of one line.
    pub async fn bind(settings: Settings) -> Result<Self, ServeError> {
        let tls = settings.front.tls.clone().map(Tls::open).transpose()?;
        let data_dir = embedded::data_dir(&settings)?;
        let listener = listen(&settings).await?;
        let app = embedded::open_app(&settings, data_dir.as_ref()).await?;
        let (pool, admin, setup) = (app.pool(), app.door(), app.setup_secret());
        let front = Front::new(listener, app, &settings.front, tls)?;
        announce(front.local_addr(), &settings, setup.as_ref());
        Ok(Self { front, pool, admin, drain: settings.drain, data_dir })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.front.local_addr()
    }

    /// How to have the certificate read again. `None`: the server speaks no TLS.
    #[must_use]
    pub fn reload(&self) -> Option<Reload> {
        self.front.reload()
    }

    /// Live control of the pool.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.pool.handle()
    }

    /// The pool itself, for calls from within this process.
    #[must_use]
    pub fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// The admin API, for the program whose process this is.
    #[must_use]
    pub fn admin(&self) -> AdminDoor {
        self.admin.clone()
    }

    /// Serves until `stop` is ready; then refuses new calls and lets running ones finish, until the drain limit has
    /// passed or `hurry` is ready. What is left then is broken off and booked. Everything is on disk at the end.
    ///
    /// # Cancel safety
    /// Dropping the future breaks off all calls; what was queued for the books is written by the ledger as far as its
    /// runtime lives on.
    pub async fn run(self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let Self { front, pool, drain, data_dir, .. } = self;
        let handle = pool.handle();
        let draining = front.serve_until(stop).await;
        tracing::info!(limit = ?drain, "stopping: no new calls, running ones may finish");
        handle.start_draining();
        draining.finish(drain, hurry).await;
        handle.close().await;
        drop(data_dir);
        tracing::info!("stopped");
    }
}

async fn listen(settings: &Settings) -> Result<TcpListener, ServeError> {
    front::listen(&settings.host, settings.port)
        .await
        .map_err(|source| ServeError::Address { address: format!("{}:{}", settings.host, settings.port), source })
}

async fn open_pool(Opened { store, thoughts }: Opened, settings: &Settings) -> Result<Pool, ServeError> {
    let options = Options { block_private: settings.block_private_upstreams, ..Options::default() };
    let transport = ReqwestTransport::new(options).map_err(ServeError::other)?;
    let builder = Pool::builder()
        .store(store)
        .transport(transport)
        .limits(settings.limits.clone())
        .seal(thoughts)
        .naming_keys(settings.names_keys)
        .balances(settings.balances.clone())
        .mailer(Smtp::new(settings.block_private_upstreams));
    let builder = match &settings.traces {
        Some(traces) => builder.traces(traces.clone(), trace_transport()?),
        None => builder,
    };
    let builder = match settings.alerts {
        Some(every) => builder.alerts(every),
        None => builder,
    };
    Ok(builder.build().await?)
}

/// A collector is the operator's own, and may stand on this machine whatever upstreams may.
fn trace_transport() -> Result<ReqwestTransport, ServeError> {
    ReqwestTransport::new(Options::default()).map_err(ServeError::other)
}

fn announce(address: SocketAddr, settings: &Settings, setup: Option<&Secret>) {
    let version = env!("CARGO_PKG_VERSION");
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let scheme = if settings.front.tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, scheme, version, store = %settings.database(), "listening");
    if let Some(setup) = setup {
        // Behind a `#`, so that no browser sends it and no proxy notes it. It ends when it was used, or with the process.
        tracing::warn!("there is no admin yet; make one at {scheme}://{address}/setup#{}", setup.expose());
    }
}
