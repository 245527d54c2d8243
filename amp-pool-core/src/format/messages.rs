//! Anthropic Messages.

pub(super) mod meter;
