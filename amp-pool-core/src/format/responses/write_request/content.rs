//! Parts of messages and of outputs.

use std::borrow::Cow;

use serde::Serialize;

use crate::format::{
    Field, Losses, Reject,
    canonical::{CacheMark, Document, Image, Json, Part, Phase, SearchResult, Source, Text, ToolResult},
    responses::annotation,
    transcode::{Translation, data_url},
};

/// A part, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Written<'a> {
    InputText {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint>,
    },
    OutputText {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        annotations: Vec<Json>,
    },
    Refusal {
        refusal: &'a str,
    },
    InputImage {
        image_url: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
    },
    InputFile {
        #[serde(skip_serializing_if = "Option::is_none")]
        filename: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file_url: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Breakpoint {
    mode: &'static str,
}

impl<'a> Written<'a> {
    /// Text of somebody else than the model.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::InputText { text: text.into(), prompt_cache_breakpoint: None }
    }

    fn words(&self) -> Option<&str> {
        match self {
            Self::InputText { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// What a tool said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    List(Vec<Written<'a>>),
}

/// Writes parts, and says what they lose.
pub(super) struct Content<'l> {
    translation: &'l Translation,
    pub(super) losses: &'l mut Losses,
}

impl<'l> Content<'l> {
    pub(super) fn new(translation: &'l Translation, losses: &'l mut Losses) -> Self {
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
    pub(super) fn parts<'a>(&mut self, parts: &'a [Part]) -> Result<Vec<Written<'a>>, Reject> {
        let mut out = Vec::with_capacity(parts.len());
        parts.iter().try_for_each(|part| self.part(part, &mut out))?;
        Ok(out)
    }

    /// What the model said.
    pub(super) fn said<'a>(&mut self, parts: &'a [Part]) -> Result<Vec<Written<'a>>, Reject> {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Text(text) => {
                    self.drop_marks(std::slice::from_ref(text))?;
                    out.push(output_text(text));
                }
                Part::Refusal(refusal) => out.push(Written::Refusal { refusal }),
                Part::Image(_) => self.losses.dropped(Field::Images, "the model can not have said it")?,
                Part::Document(_) => self.losses.dropped(Field::Documents, "the model can not have said it")?,
                Part::Audio(_) => self.losses.dropped(Field::Audio, "the model can not have said it")?,
                other => self.part(other, &mut out)?,
            }
        }
        Ok(out)
    }

    /// What a tool said. Where only text is taken, all else goes to `rest`.
    pub(super) fn output<'a>(
        &mut self,
        result: &'a ToolResult,
        rest: &mut Vec<Written<'a>>,
    ) -> Result<Output<'a>, Reject> {
        if result.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "")?;
        }
        let takes_lists = self.translation.dialect.array_content_ok;
        let (texts, media): (Vec<&Part>, Vec<&Part>) =
            result.content.iter().partition(|part| takes_lists || matches!(part, Part::Text(_)));
        let is_plain = texts.iter().all(|part| matches!(part, Part::Text(text) if text.cache.is_none()));
        let mut said = Vec::with_capacity(texts.len() + 1);
        let begins_with_text = matches!(texts.first(), Some(Part::Text(_)));
        texts.into_iter().try_for_each(|part| self.part(part, &mut said))?;
        if result.is_error {
            self.mark_error(&mut said, begins_with_text)?;
        }
        self.move_media(&result.call, media, &mut said, rest)?;
        Ok(match said.as_mut_slice() {
            [] => Output::Text(Cow::Borrowed("")),
            [Written::InputText { text, .. }] if is_plain => Output::Text(std::mem::take(text)),
            texts if is_plain && !takes_lists => {
                Output::Text(texts.iter().filter_map(Written::words).collect::<Vec<_>>().join("\n").into())
            }
            _ => Output::List(said),
        })
    }

    fn mark_error(&mut self, said: &mut Vec<Written<'_>>, begins_with_text: bool) -> Result<(), Reject> {
        match said.first_mut().filter(|_| begins_with_text) {
            Some(Written::InputText { text, .. }) if text.starts_with("Error: ") => return Ok(()),
            Some(Written::InputText { text, .. }) => text.to_mut().insert_str(0, "Error: "),
            _ => said.insert(0, Written::text("Error: the tool failed")),
        }
        self.losses.adjusted(Field::Results, "failures are told as text")
    }

    fn move_media<'a>(
        &mut self,
        call: &str,
        media: Vec<&'a Part>,
        said: &mut Vec<Written<'a>>,
        rest: &mut Vec<Written<'a>>,
    ) -> Result<(), Reject> {
        if media.is_empty() {
            return Ok(());
        }
        if said.is_empty() {
            said.push(Written::text("(see the attachment)"));
        }
        rest.push(Written::text(format!("[attached to the result of {call}]")));
        self.losses.adjusted(Field::Results, "media is sent behind the results")?;
        media.into_iter().try_for_each(|part| self.part(part, rest))
    }

    /// Adds what a part of somebody else than the model comes to.
    pub(super) fn part<'a>(&mut self, part: &'a Part, out: &mut Vec<Written<'a>>) -> Result<(), Reject> {
        match part {
            Part::Text(text) => self.text(text, out)?,
            Part::Refusal(text) => out.push(Written::text(text)),
            Part::Image(image) => out.push(self.image(image)?),
            Part::Document(document) => self.document(document, out)?,
            Part::SearchResult(result) => out.push(self.search_result(result)?),
            Part::Audio(_) => return Err(self.losses.reject(Field::Audio, "the upstream takes no sound")),
            Part::Hosted(step) => match &step.text {
                Some(text) => {
                    self.losses.adjusted(Field::HostedSteps, "told as text")?;
                    out.push(Written::text(text));
                }
                None => self.losses.dropped(Field::HostedSteps, "")?,
            },
            Part::Thought(_) => self.losses.dropped(Field::Thoughts, "")?,
            Part::Call(_) => self.losses.dropped(Field::Calls, "only the model calls tools")?,
            Part::Result(_) => self.losses.dropped(Field::Results, "a result is not content")?,
        }
        Ok(())
    }

    pub(super) fn text<'a>(&mut self, text: &'a Text, out: &mut Vec<Written<'a>>) -> Result<(), Reject> {
        let prompt_cache_breakpoint = self.mark(text.cache)?;
        out.push(Written::InputText { text: Cow::Borrowed(&text.text), prompt_cache_breakpoint });
        Ok(())
    }

    /// The mark to write, where the model takes marks.
    fn mark(&mut self, mark: Option<CacheMark>) -> Result<Option<Breakpoint>, Reject> {
        match mark {
            None => Ok(None),
            Some(_) if self.takes_marks() => Ok(Some(Breakpoint { mode: "explicit" })),
            Some(_) => self.losses.dropped(Field::CacheMarks, "").map(|()| None),
        }
    }

    fn image<'a>(&mut self, image: &'a Image) -> Result<Written<'a>, Reject> {
        let image_url = match &image.source {
            Source::Base64 { media_type, data } => data_url(media_type, data).into(),
            Source::Url(url) if self.translation.dialect.image_url_ok => Cow::Borrowed(&**url),
            Source::Url(_) => return Err(self.losses.reject(Field::Images, "the upstream fetches no images")),
            Source::File(_) => return Err(self.losses.reject(Field::Images, FILE)),
            Source::Text(_) | Source::Parts(_) => return Err(self.losses.reject(Field::Images, "this is no image")),
        };
        // A mark may not stand at an image.
        if image.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "")?;
        }
        Ok(Written::InputImage { image_url, detail: image.detail.as_deref() })
    }

    fn document<'a>(&mut self, document: &'a Document, out: &mut Vec<Written<'a>>) -> Result<(), Reject> {
        if document.citations {
            self.losses.dropped(Field::Documents, "nothing is cited from them")?;
        }
        if let Some(context) = &document.context {
            self.losses.adjusted(Field::Documents, "context is told as text")?;
            out.push(Written::text(context));
        }
        let title = document.title.as_deref();
        let (file_data, file_url) = match &document.source {
            Source::File(_) => return Err(self.losses.reject(Field::Documents, FILE)),
            Source::Base64 { .. } | Source::Url(_) if !self.translation.dialect.pdf_ok => {
                return Err(self.losses.reject(Field::Documents, "the upstream takes no documents"));
            }
            Source::Base64 { media_type, data } => (Some(data_url(media_type, data)), None),
            Source::Url(url) => (None, Some(&**url)),
            Source::Text(text) => {
                let prompt_cache_breakpoint = self.mark(document.cache)?;
                out.push(Written::InputText { text: titled(title, text), prompt_cache_breakpoint });
                return Ok(());
            }
            Source::Parts(parts) => {
                out.extend(title.map(Written::text));
                return parts.iter().try_for_each(|part| self.part(part, out));
            }
        };
        // Data must have a name; an address has one.
        let filename = title.or(file_data.is_some().then_some("document.pdf"));
        let prompt_cache_breakpoint = self.mark(document.cache)?;
        out.push(Written::InputFile { filename, file_data, file_url, prompt_cache_breakpoint });
        Ok(())
    }

    fn search_result<'a>(&mut self, result: &'a SearchResult) -> Result<Written<'a>, Reject> {
        self.losses.adjusted("messages[].content[].search_result", "told as text")?;
        let texts: Vec<&str> = result.content.iter().map(|text| &*text.text).collect();
        let text = format!("{}\n{}\n\n{}", result.title, result.source, texts.join("\n"));
        Ok(Written::InputText { text: text.into(), prompt_cache_breakpoint: self.mark(result.cache)? })
    }
}

const FILE: &str = "a file of the client's account is not known to the upstream";

fn titled<'a>(title: Option<&str>, text: &'a str) -> Cow<'a, str> {
    title.map_or(Cow::Borrowed(text), |title| format!("{title}\n\n{text}").into())
}

fn output_text(text: &Text) -> Written<'_> {
    let length = || u64::try_from(text.text.chars().count()).unwrap_or(u64::MAX);
    let annotations = text.citations.iter().filter_map(|citation| annotation::write(citation, length()));
    Written::OutputText { text: &text.text, annotations: annotations.collect() }
}

pub(super) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Commentary => "commentary",
        Phase::FinalAnswer => "final_answer",
    }
}
