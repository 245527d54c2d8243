//! What a client's format has no place for, kept from one answer to the next request.
//!
//! A client that returns a call returns its id, whatever else it leaves out. Under that id stands what was thought before
//! the call and the proof of the call itself, sealed, as they would travel through a client that could carry them. Who
//! forgets costs reasoning, never an answer.

use super::{Translation, WayBack};
use crate::format::{
    Format,
    canonical::{BlockKind, Call, Delta, Event, Part, Proof, ProofKind, Request, Thought, Turn},
    capability::ReplayReasoning,
};

/// What is remembered of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memo {
    /// What was thought since the call before it, sealed.
    thoughts: Vec<String>,
    /// The proof of the call, sealed.
    proof: Option<String>,
}

impl Memo {
    #[cfg(test)]
    pub(crate) fn of_thoughts(thoughts: Vec<String>) -> Self {
        Self { thoughts, proof: None }
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.thoughts.iter().chain(&self.proof).map(String::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.thoughts.is_empty() && self.proof.is_none()
    }
}

/// Remembers memos of one tenant by the ids of calls, as the client knows them.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::collections::HashMap;
///
/// use amp_pool_core::{
///     format::{Aids, Format, Gatherer, Memo, Memory},
///     testkit,
/// };
///
/// struct Kept(HashMap<String, Memo>);
///
/// impl Memory for Kept {
///     fn recall(&self, call: &str) -> Option<Memo> {
///         self.0.get(call).cloned()
///     }
/// }
///
/// // A Chat client has no place for the signed thoughts of a Messages model.
/// let translation = testkit::translation(Format::Chat, Format::Messages, "anthropic", "claude-sonnet-4-5");
/// let asked = br#"{"model":"x","reasoning_effort":"high","messages":[{"role":"user","content":"hi"}],
///     "tools":[{"type":"function","function":{"name":"clock","parameters":{"type":"object"}}}]}"#;
/// let mut gatherer = Gatherer::new(translation.request(asked)?.back);
/// gatherer.feed(br#"{"id":"m1","type":"message","role":"assistant","model":"m","content":[
///     {"type":"thinking","thinking":"What time is it?","signature":"c2lnbmVk"},
///     {"type":"tool_use","id":"toolu_1","name":"clock","input":{}}],
///     "stop_reason":"tool_use","usage":{"input_tokens":9,"output_tokens":3}}"#);
/// gatherer.finish().ok_or("it is whole")?;
/// let memory = Kept(gatherer.memos().into_iter().collect());
/// let (call, memo) = memory.0.iter().next().ok_or("there is something to keep")?;
/// assert!(memo.size() > 0);
///
/// // The client returns the id of its call and nothing of the thought, which the upstream gets all the same.
/// let next = format!(
///     r#"{{"model":"x","reasoning_effort":"high","messages":[{{"role":"user","content":"hi"}},
///     {{"role":"assistant","content":null,"tool_calls":[
///         {{"id":"{call}","type":"function","function":{{"name":"clock","arguments":"{{}}"}}}}]}},
///     {{"role":"tool","tool_call_id":"{call}","content":"noon"}}],
///     "tools":[{{"type":"function","function":{{"name":"clock","parameters":{{"type":"object"}}}}}}]}}"#
/// );
/// let aids = Aids { memory: Some(&memory), ..Aids::default() };
/// let sent = translation.request_by(aids, next.as_bytes())?;
/// assert!(String::from_utf8_lossy(&sent.body).contains(r#""signature":"c2lnbmVk""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Memory {
    /// What is remembered of the call, if anything still is.
    fn recall(&self, call: &str) -> Option<Memo>;
}

/// Takes down what the client can not carry of an answer.
#[derive(Debug, Default)]
pub(super) struct Notes {
    has_thoughts: bool,
    /// What was thought since the last call.
    thoughts: Vec<String>,
    memos: Vec<(String, Memo)>,
}

impl Notes {
    pub(super) fn new(back: &WayBack) -> Self {
        // A Chat message has no place for proofs, and a Responses client gets them only if it asked.
        let has_thoughts =
            back.client() == Format::Chat || (back.client() == Format::Responses && !back.include_encrypted);
        Self { has_thoughts, ..Self::default() }
    }

