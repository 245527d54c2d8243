//! Each function with a panic inside, and each with a handle that is none.
//!
//! What C programs do to them is in `tests/c`.

use std::ptr::{null, null_mut};

use super::*;
use crate::{
    AMP_POOL_INVALID_ARGUMENT, AMP_POOL_INVALID_HANDLE, AMP_POOL_OK, AMP_POOL_PANICKED, AMP_POOL_WRONG_HANDLE,
    guard::strike::{self, At},
};

/// One handle of each kind.
struct Handles {
    pool: AmpPool,
    call: AmpPoolCall,
    server: AmpPoolServer,
}

impl Handles {
    fn open() -> Self {
        let (mut pool, mut call, mut server) = (0, 0, 0);
        // SAFETY: all places are there for as long as the functions run.
        unsafe {
            assert_eq!(amp_pool_new(null(), 0, &raw mut pool), AMP_POOL_OK);
            assert_eq!(start(pool, &raw mut call, "GET"), AMP_POOL_OK);
            let config = r#"{"port": 0, "amp_pool_drain_seconds": 1}"#;
            assert_eq!(amp_pool_server_start(config.as_ptr(), config.len(), &raw mut server), AMP_POOL_OK);
        }
        Self { pool, call, server }
    }

    fn free(self) {
        assert_eq!(amp_pool_call_free(self.call), AMP_POOL_OK);
        assert_eq!(amp_pool_server_free(self.server), AMP_POOL_OK);
        assert_eq!(amp_pool_free(self.pool), AMP_POOL_OK);
    }
}

/// # Safety
/// As [`amp_pool_call_start`].
unsafe fn start(pool: AmpPool, call: *mut AmpPoolCall, method: &str) -> i32 {
    let path = "/v1/models";
    // SAFETY: the caller's promise; the texts are there.
    unsafe {
        amp_pool_call_start(pool, method.as_ptr(), method.len(), path.as_ptr(), path.len(), null(), 0, null(), 0, call)
    }
}

unsafe extern "C" fn ignore(_: *mut std::ffi::c_void, _: *const u8, _: usize) -> i32 {
    0
}

