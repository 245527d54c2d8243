//! What is worth a line in the log, though not each time.

use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(60);

/// Says when it is time to say it again, and how often it has happened since.
#[derive(Default)]
pub(super) struct Seldom {
    told: Option<Instant>,
    since: u64,
}

impl Seldom {
    /// It has happened. `Some`: to be told now, for so many times.
    pub(super) fn happened(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self.told.is_some_and(|told| now - told < PAUSE) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_once_and_then_once_a_minute() {
        let (mut seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.happened(start), Some(1));
        assert_eq!(seldom.happened(start + PAUSE / 2), None);
        assert_eq!(seldom.happened(start + PAUSE), Some(2));
    }
}
