//! Counts what an answer used, beside the stream.
//!
//! A meter is shown every frame and gives nothing back to the stream: it can not break, delay or change traffic, and it
//! takes any bytes. How each format tells its numbers stands in the format's own folder; here is what they share.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem;

use super::{Event, Failure, Format, Scanner, chat, glance, google, messages, responses};
use crate::usage::{ServiceTerms, Usage, UsageSource};

/// A whole answer is kept up to this many bytes; a longer one is estimated.
const WHOLE_MAX: usize = 8 << 20;

/// How an answer ended, as far as it says so itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It has not said that it is over. At the end of the bytes that means it was cut.
    #[default]
    Open,
    /// It is complete.
    Finished,
    /// It told of an error.
    Failed,
}

/// Counts tokens of one answer.
///
/// ```
/// use amp_pool_core::{format::{Ending, Format, Meter}, usage::UsageSource};
/// use bytes::Bytes;
///
/// let mut meter = Meter::stream(Format::Chat);
/// meter.feed(&Bytes::from_static(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n"));
/// meter.feed(&Bytes::from_static(b"data: [DONE]\n\n"));
/// meter.finish();
///
/// assert_eq!((meter.usage().input(), meter.usage().output), (9, 2));
/// assert_eq!((meter.source(), meter.ending()), (UsageSource::Final, Ending::Finished));
/// ```
#[derive(Debug)]
pub struct Meter {
    counter: Counter,
    shape: Shape,
    tally: Tally,
    expected_input: u64,
}

#[derive(Debug)]
enum Counter {
    Chat,
    /// The only format whose numbers come in parts.
    Messages(messages::meter::Counter),
    Responses,
    /// Passed on and never translated, so that it is no [`Format`].
    Google,
}

#[derive(Debug)]
enum Shape {
    Stream { scanner: Scanner, terminal_at: Option<usize> },
    Whole(Kept),
}

/// The frames of a whole answer, as they came.
#[derive(Debug, Default)]
struct Kept {
    frames: Vec<Bytes>,
    length: usize,
}

impl Meter {
    /// A meter for a stream of events.
    #[must_use]
    pub fn stream(format: Format) -> Self {
        Self::new(format, Shape::Stream { scanner: Scanner::new(), terminal_at: None })
    }

    /// A meter for an answer in one piece. [`Format::Chat`] knows the numbers of opaque endpoints as well.
    #[must_use]
    pub fn whole(format: Format) -> Self {
        Self::new(format, Shape::Whole(Kept::default()))
    }

    /// A meter for an answer of Google's own format.
    #[must_use]
    pub fn google(is_stream: bool) -> Self {
        let meter = if is_stream { Self::stream(Format::Chat) } else { Self::whole(Format::Chat) };
        Self { counter: Counter::Google, ..meter }
    }

    fn new(format: Format, shape: Shape) -> Self {
        let counter = match format {
            Format::Chat => Counter::Chat,
            Format::Messages => Counter::Messages(messages::meter::Counter::default()),
            Format::Responses => Counter::Responses,
        };
        Self { counter, shape, tally: Tally::default(), expected_input: 0 }
    }

    /// Tells how many tokens the prompt probably has. Counts only if the provider does not tell.
    pub fn expect_input(&mut self, tokens: u64) {
        self.expected_input = tokens;
    }

    /// Shows the next frame of the answer.
    pub fn feed(&mut self, frame: &Bytes) {
        let Self { counter, shape, tally, .. } = self;
        match shape {
            Shape::Whole(kept) => kept.keep(frame, tally),
            Shape::Stream { scanner, terminal_at } => {
                *terminal_at = tally.has_ended().then_some(0);
                scanner.feed(frame, |event| {
                    counter.event(&event, tally);
                    if tally.has_ended() {
                        terminal_at.get_or_insert(event.start.unwrap_or(0));
                    }
                });
            }
        }
    }

    /// Tells that nothing more will come. Only then are whole answers read.
    pub fn finish(&mut self) {
        let Self { counter, shape, tally, .. } = self;
        match shape {
            Shape::Stream { scanner, .. } => scanner.finish(|event| counter.event(&event, tally)),
            Shape::Whole(kept) if kept.is_too_long() => tally.end(Ending::Finished),
            Shape::Whole(kept) => read_whole(counter, &kept.take(), tally),
        }
        if tally.said_last_word {
            tally.end(Ending::Finished);
        }
    }

