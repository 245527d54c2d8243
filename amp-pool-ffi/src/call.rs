//! A call: a task that fetches the answer, and the program that takes it piece by piece.

use std::{
    any::Any,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::task::AbortHandle;

use crate::{
    engine::Engine,
    events::Events,
    mailbox::{End, Found, Head, Mailbox},
    status::{AMP_POOL_BROKEN, AMP_POOL_BUSY, AMP_POOL_CANCELLED, Failure},
    table::Kind,
};

/// How long freeing a call that goes on waits until its record is under way.
const FAREWELL: Duration = Duration::from_secs(5);

/// A call and its answer.
pub(crate) struct Call {
    mailbox: Arc<Mailbox>,
    task: AbortHandle,
    head: OnceLock<Told>,
    reader: Mutex<Reader>,
    /// What the call was made from. The last field: it may end with the call, and not before it.
    _made_from: Arc<dyn Any + Send + Sync>,
}

/// The head as programs read it.
pub(crate) struct Told {
    head: Arc<Head>,
    /// `name: value` a line.
    lines: Vec<u8>,
}

/// What the program was given last.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) piece: Bytes,
    pub(crate) events: Events,
    pub(crate) collected: Vec<u8>,
}

impl Kind for Call {
    const NUMBER: u64 = 2;
    const NAME: &'static str = "call";
}

/// The request of a program.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = Method::from_bytes(method.as_bytes())
        .map_err(|_| Failure::argument(format!("`method`: `{method}` is none")))?;
    *request.uri_mut() = uri(path)?;
    *request.headers_mut() = read_lines(headers)?;
    Ok(request)
}

fn uri(path: &str) -> Result<Uri, Failure> {
    let uri: Uri = path.parse().map_err(|error| Failure::argument(format!("`path`: {error}")))?;
    if path.starts_with('/') { Ok(uri) } else { Err(Failure::argument("`path` has to begin with `/`")) }
}

/// Headers, `name: value` a line.
fn read_lines(text: &str) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let wrong = |what: &str| Failure::argument(format!("`headers`: line {}: {what}", at + 1));
        let (name, value) = line.split_once(':').ok_or_else(|| wrong("there is no `:`"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("this is no name of a header"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong("this is no value of a header"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn write_lines(headers: &HeaderMap) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in headers {
        lines.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    lines
}

impl Call {
    /// Starts a task that fetches `answer`; `made_from` lives as long as the call.
    pub(crate) fn start<B>(
        engine: &Engine,
        made_from: Arc<dyn Any + Send + Sync>,
        answer: impl Future<Output = Response<B>> + Send + 'static,
    ) -> Result<Self, Failure>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display + Send> + Send + 'static,
    {
        let mailbox = Arc::new(Mailbox::default());
        let task = engine.spawn(carry(Leaving(mailbox.clone()), Box::pin(answer)))?.abort_handle();
        Ok(Self { mailbox, task, head: OnceLock::new(), reader: Mutex::default(), _made_from: made_from })
    }

    /// The head, when it comes in time.
    pub(crate) fn head(&self, timeout: Option<Duration>) -> Result<Option<&Told>, Failure> {
        if self.head.get().is_none() {
            let Some(head) = given(self.mailbox.head(timeout))? else { return Ok(None) };
            // Only one of those who come here at once is kept; all are the same.
            self.head.get_or_init(|| Told { lines: write_lines(&head.headers), head });
        }
        Ok(self.head.get())
    }

    /// The reader, when nobody else has it.
    pub(crate) fn reader(&self) -> Result<MutexGuard<'_, Reader>, Failure> {
        match self.reader.try_lock() {
            Ok(reader) => Ok(reader),
            Err(TryLockError::WouldBlock) => Err(Failure::new(AMP_POOL_BUSY, "somebody else waits in this call")),
            Err(TryLockError::Poisoned(_)) => Err(Failure::panicked()),
        }
    }

    /// The next piece of the body.
    pub(crate) fn next(&self, timeout: Option<Duration>) -> Found<Bytes> {
        self.mailbox.next(timeout)
    }

    /// Ends the exchange; who waits in it is told.
    pub(crate) fn cancel(&self) {
        self.mailbox.end(End::Cancelled);
        self.task.abort();
    }
}

/// What was found, where only the whole end is none.
pub(crate) fn given<T>(found: Found<T>) -> Result<Option<T>, Failure> {
    match found {
        Found::Some(thing) => Ok(Some(thing)),
        Found::Nothing => Ok(None),
        Found::End(end) => Err(failure(end)),
    }
}

/// Why there is nothing, of an end that is not the whole one, or came too early.
pub(crate) fn failure(end: End) -> Failure {
    match end {
        End::Whole => Failure::new(AMP_POOL_BROKEN, "the answer ended before it began"),
        End::Broken(why) => Failure::new(AMP_POOL_BROKEN, why),
        End::Cancelled => Failure::new(AMP_POOL_CANCELLED, "the call was cancelled"),
        End::Panicked => Failure::panicked(),
    }
}

impl Told {
    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.headers.get(name).map(HeaderValue::as_bytes)
    }

    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.cancel();
        // The record of a call that was broken off is written by what ends it, which must not outlive the pool.
        self.mailbox.wait_left(FAREWELL);
    }
}

/// Carries an answer into the mailbox of `leaving`, which is dropped last.
async fn carry<B>(leaving: Leaving, answer: impl Future<Output = Response<B>>)
where
    B: Body<Data = Bytes, Error: std::fmt::Display + Send>,
{
    let mailbox = &leaving.0;
    let (head, body) = answer.await.into_parts();
    mailbox.put_head(Head { status: head.status, headers: head.headers });
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(piece)) if !piece.is_empty() => mailbox.put(piece).await,
            // Trailers say nothing here.
            Ok(_) => {}
            Err(error) => return mailbox.end(End::Broken(error.to_string())),
        }
    }
    mailbox.end(End::Whole);
}

/// Tells the reader when the task is gone, however it went.
struct Leaving(Arc<Mailbox>);

impl Drop for Leaving {
    fn drop(&mut self) {
        // Has no effect after an end of another kind.
        self.0.end(if std::thread::panicking() { End::Panicked } else { End::Cancelled });
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, headers: &str, expected: &str) {
        let found = request(method, path, headers, b"").map_or_else(|failure| failure.message, |_| String::new());
        assert_eq!(found, expected, "{method} {path} {headers}");
    }

    #[test]
    fn a_request_that_is_none_is_refused_by_its_argument() {
        check("POST", "/v1/chat/completions?a=b", "accept: */*\r\nx: 1\n", "");
        check("PO ST", "/", "", "`method`: `PO ST` is none");
        check("", "/", "", "`method`: `` is none");
        check("GET", "v1", "", "`path` has to begin with `/`");
        check("GET", "http://h/v1", "", "`path` has to begin with `/`");
        check("GET", "/ ", "", "`path`: invalid uri character");
        check("GET", "/", "x: 1\nno colon", "`headers`: line 2: there is no `:`");
        check("GET", "/", "a b: 1", "`headers`: line 1: this is no name of a header");
        check("GET", "/", "a: \u{1}", "`headers`: line 1: this is no value of a header");
    }

    #[test]
    fn headers_are_written_as_they_are_read() {
        let text = "a: 1\na: 2\nb: 3\n";
        assert_eq!(write_lines(&read_lines(text).unwrap()), text.as_bytes());
    }
}
