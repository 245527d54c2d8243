//! What is simulated.

use std::fmt;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How many keys.
    pub keys: usize,
    /// Traffic in percent of what all keys can take together.
    pub load: u32,
    /// For how long.
    pub minutes: u64,
    /// One seed is one run.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keys: 200, load: 95, minutes: 24 * 60, seed: 1 }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, load, minutes, seed } = self;
        write!(f, "{keys} keys with hidden limits, {load} % of what they take, {minutes} minutes, seed {seed}")
    }
}

/// Reads `--name value` pairs.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Settings, String> {
    let mut settings = Settings::default();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
        let number: u64 = value.parse().map_err(|_| format!("{name}: `{value}` is no number"))?;
        match name.as_str() {
            "--keys" => settings.keys = usize::try_from(number.max(1)).unwrap_or(usize::MAX),
            "--load" => settings.load = u32::try_from(number).unwrap_or(u32::MAX),
            "--minutes" => settings.minutes = number,
            "--seed" => settings.seed = number,
            _ => return Err(format!("{name} is none of --keys, --load, --minutes, --seed")),
        }
    }
    Ok(settings)
}
