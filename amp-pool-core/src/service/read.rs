//! From a body on the wire to one `Bytes`, and to what it asks for.

use std::{
    io::Read as _,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::header;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, Service};

use super::{Arrived, Ask, BoxError, Call, Known, Limits, Response, ResponseFuture, ambient, conversation, headers};
use crate::{
    Error,
    format::{Endpoint, Format, Peek, PeekError, google_model, peek},
    id::TokenId,
};

/// Makes [`Read`].
#[derive(Debug, Clone)]
pub struct ReadLayer(Arc<Limits>);

impl ReadLayer {
    /// A layer that reads within `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(limits))
    }
}

impl<S> Layer<S> for ReadLayer {
    type Service = Read<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Read { limits: self.0.clone(), inner }
    }
}

/// Reads bodies.
#[derive(Debug, Clone)]
pub struct Read<S> {
    limits: Arc<Limits>,
    inner: S,
}

impl<S, B> Service<Known<B>> for Read<S>
where
    S: Service<Call, Response = Response, Error = Error, Future = ResponseFuture> + Clone + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, known: Known<B>) -> ResponseFuture {
        let mut inner = self.inner.clone();
        let limits = self.limits.clone();
        // Taken apart here: a future keeps room for what it is handed beside what it makes of it.
        let Known { caller, arrived } = known;
        let Arrived { id, received, started, endpoint, format, provider, request, .. } = arrived;
        let (head, body) = request.into_parts();
        let head = Box::new(head);
        Box::pin(async move {
            let encoding = Encoding::of(&head.headers)?;
            let body = encoding.decode(collect(body, &limits).await?, &limits)?;
            let heading =
                Heading { token: caller.token, endpoint, format, path: head.uri.path(), headers: &head.headers };
            let ask = Box::new(Ask { provider, ..ask(heading, &body)? });
            inner.call(Call { id, received, started, caller, head, body, ask }).await
        })
    }
}

/// How a body is written. Some agents compress large ones; upstreams are sent what was in them.
#[derive(Clone, Copy)]
enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    fn of(headers: &http::HeaderMap) -> Result<Self, Error> {
        match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()).as_deref() {
            None | Some(b"" | b"identity") => Ok(Self::Identity),
            Some(b"gzip" | b"x-gzip") => Ok(Self::Gzip),
            Some(b"deflate") => Ok(Self::Deflate),
            Some(_) => {
                Err(Error::bad_request("content-encoding", "a request body may be compressed by gzip or deflate only"))
            }
        }
    }

    /// The body itself, within the same limit as one that came plain: a small body can hold a very large one.
    fn decode(self, body: Bytes, limits: &Limits) -> Result<Bytes, Error> {
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => inflate(flate2::read::MultiGzDecoder::new(&body[..]), limits),
            Self::Deflate => inflate(flate2::read::ZlibDecoder::new(&body[..]), limits),
        }
    }
}

fn inflate(body: impl std::io::Read, limits: &Limits) -> Result<Bytes, Error> {
    let mut plain = Vec::new();
    let read = body.take(limits.body as u64 + 1).read_to_end(&mut plain);
    read.map_err(|error| {
        Error::bad_request("content-encoding", "the request body is not what its content-encoding says")
            .with_source(error)
    })?;
    if plain.len() > limits.body { Err(Error::too_large(limits.body)) } else { Ok(plain.into()) }
}

/// Reads a body to its end. A body that came in one piece is passed on as that piece.
async fn collect<B>(body: B, limits: &Limits) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    if body.size_hint().lower() > limits.body as u64 {
        return Err(Error::too_large(limits.body));
    }
    let mut pace = Pace { begun: None, limits };
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(piece) = next_piece(&mut body, &mut pace, first.len() + all.len()).await? {
        if first.len() + all.len() + piece.len() > limits.body {
            return Err(Error::too_large(limits.body));
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all.reserve(usize::try_from(body.size_hint().lower()).unwrap_or(0) + first.len() + piece.len());
            all.extend_from_slice(&first);
            first.clear();
        }
        all.extend_from_slice(&piece);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// How fast a body has to come.
struct Pace<'a> {
    /// Since when it is waited for, if it had to be.
    begun: Option<Instant>,
    limits: &'a Limits,
}

