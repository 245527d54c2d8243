//! The way back of a stream: bytes in, bytes out.

use std::time::Duration;

use super::{
    WayBack,
    codec::{self, WriteEvents},
    explain::{self, Explained},
    memory::{Memo, Notes},
    reading::Reading,
    unsaid,
};
use crate::format::{Losses, Problem, canonical::Event};

/// Translates a stream for a client that wants a stream.
///
/// Frames may be cut anywhere: the bytes that come out are the same. An upstream that answers with one JSON body instead
/// is understood as well. The stream ends exactly once; whatever comes behind the end is not looked at.
///
/// ```
/// use amp_pool_core::format::Transcoder;
/// # use amp_pool_core::{format::{Format, Policy, SealKey, Translation, canonical::Issuer, capability::Dialect}, id::CallId, time::Timestamp};
/// #
/// # let seal = SealKey::derive(b"a secret", "a tenant");
/// # let translation = Translation {
/// #     client: Format::Chat,
/// #     upstream: Format::Messages,
/// #     call: CallId::new(Timestamp::from_millis(1_790_000_000_000), &[7; 10]),
/// #     created: Timestamp::from_millis(1_790_000_000_000),
/// #     model: "claude-sonnet-4-5".into(),
/// #     asked_model: "gpt-5".into(),
/// #     dialect: Dialect::find("anthropic"),
/// #     issuer: Issuer { format: Format::Messages, provider: "anthropic".into(), account: seal.tag("an account") },
/// #     seal,
/// #     policy: Policy::default(),
/// # };
/// let asked = br#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
/// let mut transcoder = Transcoder::new(translation.request(asked)?.back);
/// let mut out = Vec::new();
/// for data in [
///     r#"{"type":"message_start","message":{"id":"msg_1","model":"m","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
///     r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
///     r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#,
///     r#"{"type":"content_block_stop","index":0}"#,
///     r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#,
///     r#"{"type":"message_stop"}"#,
/// ] {
///     transcoder.feed(format!("data: {data}\n\n").as_bytes(), &mut out);
/// }
/// transcoder.finish(&mut out);
///
/// let out = String::from_utf8_lossy(&out);
/// assert!(out.contains(r#""delta":{"content":"Hello"}"#) && out.contains(r#""finish_reason":"stop""#));
/// assert!(out.ends_with("data: [DONE]\n\n"));
/// # Ok::<_, amp_pool_core::format::Reject>(())
/// ```
pub struct Transcoder {
    reading: Reading,
    writer: Box<dyn WriteEvents>,
    back: WayBack,
    place: Place,
    losses: Losses,
    notes: Notes,
}

/// Where the client's stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    Over,
}

impl Transcoder {
    /// A transcoder at the beginning of an answer.
    #[must_use]
    pub fn new(back: WayBack) -> Self {
        Self {
            reading: Reading::new(&back),
            writer: codec::writer(&back),
            losses: Losses::new(back.client()),
            notes: Notes::new(&back),
            back,
            place: Place::Before,
        }
    }

    /// Whether the client's stream has ended. The upstream may be left then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Whether the upstream's turn has only paused: it is to be sent back, and what comes of that is fed after
    /// [`resume`](Self::resume).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        !self.is_over() && self.reading.is_paused()
    }

    /// Begins the next pass of a turn that paused.
    pub fn resume(&mut self) {
        self.reading.resume(&self.back);
    }

    /// What of the answer so far had no place in the client's format.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What the client can not carry and has to be remembered for it, by the ids of its calls. Given once.
    pub fn memos(&mut self) -> Vec<(String, Memo)> {
        self.notes.take()
    }

    /// Takes a frame of the upstream, and appends to `out` what it means for the client.
    pub fn feed(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        let mut events = Vec::new();
        self.reading.feed(frame, &mut events);
        self.take(&events, out);
    }

    /// The upstream closed the connection. An answer without its last word ends in an error.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let mut events = Vec::new();
        self.reading.finish(&self.back, &mut events);
        self.take(&events, out);
        if !self.is_paused() {
            self.give_up(&Explained::cut(), out);
        }
    }

    /// Ends the stream in an error of ours, if it has not ended.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        if !self.is_over() {
            self.place = Place::Over;
            self.writer.fail(problem, out);
        }
    }

    /// Says to the client that we are still there, after `silence` without a byte.
    pub fn keep_alive(&mut self, silence: Duration, out: &mut Vec<u8>) {
        if !self.is_over() {
            self.writer.keep_alive(silence, out);
        }
    }

    fn take(&mut self, events: &[Event], out: &mut Vec<u8>) {
        events.iter().for_each(|event| self.write(event, out));
    }

    /// Writes one event, if it may still come.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        match (event, self.place) {
            (_, Place::Over) => {}
            (Event::Failed(failure), _) => self.give_up(&explain::explain(None, failure), out),
            // A proxy that tried again has spliced another answer into this one.
            (Event::Started(_), Place::Inside) => self.give_up(&Explained::spliced(), out),
            (event, _) => {
                self.notes.look(event);
                unsaid::look(event, self.back.client(), &mut self.losses);
                self.writer.write(event, out);
                match event {
                    Event::Started(_) => self.place = Place::Inside,
                    Event::Finished(_) => self.place = Place::Over,
                    _ => {}
                }
            }
        }
    }

    fn give_up(&mut self, said: &Explained, out: &mut Vec<u8>) {
        let call = self.back.ids.call();
        self.fail(&said.problem(&call), out);
    }
}
