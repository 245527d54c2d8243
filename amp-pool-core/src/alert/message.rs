//! What people read.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{AlertEvent, EventKind, Severity};
use crate::time::Timestamp;

/// Troubles that one message names.
const MOST_ITEMS: usize = 20;
const LONGEST_DETAIL: usize = 300;

/// What one service is told at once: all that happened to the subjects of a rule at one look, so that a provider with a
/// thousand keys makes one message.
///
/// ```
/// use amp_pool_core::{
///     alert::{self, Answered, ChannelSpec, Letter, Message, Severity},
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let channel = ChannelSpec::new("ops", "webhook").with_secret("url", "https://hooks.example.com/T0");
/// channel.check()?;
/// // What goes out is written without anything being sent.
/// let message = Message::test("ops", now);
/// assert_eq!(message.tone(), Severity::Info);
/// let Letter { request } = alert::letter(&channel, &message, now).map_err(|_| "it can be written")?;
/// assert_eq!(request.uri().host(), Some("hooks.example.com"));
///
/// let answered = alert::judge(&channel, http::StatusCode::SERVICE_UNAVAILABLE, &http::HeaderMap::new(), b"");
/// assert!(matches!(answered, Answered::Again { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AlertMessage"))]
pub struct Message {
    /// The same for each try to deliver it, and for no other message to the same channel.
    pub id: String,
    /// One line.
    pub title: String,
    /// `fired`, `repeated`, `cleared` or `test`.
    pub event: String,
    /// How bad it is.
    pub severity: Severity,
    /// What the rule looks at; empty for a test.
    pub kind: String,
    /// What people call the rule.
    pub rule: String,
    /// When it was written.
    pub time: Timestamp,
    /// To how many subjects it happened.
    pub count: usize,
    /// To whom; the first twenty.
    pub items: Vec<Item>,
}

/// One subject of a message.
///
/// ```
/// use amp_pool_core::{
///     alert::{Item, Message},
///     time::Timestamp,
/// };
///
/// let mut message = Message::test("ops", Timestamp::from_millis(0));
/// message.items = vec![Item {
///     subject: "key:7".into(),
///     name: "mine".into(),
///     detail: "2.50 USD are left".into(),
///     since: "2026-01-02T03:04:05Z".parse()?,
/// }];
/// assert_eq!(message.text(), "mine: 2.50 USD are left (since 2026-01-02 03:04 UTC)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AlertItem"))]
pub struct Item {
    /// Its stable name.
    pub subject: String,
    /// What people call it.
    pub name: String,
    /// How it is.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

impl Message {
    /// The messages that events make: one for each rule and what happened.
    #[must_use]
    pub fn of(events: &[AlertEvent], now: Timestamp) -> Vec<(&AlertEvent, Self)> {
        let mut groups = Vec::<Vec<&AlertEvent>>::new();
        for event in events.iter().filter(|event| !event.quiet) {
            let same = |group: &&mut Vec<&AlertEvent>| {
                group.first().is_some_and(|first| first.rule == event.rule && first.event == event.event)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(event),
                None => groups.push(vec![event]),
            }
        }
        groups.iter().filter_map(|group| Some((*group.first()?, Self::of_group(group, now)?))).collect()
    }

    fn of_group(group: &[&AlertEvent], now: Timestamp) -> Option<Self> {
        let first = *group.first()?;
        let items: Vec<_> = group.iter().take(MOST_ITEMS).map(|event| Item::of(event)).collect();
        Some(Self {
            id: format!("alert_{}_{}_{}", first.rule, first.event.as_str(), now.as_millis()),
            title: title(first, group.len()),
            event: first.event.as_str().into(),
            severity: first.severity,
            kind: first.kind.as_str().into(),
            rule: first.rule_name.clone(),
            time: now,
            count: group.len(),
            items,
        })
    }

