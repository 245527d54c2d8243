//! The parts of a Chat message's content.

use crate::format::{
    Losses, Reject,
    canonical::{Audio, CacheMark, Document, Image, Part, Source, Text},
    tree::{Object, Value},
};

/// Reads `content`: a text, or a list of parts.
pub(super) fn content(content: Value<'_>, losses: &mut Losses) -> Result<Vec<Part>, Reject> {
    if let Some(text) = content.as_text() {
        return Ok(vec![Text::new(text).into()]);
    }
    content.objects()?.map(|object| part(object?, losses)).collect()
}

fn part(part: Object<'_>, losses: &mut Losses) -> Result<Part, Reject> {
    let kind = part.take("type").and_then(Value::as_text).unwrap_or_default();
    let cache = mark(part);
    let read = match &*kind {
        "text" => Part::Text(Text { cache, ..Text::new(part.need_text(&kind)?) }),
        "refusal" => Part::Refusal(part.need_text(&kind)?),
        "image_url" => Part::Image(Image { cache, ..image(part.need(&kind)?)? }),
        "input_audio" => Part::Audio(audio(part.need(&kind)?.object()?)?),
        "file" => Part::Document(Document { cache, ..file(part.need(&kind)?.object()?)? }),
        kind => {
            return Err(Reject::field(part.path_of("type"), format!("`{kind}` is no part that is known here")));
        }
    };
    for member in part.rest() {
        losses.dropped(format!("messages[].content[].{}", member.name()), "")?;
    }
    Ok(read)
}

/// Takes the mark of what is worth caching: OpenAI's own, or the one of servers that took it over from Messages.
fn mark(part: Object<'_>) -> Option<CacheMark> {
    let own = part.take("prompt_cache_breakpoint").map(|_| CacheMark::Short);
    own.or(part.take("cache_control").and_then(cache_mark))
}

/// Reads a `cache_control`.
pub(super) fn cache_mark(mark: Value<'_>) -> Option<CacheMark> {
    let is_hour = mark.member("ttl").is_some_and(|ttl| ttl.says("1h"));
    mark.is_object().then_some(if is_hour { CacheMark::Hour } else { CacheMark::Short })
}

/// An image. Some clients write its address without the object around it.
fn image(value: Value<'_>) -> Result<Image, Reject> {
    if let Some(address) = value.as_text() {
        return Ok(Image { source: Source::of_address(&address), detail: None, cache: None });
    }
    let image = value.object()?;
    let source = Source::of_address(&image.need_word("url")?);
    Ok(Image { source, detail: image.text("detail")?, cache: None })
}

fn audio(audio: Object<'_>) -> Result<Audio, Reject> {
    Ok(Audio { data: audio.need_text("data")?, format: audio.need_text("format")? })
}

fn file(file: Object<'_>) -> Result<Document, Reject> {
    if file.take("file_id").is_some() {
        let why = "a file id means nothing to another provider; send the file itself";
        return Err(Reject::unsupported(file.path_of("file_id"), why));
    }
    let source = Source::of_file(&file.need_word("file_data")?);
    if matches!(&source, Source::Url(address) if !address.contains("://")) {
        return Err(file.wrong("file_data", "must be a `data:` address with base64"));
    }
    Ok(Document { source, title: file.text("filename")?, context: None, citations: false, cache: None })
}
