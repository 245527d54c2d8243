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
    let enough = case::are_enough(&cases);
    let mut trials = vec![Trial::test("every-pair-has-25-cases-each-way", move || Ok(enough?))];
    trials.extend(cases.into_iter().map(|case| Trial::test(case.name(), move || Ok(case.check()?))));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
