//! The one error a call can end with.
//!
//! Opaque: it answers questions and keeps its kind private, so that kinds can be added. Every module below the service
//! has its own small error; they become this one where a layer can say what was being done. HTTP is made of it once, in
//! the `Render` layer.
//!
//! | Name | Status | Fault | Meaning |
//! |---|---|---|---|
//! | `unauthorized` | 401 | caller | no token, or one that nobody here holds |
//! | `forbidden` | 403 | caller | a known caller asked for what it may not use |
//! | `bad_request` | 400 | caller | the request is wrong; [`Error::field`] says where |
//! | `too_large` | 413 | caller | the body is too long |
//! | `slow_body` | 408 | caller | the body did not come in time |
//! | `not_found`, `unknown_model` | 404 | caller | nothing is served there; no key has the model |
//! | `format_mismatch` | 501 | caller | the call can not be put into the format of any key |
//! | `over_limit` | 429 | caller | the caller's own limits; [`Error::retry_after`] says for how long |
//! | `out_of_budget` | 429, in Messages 402 | caller | what it costs is not covered |
//! | `rate_limited` | 429 | upstream | every key is limited |
//! | `overloaded` | 503, in Messages 529 | upstream | every upstream has too much to do |
//! | `upstream` | 502 | upstream | every key failed |
//! | `timeout` | 504 | upstream | nobody answered in time |
//! | `no_key`, `busy` | 503 | pool | no key is fit; the books take no more now |
//! | `internal` | 500 | pool | a mistake of ours |

use std::{borrow::Cow, fmt, time::Duration};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a call could not be answered.
///
/// ```
/// use amp_pool_core::{Error, Fault};
///
/// let err = Error::bad_request("model", "`model` is missing");
/// assert!(err.is_bad_request());
/// assert_eq!(err.field(), Some("model"));
/// assert_eq!(err.fault(), Fault::Caller);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    code: Option<&'static str>,
    retry_after: Option<Duration>,
    beside: Vec<(&'static str, String)>,
    source: Option<Source>,
}

/// Whose doing an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request could not be served by any pool.
    Caller,
    /// An upstream failed or refused.
    Upstream,
    /// This pool could not do its work: no fit key, a full ledger, a defect.
    Pool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unauthorized,
    Forbidden,
    BadRequest,
    TooLarge,
    SlowBody,
    NotFound,
    UnknownModel,
    FormatMismatch,
    RateLimited,
    OverLimit,
    OutOfBudget,
    NoKey,
    Overloaded,
    Upstream,
    Timeout,
    Busy,
    Internal,
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> bool { self.0.kind == Kind::$kind })*
    };
}

