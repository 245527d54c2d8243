//! Parts of content, as Chat writes them.

use super::{Body, is_openai, tools::typed};
use crate::format::{
    Field, Losses, Reject,
    canonical::{CacheMark, Document, HostedPart, Image, Json, Part, SearchResult, Source},
    transcode::{Translation, data_url},
};

/// A piece of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text, with its mark for caching where the upstream takes one.
    Text(String, Option<CacheMark>),
    /// Anything else, as it is written.
    Media(Json),
}

/// What parts are written with.
pub(super) struct Pieces<'a> {
    pub(super) translation: &'a Translation,
    pub(super) losses: &'a mut Losses,
}

impl Pieces<'_> {
    /// Adds what a part of a user's message or of a result comes to.
    pub(super) fn add(&mut self, part: &Part, out: &mut Vec<Piece>) -> Result<(), Reject> {
        match part {
            Part::Text(text) => {
                let mark = self.mark(text.cache)?;
                out.push(Piece::Text(text.text.clone(), mark));
            }
            Part::Refusal(text) => out.push(Piece::Text(text.clone(), None)),
            Part::Image(image) => out.push(Piece::Media(self.image(image)?)),
            Part::Document(document) => self.document(document, out)?,
            Part::SearchResult(found) => out.push(self.search_result(found)?),
            Part::Audio(audio) => {
                let mut inner = Body::default();
                inner.add("data", &audio.data);
                inner.add("format", &audio.format);
                out.push(Piece::Media(typed("input_audio", &inner.json())));
            }
            Part::Hosted(hosted) => out.extend(self.hosted(hosted)?.map(|text| Piece::Text(text.to_owned(), None))),
            Part::Thought(_) | Part::Call(_) | Part::Result(_) => {}
        }
        Ok(())
    }

    /// What can be told of a step of a tool that only another provider has.
    pub(super) fn hosted<'p>(&mut self, hosted: &'p HostedPart) -> Result<Option<&'p str>, Reject> {
        match hosted.text.as_deref() {
            Some(text) => self.losses.adjusted(Field::HostedSteps, "told as text").map(|()| Some(text)),
            None => self.losses.dropped(Field::HostedSteps, "").map(|()| None),
        }
    }

    /// The mark to write, which only some upstreams take, and OpenAI only for some models.
    pub(super) fn mark(&mut self, mark: Option<CacheMark>) -> Result<Option<CacheMark>, Reject> {
        if mark.is_none() {
            return Ok(None);
        }
        let dialect = self.translation.dialect;
        let takes = dialect.cache_marks
            && (!is_openai(dialect) || self.translation.model_row().is_some_and(|row| row.cache_breakpoints));
        if takes { Ok(mark) } else { self.losses.dropped(Field::CacheMarks, "").map(|()| None) }
    }

    fn image(&mut self, image: &Image) -> Result<Json, Reject> {
        if image.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "not at images")?;
        }
        let address = match &image.source {
            Source::Base64 { media_type, data } => data_url(media_type, data),
            Source::Url(url) if self.translation.dialect.image_url_ok => url.clone(),
            Source::Url(_) => {
                return Err(self.losses.reject(Field::Images, "this upstream takes no addresses of images"));
            }
            Source::File(_) | Source::Text(_) | Source::Parts(_) => {
                return Err(self.losses.reject(Field::Images, "a file id means nothing to another provider"));
            }
        };
        let mut inner = Body::default();
        inner.add("url", &address);
        inner.add_some("detail", image.detail.as_ref());
        Ok(typed("image_url", &inner.json()))
    }

    fn document(&mut self, document: &Document, out: &mut Vec<Piece>) -> Result<(), Reject> {
        if document.citations {
            self.losses.dropped(Field::Documents, "not cited")?;
        }
        let mark = self.mark(document.cache)?;
        if let Some(context) = &document.context {
            self.losses.adjusted(Field::Documents, "the context is told as text")?;
            out.push(Piece::Text(context.clone(), None));
        }
        match &document.source {
            Source::Base64 { media_type, data } => out.push(Piece::Media(self.file(document, media_type, data)?)),
            Source::Text(text) => {
                self.losses.adjusted(Field::Documents, "told as text")?;
                out.push(Piece::Text(titled(document.title.as_deref(), text), mark));
            }
            Source::Parts(parts) => {
                self.losses.adjusted(Field::Documents, "told as text")?;
                out.extend(document.title.clone().map(|title| Piece::Text(title, None)));
                for part in parts {
                    self.add(part, out)?;
                }
            }
            Source::Url(_) => return Err(self.losses.reject(Field::Documents, "Chat takes no addresses of documents")),
            Source::File(_) => {
                return Err(self.losses.reject(Field::Documents, "a file id means nothing to another provider"));
            }
        }
        Ok(())
    }

    fn file(&self, document: &Document, media_type: &str, data: &str) -> Result<Json, Reject> {
        if !self.translation.dialect.pdf_ok {
            return Err(self.losses.reject(Field::Documents, "this upstream takes no documents"));
        }
        let mut inner = Body::default();
        inner.add("filename", document.title.as_deref().unwrap_or("document.pdf"));
        inner.add("file_data", &data_url(media_type, data));
        Ok(typed("file", &inner.json()))
    }

    fn search_result(&mut self, found: &SearchResult) -> Result<Piece, Reject> {
        self.losses.adjusted("messages[].content[].search_result", "told as text")?;
        let mark = self.mark(found.cache)?;
        let words: String = found.content.iter().map(|text| text.text.as_str()).collect();
        Ok(Piece::Text(format!("{}\n{}\n{words}", found.title, found.source), mark))
    }
}

fn titled(title: Option<&str>, text: &str) -> String {
    title.map_or_else(|| text.to_owned(), |title| format!("{title}\n{text}"))
}

/// Writes content: one text as a text, because many servers refuse lists; else a list, unless it is all text and the
/// upstream has no lists for that.
pub(super) fn content(pieces: &[Piece], translation: &Translation) -> Json {
    let texts: Option<Vec<&str>> = pieces.iter().map(plain).collect();
    match texts {
        Some(texts) if texts.len() == 1 || !translation.dialect.array_content_ok => Json::of(&texts.join("\n\n")),
        _ => Json::of(&pieces.iter().map(|piece| list_item(piece, translation)).collect::<Vec<_>>()),
    }
}

/// The text of a piece that is nothing but text.
fn plain(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::Text(text, None) => Some(text),
        Piece::Text(_, Some(_)) | Piece::Media(_) => None,
    }
}

fn list_item(piece: &Piece, translation: &Translation) -> Json {
    match piece {
        Piece::Media(json) => json.clone(),
        Piece::Text(text, mark) => {
            let mut part = Body::default();
            part.add("type", "text");
            part.add("text", text);
            if let Some(mark) = mark {
                mark_part(&mut part, *mark, translation);
            }
            part.json()
        }
    }
}

/// OpenAI has a mark of its own; servers that took marks over from Messages write them as there.
fn mark_part(part: &mut Body, mark: CacheMark, translation: &Translation) {
    let mut inner = Body::default();
    if is_openai(translation.dialect) {
        inner.add("mode", "explicit");
        part.add("prompt_cache_breakpoint", &inner.json());
        return;
    }
    inner.add("type", "ephemeral");
    inner.add_some("ttl", (mark == CacheMark::Hour).then_some("1h"));
    part.add("cache_control", &inner.json());
}
