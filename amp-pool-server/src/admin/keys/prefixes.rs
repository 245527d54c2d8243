//! Whose key a credential is, where its beginning tells.

use std::{collections::BTreeMap, sync::LazyLock};

/// The provider of a credential. `None`: many providers' keys begin so.
pub(super) fn provider_of(credential: &str) -> Option<&'static str> {
    // A test holds the file to be readable.
    static PREFIXES: LazyLock<BTreeMap<&str, &str>> =
        LazyLock::new(|| serde_json::from_str(include_str!("prefixes.json")).unwrap_or_default());
    PREFIXES.iter().find(|(prefix, _)| credential.starts_with(**prefix)).map(|(_, provider)| *provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_tells_the_provider_or_nothing_does() {
        assert_eq!(provider_of("sk-ant-api03-x"), Some("anthropic"));
        assert_eq!(provider_of("gsk_x"), Some("groq"));
        assert_eq!(provider_of("sk-0123456789"), None);
        assert_eq!(provider_of(""), None);
    }
}
