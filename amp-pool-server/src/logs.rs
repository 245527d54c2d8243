//! Logs go to stderr, as text or as JSON lines.

use std::io::IsTerminal as _;

use amp_pool_server::config::{LogFormat, SettingsError};
use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| SettingsError::new("RUST_LOG", error.to_string()))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}
