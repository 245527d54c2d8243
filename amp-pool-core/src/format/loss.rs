//! What a translation could not carry, and how the client is told.
//!
//! Whoever writes a request says here what it dropped or changed; nothing is lost in silence. On a strict route the
//! first loss refuses the call instead.

use std::{borrow::Cow, fmt};

use super::Format;

/// The longest report in one header, in bytes.
const HEADER_MAX: usize = 1_000;

/// How many losses are told one by one. A body of a million names that nobody knows is told in as many words as anybody
/// reads, and costs no more.
const MOST: usize = 500;

/// Something that could not be carried.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     format::{Format, Loss, LossKind, Sent},
///     testkit,
/// };
///
/// let translation = testkit::translation(Format::Chat, Format::Messages, "anthropic", "claude-sonnet-4-5");
/// let asked = br#"{"model":"x","messages":[{"role":"user","content":"hi"}],"seed":7}"#;
/// let Sent { losses, .. } = translation.request(asked)?;
/// let told: Vec<(&str, LossKind)> = losses.all().iter().map(|loss: &Loss| (&*loss.field, loss.kind)).collect();
/// assert_eq!(told, [("seed", LossKind::Dropped)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The member of the client's body, such as `messages[].name`.
    pub field: Cow<'static, str>,
    /// What became of it.
    pub kind: LossKind,
    /// What was done, or why; may be empty.
    pub note: Cow<'static, str>,
}

/// What became of something that could not be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LossKind {
    /// A hint that the upstream can not take; the answer is still valid.
    Dropped,
    /// The same intent by another value, or in another place.
    Adjusted,
}

impl LossKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Dropped, Self::Adjusted];

    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Adjusted => "adjusted",
        }
    }
}

/// A refusal to translate: HTTP 400, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The member of the client's body. `None`: the body as a whole.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong with it, for people.
    pub message: String,
    /// A code for programs, such as `unsupported_parameter`.
    pub code: Option<&'static str>,
}

impl Reject {
    /// A refusal because of `field`.
    #[must_use]
    pub fn field(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), message: message.into(), code: None }
    }

    /// A refusal of the body as a whole.
    #[must_use]
    pub fn body(message: impl Into<String>) -> Self {
        Self { field: None, message: message.into(), code: None }
    }

    /// A refusal of a member that no translation knows.
    #[must_use]
    pub fn unsupported(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::field(field, message).with_code("unsupported_parameter")
    }

    /// Adds a code for programs.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Reject {}

/// Collects what a translation lost. Each field and kind is told once.
///
#[doc = include_str!("LOSSES.md")]
///
/// # Example
///
/// ```
/// use amp_pool_core::format::{Field, Format, Losses};
///
/// let mut losses = Losses::new(Format::Chat);
/// losses.dropped("seed", "")?;
/// losses.adjusted(Field::Temperature, "clamped to 1")?;
/// losses.dropped("seed", "")?;
/// assert_eq!(losses.dropped_header().as_deref(), Some("seed"));
/// assert_eq!(losses.adjusted_header().as_deref(), Some("temperature (clamped to 1)"));
///
/// let mut strict = Losses::strict(Format::Chat);
/// assert_eq!(strict.dropped("seed", "").unwrap_err().field.as_deref(), Some("seed"));
/// # Ok::<_, amp_pool_core::format::Reject>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Losses {
    client: Format,
    is_strict: bool,
    all: Vec<Loss>,
    /// Whether there were more than are told one by one.
    has_more: bool,
}

impl Losses {
    /// Nothing lost yet of a body in the format of `client`.
    #[must_use]
    pub fn new(client: Format) -> Self {
        Self { client, is_strict: false, all: Vec::new(), has_more: false }
    }

    /// The same, for a route where nothing may be lost.
    #[must_use]
    pub fn strict(client: Format) -> Self {
        Self { is_strict: true, ..Self::new(client) }
    }

    /// Whether nothing may be lost.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// What was lost, in the order in which it was found.
    #[must_use]
    pub fn all(&self) -> &[Loss] {
        &self.all
    }

    /// Adds what was lost elsewhere, such as on the way back.
    pub fn join(&mut self, other: &Self) {
        for loss in &other.all {
            self.note(loss.clone());
        }
    }

    /// Reports that `field` is not sent.
    ///
    /// # Errors
    /// On a strict route.
    pub fn dropped(&mut self, field: impl Into<Place>, note: impl Into<Cow<'static, str>>) -> Result<(), Reject> {
        self.add(field.into(), LossKind::Dropped, note.into())
    }

    /// Reports that `field` is sent by another value or in another place.
    ///
    /// # Errors
    /// On a strict route.
    pub fn adjusted(&mut self, field: impl Into<Place>, note: impl Into<Cow<'static, str>>) -> Result<(), Reject> {
        self.add(field.into(), LossKind::Adjusted, note.into())
    }

