//! Which system calls a proxy makes for a load, as `strace` counts them: in a round of its own, because it slows everything.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Result, process::Process};

const PATIENCE: Duration = Duration::from_secs(10);

// What a proxy does, in calls of the system.
const READS: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];
const WRITES: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];
const WAITS: [&str; 3] = ["epoll_wait", "epoll_pwait", "epoll_pwait2"];
const WAKES: [&str; 1] = ["futex"];

/// `strace` at the processes of a proxy.
pub(crate) struct Trace<'a> {
    process: Process,
    home: &'a Path,
}

/// How many system calls of each kind.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) waits: u64,
    /// Sleeping for another thread, and waking it.
    pub(crate) wakes: u64,
    pub(crate) all: u64,
}

impl<'a> Trace<'a> {
    /// Attaches it to these processes; what it writes is in `home`.
    pub(crate) fn attach(ids: &[u32], home: &'a Path) -> Result<Self> {
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(home.join("counts"));
        command.args(ids.iter().map(|id| format!("--attach={id}")));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(home.join("strace.log"))?);
        let process = Process::start(&mut command).map_err(|error| format!("strace can not be started: {error}"))?;
        let mut trace = Self { process, home };
        trace.wait_until(|log| log.matches(" attached").count() >= ids.len())?;
        Ok(trace)
    }

    fn wait_until(&mut self, is_so: impl Fn(&str) -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            let log = fs::read_to_string(self.home.join("strace.log"))?;
            if is_so(&log) {
                return Ok(());
            }
            if self.process.ended()?.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("strace does not attach: {log}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Detaches it.
    pub(crate) fn end(mut self) -> Result<Counts> {
        if !self.process.end_within(PATIENCE)? {
            return Err("strace does not end".into());
        }
        Counts::read(&fs::read_to_string(self.home.join("counts"))?)
    }
}

impl Counts {
    // Lines of a number and a name.
    fn read(table: &str) -> Result<Self> {
        let line = |line: &str| {
            let (calls, name) = line.trim().split_once(char::is_whitespace)?;
            Some((name.trim().to_owned(), calls.parse().ok()?))
        };
        let calls: BTreeMap<String, u64> = table.lines().filter_map(line).collect();
        let sum = |names: &[&str]| names.iter().filter_map(|name| calls.get(*name)).sum();
        let all = *calls.get("total").ok_or_else(|| format!("strace counts nothing: {table}"))?;
        Ok(Self { reads: sum(&READS), writes: sum(&WRITES), waits: sum(&WAITS), wakes: sum(&WAKES), all })
    }
}
