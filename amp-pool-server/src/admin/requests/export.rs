//! `GET /api/requests/export`: the log as a table, sent as it is read, so that its length costs no memory.

use amp_pool_core::handle::Handle;
use axum::{body::Body, extract::State};
use futures::stream;
use http::{HeaderValue, header};

use super::{
    super::table::{csv_answer, csv_row, csv_rows},
    FilterParams, Params, Problem, RequestOut, Wish, search,
};
use crate::openapi::{As, Csv};
use amp_pool_core::store::Page;

/// Rows that are read at once.
const STEP: u32 = 1_000;

const HEAD: [&str; 27] = [
    "id",
    "create_time",
    "call_id",
    "key_id",
    "token_id",
    "provider",
    "model",
    "upstream_model",
    "format",
    "upstream_format",
    "endpoint",
    "stream",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost",
    "latency_ms",
    "first_byte_ms",
    "attempts",
    "status",
    "outcome",
    "http_status_code",
    "error_type",
    "error_message",
    "adjusted_cost",
];

struct Export {
    handle: Handle,
    wish: Wish,
    /// Where to go on. `None`: nothing is left.
    before: Option<Option<i64>>,
}

/// All rows that fit, newest first.
pub(crate) async fn export(
    State(handle): State<Handle>,
    Params(params): Params<FilterParams>,
) -> Result<As<Csv>, Problem> {
    let export = Export { handle, wish: params.wish()?, before: Some(None) };
    let head = csv_row(HEAD.iter().map(|cell| (*cell).to_owned())).map_err(|error| Problem::broken(&error))?;
    let rows = stream::unfold(export, next);
    let all = futures::StreamExt::chain(stream::iter([Ok(bytes::Bytes::from(head))]), rows);
    let mut response = csv_answer(Body::from_stream(all));
    let name = HeaderValue::from_static("attachment; filename=\"requests.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(As::new(response))
}

type Piece = Result<bytes::Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A failure breaks the answer off, so that nobody takes half of it for the whole.
async fn next(mut export: Export) -> Option<(Piece, Export)> {
    let before = export.before.take()?;
    let page = Page { before, limit: STEP };
    let found = match search::page(&export.handle, &export.wish, page).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!("an export breaks off: {error}");
            return Some((Err(error.into()), export));
        }
    };
    export.before = found.next.map(Some);
    let rows = csv_rows(found.rows.into_iter().map(|row| cells(&row.into())));
    Some((rows.map_err(Into::into), export))
}

fn cells(row: &RequestOut) -> Vec<String> {
    fn text<T: ToString>(value: Option<&T>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    vec![
        row.id.to_string(),
        row.create_time.to_string(),
        row.call_id.to_string(),
        text(row.key_id.as_ref()),
        text(row.token_id.as_ref()),
        text(row.provider.as_ref()),
        row.model.clone(),
        text(row.upstream_model.as_ref()),
        row.format.clone(),
        text(row.upstream_format.as_ref()),
        row.endpoint.clone(),
        row.stream.to_string(),
        row.tokens.input_tokens.to_string(),
        row.tokens.output_tokens.to_string(),
        row.tokens.total_tokens.to_string(),
        row.tokens.cache_read_tokens.to_string(),
        row.tokens.cache_write_tokens.to_string(),
        text(row.cost.as_ref()),
        text(row.latency_ms.as_ref()),
        text(row.first_byte_ms.as_ref()),
        row.attempts.to_string(),
        row.status.to_owned(),
        text(row.outcome.as_ref()),
        text(row.http_status_code.as_ref()),
        text(row.error_type.as_ref()),
        text(row.error_message.as_ref()),
        text(row.adjusted_cost.as_ref()),
    ]
}
