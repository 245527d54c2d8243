//! The numbers that functions return, and what stands behind one that failed.

use std::fmt::Display;

/// Done.
pub const AMP_POOL_OK: i32 = 0;
/// There is no more: the answer, or the stream of events, has ended as it should.
pub const AMP_POOL_END: i32 = 1;
/// The time was up before anything came. Nothing was lost; ask again.
pub const AMP_POOL_TIMEOUT: i32 = 2;
/// There is no such thing, such as a header that the answer does not have.
pub const AMP_POOL_NONE: i32 = 3;
/// A callback asked to stop. What it did not see is still there.
pub const AMP_POOL_STOPPED: i32 = 4;
/// An argument can not be used: null where something is needed, text that is not UTF-8, a length beyond reason.
pub const AMP_POOL_INVALID_ARGUMENT: i32 = -1;
/// The handle was freed, or never was one.
pub const AMP_POOL_INVALID_HANDLE: i32 = -2;
/// The handle is one of another kind.
pub const AMP_POOL_WRONG_HANDLE: i32 = -3;
/// Another thread waits in this call, or this one does in a callback.
pub const AMP_POOL_BUSY: i32 = -4;
/// The call was cancelled.
pub const AMP_POOL_CANCELLED: i32 = -5;
/// The configuration can not be used. The message names the field.
pub const AMP_POOL_INVALID_CONFIG: i32 = -6;
/// What is needed can not be had: the data directory, the database, the address, a thread.
pub const AMP_POOL_UNAVAILABLE: i32 = -7;
/// The answer broke off. What came of it before was given.
pub const AMP_POOL_BROKEN: i32 = -8;
/// The library made a mistake that it noticed. The handle is of no use any more; free it.
pub const AMP_POOL_PANICKED: i32 = -9;
/// This library was built without what is asked for.
pub const AMP_POOL_UNSUPPORTED: i32 = -10;
/// There are as many handles as there can be.
pub const AMP_POOL_TOO_MANY: i32 = -11;

/// The meaning of a status in a few words. Of one that is not known, its sign.
pub(crate) fn meaning(status: i32) -> &'static [u8] {
    match status {
        AMP_POOL_OK => b"done\0",
        AMP_POOL_END => b"end\0",
        AMP_POOL_TIMEOUT => b"time is up\0",
        AMP_POOL_NONE => b"none\0",
        AMP_POOL_STOPPED => b"stopped by the callback\0",
        AMP_POOL_INVALID_ARGUMENT => b"invalid argument\0",
        AMP_POOL_INVALID_HANDLE => b"invalid handle\0",
        AMP_POOL_WRONG_HANDLE => b"handle of another kind\0",
        AMP_POOL_BUSY => b"in use by another thread\0",
        AMP_POOL_CANCELLED => b"cancelled\0",
        AMP_POOL_INVALID_CONFIG => b"invalid configuration\0",
        AMP_POOL_UNAVAILABLE => b"unavailable\0",
        AMP_POOL_BROKEN => b"the answer broke off\0",
        AMP_POOL_PANICKED => b"internal error\0",
        AMP_POOL_UNSUPPORTED => b"not built in\0",
        AMP_POOL_TOO_MANY => b"too many handles\0",
        failed if failed < 0 => b"failed\0",
        _ => b"nothing given\0",
    }
}

/// A function failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: i32,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: i32, message: impl Display) -> Self {
        Self { status, message: message.to_string() }
    }

    pub(crate) fn argument(message: impl Display) -> Self {
        Self::new(AMP_POOL_INVALID_ARGUMENT, message)
    }

    pub(crate) fn config(message: impl Display) -> Self {
        Self::new(AMP_POOL_INVALID_CONFIG, message)
    }

    pub(crate) fn unavailable(message: impl Display) -> Self {
        Self::new(AMP_POOL_UNAVAILABLE, message)
    }

    pub(crate) fn panicked() -> Self {
        Self::new(AMP_POOL_PANICKED, "the library made a mistake; this handle is of no use any more")
    }
}

/// What a function does: a status that is no failure, or a failure.
pub(crate) type Outcome = Result<i32, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_a_meaning_and_an_unknown_one_its_sign() {
        let known: Vec<_> = (AMP_POOL_TOO_MANY..=AMP_POOL_STOPPED).map(meaning).collect();
        let mut distinct = known.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!((known.len(), distinct.len()), (16, 16));
        assert!(known.iter().all(|text| text.ends_with(b"\0")));
        assert_eq!([meaning(i32::MIN), meaning(i32::MAX)], [b"failed\0".as_slice(), b"nothing given\0"]);
    }
}
