//! OpenAI Responses.

mod annotation;
pub(super) mod meter;
pub(super) mod read_answer;
pub(super) mod read_request;
pub(super) mod read_stream;
pub(super) mod write_answer;
pub(super) mod write_request;
pub(super) mod write_stream;
