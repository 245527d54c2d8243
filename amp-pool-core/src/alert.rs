//! When people are to be told that something is wrong, and how that is said to the services that tell them.
//!
//! Pure: callers pass what they know ([`Facts`]) and the time. A [`Board`] turns rules and observations into events: each
//! trouble is told when it begins, again while it lasts, and when it is over. [`letter`] makes the request that a service
//! wants of a [`Message`], and judges what the service answers. Watching, sending and keeping are the work of others.

mod board;
mod channel;
mod facts;
mod kind;
mod letter;
mod level;
mod message;
mod observe;
mod preset;
mod quiet;
mod retry;
mod rule;
mod sign;
mod traffic;

pub use board::{AlertEvent, AlertState, Board, EventKind, Phase, Step};
pub use channel::{Channel, ChannelError, ChannelSpec, Mail, Security};
pub use facts::{BudgetFact, Facts, KeyFact, ModelFact, StoreFact};
pub use kind::{AlertKind, Severity, Side, Unit};
pub use letter::{Answered, Letter, LetterError, judge, letter};
pub use level::Level;
pub use message::{Item, Message};
pub use observe::{Observation, Reading, Subject, observe};
pub use preset::{Field, Preset};
pub use quiet::{QuietHours, TimeOfDay, TimeOfDayError};
pub use retry::{MOST_TRIES, next_try};
pub use rule::{AlertRule, AlertRuleSpec, RuleProblem, SplitBy};
pub use traffic::{Count, Traffic};
