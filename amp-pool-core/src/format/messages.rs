//! Anthropic Messages.

pub(super) mod countable;
mod finish;
mod hosted;
mod line;
pub(super) mod meter;
pub(super) mod paused;
pub(super) mod read_answer;
pub(super) mod read_request;
pub(super) mod read_stream;
mod said;
#[cfg(test)]
mod tests;
mod tokens;
pub(super) mod write_answer;
pub(super) mod write_request;
pub(super) mod write_stream;
