//! What turns are made of.

use super::{Json, Proof, Thought};

/// A piece of a turn.
///
/// ```
/// use amp_pool_core::format::{
///     Format,
///     canonical::{
///         Block, Citation, Document, Image, Issuer, Part, Proof, ProofKind, Source, Text, Thought, ThoughtKind,
///     },
/// };
///
/// let photo = Image { source: Source::Url("https://example.com/cat.png".into()), detail: None, cache: None };
/// let page = Document {
///     source: Source::Text("All about cats".into()),
///     title: Some("Cats".into()),
///     context: None,
///     citations: true,
///     cache: None,
/// };
/// let cited = Citation { title: Some("Cats".into()), url: None, quote: Some("All about cats".into()), span: Some((0, 4)) };
/// let answer = Text { citations: vec![cited], ..Text::new("A cat.") };
///
/// // Reasoning keeps what proves it, which is good for nothing but the account that made it.
/// let issuer = Issuer { format: Format::Messages, provider: "anthropic".into(), account: "a".into() };
/// let proof = Proof { kind: ProofKind::Signature, data: "c2ln".into(), issuer: Some(issuer) };
/// let thought = Thought { paragraphs: vec!["It has whiskers.".into()], kind: ThoughtKind::Raw, proof: Some(proof) };
/// assert_eq!(thought.text(), "It has whiskers.");
///
/// let asked = [Part::Image(photo), Part::Document(page)];
/// let answered = [Part::Thought(thought), Part::Text(answer)].map(|part| Block { part, is_complete: true });
/// assert_eq!((asked.len(), answered.len()), (2, 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Plain text.
    Text(Text),
    /// The model's words on why it will not answer.
    Refusal(String),
    /// A picture.
    Image(Image),
    /// A PDF or a text with a title.
    Document(Document),
    /// A sound.
    Audio(Audio),
    /// Something found, which the model may cite.
    SearchResult(SearchResult),
    /// Reasoning of the model.
    Thought(Thought),
    /// A call of a tool by the model, to be answered by the client.
    Call(Call),
    /// The client's answer to a call.
    Result(ToolResult),
    /// What a provider's own tool did, or another part that only its format knows.
    Hosted(HostedPart),
}

/// Plain text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The text. Readers keep it as it came, also when empty; the settling of turns drops what is blank.
    pub text: String,
    /// Where it is from. Only in answers and in the history of them.
    pub citations: Vec<Citation>,
    /// Whether it speaks on the way or is the answer. Responses only.
    pub phase: Option<Phase>,
    /// The probabilities of its tokens, as they came.
    pub logprobs: Option<Json>,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

impl Text {
    /// Text and nothing else.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl From<Text> for Part {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

/// Whether a text of the model speaks on the way or is the answer.
///
/// ```
/// use amp_pool_core::format::canonical::{Phase, Text};
///
/// let said = [
///     Text { phase: Some(Phase::Commentary), ..Text::new("Let me see.") },
///     Text { phase: Some(Phase::FinalAnswer), ..Text::new("It is four.") },
///     // Most models do not say.
///     Text::new(" Good night."),
/// ];
/// let is_answer = |text: &&Text| text.phase != Some(Phase::Commentary);
/// let answer: String = said.iter().filter(is_answer).map(|text| text.text.as_str()).collect();
/// assert_eq!(answer, "It is four. Good night.");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// On the way: `commentary`.
    Commentary,
    /// The answer: `final_answer`.
    FinalAnswer,
}

/// The prompt up to here is worth caching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheMark {
    /// For five minutes, or the provider's default.
    Short,
    /// For an hour.
    Hour,
}

/// Where a piece of a text is from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Citation {
    /// A web address.
    pub url: Option<String>,
    /// The title of the page or document.
    pub title: Option<String>,
    /// The words that are cited.
    pub quote: Option<String>,
    /// First and one past the last character of the text it belongs to, counted within its own block.
    /// `None`: the whole block.
    pub span: Option<(u64, u64)>,
}

/// Where bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Here.
    Base64 {
        /// Such as `image/png`, lower case, without parameters.
        media_type: String,
        /// Standard base64, as it came.
        data: String,
    },
    /// Somewhere in the web. Never fetched by us.
    Url(String),
    /// In the client's account at its provider. Means nothing anywhere else.
    File(String),
    /// Plain text.
    Text(String),
    /// Parts, of a Messages document.
    Parts(Vec<Part>),
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub source: Source,
    /// How closely to look: `auto`, `low`, `high`.
    pub detail: Option<String>,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

