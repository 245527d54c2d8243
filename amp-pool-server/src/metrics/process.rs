//! What the system says of this process, where it says it in `/proc`. Elsewhere nothing is told.

use super::page::{Kind, Page};

/// What a clock tick is to Linux's user space, and a page of memory to its common machines.
const TICKS: u64 = 100;
const PAGE_BYTES: u64 = 4096;

pub(super) fn figures(page: &mut Page) {
    let mut one = |name: &str, kind, help: &str, value: Option<String>| {
        if let Some(value) = value {
            page.family(name, kind, help);
            page.sample(name, &[], value);
        }
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let cpu = "User and system time.";
    one("process_cpu_seconds_total", Kind::Counter, cpu, cpu_seconds(&stat));
    let memory = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = memory.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    let resident = resident.map(|pages| (pages * PAGE_BYTES).to_string());
    one("process_resident_memory_bytes", Kind::Gauge, "Memory that is in use.", resident);
    let files = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().to_string());
    one("process_open_fds", Kind::Gauge, "Open files and connections.", files);
    let threads = fields(&stat).nth(17).map(str::to_owned);
    one("process_threads", Kind::Gauge, "Threads.", threads);
}

fn cpu_seconds(stat: &str) -> Option<String> {
    let mut times = fields(stat).skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    Some(format!("{}.{:02}", ticks / TICKS, ticks % TICKS * 100 / TICKS))
}

/// What follows the name, which may hold anything.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default().split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "7 (a) b) S 1 1 1 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 4 0 100";
        assert_eq!(cpu_seconds(stat).as_deref(), Some("4.00"));
        assert_eq!(fields(stat).nth(17), Some("4"));
        assert_eq!(cpu_seconds(""), None);
    }
}
