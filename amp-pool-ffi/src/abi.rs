//! The exported functions: each takes its arguments apart, and hands the rest to safe code.

mod call;
mod pool;
mod server;
mod text;

#[cfg(all(test, feature = "server"))]
mod tests;

pub use call::{
    AmpPoolEach, amp_pool_call_cancel, amp_pool_call_collect, amp_pool_call_each, amp_pool_call_event,
    amp_pool_call_events, amp_pool_call_free, amp_pool_call_head, amp_pool_call_header, amp_pool_call_headers,
    amp_pool_call_next,
};
pub use pool::{
    amp_pool_admin_start, amp_pool_call_start, amp_pool_drain, amp_pool_flush, amp_pool_free, amp_pool_is_ready,
    amp_pool_new,
};
pub use server::{
    amp_pool_server_address, amp_pool_server_free, amp_pool_server_pool, amp_pool_server_start, amp_pool_server_stop,
};
pub use text::{amp_pool_abi_version, amp_pool_last_error, amp_pool_status_text, amp_pool_version};

use crate::{call::Call, host::PoolHandle, table::Table};

/// A pool. 0 is none.
pub type AmpPool = u64;

/// A call and its answer. 0 is none.
pub type AmpPoolCall = u64;

/// A server inside the program. 0 is none.
pub type AmpPoolServer = u64;

static POOLS: Table<PoolHandle> = Table::new();
static CALLS: Table<Call> = Table::new();
#[cfg(feature = "server")]
static SERVERS: Table<crate::server::ServerHandle> = Table::new();