impl Error {
    /// No token, or one that nobody here holds.
    #[must_use]
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unauthorized, message)
    }

    /// A known caller asked for what it may not use.
    #[must_use]
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// The request is wrong in `field` (empty when it is wrong as a whole).
    #[must_use]
    pub fn bad_request(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        let field = field.into();
        let mut error = Self::new(Kind::BadRequest, message);
        error.0.field = (!field.is_empty()).then_some(field);
        error
    }

    /// The body is longer than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(Kind::TooLarge, format!("request body is larger than {limit} bytes"))
    }

    /// The body did not come in time.
    #[must_use]
    pub fn slow_body() -> Self {
        Self::new(Kind::SlowBody, "the request body did not come in time")
    }

    /// Nothing is served at this path.
    #[must_use]
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// No key of the pool serves this model.
    #[must_use]
    pub fn unknown_model(model: &str) -> Self {
        let mut error = Self::new(Kind::UnknownModel, format!("model `{model}` is not served by any key of this pool"));
        error.0.field = Some("model".into());
        error
    }

    /// Keys serve the model, but only in another format than the caller's.
    #[must_use]
    pub fn format_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::FormatMismatch, message)
    }

    /// Every fit key is limited for now.
    #[must_use]
    pub fn rate_limited(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::RateLimited, message)
    }

    /// The caller has reached a limit of its own.
    #[must_use]
    pub fn over_limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::OverLimit, message)
    }

    /// The caller's budget does not cover the call.
    #[must_use]
    pub fn out_of_budget(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::OutOfBudget, message)
    }

    /// No key is fit to serve the call now.
    #[must_use]
    pub fn no_key(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NoKey, message)
    }

    /// The upstream has more work than it can take.
    #[must_use]
    pub fn overloaded(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Overloaded, message)
    }

    /// The upstream failed.
    #[must_use]
    pub fn upstream(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Upstream, message)
    }

    /// Something took longer than its limit.
    #[must_use]
    pub fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Timeout, message)
    }

    /// The pool cannot take more work now; nothing was started.
    #[must_use]
    pub fn busy(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Busy, message)
    }

    /// A defect of this pool.
    #[must_use]
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, message)
    }

    fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            message,
            field: None,
            code: None,
            retry_after: None,
            beside: Vec::new(),
            source: None,
        }))
    }

    /// Adds what caused the error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a code by which programs know the error.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Option<&'static str>>) -> Self {
        self.0.code = code.into();
        self
    }

    /// Adds when trying again makes sense.
    #[must_use]
    pub fn with_retry_after(mut self, wait: impl Into<Option<Duration>>) -> Self {
        self.0.retry_after = wait.into();
        self
    }

    /// Adds what its answer says in a header of this name, such as how much of a limit is left.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.beside.push((name, value.into()));
        self
    }

    predicates! {
        /// No token, or one that nobody here holds.
        is_unauthorized => Unauthorized;
        /// A known caller asked for what it may not use.
        is_forbidden => Forbidden;
        /// The request itself is wrong; [`field`](Self::field) may say where.
        is_bad_request => BadRequest;
        /// The body is over the limit.
        is_too_large => TooLarge;
        /// The body did not come in time.
        is_slow_body => SlowBody;
        /// Nothing is served at this path.
        is_not_found => NotFound;
        /// No key serves the model.
        is_unknown_model => UnknownModel;
        /// The model is served only in another format.
        is_format_mismatch => FormatMismatch;
        /// Every fit key is limited; [`retry_after`](Self::retry_after) says for how long.
        is_rate_limited => RateLimited;
        /// The caller has reached a limit of its own; [`retry_after`](Self::retry_after) says when there is room again.
        is_over_limit => OverLimit;
        /// The caller's budget does not cover the call.
        is_budget => OutOfBudget;
        /// No key is fit now.
        is_no_key => NoKey;
        /// The upstream has too much work.
        is_overloaded => Overloaded;
        /// The upstream failed.
        is_upstream => Upstream;
        /// A limit of time was passed.
        is_timeout => Timeout;
        /// The pool takes no more work now.
        is_busy => Busy;
        /// A defect of this pool.
        is_internal => Internal;
    }

    /// The field of the request that is wrong, as a path such as `stream_options`.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// A code by which programs know the error, such as `unsupported_parameter`.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// How long to wait before another try, when that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What its answer says beside, as names and values of headers.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.0.beside
    }

    /// Whose doing it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self.0.kind {
            Kind::Unauthorized
            | Kind::Forbidden
            | Kind::BadRequest
            | Kind::TooLarge
            | Kind::NotFound
            | Kind::SlowBody
            | Kind::UnknownModel
            | Kind::FormatMismatch
            | Kind::OverLimit
            | Kind::OutOfBudget => Fault::Caller,
            Kind::RateLimited | Kind::Overloaded | Kind::Upstream | Kind::Timeout => Fault::Upstream,
            Kind::NoKey | Kind::Busy | Kind::Internal => Fault::Pool,
        }
    }

    /// A short stable name of the kind, as it stands in records: `rate_limited`, `bad_request`, …
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0.kind {
            Kind::Unauthorized => "unauthorized",
            Kind::Forbidden => "forbidden",
            Kind::BadRequest => "bad_request",
            Kind::TooLarge => "too_large",
            Kind::SlowBody => "slow_body",
            Kind::NotFound => "not_found",
            Kind::UnknownModel => "unknown_model",
            Kind::FormatMismatch => "format_mismatch",
            Kind::RateLimited => "rate_limited",
            Kind::OverLimit => "over_limit",
            Kind::OutOfBudget => "out_of_budget",
            Kind::NoKey => "no_key",
            Kind::Overloaded => "overloaded",
            Kind::Upstream => "upstream",
            Kind::Timeout => "timeout",
            Kind::Busy => "busy",
            Kind::Internal => "internal",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, field, code, retry_after, source, .. } = &*self.0;
        let mut shown = f.debug_struct("Error");
        shown.field("kind", kind).field("message", message).field("field", field).field("code", code);
        shown.field("retry_after", retry_after).field("source", source).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
