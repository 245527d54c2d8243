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
    right::Right,
    tally::{Latency, Tally, Timing},
};

// So many calls at most begin in the time between two slow events: more than that is a crush at the door, which is not
// what slow streams are about.
const STARTS_PER_PACE: usize = 2_500;

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
    right: Right,
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
    /// How late each event was that told when it was sent.
    delays: Vec<Duration>,
    errors: u64,
    error: Option<String>,
}

async fn connection(shared: Arc<Shared>, index: usize) -> Seen {
    tokio::time::sleep(shared.delay(index)).await;
    let mut seen = Seen::default();
    let mut open = None;
    while let Some(call) = shared.take() {
        let due = shared.wait_for(call).await;
        match shared.call(&mut open, &mut seen.delays, call, due).await {
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
        let [taken, open, most_open] = [const { AtomicUsize::new(0) }; 3];
        Self {
            right: Right::of(job.ask),
            events: job.ask.script.events(),
            taken,
            open,
            most_open,
            began: Instant::now(),
            job,
        }
    }

    /// When the connection begins: slow streams spread over the time between two events, as those of strangers do.
    fn delay(&self, index: usize) -> Duration {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let connections = u32::try_from(self.job.connections).unwrap_or(u32::MAX);
        let pace = Duration::from_millis(self.job.ask.script.stream.map_or(0, |stream| stream.pace_ms));
        let paces = u32::try_from(self.job.connections.div_ceil(STARTS_PER_PACE)).unwrap_or(u32::MAX);
        pace * paces * index / connections
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
    async fn call(
        &self,
        open: &mut Option<Connection>,
        delays: &mut Vec<Duration>,
        call: usize,
        due: Option<Instant>,
    ) -> Result<Timing> {
        let connection = match open.as_mut().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => open.insert(connect(self.job.target).await?),
        };
        connection.ready().await?;
        let request = self.job.ask.request(&self.job.target.to_string(), &self.job.token, call)?;
        let start = due.unwrap_or_else(Instant::now);
        let answer = connection.send_request(request).await?;
        let head = start.elapsed();
        if answer.status() != StatusCode::OK {
            return Err(refused(answer).await);
        }
        self.read(answer.into_body(), delays, start, head).await
    }

    async fn read(
        &self,
        mut body: Incoming,
        delays: &mut Vec<Duration>,
        start: Instant,
        head: Duration,
    ) -> Result<Timing> {
        let mut first_byte = None;
        let mut reader = self.right.reader();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first_byte.is_none() {
                first_byte = Some((start.elapsed(), Open::new(self)));
            }
            reader.take(&data, delays)?;
        }
        let whole = start.elapsed();
        let bytes = reader.end()?;
        let (first_byte, _open) = first_byte.ok_or("an answer without a body")?;
        Ok(Timing { head, first_byte, whole, bytes })
    }

    fn tally(&self, seen: Vec<Seen>) -> Tally {
        let timings: Vec<_> = seen.iter().flat_map(|seen| &seen.timings).collect();
        let calls = timings.len() as u64;
        Tally {
            calls,
            events: calls * self.events,
            bytes: timings.iter().map(|timing| timing.bytes as u64).sum(),
            errors: seen.iter().map(|seen| seen.errors).sum(),
            most_open: self.most_open.load(Relaxed),
            head: Latency::of(timings.iter().map(|timing| timing.head)),
            first_byte: Latency::of(timings.iter().map(|timing| timing.first_byte)),
            whole: Latency::of(timings.iter().map(|timing| timing.whole)),
            delay: Latency::of(seen.iter().flat_map(|seen| seen.delays.iter().copied())),
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
