//! Tables for spreadsheets: comma-separated, and no cell is taken for a formula.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header};

use super::Problem;

/// A whole table as an answer.
pub(crate) fn csv_text(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<Response, Problem> {
    let mut bytes = csv_row(head.iter().map(|cell| (*cell).to_owned())).map_err(|error| Problem::broken(&error))?;
    for row in rows {
        bytes.extend(csv_row(row.into_iter()).map_err(|error| Problem::broken(&error))?);
    }
    Ok(csv_answer(Body::from(bytes)))
}

/// An answer that is a table.
pub(crate) fn csv_answer(body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    response
}

/// One row, with its end.
pub(crate) fn csv_row(cells: impl Iterator<Item = String>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells.map(inert))?;
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// Rows as bytes of an answer.
pub(crate) fn csv_rows(rows: impl Iterator<Item = Vec<String>>) -> Result<Bytes, csv::Error> {
    rows.map(|row| csv_row(row.into_iter())).collect::<Result<Vec<_>, _>>().map(|rows| rows.concat().into())
}

/// A spreadsheet runs what begins like this.
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']) && text.parse::<f64>().is_err()
}

/// The apostrophe tells a spreadsheet that a text follows.
fn inert(cell: String) -> String {
    if is_formula(&cell) { format!("'{cell}") } else { cell }
}

/// What a cell of ours said before it was made [`inert`].
pub(super) fn restored(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, expected: &str) {
        let row = csv_row([cell.to_owned(), "x".into()].into_iter()).unwrap();
        assert_eq!(String::from_utf8(row).unwrap(), format!("{expected},x\r\n"), "{cell:?}");
        assert_eq!(restored(&inert(cell.to_owned())), cell, "{cell:?}");
    }

    #[test]
    fn no_cell_is_a_formula_and_every_cell_is_one_cell() {
        check("=1+1", "'=1+1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("-2+3", "'-2+3");
        check("-5", "-5");
        check("\tx", "'\tx");
        check("\0=x", "'\0=x");
        check("=\"a\",b", "\"'=\"\"a\"\",b\"");
        check("a\nb", "\"a\nb\"");
        check("it's", "it's");
        check("", "");
    }
}
