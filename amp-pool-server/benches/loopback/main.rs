//! What a call through the pool costs beside a call through the barest proxy, on loopback.
//!
//! One program in four roles. The driver (the role without a name) starts the others and the server as processes of
//! their own, so that the processor time of the proxy under test is its own and nobody else's: `mock` is the upstream,
//! `floor` a proxy that only forwards, `load` the client. nginx takes part where it is installed. Rounds alternate between
//! the proxies; what is compared is processor time of the same round, which says the same on a busy machine as on an idle
//! one, as wall time does not.
//!
//! Times never fail the bench. A wrong answer, an error, or books that differ from what the load has seen do.
//!
//! `cargo bench -p amp-pool-server --bench loopback -- --help` lists the sizes. Without cargo's `--bench` (that is, in
//! `cargo test --benches`) the sizes shrink to a few seconds' trial of the bench itself.

mod answer;
mod ask;
mod books;
mod drive;
mod floor;
mod host;
mod http1;
mod load;
mod mock;
mod nginx;
mod plan;
mod pool;
mod process;
mod proxy;
mod report;
mod right;
mod row;
mod stamp;
mod tally;
mod trace;
mod translated;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// What a call through the pool costs beside a call through the barest proxy, on loopback
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct CommandLine {
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    plan: plan::Plan,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
#[command(hide = true)]
enum Role {
    /// The upstream
    Mock,
    /// The proxy that only forwards
    Floor {
        /// Where to
        upstream: String,
    },
    /// The client
    Load {
        /// What to do, as JSON
        job: load::Job,
    },
}

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let done = match line.role {
        Some(Role::Mock) => mock::run(),
        Some(Role::Floor { upstream }) => floor::run(&upstream),
        Some(Role::Load { job }) => load::run(job),
        None => drive::run(&if line.bench { line.plan } else { line.plan.shrunk() }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loopback: {error}");
            ExitCode::FAILURE
        }
    }
}
