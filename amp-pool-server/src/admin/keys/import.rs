//! `POST /api/keys/import`: many keys from what people have at hand, with a report for each line.

mod lines;

use std::collections::HashMap;

use amp_pool_core::{
    handle::{ChangeError, Handle},
    id::KeyId,
    keys::KeySpec,
};
use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use serde_json::json;

use super::{
    super::input::{Params, Upload, optional},
    KeyInput, Problem,
};
use crate::openapi::{LineOutcome, Operation, Part, Schemas};
use lines::Line;

pub(crate) use lines::Shape;

/// What holds for all keys that say nothing else.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ImportParams {
    /// Of those that name none and cannot be told by their credential.
    provider: Option<String>,
    /// Given to each, with commas between.
    tags: Option<String>,
    /// Whether those that do not say are switched on.
    #[schemars(with = "bool")]
    enabled: Option<String>,
    /// Whether it is only told what would become of each.
    #[schemars(with = "bool")]
    dry_run: Option<String>,
}

/// What became of an import.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Import")]
pub(crate) struct ImportOut {
    dry_run: bool,
    added: usize,
    duplicates: usize,
    invalid: usize,
    lines: Vec<LineOut>,
}

/// What became of one key. A credential is never shown.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ImportLine")]
pub(crate) struct LineOut {
    /// From 1: the line of a text, the row of a table, the place in a list.
    line: usize,
    #[schemars(with = "LineOutcome")]
    outcome: &'static str,
    name: Option<String>,
    api_key_hint: Option<String>,
    /// The key it became, or the one that has its credential.
    key_id: Option<KeyId>,
    /// The line that has the same credential.
    same_as_line: Option<usize>,
    field: Option<String>,
    message: Option<String>,
}

/// Nothing but keys comes in this way.
impl Part for Upload {
    fn tell(schemas: &mut Schemas, operation: &mut Operation) {
        let text = json!({ "type": "string" });
        let keys = json!({ "type": "array", "items": { "anyOf": [schemas.read::<KeyInput>(), text] } });
        let named = json!({ "type": "object", "required": ["keys"], "properties": { "keys": keys } });
        operation.takes_body(&json!({
            "application/json": { "schema": { "anyOf": [keys, named] } },
            "text/csv": { "schema": text },
            "text/plain": { "schema": text },
        }));
    }
}

/// Takes `text/plain` (a key a line, with a name and a proxy where they are known), `text/csv` (with the fields of a key as
/// its head), or `application/json` (a list of keys).
pub(crate) async fn import(
    State(handle): State<Handle>,
    Params(params): Params<ImportParams>,
    Upload { kind, body, jot }: Upload,
) -> Result<Json<ImportOut>, Problem> {
    let dry_run = optional::<bool>("dry_run", params.dry_run.clone())?.unwrap_or_default();
    let shape = Shape::of_content_type(&kind)?;
    let found = read_keys(shape, &body, &Defaults::of(params)?)?;
    jot.tell("format", shape.as_str());
    // Goes on when the client hangs up: half an import would be in the store and not in force.
    let report = tokio::spawn(async move { Report::make(&handle, found, dry_run).await }).await;
    let report = report.map_err(|error| Problem::broken(&error))??;
    for (name, count) in [("added", report.added), ("duplicates", report.duplicates), ("invalid", report.invalid)] {
        jot.tell(name, count);
    }
    Ok(Json(report))
}

/// The same without a request: what became of the keys, in words.
pub(crate) async fn import_file(
    handle: &Handle,
    shape: Shape,
    body: &[u8],
    provider: Option<String>,
    dry_run: bool,
) -> Result<String, String> {
    let said = |problem: Problem| problem.into_parts().1;
    let defaults = Defaults { provider, ..Defaults::default() };
    let found = read_keys(shape, body, &defaults).map_err(said)?;
    Ok(Report::make(handle, found, dry_run).await.map_err(said)?.summary())
}

/// What an import gives for all keys.
#[derive(Default)]
struct Defaults {
    provider: Option<String>,
    tags: Vec<String>,
    enabled: Option<bool>,
}

impl Defaults {
    fn of(params: ImportParams) -> Result<Self, Problem> {
        let tags = params.tags.unwrap_or_default();
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        let provider = params.provider.filter(|provider| !provider.is_empty());
        Ok(Self { provider, tags, enabled: optional("enabled", params.enabled)? })
    }
}

/// A key that was read, or why it could not be.
struct Found {
    line: usize,
    spec: Result<KeySpec, Problem>,
}

/// Reads keys of what people have at hand.
fn read_keys(shape: Shape, body: &[u8], defaults: &Defaults) -> Result<Vec<Found>, Problem> {
    let Defaults { provider, tags, enabled } = defaults;
    let spec = |Line { line, input }: Line| {
        let input = input.map(|input| input.with_defaults(provider.as_deref(), tags, *enabled));
        Found { line, spec: input.and_then(super::KeyInput::into_new) }
    };
    Ok(lines::read(shape, body)?.into_iter().map(spec).collect())
}