    /// A refusal because of `field`, by the name the client knows it under.
    #[must_use]
    pub fn reject(&self, field: impl Into<Place>, message: impl Into<String>) -> Reject {
        Reject::field(field.into().name(self.client), message)
    }

    /// The value of `x-amp-dropped`: fields by comma. `None` when nothing was dropped.
    #[must_use]
    pub fn dropped_header(&self) -> Option<String> {
        self.header(LossKind::Dropped)
    }

    /// The value of `x-amp-adjusted`: fields by comma, each with what was done. `None` when nothing was.
    #[must_use]
    pub fn adjusted_header(&self) -> Option<String> {
        self.header(LossKind::Adjusted)
    }

    fn add(&mut self, field: Place, kind: LossKind, note: Cow<'static, str>) -> Result<(), Reject> {
        let field = field.name(self.client);
        if self.is_strict {
            let done = if kind == LossKind::Dropped { "dropped" } else { "adjusted" };
            let why = if note.is_empty() { String::new() } else { format!(": {note}") };
            return Err(Reject::field(field.clone(), format!("`{field}` would be {done} on a strict route{why}")));
        }
        self.note(Loss { field, kind, note });
        Ok(())
    }

    fn note(&mut self, loss: Loss) {
        if self.all.len() >= MOST {
            self.has_more = true;
            return;
        }
        let is_known = self.all.iter().any(|known| known.kind == loss.kind && known.field == loss.field);
        if !is_known {
            self.all.push(loss);
        }
    }

    /// Cut between fields when it grows too long, with the number of those that are left out.
    fn header(&self, kind: LossKind) -> Option<String> {
        let told: Vec<String> = self.all.iter().filter(|loss| loss.kind == kind).map(told).collect();
        let mut header = String::new();
        for (at, text) in told.iter().enumerate() {
            if header.len() + text.len() > HEADER_MAX {
                let (rest, least) = (told.len() - at, if self.has_more { ", at least" } else { "" });
                let more = match header.is_empty() {
                    true => format!("{rest} fields{least}"),
                    false => format!(", and {rest} more{least}"),
                };
                return Some(header + &more);
            }
            header.push_str(if at == 0 { "" } else { ", " });
            header.push_str(text);
        }
        (!header.is_empty()).then_some(header)
    }
}

/// One loss for a header: visible ASCII only, whatever the client called its fields.
fn told(loss: &Loss) -> String {
    let note = if loss.note.is_empty() { String::new() } else { format!(" ({})", loss.note) };
    let text = format!("{}{note}", loss.field);
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// Where something stood: a field by its meaning, or a path as the client wrote it.
///
/// ```
/// use amp_pool_core::format::{Field, Format, Losses, Place};
///
/// // A field is told to each client by the name that it knows, and a path as it wrote it.
/// let told = |client| {
///     let mut losses = Losses::new(client);
///     losses.dropped(Place::Field(Field::MaxOutput), "")?;
///     losses.dropped(Place::Path("tools[3].cache_control".into()), "")?;
///     Ok::<_, amp_pool_core::format::Reject>(losses.dropped_header())
/// };
/// assert_eq!(told(Format::Messages)?.as_deref(), Some("max_tokens, tools[3].cache_control"));
/// assert_eq!(told(Format::Responses)?.as_deref(), Some("max_output_tokens, tools[3].cache_control"));
/// # Ok::<_, amp_pool_core::format::Reject>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A field that has a name in each format.
    Field(Field),
    /// A path, such as `tools[3].cache_control`.
    Path(Cow<'static, str>),
}

impl Place {
    fn name(self, client: Format) -> Cow<'static, str> {
        match self {
            Self::Field(field) => field.name(client).into(),
            Self::Path(path) => path,
        }
    }
}

impl From<Field> for Place {
    fn from(field: Field) -> Self {
        Self::Field(field)
    }
}

impl From<&'static str> for Place {
    fn from(path: &'static str) -> Self {
        Self::Path(path.into())
    }
}

impl From<String> for Place {
    fn from(path: String) -> Self {
        Self::Path(path.into())
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $chat:literal, $messages:literal, $responses:literal;)*) => {
        /// A member of a request by what it means. A writer knows the meaning; the client knows its name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What it is called in a body of `format`, or was meant by when that format has no such member.
            #[must_use]
            pub const fn name(self, format: Format) -> &'static str {
                match (self, format) {
                    $((Self::$name, Format::Chat) => $chat,
                    (Self::$name, Format::Messages) => $messages,
                    (Self::$name, Format::Responses) => $responses,)*
                }
            }
        }
    };
}

