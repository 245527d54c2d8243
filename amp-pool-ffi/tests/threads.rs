//! Many threads at one pool, and several at one call. `make test-races` runs it under what finds data races, which sees
//! nothing of programs in C: those are in `tests/c/threads.c`.
//!
//! `AMP_POOL_CALLS` says how many calls each of 16 threads makes.

mod upstream;

use std::{env, error::Error, ptr::null, slice, thread, time::Duration};

use amp_pool::{
    AMP_POOL_BUSY, AMP_POOL_CANCELLED, AMP_POOL_END, AMP_POOL_FOREVER, AMP_POOL_INVALID_HANDLE, AMP_POOL_OK, AmpPool,
    AmpPoolCall, amp_pool_call_cancel, amp_pool_call_collect, amp_pool_call_event, amp_pool_call_events,
    amp_pool_call_free, amp_pool_call_next, amp_pool_call_start, amp_pool_free, amp_pool_new,
};

const TOKEN: &str = "amp-0123456789abcdef0123456789abcdef";
const THREADS: usize = 16;

fn open() -> Result<AmpPool, Box<dyn Error>> {
    let url = upstream::start()?;
    let config = format!(
        r#"{{"keys":[{{"name":"k","provider":"openai","api_key":"sk-test","base_url":"{url}/v1"}}],
            "tokens":[{{"name":"t","secret":"{TOKEN}"}}]}}"#
    );
    let mut pool = 0;
    // SAFETY: the text and the place are there.
    assert_eq!(unsafe { amp_pool_new(config.as_ptr(), config.len(), &raw mut pool) }, AMP_POOL_OK);
    Ok(pool)
}

fn ask(pool: AmpPool, model: &str, stream: bool) -> AmpPoolCall {
    let (method, path, headers) = ("POST", "/v1/chat/completions", format!("authorization: Bearer {TOKEN}"));
    let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":[]}}"#);
    let parts = [method, path, &headers, &body].map(|text| (text.as_ptr(), text.len()));
    let [method, path, headers, body] = parts;
    let mut call = 0;
    // SAFETY: the texts and the place are there.
    let status = unsafe {
        let call = &raw mut call;
        amp_pool_call_start(pool, method.0, method.1, path.0, path.1, headers.0, headers.1, body.0, body.1, call)
    };
    assert_eq!(status, AMP_POOL_OK);
    call
}

/// A whole answer.
fn whole(pool: AmpPool) {
    let call = ask(pool, "gpt-4o-mini", false);
    let (mut data, mut length) = (null(), 0);
    // SAFETY: the places are there, and what comes out is valid until the call is freed.
    let text = unsafe {
        assert_eq!(amp_pool_call_collect(call, 60_000, &raw mut data, &raw mut length), AMP_POOL_OK);
        String::from_utf8_lossy(slice::from_raw_parts(data, length)).into_owned()
    };
    assert!(text.contains("hello"), "{text}");
    assert_eq!([amp_pool_call_free(call), amp_pool_call_free(call)], [AMP_POOL_OK, AMP_POOL_INVALID_HANDLE]);
}

/// A stream, as many events at a time as are there. Gives how many there were.
fn batches(pool: AmpPool) -> usize {
    let call = ask(pool, "gpt-4o-mini", true);
    let (mut text, mut ends, mut count, mut events) = (null(), null(), 0, 0);
    loop {
        // SAFETY: the places are there, and what comes out is valid until the next call.
        let status = unsafe {
            let status = amp_pool_call_events(call, 60_000, &raw mut text, &raw mut ends, &raw mut count);
            if status == AMP_POOL_OK {
                let ends = slice::from_raw_parts(ends, 2 * count);
                let text = slice::from_raw_parts(text, *ends.last().unwrap_or(&0));
                assert!(text.starts_with(b"{") || text == b"[DONE]");
            }
            status
        };
        match status {
            AMP_POOL_OK => events += count,
            other => break assert_eq!(other, AMP_POOL_END),
        }
    }
    assert_eq!(amp_pool_call_free(call), AMP_POOL_OK);
    events
}

/// A stream, event by event. Gives how many there were.
fn stream(pool: AmpPool) -> usize {
    let call = ask(pool, "gpt-4o-mini", true);
    let (mut name, mut name_length, mut data, mut length, mut events) = (null(), 0, null(), 0, 0);
    loop {
        // SAFETY: the places are there.
        let status = unsafe {
            let (name, name_length) = (&raw mut name, &raw mut name_length);
            amp_pool_call_event(call, 60_000, name, name_length, &raw mut data, &raw mut length)
        };
        match status {
            AMP_POOL_OK => events += 1,
            other => break assert_eq!(other, AMP_POOL_END),
        }
    }
    assert_eq!(amp_pool_call_free(call), AMP_POOL_OK);
    events
}

#[test]
fn threads_share_a_pool() -> Result<(), Box<dyn Error>> {
    let calls: usize = env::var("AMP_POOL_CALLS").map_or(Ok(20), |calls| calls.parse())?;
    let pool = open()?;
    thread::scope(|scope| {
        for at in 0..THREADS {
            scope.spawn(move || {
                for call in 0..calls {
                    match (at + call) % 3 {
                        0 => whole(pool),
                        // 20 words, the stop, and `[DONE]`.
                        1 => assert_eq!(stream(pool), 22),
                        _ => assert_eq!(batches(pool), 22),
                    }
                }
            });
        }
    });
    assert_eq!(amp_pool_free(pool), AMP_POOL_OK);
    Ok(())
}

/// Waits in a call that another thread ends.
fn wait_in(call: AmpPoolCall) {
    let (mut data, mut length) = (null(), 0);
    // SAFETY: the places are there.
    let status = unsafe { amp_pool_call_next(call, AMP_POOL_FOREVER, &raw mut data, &raw mut length) };
    assert!([AMP_POOL_CANCELLED, AMP_POOL_BUSY, AMP_POOL_INVALID_HANDLE].contains(&status), "{status}");
}

#[test]
fn threads_wait_in_a_call_that_another_ends() -> Result<(), Box<dyn Error>> {
    let pool = open()?;
    for end in [amp_pool_call_cancel, amp_pool_call_free].into_iter().cycle().take(20) {
        let call = ask(pool, "gpt-hang", true);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| wait_in(call));
            }
            // Whichever of them are in by then; each moment is a case.
            thread::sleep(Duration::from_millis(2));
            assert_eq!(end(call), AMP_POOL_OK);
        });
        amp_pool_call_free(call);
    }
    assert_eq!(amp_pool_free(pool), AMP_POOL_OK);
    Ok(())
}
