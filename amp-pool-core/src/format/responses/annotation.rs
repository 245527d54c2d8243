//! Annotations of a text: where it is from.

use serde::{Deserialize, Serialize};

use crate::format::{
    canonical::{Citation, Json},
    loose::{Loose, Text},
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Annotation<'a> {
    #[serde(borrow)]
    url: Loose<Text<'a>>,
    #[serde(borrow)]
    title: Loose<Text<'a>>,
    #[serde(borrow)]
    filename: Loose<Text<'a>>,
    start_index: Loose<u64>,
    end_index: Loose<u64>,
}

/// Reads an annotation. `None` when it names nothing that could be shown.
pub(super) fn read(json: &str) -> Option<Citation> {
    if !json.starts_with('{') {
        return None;
    }
    let annotation: Annotation<'_> = serde_json::from_str(json).ok()?;
    let text = |text: Loose<Text<'_>>| text.0.map(|text| text.0.into_owned()).filter(|text| !text.is_empty());
    let (url, title) = (text(annotation.url), text(annotation.title).or(text(annotation.filename)));
    let span = annotation.start_index.0.zip(annotation.end_index.0).filter(|(start, end)| start <= end);
    (url.is_some() || title.is_some()).then_some(Citation { url, title, quote: None, span })
}

#[derive(Serialize)]
struct UrlCitation<'a> {
    r#type: &'static str,
    start_index: u64,
    end_index: u64,
    url: &'a str,
    title: &'a str,
}

/// Writes a citation in a text of `length` characters. `None` without an address: the format has annotations of its own
/// files and of the web only.
pub(super) fn write(citation: &Citation, length: u64) -> Option<Json> {
    let (start_index, end_index) = citation.span.unwrap_or((0, length));
    let title = citation.title.as_deref().unwrap_or_default();
    let url = citation.url.as_deref()?;
    Some(Json::of(&UrlCitation { r#type: "url_citation", start_index, end_index, url, title }))
}
