//! Answers, as they come.

use std::{ffi::c_void, time::Duration};

use bytes::Bytes;

use super::{AmpPoolCall, CALLS};
use crate::{
    call::{Call, failure},
    engine::patience,
    events::Events,
    guard::guard,
    mailbox::{End, Found},
    raw::{Out, OutBytes, text},
    status::{AMP_POOL_END, AMP_POOL_NONE, AMP_POOL_OK, AMP_POOL_STOPPED, AMP_POOL_TIMEOUT, Failure, Outcome},
};

/// From how many bytes on no more events are added to those that are given at once.
const EVENTS_AT_ONCE: usize = 64 * 1024;

/// What takes the pieces of an answer. Returns 0 to go on, anything else to stop.
pub type AmpPoolEach = Option<unsafe extern "C" fn(context: *mut c_void, data: *const u8, length: usize) -> i32>;

/// Waits for the head of the answer, and gives its status, such as 200.
///
/// `status` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_head(call: AmpPoolCall, timeout_ms: u32, status: *mut u16) -> i32 {
    guard(|| {
        // SAFETY: the program lets `status` be written, if it is not null.
        let out = (!status.is_null()).then(|| unsafe { Out::new("status", status) }).transpose()?;
        CALLS.get(call)?.lend(|call| {
            let Some(head) = call.head(patience(timeout_ms))? else { return Ok(AMP_POOL_TIMEOUT) };
            if let Some(out) = out {
                out.put(head.status());
            }
            Ok(AMP_POOL_OK)
        })
    })
}

/// Gives the first value of the header `name`, or `AMP_POOL_NONE`; before the head has come, `AMP_POOL_TIMEOUT`.
///
/// The value is valid until the call is freed. It does not end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_header(
    call: AmpPoolCall,
    name: *const u8,
    name_length: usize,
    value: *mut *const u8,
    length: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the program's promise for what it hands in and what it wants written.
        let (out, name) = unsafe { (OutBytes::new("value", value, length)?, text("name", name, name_length)?) };
        CALLS.get(call)?.lend(|call| {
            let Some(head) = call.head(Some(Duration::ZERO))? else { return Ok(AMP_POOL_TIMEOUT) };
            let Some(value) = head.header(name) else { return Ok(AMP_POOL_NONE) };
            out.put(value);
            Ok(AMP_POOL_OK)
        })
    })
}

/// Gives all headers as a text with `name: value` in each line; before the head has come, `AMP_POOL_TIMEOUT`.
///
/// The text is valid until the call is freed. It does not end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_headers(call: AmpPoolCall, text: *mut *const u8, length: *mut usize) -> i32 {
    guard(|| {
        // SAFETY: the program lets both be written.
        let out = unsafe { OutBytes::new("text", text, length) }?;
        CALLS.get(call)?.lend(|call| {
            let Some(head) = call.head(Some(Duration::ZERO))? else { return Ok(AMP_POOL_TIMEOUT) };
            out.put(head.lines());
            Ok(AMP_POOL_OK)
        })
    })
}

/// Waits for the next piece of the body. `AMP_POOL_END` after the last one.
///
/// A piece is as large as it came; only streams and large answers have more than one. It is valid until the next function
/// that takes from this call's body, or frees it. The answer ends only when its record is in the books.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_next(
    call: AmpPoolCall,
    timeout_ms: u32,
    data: *mut *const u8,
    length: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the program lets both be written.
        let out = unsafe { OutBytes::new("data", data, length) }?;
        CALLS.get(call)?.lend(|call| {
            let mut reader = call.reader()?;
            let piece = match next(call, patience(timeout_ms))? {
                Next::Piece(piece) => piece,
                Next::Nothing(status) => return Ok(status),
            };
            reader.piece = piece;
            out.put(&reader.piece);
            Ok(AMP_POOL_OK)
        })
    })
}

/// Waits for the next event of a stream of server-sent events. `AMP_POOL_END` after the last one.
///
/// `name` is the value of `event:`, or empty; `data` that of `data:`, its lines joined by newlines, such as `[DONE]`. Both are
/// valid until the next function that takes from this call's body, or frees it. An answer that is no such stream has no events:
/// look at the status and at `content-type` first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_event(
    call: AmpPoolCall,
    timeout_ms: u32,
    name: *mut *const u8,
    name_length: *mut usize,
    data: *mut *const u8,
    data_length: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the program lets all be written.
        let (name, data) =
            unsafe { (OutBytes::new("name", name, name_length)?, OutBytes::new("data", data, data_length)?) };
        CALLS.get(call)?.lend(|call| {
            let mut reader = call.reader()?;
            let status = wait_for_event(call, &mut reader.events, patience(timeout_ms))?;
            if let Some(event) = reader.events.next() {
                name.put(event.name);
                data.put(event.data);
            }
            Ok(status)
        })
    })
}

