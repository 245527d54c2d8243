//! Parts of messages and of outputs.

use crate::format::{
    Losses, Reject,
    canonical::{Audio, CacheMark, Document, Image, Part, Phase, Source, Text},
    responses::annotation,
    transcode::data_url,
    tree::{Object, Value},
};

/// What stands in the member `name`: a text, or a list of parts. Absent: nothing.
pub(super) fn parts(item: Object<'_>, name: &str, losses: &mut Losses) -> Result<Vec<Part>, Reject> {
    let Some(content) = item.take(name) else { return Ok(Vec::new()) };
    if let Some(text) = content.as_text() {
        return Ok(vec![Text::new(text).into()]);
    }
    if !content.is_list() {
        return Err(content.wrong("is neither text nor a list of parts"));
    }
    content.objects()?.map(|part| whole(part?, losses)).collect()
}

/// Reads a part, and reports the members of it that nobody took.
fn whole(part: Object<'_>, losses: &mut Losses) -> Result<Part, Reject> {
    let read = read(part)?;
    for member in part.rest() {
        losses.dropped(format!("input[].content[].{}", member.name()), "")?;
    }
    Ok(read)
}

/// Whether a message of the model speaks on the way. A phase that is not known says nothing.
pub(super) fn phase(item: Object<'_>) -> Result<Option<Phase>, Reject> {
    Ok(match item.word("phase")?.as_deref() {
        Some("commentary") => Some(Phase::Commentary),
        Some("final_answer") => Some(Phase::FinalAnswer),
        _ => None,
    })
}

fn read(part: Object<'_>) -> Result<Part, Reject> {
    match &*part.need_word("type")? {
        "input_text" | "output_text" | "text" => text(part),
        "refusal" => Ok(Part::Refusal(part.text("refusal")?.unwrap_or_default())),
        "input_image" => image(part),
        "input_file" => file(part),
        "input_audio" => audio(part),
        other => {
            let path = part.path_of("type");
            Err(Reject::unsupported(path, format!("parts of type `{other}` can not be translated")))
        }
    }
}

fn text(part: Object<'_>) -> Result<Part, Reject> {
    let cache = mark(part);
    let annotations = part.take("annotations").map(Value::list).transpose()?;
    let citations = annotations.into_iter().flatten().filter_map(|one| annotation::read(one.raw())).collect();
    let logprobs = part.take("logprobs").filter(|list| !list.is_list() || list.children().next().is_some());
    let text = part.text("text")?.unwrap_or_default();
    Ok(Text { text, citations, logprobs: logprobs.map(Value::json), cache, phase: None }.into())
}

/// Breakpoints have no length of their own.
fn mark(part: Object<'_>) -> Option<CacheMark> {
    part.take("prompt_cache_breakpoint").filter(|mark| mark.raw() != "false").map(|_| CacheMark::Short)
}

fn image(part: Object<'_>) -> Result<Part, Reject> {
    let detail = part.text("detail")?;
    let source = match (part.word("image_url")?, part.text("file_id")?) {
        (Some(address), _) => Source::of_address(&address),
        (None, Some(id)) => Source::File(id),
        (None, None) => return Err(part.wrong("image_url", "is missing")),
    };
    Ok(Part::Image(Image { source, detail, cache: mark(part) }))
}

fn file(part: Object<'_>) -> Result<Part, Reject> {
    let source = match (part.word("file_data")?, part.word("file_url")?, part.text("file_id")?) {
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
fn audio(part: Object<'_>) -> Result<Part, Reject> {
    let sound = part.object("input_audio")?.unwrap_or(part);
    Ok(Part::Audio(Audio { data: sound.need_text("data")?, format: sound.need_text("format")? }))
}