    /// Looks at an event that has passed all stages: ids are the client's, proofs are sealed.
    pub(super) fn look(&mut self, event: &Event) {
        match event {
            Event::Delta { delta: Delta::Proof(proof), .. } if self.has_thoughts => {
                self.thoughts.push(proof.data.clone());
            }
            Event::BlockStarted { kind: BlockKind::Call(call), .. } => self.call(call),
            _ => {}
        }
    }

    fn call(&mut self, call: &Call) {
        let proof = call.proof.as_ref().map(|proof| proof.data.clone());
        let memo = Memo { thoughts: std::mem::take(&mut self.thoughts), proof };
        if !memo.is_empty() && !call.id.is_empty() {
            self.memos.push((call.id.clone(), memo));
        }
    }

    /// What is to be remembered, by call.
    pub(super) fn take(&mut self) -> Vec<(String, Memo)> {
        std::mem::take(&mut self.memos)
    }
}

/// Gives a history back what its client could not carry, as far as this upstream made it.
pub(super) fn recall(request: &mut Request, translation: &Translation, memory: &dyn Memory) {
    for turn in &mut request.turns {
        let memos = turn.parts.iter().map(|part| match part {
            Part::Call(call) if !call.id.is_empty() => memory.recall(&call.id).unwrap_or_default(),
            _ => Memo::default(),
        });
        let memos: Vec<Memo> = memos.collect();
        if memos.iter().any(|memo| !memo.is_empty()) {
            restore(turn, memos, translation);
        }
    }
}

fn restore(turn: &mut Turn, memos: Vec<Memo>, translation: &Translation) {
    let has_proofs = |part: &Part| matches!(part, Part::Thought(thought) if thought.proof.is_some());
    let wants_thoughts = takes_thoughts(translation) && !turn.parts.iter().any(has_proofs);
    let (mut first, mut parts) = (Vec::new(), Vec::new());
    for (mut part, memo) in std::mem::take(&mut turn.parts).into_iter().zip(memos) {
        if let (Part::Call(call), Some(proof)) = (&mut part, memo.proof) {
            let proof = Proof { kind: ProofKind::CallSignature, data: proof, issuer: None };
            call.proof = call.proof.take().or(Some(proof));
        }
        let thoughts: Vec<Part> = match wants_thoughts {
            true => memo.thoughts.iter().filter_map(|sealed| thought(sealed, translation)).collect(),
            false => Vec::new(),
        };
        // A turn is thought over before its first word; between calls, what was thought stays between them.
        let place = if parts.iter().any(|part| matches!(part, Part::Call(_))) { &mut parts } else { &mut first };
        place.extend(thoughts);
        parts.push(part);
    }
    if !first.is_empty() {
        // The same thoughts without their proofs.
        parts.retain(|part| !matches!(part, Part::Thought(thought) if thought.proof.is_none()));
    }
    first.append(&mut parts);
    turn.parts = first;
}

fn takes_thoughts(translation: &Translation) -> bool {
    translation.upstream != Format::Chat || translation.dialect.replay_reasoning != ReplayReasoning::Never
}

