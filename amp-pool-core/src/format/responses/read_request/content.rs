//! Parts of messages and of outputs.

use crate::format::{
    Reject,
    canonical::{Audio, CacheMark, Document, Image, Json, Part, Phase, Source, Text},
    responses::{annotation, fields::Fields},
    transcode::data_url,
};

/// What stands in the member `name`: a text, or a list of parts. Absent: nothing.
pub(super) fn parts(item: &mut Fields, name: &str) -> Result<Vec<Part>, Reject> {
    let Some(content) = item.take(name) else { return Ok(Vec::new()) };
    if let Some(text) = content.as_text() {
        return Ok(vec![Text::new(text).into()]);
    }
    let parts: Vec<Json> =
        serde_json::from_str(content.get()).map_err(|_| item.wrong(name, "is neither text nor a list of parts"))?;
    let path = item.at(name);
    parts.iter().enumerate().map(|(at, part)| read(Fields::of(format!("{path}[{at}]"), part)?)).collect()
}

/// Whether a message of the model speaks on the way. A phase that is not known says nothing.
pub(super) fn phase(item: &mut Fields) -> Result<Option<Phase>, Reject> {
    Ok(match item.text("phase")?.as_deref() {
        Some("commentary") => Some(Phase::Commentary),
        Some("final_answer") => Some(Phase::FinalAnswer),
        _ => None,
    })
}

fn read(mut part: Fields) -> Result<Part, Reject> {
    match part.needed("type")?.as_str() {
        "input_text" | "output_text" | "text" => text(&mut part),
        "refusal" => Ok(Part::Refusal(part.text("refusal")?.unwrap_or_default())),
        "input_image" => image(&mut part),
        "input_file" => file(&mut part),
        "input_audio" => audio(&mut part),
        other => {
            let path = part.at("type");
            Err(Reject::unsupported(path, format!("parts of type `{other}` can not be translated")))
        }
    }
}

fn text(part: &mut Fields) -> Result<Part, Reject> {
    let cache = mark(part);
    let citations = part.list("annotations")?.iter().filter_map(annotation::read).collect();
    let logprobs = part.take("logprobs").filter(|list| list.compact() != "[]");
    let text = part.text("text")?.unwrap_or_default();
    Ok(Text { text, citations, logprobs, cache, phase: None }.into())
}

/// Breakpoints have no length of their own.
fn mark(part: &mut Fields) -> Option<CacheMark> {
    part.take("prompt_cache_breakpoint").filter(|mark| mark.get() != "false").map(|_| CacheMark::Short)
}

fn image(part: &mut Fields) -> Result<Part, Reject> {
    let detail = part.text("detail")?;
    let source = match (part.text("image_url")?, part.text("file_id")?) {
        (Some(address), _) => Source::of_address(&address),
        (None, Some(id)) => Source::File(id),
        (None, None) => return Err(part.wrong("image_url", "is missing")),
    };
    Ok(Part::Image(Image { source, detail, cache: mark(part) }))
}

fn file(part: &mut Fields) -> Result<Part, Reject> {
    let source = match (part.text("file_data")?, part.text("file_url")?, part.text("file_id")?) {
        (Some(data), ..) => of_data(&data),
        (None, Some(address), _) => Source::of_file(&address),
        (None, None, Some(id)) => Source::File(id),
        (None, None, None) => return Err(part.wrong("file_data", "is missing")),
    };
    let (title, cache) = (part.text("filename")?, mark(part));
    Ok(Part::Document(Document { source, title, context: None, citations: false, cache }))
}

/// Data without a `data:` before it is taken for a PDF, as the provider does.
fn of_data(data: &str) -> Source {
    match Source::of_file(data) {
        Source::Url(data) => Source::of_file(&data_url("application/pdf", &data)),
        source => source,
    }
}

/// The sound stands in the part, or in an object of the same name as in Chat.
fn audio(part: &mut Fields) -> Result<Part, Reject> {
    let mut inner = part.object("input_audio")?;
    let sound = inner.as_mut().unwrap_or(part);
    Ok(Part::Audio(Audio { data: sound.needed("data")?, format: sound.needed("format")? }))
}
