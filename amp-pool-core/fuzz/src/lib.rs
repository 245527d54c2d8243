//! What the fuzz targets hold the format module to.
//!
//! Each target is a function of bytes that panics when a promise is broken. `fuzz_targets/` calls them under libFuzzer,
//! and `tests/corpus.rs` of the crate replays the committed corpus through them with nothing but a stable compiler.

#[path = "../../tests/checker/mod.rs"]
mod checker;

mod addresses;
mod answers;
mod bodies;
mod requests;
mod setup;
mod streams;

use amp_pool_core::format::Format::{Chat, Messages, Responses};

/// A target: its name, and what it does with an input.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them. A folder of the corpus and a file of `fuzz_targets/` has the name of each.
pub(crate) const TARGETS: [Target; 16] = [
    ("peek", bodies::peeked),
    ("splice", bodies::spliced),
    ("sse", streams::scanned),
    ("meter", streams::metered),
    ("repair", streams::repaired),
    ("pausing", streams::paused),
    ("forwarded", addresses::forwarded),
    ("request_chat", |data| requests::translated(Chat, data)),
    ("request_messages", |data| requests::translated(Messages, data)),
    ("request_responses", |data| requests::translated(Responses, data)),
    ("chat_over_messages", |data| answers::translated(Chat, Messages, data)),
    ("chat_over_responses", |data| answers::translated(Chat, Responses, data)),
    ("messages_over_chat", |data| answers::translated(Messages, Chat, data)),
    ("messages_over_responses", |data| answers::translated(Messages, Responses, data)),
    ("responses_over_chat", |data| answers::translated(Responses, Chat, data)),
    ("responses_over_messages", |data| answers::translated(Responses, Messages, data)),
];

/// Runs one input through the target of this name.
#[allow(unreachable_pub, reason = "a module of `tests/corpus.rs`, the root of a crate for libFuzzer")]
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.into_iter().find(|(other, _)| *other == name).expect("a target");
    target(data);
}
