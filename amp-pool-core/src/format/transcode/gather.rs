//! The way back of an answer that the client wants whole: bytes in, one body out.

use super::{
    WayBack, Whole,
    explain::{self, Explained},
    memory::{Memo, Notes},
    reading::Reading,
    unsaid,
};
use crate::format::{
    Losses, Problem,
    canonical::{Collected, Event},
};

/// Gathers an answer, whether it comes whole or as a stream, for a client that wants it whole.
///
/// Frames may be cut anywhere. An upstream that breaks off, or fails in the middle, gives an error of the client's format
/// with a status of its own: nothing has been sent yet.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     format::{Format, Gatherer, Sent, WayBack, Whole},
///     testkit,
/// };
///
/// let translation = testkit::translation(Format::Chat, Format::Messages, "anthropic", "claude-sonnet-4-5");
/// let Sent { back, .. } = translation.request(br#"{"model":"x","messages":[{"role":"user","content":"hi"}]}"#)?;
/// let back: WayBack = back;
/// assert_eq!((back.client(), back.upstream()), (Format::Chat, Format::Messages));
///
/// // The frames may be cut anywhere.
/// let mut gatherer = Gatherer::new(back);
/// gatherer.feed(br#"{"id":"m1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","#);
/// gatherer.feed(br#""text":"Hello!"}],"stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":3}}"#);
/// let Whole { status, body, .. } = gatherer.finish().ok_or("it is whole")?;
/// assert_eq!(status, 200);
/// assert!(String::from_utf8_lossy(&body).contains(r#""content":"Hello!""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Gatherer {
    back: WayBack,
    reading: Reading,
    events: Vec<Event>,
    memos: Vec<(String, Memo)>,
}

impl Gatherer {
    /// A gatherer at the beginning of an answer that came under a good status.
    #[must_use]
    pub fn new(back: WayBack) -> Self {
        Self { reading: Reading::new(&back), back, events: Vec::new(), memos: Vec::new() }
    }

    /// Takes a frame of the upstream.
    pub fn feed(&mut self, frame: &[u8]) {
        self.reading.feed(frame, &mut self.events);
    }

    /// The upstream closed the connection.
    ///
    /// `None`: the turn has only paused, and is to be sent back. What comes of that is fed after
    /// [`resume`](Self::resume).
    pub fn finish(&mut self) -> Option<Whole> {
        self.reading.finish(&self.back, &mut self.events);
        if self.reading.is_paused() {
            return None;
        }
        let mut notes = Notes::new(&self.back);
        self.events.iter().for_each(|event| notes.look(event));
        self.memos = notes.take();
        Some(answer(&self.back, std::mem::take(&mut self.events)))
    }

    /// What the client can not carry and has to be remembered for it, by the ids of its calls. Given once, at the end.
    pub fn memos(&mut self) -> Vec<(String, Memo)> {
        std::mem::take(&mut self.memos)
    }

    /// Begins the next pass of a turn that paused.
    pub fn resume(&mut self) {
        self.reading.resume(&self.back);
    }

    /// Gives the answer up for an error of ours.
    #[must_use]
    pub fn fail(&self, problem: &Problem<'_>) -> Whole {
        self.back.refused(problem)
    }
}

/// The answer of events that have passed all stages.
pub(super) fn answer(back: &WayBack, events: Vec<Event>) -> Whole {
    let events = match one_answer(events) {
        Ok(events) => events,
        Err(said) => return back.refusal(&said),
    };
    let mut losses = Losses::new(back.client());
    events.iter().for_each(|event| unsaid::look(event, back.client(), &mut losses));
    let answer = Collected::of(events);
    match &answer.failure {
        Some(failure) => back.refusal(&explain::explain(None, failure)),
        None if answer.finish.is_none() => back.refusal(&Explained::cut()),
        None => Whole { losses, ..back.written(&answer) },
    }
}

/// The events up to the first end. Refuses what a proxy that tried again has spliced together, as a stream does.
fn one_answer(mut events: Vec<Event>) -> Result<Vec<Event>, Explained> {
    let is_end = |event: &Event| matches!(event, Event::Finished(_) | Event::Failed(_));
    let length = events.iter().position(is_end).map_or(events.len(), |end| end + 1);
    events.truncate(length);
    let starts = events.iter().filter(|event| matches!(event, Event::Started(_))).count();
    if starts > 1 { Err(Explained::spliced()) } else { Ok(events) }
}
