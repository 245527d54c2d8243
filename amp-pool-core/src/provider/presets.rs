//! The providers that are known from the start.

use std::sync::{Arc, LazyLock};

use super::Provider;

/// Providers by their ids. A later one of the same id replaces the earlier.
///
/// ```
/// use amp_pool_core::provider::Presets;
///
/// let names: Vec<_> = Presets::builtin().iter().map(|provider| &*provider.name).collect();
/// assert!(names.contains(&"OpenAI"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presets(Vec<Arc<Provider>>);

impl Presets {
    /// The presets that come with the library.
    #[must_use]
    pub fn builtin() -> &'static Self {
        // A test holds the file to be readable.
        static PRESETS: LazyLock<Presets> = LazyLock::new(|| read(include_str!("presets.json")).unwrap_or_default());
        &PRESETS
    }

    /// The provider of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Provider>> {
        self.0.iter().find(|provider| provider.id == id)
    }

    /// These, and behind them `others`.
    #[must_use]
    pub fn and(&self, others: impl IntoIterator<Item = Provider>) -> Self {
        self.0.iter().cloned().chain(others.into_iter().map(Arc::new)).collect()
    }

    /// All of them, in the order to show them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.0.iter()
    }
}

impl FromIterator<Arc<Provider>> for Presets {
    fn from_iter<I: IntoIterator<Item = Arc<Provider>>>(providers: I) -> Self {
        let mut known: Vec<Arc<Provider>> = Vec::new();
        for provider in providers {
            match known.iter_mut().find(|earlier| earlier.id == provider.id) {
                Some(earlier) => *earlier = provider,
                None => known.push(provider),
            }
        }
        Self(known)
    }
}

fn read(json: &str) -> serde_json::Result<Presets> {
    serde_json::from_str(json).map(Presets)
}

#[cfg(test)]
mod tests;
