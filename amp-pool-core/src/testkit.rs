//! testkit
pub mod conformance;
