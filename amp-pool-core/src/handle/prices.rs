//! Prices: what operators write of them, and lists that they bring.

use std::{collections::HashSet, sync::Arc};

use super::{ChangeError, Handle};
use crate::{
    id::PriceId,
    price::{List, ListRow, Origin, Price, PriceBook, PriceRow, PriceSpec, Sheet, read_list},
    store::StoreError,
    time::Timestamp,
};

/// The longest name of a model, in characters.
const MODEL_MAX: usize = 256;
/// The longest note.
const NOTE_MAX: usize = 1_000;

/// Prices as they stand, and up to which of the store's rows.
pub(crate) struct Prices {
    pub(crate) book: Arc<PriceBook>,
    until: Option<PriceId>,
}

impl Prices {
    /// Prices before any of a store's.
    pub(crate) fn of(book: PriceBook) -> Self {
        Self { book: Arc::new(book), until: None }
    }

    /// The same with what was written down since.
    fn with(&self, rows: &[PriceRow]) -> Self {
        let mut book = (*self.book).clone();
        for row in rows {
            if let Err(error) = book.add(row) {
                tracing::error!(row = %row.id, %error, "a stored price can not be read");
            }
        }
        Self { book: Arc::new(book), until: rows.last().map(|row| row.id).or(self.until) }
    }
}

/// What an operator writes of a price.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     handle::{PriceNote, ReRate, ReRated},
///     price::{PriceRow, Sheet},
///     testkit::Script,
///     time::{Clock, SystemClock, Timestamp},
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let handle = pool.handle();
/// let about = PriceNote {
///     provider: Some("openai".into()),
///     model: "our-finetune".into(),
///     valid_from: None,
///     who: "ada".into(),
///     note: "contract of June".into(),
/// };
/// // Dollars for a million tokens. What is not said of a price stays unknown.
/// let sheet = Sheet { input: Some("0.30".parse()?), output: Some("1.20".parse()?), ..Sheet::default() };
/// let row: PriceRow = handle.set_price(about.clone(), sheet).await?;
/// assert_eq!(handle.price("openai", "our-finetune").map(|price| price.version), Some(row.version()));
///
/// // A row is never changed: another one takes its place, and calls that were booked keep what they cost until somebody
/// // rates them again.
/// handle.remove_price(about).await?;
/// assert_eq!(handle.price_history("our-finetune").await?.len(), 2);
/// let (from, to) = (Timestamp::from_millis(0), SystemClock.now());
/// let wanted = ReRate { from, to, model: None, who: "ada".into(), note: "a trial".into(), dry_run: true };
/// let ReRated { calls, adjusted, .. } = handle.re_rate(wanted).await?;
/// assert_eq!((calls, adjusted), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceNote {
    /// Only for this provider. `None`: for all.
    pub provider: Option<String>,
    /// The model.
    pub model: String,
    /// Since when it holds. `None`: from now on.
    pub valid_from: Option<Timestamp>,
    /// Who writes it.
    pub who: String,
    /// Why, in words.
    pub note: String,
}

/// What a list changes, or would change.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     handle::{PriceChange, PriceChanges, PriceNote},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let list = r#"{"our-model": {"mode": "chat", "litellm_provider": "openai",
///     "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}"#;
/// let note = PriceNote { provider: None, model: String::new(), valid_from: None, who: "ada".into(), note: String::new() };
/// let changes: PriceChanges = pool.handle().import_prices(list, note, true).await?;
/// let added: Vec<&str> = changes.added.iter().map(|change: &PriceChange| change.model.as_str()).collect();
/// assert_eq!(added, ["our-model"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceChanges {
    /// Models that had no price in any list.
    pub added: Vec<PriceChange>,
    /// Models whose price was another.
    pub changed: Vec<PriceChange>,
    /// How many have the price that they had.
    pub unchanged: usize,
    /// Rows that could not be read, and why. The others are taken all the same.
    pub wrong: Vec<String>,
}

/// One price of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceChange {
    /// Whose price it is.
    pub family: String,
    /// The model.
    pub model: String,
    /// What was listed before.
    pub before: Option<Price>,
    /// What is listed now.
    pub after: Price,
}

/// Prices.
impl Handle {
    /// Takes up what was written down since it was done last.
    pub(super) async fn take_up_prices(&self) -> Result<Arc<Prices>, StoreError> {
        let known = self.0.prices.load_full();
        let rows = self.0.store.prices(known.until).await?;
        if rows.is_empty() {
            return Ok(known);
        }
        let prices = Arc::new(known.with(&rows));
        self.0.prices.store(prices.clone());
        Ok(prices)
    }