/// Waits for the next event, as `amp_pool_call_event` does, and gives it together with those that are there already.
///
/// It saves languages that pay for each function call from paying for each event. `text` is the names and the data of `count`
/// events behind each other: name, data, name, data. `ends` has two numbers an event, where in `text` its name ends, and where its
/// data does; the name of each begins where the data of the one before it ends, the first at 0. Both are valid until the next
/// function that takes from this call's body, or frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_events(
    call: AmpPoolCall,
    timeout_ms: u32,
    text: *mut *const u8,
    ends: *mut *const usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the program lets all be written.
        let (text, ends, count) =
            unsafe { (Out::new("text", text)?, Out::new("ends", ends)?, Out::new("count", count)?) };
        CALLS.get(call)?.lend(|call| {
            let mut reader = call.reader()?;
            let events = &mut reader.events;
            let status = wait_for_event(call, events, patience(timeout_ms))?;
            if status == AMP_POOL_OK {
                take_what_is_there(call, events);
                let (all, their_ends) = events.rest();
                text.put(all.as_ptr());
                ends.put(their_ends.as_ptr());
                count.put(their_ends.len() / 2);
            }
            Ok(status)
        })
    })
}

/// Waits for the end of the answer, and gives all of its body that was not taken yet.
///
/// What has come stays when the time is up; ask again. It is valid until the next function that takes from this call's body,
/// or frees it. Of an answer that broke off only `amp_pool_call_next` gives what came.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_collect(
    call: AmpPoolCall,
    timeout_ms: u32,
    data: *mut *const u8,
    length: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the program lets both be written.
        let out = unsafe { OutBytes::new("data", data, length) }?;
        CALLS.get(call)?.lend(|call| {
            let mut reader = call.reader()?;
            let until = Until::after(patience(timeout_ms));
            loop {
                match next(call, until.left())? {
                    Next::Piece(piece) => reader.collected.extend_from_slice(&piece),
                    Next::Nothing(AMP_POOL_END) => break,
                    Next::Nothing(status) => return Ok(status),
                }
            }
            out.put(&reader.collected);
            Ok(AMP_POOL_OK)
        })
    })
}

/// Hands each piece of the body to `each`, on this thread, until the end: `AMP_POOL_END`.
///
/// `timeout_ms` is the longest wait for a single piece. The callback may cancel the call, and may free it; the function returns
/// then as it does when another thread does so. It can not take from the same call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_pool_call_each(
    call: AmpPoolCall,
    timeout_ms: u32,
    each: AmpPoolEach,
    context: *mut c_void,
) -> i32 {
    guard(|| {
        let each = each.ok_or_else(|| Failure::argument("`each` is null"))?;
        CALLS.get(call)?.lend(|call| {
            let _alone = call.reader()?;
            loop {
                let piece = match next(call, patience(timeout_ms))? {
                    Next::Piece(piece) => piece,
                    Next::Nothing(status) => return Ok(status),
                };
                // SAFETY: the program promises that its callback can be called with its context.
                if unsafe { each(context, piece.as_ptr(), piece.len()) } != 0 {
                    return Ok(AMP_POOL_STOPPED);
                }
            }
        })
    })
}

/// Ends a call from any thread. Who waits in it gets `AMP_POOL_CANCELLED`; what it used until now is in the books.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_call_cancel(call: AmpPoolCall) -> i32 {
    guard(|| {
        CALLS.get(call)?.lend(|call| {
            call.cancel();
            Ok(AMP_POOL_OK)
        })
    })
}

/// Frees a call, and cancels it if it goes on. Freeing 0 does nothing.
///
/// A thread that still waits in it gets `AMP_POOL_CANCELLED`.
#[unsafe(no_mangle)]
pub extern "C" fn amp_pool_call_free(call: AmpPoolCall) -> i32 {
    guard(|| {
        if call != 0 {
            let held = CALLS.remove(call)?;
            // Whoever waits in it holds it, and would go on doing so. One through which a panic went can be freed as well.
            let _ = held.lend(|call| {
                call.cancel();
                Ok(())
            });
        }
        Ok(AMP_POOL_OK)
    })
}

enum Next {
    Piece(Bytes),
    /// The end, or the time was up.
    Nothing(i32),
}

fn next(call: &Call, timeout: Option<Duration>) -> Result<Next, Failure> {
    match call.next(timeout) {
        Found::Some(piece) => Ok(Next::Piece(piece)),
        Found::Nothing => Ok(Next::Nothing(AMP_POOL_TIMEOUT)),
        Found::End(End::Whole) => Ok(Next::Nothing(AMP_POOL_END)),
        Found::End(end) => Err(failure(end)),
    }
}

/// Sees that there is an event to give, or says why there is none.
fn wait_for_event(call: &Call, events: &mut Events, timeout: Option<Duration>) -> Outcome {
    let until = Until::after(timeout);
    while events.is_empty() {
        match next(call, until.left())? {
            Next::Piece(piece) => events.feed(&piece),
            Next::Nothing(AMP_POOL_END) => {
                events.finish();
                return Ok(if events.is_empty() { AMP_POOL_END } else { AMP_POOL_OK });
            }
            Next::Nothing(status) => return Ok(status),
        }
    }
    Ok(AMP_POOL_OK)
}

/// Adds the events of pieces that have come, as long as they are few. How the answer ends is for the next look.
fn take_what_is_there(call: &Call, events: &mut Events) {
    while events.size() < EVENTS_AT_ONCE
        && let Found::Some(piece) = call.next(Some(Duration::ZERO))
    {
        events.feed(&piece);
    }
}

/// A span of time that several waits share.
struct Until(Option<std::time::Instant>);

impl Until {
    fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.and_then(|timeout| std::time::Instant::now().checked_add(timeout)))
    }

    fn left(&self) -> Option<Duration> {
        self.0.map(|until| until.saturating_duration_since(std::time::Instant::now()))
    }
}
