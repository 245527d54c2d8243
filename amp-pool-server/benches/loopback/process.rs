//! A process of the bench: ended when dropped, and what it has used so far.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use crate::Result;

// Linux shows ticks of this length to everyone, whatever the kernel counts in.
const TICK: Duration = Duration::from_millis(10);

/// A running process; killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// This program in another role.
    pub(crate) fn role<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        let mut command = with_many_files(std::env::current_exe()?.as_ref());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self::start(&mut command)
    }

    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn()?))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The address that the process tells first of all.
    pub(crate) fn address(&mut self) -> Result<SocketAddr> {
        let stdout = self.0.stdout.take().ok_or("this process tells nothing")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim_end().parse()?)
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Everything an ended process has told.
    pub(crate) fn told(&mut self) -> Result<String> {
        let mut text = String::new();
        self.0.stdout.take().ok_or("this process tells nothing")?.read_to_string(&mut text)?;
        Ok(text)
    }

    pub(crate) fn processor_time(&self) -> Result<ProcessorTime> {
        Ok(ProcessorTime { ticks: self.ticks()?, threads: self.threads()? })
    }

    fn ticks(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // The name comes second, in parentheses, and may hold anything; the third field follows it.
        let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
        let ticks = |field: &str| field.parse::<u32>();
        match fields.split_ascii_whitespace().skip(11).take(2).collect::<Vec<_>>()[..] {
            [user, system] => Ok(TICK * (ticks(user)? + ticks(system)?)),
            _ => Err("no times in /proc/PID/stat".into()),
        }
    }

    fn threads(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            // A thread may end while the list is read.
            let Ok(schedule) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            sum += schedule.split_ascii_whitespace().next().ok_or("an empty schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = self.read("status")?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS: the process has ended")?;
        Ok(line.split_ascii_whitespace().next().ok_or("an empty VmRSS")?.parse::<u64>()? * 1024)
    }

    fn read(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.id()))?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command for `program` with as many open files as the machine grants: a thousand streams take two thousand.
pub(crate) fn with_many_files(program: &OsStr) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -S -n "$(ulimit -H -n)"; exec "$0" "$@""#]).arg(program);
    command
}

/// The processor time a process has used since it began.
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
