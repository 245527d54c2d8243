//! Price lists as they are written.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Sheet, litellm};

/// A price list as it is written.
///
/// ```
/// use amp_pool_core::price::{self, List, ListRow};
///
/// // LiteLLM's list, or one in the shape of our own.
/// let list: List = price::read_list(r#"{"gpt-ours": {"mode": "chat", "litellm_provider": "openai",
///     "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}"#)?;
/// let rows: Vec<&ListRow> = list.rows.iter().flatten().collect();
/// assert_eq!((rows[0].id.as_str(), rows[0].sheet.input), ("gpt-ours", Some("1".parse()?)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct List {
    /// When its numbers were taken down.
    pub date: String,
    /// Its rows. One that can not be read says why.
    pub rows: Vec<Result<ListRow, BookError>>,
}

/// A row of a price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Whose price it is.
    pub family: String,
    /// The model.
    pub id: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// Its price.
    pub sheet: Sheet,
}

/// Reads a price list, of the shape of our own or of LiteLLM's.
///
/// # Errors
/// [`BookError`] when it is none. What is wrong with a row stands in its place.
pub fn read_list(json: &str) -> Result<List, BookError> {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(default)]
        _meta: Option<serde::de::IgnoredAny>,
    }

    let Shape { _meta: meta } = serde_json::from_str(json).map_err(BookError::of_list)?;
    if meta.is_some() { read_own(json) } else { litellm::read(json) }
}

pub(super) fn read_own(json: &str) -> Result<List, BookError> {
    #[derive(Deserialize)]
    struct Written<'a> {
        #[serde(rename = "_meta")]
        meta: Meta,
        #[serde(borrow)]
        models: Vec<&'a RawValue>,
        #[serde(borrow, default)]
        recently_retired: Vec<&'a RawValue>,
    }

    #[derive(Deserialize)]
    struct Meta {
        extracted_on: String,
    }

    let list: Written<'_> = serde_json::from_str(json).map_err(BookError::of_list)?;
    let rows = list.models.into_iter().chain(list.recently_retired).map(ListRow::read).collect();
    Ok(List { date: list.meta.extracted_on, rows })
}

impl ListRow {
    fn read(row: &RawValue) -> Result<Self, BookError> {
        /// Read apart from the numbers, because those are read as text.
        #[derive(Deserialize)]
        struct Title {
            id: String,
            family: String,
            #[serde(default)]
            aliases: Vec<String>,
        }

        let wrong = |error| BookError::of(&start_of(row), error);
        let Title { id, family, aliases } = serde_json::from_str(row.get()).map_err(wrong)?;
        let mut sheet: Sheet = serde_json::from_str(row.get()).map_err(wrong)?;
        // xAI counts the threshold itself as long, everybody else what lies above it.
        for step in sheet.long_context.iter_mut().flatten().filter(|_| family == "xai") {
            step.above_input_tokens = step.above_input_tokens.saturating_sub(1);
        }
        sheet.price("").map_err(|error| BookError::of(&start_of(row), error))?;
        Ok(Self { family, id, aliases, sheet })
    }
}

fn start_of(row: &RawValue) -> String {
    row.get().chars().take(60).collect()
}

/// Why a price list cannot be read.
///
/// ```
/// use amp_pool_core::price::{BookError, PriceBook};
///
/// let error: BookError = PriceBook::read("{", "a file of ours").err().ok_or("it is no list")?;
/// assert!(error.to_string().contains("price list"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BookError {
    row: Option<String>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl BookError {
    pub(super) fn of_list(source: serde_json::Error) -> Self {
        Self { row: None, source: source.into() }
    }

    pub(super) fn of(row: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { row: Some(row.to_owned()), source: source.into() }
    }
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.row {
            Some(row) => write!(f, "row `{row}…` of the price list cannot be read"),
            None => f.write_str("the price list cannot be read"),
        }
    }
}

impl std::error::Error for BookError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
