//! For tests of pools and of stores: an upstream by script, and the checks that every store passes.
//!
//! Also for other people's tests: what is here needs no network and no real time.

pub mod calls;
pub mod conformance;
pub mod script;
mod translation;

pub use script::{Reply, Script, Sent};
pub use translation::translation;
