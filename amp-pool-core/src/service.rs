//! The path of a call, one layer a file.
//!
//! | # | Layer | Takes → gives |
//! |---|---|---|
//! | 1 | [`Render`](render) | `http::Request<B>` → [`Arrived<B>`](Arrived) |
//! | 2 | [`Auth`](auth) | [`Arrived<B>`](Arrived) → [`Known<B>`](Known) |
//! | 3 | [`Read`](read) | [`Known<B>`](Known) → [`Call`] |
//! | 4 | [`Routing`](routing) | [`Call`] → [`Routed`] |
//! | 5 | [`Admit`](admit) | [`Routed`] → [`Admitted`] |
//! | 6 | [`Attempts`](attempts) | [`Admitted`] → response |
//!
//! Each takes one stage and calls the next layer with another, so the compiler checks the order; why it is this order
//! stands in [`pool`](crate::pool), the one place where it is written. All are always ready: a choice made before the
//! request is read cannot know the model.
//!
//! # What happens when
//!
//! | When | Then |
//! |---|---|
//! | nobody knows the token | 401; the body is not read, no record is made |
//! | no key serves the model | 404; no record |
//! | the caller has had its requests, tokens or calls at a time | 429 with `Retry-After` and `x-ratelimit-…`; no record |
//! | its budget does not cover the call | 429 `insufficient_quota`, or 402 in Messages; nothing is sent |
//! | the books can not be written | 503; nothing is sent that could not be booked |
//! | a key is limited, refused, out of money, failing, silent | another key is asked; what was learned is kept |
//! | an error event opens a stream that began with 200 | the same: the first frames are held back until there is content |
//! | all keys rest or are full | 503 or 429 at once with the time of the first that comes back; or a wait, by [`Limits::wait`] |
//! | the upstream breaks off after the first byte | an error event of the caller's format, or a broken connection; never another key |
//! | the client hangs up | the upstream is left, or read on within [`Limits::drain`]; what came is booked, as an estimate |
//! | the key speaks another format | translated; what can not be carried is told by `x-amp-dropped` and booked, or refused |
//! | the process is killed | what clients saw finish is in the books; open calls are closed at the next start |
//! | the pool drains | new calls get 503, running ones go on |

use std::time::Duration;

pub mod admit;
mod ambient;
pub mod attempts;
pub mod auth;
mod body;
pub(crate) mod conversation;
mod headers;
mod layout;
mod held;
mod memos;
pub mod read;
mod place;
mod recorder;
pub mod render;
pub mod routing;
mod stage;
mod waits;

pub use body::PoolBody;
pub use conversation::Talk;
pub(crate) use headers::forwarded as forwarded_headers;
pub use stage::{Admitted, Arrived, Ask, Call, Cap, Known, Routed};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The answer of every layer.
pub type Response = http::Response<PoolBody>;

/// The future of every layer but the outermost.
pub type ResponseFuture = futures::future::BoxFuture<'static, Result<Response, crate::Error>>;

/// How much and how long.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request body.
    pub body: usize,
    /// Between two pieces of a request body.
    pub body_gap: Duration,
    /// Bytes a second with which a request body has to come, taken over all of it. What a gap allows is on top. Zero: slowly
    /// does as well.
    pub body_rate: usize,
    /// From sending a call that asked for a stream to the head and the first piece of its answer.
    pub first_byte: Duration,
    /// The same for a call that asked for a whole answer: models think before they write.
    pub whole_answer: Duration,
    /// Between two pieces of an answer. Any byte counts, pings too.
    pub idle: Duration,
    /// A call from its admission to its end.
    pub total: Duration,
    /// No further key is tried when a call has lasted this long.
    pub failover: Duration,
    /// How long after its coming a call may wait for a key to be ready, when all rest or are full. Zero: it is told so at
    /// once.
    pub wait: Duration,
    /// How many calls may wait so at a time.
    pub waiting: usize,
    /// Bytes of a stream that are held back until its first event with content.
    pub opening_bytes: usize,
    /// How long they are held back.
    pub opening_time: Duration,
    /// Bytes of an upstream's error that are read.
    pub error_body: usize,
    /// How long the rest of an answer is read whose client has hung up, for what it cost. Zero: it is left at once.
    ///
    /// Messages upstreams tell what they read at the beginning, and are left at once in any case.
    pub drain: Duration,
    /// How long the last bytes of an answer wait for the books before the answer is broken off.
    pub durable: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            body_gap: Duration::from_secs(30),
            body_rate: 1024,
            first_byte: Duration::from_secs(120),
            whole_answer: Duration::from_secs(600),
            idle: Duration::from_secs(90),
            total: Duration::from_secs(30 * 60),
            failover: Duration::from_secs(120),
            wait: Duration::ZERO,
            waiting: 1000,
            opening_bytes: 64 << 10,
            opening_time: Duration::from_secs(1),
            error_body: 256 << 10,
            drain: Duration::ZERO,
            durable: Duration::from_secs(30),
        }
    }
}
