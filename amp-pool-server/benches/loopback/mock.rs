//! The upstream: answers as the request's script says, each event flushed on its own.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use tokio::time::Interval;

use crate::{
    Result,
    answer::Part,
    ask::{Format, Script},
    host,
};

type Answer = Response<Either<Full<Bytes>, Events>>;

/// Serves until the driver is gone.
pub(crate) fn run() -> Result<()> {
    let answers = Answers::default();
    let serving = host::serve(move |request| answer(answers.clone(), request));
    // One thread is plenty for the mock and leaves the rest of the machine to the proxy.
    match tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serving)? {}
}

async fn answer(answers: Answers, request: Request<Incoming>) -> Result<Answer> {
    let Some(format) = Format::of_path(request.uri().path()) else { return Ok(refusal(StatusCode::NOT_FOUND)) };
    let body = request.into_body().collect().await?.to_bytes();
    let Ok(script) = Script::read(format, &body) else { return Ok(refusal(StatusCode::BAD_REQUEST)) };
    let parts = answers.of(script);
    let body = match script.stream {
        Some(stream) => Either::Right(Events::new(parts, Duration::from_millis(stream.pace_ms))),
        None => Either::Left(parts.iter().map(Part::sent).next().unwrap_or_default().into()),
    };
    Ok(Response::builder().header(header::CONTENT_TYPE, script.content_type()).body(body)?)
}

fn refusal(status: StatusCode) -> Answer {
    let mut answer = Response::new(Either::Left(Full::default()));
    *answer.status_mut() = status;
    answer
}

/// Answers already written, because there are few different ones.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<HashMap<Script, Arc<[Part]>>>>);

impl Answers {
    fn of(&self, script: Script) -> Arc<[Part]> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(script).or_insert_with(|| script.parts().into()).clone()
    }
}

/// A stream of events at a pace.
struct Events {
    parts: Arc<[Part]>,
    next: usize,
    pace: Pace,
}

enum Pace {
    Timed(Interval),
    Burst { rested: bool },
}

impl Events {
    fn new(parts: Arc<[Part]>, pace: Duration) -> Self {
        let pace = match pace {
            Duration::ZERO => Pace::Burst { rested: true },
            pace => Pace::Timed(tokio::time::interval(pace)),
        };
        Self { parts, next: 0, pace }
    }
}

impl Pace {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Timed(interval) => interval.poll_tick(context).map(|_| ()),
            // Hyper writes to the socket when a body has nothing more for now. Without this rest it would gather many
            // events in one write, which no upstream does.
            Self::Burst { rested } => {
                *rested = !*rested;
                if *rested {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            }
        }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.next == self.parts.len() {
            return Poll::Ready(None);
        }
        ready!(self.pace.poll(context));
        self.next += 1;
        Poll::Ready(self.parts.get(self.next - 1).map(|part| Ok(Frame::data(part.sent()))))
    }
}