    /// Every price that was ever written for `model` by this name, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn price_history(&self, model: &str) -> Result<Vec<PriceRow>, StoreError> {
        let model = model.to_lowercase();
        let is_named = |row: &PriceRow| {
            let names = std::iter::once(&row.spec.model).chain(&row.spec.aliases);
            names.into_iter().any(|name| name.to_lowercase() == model)
        };
        let rows = self.0.store.prices(None).await?;
        Ok(rows.into_iter().rev().filter(is_named).collect())
    }

    /// The prices as they are now.
    #[must_use]
    pub fn prices(&self) -> Arc<PriceBook> {
        self.0.prices.load().book.clone()
    }

    /// Writes a price of the operator's own, which goes before those of lists. What was priced before keeps its price.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field.
    pub async fn set_price(&self, note: PriceNote, sheet: Sheet) -> Result<PriceRow, ChangeError> {
        sheet.price("").map_err(|error| invalid("price", format!("`{}`: {error}", error.field())))?;
        self.write_price(note, Some(sheet)).await
    }

    /// Takes the operator's own price of a model back, so that lists hold again.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`] when there is none.
    pub async fn remove_price(&self, note: PriceNote) -> Result<PriceRow, ChangeError> {
        let spec = self.price_spec(note, None)?;
        let rows = self.0.store.prices(None).await?;
        let last = rows.iter().rfind(|row| row.is_about_the_same(&spec));
        if last.is_none_or(|row| row.spec.sheet.is_none()) {
            return Err(ChangeError::NotFound);
        }
        self.add_prices(vec![spec]).await?.pop().ok_or(ChangeError::NotFound)
    }

    async fn write_price(&self, note: PriceNote, sheet: Option<Sheet>) -> Result<PriceRow, ChangeError> {
        let spec = self.price_spec(note, sheet)?;
        self.add_prices(vec![spec]).await?.pop().ok_or(ChangeError::NotFound)
    }

    fn price_spec(&self, note: PriceNote, sheet: Option<Sheet>) -> Result<PriceSpec, ChangeError> {
        let PriceNote { provider, model, valid_from, who, note } = note;
        let length = model.chars().count();
        if model.trim().is_empty() || length > MODEL_MAX || model.chars().any(char::is_control) {
            return Err(invalid("model", format!("a model's name has 1 to {MODEL_MAX} characters")));
        }
        if let Some(id) = provider.as_deref().filter(|id| self.provider(id).is_none()) {
            return Err(invalid("provider", format!("there is no provider `{id}`")));
        }
        if note.chars().count() > NOTE_MAX {
            return Err(invalid("note", format!("a note has at most {NOTE_MAX} characters")));
        }
        let valid_from = valid_from.unwrap_or_else(|| self.now());
        let (origin, aliases, source) = (Origin::Own, Vec::new(), "admin".to_owned());
        Ok(PriceSpec { origin, provider, model, aliases, valid_from, sheet, source, who, note })
    }

    /// Takes a price list, of the shape of our own or of LiteLLM's: what differs from the lists before is written down
    /// and holds from now on, or from `valid_from` on. Prices of the operator's own stay before it, and what is not in it
    /// stays as it is. `dry_run`: only says what would change.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] when it is no price list, [`ChangeError::Unavailable`].
    pub async fn import_prices(&self, list: &str, note: PriceNote, dry_run: bool) -> Result<PriceChanges, ChangeError> {
        let List { date, rows } = read_list(list).map_err(|error| invalid("file", told(&error)))?;
        let from = note.valid_from.unwrap_or_else(|| self.now());
        let book = self.0.prices.load().book.clone();
        let source = if date.is_empty() { "litellm".to_owned() } else { format!("list:{date}") };
        let (mut changes, mut specs, mut seen) = (PriceChanges::default(), Vec::new(), HashSet::new());
        for row in rows {
            match row.map_err(|error| told(&error)).and_then(|row| priced(row, &source)) {
                // Of two rows for the same model the first holds.
                Ok((row, _)) if !seen.insert((row.family.clone(), row.id.to_lowercase())) => {}
                Ok((row, after)) => {
                    let before = book.listed(&row.family, &row.id, from).cloned();
                    if changes.count(&row, before, after) {
                        specs.push(listed(row, &source, from, &note));
                    }
                }
                Err(why) => changes.wrong.push(why),
            }
        }
        if !dry_run && !specs.is_empty() {
            self.add_prices(specs).await?;
        }
        Ok(changes)
    }

    async fn add_prices(&self, specs: Vec<PriceSpec>) -> Result<Vec<PriceRow>, ChangeError> {
        self.change(self.0.store.add_prices(specs, self.now())).await
    }
}

impl PriceChanges {
    /// Counts a row, and says whether it changes anything.
    fn count(&mut self, row: &ListRow, before: Option<Price>, after: Price) -> bool {
        let kind = match &before {
            Some(before) if before.is_as(&after) => {
                self.unchanged += 1;
                return false;
            }
            Some(_) => &mut self.changed,
            None => &mut self.added,
        };
        kind.push(PriceChange { family: row.family.clone(), model: row.id.clone(), before, after });
        true
    }
}

fn priced(row: ListRow, source: &str) -> Result<(ListRow, Price), String> {
    let price = row.sheet.price(source).map_err(|error| format!("{}: {error}", row.id))?;
    Ok((row, price))
}

fn listed(row: ListRow, source: &str, valid_from: Timestamp, note: &PriceNote) -> PriceSpec {
    PriceSpec {
        origin: Origin::List,
        provider: Some(row.family),
        model: row.id,
        aliases: row.aliases,
        valid_from,
        sheet: Some(row.sheet),
        source: source.to_owned(),
        who: note.who.clone(),
        note: note.note.clone(),
    }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn invalid(field: &'static str, message: String) -> ChangeError {
    ChangeError::Invalid { field, message }
}
