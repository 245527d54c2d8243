//! The driver: starts everyone, measures the proxies in turns, checks the books, prints.

use std::{path::Path, sync::atomic::Ordering::Relaxed, thread};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Result,
    ask::Format,
    books::Made,
    nginx,
    plan::{Kind, Phase, Plan},
    pool,
    process::{Process, grant_files},
    proxy::{Each, INTERRUPTED, Pool, Proxy, Sample},
    report::Report,
};

/// Runs the whole bench.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    grant_files(plan)?;
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
    let mut bench = Bench::start(plan, home)?;
    let mut report = Report::new(plan, bench.resident()?);
    bench.warm_up(plan)?;
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        for phase in plan.phases() {
            report.add(phase, bench.measure(phase)?);
        }
    }
    if plan.system_calls {
        eprintln!("a round under strace");
        for phase in plan.phases() {
            report.count(phase, bench.each(phase, |proxy, phase| proxy.count(phase, home))?);
        }
    }
    report.close(bench.made()?);
    Ok(report)
}

struct Bench {
    floor: Proxy,
    nginx: Option<Proxy>,
    server: Server,
    other: Option<Server>,
}

impl Bench {
    fn start(plan: &Plan, home: &Path) -> Result<Self> {
        let other = plan.other.as_ref().map(|other| Server::start(["other", "other translator"], other, plan, home));
        Ok(Self {
            floor: floor()?,
            nginx: nginx::is_here().then(|| nginx(plan, home)).transpose()?,
            server: Server::start(["pool", "translator"], &plan.server, plan, home)?,
            other: other.transpose()?,
        })
    }

    fn resident(&self) -> Result<Each<u64>> {
        Ok(Each {
            floor: self.floor.resident()?,
            nginx: self.nginx.as_ref().map(Proxy::resident).transpose()?,
            pool: self.server.pool.proxy.resident()?,
            other: self.other.as_ref().map(|other| other.pool.proxy.resident()).transpose()?,
        })
    }

    fn warm_up(&mut self, plan: &Plan) -> Result<()> {
        plan.phases().into_iter().try_for_each(|phase| self.measure(phase.warm_up()).map(drop))
    }

    fn measure(&mut self, phase: Phase) -> Result<Each<Sample>> {
        self.each(phase, Proxy::measure)
    }

    /// What `of` finds out about each by the load of `phase`.
    fn each<T>(&mut self, phase: Phase, of: impl Fn(&Proxy, Phase) -> Result<T>) -> Result<Each<T>> {
        Ok(Each {
            floor: of(&self.floor, phase.untranslated())?,
            nginx: self.nginx.as_ref().map(|nginx| of(nginx, phase.untranslated())).transpose()?,
            pool: self.server.take(phase, &of)?,
            other: self.other.as_mut().map(|other| other.take(phase, &of)).transpose()?,
        })
    }

    /// What the books of all servers show.
    fn made(&self) -> Result<Made> {
        std::iter::once(&self.server).chain(&self.other).try_fold(Made::default(), |sum, server| server.made(sum))
    }
}

/// A build of the server under test.
struct Server {
    pool: Pool,
    /// A process of its own for keys of another format, so that the first has as many keys in every run.
    translator: Option<Pool>,
}

impl Server {
    fn start([first, second]: [&'static str; 2], server: &Path, plan: &Plan, home: &Path) -> Result<Self> {
        let translates = plan.phases().iter().any(|phase| phase.kind == Kind::Translated);
        let start = |name, format| pool(name, server, plan, format, home);
        Ok(Self {
            pool: start(first, plan.format)?,
            translator: translates.then(|| start(second, Format::Messages)).transpose()?,
        })
    }

    fn take<T>(&mut self, phase: Phase, of: impl FnOnce(&Proxy, Phase) -> Result<T>) -> Result<T> {
        match &mut self.translator {
            Some(translator) if phase.kind == Kind::Translated => translator.take(phase, of),
            _ => self.pool.take(phase, of),
        }
    }

    /// What its books show, and `sum`.
    fn made(&self, sum: Made) -> Result<Made> {
        std::iter::once(&self.pool).chain(&self.translator).try_fold(sum, |sum, pool| Ok(sum.and(pool.made()?)))
    }
}

fn floor() -> Result<Proxy> {
    Proxy::start("floor", |upstream| {
        let mut process = Process::role(["floor", &upstream.to_string()])?;
        let address = process.address()?;
        Ok((process, address))
    })
}

fn nginx(plan: &Plan, home: &Path) -> Result<Proxy> {
    Proxy::start("nginx", |upstream| nginx::start(plan, upstream, &home.join("nginx")))
}

fn pool(name: &'static str, server: &Path, plan: &Plan, format: Format, home: &Path) -> Result<Pool> {
    Ok(Pool::new(Proxy::start(name, |upstream| pool::start(server, plan, format, upstream, &home.join(name)))?))
}
