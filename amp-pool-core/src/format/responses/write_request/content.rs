//! Parts of messages and of outputs.

use crate::format::{
    Field, Losses, Reject,
    canonical::{CacheMark, Document, Image, Json, Part, Phase, SearchResult, Source, Text, ToolResult},
    responses::{annotation, body::Body},
    transcode::{Translation, data_url},
};

/// Writes parts, and says what they lose.
pub(super) struct Content<'a> {
    translation: &'a Translation,
    pub(super) losses: &'a mut Losses,
}

impl<'a> Content<'a> {
    pub(super) fn new(translation: &'a Translation, losses: &'a mut Losses) -> Self {
        Self { translation, losses }
    }

    /// Whether the model takes marks of what to cache.
    pub(super) fn takes_marks(&self) -> bool {
        self.translation.dialect.cache_marks && self.translation.model_row().is_some_and(|row| row.cache_breakpoints)
    }

    /// Reports the marks at texts that can hold none.
    pub(super) fn drop_marks(&mut self, texts: &[Text]) -> Result<(), Reject> {
        let is_marked = texts.iter().any(|text| text.cache.is_some());
        if is_marked { self.losses.dropped(Field::CacheMarks, "") } else { Ok(()) }
    }

    /// What somebody else than the model says.
    pub(super) fn parts(&mut self, parts: &[Part]) -> Result<Vec<Json>, Reject> {
        let mut out = Vec::with_capacity(parts.len());
        parts.iter().try_for_each(|part| self.part(part, &mut out))?;
        Ok(out)
    }

