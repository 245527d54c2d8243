//! AMP Pool for every language that can call C.
//!
//! A program opens a pool (`amp_pool_new`) or starts a whole server in its own process (`amp_pool_server_start`), makes calls
//! of it (`amp_pool_call_start`) and takes their answers as they come. What follows are the rules that every function keeps.
//!
//! ```c
//! #define TEXT(text) (const uint8_t *)(text), strlen(text)
//! AmpPool pool;
//! AmpPoolCall call;
//! const uint8_t *data;
//! size_t length;
//! if (amp_pool_new(TEXT(config), &pool) != AMP_POOL_OK) fail(amp_pool_last_error(NULL));
//! amp_pool_call_start(pool, TEXT("POST"), TEXT("/v1/chat/completions"), TEXT(headers), TEXT(body), &call);
//! while (amp_pool_call_next(call, AMP_POOL_FOREVER, &data, &length) == AMP_POOL_OK) fwrite(data, 1, length, stdout);
//! amp_pool_call_free(call);
//! amp_pool_free(pool);
//! ```
//!
//! # Names
//!
//! Functions are `amp_pool_…`, types `AmpPool…`, constants `AMP_POOL_…`. Nothing else is exported; `symbols.txt` has the list.
//!
//! # Handles
//!
//! What lives longer than one function call is a handle: a number, never a pointer. 0 is none. A function whose name ends in
//! `_new`, `_start` or `_pool` gives one and the caller owns it; the `_free` of its kind takes it back. Freeing 0 does nothing.
//! A handle that was freed is never given again, so using it, or freeing it twice, is `AMP_POOL_INVALID_HANDLE`, and one of
//! another kind `AMP_POOL_WRONG_HANDLE`: mistakes that hurt nobody. Handles are below 2^53, so that a double holds them. A
//! handle keeps alive whatever it was made from, so handles can be freed in any order.
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
//! runs behind one catch, which makes a status of the panic. A handle that was in use then answers only that status
//! and `_free` from there on.
//!
//! # Pull first
//!
//! The program asks for what comes next and says how long it is ready to wait, in milliseconds: `0` only looks,
//! `AMP_POOL_FOREVER` waits for ever. Where a callback is offered as well, it runs on the thread that called, before that call
//! returns. The library never calls into the program from a thread of its own, since many languages can not be entered from a
//! stranger's thread.
//!
//! # Bytes and text
//!
//! Whatever goes in is a pointer and a length, and need not end with NUL; null is allowed where the length is 0. Text
//! is UTF-8 and checked. The library copies what it keeps. Whatever comes out has a length beside it, too, and belongs
//! to the handle that gave it, for as long as its function says. Only text that never changes, and the message of the last
//! failure, come as C strings.
//!
//! # Threads
//!
//! A pool or server may be used from any number of threads at once. A call may move between threads, but one at a time takes
//! from its body: another gets `AMP_POOL_BUSY`. Its head can be read, and it can be cancelled and freed, by any thread at any
//! time; bytes that were given must not be used after that. The library starts its threads when the first handle is made and
//! has none left when the last one is freed. A process that forks has to do so before that, or exec at once.
//!
//! # Loading
//!
//! The library sets no signal handler, changes no environment, reads none of it, and writes to none of the standard streams
//! (but for the message of a panic, which is a mistake of ours). Once loaded it stays: `dlclose` gives back its count, not its
//! code, because threads of the program may still have to run the library's destructors.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
// The promises about pointers are the same for all functions, and stand above.
#![allow(clippy::missing_safety_doc)]

mod status;
mod raw;
mod guard;
mod table;
mod engine;
mod mailbox;
mod events;
mod config;
mod call;
mod host;
#[cfg(feature = "server")]
mod server;
mod abi;

pub use abi::*;
pub use status::{
    AMP_POOL_BROKEN, AMP_POOL_BUSY, AMP_POOL_CANCELLED, AMP_POOL_END, AMP_POOL_INVALID_ARGUMENT,
    AMP_POOL_INVALID_CONFIG, AMP_POOL_INVALID_HANDLE, AMP_POOL_NONE, AMP_POOL_OK, AMP_POOL_PANICKED, AMP_POOL_STOPPED,
    AMP_POOL_TIMEOUT, AMP_POOL_TOO_MANY, AMP_POOL_UNAVAILABLE, AMP_POOL_UNSUPPORTED, AMP_POOL_WRONG_HANDLE,
};

/// The number that `amp_pool_abi_version` returns.
pub const AMP_POOL_ABI_VERSION: u32 = 1;

/// A wait without an end.
pub const AMP_POOL_FOREVER: u32 = u32::MAX;
