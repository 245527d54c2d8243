//! The front door: accepts connections, speaks HTTP/1 and HTTP/2 on each, and closes in good order.
//!
//! Which answer a request gets is [`App`]'s business.

mod body;
mod outside;
mod stall;

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
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::app::App;

pub(crate) use body::FrontBody;
use outside::{Event, Outside};
use stall::StallLimit;

/// How long a client may take to send the head of a request. Also how long a connection may rest between two requests.
const HEAD: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what is written to it.
const STALL: Duration = Duration::from_secs(60);
/// How long the streams of connections that are gone may take to notice.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long accepting pauses when the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);
const HEAD_BYTES: u32 = 64 * 1024;
const STREAMS: u32 = 100;
const RESETS: usize = 20;

/// Listens, and knows who answers.
pub(crate) struct Front {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    http: Builder<Streams>,
    room: Arc<Semaphore>,
    open: Open,
}

/// What is being served. Dropping it breaks off all connections.
#[derive(Default)]
struct Open {
    connections: JoinSet<()>,
    streams: Streams,
    /// Asks the connections to finish what runs and take nothing new.
    closing: CancellationToken,
}

/// Runs the streams of HTTP/2 connections, and knows when all have ended.
#[derive(Clone, Default)]
struct Streams(TaskTracker);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

impl Front {
    pub(crate) fn new(listener: TcpListener, app: App) -> Result<Self, crate::ServeError> {
        let address = listener.local_addr().map_err(crate::ServeError::other)?;
        let open = Open::default();
        let http = http(open.streams.clone());
        Ok(Self {
            listener,
            address,
            app: Arc::new(app),
            http,
            room: Arc::new(Semaphore::new(most_connections())),
            open,
        })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then stops listening. What runs goes on under the [`Draining`] that is returned.
    pub(crate) async fn serve_until(mut self, stop: impl Future<Output = ()>) -> Draining {
        tokio::select! {
            () = stop => {}
            never = self.accept() => match never {},
        }
        Draining(self.open)
    }

    async fn accept(&mut self) -> Infallible {
        loop {
            tokio::select! {
                // A connection that has ended is forgotten.
                Some(_) = self.open.connections.join_next() => {}
                accepted = next(&self.listener, &self.room) => match accepted {
                    Ok((stream, peer, permit)) => self.open(stream, peer, permit),
                    Err(error) => rest_after(&error).await,
                }
            }
        }
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let connection = serve(stream, peer, self.http.clone(), Arc::clone(&self.app), self.open.closing.clone());
        self.open.connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
}

/// The next connection, when there is room for it. Until then clients wait in the kernel's queue, where they cost us no
/// descriptor.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    listener.accept().await.map(|(stream, peer)| (stream, peer, permit))
}

/// Connections that finish what they are doing.
pub(crate) struct Draining(Open);

impl Draining {
    /// Waits until all are done, or until `limit` has passed or `hurry` is ready; breaks off what is left then.
    pub(crate) async fn finish(self, limit: Duration, hurry: impl Future<Output = ()>) {
        let Open { mut connections, streams: Streams(streams), closing } = self.0;
        closing.cancel();
        let all = async { while connections.join_next().await.is_some() {} };
        let cut = tokio::select! {
            () = all => None,
            () = sleep(limit) => Some("the drain limit has passed"),
            () = hurry => Some("asked to hurry"),
        };
        if let Some(why) = cut {
            tracing::warn!(connections = connections.len(), "breaking off what still runs: {why}");
        }
        connections.shutdown().await;
        // Streams of HTTP/2 end by themselves when their connection has; their calls are to be in the books as well.
        streams.close();
        if timeout(FAREWELL, streams.wait()).await.is_err() {
            tracing::warn!(streams = streams.len(), "some streams do not end");
        }
    }
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, peer: SocketAddr, http: Builder<Streams>, app: Arc<App>, closing: CancellationToken) {
    // Events of a stream are small and must not wait for each other. Failing costs speed only.
    let _ = stream.set_nodelay(true);
    let spoke = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&spoke);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        let app = Arc::clone(&app);
        async move { Ok::<Response<FrontBody>, Infallible>(app.answer(request, peer.ip()).await) }
    });
    let io = TokioIo::new(StallLimit::new(stream, STALL));
    let mut connection = pin!(http.serve_connection(io, service));
    let mut outside = Outside::new(closing);
    loop {
        tokio::select! {
            biased;
            // How it ended is the client's affair; what was being answered has been booked by its body.
            _ = connection.as_mut() => return,
            event = outside.next() => match event {
                Event::Closing => connection.as_mut().graceful_shutdown(),
                Event::HeadIsLate if spoke.load(Ordering::Relaxed) => {}
                Event::HeadIsLate => return,
            }
        }
    }
}

fn http(streams: Streams) -> Builder<Streams> {
    let mut http = Builder::new(streams);
    // A head has at most a hundred headers: hyper's own limit, kept on the stack as long as nobody sets one.
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(true);
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