    /// What the model said.
    pub(super) fn said(&mut self, parts: &[Part]) -> Result<Vec<Json>, Reject> {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Text(text) => {
                    self.drop_marks(std::slice::from_ref(text))?;
                    out.push(output_text(text));
                }
                Part::Refusal(text) => out.push(worded("refusal", "refusal", text)),
                Part::Image(_) => self.losses.dropped(Field::Images, "the model can not have said it")?,
                Part::Document(_) => self.losses.dropped(Field::Documents, "the model can not have said it")?,
                Part::Audio(_) => self.losses.dropped(Field::Audio, "the model can not have said it")?,
                other => self.part(other, &mut out)?,
            }
        }
        Ok(out)
    }

    /// What a tool said. Where only text is taken, all else goes to `rest`.
    pub(super) fn output(&mut self, result: &ToolResult, rest: &mut Vec<Part>) -> Result<Json, Reject> {
        if result.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "")?;
        }
        let mut content = result.content.clone();
        if result.is_error {
            self.mark_error(&mut content)?;
        }
        if !self.translation.dialect.array_content_ok {
            self.move_media(&result.call, &mut content, rest)?;
        }
        let texts: Option<Vec<&str>> = content.iter().map(plain).collect();
        match texts.as_deref() {
            Some([]) => Ok(Json::of(&"")),
            Some([text]) => Ok(Json::of(text)),
            Some(texts) if !self.translation.dialect.array_content_ok => Ok(Json::of(&texts.join("\n"))),
            _ => Ok(Json::of(&self.parts(&content)?)),
        }
    }

    fn mark_error(&mut self, content: &mut Vec<Part>) -> Result<(), Reject> {
        match content.first_mut() {
            Some(Part::Text(text)) if text.text.starts_with("Error: ") => return Ok(()),
            Some(Part::Text(text)) => text.text.insert_str(0, "Error: "),
            _ => content.insert(0, Text::new("Error: the tool failed").into()),
        }
        self.losses.adjusted(Field::Results, "failures are told as text")
    }

    fn move_media(&mut self, call: &str, content: &mut Vec<Part>, rest: &mut Vec<Part>) -> Result<(), Reject> {
        let (texts, media): (Vec<Part>, Vec<Part>) =
            std::mem::take(content).into_iter().partition(|part| matches!(part, Part::Text(_)));
        *content = texts;
        if media.is_empty() {
            return Ok(());
        }
        if content.is_empty() {
            content.push(Text::new("(see the attachment)").into());
        }
        rest.push(Text::new(format!("[attached to the result of {call}]")).into());
        rest.extend(media);
        self.losses.adjusted(Field::Results, "media is sent behind the results")
    }

    fn part(&mut self, part: &Part, out: &mut Vec<Json>) -> Result<(), Reject> {
        match part {
            Part::Text(text) => out.push(self.marked(worded("input_text", "text", &text.text), text.cache)?),
            Part::Refusal(text) => out.push(worded("input_text", "text", text)),
            Part::Image(image) => out.push(self.image(image)?),
            Part::Document(document) => self.document(document, out)?,
            Part::SearchResult(result) => out.push(self.search_result(result)?),
            Part::Audio(_) => return Err(self.losses.reject(Field::Audio, "the upstream takes no sound")),
            Part::Hosted(step) => match &step.text {
                Some(text) => {
                    self.losses.adjusted(Field::HostedSteps, "told as text")?;
                    out.push(worded("input_text", "text", text));
                }
                None => self.losses.dropped(Field::HostedSteps, "")?,
            },
            Part::Thought(_) => self.losses.dropped(Field::Thoughts, "")?,
            Part::Call(_) => self.losses.dropped(Field::Calls, "only the model calls tools")?,
            Part::Result(_) => self.losses.dropped(Field::Results, "a result is not content")?,
        }
        Ok(())
    }

    /// Adds the mark, where the model takes marks.
    fn marked(&mut self, part: Json, mark: Option<CacheMark>) -> Result<Json, Reject> {
        if mark.is_none() {
            return Ok(part);
        }
        if !self.takes_marks() {
            self.losses.dropped(Field::CacheMarks, "")?;
            return Ok(part);
        }
        let mut body = Body(part.members().unwrap_or_default());
        let mut mark = Body::default();
        mark.add("mode", "explicit");
        body.add_object("prompt_cache_breakpoint", mark);
        Ok(body.json())
    }

    fn image(&mut self, image: &Image) -> Result<Json, Reject> {
        let address = match &image.source {
            Source::Base64 { media_type, data } => data_url(media_type, data),
            Source::Url(url) if self.translation.dialect.image_url_ok => url.clone(),
            Source::Url(_) => return Err(self.losses.reject(Field::Images, "the upstream fetches no images")),
            Source::File(_) => return Err(self.losses.reject(Field::Images, FILE)),
            Source::Text(_) | Source::Parts(_) => return Err(self.losses.reject(Field::Images, "this is no image")),
        };
        // A mark may not stand at an image.
        if image.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "")?;
        }
        let mut body = Body::of("input_image");
        body.add("image_url", &address);
        body.add_some("detail", image.detail.as_ref());
        Ok(body.json())
    }

    fn document(&mut self, document: &Document, out: &mut Vec<Json>) -> Result<(), Reject> {
        if document.citations {
            self.losses.dropped(Field::Documents, "nothing is cited from them")?;
        }
        if let Some(context) = &document.context {
            self.losses.adjusted(Field::Documents, "context is told as text")?;
            out.push(worded("input_text", "text", context));
        }
        let part = match &document.source {
            Source::File(_) => return Err(self.losses.reject(Field::Documents, FILE)),
            Source::Base64 { .. } | Source::Url(_) if !self.translation.dialect.pdf_ok => {
                return Err(self.losses.reject(Field::Documents, "the upstream takes no documents"));
            }
            Source::Base64 { media_type, data } => file(document, "file_data", &data_url(media_type, data)),
            Source::Url(url) => file(document, "file_url", url),
            Source::Text(text) => worded("input_text", "text", &titled(document.title.as_deref(), text)),
            Source::Parts(parts) => {
                out.extend(document.title.iter().map(|title| worded("input_text", "text", title)));
                return self.parts(parts).map(|parts| out.extend(parts));
            }
        };
        out.push(self.marked(part, document.cache)?);
        Ok(())
    }

    fn search_result(&mut self, result: &SearchResult) -> Result<Json, Reject> {
        self.losses.adjusted("messages[].content[].search_result", "told as text")?;
        let texts: Vec<&str> = result.content.iter().map(|text| &*text.text).collect();
        let text = format!("{}\n{}\n\n{}", result.title, result.source, texts.join("\n"));
        self.marked(worded("input_text", "text", &text), result.cache)
    }
}

const FILE: &str = "a file of the client's account is not known to the upstream";

/// Data must have a name; an address has one.
fn file(document: &Document, name: &str, value: &str) -> Json {
    let mut body = Body::default();
    let title = document.title.as_deref().or((name == "file_data").then_some("document.pdf"));
    body.add("type", "input_file");
    body.add_some("filename", title);
    body.add(name, value);
    body.json()
}

fn titled(title: Option<&str>, text: &str) -> String {
    title.map_or_else(|| text.to_owned(), |title| format!("{title}\n\n{text}"))
}

fn plain(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) if text.cache.is_none() => Some(&text.text),
        _ => None,
    }
}

fn worded(kind: &str, name: &str, text: &str) -> Json {
    let mut body = Body::of(kind);
    body.add(name, text);
    body.json()
}

fn output_text(text: &Text) -> Json {
    let length = u64::try_from(text.text.chars().count()).unwrap_or(u64::MAX);
    let annotations: Vec<Json> =
        text.citations.iter().filter_map(|citation| annotation::write(citation, length)).collect();
    let mut body = Body::of("output_text");
    body.add("text", &text.text);
    body.add_some("annotations", (!annotations.is_empty()).then_some(annotations));
    body.json()
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Commentary => "commentary",
        Phase::FinalAnswer => "final_answer",
    }
}

/// Paragraphs of reasoning.
pub(super) fn paragraphs(kind: &str, texts: &[&str]) -> Vec<Json> {
    texts.iter().map(|text| worded(kind, "text", text)).collect()
}
