//! All prices, and how a model's is found.

use std::{collections::HashMap, fmt, iter, sync::LazyLock};

use serde_json::value::RawValue;

use super::{
    Price,
    row::{self, List},
};

/// Providers whose rows stand under another name.
const FAMILIES: [(&str, &str); 2] = [("zhipu", "zai"), ("together", "together_ai")];

/// Those who run the models of others: their prices say nothing about anyone else's.
const HOSTS: [&str; 4] = ["groq", "cerebras", "deepinfra", "together_ai"];

/// Servers of the operator's own: what a maker asks for a model says nothing about them.
const LOCAL: [&str; 2] = ["ollama", "vllm"];

/// Prices of models, an operator's own before those of the list.
///
/// ```
/// use amp_pool_core::price::PriceBook;
///
/// let book = PriceBook::builtin();
/// assert_eq!(book.find("openrouter", "openai/gpt-5-2025-08-07"), book.find("openai", "gpt-5"));
/// assert_eq!(book.find("openai", "gpt-nobody-knows"), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    overrides: Shelf,
    list: Shelf,
}

/// A price that an operator set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Only for this provider. `None`: for all.
    pub provider: Option<String>,
    /// The model.
    pub model: String,
    /// Its price.
    pub price: Price,
}

/// Rows by the model's name in lower case.
#[derive(Debug, Clone, Default)]
struct Shelf(HashMap<String, Vec<Row>>);

#[derive(Debug, Clone)]
struct Row {
    /// Whose price it is. `None`: everybody's.
    family: Option<String>,
    /// Whether it also stands for others who have no row of their own.
    lends: bool,
    price: Price,
}

impl PriceBook {
    /// The list that comes with the library.
    #[must_use]
    pub fn builtin() -> &'static Self {
        // A test holds the file to be readable; without it every price would be unknown.
        static BOOK: LazyLock<PriceBook> =
            LazyLock::new(|| PriceBook::read(include_str!("prices.json"), "seed").unwrap_or_default());
        &BOOK
    }

    /// Reads a price list. Its rows get the version `origin:date`.
    ///
    /// # Errors
    /// [`BookError`] with the row that cannot be read; a list is taken whole or not at all.
    pub fn read(json: &str, origin: &str) -> Result<Self, BookError> {
        let list: List<'_> = serde_json::from_str(json).map_err(|source| BookError { row: None, source })?;
        let version = format!("{origin}:{}", list.meta.extracted_on);
        let mut book = Self::default();
        for row in list.models.into_iter().chain(list.recently_retired) {
            book.list.put_row(row, &version).map_err(|source| BookError { row: Some(start_of(row)), source })?;
        }
        Ok(book)
    }

    /// The book with prices of the operator's own, which go before the list. A later one replaces an earlier one.
    #[must_use]
    pub fn with_overrides(mut self, overrides: impl IntoIterator<Item = Override>) -> Self {
        for Override { provider, model, price } in overrides {
            self.overrides.put(&model, Row { lends: provider.is_none(), family: provider, price });
        }
        self
    }

    /// The names of all models that have a price, in lower case and in no order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.0.keys().chain(self.overrides.0.keys()).map(String::as_str)
    }

    /// The price of `model` at `provider`. `None`: it is not known.
    ///
    /// The operator's prices first, then the list; in each the name as it is, then without the makers' prefixes
    /// (`openai/gpt-5`), then without a date (`-20250929`, `-2025-08-07`), then with dashes for dots. A provider without
    /// a row of its own is given the maker's price, unless the model runs on the operator's own machine.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&Price> {
        let name = model.to_lowercase();
        let family = FAMILIES.iter().find(|(id, _)| *id == provider).map_or(provider, |(_, family)| family);
        let borrows = !LOCAL.contains(&provider);
        self.overrides.search(provider, true, &name).or_else(|| self.list.search(family, borrows, &name))
    }
}

impl Shelf {
    fn put_row(&mut self, row: &RawValue, version: &str) -> serde_json::Result<()> {
        let (title, price) = row::read(row, version)?;
        let lends = !HOSTS.contains(&&*title.family);
        for name in iter::once(&title.id).chain(&title.aliases) {
            self.put(name, Row { family: Some(title.family.clone()), lends, price: price.clone() });
        }
        Ok(())
    }

    fn put(&mut self, model: &str, row: Row) {
        let rows = self.0.entry(model.to_lowercase()).or_default();
        rows.retain(|earlier| earlier.family != row.family);
        rows.push(row);
    }

    fn search(&self, family: &str, borrows: bool, name: &str) -> Option<&Price> {
        let names = || iter::successors(Some(name), |name| name.split_once('/').map(|(_, rest)| rest));
        let at = |name: &str| self.at(family, borrows, name);
        let dashed = |name: &str| without_date(name).unwrap_or(name).replace('.', "-");
        let by_name = names().find_map(at);
        let undated = || names().filter_map(without_date).find_map(at);
        by_name.or_else(undated).or_else(|| names().find_map(|name| at(&dashed(name))))
    }

    fn at(&self, family: &str, borrows: bool, name: &str) -> Option<&Price> {
        let rows = self.0.get(name)?;
        let own = rows.iter().find(|row| row.family.as_deref() == Some(family));
        own.or_else(|| rows.iter().find(|row| row.lends && borrows)).map(|row| &row.price)
    }
}

/// The name before `-20250929` or `-2025-08-07`.
fn without_date(name: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (before, date) = name.split_at_checked(name.len().checked_sub(9)?)?;
    if date.starts_with("-20") && digits(&date[1..]) {
        return Some(before);
    }
    let (before, date) = name.split_at_checked(name.len().checked_sub(11)?)?;
    let dashes = date.starts_with("-20") && [5, 8].iter().all(|at| date.as_bytes()[*at] == b'-');
    (dashes && date.split('-').all(digits)).then_some(before)
}

fn start_of(row: &RawValue) -> String {
    row.get().chars().take(60).collect()
}

/// Why a price list cannot be read.
#[derive(Debug)]
pub struct BookError {
    row: Option<String>,
    source: serde_json::Error,
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
        Some(&self.source)
    }
}
