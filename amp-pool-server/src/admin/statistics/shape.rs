//! Tables of sums, as JSON or for spreadsheets.

use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;
use serde_json::Value;

use super::{Span, TableOut};
use crate::{
    admin::{Problem, table::csv_text},
    openapi::{Operation, Part, Schemas},
};

/// Columns of sums, and where in a row they stand.
const SUMS: [(&str, &str); 23] = [
    ("requests", "/requests"),
    ("errors", "/errors"),
    ("input_tokens", "/input_tokens"),
    ("output_tokens", "/output_tokens"),
    ("total_tokens", "/total_tokens"),
    ("cache_read_tokens", "/cache_read_tokens"),
    ("cache_write_tokens", "/cache_write_tokens"),
    ("reasoning_tokens", "/reasoning_tokens"),
    ("cost", "/cost"),
    ("unpriced_requests", "/unpriced_requests"),
    ("cached_requests", "/cached_requests"),
    ("cache_hit_rate", "/cache_hit_rate"),
    ("cache_saved", "/cache_saved"),
    ("average_latency_ms", "/average_latency_ms"),
    ("latency_p50_ms", "/latency_ms/p50"),
    ("latency_p95_ms", "/latency_ms/p95"),
    ("latency_p99_ms", "/latency_ms/p99"),
    ("average_first_byte_ms", "/average_first_byte_ms"),
    ("first_byte_p50_ms", "/first_byte_ms/p50"),
    ("first_byte_p95_ms", "/first_byte_ms/p95"),
    ("first_byte_p99_ms", "/first_byte_ms/p99"),
    ("from", ""),
    ("to", ""),
];

/// Whether somebody wants a table for a spreadsheet: by `?format=csv`, or else by `Accept: text/csv`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    Csv,
}

impl<S: Sync> FromRequestParts<S> for Shape {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let accepted = parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wants_csv = accepted.flat_map(|list| list.split(',')).any(|kind| kind.trim().starts_with("text/csv"));
        Ok(if wants_csv { Self::Csv } else { Self::Json })
    }
}

/// The parameter that goes before it is told by who takes it.
impl Part for Shape {
    fn tell(_: &mut Schemas, _: &mut Operation) {}
}

impl Shape {
    /// The shape that a parameter names; without it, this one.
    pub(super) fn or(self, format: Option<&str>) -> Result<Self, Problem> {
        match format {
            None | Some("") => Ok(self),
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(Problem::field("format", "`format` is one of `json`, `csv`")),
        }
    }

    /// A table of which `names` stand before the sums. `file`: what a browser calls it.
    pub(super) fn answer<T: Serialize>(
        self,
        file: &'static str,
        names: &[&str],
        span: Span,
        items: Vec<T>,
    ) -> Result<Response, Problem> {
        if self == Self::Json {
            return Ok(Json(TableOut { span, items }).into_response());
        }
        let head: Vec<&str> = names.iter().copied().chain(SUMS.iter().map(|(column, _)| *column)).collect();
        let rows = items.iter().map(|item| serde_json::to_value(item).map(|row| cells(names, span, &row)));
        let rows = rows.collect::<Result<Vec<_>, _>>().map_err(|error| Problem::broken(&error))?;
        let mut response = csv_text(&head, rows.into_iter())?;
        if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{file}.csv\"")) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        }
        Ok(response)
    }
}

fn cells(names: &[&str], span: Span, row: &Value) -> Vec<String> {
    let named = names.iter().map(|name| text(row.get(*name)));
    let sums = SUMS.iter().map(|(column, place)| match *column {
        "from" => span.from.to_string(),
        "to" => span.to.to_string(),
        _ => text(row.pointer(place)),
    });
    named.chain(sums).collect()
}

/// Nothing for what is not known.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use amp_pool_core::{store::Totals, time::Timestamp};

    use super::{super::SumsOut, *};

    #[test]
    fn every_column_has_its_place_in_a_row() {
        let row = serde_json::to_value(SumsOut::from(&Totals::default())).unwrap();
        for (column, place) in SUMS.iter().filter(|(_, place)| !place.is_empty()) {
            assert!(row.pointer(place).is_some(), "{column}");
        }
        let span = Span { from: Timestamp::from_millis(0), to: Timestamp::from_millis(1) };
        assert_eq!(cells(&["model"], span, &row).len(), SUMS.len() + 1);
    }
}