    /// Tokens used, by the best knowledge there is now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self.source() {
            UsageSource::None => Usage::default(),
            UsageSource::Estimated => self.estimate(),
            UsageSource::Final => self.tally.told.unwrap_or_default(),
        }
    }

    /// How good that knowledge is.
    #[must_use]
    pub fn source(&self) -> UsageSource {
        let Tally { told, is_final, chars, came_whole, .. } = &self.tally;
        if told.is_some() && *is_final {
            UsageSource::Final
        } else if told.is_some() || *chars > 0 || *came_whole {
            UsageSource::Estimated
        } else {
            UsageSource::None
        }
    }

    /// On which terms the provider says that it served the call.
    #[must_use]
    pub fn terms(&self) -> ServiceTerms {
        self.tally.terms
    }

    /// How the answer ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.tally.ending
    }

    /// Where in the frame that was fed last the event begins with which the stream says that it is over: 0 if it began
    /// before. What lies before it can be shown at once; the rest can be held until the books are written.
    #[must_use]
    pub fn terminal_at(&self) -> Option<usize> {
        match self.shape {
            Shape::Stream { terminal_at, .. } => terminal_at,
            Shape::Whole(_) => None,
        }
    }

    /// Whether the frames end inside an event. An event of our own needs a blank line before it then.
    #[must_use]
    pub fn is_inside_event(&self) -> bool {
        matches!(&self.shape, Shape::Stream { scanner, .. } if scanner.is_open())
    }

    /// The error that the answer told of.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.tally.failure.as_ref()
    }

    /// What the provider has not told is filled in from what we know; what it has told is a floor.
    fn estimate(&self) -> Usage {
        let mut usage = self.tally.told.unwrap_or_default();
        if usage.input() == 0 {
            usage.uncached_input = self.expected_input;
        }
        usage.output = usage.output.max(tokens_of(self.tally.chars));
        usage
    }
}

impl Counter {
    fn event(&mut self, event: &Event<'_>, tally: &mut Tally) {
        match self {
            Self::Chat => chat::meter::event(event, tally),
            Self::Messages(counter) => counter.event(event, tally),
            Self::Responses => responses::meter::event(event, tally),
            Self::Google => google::event(event, tally),
        }
    }

    fn whole(&mut self, json: &[u8], tally: &mut Tally) {
        match self {
            Self::Chat => chat::meter::whole(json, tally),
            Self::Messages(counter) => counter.whole(json, tally),
            Self::Responses => responses::meter::whole(json, tally),
            Self::Google => google::whole(json, tally),
        }
    }
}

impl Kept {
    fn is_too_long(&self) -> bool {
        self.length > WHOLE_MAX
    }

    /// The answer that grows too long is estimated from what came by then, and let go.
    fn keep(&mut self, frame: &Bytes, tally: &mut Tally) {
        if self.is_too_long() {
            return;
        }
        self.length += frame.len();
        self.frames.push(frame.clone());
        if self.is_too_long() {
            tally.estimate_of(&self.take());
        }
    }

    /// Takes everything. One frame is not copied: most answers have only one.
    fn take(&mut self) -> Bytes {
        match self.frames.len() {
            0 | 1 => self.frames.pop().unwrap_or_default(),
            _ => std::mem::take(&mut self.frames).concat().into(),
        }
    }
}

/// What has been learned of an answer. The formats' counters write it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The provider's last numbers.
    pub(super) told: Option<Usage>,
    /// Whether those are its last word.
    pub(super) is_final: bool,
    /// What was said of the terms.
    pub(super) terms: ServiceTerms,
    /// Characters the model said.
    pub(super) chars: u64,
    /// The answer is complete if nothing more comes.
    pub(super) said_last_word: bool,
    /// The answer will be made later, under another call.
    pub(super) is_pending: bool,
    came_whole: bool,
    ending: Ending,
    failure: Option<Failure>,
}

