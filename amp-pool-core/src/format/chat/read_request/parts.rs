//! The parts of a Chat message's content.

use super::{object, read, take};
use crate::format::{
    Losses, Reject,
    canonical::{Audio, CacheMark, Document, Image, Json, Member, Part, Source, Text},
};

/// Reads `content`: a text, or a list of parts. `at` is its path.
pub(super) fn content(at: &str, content: &Json, losses: &mut Losses) -> Result<Vec<Part>, Reject> {
    if let Some(text) = content.as_text() {
        return Ok(vec![Text::new(text).into()]);
    }
    let parts: Vec<Json> = read(at, content)?;
    parts.iter().enumerate().map(|(index, json)| part(&format!("{at}[{index}]"), json, losses)).collect()
}

fn part(at: &str, part: &Json, losses: &mut Losses) -> Result<Part, Reject> {
    let mut members = object(at, part)?;
    let kind = take(&mut members, "type").and_then(|kind| kind.as_text()).unwrap_or_default();
    let cache = mark(&mut members);
    let value = take(&mut members, &kind);
    let value = value.ok_or_else(|| match &*kind {
        "text" | "refusal" | "image_url" | "input_audio" | "file" => {
            Reject::field(format!("{at}.{kind}"), format!("`{at}.{kind}` is missing"))
        }
        kind => unknown(at, kind),
    })?;
    for (name, _) in members {
        losses.dropped(format!("messages[].content[].{name}"), "")?;
    }
    Ok(match &*kind {
        "text" => Part::Text(Text { cache, ..Text::new(read::<String>(at, &value)?) }),
        "refusal" => Part::Refusal(read(at, &value)?),
        "image_url" => Part::Image(Image { cache, ..image(at, &value)? }),
        "input_audio" => Part::Audio(audio(at, &value)?),
        "file" => Part::Document(Document { cache, ..file(at, &value)? }),
        kind => return Err(unknown(at, kind)),
    })
}

fn unknown(at: &str, kind: &str) -> Reject {
    Reject::field(format!("{at}.type"), format!("`{kind}` is no part that is known here"))
}

/// Takes the mark of what is worth caching: OpenAI's own, or the one of servers that took it over from Messages.
fn mark(members: &mut Vec<Member>) -> Option<CacheMark> {
    let own = take(members, "prompt_cache_breakpoint").map(|_| CacheMark::Short);
    own.or(take(members, "cache_control").and_then(|mark| cache_mark(&mark)))
}

/// Reads a `cache_control`.
pub(super) fn cache_mark(mark: &Json) -> Option<CacheMark> {
    let mut members = mark.members()?;
    let is_hour = take(&mut members, "ttl").and_then(|ttl| ttl.as_text()).as_deref() == Some("1h");
    Some(if is_hour { CacheMark::Hour } else { CacheMark::Short })
}

/// An image. Some clients write its address without the object around it.
fn image(at: &str, value: &Json) -> Result<Image, Reject> {
    if let Some(address) = value.as_text() {
        return Ok(Image { source: Source::of_address(&address), detail: None, cache: None });
    }
    let mut members = object(at, value)?;
    let address = text(at, "image_url.url", take(&mut members, "url"))?;
    let detail = take(&mut members, "detail").map(|detail| read(at, &detail)).transpose()?;
    Ok(Image { source: Source::of_address(&address), detail, cache: None })
}

fn audio(at: &str, value: &Json) -> Result<Audio, Reject> {
    let mut members = object(at, value)?;
    let data = text(at, "input_audio.data", take(&mut members, "data"))?;
    Ok(Audio { data, format: text(at, "input_audio.format", take(&mut members, "format"))? })
}

fn file(at: &str, value: &Json) -> Result<Document, Reject> {
    let mut members = object(at, value)?;
    if take(&mut members, "file_id").is_some() {
        let why = "a file id means nothing to another provider; send the file itself";
        return Err(Reject::unsupported(format!("{at}.file.file_id"), why));
    }
    let address = text(at, "file.file_data", take(&mut members, "file_data"))?;
    let source = Source::of_address(&address);
    if matches!(&source, Source::Url(address) if !address.contains("://")) {
        return Err(Reject::field(format!("{at}.file.file_data"), "the file is not a `data:` address with base64"));
    }
    let title = take(&mut members, "filename").map(|name| read(at, &name)).transpose()?;
    Ok(Document { source, title, context: None, citations: false, cache: None })
}

fn text(at: &str, name: &str, value: Option<Json>) -> Result<String, Reject> {
    let at = format!("{at}.{name}");
    let value = value.ok_or_else(|| Reject::field(at.clone(), format!("`{at}` is missing")))?;
    read(&at, &value)
}
