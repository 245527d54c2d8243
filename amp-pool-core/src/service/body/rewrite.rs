//! What becomes of an upstream's bytes on their way to the client.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    format::{Gatherer, HiddenUsage, Losses, Memo, Problem, Repair, Transcoder, Whole},
    service::ambient,
};

/// After this long without a byte a translated stream says that it is still there. Balancers between give up after 30 to
/// 60 seconds.
const SILENCE: Duration = Duration::from_secs(15);

/// How long an answer may be that is put together.
const GATHERED_MAX: usize = 64 << 20;

/// What becomes of the bytes.
pub(in crate::service) enum Rewrite {
    /// They go as they came.
    Nothing,
    /// They go as they came, but for the usage that only the pool asked for.
    HiddenUsage(HiddenUsage),
    /// They go as they came, but for what would break the official SDKs.
    Mended(Box<Mended>),
    /// Events of another format.
    Stream(Box<Translated>),
    /// One body of another format, when all is there.
    Whole(Box<Gathered>),
}

/// A stream in the client's own format that is mended.
pub(in crate::service) struct Mended {
    pub(in crate::service) repair: Repair,
    pub(in crate::service) hidden_usage: Option<HiddenUsage>,
}

/// A stream that is translated.
pub(in crate::service) struct Translated {
    transcoder: Transcoder,
    /// When the client last heard of the answer.
    last_event: Instant,
    /// When it last got a byte.
    last_byte: Instant,
}

/// An answer that is put together.
pub(in crate::service) struct Gathered {
    gatherer: Gatherer,
    read: usize,
    whole: Option<Whole>,
}

impl Rewrite {
    pub(in crate::service) fn stream(transcoder: Transcoder) -> Self {
        let now = ambient::now();
        Self::Stream(Box::new(Translated { transcoder, last_event: now, last_byte: now }))
    }

    pub(in crate::service) fn whole(gatherer: Gatherer) -> Self {
        Self::Whole(Box::new(Gathered { gatherer, read: 0, whole: None }))
    }