impl Tally {
    /// Only the first ending counts; what comes behind it can still tell numbers.
    pub(super) fn end(&mut self, ending: Ending) {
        if !self.has_ended() {
            self.ending = ending;
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.end(Ending::Failed);
        self.failure.get_or_insert(failure);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ending != Ending::Open
    }

    /// A whole answer that tells no numbers. What is not JSON is no text of a model and is not estimated.
    pub(super) fn estimate_of(&mut self, body: &[u8]) {
        self.came_whole = looks_like_json(body);
        if self.came_whole {
            self.chars = glance::said(body);
        }
    }
}

fn read_whole(counter: &mut Counter, body: &[u8], tally: &mut Tally) {
    if !looks_like_json(body) {
        tally.end(Ending::Finished);
        return;
    }
    // Each of these is a pass over the body, so those that nearly no answer needs are asked for by what they look for.
    counter.whole(body, tally);
    if tally.told.is_none() && serde_json::from_slice::<&serde_json::value::RawValue>(body).is_err() {
        // Cut, or not JSON after all. What was said may still be billed.
        return tally.estimate_of(body);
    }
    if let Some(failure) = may_be_failure(body).then(|| Failure::read(body)).flatten() {
        return tally.fail(failure);
    }
    tally.end(Ending::Finished);
    if tally.told.is_none() && !tally.is_pending {
        tally.estimate_of(body);
    }
}

/// The words without which nothing is an error, each ready to be searched for.
static WORDS_OF_FAILURE: LazyLock<[memmem::Finder<'static>; 3]> =
    LazyLock::new(|| ["\"error\"", "\"base_resp\"", "\"failed\""].map(memmem::Finder::new));

fn may_be_failure(body: &[u8]) -> bool {
    WORDS_OF_FAILURE.iter().any(|word| word.find(body).is_some())
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The floor for tokens in a text: 3.5 characters each.
fn tokens_of(chars: u64) -> u64 {
    chars.saturating_mul(2).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"choices":[{"message":{"content":"1234567"}}]}"#;

    fn whole(frames: &[&[u8]]) -> Meter {
        let mut meter = Meter::whole(Format::Chat);
        meter.expect_input(100);
        for frame in frames {
            meter.feed(&Bytes::copy_from_slice(frame));
        }
        meter.finish();
        meter
    }

    #[test]
    fn a_whole_answer_is_read_over_its_frames() {
        let meter = whole(&[br#"{"usage":{"prompt_tok"#, br#"ens":8,"total_tokens":8}}"#]);

        assert_eq!((meter.usage().input(), meter.source(), meter.ending()), (8, UsageSource::Final, Ending::Finished));
    }

    #[test]
    fn a_whole_answer_without_numbers_is_estimated() {
        let check = |body: &[u8], source, input, output, ending| {
            let meter = whole(&[body]);
            let usage = meter.usage();
            let seen = (meter.source(), usage.input(), usage.output, meter.ending());
            assert_eq!(seen, (source, input, output, ending), "{}", String::from_utf8_lossy(body));
        };
        check(JSON.as_bytes(), UsageSource::Estimated, 100, 2, Ending::Finished);
        check(&JSON.as_bytes()[..JSON.len() - 1], UsageSource::Estimated, 100, 2, Ending::Open);
        check(b"[]", UsageSource::Estimated, 100, 0, Ending::Finished);
        check(b"", UsageSource::None, 0, 0, Ending::Finished);
        check(b"\xff\xfb\x90 audio", UsageSource::None, 0, 0, Ending::Finished);
        check(br#"{"error":{"message":"no"}}"#, UsageSource::None, 0, 0, Ending::Failed);
    }

    #[test]
    fn an_answer_beyond_the_limit_is_estimated_from_what_was_kept() {
        let rest = vec![b' '; WHOLE_MAX];
        let meter = whole(&[JSON.as_bytes(), &rest, &rest]);

        assert_eq!(
            (meter.source(), meter.usage().output, meter.ending()),
            (UsageSource::Estimated, 2, Ending::Finished)
        );
    }

    #[test]
    fn a_token_is_estimated_for_every_three_and_a_half_characters() {
        assert_eq!([0, 1, 3, 4, 7, 8].map(tokens_of), [0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn the_place_of_the_terminal_event_is_known() {
        let check = |frames: &[&str], expected: &[Option<usize>]| {
            let mut meter = Meter::stream(Format::Chat);
            let places: Vec<_> = frames
                .iter()
                .map(|frame| {
                    meter.feed(&Bytes::copy_from_slice(frame.as_bytes()));
                    meter.terminal_at()
                })
                .collect();
            assert_eq!(places, expected, "{frames:?}");
        };
        check(&["data: {}\n\n", "data: {}\n\ndata: [DONE]\n\n", "\n"], &[None, Some(10), Some(0)]);
        check(&["data: {}\n\ndata: [DO", "NE]\n\n"], &[None, Some(0)]);
        check(&["data: {\"error\":\"no\"}\n\ndata: [DONE]\n\n"], &[Some(0)]);
    }

    #[test]
    fn a_stream_that_stops_inside_an_event_says_so() {
        let mut meter = Meter::stream(Format::Chat);
        meter.feed(&Bytes::from_static(b"data: {}\n\nda"));
        assert!(meter.is_inside_event());

        meter.feed(&Bytes::from_static(b"ta: {}\n\n"));
        assert!(!meter.is_inside_event());
    }
}