/// A PDF or a text with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it is.
    pub source: Source,
    /// What it is called: `title`, `filename`.
    pub title: Option<String>,
    /// What is told about it and is not to be cited.
    pub context: Option<String>,
    /// Whether it is to be cited.
    pub citations: bool,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

/// A sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Base64.
    pub data: String,
    /// `wav`, `mp3`.
    pub format: String,
}

/// Something found, which the model may cite.
///
/// ```
/// use amp_pool_core::format::canonical::{Audio, Part, Role, SearchResult, Text, Turn};
///
/// // What a user said aloud, and what the client has found about it.
/// let said = Audio { data: "UklGRg==".into(), format: "wav".into() };
/// let found = SearchResult {
///     title: "Opening hours".into(),
///     source: "https://example.com/hours".into(),
///     content: vec![Text::new("From nine to five.")],
///     citations: true,
///     cache: None,
/// };
/// let turn = Turn::new(Role::User, vec![Part::Audio(said), Part::SearchResult(found)]);
/// let sources = turn.parts.iter().filter_map(|part| match part {
///     Part::SearchResult(found) if found.citations => Some(found.source.as_str()),
///     _ => None,
/// });
/// assert_eq!(sources.collect::<Vec<_>>(), ["https://example.com/hours"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResult {
    /// What it is called.
    pub title: String,
    /// Where it was found.
    pub source: String,
    /// What it says.
    pub content: Vec<Text>,
    /// Whether it is to be cited.
    pub citations: bool,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

/// A call of a tool by the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What the result will name: Chat `id`, Messages `id`, Responses `call_id`. Empty only where a reader found none;
    /// writers never see it so.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The namespace of the tool, Responses only.
    pub namespace: Option<String>,
    /// What it is called with.
    pub input: Input,
    /// What the provider wants back with it (Gemini).
    pub proof: Option<Proof>,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

/// What a tool is called with. Opaque: exact bytes, never parsed and printed again, never repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// JSON of a function tool, which may be empty, cut or broken.
    Json(String),
    /// Free text of a custom tool.
    Text(String),
}

impl Input {
    /// The bytes, whatever they are.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Json(text) | Self::Text(text) => text,
        }
    }
}

/// The client's answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The id of the call.
    pub call: String,
    /// Texts, images, documents and search results. Empty: the tool said nothing.
    pub content: Vec<Part>,
    /// Whether it says that the tool failed. Chat and Responses have no place for it.
    pub is_error: bool,
    /// The prompt up to here is worth caching.
    pub cache: Option<CacheMark>,
}

/// What only one format knows: a step of a provider's own tool, a compaction, a container.
///
/// ```
/// use amp_pool_core::format::canonical::{BlockKind, Collected, Event, HostedPart, Json, Part};
///
/// let step = HostedPart {
///     kind: "web_search_call".into(),
///     text: Some("Searched for: opening hours".into()),
///     raw: Json::parse(r#"{"type": "web_search_call", "id": "ws_1"}"#)?,
/// };
/// // It comes whole. Who does not know it shows the text, and whose it is gets it back as it came.
/// let events = [
///     Event::BlockStarted { index: 0, kind: BlockKind::Hosted(step.clone()) },
///     Event::BlockEnded { index: 0, is_complete: true },
/// ];
/// let answer = Collected::of(events);
/// assert_eq!(answer.blocks[0].part, Part::Hosted(step));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPart {
    /// The `type` it came under.
    pub kind: String,
    /// A rendering for formats that do not know it. `None`: nothing worth reading, so it is left out.
    pub text: Option<String>,
    /// The whole part as it came.
    pub raw: Json,
}

impl Part {
    /// Where its mark for caching stands. `None`: it can hold none.
    pub(in crate::format) fn cache_mut(&mut self) -> Option<&mut Option<CacheMark>> {
        match self {
            Self::Text(part) => Some(&mut part.cache),
            Self::Image(part) => Some(&mut part.cache),
            Self::Document(part) => Some(&mut part.cache),
            Self::SearchResult(part) => Some(&mut part.cache),
            Self::Call(part) => Some(&mut part.cache),
            Self::Result(part) => Some(&mut part.cache),
            Self::Refusal(_) | Self::Audio(_) | Self::Thought(_) | Self::Hosted(_) => None,
        }
    }
}
