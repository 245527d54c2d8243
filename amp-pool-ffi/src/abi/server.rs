//! The server inside the program.

use super::{AmpPool, AmpPoolServer};
#[cfg(feature = "server")]
use super::{POOLS, SERVERS};
#[cfg(not(feature = "server"))]
use crate::status::{AMP_POOL_UNSUPPORTED, Failure};
#[cfg(feature = "server")]
use crate::{
    config::Config,
    engine::patience,
    host::PoolHandle,
    raw::{Out, OutBytes, text},
    server::ServerHandle,
    status::{AMP_POOL_OK, AMP_POOL_TIMEOUT},
};
use crate::{guard::guard, status::Outcome};

/// Starts a server: the pool with its gateway, its admin API and its web UI on a port.
///
/// `config` is a JSON object as for `amp_pool_new`, with `host` and `port` (0 takes a free one) among the settings. Nothing is
/// proxied before there is an admin: give `amp_pool_admin_token` or `admin_password`, or make one by `POST /api/users` of the
/// admin API. Blocks until the server listens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_server_start(
    config: *const u8,
    config_length: usize,
    server: *mut AmpPoolServer,
) -> i32 {
    // SAFETY: the program's promise for what it hands in and what it wants written.
    guard(|| unsafe { start(config, config_length, server) })
}

/// Gives where the server listens, such as `http://127.0.0.1:8000`.
///
/// The text is valid until the server is freed. It does not end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_server_address(
    server: AmpPoolServer,
    text: *mut *const u8,
    length: *mut usize,
) -> i32 {
    // SAFETY: the program lets both be written.
    guard(|| unsafe { address(server, text, length) })
}

/// Gives a handle of the server's pool, for calls and the admin API without the network. Free it with `amp_pool_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_server_pool(server: AmpPoolServer, pool: *mut AmpPool) -> i32 {
    // SAFETY: the program lets `pool` be written.
    guard(|| unsafe { lend_pool(server, pool) })
}

/// Stops the server: nothing new is taken, what runs may finish. `AMP_POOL_TIMEOUT` when something still does after
/// `timeout_ms`; ask again, or free the server to break it off.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_server_stop(server: AmpPoolServer, timeout_ms: u32) -> i32 {
    guard(|| stop(server, timeout_ms))
}

/// Frees a server: stops it, breaks off what still runs, and waits until all is in the books. Freeing 0 does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_server_free(server: AmpPoolServer) -> i32 {
    guard(|| free(server))
}

/// # Safety
/// As [`text`] and [`Out::new`].
#[cfg(feature = "server")]
unsafe fn start(config: *const u8, length: usize, server: *mut AmpPoolServer) -> Outcome {
    // SAFETY: the caller's promise.
    let (out, config) = unsafe { (Out::new("server", server)?, text("config", config, length)?) };
    out.put(SERVERS.insert(ServerHandle::start(Config::read(config)?)?)?);
    Ok(AMP_POOL_OK)
}

/// # Safety
/// As [`OutBytes::new`].
#[cfg(feature = "server")]
unsafe fn address(server: AmpPoolServer, text: *mut *const u8, length: *mut usize) -> Outcome {
    // SAFETY: the caller's promise.
    let out = unsafe { OutBytes::new("text", text, length) }?;
    SERVERS.get(server)?.lend(|server| {
        out.put(server.address().as_bytes());
        Ok(AMP_POOL_OK)
    })
}

/// # Safety
/// As [`Out::new`].
#[cfg(feature = "server")]
unsafe fn lend_pool(server: AmpPoolServer, pool: *mut AmpPool) -> Outcome {
    // SAFETY: the caller's promise.
    let out = unsafe { Out::new("pool", pool) }?;
    let host = SERVERS.get(server)?.lend(|server| Ok(server.host()))?;
    out.put(POOLS.insert(PoolHandle(host.into()))?);
    Ok(AMP_POOL_OK)
}

#[cfg(feature = "server")]
fn stop(server: AmpPoolServer, timeout_ms: u32) -> Outcome {
    let has_ended = SERVERS.get(server)?.lend(|server| server.stop(patience(timeout_ms)))?;
    Ok(if has_ended { AMP_POOL_OK } else { AMP_POOL_TIMEOUT })
}

#[cfg(feature = "server")]
fn free(server: AmpPoolServer) -> Outcome {
    if server != 0 {
        let held = SERVERS.remove(server)?;
        // Handles of its pool keep it, and would go on doing so. One through which a panic went can be freed as well.
        let _ = held.lend(|server| {
            server.hurry();
            server.stop(None)
        });
    }
    Ok(AMP_POOL_OK)
}

#[cfg(not(feature = "server"))]
fn unsupported() -> Outcome {
    Err(Failure::new(AMP_POOL_UNSUPPORTED, "this library was built without the server"))
}

#[cfg(not(feature = "server"))]
unsafe fn start(_: *const u8, _: usize, _: *mut AmpPoolServer) -> Outcome {
    unsupported()
}

#[cfg(not(feature = "server"))]
unsafe fn address(_: AmpPoolServer, _: *mut *const u8, _: *mut usize) -> Outcome {
    unsupported()
}

#[cfg(not(feature = "server"))]
unsafe fn lend_pool(_: AmpPoolServer, _: *mut AmpPool) -> Outcome {
    unsupported()
}

#[cfg(not(feature = "server"))]
fn stop(_: AmpPoolServer, _: u32) -> Outcome {
    unsupported()
}

#[cfg(not(feature = "server"))]
fn free(_: AmpPoolServer) -> Outcome {
    unsupported()
}
