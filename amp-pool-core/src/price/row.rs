//! Prices that were written down while the pool runs.
//!
//! A row is never changed. Who changes a price writes another row, and says from when on it holds; what was priced with the
//! one before keeps its name. Where several rows hold at a time, the one that was written last does.

use super::Sheet;
use crate::{id::PriceId, time::Timestamp};

/// A price that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceRow {
    /// The row.
    pub id: PriceId,
    /// When it was written.
    pub create_time: Timestamp,
    /// What was written.
    pub spec: PriceSpec,
}

/// What is written of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceSpec {
    /// Which of its kind it is.
    pub origin: Origin,
    /// Only for this provider; in a list, whose price it is. `None`: for all.
    pub provider: Option<String>,
    /// The model.
    pub model: String,
    /// Other names of the model.
    pub aliases: Vec<String>,
    /// Since when it holds.
    pub valid_from: Timestamp,
    /// The price. `None`: from then on there is none of this origin any more.
    pub sheet: Option<Sheet>,
    /// Where the numbers are from: `admin`, or the name of a list.
    pub source: String,
    /// Who wrote it.
    pub who: String,
    /// Why, in words.
    pub note: String,
}

/// Which prices go before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The operator's own.
    Own,
    /// Those of a list, which come after the operator's own.
    List,
}

impl Origin {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::List => "list",
        }
    }

    /// The origin of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Own, Self::List].into_iter().find(|origin| origin.as_str() == name)
    }
}

impl PriceRow {
    /// The name by which records know it.
    #[must_use]
    pub fn version(&self) -> String {
        format!("row:{}", self.id)
    }

    /// Whether `other` would say the same in its place.
    #[must_use]
    pub fn is_about_the_same(&self, other: &PriceSpec) -> bool {
        let PriceSpec { origin, provider, model, .. } = &self.spec;
        (*origin, provider, model.to_lowercase()) == (other.origin, &other.provider, other.model.to_lowercase())
    }
}
