//! Parts of content, as Chat writes them.

use std::borrow::Cow;

use serde::Serialize;

use super::is_openai;
use crate::format::{
    Field, Losses, Reject,
    canonical::{CacheMark, Document, HostedPart, Image, Part, SearchResult, Source},
    transcode::{Translation, data_url},
};

/// A piece of content.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Piece<'a> {
    Text {
        text: Cow<'a, str>,
        /// OpenAI's own mark for caching.
        #[serde(skip_serializing_if = "Option::is_none")]
        prompt_cache_breakpoint: Option<Breakpoint>,
        /// The mark of servers that took it over from Messages.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<Control>,
    },
    ImageUrl {
        image_url: Address<'a>,
    },
    InputAudio {
        input_audio: Sound<'a>,
    },
    File {
        file: File<'a>,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Breakpoint {
    mode: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Control {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Address<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Sound<'a> {
    data: &'a str,
    format: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct File<'a> {
    filename: &'a str,
    file_data: String,
}

impl<'a> Piece<'a> {
    /// Text without a mark.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), prompt_cache_breakpoint: None, cache_control: None }
    }

    pub(super) fn is_media(&self) -> bool {
        !matches!(self, Self::Text { .. })
    }

    pub(super) fn is_marked(&self) -> bool {
        matches!(self, Self::Text { prompt_cache_breakpoint: Some(_), .. } | Self::Text { cache_control: Some(_), .. })
    }

    /// What it says, if it is text.
    pub(super) fn words(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// What parts are written with.
pub(super) struct Pieces<'l> {
    pub(super) translation: &'l Translation,
    pub(super) losses: &'l mut Losses,
}

impl Pieces<'_> {
    /// Adds what a part of a user's message or of a result comes to.
    pub(super) fn add<'a>(&mut self, part: &'a Part, out: &mut Vec<Piece<'a>>) -> Result<(), Reject> {
        match part {
            Part::Text(text) => out.push(self.marked(&text.text, text.cache)?),
            Part::Refusal(text) => out.push(Piece::text(text)),
            Part::Image(image) => out.push(self.image(image)?),
            Part::Document(document) => self.document(document, out)?,
            Part::SearchResult(found) => out.push(self.search_result(found)?),
            Part::Audio(audio) => {
                out.push(Piece::InputAudio { input_audio: Sound { data: &audio.data, format: &audio.format } });
            }
            Part::Hosted(hosted) => out.extend(self.hosted(hosted)?.map(Piece::text)),
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

    /// Text with its mark, where it is taken: only by some upstreams, and by OpenAI only for some models. OpenAI has a mark
    /// of its own; servers that took marks over from Messages write them as there.
    pub(super) fn marked<'a>(
        &mut self,
        text: impl Into<Cow<'a, str>>,
        mark: Option<CacheMark>,
    ) -> Result<Piece<'a>, Reject> {
        let Some(mark) = mark else { return Ok(Piece::text(text)) };
        let (dialect, text) = (self.translation.dialect, text.into());
        let is_openai = is_openai(dialect);
        let takes = dialect.cache_marks
            && (!is_openai || self.translation.model_row().is_some_and(|row| row.cache_breakpoints));
        if !takes {
            self.losses.dropped(Field::CacheMarks, "")?;
            return Ok(Piece::text(text));
        }
        let ttl = (mark == CacheMark::Hour).then_some("1h");
        let prompt_cache_breakpoint = is_openai.then_some(Breakpoint { mode: "explicit" });
        let cache_control = (!is_openai).then_some(Control { r#type: "ephemeral", ttl });
        Ok(Piece::Text { text, prompt_cache_breakpoint, cache_control })
    }

    fn image<'a>(&mut self, image: &'a Image) -> Result<Piece<'a>, Reject> {
        if image.cache.is_some() {
            self.losses.dropped(Field::CacheMarks, "not at images")?;
        }
        let url = match &image.source {
            Source::Base64 { media_type, data } => data_url(media_type, data).into(),
            Source::Url(url) if self.translation.dialect.image_url_ok => url.into(),
            Source::Url(_) => {
                return Err(self.losses.reject(Field::Images, "this upstream takes no addresses of images"));
            }
            Source::File(_) | Source::Text(_) | Source::Parts(_) => {
                return Err(self.losses.reject(Field::Images, "a file id means nothing to another provider"));
            }
        };
        Ok(Piece::ImageUrl { image_url: Address { url, detail: image.detail.as_deref() } })
    }

    fn document<'a>(&mut self, document: &'a Document, out: &mut Vec<Piece<'a>>) -> Result<(), Reject> {
        if document.citations {
            self.losses.dropped(Field::Documents, "not cited")?;
        }
        // Where the mark is not taken it is told before what else becomes of the document.
        let marked = self.marked("", document.cache)?;
        if let Some(context) = &document.context {
            self.losses.adjusted(Field::Documents, "the context is told as text")?;
            out.push(Piece::text(context));
        }
        match &document.source {
            Source::Base64 { media_type, data } => out.push(self.file(document, media_type, data)?),
            Source::Text(text) => {
                self.losses.adjusted(Field::Documents, "told as text")?;
                out.push(with_words(marked, titled(document.title.as_deref(), text)));
            }
            Source::Parts(parts) => {
                self.losses.adjusted(Field::Documents, "told as text")?;
                out.extend(document.title.as_ref().map(Piece::text));
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

    fn file<'a>(&self, document: &'a Document, media_type: &str, data: &str) -> Result<Piece<'a>, Reject> {
        if !self.translation.dialect.pdf_ok {
            return Err(self.losses.reject(Field::Documents, "this upstream takes no documents"));
        }
        let filename = document.title.as_deref().unwrap_or("document.pdf");
        Ok(Piece::File { file: File { filename, file_data: data_url(media_type, data) } })
    }

    fn search_result<'a>(&mut self, found: &'a SearchResult) -> Result<Piece<'a>, Reject> {
        self.losses.adjusted("messages[].content[].search_result", "told as text")?;
        let words: String = found.content.iter().map(|text| text.text.as_str()).collect();
        self.marked(format!("{}\n{}\n{words}", found.title, found.source), found.cache)
    }
}

fn with_words<'a>(mut piece: Piece<'a>, words: Cow<'a, str>) -> Piece<'a> {
    if let Piece::Text { text, .. } = &mut piece {
        *text = words;
    }
    piece
}

fn titled<'a>(title: Option<&str>, text: &'a str) -> Cow<'a, str> {
    title.map_or(Cow::Borrowed(text), |title| format!("{title}\n{text}").into())
}

/// What a message holds.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Null,
    Text(Cow<'a, str>),
    List(Vec<Piece<'a>>),
}

impl<'a> Content<'a> {
    /// One text as a text, because many servers refuse lists; else a list, unless it is all text and the upstream has no
    /// lists for that.
    pub(super) fn of(mut pieces: Vec<Piece<'a>>, translation: &Translation) -> Self {
        let is_plain = |piece: &Piece<'_>| !piece.is_media() && !piece.is_marked();
        let is_text = pieces.iter().all(is_plain) && (pieces.len() == 1 || !translation.dialect.array_content_ok);
        match pieces.as_mut_slice() {
            [Piece::Text { text, .. }] if is_text => Self::Text(std::mem::take(text)),
            texts if is_text => Self::Text(joined(texts, "\n\n").into()),
            _ => Self::List(pieces),
        }
    }
}

/// The texts among the pieces in one.
pub(super) fn joined(pieces: &[Piece<'_>], by: &str) -> String {
    pieces.iter().filter_map(Piece::words).collect::<Vec<_>>().join(by)
}
