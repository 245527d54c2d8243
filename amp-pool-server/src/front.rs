//! The front door: accepts connections, speaks HTTP/1 and HTTP/2 on each, and closes in good order.
//!
//! Which answer a request gets is [`App`]'s business.

mod body;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::app::App;

pub(crate) use body::FrontBody;

/// How long a client may take to send the head of a request. Also how long a connection may rest between two requests.
const HEAD: Duration = Duration::from_secs(10);
/// How long accepting pauses when the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);
const HEAD_BYTES: u32 = 64 * 1024;
const HEADERS: usize = 100;
const STREAMS: u32 = 100;
const RESETS: usize = 20;

/// Listens, and knows who answers.
pub(crate) struct Front {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    http: Builder<TokioExecutor>,
    connections: Arc<Semaphore>,
    doors: Doors,
    // Whoever drops the front breaks off its connections.
    guard: DropGuard,
}

/// What all connections watch.
#[derive(Clone, Default)]
struct Doors {
    open: TaskTracker,
    /// Finish what runs and take nothing new.
    closing: CancellationToken,
    /// Break off.
    closed: CancellationToken,
}

impl Front {
    pub(crate) fn new(listener: TcpListener, app: App) -> Result<Self, crate::ServeError> {
        let address = listener.local_addr().map_err(crate::ServeError::other)?;
        let connections = Arc::new(Semaphore::new(most_connections()));
        let doors = Doors::default();
        let guard = doors.closed.clone().drop_guard();
        Ok(Self { listener, address, app: Arc::new(app), http: http(), connections, doors, guard })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then stops listening. What runs goes on under the [`Draining`] that is returned.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) -> Draining {
        tokio::select! {
            () = stop => {}
            never = self.accept() => match never {},
        }
        Draining { doors: self.doors, _guard: self.guard }
    }

    async fn accept(&self) -> Infallible {
        loop {
            // Beyond the limit clients wait in the kernel's queue, where they cost us no descriptor.
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else { continue };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let connection = serve(stream, self.http.clone(), Arc::clone(&self.app), self.doors.clone());
                    self.doors.open.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => rest_after(&error).await,
            }
        }
    }
}

/// Connections that finish what they are doing.
pub(crate) struct Draining {
    doors: Doors,
    _guard: DropGuard,
}

impl Draining {
    /// Waits until all are done, or until `limit` has passed or `hurry` is ready; breaks off what is left then.
    pub(crate) async fn finish(self, limit: Duration, hurry: impl Future<Output = ()>) {
        let Doors { open, closing, closed } = &self.doors;
        closing.cancel();
        open.close();
        tokio::select! {
            () = open.wait() => return,
            () = sleep(limit) => tracing::warn!(left = open.len(), "the drain limit has passed"),
            () = hurry => tracing::warn!(left = open.len(), "asked to hurry"),
        }
        closed.cancel();
        open.wait().await;
    }
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, http: Builder<TokioExecutor>, app: Arc<App>, doors: Doors) {
    // Events of a stream are small and must not wait for each other. Failing costs speed only.
    let _ = stream.set_nodelay(true);
    let spoke = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&spoke);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        let app = Arc::clone(&app);
        async move { Ok::<Response<FrontBody>, Infallible>(app.answer(request).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));

    // The builder's own limit starts when the protocol is known; until the first head it is ours.
    let deadline = sleep(HEAD);
    let mut deadline = pin!(deadline);
    let mut waiting = true;
    let mut closing = pin!(doors.closing.cancelled());
    let mut asked = false;
    loop {
        tokio::select! {
            // How it ended is the client's affair; what was being answered has been booked by its body.
            _ = connection.as_mut() => return,
            () = doors.closed.cancelled() => return,
            () = &mut closing, if !asked => {
                asked = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut deadline, if waiting => {
                waiting = false;
                if !spoke.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(HEADERS).keep_alive(true);
    http.http1().max_buf_size(HEAD_BYTES as usize);
    http.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES).max_concurrent_streams(STREAMS);
    http.http2().max_pending_accept_reset_streams(RESETS).keep_alive_interval(Duration::from_secs(20));
    http
}

async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    // Out of descriptors: the next accept would fail as well, so trying at once would spin.
    tracing::warn!("cannot accept a connection: {error}");
    sleep(PAUSE).await;
}

/// Half of the descriptors the process may have: each connection may need a second one to an upstream.
fn most_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)).and_then(|soft| soft.parse().ok());
    (soft.unwrap_or(1024_usize) / 2).clamp(64, Semaphore::MAX_PERMITS)
}
