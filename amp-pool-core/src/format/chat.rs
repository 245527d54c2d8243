//! OpenAI Chat Completions.

pub(super) mod meter;
