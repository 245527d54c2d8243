//! A key pool for language-model APIs.
//!
//! Clients speak OpenAI Chat Completions, Anthropic Messages or OpenAI Responses; the pool picks one of many upstream
//! keys, fails over, counts tokens and cost, and writes every call into its books exactly once. It is a tower service:
//! nest it in your own server, or run the `amp-pool-server` binary.
//!
//! # Floors
//!
//! A module names only modules declared above it; `tests/floors.rs` holds every `use crate::` to that. Everything down
//! to [`user`] is pure: no I/O, no clock, no tokio, and builds for `wasm32-unknown-unknown` with
//! `default-features = false`.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

// Words.
pub mod error;
pub mod time;
pub mod id;
pub mod money;
pub mod secret;
pub mod usage;

// Bytes.
pub mod format;

// Decisions.
pub mod classify;
pub mod balance;
pub mod provider;
pub mod budget;
pub mod keys;
pub mod price;
pub mod route;
pub mod caller;
pub mod user;

// State.
#[cfg(feature = "pool")]
pub mod store;
#[cfg(feature = "pool")]
pub mod ledger;
#[cfg(feature = "pool")]
pub(crate) mod journal;
#[cfg(feature = "pool")]
pub(crate) mod bodies;

// Wire.
#[cfg(feature = "pool")]
pub mod transport;
#[cfg(feature = "pool")]
pub mod service;
#[cfg(feature = "pool")]
pub mod prober;
#[cfg(feature = "pool")]
pub mod retention;

// Face.
#[cfg(feature = "pool")]
pub mod handle;
#[cfg(feature = "pool")]
pub mod pool;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "schema")]
pub(crate) mod schema;

pub use error::{Error, Fault};
#[cfg(feature = "pool")]
pub use handle::Handle;
#[cfg(feature = "pool")]
pub use pool::{Pool, PoolBuilder};
