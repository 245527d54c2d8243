//! What the process says when something in it panics: where, and never with which data.
//!
//! A message that was put together may show what it was put together of: a text that was cut in the wrong place is in it whole, and
//! an error that nobody expected shows its value. Whether that is a key nobody can tell. So only messages that stand in the program as
//! they are get told; the place leads to the others.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, PanicHookInfo},
    thread,
};

/// From here on panics are told this way.
pub(crate) fn tell_without_data() {
    panic::set_hook(Box::new(|panic| eprintln!("{}", told(panic))));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let current = thread::current();
    let name = current.name().unwrap_or("<unnamed>");
    let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>().copied();
    let message = message.unwrap_or("(the message may hold data and is left out)");
    // Names of functions and lines of the program, where RUST_BACKTRACE asks for them.
    let trace = Backtrace::capture();
    let trace = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
    format!("thread '{name}' panicked at {place}: {message}{trace}")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const KEY: &str = "sk-planted-é-0123456789";

    static TOLD: Mutex<String> = Mutex::new(String::new());

    /// What is told of a panic. One at a time: a process has one hook.
    fn told_of(break_down: fn()) -> String {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|panic| *TOLD.lock().unwrap() = told(panic)));
        let ended = panic::catch_unwind(break_down);
        panic::set_hook(before);
        assert!(ended.is_err());
        TOLD.lock().unwrap().clone()
    }

    #[test]
    fn a_panic_tells_where_and_nothing_of_the_data() {
        let careless: [fn(); 5] = [
            || panic!("no such key: {KEY}"),
            || drop(std::hint::black_box(KEY)[..12].to_owned()),
            || {
                let _ = KEY.parse::<u8>().map_err(|_| KEY).unwrap();
            },
            || assert_eq!(KEY, "another"),
            || panic::panic_any(KEY.to_owned()),
        ];
        for break_down in careless {
            let told = told_of(break_down);
            assert!(told.contains("panics.rs:") && told.contains("is left out"), "{told}");
            assert!(!told.contains("planted") && !told.contains("another"), "{told}");
        }
        let told = told_of(|| panic!("a rule of ours does not hold"));
        assert!(told.contains("panics.rs:") && told.contains(": a rule of ours does not hold"), "{told}");
    }
}
