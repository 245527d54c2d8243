//! The driver: starts everyone, measures floor and pool in turns, checks the books, prints.

use std::{
    net::SocketAddr,
    path::Path,
    process::ExitStatus,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Result,
    books::Made,
    load::{Job, Tally},
    plan::{Phase, Plan},
    pool,
    process::Process,
    report::Report,
};

// No load takes longer; one that does has met a fault.
const LOAD_SECONDS: u64 = 120;
// Between two looks at the memory of the proxy under load.
const LOOK: Duration = Duration::from_millis(25);
// What a proxy still does for a load that has seen its last byte belongs to that load.
const SETTLE: Duration = Duration::from_millis(200);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs the whole bench.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    watch_for_interrupts()?;
    // Under the target directory: a temporary directory of the system may be memory, where a sync costs nothing.
    let home = tempfile::Builder::new().prefix("loopback-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let report = measure(plan, home.path()).inspect_err(|_| eprintln!("{}", pool::last_words(home.path())))?;
    print!("{report}");
    Ok(())
}

/// A signal ends the run as an error does, so that no process is left behind.
fn watch_for_interrupts() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(guard);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        INTERRUPTED.store(true, Relaxed);
    });
    Ok(())
}

fn measure(plan: &Plan, home: &Path) -> Result<Report> {
    let mut mock = Process::role(["mock"])?;
    let upstream = mock.address()?;
    let mut bench = Bench::start(plan, upstream, home)?;
    let mut report = Report::new(plan, bench.resident()?);
    bench.warm_up(plan)?;
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        for phase in plan.phases() {
            report.add(phase, bench.measure(phase)?);
        }
    }
    bench.made.check(pool::Admin::of(bench.proxies.pool.address))?;
    report.close(bench.made);
    Ok(report)
}

/// The same thing of floor and pool.
#[derive(Clone, Copy)]
pub(crate) struct Pair<T> {
    pub(crate) floor: T,
    pub(crate) pool: T,
}

/// What one proxy used for one load, and what the load saw.
pub(crate) struct Sample {
    pub(crate) processor_time: Duration,
    /// The most that was resident during the load, in bytes.
    pub(crate) resident: u64,
    pub(crate) tally: Tally,
}

struct Bench {
    proxies: Pair<Proxy>,
    made: Made,
}

struct Proxy {
    name: &'static str,
    process: Process,
    address: SocketAddr,
}

impl Bench {
    fn start(plan: &Plan, upstream: SocketAddr, home: &Path) -> Result<Self> {
        let mut floor = Process::role(["floor", &upstream.to_string()])?;
        let address = floor.address()?;
        let floor = Proxy { name: "floor", process: floor, address };
        let (process, address) = pool::start(plan, upstream, home)?;
        let pool = Proxy { name: "pool", process, address };
        // For a profiler: `perf record -g -p PID`.
        eprintln!("floor is process {}, pool is process {}", floor.process.id(), pool.process.id());
        Ok(Self { proxies: Pair { floor, pool }, made: Made::default() })
    }

    fn resident(&self) -> Result<Pair<u64>> {
        let Pair { floor, pool } = &self.proxies;
        Ok(Pair { floor: floor.process.resident()?, pool: pool.process.resident()? })
    }

    fn warm_up(&mut self, plan: &Plan) -> Result<()> {
        plan.phases().into_iter().try_for_each(|phase| self.measure(phase.warm_up()).map(drop))
    }

    fn measure(&mut self, phase: Phase) -> Result<Pair<Sample>> {
        let floor = self.proxies.floor.measure(phase)?;
        let pool = self.proxies.pool.measure(phase)?;
        self.made.add(phase.ask, pool.tally.calls);
        Ok(Pair { floor, pool })
    }
}

impl Proxy {
    fn measure(&self, phase: Phase) -> Result<Sample> {
        let before = self.process.processor_time()?;
        let (tally, resident) = self.load(phase)?;
        thread::sleep(SETTLE);
        let processor_time = self.process.processor_time()?.since(&before);
        if tally.errors > 0 || tally.calls != phase.calls as u64 {
            let Tally { calls, errors, error, .. } = tally;
            let error = error.unwrap_or_default();
            return Err(format!("{}: {calls} right answers, {errors} errors, the first: {error}", self.name).into());
        }
        Ok(Sample { processor_time, resident, tally })
    }

    /// Puts the load of `phase` on this proxy. What was seen, and the most memory that was resident meanwhile.
    fn load(&self, phase: Phase) -> Result<(Tally, u64)> {
        let Phase { ask, connections, calls, rate, .. } = phase;
        let (target, token) = (self.address, pool::CLIENT_TOKEN.into());
        let job = Job { target, token, ask, connections, calls, rate, seconds: LOAD_SECONDS };
        let mut load = Process::role(["load", &serde_json::to_string(&job)?])?;
        let mut resident = 0;
        let status = loop {
            resident = self.process.resident()?.max(resident);
            if let Some(status) = load.ended()? {
                break status;
            }
            if INTERRUPTED.load(Relaxed) {
                return Err("interrupted".into());
            }
            thread::sleep(LOOK);
        };
        check_status(status)?;
        Ok((serde_json::from_str(&load.told()?)?, resident))
    }
}

fn check_status(status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(format!("the load ended with {status}").into()) }
}
