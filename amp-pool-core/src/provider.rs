//! Providers as data: where each is, how it is spoken to, what it serves.

mod pattern;
pub use pattern::ModelPattern;
