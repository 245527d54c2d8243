//! Server.

mod ui;
