//! OpenAI Responses.

pub(super) mod meter;