    /// Takes a frame, and adds to `out` what may go for it.
    pub(super) fn feed(&mut self, frame: Bytes, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Nothing if frame.is_empty() => {}
            Self::Nothing => out.push_back(frame),
            Self::HiddenUsage(hidden) => out.extend(hidden.feed(frame)),
            Self::Mended(mended) => mended.feed(frame, out),
            Self::Stream(translated) => translated.write(out, |transcoder, out| transcoder.feed(&frame, out)),
            Self::Whole(gathered) => gathered.feed(&frame),
        }
    }

    /// Whether more has come than can be put together.
    pub(super) fn is_too_long(&self) -> bool {
        matches!(self, Self::Whole(gathered) if gathered.read > GATHERED_MAX)
    }

    /// Adds what was held back of bytes that go as they came.
    pub(super) fn release(&mut self, out: &mut VecDeque<Bytes>) {
        match self {
            Self::HiddenUsage(hidden) => out.extend(hidden.finish()),
            Self::Mended(mended) => mended.finish(out),
            _ => {}
        }
    }

    /// The upstream has said all it has to say.
    pub(super) fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Nothing | Self::HiddenUsage(_) | Self::Mended(_) => {}
            Self::Stream(translated) => translated.write(out, Transcoder::finish),
            Self::Whole(gathered) => gathered.whole = gathered.whole.take().or_else(|| gathered.gatherer.finish()),
        }
    }

    /// Ends a translated answer in an error. False where there is nothing to translate.
    pub(super) fn fail(&mut self, problem: &Problem<'_>, out: &mut VecDeque<Bytes>) -> bool {
        match self {
            Self::Nothing | Self::HiddenUsage(_) | Self::Mended(_) => return false,
            Self::Stream(translated) => translated.write(out, |transcoder, out| transcoder.fail(problem, out)),
            Self::Whole(gathered) => gathered.whole = Some(gathered.gatherer.fail(problem)),
        }
        true
    }

    /// What of the answer had no place in the client's format.
    pub(super) fn losses(&self) -> Option<&Losses> {
        match self {
            Self::Nothing | Self::HiddenUsage(_) | Self::Mended(_) => None,
            Self::Stream(translated) => Some(translated.transcoder.losses()),
            Self::Whole(gathered) => gathered.whole.as_ref().map(|whole| &whole.losses),
        }
    }

    /// The status under which an answer goes that was put together.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(gathered) => gathered.whole.as_ref().map(|whole| whole.status),
            _ => None,
        }
    }

    /// The answer that was put together.
    pub(super) fn into_whole(self) -> Option<Whole> {
        match self {
            Self::Whole(gathered) => gathered.whole,
            _ => None,
        }
    }

    /// Whether the upstream's turn has only paused.
    pub(super) fn is_paused(&self) -> bool {
        match self {
            Self::Nothing | Self::HiddenUsage(_) | Self::Mended(_) => false,
            Self::Stream(translated) => translated.transcoder.is_paused(),
            Self::Whole(gathered) => gathered.whole.is_none(),
        }
    }

    /// Begins the next pass of a turn that paused.
    pub(super) fn resume(&mut self) {
        match self {
            Self::Nothing | Self::HiddenUsage(_) | Self::Mended(_) => {}
            Self::Stream(translated) => translated.transcoder.resume(),
            Self::Whole(gathered) => gathered.gatherer.resume(),
        }
    }

    /// What is to be remembered for a client that can not carry it. Given once.
    pub(super) fn memos(&mut self) -> Vec<(String, Memo)> {
        match self {
            Self::Nothing | Self::HiddenUsage(_) | Self::Mended(_) => Vec::new(),
            Self::Stream(translated) => translated.transcoder.memos(),
            Self::Whole(gathered) => gathered.gatherer.memos(),
        }
    }

    /// When the client is to hear that we are still there. Bytes that go as they came are never added to.
    pub(super) fn keep_alive_at(&self) -> Option<Instant> {
        match self {
            Self::Stream(translated) => Some(translated.last_byte + SILENCE),
            _ => None,
        }
    }

    /// Says that we are still there.
    pub(super) fn keep_alive(&mut self, out: &mut VecDeque<Bytes>) {
        if let Self::Stream(translated) = self {
            let Translated { transcoder, last_event, last_byte } = &mut **translated;
            *last_byte = ambient::now();
            let silence = last_byte.saturating_duration_since(*last_event);
            push(out, |out| transcoder.keep_alive(silence, out));
        }
    }
}

impl Mended {
    fn feed(&mut self, frame: Bytes, out: &mut VecDeque<Bytes>) {
        let mended = self.repair.feed(frame);
        match &mut self.hidden_usage {
            Some(hidden) => mended.for_each(|frame| out.extend(hidden.feed(frame))),
            None => out.extend(mended),
        }
    }

    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        let rest = self.repair.finish();
        match &mut self.hidden_usage {
            Some(hidden) => {
                rest.into_iter().for_each(|frame| out.extend(hidden.feed(frame)));
                out.extend(hidden.finish());
            }
            None => out.extend(rest),
        }
    }
}

impl Gathered {
    fn feed(&mut self, frame: &[u8]) {
        self.read = self.read.saturating_add(frame.len());
        if self.read <= GATHERED_MAX {
            self.gatherer.feed(frame);
        }
    }
}

impl Translated {
    fn write(&mut self, out: &mut VecDeque<Bytes>, write: impl FnOnce(&mut Transcoder, &mut Vec<u8>)) {
        let before = out.len();
        push(out, |bytes| write(&mut self.transcoder, bytes));
        if out.len() > before {
            self.last_event = ambient::now();
            self.last_byte = self.last_event;
        }
    }
}

/// Adds what `write` writes, if it writes anything.
fn push(queue: &mut VecDeque<Bytes>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut out = Vec::new();
    write(&mut out);
    if !out.is_empty() {
        queue.push_back(out.into());
    }
}
