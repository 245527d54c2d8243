//! When a message that did not arrive is sent again.

use std::time::Duration;

/// Tries until a message is given up, about a day after the first.
pub const MOST_TRIES: u32 = 10;
const PAUSES: [u64; 9] = [10, 30, 120, 600, 1_800, 3_600, 7_200, 21_600, 43_200];
const LONGEST_PAUSE: Duration = Duration::from_secs(43_200);

/// How long to wait after `tries` tries, of which the service asked to wait for `asked` after the last. `None`: it is
/// given up.
///
/// ```
/// use std::time::Duration;
/// use amp_pool_core::alert::next_try;
///
/// assert_eq!(next_try(1, None), Some(Duration::from_secs(10)));
/// assert_eq!(next_try(1, Some(Duration::from_secs(60))), Some(Duration::from_secs(60)));
/// assert_eq!(next_try(10, None), None);
/// ```
#[must_use]
pub fn next_try(tries: u32, asked: Option<Duration>) -> Option<Duration> {
    let at = usize::try_from(tries.saturating_sub(1)).ok()?;
    let pause = Duration::from_secs(*PAUSES.get(at)?);
    Some(pause.max(asked.unwrap_or_default()).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..).map_while(|tries| next_try(tries, None)).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.len() + 1, MOST_TRIES as usize);
        let day = Duration::from_secs(24 * 60 * 60);
        assert!((day / 2..day * 2).contains(&pauses.iter().sum::<Duration>()));
        assert_eq!(next_try(1, Some(day * 30)), Some(LONGEST_PAUSE));
    }
}
