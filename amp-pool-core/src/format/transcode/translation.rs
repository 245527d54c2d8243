//! The way there: a client's body becomes the upstream's.

use serde::{Deserialize, Serialize};

use super::{Memory, SealKey, WayBack, call_ids, codec, count, inline, memory, stops, thoughts, tools, turns};
use crate::{
    format::{
        Field, Format, Losses, Reject,
        canonical::{Issuer, Request, Thinking, Tool},
        capability::{Dialect, Model},
    },
    id::CallId,
    time::Timestamp,
};

/// One translation: from whom to whom, and what both sides are.
///
/// Everything that is not in the bodies is here; two calls with equal values give equal bytes.
///
/// ```
/// use amp_pool_core::{format::{Format, Policy, SealKey, Translation, canonical::Issuer, capability::Dialect}, id::CallId, time::Timestamp};
///
/// let seal = SealKey::derive(b"a secret", "a tenant");
/// let translation = Translation {
///     client: Format::Chat,
///     upstream: Format::Messages,
///     call: CallId::new(Timestamp::from_millis(1_790_000_000_000), &[7; 10]),
///     created: Timestamp::from_millis(1_790_000_000_000),
///     model: "claude-sonnet-4-5".into(),
///     asked_model: "gpt-5".into(),
///     dialect: Dialect::find("anthropic"),
///     issuer: Issuer { format: Format::Messages, provider: "anthropic".into(), account: seal.tag("an account") },
///     seal,
///     policy: Policy::default(),
/// };
/// let asked = br#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"temperature":1.4,"seed":7}"#;
/// let sent = translation.request(asked)?;
///
/// assert_eq!(sent.path, "/v1/messages");
/// assert!(String::from_utf8_lossy(&sent.body).contains(r#""temperature":1.0"#));
/// assert_eq!(sent.losses.dropped_header().as_deref(), Some("seed"));
/// assert_eq!(sent.losses.adjusted_header().as_deref(), Some("temperature (clamped to 1)"));
///
/// // What no upstream of the other format can give is refused before anything is sent.
/// let spoken = br#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"n":2}"#;
/// assert_eq!(translation.request(spoken).unwrap_err().field.as_deref(), Some("n"));
/// # Ok::<_, amp_pool_core::format::Reject>(())
/// ```
#[derive(Debug, Clone)]
pub struct Translation {
    /// What the client speaks.
    pub client: Format,
    /// What the upstream speaks.
    pub upstream: Format,
    /// The call. Ids in the answer are made of it.
    pub call: CallId,
    /// When the answer says it was made.
    pub created: Timestamp,
    /// The model, by the upstream's name.
    pub model: String,
    /// The model, by the name that the client asked for and reads in the answer.
    pub asked_model: String,
    /// How the upstream deviates.
    pub dialect: &'static Dialect,
    /// Who will have made the proofs in the answer, and can check those in the request.
    pub issuer: Issuer,
    /// What reasoning is sealed with on its way through the client.
    pub seal: SealKey,
    /// What the operator wants.
    pub policy: Policy,
}

/// What the operator wants of translations on a route.
///
/// ```
/// use amp_pool_core::format::Policy;
///
/// let policy: Policy = serde_json::from_str(r#"{"web_search": true}"#)?;
/// assert!(policy.web_search && policy.automatic_cache && !policy.strict);
/// assert!(serde_json::from_str::<Policy>(r#"{"web": true}"#).is_err(), "a name that is none");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// Refuse what can not be carried whole.
    pub strict: bool,
    /// Let the provider search the web when a client asks for it.
    pub web_search: bool,
    /// Ask Messages upstreams for prompt caching when the client's format has no way to.
    pub automatic_cache: bool,
    /// Show clients the model's reasoning.
    pub show_reasoning: bool,
    /// Show Chat clients what a Responses model says on its way as reasoning, not as the answer.
    pub commentary_as_reasoning: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strict: false,
            web_search: false,
            automatic_cache: true,
            show_reasoning: true,
            commentary_as_reasoning: false,
        }
    }
}

/// What a translation may use beside what it is told of both sides.
#[derive(Default, Clone, Copy)]
pub struct Aids<'a> {
    /// Ask the upstream for a stream, whatever the client wants: an answer that grows looks dead to nobody between.
    pub always_stream: bool,
    /// What earlier answers had to say that the client's format has no place for.
    pub memory: Option<&'a dyn Memory>,
}

