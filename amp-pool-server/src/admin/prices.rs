//! `/api/prices`: price lists that an operator brings, and what calls cost by the prices of now.

use amp_pool_core::{
    handle::{Handle, PriceChange, PriceChanges, PriceNote, ReRate, ReRated},
    money::NanoUsd,
    price::Listed,
    time::{Clock as _, SystemClock, Timestamp},
};
use axum::{
    Json,
    body::Body,
    extract::{FromRequest, State},
};
use http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    List, Problem,
    input::{Input, Params, Upload, given, optional},
    models::PriceOut,
    page::PageParams,
};
use crate::{
    access::{Jot, Who},
    openapi::{Operation, Part, Schemas},
};

/// A price that holds now.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ListedPrice")]
pub(crate) struct PriceListOut {
    model: String,
    /// `null`: for all providers.
    provider: Option<String>,
    /// `own` goes before `list`.
    origin: &'static str,
    price: PriceOut,
}

/// Every price that holds now, also of models that nobody serves here.
pub(crate) async fn list(
    State(handle): State<Handle>,
    Params(params): Params<PageParams>,
) -> Result<Json<List<PriceListOut>>, Problem> {
    let book = handle.prices();
    let written = |listed: &Listed<'_>| PriceListOut {
        model: listed.model.to_owned(),
        provider: listed.provider.map(str::to_owned),
        origin: listed.origin.as_str(),
        price: listed.price.clone().into(),
    };
    // In the order of the book: one's own before the list's.
    let place = |listed: &PriceListOut| (listed.origin != "own", listed.model.clone(), listed.provider.clone());
    let mut prices: Vec<_> = book.in_force(SystemClock.now()).iter().map(written).collect();
    prices.sort_by_key(place);
    Ok(Json(params.page(prices, place)?))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportParams {
    /// Only say what would change.
    #[schemars(with = "bool")]
    dry_run: Option<String>,
    /// Since when it holds. Left out: from now on.
    #[schemars(with = "Timestamp")]
    valid_from: Option<String>,
    /// Why, in words.
    note: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceImport")]
pub(crate) struct ImportOut {
    dry_run: bool,
    added: Vec<ChangeOut>,
    changed: Vec<ChangeOut>,
    unchanged: usize,
    /// Rows that could not be read, and why. The others were taken all the same.
    wrong: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceChange")]
struct ChangeOut {
    provider: String,
    model: String,
    before: Option<PriceOut>,
    after: PriceOut,
}

impl From<PriceChange> for ChangeOut {
    fn from(PriceChange { family, model, before, after }: PriceChange) -> Self {
        Self { provider: family, model, before: before.map(Into::into), after: after.into() }
    }
}

/// A price list as it lies in a file.
pub(crate) struct ListFile {
    text: String,
    jot: Jot,
}

impl<S: Sync> FromRequest<S> for ListFile {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let Upload { kind, body, jot } = Upload::from_request(request, state).await?;
        if kind != "application/json" {
            return Err(Problem::field("file", "a price list comes as `application/json`"));
        }
        Ok(Self { text: utf8(body.into())?, jot })
    }
}

fn utf8(body: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(body).map_err(|_| Problem::field("file", "a price list is UTF-8"))
}

impl Part for ListFile {
    fn tell(_: &mut Schemas, operation: &mut Operation) {
        operation.takes_body(&json!({ "application/json": { "schema": { "type": "object" } } }));
    }
}

/// Takes a file, as it is, of the shape of our own list or of LiteLLM's.
pub(crate) async fn import(
    State(handle): State<Handle>,
    who: Who,
    Params(params): Params<ImportParams>,
    ListFile { text: list, jot }: ListFile,
) -> Result<Json<ImportOut>, Problem> {
    let dry_run = optional::<bool>("dry_run", params.dry_run)?.unwrap_or(false);
    let note = PriceNote {
        provider: None,
        model: String::new(),
        valid_from: optional::<Timestamp>("valid_from", params.valid_from)?,
        who: who.name,
        note: params.note.unwrap_or_default(),
    };
    let PriceChanges { added, changed, unchanged, wrong } = handle.import_prices(&list, note, dry_run).await?;
    jot.tell("dry_run", dry_run);
    jot.tell("added", added.len());
    jot.tell("changed", changed.len());
    let written = |changes: Vec<PriceChange>| changes.into_iter().map(Into::into).collect();
    Ok(Json(ImportOut { dry_run, added: written(added), changed: written(changed), unchanged, wrong }))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReRateInput {
    #[serde(deserialize_with = "given")]
    from: Option<Timestamp>,
    #[serde(deserialize_with = "given")]
    to: Option<Timestamp>,
    /// As clients wrote it. `null`: all models.
    model: Option<String>,
    #[serde(deserialize_with = "given")]
    dry_run: Option<bool>,
    #[serde(deserialize_with = "given")]
    note: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReRated")]
pub(crate) struct ReRateOut {
    dry_run: bool,
    /// Calls that were looked at.
    calls: u64,
    /// Those whose cost is another now.
    adjusted: u64,
    became_known: u64,
    still_unknown: u64,
    /// What the adjusted ones cost by the books, as far as that was known.
    before: NanoUsd,
    after: NanoUsd,
}

impl ReRateInput {
    fn by(self, who: String) -> Result<ReRate, Problem> {
        Ok(ReRate {
            from: self.from.ok_or_else(|| Problem::missing("from"))?,
            to: self.to.ok_or_else(|| Problem::missing("to"))?,
            model: self.model,
            dry_run: self.dry_run.unwrap_or(false),
            who,
            note: self.note.unwrap_or_default(),
        })
    }
}

/// Rates calls again by the prices of now. Records stay as they are.
pub(crate) async fn re_rate(
    State(handle): State<Handle>,
    who: Who,
    Input(input): Input<ReRateInput>,
) -> Result<Json<ReRateOut>, Problem> {
    let wanted = input.by(who.name)?;
    let dry_run = wanted.dry_run;
    let ReRated { calls, adjusted, became_known, still_unknown, before, after } = handle.re_rate(wanted).await?;
    Ok(Json(ReRateOut { dry_run, calls, adjusted, became_known, still_unknown, before, after }))
}

/// A list is taken as far as it can be read; here it has to be read as a whole.
#[cfg(test)]
pub(super) fn read_list(body: &[u8]) -> Result<(), Problem> {
    let list = amp_pool_core::price::read_list(&utf8(body.to_vec())?);
    let list = list.map_err(|error| Problem::field("file", error.to_string()))?;
    list.rows.into_iter().try_for_each(|row| {
        let row = row.map_err(|error| Problem::field("file", error.to_string()))?;
        row.sheet.price("").map(drop).map_err(|error| Problem::field("file", error.to_string()))
    })
}

#[cfg(test)]
pub(super) fn read_re_rate(body: &[u8]) -> Result<(), Problem> {
    super::input::parse::<ReRateInput>(body)?.by("ada".into()).map(drop)
}