/// A function with everything it needs but its handle.
type Function = (&'static str, fn(u64) -> i32);

/// What takes a handle of a pool.
const OF_POOLS: [Function; 5] = [
    ("amp_pool_is_ready", |pool| amp_pool_is_ready(pool)),
    ("amp_pool_drain", |pool| amp_pool_drain(pool)),
    ("amp_pool_flush", |pool| amp_pool_flush(pool, 1000)),
    ("amp_pool_call_start", |pool| {
        let mut call = 0;
        // SAFETY: the place is there.
        let status = unsafe { start(pool, &raw mut call, "GET") };
        amp_pool_call_free(call);
        status
    }),
    ("amp_pool_admin_start", |pool| {
        let (mut call, method, path) = (0, "GET", "/api/keys");
        let (method, path) = ((method.as_ptr(), method.len()), (path.as_ptr(), path.len()));
        // SAFETY: the texts and the place are there.
        let status = unsafe {
            amp_pool_admin_start(pool, method.0, method.1, path.0, path.1, null(), 0, null(), 0, &raw mut call)
        };
        amp_pool_call_free(call);
        status
    }),
];

/// What takes a handle of a call.
const OF_CALLS: [Function; 9] = [
    // SAFETY: in all of these, the places are there for as long as the functions run.
    ("amp_pool_call_head", |call| unsafe { amp_pool_call_head(call, 1000, null_mut()) }),
    ("amp_pool_call_header", |call| {
        let (name, mut value, mut length) = ("content-type", null(), 0);
        // SAFETY: as above.
        unsafe { amp_pool_call_header(call, name.as_ptr(), name.len(), &raw mut value, &raw mut length) }
    }),
    ("amp_pool_call_headers", |call| {
        with_places(|text, length| {
            // SAFETY: as above.
            unsafe { amp_pool_call_headers(call, text, length) }
        })
    }),
    ("amp_pool_call_next", |call| {
        with_places(|data, length| {
            // SAFETY: as above.
            unsafe { amp_pool_call_next(call, 1000, data, length) }
        })
    }),
    ("amp_pool_call_event", |call| {
        with_places(|data, length| {
            let (mut name, mut name_length) = (null(), 0);
            // SAFETY: as above.
            unsafe { amp_pool_call_event(call, 1000, &raw mut name, &raw mut name_length, data, length) }
        })
    }),
    ("amp_pool_call_events", |call| {
        with_places(|text, count| {
            let mut ends = null();
            // SAFETY: as above.
            unsafe { amp_pool_call_events(call, 1000, text, &raw mut ends, count) }
        })
    }),
    ("amp_pool_call_collect", |call| {
        with_places(|data, length| {
            // SAFETY: as above.
            unsafe { amp_pool_call_collect(call, 1000, data, length) }
        })
    }),
    // SAFETY: the callback needs no context.
    ("amp_pool_call_each", |call| unsafe { amp_pool_call_each(call, 1000, Some(ignore), null_mut()) }),
    ("amp_pool_call_cancel", |call| amp_pool_call_cancel(call)),
];

/// What takes a handle of a server.
const OF_SERVERS: [Function; 3] = [
    ("amp_pool_server_address", |server| {
        with_places(|text, length| {
            // SAFETY: the places are there.
            unsafe { amp_pool_server_address(server, text, length) }
        })
    }),
    ("amp_pool_server_pool", |server| {
        let mut pool = 0;
        // SAFETY: the place is there.
        let status = unsafe { amp_pool_server_pool(server, &raw mut pool) };
        amp_pool_free(pool);
        status
    }),
    ("amp_pool_server_stop", |server| amp_pool_server_stop(server, 0)),
];

fn with_places(work: impl FnOnce(*mut *const u8, *mut usize) -> i32) -> i32 {
    let (mut data, mut length) = (null(), 0);
    work(&raw mut data, &raw mut length)
}

/// Panics in `function` at both places, and sees that `handle` is of no use afterwards but can be freed.
fn check_panics((name, function): Function, handle: u64, free: fn(u64) -> i32) {
    strike::next(At::Entry);
    assert_eq!(function(handle), AMP_POOL_PANICKED, "{name} at its entry");
    assert!(!strike::is_pending(), "{name} is not guarded");
    assert_ne!(function(handle), AMP_POOL_PANICKED, "{name} after a panic that was not the handle's");

    strike::next(At::Inside);
    assert_eq!(function(handle), AMP_POOL_PANICKED, "{name} inside");
    assert!(!strike::is_pending(), "{name} does not use its handle");
    assert_eq!(function(handle), AMP_POOL_PANICKED, "{name} with a spoilt handle");
    assert_eq!(free(handle), AMP_POOL_OK, "freeing after {name}");
    assert_eq!(function(handle), AMP_POOL_INVALID_HANDLE, "{name} with a handle that was freed");
}

#[test]
fn a_panic_in_any_function_is_a_status_and_spoils_only_the_handle_in_use() {
    for function in OF_POOLS {
        let handles = Handles::open();
        let mut pool = 0;
        // SAFETY: the place is there.
        assert_eq!(unsafe { amp_pool_new(null(), 0, &raw mut pool) }, AMP_POOL_OK);
        check_panics(function, pool, |pool| amp_pool_free(pool));
        handles.free();
    }
    let handles = Handles::open();
    for function in OF_CALLS {
        let mut call = 0;
        // SAFETY: the place is there.
        unsafe {
            assert_eq!(start(handles.pool, &raw mut call, "GET"), AMP_POOL_OK);
            // An answer of which everything has come.
            assert_eq!(amp_pool_call_head(call, crate::AMP_POOL_FOREVER, null_mut()), AMP_POOL_OK);
        }
        check_panics(function, call, |call| amp_pool_call_free(call));
    }
    handles.free();
    for function in OF_SERVERS {
        let handles = Handles::open();
        check_panics(function, handles.server, |server| amp_pool_server_free(server));
        assert_eq!((amp_pool_call_free(handles.call), amp_pool_free(handles.pool)), (AMP_POOL_OK, AMP_POOL_OK));
    }
}

#[test]
fn a_panic_while_something_is_made_or_freed_is_a_status() {
    let makers: [Function; 2] = [
        ("amp_pool_new", |_| {
            let mut pool = 0;
            // SAFETY: the place is there.
            unsafe { amp_pool_new(null(), 0, &raw mut pool) }
        }),
        ("amp_pool_server_start", |_| {
            let mut server = 0;
            // SAFETY: the place is there.
            unsafe { amp_pool_server_start(null(), 0, &raw mut server) }
        }),
    ];
    let frees: [Function; 3] = [
        ("amp_pool_free", |pool| amp_pool_free(pool)),
        ("amp_pool_call_free", |call| amp_pool_call_free(call)),
        ("amp_pool_server_free", |server| amp_pool_server_free(server)),
    ];
    for (name, function) in makers.into_iter().chain(frees) {
        strike::next(At::Entry);
        assert_eq!(function(0), AMP_POOL_PANICKED, "{name}");
    }
}

#[test]
fn nothing_takes_a_handle_that_is_none_or_of_another_kind() {
    let handles = Handles::open();
    let check = |(name, function): Function, wrong: [u64; 2]| {
        for none in [0, 1, u64::MAX] {
            assert_eq!(function(none), AMP_POOL_INVALID_HANDLE, "{name} with {none:x}");
        }
        for wrong in wrong {
            assert_eq!(function(wrong), AMP_POOL_WRONG_HANDLE, "{name} with a handle of another kind");
        }
    };
    for function in OF_POOLS {
        check(function, [handles.call, handles.server]);
    }
    for function in OF_CALLS {
        check(function, [handles.pool, handles.server]);
    }
    for function in OF_SERVERS {
        check(function, [handles.pool, handles.call]);
    }
    assert_eq!(amp_pool_free(handles.call), AMP_POOL_WRONG_HANDLE);
    assert_eq!(amp_pool_call_free(handles.server), AMP_POOL_WRONG_HANDLE);
    assert_eq!(amp_pool_server_free(handles.pool), AMP_POOL_WRONG_HANDLE);
    handles.free();
}

#[test]
fn what_is_given_in_no_place_is_refused() {
    let handles = Handles::open();
    // SAFETY: null is refused before anything is written.
    let statuses = unsafe {
        [
            amp_pool_new(null(), 0, null_mut()),
            start(handles.pool, null_mut(), "GET"),
            amp_pool_call_header(handles.call, null(), 0, null_mut(), null_mut()),
            amp_pool_call_headers(handles.call, null_mut(), null_mut()),
            amp_pool_call_next(handles.call, 0, null_mut(), null_mut()),
            amp_pool_call_event(handles.call, 0, null_mut(), null_mut(), null_mut(), null_mut()),
            amp_pool_call_events(handles.call, 0, null_mut(), null_mut(), null_mut()),
            amp_pool_call_collect(handles.call, 0, null_mut(), null_mut()),
            amp_pool_call_each(handles.call, 0, None, null_mut()),
            amp_pool_server_start(null(), 0, null_mut()),
            amp_pool_server_address(handles.server, null_mut(), null_mut()),
            amp_pool_server_pool(handles.server, null_mut()),
        ]
    };
    assert_eq!(statuses, [AMP_POOL_INVALID_ARGUMENT; 12]);
    handles.free();
}
