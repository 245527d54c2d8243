//! Alerts, as every database keeps them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::corrupt;
use crate::{
    alert::{AlertKind, ChannelSpec, EventKind, Phase, Severity},
    id::ChannelId,
    secret::Secret,
    store::{DeliveryState, StoreError, vault::Vault},
};

const SECRETS: &str = "alert_channels.secrets";

/// What may be shown of a channel.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ShownChannel {
    name: String,
    kind: String,
    enabled: bool,
    settings: BTreeMap<String, String>,
}

impl ShownChannel {
    pub(in crate::store) fn of(spec: &ChannelSpec) -> Self {
        let ChannelSpec { name, kind, enabled, settings, .. } = spec.clone();
        Self { name, kind, enabled, settings }
    }

    /// The whole channel of the row `id`.
    pub(in crate::store) fn opened(
        self,
        vault: &Vault,
        id: ChannelId,
        sealed: Option<&[u8]>,
    ) -> Result<ChannelSpec, StoreError> {
        let secrets = sealed.map(|sealed| open(vault, id, sealed)).transpose()?.unwrap_or_default();
        let Self { name, kind, enabled, settings } = self;
        Ok(ChannelSpec { name, kind, enabled, settings, secrets })
    }
}

/// Seals the secrets of a channel, for the row `id` and no other.
pub(in crate::store) fn seal(vault: &Vault, id: ChannelId, spec: &ChannelSpec) -> Result<Option<Vec<u8>>, StoreError> {
    if spec.secrets.is_empty() {
        return Ok(None);
    }
    let exposed: BTreeMap<_, _> = spec.secrets.iter().map(|(name, secret)| (name, secret.expose())).collect();
    let text = serde_json::to_string(&exposed).map_err(|error| StoreError::Invalid(error.to_string()))?;
    vault.seal(SECRETS, id.0, Zeroizing::new(text).as_bytes()).map(Some)
}

fn open(vault: &Vault, id: ChannelId, sealed: &[u8]) -> Result<BTreeMap<String, Secret>, StoreError> {
    let plain = vault.open(SECRETS, id.0, sealed)?;
    // The cause is not passed on: it could quote a value.
    serde_json::from_slice(&plain)
        .map_err(|_| corrupt("the sealed secrets of a channel are no list of names and values"))
}

pub(in crate::store) fn alert_kind(name: &str) -> Result<AlertKind, StoreError> {
    let known = AlertKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    known.ok_or_else(|| corrupt(format!("`{name}` is nothing that an alert looks at")))
}

pub(in crate::store) fn severity(name: &str) -> Result<Severity, StoreError> {
    let all = [Severity::Info, Severity::Warning, Severity::Critical];
    all.into_iter().find(|known| known.as_str() == name).ok_or_else(|| corrupt(format!("`{name}` is no severity")))
}

pub(in crate::store) fn event_kind(name: &str) -> Result<EventKind, StoreError> {
    let known = EventKind::ALL.into_iter().find(|event| event.as_str() == name);
    known.ok_or_else(|| corrupt(format!("`{name}` is no event of an alert")))
}

pub(in crate::store) fn phase(name: &str) -> Result<Phase, StoreError> {
    let known = Phase::ALL.into_iter().find(|phase| phase.as_str() == name);
    known.ok_or_else(|| corrupt(format!("`{name}` is no phase of an alert")))
}

pub(in crate::store) fn delivery_state(name: &str) -> Result<DeliveryState, StoreError> {
    let known = DeliveryState::ALL.into_iter().find(|state| state.as_str() == name);
    known.ok_or_else(|| corrupt(format!("`{name}` is no state of a delivery")))
}
