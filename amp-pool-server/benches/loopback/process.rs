//! A process of the bench: ended when dropped, and what it has used so far.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::{Result, plan::Plan};

// Linux shows ticks of this length to everyone, whatever the kernel counts in.
const TICK: Duration = Duration::from_millis(10);

/// How long a process that is not needed any more has to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// A running process with the workers it is known to have; killed when dropped.
pub(crate) struct Process {
    child: Child,
    workers: Vec<u32>,
}

impl Process {
    /// This program in another role.
    pub(crate) fn role<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        let mut command = with_many_files(std::env::current_exe()?.as_ref());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self::start(&mut command)
    }

    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self { child: command.spawn()?, workers: Vec::new() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Counts the processes that this one has started by now as parts of it.
    pub(crate) fn adopt(&mut self) -> Result<usize> {
        self.workers = children(self.id())?;
        Ok(self.workers.len())
    }

    /// Asks it to end. Whether it has, in this time.
    pub(crate) fn end_within(&mut self, patience: Duration) -> Result<bool> {
        if self.ended()?.is_none() {
            kill_process(pid(self.id()).ok_or("a process without a number")?, Signal::INT)?;
        }
        let asked = Instant::now();
        while self.ended()?.is_none() {
            if asked.elapsed() > patience {
                return Ok(false);
            }
            thread::sleep(TICK);
        }
        Ok(true)
    }

    /// The numbers of all its processes.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.id()).chain(self.workers.iter().copied())
    }

    /// The address that the process tells first of all.
    pub(crate) fn address(&mut self) -> Result<SocketAddr> {
        let stdout = self.child.stdout.take().ok_or("this process tells nothing")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim_end().parse()?)
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Everything an ended process has told.
    pub(crate) fn told(&mut self) -> Result<String> {
        let mut text = String::new();
        self.child.stdout.take().ok_or("this process tells nothing")?.read_to_string(&mut text)?;
        Ok(text)
    }

    pub(crate) fn processor_time(&self) -> Result<ProcessorTime> {
        let mut sum = ProcessorTime::default();
        for id in self.ids() {
            sum.ticks += ticks(id)?;
            sum.threads += threads(id)?;
        }
        Ok(sum)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.ids().map(resident).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that ends by itself writes down what it was built to count of itself.
        let _ = self.end_within(PATIENCE);
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Their parent is gone, so nobody starts them again.
        for id in self.workers.iter().filter_map(|id| pid(*id)) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// The fields of /proc/ID/stat that follow the name.
fn stat(id: u32) -> Result<Vec<String>> {
    let stat = read(id, "stat")?;
    // The name comes second, in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    Ok(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

fn children(parent: u32) -> Result<Vec<u32>> {
    let parent = parent.to_string();
    let ids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(ids.filter(|id| stat(*id).is_ok_and(|fields| fields.get(1) == Some(&parent))).collect())
}

fn ticks(id: u32) -> Result<Duration> {
    let ticks = |field: &String| field.parse::<u32>();
    match &stat(id)?[..] {
        [_, _, _, _, _, _, _, _, _, _, _, user, system, ..] => Ok(TICK * (ticks(user)? + ticks(system)?)),
        _ => Err("no times in /proc/PID/stat".into()),
    }
}

fn threads(id: u32) -> Result<Duration> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{id}/task"))? {
        // A thread may end while the list is read.
        let Ok(schedule) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum += schedule.split_ascii_whitespace().next().ok_or("an empty schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

fn resident(id: u32) -> Result<u64> {
    let status = read(id, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS: the process has ended")?;
    Ok(line.split_ascii_whitespace().next().ok_or("an empty VmRSS")?.parse::<u64>()? * 1024)
}

fn read(id: u32, file: &str) -> Result<String> {
    Ok(fs::read_to_string(format!("/proc/{id}/{file}"))?)
}

/// A command for `program` with as many open files as the machine grants: a thousand streams take two thousand.
pub(crate) fn with_many_files(program: &OsStr) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -S -n "$(ulimit -H -n)"; exec "$0" "$@""#]).arg(program);
    command
}

/// Sees to it that the processes of the bench may have so many files open, or says what can be had.
pub(crate) fn grant_files(plan: &Plan) -> Result<()> {
    let (wanted, granted) = (plan.descriptors(), getrlimit(Resource::Nofile));
    let Some(maximum) = granted.maximum.filter(|maximum| *maximum < wanted) else { return Ok(()) };
    let more = Rlimit { current: Some(wanted), maximum: Some(wanted) };
    setrlimit(Resource::Nofile, more).map_err(|error| {
        let (connections, possible) = (plan.connections(), Plan::connections_with(maximum));
        format!(
            "{connections} connections at once take {wanted} open files, and no more than {maximum} are granted \
             ({error}): raise that (ulimit -Hn), or ask for {possible} at most"
        )
        .into()
    })
}

/// The processor time a process has used since it began.
#[derive(Default)]
pub(crate) struct ProcessorTime {
    ticks: Duration,
    threads: Duration,
}

impl ProcessorTime {
    /// What was used since `earlier`. The sum over threads is exact but forgets those that have ended; ticks forget
    /// nobody but are coarse.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let threads = self.threads.saturating_sub(earlier.threads);
        threads.max(self.ticks.saturating_sub(earlier.ticks).saturating_sub(TICK))
    }
}
