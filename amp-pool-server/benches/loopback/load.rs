//! The client: a fixed number of calls on a fixed number of connections, in a closed loop or at a fixed rate.
//!
//! At a fixed rate a call that is late because all connections wait is measured from when it was due: a proxy that stalls
//! does not get fewer calls to be slow at.
//!
//! Every answer is compared with the right one as it arrives. What was seen leaves as one line of JSON on stdout.

use std::{
    net::SocketAddr,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::join_all;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    ask::Ask,
    host,
    http1::{Connection, connect},
};

/// What to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) target: SocketAddr,
    pub(crate) token: String,
    pub(crate) ask: Ask,
    pub(crate) connections: usize,
    pub(crate) calls: usize,
    /// Calls a second; `None`: a closed loop.
    pub(crate) rate: Option<u32>,
    /// The whole job has to be done by then.
    pub(crate) seconds: u64,
}

impl FromStr for Job {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(json)
    }
}

/// What was seen. Only answers that were right to the last byte count as calls.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
    /// The first error of any connection, in words.
    pub(crate) error: Option<String>,
    /// The most calls whose answer had begun and not ended at one time.
    pub(crate) most_open: usize,
    pub(crate) first_byte: Latency,
    pub(crate) whole: Latency,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Does the job and tells what was seen.
pub(crate) fn run(job: Job) -> Result<()> {
    host::end_with_stdin();
    let limit = Duration::from_secs(job.seconds);
    // One thread: like the mock, it leaves the rest of the machine to the proxy.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let late = || format!("the load was not done after {limit:?}");
    let tally = runtime.block_on(async { tokio::time::timeout(limit, work(job)).await }).map_err(|_| late())?;
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

async fn work(job: Job) -> Tally {
    let connections = job.connections;
    let shared = Arc::new(Shared::new(job));
    let seen = join_all((0..connections).map(|index| connection(shared.clone(), index))).await;
    shared.tally(seen)
}

/// What the connections share.
struct Shared {
    answer: Bytes,
    events: u64,
    taken: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    began: Instant,
    job: Job,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    timings: Vec<Timing>,
    errors: u64,
    error: Option<String>,
}

struct Timing {
    first_byte: Duration,
    whole: Duration,
}

async fn connection(shared: Arc<Shared>, index: usize) -> Seen {
    tokio::time::sleep(shared.delay(index)).await;
    let mut seen = Seen::default();
    let mut open = None;
    while let Some(call) = shared.take() {
        let due = shared.wait_for(call).await;
        match shared.call(&mut open, call, due).await {
            Ok(timing) => seen.timings.push(timing),
            Err(error) => {
                open = None;
                seen.errors += 1;
                seen.error.get_or_insert(error.to_string());
            }
        }
    }
    seen
}

impl Shared {
    fn new(job: Job) -> Self {
        let parts = job.ask.answer();
        let events = if job.ask.stream.is_some() { parts.len() as u64 } else { 0 };
        let [taken, open, most_open] = [const { AtomicUsize::new(0) }; 3];
        Self { answer: parts.concat().into(), events, taken, open, most_open, began: Instant::now(), job }
    }

    /// When the connection begins: slow streams spread over the time between two events, as those of strangers do.
    fn delay(&self, index: usize) -> Duration {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let connections = u32::try_from(self.job.connections).unwrap_or(u32::MAX);
        let pace = Duration::from_millis(self.job.ask.stream.map_or(0, |stream| stream.pace_ms));
        pace * index / connections
    }

    fn take(&self) -> Option<usize> {
        Some(self.taken.fetch_add(1, Relaxed)).filter(|call| *call < self.job.calls)
    }

    /// Waits until `call` is due. Gives that moment if it has passed already: the call is late.
    async fn wait_for(&self, call: usize) -> Option<Instant> {
        let due = self.began + Duration::from_secs(1) * u32::try_from(call).ok()? / self.job.rate?;
        if due <= Instant::now() {
            return Some(due);
        }
        // How late the timer is, is the load's own affair.
        tokio::time::sleep_until(due.into()).await;
        None
    }

    /// Makes one call on `open`, which is opened first if it is not. Measured from `due`, if it is late.
    async fn call(&self, open: &mut Option<Connection>, call: usize, due: Option<Instant>) -> Result<Timing> {
        let connection = match open.as_mut().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => open.insert(connect(self.job.target).await?),
        };
        connection.ready().await?;
        let request = self.job.ask.request(&self.job.target.to_string(), &self.job.token, call)?;
        let start = due.unwrap_or_else(Instant::now);
        let answer = connection.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer).await);
        }
        self.read(answer.into_body(), start).await
    }

    async fn read(&self, mut body: Incoming, start: Instant) -> Result<Timing> {
        let mut first_byte = None;
        let mut rest = &self.answer[..];
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first_byte.is_none() {
                first_byte = Some((start.elapsed(), Open::new(self)));
            }
            rest = rest.strip_prefix(&data[..]).ok_or_else(|| self.differs(rest, &data))?;
        }
        let whole = start.elapsed();
        match first_byte {
            Some((first_byte, _open)) if rest.is_empty() => Ok(Timing { first_byte, whole }),
            _ => Err(format!("the answer ended {} bytes before its end", rest.len()).into()),
        }
    }

    fn differs(&self, rest: &[u8], data: &[u8]) -> String {
        let at = self.answer.len() - rest.len();
        format!("the answer differs after byte {at}: {}", String::from_utf8_lossy(data))
    }

    fn tally(&self, seen: Vec<Seen>) -> Tally {
        let timings: Vec<_> = seen.iter().flat_map(|seen| &seen.timings).collect();
        let calls = timings.len() as u64;
        Tally {
            calls,
            events: calls * self.events,
            bytes: calls * self.answer.len() as u64,
            errors: seen.iter().map(|seen| seen.errors).sum(),
            most_open: self.most_open.load(Relaxed),
            first_byte: Latency::of(timings.iter().map(|timing| timing.first_byte)),
            whole: Latency::of(timings.iter().map(|timing| timing.whole)),
            error: seen.into_iter().find_map(|seen| seen.error),
        }
    }
}

async fn refused(answer: Response<Incoming>) -> Error {
    let status = answer.status();
    match answer.into_body().collect().await {
        Ok(body) => format!("status {status}: {}", String::from_utf8_lossy(&body.to_bytes())).into(),
        Err(error) => format!("status {status}, and {error}").into(),
    }
}

/// Counts as an open answer for as long as it lives.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        let open = shared.open.fetch_add(1, Relaxed) + 1;
        shared.most_open.fetch_max(open, Relaxed);
        Self(&shared.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Latency {
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
        Self { p50_ms: at(50), p99_ms: at(99) }
    }
}
