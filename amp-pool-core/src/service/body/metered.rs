//! An upstream's answer on its way: what may go, what waits for the books, and how it ends.

use std::{
    collections::VecDeque,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::time::Sleep;

use super::{
    Beside, Parts, Shape,
    again::{Continued, Pass},
    poll_data,
    rewrite::Rewrite,
};
use crate::{
    Error,
    classify::Verdict,
    format::{Ending, Meter, Whole, error_event},
    ledger::Durable,
    service::{BoxError, ambient, recorder::Recorder, render},
    store::{Outcome, Side},
    transport::UpstreamBody,
};

/// How long the rest of a stream may take after its last event.
const TRAILING: std::time::Duration = std::time::Duration::from_secs(2);

/// An upstream's answer on its way.
pub(in super::super) struct Metered {
    parts: Parts,
    recorder: Option<Box<Recorder>>,
    /// The call's places behind turnstiles, when its record is written.
    passes: Vec<crate::caller::Pass>,
    /// May go to the client.
    free: VecDeque<Bytes>,
    /// May go when the record is durable.
    held: VecDeque<Bytes>,
    /// The end of what came, of an event or of a whole answer, where it may be the beginning of a secret.
    begun: Bytes,
    phase: Phase,
    /// When something came last, or its end.
    last: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

enum Phase {
    /// Bytes come and go.
    Flowing,
    /// A turn that paused was sent back.
    Resuming(Continued),
    /// The record is being written.
    Settling(Durable, After),
    /// The last event has gone; what still comes is passed on, but not waited for.
    Trailing,
    /// The answer is broken off in a way that clients notice.
    Breaking(BoxError),
    /// Nothing comes any more.
    Over,
}

enum After {
    Trailing,
    Over,
    Breaking(BoxError),
}

/// Why the timer went off.
#[derive(Clone, Copy)]
enum Rang {
    /// The client should hear that we are still there.
    KeepAlive,
    /// The upstream has been silent for too long.
    Silent,
    /// The call has lasted too long.
    Late,
}

impl Metered {
    /// A body that begins with `opening`, frames that have come `at` some time before.
    pub(in super::super) fn new(parts: Parts, recorder: Box<Recorder>, opening: Vec<Bytes>, at: Instant) -> Box<Self> {
        let mut metered = Box::new(Self {
            parts,
            recorder: Some(recorder),
            passes: Vec::new(),
            free: VecDeque::new(),
            held: VecDeque::new(),
            begun: Bytes::new(),
            phase: Phase::Flowing,
            last: at,
            timer: None,
        });
        for frame in opening {
            metered.take(frame);
        }
        metered
    }

    /// As of [`PoolBody`](super::PoolBody).
    pub(super) async fn settled(&mut self) {
        if let (Phase::Settling(_, After::Over), Shape::Whole { .. }) = (&self.phase, self.parts.shape) {
            std::future::poll_fn(|cx| self.poll_settled(cx)).await;
        }
    }

    /// Reads everything, for an answer that is put together. Ready when the books have it. `None` when they can not be
    /// written.
    ///
    /// # Cancel safety
    /// Dropping the future is a client that hangs up: what came is booked.
    pub(in super::super) async fn whole(mut self: Box<Self>) -> Option<Whole> {
        while let Some(nothing) = std::future::poll_fn(|cx| self.poll_bytes(cx)).await {
            nothing.ok()?;
        }
        std::mem::replace(&mut self.parts.rewrite, Rewrite::Nothing).into_whole()
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over) && self.free.is_empty()
    }

    pub(super) fn bytes_left(&self) -> Option<u64> {
        let Shape::Whole { left: Some(left) } = self.parts.shape else { return None };
        let here = self.free.iter().chain(&self.held).chain([&self.begun]).map(|bytes| bytes.len() as u64).sum::<u64>();
        Some(left + here)
    }

    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            if let Some(bytes) = self.free.pop_front() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            match &mut self.phase {
                Phase::Flowing => ready!(self.poll_flow(cx)),
                Phase::Resuming(..) => ready!(self.poll_resumed(cx)),
                Phase::Settling(..) => ready!(self.poll_settled(cx)),
                Phase::Trailing => ready!(self.poll_trail(cx)),
                Phase::Over => return Poll::Ready(None),
                Phase::Breaking(_) => return Poll::Ready(self.break_off().map(Err)),
            }
        }
    }

    /// Takes what the upstream has; ready when there is something to do about it.
    fn poll_flow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match poll_data(&mut self.parts.upstream, cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.last = ambient::now();
                self.take(frame);
                if self.recorder.is_some() && self.parts.rewrite.is_too_long() {
                    self.cut(Error::upstream("the upstream's answer is too long to be translated"));
                }
            }
            Poll::Ready(Some(Err(error))) => self.cut(Error::upstream(error.to_string()).with_source(error)),
            Poll::Ready(None) => self.end(),
            Poll::Pending => ready!(self.poll_silence(cx)),
        }
        Poll::Ready(())
    }

    /// Waits for the next pass of a turn that paused.
    fn poll_resumed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Phase::Resuming(continued) = &mut self.phase else { return Poll::Ready(()) };
        match continued.as_mut().poll(cx) {
            Poll::Ready(Ok(pass)) => self.resume(pass),
            Poll::Ready(Err(error)) => self.cut(error),
            Poll::Pending => ready!(self.poll_silence(cx)),
        }
        Poll::Ready(())
    }

    /// Ready when something had to be done about silence.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_timer(cx)) {
            Rang::KeepAlive => self.parts.rewrite.keep_alive(&mut self.free),
            Rang::Silent => self.cut(Error::timeout("the upstream fell silent")),
            Rang::Late => self.cut(Error::timeout("the call took too long")),
        }
        Poll::Ready(())
    }

    /// Ready when the upstream, or what the client hears of it, has been silent for too long. The timer is only touched
    /// when nothing comes, and set anew only when it goes off: an event costs no more than a look at the clock.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Rang> {
        loop {
            let (at, what) = self.next_ring();
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
            ready!(timer.as_mut().poll(cx));
            if ambient::now() >= at {
                // What went off stays so: the next who waits needs another.
                self.timer = None;
                return Poll::Ready(what);
            }
            timer.as_mut().reset(at.into());
        }
    }

    fn next_ring(&self) -> (Instant, Rang) {
        let idle = (self.last + self.parts.idle, Rang::Silent);
        let late = (self.parts.deadline, Rang::Late);
        let end = if late.0 <= idle.0 { late } else { idle };
        let keep_alive = self.parts.rewrite.keep_alive_at().map(|at| (at, Rang::KeepAlive));
        keep_alive.filter(|(at, _)| *at < end.0).unwrap_or(end)
    }

    fn take(&mut self, frame: Bytes) {
        if let Some(meter) = &mut self.parts.meter {
            meter.feed(&frame);
        }
        if let Some(Beside { again: Some(again), .. }) = &mut self.parts.translation {
            again.pausing.feed(&frame);
        }
        match self.parts.shape {
            Shape::Stream => match self.discreet(frame) {
                nothing if nothing.is_empty() => {}
                frame => self.take_events(frame),
            },
            Shape::Whole { left } => self.take_of_whole(frame, left),
        }
    }

    fn take_of_whole(&mut self, frame: Bytes, left: Option<u64>) {
        let left = left.map(|left| left.saturating_sub(frame.len() as u64));
        let frame = self.unechoed(frame, left == Some(0));
        match left {
            _ if frame.is_empty() && left != Some(0) => {}
            _ if matches!(self.parts.rewrite, Rewrite::Whole(_)) => self.release(frame),
            Some(left) => self.take_of_known_length(frame, left),
            None => {
                // Which frame is the last is known only at the end, so one is always kept.
                self.free.append(&mut self.held);
                self.held.push_back(frame);
            }
        }
    }

    fn take_events(&mut self, frame: Bytes) {
        let last = self.parts.meter.as_ref().and_then(Meter::terminal_at).filter(|_| self.recorder.is_some());
        let Some(last) = last else { return self.release(frame) };
        let last = last.min(frame.len());
        self.release(frame.slice(..last));
        self.hold(frame.slice(last..));
        self.settle(After::Trailing);
    }

    /// An upstream that complains may repeat what it was shown. Of an event that has not come whole nobody knows yet whether it is
    /// a complaint, so nothing secret goes out with a piece of one; what may be the beginning of a secret waits for the next piece.
    fn discreet(&mut self, frame: Bytes) -> Bytes {
        let complains = self.parts.meter.as_ref().is_some_and(|meter| meter.failure().is_some());
        let is_whole = self.begun.is_empty() && (frame.ends_with(b"\n\n") || frame.ends_with(b"\n\r\n"));
        let Some(recorder) = self.recorder.as_ref().filter(|_| complains || !is_whole) else { return frame };
        let (said, begun) = recorder.unsaid_piece(joined(&mut self.begun, frame));
        self.begun = begun;
        said
    }

    /// A whole answer may be an echo: of who was taken for an upstream, or of one that says what it was asked. Events come from who
    /// knows how to speak, and are many.
    fn unechoed(&mut self, frame: Bytes, is_last: bool) -> Bytes {
        let Some(recorder) = &self.recorder else { return frame };
        let (said, begun) = recorder.unechoed_piece(joined(&mut self.begun, frame), is_last);
        self.begun = begun;
        said
    }

    fn take_of_known_length(&mut self, frame: Bytes, left: u64) {
        self.parts.shape = Shape::Whole { left: Some(left) };
        if left > 0 {
            return self.free.push_back(frame);
        }
        self.held.push_back(frame);
        self.settle(After::Over);
    }

    fn release(&mut self, frame: Bytes) {
        self.parts.rewrite.feed(frame, &mut self.free);
    }

    fn hold(&mut self, frame: Bytes) {
        self.parts.rewrite.feed(frame, &mut self.held);
    }

    /// The upstream has nothing more.
    fn end(&mut self) {
        self.last = ambient::now();
        if let Some(meter) = &mut self.parts.meter {
            meter.finish();
        }
        self.parts.rewrite.release(&mut self.held);
        let open = self.parts.meter.as_ref().is_some_and(|meter| meter.ending() == Ending::Open);
        match self.parts.shape {
            Shape::Stream if open => self.cut(Error::upstream("the upstream ended its stream before its last event")),
            Shape::Whole { left: Some(left) } if left > 0 => {
                self.cut(Error::upstream("the upstream ended its answer before its length"));
            }
            _ => self.settle(After::Over),
        }
    }

    /// Writes the record of an answer that came to its end.
    fn settle(&mut self, after: After) {
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() {
            self.hold(begun);
        }
        self.parts.rewrite.finish(&mut self.held);
        if self.parts.rewrite.is_paused() {
            return self.send_back();
        }
        let failure = self.parts.meter.as_ref().and_then(Meter::failure).map(|failure| failure.message.clone());
        let Some(mut recorder) = self.measured() else { return self.phase = Phase::Over };
        let outcome = match failure {
            Some(message) => {
                recorder.error("upstream", &message);
                Outcome::Cut
            }
            None if self.parts.rewrite.status().is_some_and(|status| status >= 400) => {
                recorder.error("upstream", "the upstream's answer can not be translated");
                Outcome::Failed
            }
            None => Outcome::Done,
        };
        self.write(&mut recorder, outcome, after);
    }

    /// Sends a turn back that has paused.
    fn send_back(&mut self) {
        let again = self.parts.translation.as_mut().and_then(|beside| beside.again.as_mut());
        match again.and_then(|again| again.send()) {
            Some(continued) => self.phase = Phase::Resuming(continued),
            None => self.cut(Error::upstream("the upstream paused its turn, which can not be sent back")),
        }
    }

    /// Goes on with the next pass of a turn.
    fn resume(&mut self, pass: Pass) {
        self.tell_usage();
        if let Some(recorder) = &mut self.recorder {
            recorder.again();
            recorder.serving();
            recorder.verdict(Verdict::Answer.as_str(), Some(pass.status), None);
        }
        let Pass { upstream, meter, is_stream, .. } = pass;
        (self.parts.upstream, self.parts.meter) = (upstream, Some(meter));
        // A translated stream takes a body in one piece for what it is.
        let is_stream = is_stream || matches!(self.parts.rewrite, Rewrite::Stream(_));
        self.parts.shape = if is_stream { Shape::Stream } else { Shape::Whole { left: None } };
        self.parts.rewrite.resume();
        self.free.append(&mut self.held);
        self.last = ambient::now();
        self.phase = Phase::Flowing;
    }

    /// Breaks off an answer: with an error event where there are events, else in a way that clients notice.
    fn cut(&mut self, error: Error) {
        self.last = ambient::now();
        let Some(mut recorder) = self.measured() else { return self.phase = Phase::Over };
        recorder.error(error.name(), &error.to_string());
        let is_told = self.translate_error(&error);
        let after = match self.parts.shape {
            _ if is_told => After::Over,
            Shape::Stream => {
                let farewell = self.farewell(&error);
                self.held.push_back(farewell);
                After::Over
            }
            Shape::Whole { .. } => After::Breaking(error.into()),
        };
        self.write(&mut recorder, Outcome::Cut, after);
    }

    fn write(&mut self, recorder: &mut Recorder, outcome: Outcome, after: After) {
        if let Some(losses) = self.parts.rewrite.losses() {
            recorder.lost(Side::Answer, losses);
        }
        if let Some(status) = self.parts.rewrite.status() {
            recorder.status(status);
        }
        if let Some(Beside { memos, tenant, .. }) = &self.parts.translation {
            memos.keep(tenant, self.parts.rewrite.memos());
        }
        self.timer = None;
        self.passes = recorder.leave();
        self.phase = match recorder.finish(outcome, self.last) {
            Some(durable) => Phase::Settling(durable, after),
            None => Phase::Over,
        };
    }

    /// Ends a translated answer in an error of the client's format. False where nothing is translated.
    fn translate_error(&mut self, error: &Error) -> bool {
        let status = render::status(error, self.parts.format);
        let (message, call) = (error.to_string(), self.parts.call.to_string());
        self.parts.rewrite.fail(&render::problem(error, &message, status, &call), &mut self.held)
    }

    fn farewell(&self, error: &Error) -> Bytes {
        let status = render::status(error, self.parts.format);
        let (message, call) = (error.to_string(), self.parts.call.to_string());
        let problem = render::problem(error, &message, status, &call);
        let event = error_event(self.parts.format, &problem);
        // An event that was cut in two must not swallow this one.
        [&b"\n\n"[..], &event].concat().into()
    }

    /// The recorder, told what was used. `None` when the record is written already.
    fn measured(&mut self) -> Option<Box<Recorder>> {
        self.tell_usage();
        self.recorder.take()
    }

    fn tell_usage(&mut self) {
        if let (Some(recorder), Some(meter)) = (&mut self.recorder, &mut self.parts.meter) {
            meter.finish();
            recorder.used(meter);
        }
    }

    /// Leaves the rest of the answer to somebody who reads on for what it costs. False where nobody does.
    fn drains(&mut self) -> bool {
        let is_flowing = matches!(self.phase, Phase::Flowing) && self.recorder.is_some() && self.parts.meter.is_some();
        let Some(drain) = self.parts.drain.take().filter(|_| is_flowing) else { return false };
        let (Some(recorder), Some(meter)) = (self.recorder.take(), self.parts.meter.take()) else { return false };
        drain.start(std::mem::replace(&mut self.parts.upstream, nothing()), meter, recorder);
        true
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Phase::Settling(durable, _) = &mut self.phase else { return Poll::Ready(()) };
        let Poll::Ready(written) = Pin::new(durable).poll(cx) else { return self.poll_patience(cx) };
        let Phase::Settling(_, after) = std::mem::replace(&mut self.phase, Phase::Over) else { return Poll::Ready(()) };
        if written.is_err() {
            self.phase = Phase::Breaking(Error::internal("the books were closed before this call was written").into());
            return Poll::Ready(());
        }
        self.timer = None;
        self.free.append(&mut self.held);
        self.phase = match after {
            After::Trailing => Phase::Trailing,
            After::Over => Phase::Over,
            After::Breaking(error) => Phase::Breaking(error),
        };
        Poll::Ready(())
    }

    /// The books may be slow, but not for ever: then the client must not see an end that is not in them.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.last + self.parts.limits.durable;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end.into())));
        ready!(timer.as_mut().poll(cx));
        self.phase = Phase::Breaking(Error::busy("the books can not be written").into());
        Poll::Ready(())
    }

    fn poll_trail(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match poll_data(&mut self.parts.upstream, cx) {
            Poll::Ready(Some(Ok(frame))) => self.release(frame),
            Poll::Ready(_) => self.finish_trail(),
            Poll::Pending => {
                let end = ambient::now() + TRAILING;
                let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end.into())));
                ready!(timer.as_mut().poll(cx));
                self.finish_trail();
            }
        }
        Poll::Ready(())
    }

    fn finish_trail(&mut self) {
        self.parts.rewrite.release(&mut self.free);
        self.phase = Phase::Over;
    }

    fn break_off(&mut self) -> Option<BoxError> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Breaking(error) => Some(error),
            _ => None,
        }
    }
}

/// What was kept back of the piece before, and this one.
fn joined(begun: &mut Bytes, frame: Bytes) -> Bytes {
    if begun.is_empty() { frame } else { [std::mem::take(begun), frame].concat().into() }
}

/// A body in place of one that is read elsewhere.
fn nothing() -> UpstreamBody {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}

impl Drop for Metered {
    fn drop(&mut self) {
        if self.drains() {
            return;
        }
        // The client is gone: what came is booked. The recorder's own drop writes it.
        drop(self.measured());
    }
}