/// The thought, still sealed, if it was made where it would go.
fn thought(sealed: &str, translation: &Translation) -> Option<Part> {
    let opened = translation.seal.unwrap(sealed).filter(|opened| opened.issuer == translation.issuer)?;
    let proof = Proof { kind: opened.kind, data: sealed.to_owned(), issuer: None };
    Some(Part::Thought(Thought { paragraphs: opened.text, kind: opened.shape, proof: Some(proof) }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::format::{
        canonical::{Collected, Finish, FinishReason, Input, Role, Started, ThoughtKind},
        transcode::{WayBack, answer::Answer, tests::translation},
    };

    struct Kept(HashMap<String, Memo>);

    impl Memory for Kept {
        fn recall(&self, call: &str) -> Option<Memo> {
            self.0.get(call).cloned()
        }
    }

    fn block(index: u32, kind: BlockKind, delta: Vec<Delta>) -> Vec<Event> {
        let mut events = vec![Event::BlockStarted { index, kind }];
        events.extend(delta.into_iter().map(|delta| Event::Delta { index, delta }));
        events.push(Event::BlockEnded { index, is_complete: true });
        events
    }

    fn thinking(index: u32, text: &str, signature: &str) -> Vec<Event> {
        let proof = Proof { kind: ProofKind::Signature, data: signature.into(), issuer: None };
        block(index, BlockKind::Thought(ThoughtKind::Summary), vec![Delta::Text(text.into()), Delta::Proof(proof)])
    }

    fn calling(index: u32, id: &str) -> Vec<Event> {
        block(index, BlockKind::function(id, "f"), vec![Delta::Input("{}".into())])
    }

    /// Two calls, each thought over.
    fn memory(sent: &Translation) -> Kept {
        let back = WayBack::new(sent, &Request::default());
        let mut events = vec![Event::Started(Started::default())];
        events.extend([thinking(0, "one", "s1"), calling(1, "a"), thinking(2, "two", "s2"), calling(3, "b")].concat());
        events.push(Event::Finished(Finish::new(FinishReason::Calls)));
        let (mut stages, mut settled) = (Answer::new(&back), Vec::new());
        events.into_iter().for_each(|event| stages.pass(event, &mut settled));
        let mut notes = Notes::new(&back);
        settled.iter().for_each(|event| notes.look(event));
        assert_eq!(Collected::of(settled).calls().count(), 2);
        Kept(notes.take().into_iter().collect())
    }

    /// The history a Chat client returns: text, then calls, and its reasoning as text.
    fn history() -> Request {
        let call = |id: &str| {
            let (id, input) = (id.to_owned(), Input::Json("{}".into()));
            Part::Call(Call { id, name: "f".into(), namespace: None, input, proof: None, cache: None })
        };
        let said = Thought { paragraphs: vec!["one".into()], kind: ThoughtKind::Raw, proof: None };
        let parts = vec![Part::Thought(said), Part::Refusal("text".into()), call("a"), call("b")];
        Request { turns: vec![Turn::new(Role::Assistant, parts)], ..Request::default() }
    }

    fn shown(request: &Request) -> Vec<String> {
        let shown = |part: &Part| match part {
            Part::Thought(thought) => format!("{} {}", thought.text(), thought.proof.is_some()),
            Part::Call(call) => call.id.clone(),
            _ => "text".into(),
        };
        request.turns[0].parts.iter().map(shown).collect()
    }

    #[test]
    fn trap_054_thoughts_come_back_signed_and_in_their_places() {
        let home = translation(Format::Chat, Format::Messages, "anthropic", "m");
        let mut request = history();
        recall(&mut request, &home, &memory(&home));

        assert_eq!(shown(&request), ["one true", "text", "a", "two true", "b"]);
    }

    #[test]
    fn what_another_upstream_thought_is_not_recalled() {
        let home = translation(Format::Chat, Format::Messages, "anthropic", "m");
        let other = translation(Format::Chat, Format::Messages, "custom", "m");
        let mut request = history();
        recall(&mut request, &other, &memory(&home));

        assert_eq!(shown(&request), ["one false", "text", "a", "b"]);
    }

    #[test]
    fn a_client_that_carries_its_thoughts_needs_no_memory_of_them() {
        let home = translation(Format::Messages, Format::Chat, "deepseek", "m");
        assert!(memory(&home).0.is_empty());
    }

    #[test]
    fn trap_061_the_signature_of_a_call_is_remembered_for_every_client() {
        for client in [Format::Messages, Format::Responses] {
            let home = translation(client, Format::Chat, "gemini", "m");
            let back = WayBack::new(&home, &Request::default());
            let BlockKind::Call(mut call) = BlockKind::function("a", "f") else { unreachable!() };
            call.proof = Some(Proof { kind: ProofKind::CallSignature, data: "sig".into(), issuer: None });
            let (mut stages, mut settled) = (Answer::new(&back), Vec::new());
            stages.pass(Event::BlockStarted { index: 0, kind: BlockKind::Call(call) }, &mut settled);
            let mut notes = Notes::new(&back);
            settled.iter().for_each(|event| notes.look(event));
            let memory = Kept(notes.take().into_iter().collect());

            let mut request = history();
            recall(&mut request, &home, &memory);
            super::super::thoughts::resolve(&mut request, &home, &mut crate::format::Losses::new(client)).unwrap();
            let proof = request.turns[0].parts.iter().find_map(|part| match part {
                Part::Call(call) if call.id == "a" => call.proof.clone(),
                _ => None,
            });
            assert_eq!(proof.map(|proof| proof.data).as_deref(), Some("sig"), "{client:?}");
        }
    }
}
