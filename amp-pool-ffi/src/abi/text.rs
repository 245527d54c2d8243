//! Versions and messages.

use std::ffi::c_char;

use crate::{AMP_POOL_ABI_VERSION, guard::last_message, raw::Out, status::meaning};

/// The version of the library, such as `0.1.0`.
///
/// The text ends with NUL, is the same for as long as the library is loaded, and must not be freed.
// SAFETY: no other symbol of this name is linked; the prefix is ours. This holds for all of them.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the binary interface that this library keeps.
///
/// It grows when a program compiled for the older one would go wrong; new functions alone do not change it. A program
/// compares it with the `AMP_POOL_ABI_VERSION` it was compiled with, and stops when they differ.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_abi_version() -> u32 {
    AMP_POOL_ABI_VERSION
}

/// The meaning of a status in a few words, such as `invalid handle`.
///
/// The text ends with NUL, is the same for as long as the library is loaded, and must not be freed.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_status_text(status: i32) -> *const c_char {
    meaning(status).as_ptr().cast()
}

/// Why the last function that failed on this thread did, in UTF-8. Empty if none has.
///
/// The text ends with NUL and is never null; `length`, which may be null, is its length without that. It is valid until this
/// thread calls the library again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_last_error(length: *mut usize) -> *const c_char {
    let (text, found) = last_message();
    // SAFETY: the program lets `length` be written, if it is not null.
    if let Ok(length) = unsafe { Out::new("length", length) } {
        length.put(found);
    }
    text.cast()
}
