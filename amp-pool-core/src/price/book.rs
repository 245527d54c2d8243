//! All prices, and how a model's is found.

use std::{collections::HashMap, iter, sync::LazyLock};

use super::{
    Origin, Price, PriceRow, SheetError,
    list::{BookError, read_own},
};
use crate::time::Timestamp;

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
///
/// ```
/// use amp_pool_core::price::{Override, PriceBook, Sheet};
///
/// let sheet: Sheet = serde_json::from_str(r#"{"input": "1", "output": "2"}"#)?;
/// let price = sheet.price("contract of 2026")?;
/// let ours = Override { provider: Some("openai".into()), model: "gpt-5".into(), price };
/// let book = PriceBook::builtin().clone().with_overrides([ours]);
/// let version = |provider| book.find(provider, "gpt-5").map(|price| &*price.version);
/// assert_eq!(version("openai"), Some("contract of 2026"));
/// assert_ne!(version("azure"), Some("contract of 2026"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// In the order in which they were written.
    versions: Vec<Version>,
}

/// A price, and since when it holds. Without a price: since when there is none any more.
#[derive(Debug, Clone)]
struct Version {
    from: Timestamp,
    price: Option<Price>,
}

impl Version {
    fn always(price: Price) -> Self {
        Self { from: Timestamp::from_millis(i64::MIN), price: Some(price) }
    }
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
        let list = read_own(json)?;
        let version = format!("{origin}:{}", list.date);
        let mut book = Self::default();
        for row in list.rows {
            let row = row?;
            let price = row.sheet.price(&*version).map_err(|error| BookError::of(&row.id, error))?;
            book.list.put_list(&row.family, iter::once(&row.id).chain(&row.aliases), &Version::always(price));
        }
        Ok(book)
    }

    /// The book with prices of the operator's own, which go before the list. A later one replaces an earlier one.
    #[must_use]
    pub fn with_overrides(mut self, overrides: impl IntoIterator<Item = Override>) -> Self {
        for Override { provider, model, price } in overrides {
            self.overrides.put(&model, provider.as_deref(), provider.is_none(), Version::always(price));
        }
        self
    }

    /// Takes up a price that was written down. Those taken up later go before those taken up earlier.
    ///
    /// # Errors
    /// [`SheetError`] when it is no price. The book is as it was then.
    pub fn add(&mut self, row: &PriceRow) -> Result<(), SheetError> {
        let spec = &row.spec;
        let price = spec.sheet.as_ref().map(|sheet| sheet.price(row.version())).transpose()?;
        let version = Version { from: spec.valid_from, price };
        match (spec.origin, &spec.provider) {
            (Origin::List, Some(family)) => {
                self.list.put_list(family, iter::once(&spec.model).chain(&spec.aliases), &version);
            }
            (Origin::List, None) => self.list.put(&spec.model, None, true, version),
            (Origin::Own, provider) => {
                self.overrides.put(&spec.model, provider.as_deref(), provider.is_none(), version);
            }
        }
        Ok(())
    }

    /// The names of all models that have a price, in lower case and in no order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.0.keys().chain(self.overrides.0.keys()).map(String::as_str)
    }

    /// Every price that holds at `at`, the operator's own first, by the names of models in lower case. `None` as a provider:
    /// for all of them.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> Vec<Listed<'_>> {
        let shelves = [(Origin::Own, &self.overrides), (Origin::List, &self.list)];
        shelves.into_iter().flat_map(|(origin, shelf)| shelf.in_force(origin, at)).collect()
    }

    /// The price of `model` at `provider` that was written last, whenever it begins to hold. `None`: it is not known.
    ///
    /// The operator's prices first, then the list; in each the name as it is, then without the makers' prefixes
    /// (`openai/gpt-5`), then without a date (`-20250929`, `-2025-08-07`), then with dashes for dots. A provider without
    /// a row of its own is given the maker's price, unless the model runs on the operator's own machine.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&Price> {
        self.find_at(provider, model, Timestamp::from_millis(i64::MAX))
    }

    /// What the list says of `model` of `family` itself at `at`, without a look at the operator's prices or at other names.
    #[must_use]
    pub fn listed(&self, family: &str, model: &str, at: Timestamp) -> Option<&Price> {
        self.list.at(Wanted { family, borrows: false, at }, &model.to_lowercase())
    }

    /// The same as [`find`](Self::find) as it holds at `at`.
    #[must_use]
    pub fn find_at(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Price> {
        let name = model.to_lowercase();
        let family = FAMILIES.iter().find(|(id, _)| *id == provider).map_or(provider, |(_, family)| family);
        let borrows = !LOCAL.contains(&provider);
        let wanted = Wanted { family, borrows, at };
        let own = self.overrides.search(Wanted { family: provider, borrows: true, at }, &name);
        own.or_else(|| self.list.search(wanted, &name))
    }
}

