//! Balances, by a handle.

use std::{collections::HashMap, sync::Arc};

use super::{ChangeError, Handle};
use crate::{
    balance::{Amount, ProbeChoice},
    id::KeyId,
    keys::{Key, KeySpec, LiveKey},
    prober::{BalanceView, Figure},
    store::{StoreError, StoredBalance},
    time::Timestamp,
};

/// Balances.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{Pool, keys::KeySpec, prober::FigureSource, secret::Secret, testkit::{Reply, Script}};
/// use serde_json::json;
///
/// let told = json!({"is_available": true, "balance_infos": [{"currency": "CNY", "total_balance": "110.00"}]});
/// let pool = Pool::builder().transport(Script::new().on("sk-1", Reply::json(200, &told))).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("team A", "deepseek", Secret::new("sk-1"))).await?.key.id;
///
/// let unknown = pool.handle().balance(key).await?;
/// assert_eq!((unknown.figure.amount, unknown.figure.source), (None, FigureSource::None));
///
/// let known = pool.handle().refresh_balance(key).await?;
/// assert_eq!(known.figure.amount, Some("110".parse()?));
/// assert_eq!(known.figure.currency.as_deref(), Some("CNY"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Handle {
    /// What is known of a key's balance, without asking anybody.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`], [`ChangeError::Unavailable`].
    pub async fn balance(&self, id: KeyId) -> Result<BalanceView, ChangeError> {
        let (key, live) = self.key_and_live(id)?;
        Ok(self.0.prober.view(&key, live.as_ref()).await?)
    }

    /// Asks the upstream for a key's balance now, through the key's own egress, and tells what is known then.
    ///
    /// That the upstream refused is no error of this call: [`trouble`](BalanceView::trouble) says why, and the last
    /// answer stays. Who comes while somebody is asking waits for that answer.
    ///
    /// # Errors
    /// As [`balance`](Self::balance).
    pub async fn refresh_balance(&self, id: KeyId) -> Result<BalanceView, ChangeError> {
        let (key, live) = self.key_and_live(id)?;
        if let Some(live) = &live {
            self.0.prober.refresh(live).await;
        }
        Ok(self.0.prober.view(&key, live.as_ref()).await?)
    }

    /// Keeps what a person says that there is now, in a unit such as `USD`; `None` takes it back.
    ///
    /// # Errors
    /// As [`balance`](Self::balance), and [`ChangeError::Invalid`] for a unit that is none.
    pub async fn say_balance(&self, id: KeyId, said: Option<(Amount, String)>) -> Result<BalanceView, ChangeError> {
        let (key, live) = self.key_and_live(id)?;
        let is_unit =
            |unit: &str| (1..=20).contains(&unit.len()) && unit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if said.as_ref().is_some_and(|(_, currency)| !is_unit(currency)) {
            let message = "a currency is a code such as `USD`, or the name of a unit such as `points`".into();
            return Err(ChangeError::Invalid { field: "currency", message });
        }
        self.0.prober.say(&key, said).await?;
        Ok(self.0.prober.view(&key, live.as_ref()).await?)
    }

    /// What is kept of a key's balance from `from` (inclusive) to `to` (exclusive), oldest first.
    ///
    /// # Errors
    /// As [`balance`](Self::balance).
    pub async fn balance_history(
        &self,
        id: KeyId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<StoredBalance>, ChangeError> {
        let (key, _) = self.key_and_live(id)?;
        Ok(self.0.prober.history(key.id, from, to).await?)
    }

    /// The figure to go by of every key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn balances(&self) -> Result<HashMap<KeyId, Figure>, StoreError> {
        let (configuration, catalog) = (self.0.configuration.load_full(), self.0.catalog.load_full());
        let live: HashMap<_, _> = catalog.keys().iter().map(|live| (live.key.id, live.clone())).collect();
        let known = |key: &Key| match live.get(&key.id) {
            Some(live) => (live.key.clone(), Some(live.clone())),
            None => (Arc::new(key.clone()), None),
        };
        self.0.prober.figures(&configuration.keys.iter().map(known).collect::<Vec<_>>()).await
    }

    pub(super) fn key_and_live(&self, id: KeyId) -> Result<(Arc<Key>, Option<Arc<LiveKey>>), ChangeError> {
        let live = self.find(id);
        let stored = || self.0.configuration.load().keys.iter().find(|key| key.id == id).cloned().map(Arc::new);
        let key = live.as_ref().map(|live| live.key.clone()).or_else(stored).ok_or(ChangeError::NotFound)?;
        Ok((key, live))
    }

    pub(super) fn check_balance(&self, spec: &KeySpec) -> Result<(), ChangeError> {
        let invalid = |field, message: String| Err(ChangeError::Invalid { field, message });
        let balance = &spec.balance;
        if let Err(error) = balance.probe.check() {
            return invalid("balance_probe", error.to_string());
        }
        if let ProbeChoice::Named(id) = &balance.probe
            && !balance.probe.is_off()
            && !self.0.prober.knows(self.provider(&spec.provider).as_deref(), id)
        {
            return invalid("balance_probe", format!("there is no probe `{id}`; `off` asks nobody"));
        }
        let is_name = |name: &str| {
            (1..=60).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if let Some(name) = balance.values.keys().find(|name| !is_name(name)) {
            return invalid("balance_values", format!("`{name}`: a name has lower-case letters, digits and `_` only"));
        }
        if balance.usd_rate.is_some_and(|rate| !rate.is_positive()) {
            return invalid("balance_usd_rate", "a rate is above zero".into());
        }
        Ok(())
    }
}
