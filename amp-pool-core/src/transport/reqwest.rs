//! The transport over reqwest.
