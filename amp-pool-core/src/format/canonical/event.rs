//! An answer as it comes.
//!
//! ```text
//! answer = Started , { BlockStarted(i) , { Delta(i) } , BlockEnded(i) } , ( Finished | Failed )
//! ```
//!
//! `i` counts blocks from 0 without gaps, in the order in which they start. Blocks may overlap: Chat interleaves calls
//! and Responses holds several items open. `Usage` and `Ping` may come anywhere between the first event and the last.
//! Nothing follows `Finished` or `Failed`: a reader holds the finish back until the upstream's own last word, so that
//! usage which comes late still comes before it. [`Grammar`](super::Grammar) checks all this.

use super::{Call, Citation, HostedPart, Json, Phase, Proof, ThoughtKind, part::Input};
use crate::{format::Failure, usage::Usage};

/// A step of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The answer begins. First, and once: a second beginning is a failure.
    Started(Started),
    /// A block begins.
    BlockStarted {
        /// Its number.
        index: u32,
        /// What it will be.
        kind: BlockKind,
    },
    /// A block goes on.
    Delta {
        /// Its number.
        index: u32,
        /// What is new.
        delta: Delta,
    },
    /// A block ends.
    BlockEnded {
        /// Its number.
        index: u32,
        /// False when the output was cut inside it. A cut call is never shown as a finished one.
        is_complete: bool,
    },
    /// What was used so far. Replaces what was told before.
    Usage(Spent),
    /// The answer ends as its maker wanted.
    Finished(Finish),
    /// The answer ends in an error, in the upstream's words.
    Failed(Failure),
    /// The upstream is still there.
    Ping,
}

/// Leaves out what stands behind a failure among the events from `from` on. Says whether there was one.
pub(in crate::format) fn end_at_failure(events: &mut Vec<Event>, from: usize) -> bool {
    let failure = events.iter().skip(from).position(|event| matches!(event, Event::Failed(_)));
    events.truncate(failure.map_or(events.len(), |at| from + at + 1));
    failure.is_some()
}

/// How an answer begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Started {
    /// The upstream's id of it. The first that is not empty; clients see one of ours.
    pub id: Option<String>,
    /// The upstream's name for the model.
    pub model: Option<String>,
}

/// What a block will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockKind {
    /// Text.
    Text {
        /// Whether it speaks on the way or is the answer.
        phase: Option<Phase>,
    },
    /// Words on why there is no answer.
    Refusal,
    /// Reasoning.
    Thought(ThoughtKind),
    /// A call that the client is to answer. Its input is empty here and comes in deltas, `{}` included: a reader that
    /// got none at all by the end of the block sends `{}` for a function and nothing for a custom tool.
    Call(Call),
    /// A step of a provider's own tool. Whole; no deltas follow.
    Hosted(HostedPart),
}

impl BlockKind {
    /// A call of a function whose arguments will come.
    #[must_use]
    pub fn function(id: impl Into<String>, name: impl Into<String>) -> Self {
        let input = Input::Json(String::new());
        Self::Call(Call { id: id.into(), name: name.into(), namespace: None, input, proof: None, cache: None })
    }
}

/// What is new in a block. No text is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// More text, refusal or reasoning, as the block is.
    Text(String),
    /// The next paragraph of a thought begins. Never the first thing in it.
    Paragraph,
    /// The proof of a thought. The last thing in it, once.
    Proof(Proof),
    /// More of a call's input.
    Input(String),
    /// A citation of the text so far.
    Citation(Citation),
    /// Probabilities of the tokens that come next, before their text: a JSON list.
    Logprobs(Json),
}

/// What an answer used.
///
/// ```
/// use amp_pool_core::{
///     format::canonical::{Collected, Event, Spent},
///     usage::Usage,
/// };
///
/// // Upstreams tell their usage more than once; the last word counts.
/// let so_far = |output| Spent { usage: Usage { uncached_input: 9, output, ..Usage::default() }, ..Spent::default() };
/// let answer = Collected::of([Event::Usage(so_far(1)), Event::Usage(so_far(40))]);
/// assert_eq!(answer.spent.map(|spent| spent.usage.output), Some(40));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// The tokens.
    pub usage: Usage,
    /// Searches that are billed one by one.
    pub web_searches: Option<u64>,
    /// The queue it was served from, in the upstream's word.
    pub service_tier: Option<String>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// Why.
    pub reason: FinishReason,
    /// The explanation of a refusal that is no text of the answer.
    pub explanation: Option<String>,
}

impl Finish {
    /// An end for this reason.
    #[must_use]
    pub fn new(reason: FinishReason) -> Self {
        Self { reason, explanation: None }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// All is said.
    End,
    /// A stop sequence came: which, if told.
    Stop(Option<String>),
    /// The client is to answer calls.
    Calls,
    /// The limit of output was reached.
    Length,
    /// The context is full.
    ContextFull,
    /// The model, or a filter, refused.
    Refusal {
        /// `cyber`, `bio`, …, if told.
        category: Option<String>,
    },
    /// The provider's loop of tools paused; the answer is to be sent back as it is.
    Paused,
    /// Another, in the upstream's word. Shown as [`End`](Self::End).
    Other(String),
}

impl FinishReason {
    /// Whether the output was cut, so that what came last may be half.
    #[must_use]
    pub fn cuts(&self) -> bool {
        matches!(self, Self::Length | Self::ContextFull | Self::Refusal { .. })
    }

    /// Makes reason and blocks agree: an end with calls is `Calls`, `Calls` without any
    /// is an end, and an end behind a refusal is `Refusal`. Limits are never overruled by calls.
    #[must_use]
    pub fn settled(self, has_calls: bool, has_refusal: bool) -> Self {
        match self {
            Self::End if has_refusal => Self::Refusal { category: None },
            Self::End if has_calls => Self::Calls,
            Self::Calls if !has_calls => Self::End,
            other => other,
        }
    }
}
