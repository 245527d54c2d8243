//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use amp_pool_core::caller::TrustedProxies;
use futures::{
    FutureExt as _,
    future::{BoxFuture, Either, ready},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    body::FrontBody,
    chatter::Chatter,
    heavy::{Heavy, may_be_heavy},
    outside::{Event, Outside},
    stall::StallLimit,
    streams::Streams,
    tls::Tls,
    version::Version,
};
use crate::{
    app::{App, Calling},
    config::FrontSettings,
};

const HEAD_BYTES: u32 = 64 * 1024;
/// Streams of a connection of HTTP/2 at a time.
const STREAMS: u32 = 100;
/// Streams that a client may take back before we have looked at them, and such that it makes us reset, before it is sent away.
const RESETS: usize = 20;
const FAULTS: usize = 100;
/// What is buffered for a stream whose client does not read.
const UNREAD: usize = 256 * 1024;
const PING: Duration = Duration::from_secs(20);

/// Who sends a request.
#[derive(Clone, Copy)]
pub(crate) struct Visitor {
    /// Where it comes from, as far as that can be known.
    pub(crate) address: IpAddr,
    /// Whether it came by TLS that ends here.
    pub(crate) by_tls: bool,
}

/// Answers on all connections, and how they are treated.
pub(super) struct House {
    app: App,
    proxies: TrustedProxies,
    tls: Option<Arc<Tls>>,
    head: Duration,
    stall: Duration,
}

impl House {
    pub(super) fn new(app: App, settings: &FrontSettings, tls: Option<Arc<Tls>>) -> Self {
        let FrontSettings { head, stall, ref proxies, .. } = *settings;
        Self { app, proxies: proxies.clone(), tls, head, stall }
    }

    /// Whether a proxy of ours stands there.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.trusts(address)
    }

    /// Answers a request of `visitor`, which may be a proxy that passes it on. Only what calls need has room in the future itself:
    /// hyper moves it from place to place.
    fn answer(
        house: &Arc<Self>,
        request: Request<Incoming>,
        visitor: Visitor,
    ) -> Either<Calling, BoxFuture<'static, Response<FrontBody>>> {
        if head_bytes(&request) > HEAD_BYTES as usize {
            return Either::Right(Box::pin(ready(too_large())));
        }
        let visitor = Visitor { address: house.proxies.client(visitor.address, request.headers()), ..visitor };
        let (is_call, is_heavy) = (house.app.is_call(&request), may_be_heavy(&request));
        if is_call && !is_heavy {
            return Either::Left(house.app.call(request, visitor));
        }
        let house = Arc::clone(house);
        let answer: BoxFuture<'_, _> = match is_call {
            true => Box::pin(house.app.call(request, visitor)),
            false => Box::pin(async move { house.app.answer(request, visitor).await }),
        };
        Either::Right(if is_heavy { Box::pin(Heavy(answer)) } else { answer })
    }

    fn http(&self, version: Version, streams: Streams) -> Builder<Streams> {
        let mut http = Builder::new(streams);
        // A head has at most a hundred headers: hyper's own limit, kept on the stack as long as nobody sets one.
        http.http1().timer(TokioTimer::new()).header_read_timeout(self.head).keep_alive(true);
        http.http1().max_buf_size(HEAD_BYTES as usize);
        http.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES).max_concurrent_streams(STREAMS);
        http.http2().max_pending_accept_reset_streams(RESETS).max_local_error_reset_streams(FAULTS);
        http.http2().max_send_buf_size(UNREAD).keep_alive_interval(PING).keep_alive_timeout(PING);
        if version == Version::Http1 { http.http1_only() } else { http }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    house: Arc<House>,
    streams: TaskTracker,
    closing: CancellationToken,
) {
    // Events of a stream are small and must not wait for each other. Failing costs speed only.
    let _ = stream.set_nodelay(true);
    let Some(tls) = house.tls.clone() else {
        let Some(Ok(version)) = begun(house.head, &closing, Version::of(&stream)).await else { return };
        let (stream, visitor) = (StallLimit::new(stream, house.stall), Visitor { address: peer, by_tls: false });
        return speak(stream, version, visitor, house, Streams::of(streams), closing).await;
    };
    // Boxed: whoever speaks no TLS needs no room for it.
    Box::pin(async move {
        match begun(house.head, &closing, tls.accept(StallLimit::new(stream, house.stall))).await {
            Some(Ok(stream)) => {
                let (version, visitor) = (Version::agreed(&stream), Visitor { address: peer, by_tls: true });
                speak(stream, version, visitor, house, Streams::of(streams), closing).await;
            }
            // Scanners and clients that trust another root come all the time.
            Some(Err(error)) => tracing::debug!(%peer, "no TLS with this client: {error}"),
            None => {}
        }
    })
    .await;
}

/// How a connection begins, for which it has `limit`. `None`: the server closes.
async fn begun<T>(
    limit: Duration,
    closing: &CancellationToken,
    beginning: impl Future<Output = io::Result<T>>,
) -> Option<io::Result<T>> {
    tokio::select! {
        begun = timeout(limit, beginning) => Some(begun.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))),
        () = closing.cancelled() => None,
    }
}

/// Speaks HTTP. What is in `visitor` is said of the connection; requests that a proxy passes on may come from elsewhere.
async fn speak(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    version: Version,
    visitor: Visitor,
    house: Arc<House>,
    streams: Streams,
    closing: CancellationToken,
) {
    let (http, head) = (house.http(version, streams.clone()), house.head);
    let spoke = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&spoke);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        House::answer(&house, request, visitor).map(Ok::<_, Infallible>)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(Chatter::new(io)), service));
    let (mut outside, mut streams_before) = (Outside::new(closing, head), 0);
    loop {
        tokio::select! {
            biased;
            // How it ended is the client's affair; what was being answered has been booked by its body.
            _ = connection.as_mut() => return,
            event = outside.next() => match event {
                Event::Closing => connection.as_mut().graceful_shutdown(),
                Event::HeadIsLate if spoke.load(Ordering::Relaxed) => {}
                Event::HeadIsLate => return,
                // HTTP/1 has a limit of its own for this. There is none for HTTP/2, whose clients only have to answer pings.
                Event::Look => match streams.at_rest() {
                    Some(so_far) if so_far == streams_before => {
                        if so_far > 0 {
                            connection.as_mut().graceful_shutdown();
                        }
                    }
                    so_far => streams_before = so_far.unwrap_or(streams_before),
                },
            }
        }
    }
}

/// What a head takes, but for what stands between its parts. The protocol's own limit is looked at between two reads, and lets
/// the last of them bring as much again.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    request.uri().path_and_query().map_or(0, |path| path.as_str().len()) + fields.sum::<usize>()
}

/// As the protocol says it of a head that it does not read to its end.
fn too_large() -> Response<FrontBody> {
    let mut response = Response::new(FrontBody::page(axum::body::Body::empty()));
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
