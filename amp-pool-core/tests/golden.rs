//! Translations as pairs of files. `golden/README.md` says how to read and to add one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

mod checker;

#[path = "golden/harness/case.rs"]
mod case;
#[path = "golden/harness/compare.rs"]
mod compare;
#[path = "golden/harness/seals.rs"]
mod seals;
#[path = "golden/harness/settings.rs"]
mod settings;
#[path = "golden/harness/stream.rs"]
mod stream;

fn main() -> ExitCode {
    let cases = case::all();
    let trials = cases.into_iter().map(|case| Trial::test(case.name(), move || Ok(case.check()?)));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
