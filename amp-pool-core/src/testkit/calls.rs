//! Plain calls for books: each field may be changed by whoever tests it.

pub use crate::store::calls::{attempt, opened, settled};
