//! Traces of calls over OTLP, by the conventions for generative AI.
//!
//! Spans are made of records, behind the call and after it was written: a call itself measures nothing for them, and where
//! nobody asks for traces there is not even a queue. A trace has the call's own id, so that traces, books, answers and logs
//! speak of one number. Nothing of what was said is in them.
//!
//! OTLP is JSON over HTTP here, which every collector takes: it needs no more than the transport that is there, where the
//! crates of OpenTelemetry are some thirty, and spans of theirs would be opened on the path of calls.

mod otlp;
mod span;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use tokio::sync::mpsc;

use crate::{
    format::Chain,
    keys::OUR_USER_AGENT,
    store::Entry,
    transport::{Outgoing, Transport},
};

/// Batches of the ledger that may wait. More are left out: traces are worth less than memory.
const QUEUE: usize = 256;
/// Spans of one request, and how long the first of them waits for company.
const SPANS: usize = 512;
const COMPANY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Where traces go.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{Pool, testkit::Script, traces::TraceOptions};
///
/// let options = TraceOptions {
///     endpoint: "http://127.0.0.1:4318/v1/traces".parse()?,
///     headers: http::HeaderMap::new(),
///     service: "our-app".into(),
/// };
/// let pool = Pool::builder().transport(Script::new()).traces(options, Script::new()).build().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TraceOptions {
    /// Where spans are taken: `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: Uri,
    /// What each request says, credentials for example.
    pub headers: HeaderMap,
    /// What this service is called.
    pub service: String,
}

/// Begins to send, on the current runtime, until nobody hands anything in any more.
pub(crate) fn start(options: TraceOptions, transport: Arc<dyn Transport>) -> mpsc::Sender<Arc<[Entry]>> {
    let (tell, heard) = mpsc::channel(QUEUE);
    tokio::spawn(send(options, transport, heard));
    tell
}

async fn send(options: TraceOptions, transport: Arc<dyn Transport>, mut heard: mpsc::Receiver<Arc<[Entry]>>) {
    let mut trouble = Trouble::default();
    let mut spans = Vec::new();
    while let Some(batch) = heard.recv().await {
        gather(&batch, &mut spans);
        let until = tokio::time::Instant::now() + COMPANY;
        while spans.len() < SPANS
            && let Ok(Some(batch)) = tokio::time::timeout_at(until, heard.recv()).await
        {
            gather(&batch, &mut spans);
        }
        if !spans.is_empty() {
            trouble.note(post(&options, &*transport, otlp::body(&options.service, &spans)).await, spans.len());
            spans.clear();
        }
    }
}

fn gather(batch: &[Entry], spans: &mut Vec<serde_json::Value>) {
    for entry in batch {
        if let Entry::Settled(record) = entry {
            spans.extend(span::of(record));
        }
    }
}

async fn post(options: &TraceOptions, transport: &dyn Transport, body: Vec<u8>) -> Result<(), String> {
    let mut request = Request::new(Chain::from(Bytes::from(body)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = options.endpoint.clone();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, OUR_USER_AGENT);
    headers.extend(options.headers.clone());
    let exchange = transport.send(Outgoing { request, egress: Arc::default() });
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("HTTP {}", answer.status().as_u16())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".into()),
    }
}

/// Says at most once a minute that spans are lost.
#[derive(Default)]
struct Trouble {
    lost: usize,
    told: Option<tokio::time::Instant>,
}

impl Trouble {
    fn note(&mut self, sent: Result<(), String>, spans: usize) {
        let Err(why) = sent else { return };
        self.lost += spans;
        if self.told.is_none_or(|told| told.elapsed() >= Duration::from_secs(60)) {
            tracing::warn!(lost = self.lost, %why, "traces do not arrive");
            (self.lost, self.told) = (0, Some(tokio::time::Instant::now()));
        }
    }
}
