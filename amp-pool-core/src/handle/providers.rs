//! Providers that keys can belong to, and those of operators among them, by a handle.

use std::sync::Arc;

use http::Uri;

use super::{ChangeError, Handle, monotonic};
use crate::{
    keys::{LiveKey, Standing},
    provider::{MOST_PROVIDERS, OwnProvider, Presets, Provider, ProviderError},
    store::Configuration,
    transport::guard::Guard,
};

/// Providers.
impl Handle {
    /// Every provider that keys can belong to: presets first.
    #[must_use]
    pub fn providers(&self) -> Vec<Arc<Provider>> {
        self.0.providers.load().iter().cloned().collect()
    }

    /// The provider of that id.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<Arc<Provider>> {
        self.0.providers.load().get(id).cloned()
    }

    /// The providers of operators, by row.
    #[must_use]
    pub fn own_providers(&self) -> Vec<OwnProvider> {
        self.0.configuration.load().providers.clone()
    }

    /// Adds a provider. Keys can belong to it at once.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field, or [`ChangeError::Conflict`] when there is one of its id.
    pub async fn add_provider(&self, provider: Provider) -> Result<OwnProvider, ChangeError> {
        check(&provider)?;
        if let Some(preset) = Presets::builtin().iter().find(|preset| preset.is_called(&provider.id)) {
            return Err(ChangeError::Conflict { what: format!("the preset `{}`", preset.id) });
        }
        if self.0.configuration.load().providers.len() >= MOST_PROVIDERS {
            let message = format!("there are {MOST_PROVIDERS} providers already; remove one first");
            return Err(ChangeError::Invalid { field: "id", message });
        }
        self.change(self.0.store.insert_provider(provider, self.now())).await
    }

    /// Replaces the provider of that id. Calls go to where it says from then on.
    ///
    /// # Errors
    /// As [`add_provider`](Self::add_provider); [`ChangeError::Invalid`] too when a key that belongs to it could not be used
    /// any more. [`ChangeError::NotFound`] for a preset: those are not changed.
    pub async fn change_provider(&self, provider: Provider) -> Result<OwnProvider, ChangeError> {
        check(&provider)?;
        self.check_its_keys(&provider)?;
        self.change(self.0.store.update_provider(provider, self.now())).await
    }

    /// Removes the provider of that id.
    ///
    /// # Errors
    /// [`ChangeError::Conflict`] while keys belong to it, [`ChangeError::NotFound`].
    pub async fn remove_provider(&self, id: &str) -> Result<(), ChangeError> {
        self.change(self.0.store.delete_provider(id.to_owned())).await
    }

    /// Puts the providers of a configuration in force, before its keys are.
    pub(super) fn provide(&self, configuration: &Configuration) {
        let own = configuration.providers.iter().map(|own| own.provider.clone());
        self.0.providers.store(Arc::new(Presets::builtin().and(own)));
    }

    /// Whether every key that can be used now could be used then.
    fn check_its_keys(&self, provider: &Provider) -> Result<(), ChangeError> {
        let then = Presets::builtin().and([provider.clone()]);
        let catalog = self.0.catalog.load();
        for live in catalog.keys().iter().filter(|live| live.key.spec.provider == provider.id) {
            if let Err(error) = LiveKey::new(live.key.clone(), &then, Standing::new(monotonic())) {
                let message = format!("key `{}` could not be used any more: {error}", live.key.spec.name);
                let field = if error.field() == "base_url" { "base_url" } else { "credential_optional" };
                return Err(ChangeError::Invalid { field, message });
            }
        }
        Ok(())
    }
}

/// What is wrong with a provider, and an address that is never reached at once: its keys would only find out in calls.
fn check(provider: &Provider) -> Result<(), ChangeError> {
    provider.check().map_err(|ProviderError { field, message }| ChangeError::Invalid { field, message })?;
    let uri = provider.base_url.as_deref().and_then(|base| base.trim().parse::<Uri>().ok());
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    Guard::default().host(host).map_err(|error| ChangeError::Invalid { field: "base_url", message: error.to_string() })
}
