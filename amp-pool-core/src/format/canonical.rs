//! What a conversation is, whatever the wire format.
//!
//! Every format has a reader into this model and a writer out of it, so the six directions of translation are never
//! written out. A request is a [`Request`]. An answer is a sequence of [`Event`]s, and a whole answer is the same events
//! [`Collected`].
//!
//! Nothing here decides what may be lost: that is the work of the writers, which say it to
//! [`Losses`](super::Losses). Nothing here makes ids or reads a clock: the same request always gives the same bytes, or
//! no prompt cache would ever be hit.

mod collected;
mod event;
mod grammar;
mod json;
mod part;
mod request;
mod thought;
mod tool;
#[cfg(test)]
pub(in crate::format) mod arbitrary;

pub use collected::{Block, Collected};
pub(in crate::format) use event::end_at_failure;
pub use event::{BlockKind, Delta, Event, Finish, FinishReason, Spent, Started};
pub use grammar::{Grammar, Violation};
pub(in crate::format) use json::compact;
pub use json::{Arguments, Json};
pub use part::{
    Audio, CacheMark, Call, Citation, Document, HostedPart, Image, Input, Part, Phase, SearchResult, Source, Text,
    ToolResult,
};
pub use request::{
    CacheHints, Effort, Member, Reasoning, Request, Role, Sampling, ServiceTier, Structured, Thinking, Turn,
};
pub use thought::{Issuer, Proof, ProofKind, Thought, ThoughtKind};
pub use tool::{CustomTool, FunctionTool, NativeTool, Tool, ToolChoice, ToolKind, ToolRef, WebSearch};
