//! A server inside the program.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use amp_pool_core::Pool;
use amp_pool_server::{AdminDoor, Server};
use tokio::sync::{oneshot, watch};

use crate::{
    config::Config,
    engine::Engine,
    host::{Admin, Host, refused, settings},
    status::Failure,
    table::Kind,
};

/// How long the last handle of a server waits for what it breaks off.
const FAREWELL: Duration = Duration::from_secs(30);

/// A server that runs, or has run.
pub(crate) struct Running {
    address: String,
    pool: Pool,
    admin: AdminDoor,
    stop: Signal,
    hurry: Signal,
    ended: watch::Receiver<bool>,
    // After everything that runs on it.
    engine: Arc<Engine>,
}

/// What a handle of a server stands for.
pub(crate) struct ServerHandle(Arc<Running>);

impl Kind for ServerHandle {
    const NUMBER: u64 = 3;
    const NAME: &'static str = "server";
}

/// Can be given once.
struct Signal(Mutex<Option<oneshot::Sender<()>>>);

impl Signal {
    fn new() -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (give, given) = oneshot::channel();
        (Self(Mutex::new(Some(give))), async move { drop(given.await) })
    }

    fn give(&self) {
        if let Some(give) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It has ended by itself if nobody listens.
            let _ = give.send(());
        }
    }
}

impl ServerHandle {
    /// Opens everything and starts to serve.
    pub(crate) fn start(config: Config) -> Result<Self, Failure> {
        let engine = Engine::get()?;
        let server = engine.wait(Box::pin(bind(config)), None)?.ok_or_else(Failure::panicked)??;
        let (address, pool, admin) = (server.local_addr(), server.pool(), server.admin());
        let ((stop, stopped), (hurry, hurried)) = (Signal::new(), Signal::new());
        let (end, ended) = watch::channel(false);
        engine.spawn(Box::pin(async move {
            server.run(stopped, hurried).await;
            end.send_replace(true);
        }))?;
        Ok(Self(Arc::new(Running { address: url(address), pool, admin, stop, hurry, ended, engine })))
    }

    /// Where it listens, as an URL.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// Its pool, for calls from within.
    pub(crate) fn host(&self) -> Host {
        let Running { pool, admin, engine, .. } = &*self.0;
        Host::of_server(pool.clone(), Admin(admin.clone()), self.0.clone(), engine.clone())
    }

    /// Refuses what is new, and waits so long for what runs. Whether everything has ended.
    pub(crate) fn stop(&self, timeout: Option<Duration>) -> Result<bool, Failure> {
        self.0.stop.give();
        self.0.wait(timeout)
    }

    /// Breaks off what still runs when nobody has a handle of it any more.
    pub(crate) fn hurry(&self) {
        self.0.stop.give();
        self.0.hurry.give();
    }
}

impl Running {
    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Failure> {
        let mut ended = self.ended.clone();
        if *ended.borrow() {
            return Ok(true);
        }
        let end = async move { drop(ended.wait_for(|ended| *ended).await) };
        Ok(self.engine.wait(end, timeout)?.is_some())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.give();
        self.hurry.give();
        // What can not be written in time is told by the log; there is nobody else to tell.
        let _ = self.wait(Some(FAREWELL));
    }
}

async fn bind(config: Config) -> Result<Server, Failure> {
    let server = Server::bind(settings(&config)?).await.map_err(|error| refused(&error))?;
    config.plant(&server.handle()).await?;
    Ok(server)
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
