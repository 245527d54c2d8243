//! Who looks after alerts: gathers what is known, lets rules look at it, writes down what that changes, and has it told.
//!
//! Of several processes that share a store one looks at what they share; each looks at what is its own, which is its
//! traffic and whether it can write the books. Calls are not touched by any of this.

mod gather;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior};

use crate::{
    alert::{AlertRule, AlertState, Board, Channel, Facts, Message, Step, observe},
    handle::{Handle, State},
    store::{AlertNotes, NewDelivery, StoreError},
    time::Timestamp,
};
use gather::Gatherer;

/// Balances are looked up once in so many looks: that asks the store for each key.
const LOOKS_PER_BALANCE: u32 = 20;
/// What waits to be written while the store can not.
const MOST_WAITING: usize = 1_000;

/// Looks after alerts.
pub(crate) struct Watch {
    node: String,
    rules: Vec<AlertRule>,
    channels: Vec<Channel>,
    /// Troubles that only this process sees.
    own: Board,
    /// Those that all processes see, while this one looks after them.
    shared: Option<Board>,
    gatherer: Gatherer,
    looks: u32,
    /// What could not be written yet.
    waiting: AlertNotes,
}

/// Begins to look, on the current runtime, for as long as the pool lives.
pub(crate) fn start(watch: Watch, state: &Arc<State>, every: Duration) {
    tokio::spawn(look(watch, Arc::downgrade(state), every));
    tokio::spawn(carry(Arc::downgrade(state), every));
}

async fn look(mut watch: Watch, state: Weak<State>, every: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(handle) = state.upgrade().map(Handle::new).filter(Handle::is_staying) else { return };
        watch.look(&handle).await;
    }
}

/// Sends what is due when there is something new, and as often as it is looked.
async fn carry(state: Weak<State>, every: Duration) {
    let Some(wake) = state.upgrade().map(|state| state.courier.wake.clone()) else { return };
    loop {
        let _ = tokio::time::timeout(every, wake.notified()).await;
        let Some(handle) = state.upgrade().map(Handle::new).filter(Handle::is_staying) else { return };
        if let Err(error) = handle.courier().round().await {
            tracing::debug!(%error, "what is to be told can not be read or written; trying again");
        }
    }
}

impl Watch {
    /// What was wrong when the last process ended is wrong still.
    pub(crate) async fn new(handle: &Handle) -> Result<Self, StoreError> {
        let store = handle.store();
        let (rules, states) = (store.alert_rules().await?, store.alert_states().await?);
        let mut watch = Self {
            node: store.node().to_owned(),
            rules,
            channels: Vec::new(),
            own: Board::default(),
            shared: None,
            gatherer: Gatherer::default(),
            looks: 0,
            waiting: AlertNotes::default(),
        };
        watch.own = Board::of(states.into_iter().filter(|state| watch.is_own(state)));
        Ok(watch)
    }

    /// One look.
    pub(crate) async fn look(&mut self, handle: &Handle) {
        let trouble = self.refresh(handle).await.err();
        let with_balances = self.looks.is_multiple_of(LOOKS_PER_BALANCE);
        self.looks = self.looks.wrapping_add(1);
        let rules: Vec<_> = self.rules.iter().filter(|rule| self.looks_after(rule)).cloned().collect();
        let mut facts = self.gatherer.gather(handle, &rules, with_balances).await;
        facts.node.clone_from(&self.node);
        if let (Some(store), Some(error)) = (&mut facts.store, trouble) {
            store.trouble.get_or_insert_with(|| error.to_string());
        }
        let now = handle.time();
        let step = self.step(handle, &rules, &facts, now);
        self.note(handle, step, now).await;
    }

