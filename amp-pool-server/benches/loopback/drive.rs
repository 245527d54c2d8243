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
    pool: Pool,
    /// A server of its own for keys of another format, so that the first has as many keys in every run.
    translator: Option<Pool>,
}

impl Bench {
    fn start(plan: &Plan, home: &Path) -> Result<Self> {
        let translates = plan.phases().iter().any(|phase| phase.kind == Kind::Translated);
        Ok(Self {
            floor: floor()?,
            nginx: nginx::is_here().then(|| nginx(plan, home)).transpose()?,
            pool: pool("pool", plan, plan.format, home)?,
            translator: translates.then(|| pool("translator", plan, Format::Messages, home)).transpose()?,
        })
    }

    fn resident(&self) -> Result<Each<u64>> {
        let nginx = self.nginx.as_ref().map(Proxy::resident).transpose()?;
        Ok(Each { floor: self.floor.resident()?, nginx, pool: self.pool.proxy.resident()? })
    }

    fn warm_up(&mut self, plan: &Plan) -> Result<()> {
        plan.phases().into_iter().try_for_each(|phase| self.measure(phase.warm_up()).map(drop))
    }

    fn measure(&mut self, phase: Phase) -> Result<Each<Sample>> {
        self.each(phase, Proxy::measure)
    }

    /// What `of` finds out about each by the load of `phase`.
    fn each<T>(&mut self, phase: Phase, of: impl Fn(&Proxy, Phase) -> Result<T>) -> Result<Each<T>> {
        let floor = of(&self.floor, phase.untranslated())?;
        let nginx = self.nginx.as_ref().map(|nginx| of(nginx, phase.untranslated())).transpose()?;
        let pool = match &mut self.translator {
            Some(translator) if phase.kind == Kind::Translated => translator,
            _ => &mut self.pool,
        };
        Ok(Each { floor, nginx, pool: pool.take(phase, of)? })
    }

    /// What the books of all servers show.
    fn made(&self) -> Result<Made> {
        let first = self.pool.made()?;
        let second = self.translator.as_ref().map(Pool::made).transpose()?.unwrap_or_default();
        Ok(Made { calls: first.calls + second.calls, tokens: first.tokens + second.tokens })
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

fn pool(name: &'static str, plan: &Plan, format: Format, home: &Path) -> Result<Pool> {
    Ok(Pool::new(Proxy::start(name, |upstream| pool::start(plan, format, upstream, &home.join(name)))?))
}
