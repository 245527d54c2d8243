//! An upstream by script on loopback, and a command that runs beside it: for trying things out without a key.
//!
//! The command finds the upstream's URL in `AMP_POOL_UPSTREAM`. Its exit code is this program's.

#[path = "../amp-pool-ffi/tests/upstream/mod.rs"]
mod script;

use std::{
    error::Error,
    process::{Command, ExitCode},
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let program = words.next().ok_or("usage: upstream PROGRAM [ARGUMENT…]")?;
    let status = Command::new(program).args(words).env("AMP_POOL_UPSTREAM", script::start()?).status()?;
    Ok(u8::try_from(status.code().unwrap_or(1)).map_or(ExitCode::FAILURE, ExitCode::from))
}
