//! What an account has left, read from what its upstream says.
//!
//! A [`Probe`] is data: which requests to send, and where the figures stand in the answers. A [`Run`] walks through one:
//! it makes the requests, is told the answers, and ends with a [`Reading`] or a [`Refusal`]. What nobody knows is `None`,
//! never zero.
//!
//! Pure: sending is the prober's work, keeping the store's. It stands below `provider`, because a preset carries its own
//! probes, as it carries its own rules for errors.

mod burn;
mod decimal;
mod path;
mod probe;
mod read;
mod reading;
mod refusal;
mod run;
mod spec;
mod sweep;
mod template;
mod text;

pub use crate::classify::{Pattern, PatternError};
pub use burn::{Seen, burn_per_day, days_left, per_day};
pub use decimal::{Decimal, DecimalError};
pub use path::{Path, PathError};
pub use probe::{
    Condition, CurrencyAt, Figure, HostCurrency, NextPage, Probe, ProbeError, Step, Take, ToldCurrency, WindowAt,
};
pub use reading::{Kind, Percent, Purse, Reading, Window};
pub use refusal::{Refusal, RefusalKind};
pub use run::{Run, Told};
pub use spec::{BalanceSpec, ProbeChoice, SpecError};
pub use template::Place;
pub use text::{LineAt, TextAt};

pub use crate::money::Amount;
