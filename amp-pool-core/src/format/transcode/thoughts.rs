//! Thoughts on their way through a client of another format.
//!
//! There: what we wrapped is unwrapped; what does not go home is taken out. Back: every thought gets one proof at its
//! end, wrapped by us, and with it all that is needed to give the thought back as it was.

use super::{Translation, WayBack, answer::Stage, seal::Sealed};
use crate::format::{
    Field, Losses, Reject,
    canonical::{BlockKind, Delta, Event, Issuer, Part, Proof, ProofKind, Request, Thought, ThoughtKind},
};

/// Unwraps the thoughts that the upstream can check, strips the proofs of all others, and drops those of which nothing
/// is left. A stripped thought keeps its text: some upstreams want it, and each writer knows.
pub(super) fn resolve(request: &mut Request, translation: &Translation, losses: &mut Losses) -> Result<(), Reject> {
    let mut is_lost = false;
    for turn in &mut request.turns {
        for part in &mut turn.parts {
            match part {
                Part::Thought(thought) => is_lost |= !restore(thought, translation),
                Part::Call(call) => call.proof = call.proof.take().and_then(|proof| home(&proof, translation)),
                _ => {}
            }
        }
        turn.parts.retain(|part| !matches!(part, Part::Thought(thought) if is_nothing(thought)));
    }
    if is_lost { losses.dropped(Field::Thoughts, "not made by this upstream") } else { Ok(()) }
}

/// Gives the thought back as the upstream made it. False when its proof had to go.
fn restore(thought: &mut Thought, translation: &Translation) -> bool {
    let Some(proof) = thought.proof.take() else { return true };
    let Some(sealed) = translation.seal.unwrap(&proof.data) else { return false };
    // Without a proof of the provider's there is nothing that could be refused, whoever made it.
    let is_home = sealed.issuer == translation.issuer || sealed.kind == ProofKind::Text;
    thought.paragraphs.clone_from(&sealed.text);
    thought.kind = sealed.shape;
    if is_home && sealed.kind != ProofKind::Text {
        thought.proof = Some(sealed.proof());
    }
    is_home
}

fn home(proof: &Proof, translation: &Translation) -> Option<Proof> {
    let sealed = translation.seal.unwrap(&proof.data)?;
    (sealed.issuer == translation.issuer).then(|| sealed.proof())
}

fn is_nothing(thought: &Thought) -> bool {
    thought.proof.is_none() && thought.paragraphs.iter().all(String::is_empty)
}

/// The stage that wraps what proves a thought.
pub(super) struct Sealing {
    seal: super::SealKey,
    issuer: Issuer,
    is_hidden: bool,
    /// The thoughts that are open, by block.
    open: Vec<(u32, Thought)>,
}

impl Sealing {
    pub(super) fn new(back: &WayBack) -> Self {
        Self {
            seal: back.seal.clone(),
            issuer: back.issuer.clone(),
            is_hidden: back.is_reasoning_hidden,
            open: Vec::new(),
        }
    }

    fn thought(&mut self, index: u32) -> Option<&mut Thought> {
        self.open.iter_mut().find(|(open, _)| *open == index).map(|(_, thought)| thought)
    }

    /// Takes what a thought says. True when the client is to see it.
    fn hear(&mut self, index: u32, delta: &Delta) -> bool {
        let is_shown = !self.is_hidden;
        let Some(thought) = self.thought(index) else { return true };
        match delta {
            Delta::Text(more) => match thought.paragraphs.last_mut() {
                Some(last) => last.push_str(more),
                None => thought.paragraphs.push(more.clone()),
            },
            Delta::Paragraph => thought.paragraphs.push(String::new()),
            Delta::Proof(proof) => {
                thought.proof = Some(proof.clone());
                return false;
            }
            Delta::Input(_) | Delta::Citation(_) | Delta::Logprobs(_) => {}
        }
        is_shown
    }

    /// Wraps the thought that ends. One that was cut is proved by nothing.
    fn close(&mut self, index: u32, is_complete: bool) -> Option<Event> {
        let at = self.open.iter().position(|(open, _)| *open == index)?;
        let (_, thought) = self.open.swap_remove(at);
        let (kind, data) = match thought.proof {
            Some(proof) => (proof.kind, proof.data),
            None => (ProofKind::Text, String::new()),
        };
        let sealed = Sealed { issuer: self.issuer.clone(), kind, shape: thought.kind, text: thought.paragraphs, data };
        let data = self.seal.wrap(&sealed);
        let proof = Proof { kind, data, issuer: Some(self.issuer.clone()) };
        is_complete.then_some(Event::Delta { index, delta: Delta::Proof(proof) })
    }

    fn wrap_call(&self, mut proof: Proof) -> Proof {
        let Proof { kind, data, .. } = proof.clone();
        let shape = ThoughtKind::Summary;
        proof.data = self.seal.wrap(&Sealed { issuer: self.issuer.clone(), kind, shape, text: Vec::new(), data });
        proof
    }
}

impl Stage for Sealing {
    fn pass(&mut self, mut event: Event, out: &mut Vec<Event>) {
        match &mut event {
            Event::BlockStarted { index, kind: BlockKind::Thought(kind) } => {
                self.open.push((*index, Thought { kind: *kind, ..Thought::default() }));
            }
            Event::BlockStarted { kind: BlockKind::Call(call), .. } => {
                call.proof = call.proof.take().map(|proof| self.wrap_call(proof));
            }
            Event::Delta { index, delta } if !self.hear(*index, delta) => return,
            Event::BlockEnded { index, is_complete } => out.extend(self.close(*index, *is_complete)),
            _ => {}
        }
        out.push(event);
    }
}