/// A request in the upstream's format.
#[derive(Debug)]
pub struct Sent {
    /// The body.
    pub body: Vec<u8>,
    /// Where it goes, below the upstream's root: `/v1/messages`.
    pub path: &'static str,
    /// What could not be carried.
    pub losses: Losses,
    /// What the answer needs.
    pub back: WayBack,
}

impl Translation {
    /// What the model can take. `None`: nobody told us of it.
    #[must_use]
    pub fn model_row(&self) -> Option<&'static Model> {
        Model::find(&self.model)
    }

    /// Translates a request.
    ///
    /// # Errors
    /// [`Reject`] when the answer would be wrong or a guarantee broken, or anything is lost on a strict route. Nothing
    /// must be sent then.
    pub fn request(&self, body: &[u8]) -> Result<Sent, Reject> {
        self.request_by(Aids::default(), body)
    }

    /// Translates a request with more means than the two bodies.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn request_by(&self, aids: Aids<'_>, body: &[u8]) -> Result<Sent, Reject> {
        let mut losses = self.losses();
        let mut request = codec::read_request(self.client, body, &mut losses)?;
        let mut back = WayBack::new(self, &request);
        refuse_silence(self.client, &request)?;
        request.model.clone_from(&self.model);
        request.stream |= aids.always_stream;
        if let Some(memory) = aids.memory {
            memory::recall(&mut request, self, memory);
        }
        self.fit(&mut request, &mut losses, &mut back)?;
        back.expect_input(count::tokens(&request));
        back.may_pause = self.upstream == Format::Messages && request.tools.iter().any(runs_there);
        let body = codec::write_request(&request, self, &mut losses, &mut back)?;
        Ok(Sent { body, path: self.upstream.path(), losses, back })
    }

    /// A limit above what the model writes is refused by some providers.
    fn clamp_output(&self, request: &mut Request, losses: &mut Losses) -> Result<(), Reject> {
        let Some(most) = self.model_row().and_then(|row| row.max_output) else { return Ok(()) };
        match &mut request.max_output {
            Some(asked) if *asked > most => {
                *asked = most;
                losses.adjusted(Field::MaxOutput, format!("clamped to {most}"))
            }
            _ => Ok(()),
        }
    }

    fn losses(&self) -> Losses {
        if self.policy.strict { Losses::strict(self.client) } else { Losses::new(self.client) }
    }

    /// Thinking that is switched off has no level.
    fn quieten(request: &mut Request, losses: &mut Losses) -> Result<(), Reject> {
        let is_off = request.reasoning.thinking == Some(Thinking::Disabled);
        match request.reasoning.effort.take_if(|_| is_off) {
            Some(_) => losses.dropped(Field::Effort, "thinking is disabled"),
            None => Ok(()),
        }
    }

    /// The passes, each of which may rely on those before it.
    fn fit(&self, request: &mut Request, losses: &mut Losses, back: &mut WayBack) -> Result<(), Reject> {
        for (name, _) in std::mem::take(&mut request.extra) {
            losses.dropped(name, "")?;
        }
        Self::quieten(request, losses)?;
        // Before the turns: what stays of the thoughts decides which turns are empty.
        thoughts::resolve(request, self, losses)?;
        turns::settle(request, losses)?;
        self.clamp_output(request, losses)?;
        tools::fit(request, self, losses, back)?;
        inline::fit(request, self, losses)?;
        // After the turns, so that every result has its call, and both get the same id.
        call_ids::fit(request, self);
        stops::fit(request, self, losses, back)
    }
}

/// Whether the provider runs it, which may take longer than one answer.
fn runs_there(tool: &Tool) -> bool {
    matches!(tool, Tool::WebSearch(_))
}

/// A request without a word is the client's mistake in every format, and would else be answered and billed.
fn refuse_silence(client: Format, request: &Request) -> Result<(), Reject> {
    if !request.turns.is_empty() || !request.instructions.is_empty() {
        return Ok(());
    }
    let field = if client == Format::Responses { "input" } else { "messages" };
    Err(Reject::field(field, format!("`{field}` is empty: say something")))
}
