//! A pool's traffic in fast motion: hundreds of keys whose limits nobody knows, conversations with prompt caches, keys
//! that fail and upstreams that are slow.
//!
//! Choosing a key, learning a limit and resting after a failure are pure, so that nothing has to be waited for: the same
//! `Plan`, `Room` and `Health` that serve calls are driven here by a clock of their own.
//!
//! ```sh
//! cargo run --release -p amp-pool-examples --bin simulate -- --keys 200 --load 95 --minutes 30 --seed 1
//! ```
//!
//! Prints, for the pool's own choice and for three plain ones: goodput as a share of what an oracle serves that knows
//! every limit, tries that were for nothing, callers who were refused, and prompts that met a warm cache as a share of
//! perfect stickiness.

// Tokens and microseconds of a simulation are small and never negative.
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod arguments;
mod chance;
mod pickers;
mod traffic;
mod upstream;
mod world;

use pickers::{LeastUsed, Picker, PoolPicker, Random, RoundRobin};
use world::{Outcome, World};

type MakePicker = fn(&World) -> Box<dyn Picker>;

fn main() -> std::process::ExitCode {
    let settings = match arguments::read(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(message) => {
            eprintln!("{message}");
            return std::process::ExitCode::FAILURE;
        }
    };
    println!("{settings}");
    println!("{}", Outcome::HEADINGS);
    let oracle = World::new(settings).goodput_of_an_oracle();
    let pickers: [MakePicker; 4] = [
        |world| Box::new(PoolPicker::new(world)),
        |world| Box::new(RoundRobin::new(world)),
        |world| Box::new(Random::new(world)),
        |world| Box::new(LeastUsed::new(world)),
    ];
    for picker in pickers {
        let mut world = World::new(settings);
        let mut picker = picker(&world);
        let outcome = world.run(&mut *picker);
        println!("{}", outcome.line(picker.name(), oracle));
    }
    std::process::ExitCode::SUCCESS
}
