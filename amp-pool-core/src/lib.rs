//! A key pool for language-model APIs.
//!
//! Clients speak OpenAI Chat Completions, Anthropic Messages or OpenAI Responses; the pool picks one of many upstream
//! keys, fails over, counts tokens and cost, and writes every call into its books exactly once. It is a tower service:
//! nest it in your own server, or run the `amp-pool-server` binary.
//!
//! # A whole program
//!
//! ```
//! # #[cfg(feature = "testkit")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use amp_pool_core::{
//!     Pool, caller::TokenSpec, keys::KeySpec, secret::Secret, store::{Page, RecordFilter}, testkit::{Reply, Script},
//! };
//! use bytes::Bytes;
//! use http_body_util::{BodyExt as _, Full};
//! use tower::ServiceExt as _;
//!
//! // Two keys, of which the first is out of money. Without `transport`, the real services are asked.
//! let upstream = Script::new()
//!     .on("sk-a", Reply::error(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"))
//!     .on("sk-b", Reply::chat("Hello!"));
//! let pool = Pool::builder().transport(upstream).build().await?;
//! pool.handle().add_key(KeySpec::new("first", "openai", Secret::new("sk-a"))).await?;
//! pool.handle().add_key(KeySpec::new("second", "openai", Secret::new("sk-b"))).await?;
//! let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
//!
//! // A request as a client writes it. With `/v1/messages` or `/v1/responses` it would be translated.
//! let request = http::Request::post("/v1/chat/completions")
//!     .header("authorization", format!("Bearer {}", token.expose()))
//!     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}"#)))?;
//! let Ok(answer) = pool.clone().oneshot(request).await;
//! assert_eq!(answer.status(), 200);
//! let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
//! assert!(body.windows(6).any(|part| part == b"Hello!"));
//!
//! // What a client saw finish is in the books.
//! let records = pool.handle().records(RecordFilter::default(), Page { before: None, limit: 10 }).await?;
//! assert_eq!(records.len(), 1);
//! pool.handle().close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go on
//!
//! | You want | Look at |
//! |---|---|
//! | keys, tokens, routes and books of a running pool | [`Handle`] |
//! | limits, a store, a transport, callers or prices of your own | [`PoolBuilder`], [`store::Store`], [`transport::Transport`], [`service::auth::Callers`] |
//! | what happens to a call, and when | [`service`] |
//! | when a key rests and when it comes back | [`keys`] |
//! | what an upstream's answer means, and rules for it | [`classify`] |
//! | translation without a pool, and what it can not carry | [`format`](mod@format), [`format::losses`] |
//! | what a call can fail with, and as which status | [`error`] |
//! | tests without a network | [`testkit`] |
//!
//! # Features
//!
//! | Feature | Default | What it brings |
//! |---|---|---|
//! | `pool` | by those below | everything that waits or writes: tokio, tower; a store in memory |
//! | `sqlite` | yes | books in one file; SQLite is compiled in |
//! | `reqwest` | yes | requests over the network: HTTP/1 and 2, TLS by rustls, proxies |
//! | `postgres` | no | books that several nodes share |
//! | `testkit` | no | upstreams by script, and the checks that every store passes |
//! | `schema` | no | JSON Schemas of what stands in an API |
//!
//! With none of them the crate is formats, prices, decisions and no runtime. It needs Rust 1.90, which moves only with a
//! minor version. In its public signatures are types of `bytes`, `http`, `http-body`, `http-body-util`, `futures`, `tower`,
//! `serde`, `serde_json`, `uuid`, `zeroize`, and with `pool` of `tokio` and `arc-swap`: a new major version of one of those is a
//! new one of this crate. The whole public face is listed in `tests/face.txt`.
//!
//! # Floors
//!
//! A module names only modules declared above it; `tests/floors.rs` holds every `use crate::` to that. Everything down
//! to [`alert`] is pure: no I/O, no clock, no tokio, and builds for `wasm32-unknown-unknown` with
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
pub mod alert;

// State.
#[cfg(feature = "pool")]
pub mod store;
#[cfg(feature = "pool")]
pub mod figures;
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
#[cfg(feature = "pool")]
pub mod courier;
#[cfg(feature = "pool")]
pub mod traces;

// Face.
#[cfg(feature = "pool")]
pub mod handle;
#[cfg(feature = "pool")]
pub(crate) mod watch;
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
