//! The functions by the names and signatures under which a C program links them.

use std::ffi::{CStr, c_char};

unsafe extern "C" {
    safe fn amp_pool_version() -> *const c_char;
    safe fn amp_pool_abi_version() -> u32;
}

#[test]
fn the_version_is_that_of_the_package() {
    // SAFETY: the library promises a static text that ends with NUL.
    let version = unsafe { CStr::from_ptr(amp_pool_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_version_is_the_same_text_whenever_it_is_asked() {
    assert_eq!(amp_pool_version(), amp_pool_version());
}

#[test]
fn the_interface_has_a_version() {
    assert_eq!(amp_pool_abi_version(), amp_pool::AMP_POOL_ABI_VERSION);
}
