//! Pools, and what begins at one.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::{AmpPool, AmpPoolCall, CALLS, POOLS};
use crate::{
    call::{Call, request},
    config::Config,
    engine::patience,
    guard::guard,
    host::{Host, PoolHandle},
    raw::{Out, bytes, text},
    status::{AMP_POOL_NONE, AMP_POOL_OK, AMP_POOL_TIMEOUT, Failure, Outcome},
};

/// Opens a pool.
///
/// `config` is a JSON object, or empty. `keys` lists upstream keys (`name`, `provider`, `api_key`; if you like `base_url`,
/// `models`, `priority`, `weight`, `proxy`, `user_agent`), `tokens` client tokens (`name`, `secret`); both are added unless they
/// are there. Every other member is a setting of the server by the name of its flag, such as `data_dir`. Without `data_dir` and
/// `database_url` everything is in memory. The environment has no say. Blocks until the pool can take calls, which may take as
/// long as a migration of its database does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_new(config: *const u8, config_length: usize, pool: *mut AmpPool) -> i32 {
    guard(|| {
        // SAFETY: the program's promise for what it hands in and what it wants written.
        let (out, config) = unsafe { (Out::new("pool", pool)?, text("config", config, config_length)?) };
        let host = Host::open(Config::read(config)?)?;
        out.put(POOLS.insert(PoolHandle(host.into()))?);
        Ok(AMP_POOL_OK)
    })
}

/// Frees a pool. Its calls go on; the last of their handles closes the books, ends the threads, and waits for that.
///
/// Freeing 0 does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_free(pool: AmpPool) -> i32 {
    guard(|| {
        if pool != 0 {
            drop(POOLS.remove(pool)?);
        }
        Ok(AMP_POOL_OK)
    })
}

/// Whether the pool takes calls: `AMP_POOL_OK`, or `AMP_POOL_NONE` when it drains or its books can not be written.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_is_ready(pool: AmpPool) -> i32 {
    guard(|| {
        let is_ready = POOLS.get(pool)?.lend(|pool| Ok(pool.0.handle().is_ready()))?;
        Ok(if is_ready { AMP_POOL_OK } else { AMP_POOL_NONE })
    })
}

/// Refuses new calls from here on. Calls under way go on.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_drain(pool: AmpPool) -> i32 {
    guard(|| {
        POOLS.get(pool)?.lend(|pool| {
            pool.0.handle().start_draining();
            Ok(AMP_POOL_OK)
        })
    })
}

/// Waits until every call that has ended so far is in the books, at most `timeout_ms`.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_flush(pool: AmpPool, timeout_ms: u32) -> i32 {
    guard(|| {
        POOLS.get(pool)?.lend(|pool| {
            let handle = pool.0.handle();
            let written = pool.0.engine().wait(async move { handle.flush().await }, patience(timeout_ms))?;
            Ok(if written.is_some() { AMP_POOL_OK } else { AMP_POOL_TIMEOUT })
        })
    })
}

/// Begins a call of the pool, such as `POST /v1/chat/completions`.
///
/// `headers` is a text with `name: value` in each line, one of them `authorization: Bearer` with a client token, or another
/// header that carries one. A value with a line end in it would be two headers. All is copied. Returns at once: failures of the
/// call, such as a token that nobody knows, are answers with the status and body that a server would send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_start(
    pool: AmpPool,
    method: *const u8,
    method_length: usize,
    path: *const u8,
    path_length: usize,
    headers: *const u8,
    headers_length: usize,
    body: *const u8,
    body_length: usize,
    call: *mut AmpPoolCall,
) -> i32 {
    let asked = Asked {
        method: (method, method_length),
        path: (path, path_length),
        headers: (headers, headers_length),
        body: (body, body_length),
    };
    // SAFETY: the program's promise for what it hands in and what it wants written.
    guard(|| unsafe { asked.start(pool, call, Host::call) })
}

/// Begins a request to the admin API, such as `GET /api/keys`, in the shapes that the server has.
///
/// Nobody is asked for a token: the program is trusted. The answer is taken like that of a call. Without a `content-type` the
/// body is JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_admin_start(
    pool: AmpPool,
    method: *const u8,
    method_length: usize,
    path: *const u8,
    path_length: usize,
    headers: *const u8,
    headers_length: usize,
    body: *const u8,
    body_length: usize,
    call: *mut AmpPoolCall,
) -> i32 {
    let asked = Asked {
        method: (method, method_length),
        path: (path, path_length),
        headers: (headers, headers_length),
        body: (body, body_length),
    };
    // SAFETY: the program's promise for what it hands in and what it wants written.
    guard(|| unsafe { asked.start(pool, call, Host::ask_admin) })
}

/// A request as it lies in the program's memory.
struct Asked {
    method: (*const u8, usize),
    path: (*const u8, usize),
    headers: (*const u8, usize),
    body: (*const u8, usize),
}

/// Who answers.
type Answerer = fn(&std::sync::Arc<Host>, Request<Full<Bytes>>) -> Result<Call, Failure>;

impl Asked {
    /// # Safety
    /// As [`bytes`] for the request, and as [`Out::new`] for `call`.
    unsafe fn start(&self, pool: AmpPool, call: *mut AmpPoolCall, answerer: Answerer) -> Outcome {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new("call", call) }?;
        // SAFETY: the caller's promise.
        let request = unsafe { self.request() }?;
        let call = POOLS.get(pool)?.lend(|pool| answerer(&pool.0, request))?;
        out.put(CALLS.insert(call)?);
        Ok(AMP_POOL_OK)
    }

    /// # Safety
    /// As [`bytes`] for all of it.
    unsafe fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        // SAFETY: the caller's promise.
        let (method, path, headers, body) = unsafe {
            (
                text("method", self.method.0, self.method.1)?,
                text("path", self.path.0, self.path.1)?,
                text("headers", self.headers.0, self.headers.1)?,
                bytes("body", self.body.0, self.body.1)?,
            )
        };
        request(method, path, headers, body)
    }
}
