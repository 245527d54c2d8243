//! The moment at which an event was sent, written inside of it: all processes of the bench read the same clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Result;

/// The place of a stamp: microseconds since 1970, which have sixteen digits from 2001 until 2286.
pub(crate) const BLANK: &str = "0000000000000000";

/// The member of an event that holds it.
pub(crate) const MEMBER: &str = r#","obfuscation":"0000000000000000""#;

/// The stamp of this moment.
pub(crate) fn now() -> String {
    format!("{:0width$}", since_1970().as_micros(), width = BLANK.len())
}

/// How long ago `stamp` was written.
pub(crate) fn age(stamp: &[u8]) -> Result<Duration> {
    let sent = Duration::from_micros(std::str::from_utf8(stamp)?.parse()?);
    Ok(since_1970().saturating_sub(sent))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
