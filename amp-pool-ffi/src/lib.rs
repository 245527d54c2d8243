//! AMP Pool for every language that can call C.
//!
//! So far a program can ask which library it has loaded; pools, calls and streams come next. What follows are the rules
//! that every function of this crate keeps, written down before there are many of them.
//!
//! # Names
//!
//! Functions are `amp_pool_…`, types `AmpPool…`, constants `AMP_POOL_…`. Nothing else is exported.
//!
//! # Handles
//!
//! What lives longer than one function call is an opaque pointer. A function whose name ends in `_new`, `_open` or
//! `_start` gives one and the caller owns it; the `_free` of the same name takes it back. Freeing a null pointer does
//! nothing; freeing twice is the caller's mistake and can not be noticed. A handle keeps alive whatever it was made
//! from, so handles can be freed in any order.
//!
//! # Status
//!
//! A function that can fail returns an `int32_t` and gives its result through its last parameters, which are written
//! only when that is 0.
//!
//! | Number | Meaning |
//! |---|---|
//! | `0` | done |
//! | above `0` | nothing failed, and nothing was given either: the end of a stream, or the time was up |
//! | below `0` | failed |
//!
//! A number never gets a second meaning, and a program has to take one that it does not know for its sign. The message
//! of a failure is asked for separately; it belongs to the thread and is valid until that thread calls the library
//! again.
//!
//! # Panics
//!
//! Exported functions are plain `extern "C"`: an unwinding panic may not pass through the frames of a program that
//! knows nothing of it, and would end the process. So the body of every function that does more than return a constant
//! runs behind one catch, which makes a status of the panic. A handle that was in use then answers only that status and
//! `_free` from there on.
//!
//! # Pull first
//!
//! The program asks for what comes next and says how long it is ready to wait, in milliseconds: `0` only looks. Where a
//! callback is offered as well, it runs on the thread that called, before that call returns. The library never calls
//! into the program from a thread of its own, since many languages can not be entered from a stranger's thread.
//!
//! # Bytes and text
//!
//! Whatever goes in is a pointer and a length, and need not end with NUL; null is allowed where the length is 0. Text
//! is UTF-8 and checked. The library copies what it keeps. Whatever comes out has a length beside it, too, and belongs
//! to the handle that gave it, until the next call on that handle. Only text that never changes comes as a C string.
//!
//! # Threads
//!
//! A pool may be used from any number of threads at once. A call or stream may move between threads, but one at a time;
//! only its cancel function may be used from another thread while someone waits in it. The library starts its threads
//! when the first pool is made and has none left when the last handle is freed. A process that forks has to do so
//! before that, or exec at once.

use std::ffi::c_char;

/// The number that [`amp_pool_abi_version`] returns. 0 until the functions are complete: nothing is promised before.
pub const AMP_POOL_ABI_VERSION: u32 = 0;

/// The version of the library, such as `0.1.0`.
///
/// The text ends with NUL, is the same for as long as the library is loaded, and must not be freed.
///
/// ```
/// # use std::ffi::CStr;
/// // SAFETY: the text is static and ends with NUL.
/// let version = unsafe { CStr::from_ptr(amp_pool::amp_pool_version()) };
/// assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
/// ```
// SAFETY: no other symbol of this name is linked; the prefix is ours.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the binary interface that this library keeps.
///
/// It grows when a program compiled for the older one would go wrong; new functions alone do not change it. A program
/// compares it with the `AMP_POOL_ABI_VERSION` it was compiled with, and stops when they differ.
///
/// ```
/// assert_eq!(amp_pool::amp_pool_abi_version(), amp_pool::AMP_POOL_ABI_VERSION);
/// ```
// SAFETY: as above.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_abi_version() -> u32 {
    AMP_POOL_ABI_VERSION
}
