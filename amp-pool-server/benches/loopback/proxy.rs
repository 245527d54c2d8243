//! A proxy under test: what it uses for a load.

use std::{
    net::SocketAddr,
    path::Path,
    process::ExitStatus,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use crate::{
    Result,
    books::Made,
    load::Job,
    plan::Phase,
    pool::{Admin, CLIENT_TOKEN},
    process::Process,
    tally::Tally,
    trace::{Counts, Trace},
};

// No load takes longer; one that does has met a fault.
const LOAD_SECONDS: u64 = 120;
// Between two looks at the memory of the proxy under load.
const LOOK: Duration = Duration::from_millis(25);
// What a proxy still does for a load that has seen its last byte belongs to that load.
const SETTLE: Duration = Duration::from_millis(200);

/// Ends the run at its next look.
pub(crate) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The same thing of every proxy.
#[derive(Clone, Copy)]
pub(crate) struct Each<T> {
    pub(crate) floor: T,
    /// Not everywhere.
    pub(crate) nginx: Option<T>,
    pub(crate) pool: T,
    /// Another build of the pool, where one is compared.
    pub(crate) other: Option<T>,
}

impl<T> Each<T> {
    /// Those that take part, by name.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let Self { floor, nginx, pool, other } = self;
        let all = [("floor", Some(floor)), ("nginx", nginx.as_ref()), ("pool", Some(pool)), ("other", other.as_ref())];
        all.into_iter().filter_map(|(name, figure)| Some((name, figure?)))
    }

    pub(crate) fn map<U>(&self, of: impl Fn(&T) -> U) -> Each<U> {
        let Self { floor, nginx, pool, other } = self;
        Each { floor: of(floor), nginx: nginx.as_ref().map(&of), pool: of(pool), other: other.as_ref().map(&of) }
    }
}

/// What one proxy used for one load, and what the load saw.
pub(crate) struct Sample {
    pub(crate) processor_time: Duration,
    /// The most that was resident during the load, in bytes.
    pub(crate) resident: u64,
    pub(crate) tally: Tally,
}

pub(crate) struct Proxy {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    /// Its own upstream, which would have no descriptors left for the idle connections of others.
    _mock: Process,
}

/// A server whose books are held to what was made of it.
pub(crate) struct Pool {
    pub(crate) proxy: Proxy,
    made: Made,
}

impl Pool {
    pub(crate) fn new(proxy: Proxy) -> Self {
        Self { proxy, made: Made::default() }
    }

    /// What `of` finds out by the whole load of `phase`.
    pub(crate) fn take<T>(&mut self, phase: Phase, of: impl FnOnce(&Proxy, Phase) -> Result<T>) -> Result<T> {
        let seen = of(&self.proxy, phase)?;
        self.made.add(phase.ask, phase.calls as u64);
        Ok(seen)
    }

    /// What was made of it, which is what its books show.
    pub(crate) fn made(&self) -> Result<Made> {
        self.made.check(Admin::of(self.proxy.address))?;
        Ok(self.made)
    }
}

impl Proxy {
    /// Starts one in front of an upstream, and tells its process to whoever wants to profile it: `perf record -g -p PID`.
    pub(crate) fn start(
        name: &'static str,
        start: impl FnOnce(SocketAddr) -> Result<(Process, SocketAddr)>,
    ) -> Result<Self> {
        let mut mock = Process::role(["mock"])?;
        let (process, address) = start(mock.address()?)?;
        eprintln!("{name} is process {}", process.id());
        Ok(Self { name, process, address, _mock: mock })
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.process.resident()
    }

    pub(crate) fn measure(&self, phase: Phase) -> Result<Sample> {
        let before = self.process.processor_time()?;
        let (tally, resident) = self.load(phase)?;
        thread::sleep(SETTLE);
        let processor_time = self.process.processor_time()?.since(&before);
        Ok(Sample { processor_time, resident, tally })
    }

    /// Counts system calls meanwhile; `home` is for what the counting writes.
    pub(crate) fn count(&self, phase: Phase, home: &Path) -> Result<Counts> {
        let trace = Trace::attach(&self.process.ids().collect::<Vec<_>>(), home)?;
        self.load(phase)?;
        thread::sleep(SETTLE);
        trace.end()
    }

    /// Puts the load of `phase` on this proxy. What was seen, every answer right, and the most memory that was resident meanwhile.
    fn load(&self, phase: Phase) -> Result<(Tally, u64)> {
        let Phase { ask, connections, calls, rate, .. } = phase;
        let (target, token) = (self.address, CLIENT_TOKEN.into());
        let job = Job { target, token, ask, connections, calls, rate, seconds: LOAD_SECONDS };
        let mut load = Process::role(["load", &serde_json::to_string(&job)?])?;
        let mut resident = 0;
        let status = loop {
            resident = self.resident()?.max(resident);
            if let Some(status) = load.ended()? {
                break status;
            }
            if INTERRUPTED.load(Relaxed) {
                return Err("interrupted".into());
            }
            thread::sleep(LOOK);
        };
        check_status(status)?;
        let tally = serde_json::from_str(&load.told()?)?;
        self.check(&tally, calls)?;
        Ok((tally, resident))
    }

    fn check(&self, tally: &Tally, wanted: usize) -> Result<()> {
        let Tally { calls, errors, error, .. } = tally;
        if *errors == 0 && *calls == wanted as u64 {
            return Ok(());
        }
        let (name, error) = (self.name, error.as_deref().unwrap_or_default());
        Err(format!("{name}: {calls} right answers, {errors} errors, the first: {error}").into())
    }
}

fn check_status(status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(format!("the load ended with {status}").into()) }
}