fields! {
    /// The conversation.
    Turns: "messages", "messages", "input";
    /// System text.
    System: "messages", "system", "instructions";
    /// Images.
    Images: "messages[].content[].image_url", "messages[].content[].image", "input[].content[].input_image";
    /// How closely an image is looked at.
    Detail: "messages[].content[].image_url.detail", "messages[].content[].image", "input[].content[].detail";
    /// Documents.
    Documents: "messages[].content[].file", "messages[].content[].document", "input[].content[].input_file";
    /// Sounds.
    Audio: "messages[].content[].input_audio", "messages[].content[].audio", "input[].content[].input_audio";
    /// Reasoning in the history.
    Thoughts: "messages[].reasoning_content", "messages[].thinking", "input[].reasoning";
    /// Calls in the history.
    Calls: "messages[].tool_calls", "messages[].tool_use", "input[].function_call";
    /// Results in the history.
    Results: "messages[].tool", "messages[].tool_result", "input[].function_call_output";
    /// Steps of hosted tools in the history.
    HostedSteps: "messages[].content", "messages[].server_tool_use", "input[].hosted";
    /// Tools.
    Tools: "tools", "tools", "tools";
    /// Strictness of tools.
    StrictTools: "tools[].function.strict", "tools[].strict", "tools[].strict";
    /// The search of the web.
    WebSearch: "web_search_options", "tools", "tools";
    /// How much of what is found is read.
    SearchContext: "web_search_options.search_context_size", "tools[]", "tools[].search_context_size";
    /// The choice among tools.
    ToolChoice: "tool_choice", "tool_choice", "tool_choice";
    /// Whether calls may be parallel.
    ParallelTools: "parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "parallel_tool_calls";
    /// The limit of output.
    MaxOutput: "max_completion_tokens", "max_tokens", "max_output_tokens";
    /// Temperature.
    Temperature: "temperature", "temperature", "temperature";
    /// The share of probability to pick from.
    TopP: "top_p", "top_p", "top_p";
    /// The number of tokens to pick from.
    TopK: "top_k", "top_k", "top_k";
    /// Stop sequences.
    Stop: "stop", "stop_sequences", "stop";
    /// How hard to think.
    Effort: "reasoning_effort", "output_config.effort", "reasoning.effort";
    /// Whether and how long to think.
    Thinking: "reasoning_effort", "thinking", "reasoning";
    /// The shape of the answer.
    Structured: "response_format", "output_config.format", "text.format";
    /// The length of the answer.
    Verbosity: "verbosity", "verbosity", "text.verbosity";
    /// The end user.
    User: "user", "metadata.user_id", "safety_identifier";
    /// The key of the prompt cache.
    CacheKey: "prompt_cache_key", "metadata.user_id", "prompt_cache_key";
    /// Other words about the prompt cache as a whole.
    CacheHints: "prompt_cache_options", "cache_control", "prompt_cache_options";
    /// Marks of what to cache.
    CacheMarks: "messages[].prompt_cache_breakpoint", "cache_control", "input[].prompt_cache_breakpoint";
    /// The queue.
    ServiceTier: "service_tier", "service_tier", "service_tier";
    /// Free pairs.
    Metadata: "metadata", "metadata", "metadata";
    /// Whether the provider keeps the answer.
    Store: "store", "store", "store";
    /// Probabilities of tokens.
    Logprobs: "logprobs", "logprobs", "include";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_told_by_the_name_the_client_gave_it() {
        let check = |client, expected: &str| {
            let mut losses = Losses::new(client);
            losses.dropped(Field::MaxOutput, "").unwrap();
            assert_eq!(losses.dropped_header().as_deref(), Some(expected));
            assert_eq!(losses.reject(Field::MaxOutput, "no").field.as_deref(), Some(expected));
        };
        check(Format::Chat, "max_completion_tokens");
        check(Format::Messages, "max_tokens");
        check(Format::Responses, "max_output_tokens");
    }

    #[test]
    fn a_header_is_bounded_and_says_how_much_is_left_out() {
        let mut losses = Losses::new(Format::Chat);
        for n in 0..200 {
            losses.dropped(format!("field_{n:03}"), "").unwrap();
        }
        let header = losses.dropped_header().unwrap();

        assert!(header.len() < HEADER_MAX + 300, "{}", header.len());
        assert!(header.starts_with("field_000, field_001, "));
        assert!(header.ends_with("more"), "{header}");
        assert_eq!(losses.adjusted_header(), None);
    }

    #[test]
    fn a_million_names_cost_no_more_than_anybody_reads() {
        let mut losses = Losses::new(Format::Chat);
        for n in 0..1_000_000 {
            losses.dropped(format!("field_{n}"), "").unwrap();
        }

        assert_eq!(losses.all().len(), MOST);
        assert!(losses.dropped_header().unwrap().ends_with(" more, at least"));
    }

    #[test]
    fn a_header_holds_nothing_that_would_break_it() {
        let mut losses = Losses::new(Format::Chat);
        losses.dropped("a\r\nset-cookie: é".to_owned(), "").unwrap();

        assert_eq!(losses.dropped_header().as_deref(), Some("a??set-cookie: ?"));
    }

    #[test]
    fn a_name_that_fills_the_header_alone_is_only_counted() {
        let mut losses = Losses::new(Format::Chat);
        losses.dropped("x".repeat(HEADER_MAX + 1), "").unwrap();

        assert_eq!(losses.dropped_header().as_deref(), Some("1 fields"));
    }
}
