//! Reasoning, and what proves that it is the model's own.
//!
//! A proof (a signature, encrypted reasoning) is valid only where it was made: at one provider, in one account. So it
//! carries its issuer, and whoever sends it checks that it goes home.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::format::Format;

/// Reasoning of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thought {
    /// What may be read of it. Responses divides it; elsewhere it is one text. May be empty beside a proof, and is kept
    /// then: a signed thought without text is valid.
    pub paragraphs: Vec<String>,
    /// Whether the text is the reasoning itself.
    pub kind: ThoughtKind,
    /// What proves it.
    pub proof: Option<Proof>,
}

impl Thought {
    /// The text in one piece, for formats that do not divide it.
    #[must_use]
    pub fn text(&self) -> String {
        self.words().into_owned()
    }

    pub(in crate::format) fn words(&self) -> Cow<'_, str> {
        match &*self.paragraphs {
            [one] => Cow::Borrowed(one),
            paragraphs => paragraphs.join("\n\n").into(),
        }
    }
}

/// What the text of a thought is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThoughtKind {
    /// Meant to be read: Messages `thinking`, a Responses summary, what Chat answers with as `reasoning_content`.
    #[default]
    Summary,
    /// The tokens themselves: Responses `reasoning_text`, `reasoning_content` in the history of a Chat client.
    Raw,
}

/// What proves that a thought is the model's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What `data` is.
    pub kind: ProofKind,
    /// The proof, byte for byte. Between reader and seal in the form of its maker, towards a client of another format
    /// wrapped by us.
    pub data: String,
    /// Who can check it. `None`: whoever the client got it from, which in a translation is not the upstream.
    pub issuer: Option<Issuer>,
}

/// What a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofKind {
    /// Messages `signature`: over the text.
    Signature,
    /// Messages `redacted_thinking`: instead of the text.
    Redacted,
    /// Responses `encrypted_content`.
    Encrypted,
    /// Chat `reasoning_details`: a JSON list, returned unchanged.
    Details,
    /// Gemini `thought_signature`, at a call.
    CallSignature,
    /// No proof of the provider's: our own, over the text, so that a client has something to return.
    Text,
}

/// Who made a proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Issuer {
    /// The format it was made in.
    pub format: Format,
    /// The provider's id, such as `anthropic`.
    pub provider: String,
    /// A keyed hash of the account. No account names leave the pool.
    pub account: String,
}
