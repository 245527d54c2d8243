//! The front door: accepts connections, speaks HTTP/1 and HTTP/2 on each, and closes in good order.
//!
//! Which answer a request gets is [`App`]'s business.

mod body;
mod chatter;
mod connection;
mod heavy;
mod listen;
mod outside;
mod room;
mod seldom;
mod stall;
mod streams;
mod tls;
mod version;
mod visits;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit},
    task::JoinSet,
    time::{sleep, sleep_until, timeout},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{ServeError, app::App, config::FrontSettings};

pub(crate) use body::FrontBody;
pub(crate) use connection::Visitor;
use connection::{House, serve};
pub(crate) use listen::listen;
use room::Room;
use seldom::Seldom;
pub(crate) use tls::Tls;
pub(crate) use visits::Visits;

/// How long the streams of connections that are gone may take to notice.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often those that rest are asked to make room, while there is none.
const CROWDED: Duration = Duration::from_secs(1);
/// How long accepting pauses when the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens, and knows who answers.
pub(crate) struct Front {
    listener: TcpListener,
    address: SocketAddr,
    house: Arc<House>,
    room: Room,
    visits: Arc<Visits>,
    open: Open,
    troubles: Troubles,
    certificates: Option<Certificates>,
}

/// What is being served. Dropping it breaks off all connections.
struct Open {
    connections: JoinSet<()>,
    streams: TaskTracker,
    /// Asks the connections to finish what runs and take nothing new.
    closing: CancellationToken,
    /// Asks those that are open now, and not those that come later.
    leaving: CancellationToken,
}

impl Open {
    fn new() -> Self {
        let closing = CancellationToken::new();
        let leaving = closing.child_token();
        Self { connections: JoinSet::new(), streams: TaskTracker::new(), closing, leaving }
    }
}

/// What goes wrong at the door.
#[derive(Default)]
struct Troubles {
    accepting: Seldom,
    crowding: Seldom,
    fullness: Seldom,
}

/// Looks after the certificate, as long as it is there.
struct Certificates {
    look: Arc<Notify>,
    _task: AbortOnDropHandle<()>,
}

/// Has the server's certificate read again, before it is looked at anyway.
#[derive(Clone)]
pub struct Reload(Arc<Notify>);

impl Reload {
    /// Asks for it. What comes of it is told in the log.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

impl Front {
    /// Begins to look after the certificate, if there is one, on the current runtime.
    pub(crate) fn new(
        listener: TcpListener,
        app: App,
        settings: &FrontSettings,
        tls: Option<Tls>,
    ) -> Result<Self, ServeError> {
        let address = listener.local_addr().map_err(ServeError::other)?;
        let tls = tls.map(Arc::new);
        let certificates = tls.clone().map(Certificates::follow);
        let visits = app.visits();
        let house = Arc::new(House::new(app, settings, tls));
        let room = Room::new(settings);
        let (open, troubles) = (Open::new(), Troubles::default());
        Ok(Self { listener, address, house, room, visits, open, troubles, certificates })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where there is a certificate: how to have it read again.
    pub(crate) fn reload(&self) -> Option<Reload> {
        self.certificates.as_ref().map(|certificates| Reload(Arc::clone(&certificates.look)))
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
        let mut due = tokio::time::Instant::now();
        loop {
            tokio::select! {
                // A connection that has ended is forgotten.
                Some(_) = self.open.connections.join_next() => {}
                accepted = next(&self.listener, &self.room) => match accepted {
                    Ok((stream, peer, one_of_all)) => self.open(stream, peer, one_of_all),
                    Err(error) => self.rest_after(&error).await,
                },
                () = sleep_until(due), if self.room.is_full() => {
                    due = tokio::time::Instant::now() + CROWDED;
                    self.make_room();
                }
            }
        }
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr, one_of_all: OwnedSemaphorePermit) {
        let Some(place) = self.room.enter(one_of_all, peer.ip(), self.house.trusts(peer.ip())) else {
            self.visits.over_share();
            if let Some(times) = self.troubles.crowding.happened(Instant::now()) {
                tracing::warn!(%peer, times, "closing a connection: its address has as many as it may");
            }
            return;
        };
        let (house, streams, closing) = (Arc::clone(&self.house), self.open.streams.clone(), self.open.leaving.clone());
        let visit = self.visits.begin();
        self.open.connections.spawn(async move {
            serve(stream, peer.ip(), house, streams, closing).await;
            drop((place, visit));
        });
    }

    /// Whoever rests on a connection takes the place of somebody who waits for one. What runs is finished.
    fn make_room(&mut self) {
        if let Some(times) = self.troubles.fullness.happened(Instant::now()) {
            let open = self.open.connections.len();
            tracing::warn!(open, times, "there are as many connections as there may be; those that rest are closed");
        }
        std::mem::replace(&mut self.open.leaving, self.open.closing.child_token()).cancel();
    }

    async fn rest_after(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        // Out of descriptors: the next accept would fail as well, so trying at once would spin.
        self.visits.not_accepted();
        if let Some(times) = self.troubles.accepting.happened(Instant::now()) {
            tracing::warn!(times, "cannot accept a connection: {error}");
        }
        sleep(PAUSE).await;
    }
}

impl Certificates {
    fn follow(tls: Arc<Tls>) -> Self {
        let look = Arc::new(Notify::new());
        let task = tokio::spawn(tls.follow(Arc::clone(&look)));
        Self { look, _task: AbortOnDropHandle::new(task) }
    }
}

/// The next connection, when there is room for it. Until then clients wait in the kernel's queue, where they cost us no
/// descriptor.
async fn next(listener: &TcpListener, room: &Room) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let one_of_all = room.one_more().await?;
    listener.accept().await.map(|(stream, peer)| (stream, peer, one_of_all))
}

/// Connections that finish what they are doing.
pub(crate) struct Draining(Open);

impl Draining {
    /// Waits until all are done, or until `limit` has passed or `hurry` is ready; breaks off what is left then.
    pub(crate) async fn finish(self, limit: Duration, hurry: impl Future<Output = ()>) {
        let Open { mut connections, streams, closing, .. } = self.0;
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