/// A price in force, and of what.
///
/// ```
/// use amp_pool_core::{
///     price::{Listed, Origin, PriceBook},
///     time::Timestamp,
/// };
///
/// let list: Vec<Listed<'_>> = PriceBook::builtin().in_force(Timestamp::from_millis(0));
/// let gpt = list.iter().find(|row| row.provider == Some("openai") && row.model == "gpt-5").ok_or("it is listed")?;
/// assert_eq!(gpt.origin, Origin::List);
/// assert!(gpt.price.rates.input < gpt.price.rates.output);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Which prices it belongs to.
    pub origin: Origin,
    /// Whose it is. `None`: everybody's.
    pub provider: Option<&'a str>,
    /// The model, in lower case.
    pub model: &'a str,
    /// What it costs.
    pub price: &'a Price,
}

/// Whose price is looked for, and of when.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    family: &'a str,
    /// Whether others' prices stand for those it does not have.
    borrows: bool,
    at: Timestamp,
}

impl Shelf {
    fn put_list<'a>(&mut self, family: &str, names: impl Iterator<Item = &'a String>, version: &Version) {
        for name in names {
            self.put(name, Some(family), !HOSTS.contains(&family), version.clone());
        }
    }

    fn put(&mut self, model: &str, family: Option<&str>, lends: bool, version: Version) {
        let rows = self.0.entry(model.to_lowercase()).or_default();
        match rows.iter_mut().find(|row| row.family.as_deref() == family) {
            Some(row) => row.versions.push(version),
            None => rows.push(Row { family: family.map(str::to_owned), lends, versions: vec![version] }),
        }
    }

    /// In the order of names.
    fn in_force(&self, origin: Origin, at: Timestamp) -> Vec<Listed<'_>> {
        let rows = self.0.iter().flat_map(|(model, rows)| rows.iter().map(move |row| (model, row)));
        let mut listed: Vec<_> = rows
            .filter_map(|(model, row)| {
                Some(Listed { origin, provider: row.family.as_deref(), model, price: row.at(at)? })
            })
            .collect();
        listed.sort_unstable_by_key(|listed| (listed.model, listed.provider));
        listed
    }

    fn search(&self, wanted: Wanted<'_>, name: &str) -> Option<&Price> {
        let names = || iter::successors(Some(name), |name| name.split_once('/').map(|(_, rest)| rest));
        let at = |name: &str| self.at(wanted, name);
        let dashed = |name: &str| without_date(name).unwrap_or(name).replace('.', "-");
        let by_name = names().find_map(at);
        let undated = || names().filter_map(without_date).find_map(at);
        by_name.or_else(undated).or_else(|| names().find_map(|name| at(&dashed(name))))
    }

    fn at(&self, Wanted { family, borrows, at }: Wanted<'_>, name: &str) -> Option<&Price> {
        let rows = self.0.get(name)?;
        let own = rows.iter().find(|row| row.family.as_deref() == Some(family)).and_then(|row| row.at(at));
        own.or_else(|| rows.iter().filter(|row| row.lends && borrows).find_map(|row| row.at(at)))
    }
}

impl Row {
    /// The last word that holds at `at`.
    fn at(&self, at: Timestamp) -> Option<&Price> {
        self.versions.iter().rev().find(|version| version.from <= at)?.price.as_ref()
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