    /// A message that shows whether a channel works.
    #[must_use]
    pub fn test(channel: &str, now: Timestamp) -> Self {
        let detail = "if you can read this, alerts will reach you here".into();
        let item = Item { subject: "test".into(), name: format!("channel {}", one_line(channel)), detail, since: now };
        Self {
            id: format!("test_{}", now.as_millis()),
            title: "[TEST] AMP Pool".into(),
            event: "test".into(),
            severity: Severity::Info,
            kind: String::new(),
            rule: String::new(),
            time: now,
            count: 1,
            items: vec![item],
        }
    }

    /// A line for each subject.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines("", "\n")
    }

    /// The same as a list in Markdown.
    #[must_use]
    pub fn list(&self) -> String {
        self.lines("- ", "\n")
    }

    /// How bad it is to hear this: what is over is not bad any more.
    #[must_use]
    pub fn tone(&self) -> Severity {
        if self.event == EventKind::Cleared.as_str() { Severity::Info } else { self.severity }
    }

    fn lines(&self, start: &str, end: &str) -> String {
        let mut text = String::new();
        for Item { name, detail, since, .. } in &self.items {
            // Writing to a string cannot fail.
            let _ = write!(text, "{start}{name}: {detail} (since {}){end}", short(*since));
        }
        let more = self.count.saturating_sub(self.items.len());
        if more > 0 {
            let _ = write!(text, "{start}and {more} more{end}");
        }
        text.trim_end().to_owned()
    }
}

impl Item {
    fn of(event: &AlertEvent) -> Self {
        let detail = one_line(&event.detail).chars().take(LONGEST_DETAIL).collect();
        let (subject, name) = (event.subject.id.clone(), one_line(&event.subject.name));
        Self { subject, name, detail, since: event.since }
    }
}

fn title(event: &AlertEvent, count: usize) -> String {
    let mark = match event.event {
        EventKind::Fired => event.severity.as_str().to_uppercase(),
        EventKind::Repeated => format!("STILL {}", event.severity.as_str().to_uppercase()),
        EventKind::Cleared => "OK".into(),
    };
    let whom = if count == 1 { one_line(&event.subject.name) } else { format!("{count} at once") };
    format!("[{mark}] {}: {whom}", event.kind.title())
}

/// To the minute.
fn short(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::{AlertKind, Subject},
        id::AlertRuleId,
    };

    fn event(rule: i64, event: EventKind, id: &str, quiet: bool) -> AlertEvent {
        AlertEvent {
            rule: AlertRuleId(rule),
            rule_name: "money".into(),
            kind: AlertKind::BalanceLow,
            severity: Severity::Critical,
            event,
            subject: Subject { id: id.into(), name: format!("key {id}\n") },
            since: Timestamp::from_millis(1_795_395_600_000),
            detail: "3 USD left".into(),
            quiet,
        }
    }

    #[test]
    fn what_happens_at_once_is_one_message() {
        let mut events: Vec<_> = (0..1_000).map(|n| event(1, EventKind::Fired, &n.to_string(), false)).collect();
        events.push(event(1, EventKind::Cleared, "x", false));
        events.push(event(2, EventKind::Fired, "y", false));
        events.push(event(2, EventKind::Fired, "z", true));

        let messages = Message::of(&events, Timestamp::from_millis(7));

        assert_eq!(messages.len(), 3);
        let (_, first) = &messages[0];
        assert_eq!(
            (first.count, first.items.len(), &*first.title),
            (1_000, 20, "[CRITICAL] low balance: 1000 at once")
        );
        assert!(first.text().ends_with("\nand 980 more"), "{}", first.text());
        assert_eq!((&*messages[1].1.title, messages[1].1.tone()), ("[OK] low balance: key x ", Severity::Info));
        assert_eq!(messages[2].1.text(), "key y : 3 USD left (since 2026-11-23 01:00 UTC)");
    }

    #[test]
    fn a_message_is_read_back_as_it_was() {
        let message = Message::test("ops", Timestamp::from_millis(1));
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
    }
}