type Report = ImportOut;

impl Report {
    /// Adds what was found, or only says what would become of it.
    async fn make(handle: &Handle, found: Vec<Found>, dry_run: bool) -> Result<Self, Problem> {
        let mut known = Known::of(handle);
        let mut lines = Vec::with_capacity(found.len());
        let mut fresh = Vec::new();
        for Found { line, spec } in found {
            match spec {
                Ok(spec) => {
                    let out = known.judge(line, &spec);
                    if out.outcome == ADDED {
                        fresh.push((lines.len(), spec));
                    }
                    lines.push(out);
                }
                Err(problem) => lines.push(LineOut::invalid(line, problem)),
            }
        }
        let (places, specs): (Vec<usize>, Vec<KeySpec>) = fresh.into_iter().unzip();
        let results: Vec<Result<Option<KeyId>, ChangeError>> = if dry_run {
            handle.check_keys(&specs).into_iter().map(|checked| checked.map(|()| None)).collect()
        } else {
            handle.add_keys(specs).await?.into_iter().map(|added| added.map(Some)).collect()
        };
        for (place, result) in places.into_iter().zip(results) {
            if let Some(line) = lines.get_mut(place) {
                line.settle(result);
            }
        }
        let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
        Ok(Self { dry_run, added: count(ADDED), duplicates: count(DUPLICATE), invalid: count(INVALID), lines })
    }

    /// How many were added, were there already, and could not be added; and the lines of the last.
    fn summary(&self) -> String {
        let mut text = format!("{} added, {} duplicates, {} invalid\n", self.added, self.duplicates, self.invalid);
        for line in self.lines.iter().filter(|line| line.outcome == INVALID) {
            let message = line.message.as_deref().unwrap_or_default();
            text += &format!("line {}: {message}\n", line.line);
        }
        text
    }
}

const ADDED: &str = "added";
const DUPLICATE: &str = "duplicate";
const INVALID: &str = "invalid";

type Place = (String, Option<String>, String);

/// The credentials that are there, and those that came before in the same import.
struct Known {
    keys: HashMap<Place, KeyId>,
    lines: HashMap<Place, usize>,
}

impl Known {
    fn of(handle: &Handle) -> Self {
        let keys = handle.keys().into_iter().map(|view| (place(&view.key.spec), view.key.id)).collect();
        Self { keys, lines: HashMap::new() }
    }

    fn judge(&mut self, line: usize, spec: &KeySpec) -> LineOut {
        let place = place(spec);
        let key_id = self.keys.get(&place).copied();
        let same_as_line = self.lines.get(&place).copied();
        let fresh = key_id.is_none() && same_as_line.is_none();
        if fresh {
            self.lines.insert(place, line);
        }
        LineOut {
            line,
            outcome: if fresh { ADDED } else { DUPLICATE },
            name: Some(spec.name.clone()),
            api_key_hint: Some(spec.api_key.hint()),
            key_id,
            same_as_line,
            field: None,
            message: None,
        }
    }
}

fn place(spec: &KeySpec) -> Place {
    (spec.provider.clone(), spec.base_url.clone(), spec.api_key.expose().to_owned())
}

impl LineOut {
    fn invalid(line: usize, problem: Problem) -> Self {
        let (field, message) = problem.into_parts();
        let (name, api_key_hint, key_id, same_as_line) = (None, None, None, None);
        Self { line, outcome: INVALID, name, api_key_hint, key_id, same_as_line, field, message: Some(message) }
    }

    fn settle(&mut self, result: Result<Option<KeyId>, ChangeError>) {
        match result {
            Ok(id) => self.key_id = id,
            Err(ChangeError::Conflict { .. }) => self.outcome = DUPLICATE,
            Err(error) => {
                self.outcome = INVALID;
                let (field, message) = Problem::from(error).into_parts();
                (self.field, self.message) = (field, Some(message));
            }
        }
    }
}

#[cfg(test)]
fn read_as(shape: Shape, body: &[u8]) -> Result<(), Problem> {
    let defaults = Defaults { provider: Some("openai".into()), ..Defaults::default() };
    let found = read_keys(shape, body, &defaults)?;
    found.into_iter().try_for_each(|found| found.spec.map(drop))
}

#[cfg(test)]
pub(in crate::admin) fn read_list(body: &[u8]) -> Result<(), Problem> {
    read_as(Shape::Json, body)
}

#[cfg(test)]
pub(in crate::admin) fn read_table(body: &[u8]) -> Result<(), Problem> {
    read_as(Shape::Table, body)
}

#[cfg(test)]
pub(in crate::admin) fn read_text(body: &[u8]) -> Result<(), Problem> {
    read_as(Shape::Text, body)
}
