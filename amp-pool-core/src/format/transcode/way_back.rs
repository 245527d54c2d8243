//! What the way back needs to know of the way there.

use std::collections::BTreeSet;

use super::{Ids, SealKey, Translation, codec, explain, gather, names::Names, reading::Reading};
use crate::{
    format::{
        Format, Losses, Problem,
        canonical::{Collected, Issuer, Member, Request},
        capability::Dialect,
        error_body,
    },
    time::Timestamp,
};

/// What the answer owes to its request: names to restore, choices of the client, ids.
///
/// Made with the request and used for one answer, whole or streamed.
#[derive(Debug, Clone)]
pub struct WayBack {
    pub(in crate::format) client: Format,
    pub(in crate::format) upstream: Format,
    /// How the upstream deviates.
    pub(in crate::format) dialect: &'static Dialect,
    /// Makes the ids that the client sees.
    pub(in crate::format) ids: Ids,
    pub(in crate::format) created: Timestamp,
    /// The model as the client knows it.
    pub(in crate::format) model: String,
    /// Whether the client of a Chat stream asked for the chunk of usage.
    pub(in crate::format) include_usage: bool,
    /// Whether a Responses client asked for `reasoning.encrypted_content`.
    pub(in crate::format) include_encrypted: bool,
    /// Whether the client wants no text of the reasoning, or the operator shows none.
    pub(in crate::format) is_reasoning_hidden: bool,
    /// Whether commentary is reasoning to a Chat client.
    pub(in crate::format) commentary_as_reasoning: bool,
    /// What a Responses answer repeats of its request.
    pub(in crate::format) echo: Vec<Member>,
    /// What a stream says it read before the truth is known. Never 0.
    pub(in crate::format) expected_input: u64,
    /// Names of tools that had to be changed.
    pub(in crate::format) names: Names,
    /// Custom tools that were sent as functions, by the name that was sent.
    pub(in crate::format) customs: BTreeSet<String>,
    /// The function whose input is the text of the answer, when a schema had to be forced that way.
    pub(in crate::format) text_tool: Option<String>,
    /// Stop sequences that the upstream does not look for.
    pub(in crate::format) stops: Vec<String>,
    /// Whether a turn that pauses can be sent back to be continued.
    pub(in crate::format) may_pause: bool,
    pub(in crate::format) seal: SealKey,
    pub(in crate::format) issuer: Issuer,
}

/// A whole answer for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The HTTP status.
    pub status: u16,
    /// The body, in the client's format.
    pub body: Vec<u8>,
    /// What of the answer had no place in the client's format.
    pub losses: Losses,
}

impl WayBack {
    pub(in crate::format) fn new(translation: &Translation, request: &Request) -> Self {
        Self {
            client: translation.client,
            upstream: translation.upstream,
            dialect: translation.dialect,
            ids: Ids::of(translation.call),
            created: translation.created,
            model: translation.asked_model.clone(),
            include_usage: request.include_usage,
            include_encrypted: request.include.iter().any(|include| include == "reasoning.encrypted_content"),
            is_reasoning_hidden: request.reasoning.is_hidden || !translation.policy.show_reasoning,
            commentary_as_reasoning: translation.policy.commentary_as_reasoning,
            echo: request.echo.clone(),
            expected_input: 1,
            names: Names::default(),
            customs: BTreeSet::new(),
            text_tool: None,
            stops: Vec::new(),
            may_pause: false,
            seal: translation.seal.clone(),
            issuer: translation.issuer.clone(),
        }
    }

    /// Whether the upstream's turn may pause, and be continued by what [`Pausing`](crate::format::Pausing) makes of it.
    #[must_use]
    pub fn may_pause(&self) -> bool {
        self.may_pause
    }

    /// What the client speaks.
    #[must_use]
    pub fn client(&self) -> Format {
        self.client
    }

    /// What the upstream speaks.
    #[must_use]
    pub fn upstream(&self) -> Format {
        self.upstream
    }

    pub(super) fn expect_input(&mut self, tokens: u64) {
        self.expected_input = tokens.max(1);
    }

    /// Translates an answer that came whole, or a stream for a client that wants it whole.
    ///
    /// An upstream's error, whatever status it came under, becomes an error of the client's format.
    #[must_use]
    pub fn whole(&self, status: u16, body: &[u8]) -> Whole {
        if status >= 400 {
            return self.error(status, body);
        }
        let (mut reading, mut events) = (Reading::new(self), Vec::new());
        reading.feed(body, &mut events);
        reading.finish(self, &mut events);
        gather::answer(self, events)
    }

    pub(super) fn written(&self, answer: &Collected) -> Whole {
        match codec::write_answer(answer, self) {
            Ok(body) => Whole { status: 200, body, losses: Losses::new(self.client) },
            Err(failure) => self.refusal(&explain::explain(None, &failure)),
        }
    }

    /// Translates an upstream's error answer.
    #[must_use]
    pub fn error(&self, status: u16, body: &[u8]) -> Whole {
        self.refusal(&explain::read(status, body))
    }

    pub(super) fn refusal(&self, said: &explain::Explained) -> Whole {
        let call = self.ids.call();
        let status = said.status_for(self.client);
        self.refused(&Problem { status, ..said.problem(&call) })
    }

    pub(super) fn refused(&self, problem: &Problem<'_>) -> Whole {
        Whole { status: problem.status, body: error_body(self.client, problem), losses: Losses::new(self.client) }
    }
}