    /// What operators wrote, and whether this process leads. Without an answer everything stays as it was.
    async fn refresh(&mut self, handle: &Handle) -> Result<(), StoreError> {
        let store = handle.store();
        let leads = store.lead_alerts().await?;
        (self.rules, self.channels) = (store.alert_rules().await?, store.alert_channels().await?);
        match (leads, &self.shared) {
            (false, _) => self.shared = None,
            (true, Some(_)) => {}
            (true, None) => {
                let states = store.alert_states().await?;
                let is_shared = |state: &AlertState| !self.is_local(state);
                self.shared = Some(Board::of(states.into_iter().filter(is_shared)));
            }
        }
        Ok(())
    }

    fn looks_after(&self, rule: &AlertRule) -> bool {
        rule.spec.enabled && (rule.spec.kind.is_local() || self.shared.is_some())
    }

    /// Whether a state is of something that each process sees for itself.
    fn is_local(&self, state: &AlertState) -> bool {
        self.rules.iter().any(|rule| rule.id == state.rule && rule.spec.kind.is_local())
    }

    fn is_own(&self, state: &AlertState) -> bool {
        let seen_here = || match self.node.is_empty() {
            true => !state.subject.id.contains('@'),
            false => state.subject.id.ends_with(&format!("@{}", self.node)),
        };
        self.is_local(state) && seen_here()
    }

    fn step(&mut self, handle: &Handle, rules: &[AlertRule], facts: &Facts, now: Timestamp) -> Step {
        let mut whole = self.retire(rules);
        for rule in rules {
            let seen = handle.figures().with_traffic(|traffic| observe(&rule.spec, facts, traffic, now));
            let board = if rule.spec.kind.is_local() { Some(&mut self.own) } else { self.shared.as_mut() };
            if let (Some(board), Some(seen)) = (board, seen) {
                whole.join(board.step(rule, &seen, now));
            }
        }
        whole
    }

    /// Forgets the troubles of rules that are gone, switched off, or of another kind now.
    fn retire(&mut self, rules: &[AlertRule]) -> Step {
        let mut whole = Step::default();
        for (is_local, board) in [(true, Some(&mut self.own)), (false, self.shared.as_mut())] {
            let Some(board) = board else { continue };
            let is_there = |id| rules.iter().any(|rule| rule.id == id && rule.spec.kind.is_local() == is_local);
            for id in board.rules().into_iter().filter(|id| !is_there(*id)) {
                whole.join(board.retire(id));
            }
        }
        whole
    }

    /// Writes a step down, and has it told. What can not be written is told all the same.
    async fn note(&mut self, handle: &Handle, step: Step, now: Timestamp) {
        if step.is_empty() && self.waiting.is_empty() {
            return;
        }
        let deliveries = self.deliveries(&step, now);
        for event in &step.events {
            let (rule, subject, detail) = (&event.rule_name, &event.subject.name, &event.detail);
            tracing::warn!(event = event.event.as_str(), %rule, %subject, %detail, "an alert");
        }
        let mut notes = std::mem::take(&mut self.waiting);
        notes.join(step);
        let whole = AlertNotes { deliveries: deliveries.clone(), ..notes.clone() };
        match handle.store().note_alerts(whole, now).await {
            Ok(_) => handle.courier().wake.notify_one(),
            Err(error) => {
                tracing::error!(%error, "what is told of alerts can not be written down; it is sent all the same");
                handle.courier().send_unwritten(&self.channels, deliveries);
                notes.events.truncate(MOST_WAITING);
                self.waiting = notes;
            }
        }
    }

    fn deliveries(&self, step: &Step, now: Timestamp) -> Vec<NewDelivery> {
        let mut deliveries = Vec::new();
        for (event, message) in Message::of(&step.events, now) {
            let rule = self.rules.iter().find(|rule| rule.id == event.rule);
            let told = rule.map(|rule| &*rule.spec.channels).unwrap_or_default();
            for channel in self.channels.iter().filter(|channel| channel.spec.enabled && told.contains(&channel.id)) {
                let (id, channel_name) = (channel.id, channel.spec.name.clone());
                deliveries.push(NewDelivery { channel: id, channel_name, message: message.clone(), next_at: now });
            }
        }
        deliveries
    }
}
