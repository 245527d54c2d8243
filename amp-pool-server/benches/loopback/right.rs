//! Whether an answer is the right one, as it arrives: to the byte where nothing translates, by its content where the pool
//! does.

use std::time::Duration;

use crate::{
    Result,
    ask::{Ask, Script},
    stamp, translated,
};

/// What has to arrive.
pub(crate) enum Right {
    Same(Same),
    /// The Chat form of this.
    Chat(Script),
}

/// The very bytes the upstream sends, but for its stamps.
pub(crate) struct Same {
    text: Vec<u8>,
    /// Where stamps begin.
    stamps: Vec<usize>,
}

impl Right {
    pub(crate) fn of(ask: Ask) -> Self {
        if ask.client == ask.script.format { Self::Same(Same::of(ask.script)) } else { Self::Chat(ask.script) }
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        match self {
            Self::Same(same) => Reader::Same(SameReader { same, at: 0, passed: 0, digits: Vec::new() }),
            Self::Chat(script) => Reader::Chat { script: *script, body: Vec::new() },
        }
    }
}

impl Same {
    fn of(script: Script) -> Self {
        let (mut text, mut stamps) = (Vec::new(), Vec::new());
        for part in script.parts() {
            stamps.extend(part.stamp.map(|at| text.len() + at));
            text.extend_from_slice(&part.text);
        }
        Self { text, stamps }
    }
}

/// One answer that arrives.
pub(crate) enum Reader<'a> {
    Same(SameReader<'a>),
    Chat { script: Script, body: Vec<u8> },
}

impl Reader<'_> {
    /// Reads on; how late each event with a stamp is goes to `delays`.
    pub(crate) fn take(&mut self, data: &[u8], delays: &mut Vec<Duration>) -> Result<()> {
        match self {
            Self::Same(reader) => reader.take(data, delays),
            Self::Chat { body, .. } => {
                body.extend_from_slice(data);
                Ok(())
            }
        }
    }

    /// The answer has ended: its length, if it is whole and right.
    pub(crate) fn end(self) -> Result<usize> {
        match self {
            Self::Same(SameReader { same, at, .. }) if at < same.text.len() => {
                Err(format!("the answer ended {} bytes before its end", same.text.len() - at).into())
            }
            Self::Same(reader) => Ok(reader.at),
            Self::Chat { script, body } => translated::check(script, std::str::from_utf8(&body)?).map(|()| body.len()),
        }
    }
}

pub(crate) struct SameReader<'a> {
    same: &'a Same,
    at: usize,
    /// Stamps that have been read.
    passed: usize,
    /// What there is of the next.
    digits: Vec<u8>,
}

impl SameReader<'_> {
    fn take(&mut self, mut data: &[u8], delays: &mut Vec<Duration>) -> Result<()> {
        while !data.is_empty() {
            let read = match self.same.stamps.get(self.passed) {
                Some(stamp) if *stamp <= self.at => self.digits(data, stamp + stamp::BLANK.len(), delays)?,
                Some(stamp) => self.text(data, *stamp)?,
                None => self.text(data, self.same.text.len())?,
            };
            self.at += read;
            data = &data[read..];
        }
        Ok(())
    }

    fn text(&self, data: &[u8], end: usize) -> Result<usize> {
        let right = &self.same.text[self.at..end];
        let read = right.len().min(data.len());
        if read == 0 || right[..read] != data[..read] {
            return Err(format!("the answer differs after byte {}: {}", self.at, String::from_utf8_lossy(data)).into());
        }
        Ok(read)
    }

    fn digits(&mut self, data: &[u8], end: usize, delays: &mut Vec<Duration>) -> Result<usize> {
        let read = data.len().min(end - self.at);
        self.digits.extend_from_slice(&data[..read]);
        if self.at + read == end {
            delays.push(stamp::age(&self.digits)?);
            self.digits.clear();
            self.passed += 1;
        }
        Ok(read)
    }
}