impl Pace<'_> {
    /// By when the next piece has to be there, after `taken` bytes. A client that sends a byte before each gap is over would
    /// else be here for ever.
    fn until(&mut self, taken: usize) -> Instant {
        let Limits { body_gap, body_rate, .. } = *self.limits;
        let now = Instant::now();
        let (begun, next) = (*self.begun.get_or_insert(now), now + body_gap);
        let earned = Duration::from_millis(
            (taken as u64).saturating_mul(1000).checked_div(body_rate as u64).unwrap_or(u64::MAX),
        );
        begun.checked_add(body_gap.saturating_add(earned)).map_or(next, |last| next.min(last))
    }
}

/// The next piece of `body`, of which `taken` bytes have come.
async fn next_piece<B>(body: &mut Pin<&mut B>, pace: &mut Pace<'_>, taken: usize) -> Result<Option<Bytes>, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    loop {
        let slow = || sleep_until(pace.until(taken));
        let frame = ambient::before(slow, body.frame()).await.ok_or_else(Error::slow_body)?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(Error::bad_request("", "the request body broke off").with_source(error));
            }
            // Trailers carry nothing we pass on.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.has_remaining() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}

/// Who asks, and how the request is headed.
#[derive(Clone, Copy)]
struct Heading<'a> {
    token: Option<TokenId>,
    endpoint: Endpoint,
    format: Format,
    path: &'a str,
    headers: &'a http::HeaderMap,
}

fn ask(heading: Heading<'_>, body: &Bytes) -> Result<Ask, Error> {
    if heading.endpoint.needs_model() {
        let peeked = peek(body).map_err(|error| bad_body(&error))?;
        if peeked.model.is_none() {
            return Err(Error::bad_request("model", "`model` is missing: name the model the call is for"));
        }
        return Ok(wanted(heading, &peeked));
    }
    if let Some((model, verb)) = google_model(heading.path).filter(|_| heading.endpoint == Endpoint::Google) {
        let stream = verb.starts_with("stream");
        return Ok(Ask { stream, ..Ask::plain(heading.endpoint, heading.format, model) });
    }
    // What we do not understand we pass on; what looks like ours tells us the model.
    let peeked = headers::is_json(heading.headers).then(|| peek(body).ok()).flatten();
    Ok(peeked.map_or_else(|| nothing_known(heading), |peeked| wanted(heading, &peeked)))
}

fn bad_body(error: &PeekError) -> Error {
    Error::bad_request(error.field().unwrap_or_default().to_owned(), error.to_string())
}

fn wanted(heading: Heading<'_>, peeked: &Peek<'_>) -> Ask {
    let Heading { token, endpoint, headers, .. } = heading;
    let chat_stream = endpoint == Endpoint::ChatCompletions && peeked.stream;
    Ask {
        model: peeked.model.as_deref().unwrap_or_default().into(),
        model_span: peeked.model_span.clone(),
        stream: peeked.stream,
        max_output: peeked.max_output,
        ask_for_usage: if chat_stream { peeked.ask_for_usage() } else { None },
        terms: peeked.terms,
        talk: conversation::of(token, endpoint, headers, &peeked.beginning),
        ..nothing_known(heading)
    }
}

fn nothing_known(Heading { endpoint, format, .. }: Heading<'_>) -> Ask {
    Ask::plain(endpoint, format, "")
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// What becomes of `pieces` pieces of `bytes` bytes each, with a pause before each, and after how long.
    async fn fed(pieces: usize, bytes: usize, pause: Duration) -> (Result<usize, Error>, Duration) {
        let body = stream::unfold(pieces, |left| async move {
            let left = left.checked_sub(1)?;
            tokio::time::sleep(pause).await;
            Some((Ok::<_, BoxError>(Frame::data(Bytes::from(vec![b'x'; bytes]))), left))
        });
        let (start, limits) = (Instant::now(), Limits { body_rate: 1000, ..Limits::default() });
        let read = collect(StreamBody::new(body), &limits).await;
        (read.map(|body| body.len()), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_pauses_for_too_long_is_not_waited_for() {
        let (read, after) = fed(2, 1000, Duration::from_secs(31)).await;
        assert!(read.unwrap_err().is_slow_body());
        assert_eq!(after, Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_does_not_keep_a_call_open() {
        let (read, after) = fed(usize::MAX, 1, Duration::from_secs(20)).await;
        assert!(read.unwrap_err().is_slow_body());
        assert!(after < Duration::from_secs(31), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_body_may_come_slowly() {
        let (read, after) = fed(100, 20_000, Duration::from_secs(19)).await;
        assert_eq!(read.unwrap(), 2_000_000);
        assert!(after > Duration::from_secs(1899), "{after:?}");
    }
}
