//! Alerts, by a handle: whom to tell of what, what is wrong now, and what was told.

use std::sync::{Arc, atomic::Ordering};

use super::{ChangeError, Handle};
use crate::{
    alert::{AlertRule, AlertRuleSpec, AlertState, Answered, Channel, ChannelSpec, Message, Phase},
    courier::Courier,
    figures::Figures,
    id::{AlertRuleId, ChannelId},
    store::{
        AlertNotes, DeliveryEnd, DeliveryState, NewDelivery, Page, Store, StoreError, StoredAlertEvent, StoredDelivery,
    },
    time::Timestamp,
};

/// Nobody reads more.
const MOST_RULES: usize = 200;
const MOST_CHANNELS: usize = 100;

/// Alerts.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{Pool, alert::{AlertKind, AlertRuleSpec, ChannelSpec}, testkit::Script};
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let phone = ChannelSpec::new("phone", "ntfy").with_secret("topic", "amp-pool-7f3a");
/// let phone = pool.handle().add_channel(phone).await?.id;
/// let rule = AlertRuleSpec { channels: vec![phone], ..AlertRuleSpec::new("a key is out", AlertKind::KeyDown) };
/// pool.handle().add_alert_rule(rule).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Handle {
    /// All rules for alerts, by row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn alert_rules(&self) -> Result<Vec<AlertRule>, StoreError> {
        self.0.store.alert_rules().await
    }

    /// Adds a rule for alerts. It is looked after from the next look on.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field.
    pub async fn add_alert_rule(&self, spec: AlertRuleSpec) -> Result<AlertRule, ChangeError> {
        self.check_alert_rule(&spec).await?;
        if self.0.store.alert_rules().await?.len() >= MOST_RULES {
            return Err(invalid("name", format!("there are {MOST_RULES} rules already; remove one first")));
        }
        Ok(self.0.store.insert_alert_rule(spec, self.now()).await?)
    }

    /// Replaces a rule for alerts. What is wrong by it already stays so.
    ///
    /// # Errors
    /// As [`add_alert_rule`](Self::add_alert_rule), and [`ChangeError::NotFound`].
    pub async fn change_alert_rule(&self, id: AlertRuleId, spec: AlertRuleSpec) -> Result<AlertRule, ChangeError> {
        self.check_alert_rule(&spec).await?;
        Ok(self.0.store.update_alert_rule(id, spec, self.now()).await?)
    }

    /// Removes a rule for alerts.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`].
    pub async fn remove_alert_rule(&self, id: AlertRuleId) -> Result<(), ChangeError> {
        Ok(self.0.store.delete_alert_rule(id).await?)
    }

    async fn check_alert_rule(&self, spec: &AlertRuleSpec) -> Result<(), ChangeError> {
        spec.check().map_err(|problem| invalid(problem.field, problem.message))?;
        if spec.channels.is_empty() {
            return Ok(());
        }
        let known = self.0.store.alert_channels().await?;
        match spec.channels.iter().find(|id| !known.iter().any(|channel| channel.id == **id)) {
            Some(id) => Err(invalid("channels", format!("there is no channel {id}"))),
            None => Ok(()),
        }
    }

    /// All channels, by row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.0.store.alert_channels().await
    }

    /// Adds a channel.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the part of it that is wrong.
    pub async fn add_channel(&self, spec: ChannelSpec) -> Result<Channel, ChangeError> {
        self.check_channel(&spec)?;
        if self.0.store.alert_channels().await?.len() >= MOST_CHANNELS {
            return Err(invalid("name", format!("there are {MOST_CHANNELS} channels already; remove one first")));
        }
        Ok(self.0.store.insert_alert_channel(spec, self.now()).await?)
    }

    /// Replaces a channel, its secrets included.
    ///
    /// # Errors
    /// As [`add_channel`](Self::add_channel), and [`ChangeError::NotFound`].
    pub async fn change_channel(&self, id: ChannelId, spec: ChannelSpec) -> Result<Channel, ChangeError> {
        self.check_channel(&spec)?;
        Ok(self.0.store.update_alert_channel(id, spec, self.now()).await?)
    }

    /// Removes a channel that no rule tells anything.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`], [`ChangeError::Conflict`] when a rule would tell nobody, unseen.
    pub async fn remove_channel(&self, id: ChannelId) -> Result<(), ChangeError> {
        let rules = self.0.store.alert_rules().await?;
        if let Some(rule) = rules.iter().find(|rule| rule.spec.channels.contains(&id)) {
            return Err(ChangeError::Conflict { what: format!("a rule that uses it (`{}`)", rule.spec.name) });
        }
        Ok(self.0.store.delete_alert_channel(id, self.now()).await?)
    }

    fn check_channel(&self, spec: &ChannelSpec) -> Result<(), ChangeError> {
        spec.check().map_err(|error| {
            let part = ["name", "kind", "settings", "secrets"].into_iter().find(|part| error.field.starts_with(part));
            invalid(part.unwrap_or("settings"), error.to_string())
        })?;
        match self.0.courier.can(&spec.kind) {
            true => Ok(()),
            false => Err(invalid("kind", "this host sends no e-mail".into())),
        }
    }

    /// Sends a test by a channel now, once, and writes down what became of it.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`], [`ChangeError::Unavailable`].
    ///
    /// # Cancel safety
    /// Dropping the future may have sent it; it is sent again later then.
    pub async fn test_channel(&self, id: ChannelId) -> Result<Answered, ChangeError> {
        let channels = self.0.store.alert_channels().await?;
        let channel = channels.into_iter().find(|channel| channel.id == id).ok_or(ChangeError::NotFound)?;
        let now = self.now();
        let message = Message::test(&channel.spec.name, now);
        let channel_name = channel.spec.name.clone();
        // Not before somebody has had time to send it here.
        let next_at = now.plus_millis(60_000);
        let delivery = NewDelivery { channel: id, channel_name, message: message.clone(), next_at };
        let notes = AlertNotes { deliveries: vec![delivery], ..AlertNotes::default() };
        let written = self.0.store.note_alerts(notes, now).await?;
        let delivery =
            written.first().copied().ok_or_else(|| ChangeError::Unavailable("nothing was written".into()))?;
        self.0.store.claim_delivery(delivery, 0, next_at, now).await?;
        let answered = self.0.courier.send(&channel.spec, &message).await;
        let (state, detail) = match &answered {
            Answered::Sent => (DeliveryState::Sent, None),
            Answered::Again { why, .. } | Answered::Refused { why } => (DeliveryState::Failed, Some(why.clone())),
        };
        self.0.store.settle_delivery(delivery, DeliveryEnd { state, next_at: None, detail }, self.now()).await?;
        Ok(answered)
    }

    /// What is wrong now, of what has been noted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn alert_states(&self) -> Result<Vec<AlertState>, StoreError> {
        let mut states = self.0.store.alert_states().await?;
        states.retain(|state| state.phase == Phase::Firing);
        Ok(states)
    }

    /// A page of what happened, newest first; by one rule, if so asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn alert_events(
        &self,
        rule: Option<AlertRuleId>,
        page: Page,
    ) -> Result<Vec<StoredAlertEvent>, StoreError> {
        self.0.store.alert_events(rule, page).await
    }

    /// A page of what was sent or is to be, newest first; by one channel, if so asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn alert_deliveries(
        &self,
        channel: Option<ChannelId>,
        page: Page,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        self.0.store.alert_deliveries(channel, page).await
    }
}

/// For who looks after alerts.
impl Handle {
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn courier(&self) -> &Arc<Courier> {
        &self.0.courier
    }

    /// What was counted since the process began.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.0.figures
    }

    /// Whether the pool goes on: nobody shuts it down.
    pub(crate) fn is_staying(&self) -> bool {
        !self.0.draining.load(Ordering::Acquire)
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.now()
    }
}

fn invalid(field: &'static str, message: String) -> ChangeError {
    ChangeError::Invalid { field, message }
}
