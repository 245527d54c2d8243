//! Values that must not be seen.
//!
//! A [`Secret`] has no `Debug`, `Display` or `Serialize`, so a type that holds one cannot be printed or sent by
//! accident. It is wiped when dropped.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A credential in memory.
///
/// ```
/// use amp_pool_core::secret::Secret;
///
/// let key = Secret::new("sk-proj-0123456789abcdef");
/// assert_eq!(key.hint(), "sk-…cdef");
/// ```
///
/// ```compile_fail
/// println!("{:?}", amp_pool_core::secret::Secret::new("sk-1"));
/// ```
///
/// ```compile_fail
/// println!("{}", amp_pool_core::secret::Secret::new("sk-1"));
/// ```
///
/// ```compile_fail
/// serde_json::to_string(&amp_pool_core::secret::Secret::new("sk-1"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    /// Takes the value in.
    #[must_use]
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown to tell keys apart: the first three and last four characters of a long value, else `…`.
    #[must_use]
    pub fn hint(&self) -> String {
        let shown = self.0.is_ascii() && self.0.len() >= 16;
        if shown { format!("{}…{}", &self.0[..3], &self.0[self.0.len() - 4..]) } else { "…".into() }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<str>::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_or_odd_value_shows_nothing() {
        assert_eq!(Secret::new("sk-short").hint(), "…");
        assert_eq!(Secret::new("ключ-ключ-ключ-ключ").hint(), "…");
    }
}
