//! Trying a key: one real request that costs nothing, through the key's own egress.
//!
//! The request asks for the models. That shows that the way to the upstream is open and that the credential is taken,
//! and brings the names of what it may serve. It is no call: no record is written, and no verdict of it rests a key.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::Deserialize;

use super::{Handle, monotonic};
use crate::{
    classify::{Signal, Verdict, scrub},
    format::{Chain, Failure, Format},
    id::KeyId,
    keys::{LiveKey, Manner},
    time::Timestamp,
    transport::{Outgoing, Stage, TransportError, UpstreamBody},
};

/// How long an upstream may take for its list.
const PATIENCE: Duration = Duration::from_secs(20);
/// No list is longer than this, in bytes and in names.
const LARGEST_LIST: usize = 4 * 1024 * 1024;
const MOST_MODELS: usize = 5_000;
/// How much of an upstream's words is passed on.
const LONGEST_MESSAGE: usize = 500;

/// What became of trying a key.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool, classify::Verdict, handle::KeyTrial, keys::KeySpec, secret::Secret,
///     testkit::{Reply, Script},
/// };
///
/// // The upstream is asked for its models: that costs nothing.
/// let upstream = Script::new().on("sk-a", Reply::json(200, &serde_json::json!({"data": [{"id": "gpt-4o-mini"}]})));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// let trial: KeyTrial = pool.handle().try_key(key).await.ok_or("the key is there")?;
/// assert_eq!((trial.verdict, trial.models), (Verdict::Answer, vec!["gpt-4o-mini".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTrial {
    /// What the answer means. [`Verdict::Answer`]: the key is good.
    pub verdict: Verdict,
    /// Whether the upstream has a list of models to ask for. Where it has none, nothing is known of the credential.
    pub has_list: bool,
    /// The format that the upstream was asked in.
    pub format: Option<Format>,
    /// The upstream's status, if it gave one.
    pub http_status: Option<StatusCode>,
    /// The upstream's own words, or why there are none; scrubbed of secrets.
    pub message: Option<String>,
    /// Where the way to the upstream ended, if it did.
    pub stage: Option<Stage>,
    /// From sending to the head of the answer, and to its end.
    pub head_ms: Option<u64>,
    /// From sending to the end.
    pub latency_ms: u64,
    /// What the upstream says that it serves, in the order of the names.
    pub models: Vec<String>,
}

/// The models that an upstream listed for a key.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     handle::ListedModels,
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script},
/// };
///
/// let upstream = Script::new().on("sk-a", Reply::json(200, &serde_json::json!({"data": [{"id": "gpt-4o-mini"}]})));
/// let pool = Pool::builder().transport(upstream).build().await?;
/// let key = pool.handle().add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?.key.id;
/// assert!(pool.handle().listed_models().is_empty(), "nobody has asked yet");
/// pool.handle().try_key(key).await;
/// let listed: Vec<(_, ListedModels)> = pool.handle().listed_models();
/// assert_eq!((listed[0].0, listed[0].1.models.as_slice()), (key, &["gpt-4o-mini".to_owned()][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModels {
    /// The names.
    pub models: Vec<String>,
    /// When they were listed.
    pub at: Timestamp,
}

/// Trials.
impl Handle {
    /// Tries a key, whether it is enabled or not. `None`: there is no such key, or it can not be put in service.
    ///
    /// # Cancel safety
    /// Dropping the future breaks the request off.
    pub async fn try_key(&self, id: KeyId) -> Option<KeyTrial> {
        let live = self.find(id)?;
        let trial = self.ask_for_models(&live).await;
        if trial.verdict == Verdict::Answer && trial.has_list {
            self.0.listed.put(&live, trial.models.clone(), self.now());
        }
        Some(trial)
    }

    /// What upstreams listed since this process began, for keys that are still there. A list that could not be had leaves
    /// the one before.
    #[must_use]
    pub fn listed_models(&self) -> Vec<(KeyId, ListedModels)> {
        let catalog = self.0.catalog.load();
        self.0.listed.keep(|id| catalog.keys().iter().any(|live| live.key.id == id));
        let of = |live: &Arc<LiveKey>| {
            let (models, at) = self.0.listed.of(live)?;
            Some((live.key.id, ListedModels { models, at }))
        };
        let mut listed: Vec<_> = catalog.keys().iter().filter_map(of).collect();
        listed.sort_unstable_by_key(|(id, _)| *id);
        listed
    }

    async fn ask_for_models(&self, live: &LiveKey) -> KeyTrial {
        let manner =
            [Format::Chat, Format::Responses, Format::Messages].into_iter().find_map(|format| live.manner(format));
        let started = monotonic();
        let mut trial = KeyTrial {
            verdict: Verdict::UpstreamFault,
            has_list: true,
            format: manner.map(|manner| manner.format),
            http_status: None,
            message: None,
            stage: None,
            head_ms: None,
            latency_ms: 0,
            models: Vec::new(),
        };
        let Some(request) = manner.and_then(list_request) else {
            trial.message = Some("this upstream has no address to ask for models".into());
            return trial;
        };
        let outgoing = Outgoing { request, egress: live.egress.clone() };
        let exchange = self.exchange(live, outgoing, started, &mut trial);
        if tokio::time::timeout(PATIENCE, exchange).await.is_err() {
            trial.verdict = Verdict::Network;
            trial.message = Some(format!("the upstream did not answer within {} s", PATIENCE.as_secs()));
        }
        trial.latency_ms = millis(started);
        trial
    }

    async fn exchange(&self, live: &LiveKey, outgoing: Outgoing, started: Instant, trial: &mut KeyTrial) {
        let answer = match self.0.transport.send(outgoing).await {
            Ok(answer) => answer,
            Err(error) => return trial.lose(&error),
        };
        trial.head_ms = Some(millis(started));
        let (head, body) = answer.into_parts();
        trial.http_status = Some(head.status);
        let body = match collect(body).await {
            Ok(body) => body,
            Err(error) => return trial.lose(&error),
        };
        let body = live.unsaid(body);
        if head.status.is_success() {
            return trial.read_list(&body);
        }
        let signal = Signal::response(head.status, &head.headers, &body, self.now());
        trial.verdict = live.classify(&signal);
        trial.has_list = !matches!(head.status.as_u16(), 404 | 405 | 501);
        let said =
            Failure::read(&body).map_or_else(|| String::from_utf8_lossy(&body).into_owned(), |said| said.message);
        trial.message =
            Some(scrub(&said).chars().take(LONGEST_MESSAGE).collect()).filter(|said: &String| !said.is_empty());
    }
}

impl KeyTrial {
    fn lose(&mut self, error: &TransportError) {
        self.verdict = Verdict::Network;
        self.stage = Some(error.stage());
        self.message = Some(words_of(error));
    }

    fn read_list(&mut self, body: &[u8]) {
        match serde_json::from_slice::<List>(body) {
            Ok(list) => {
                self.verdict = Verdict::Answer;
                self.models = list.names();
            }
            Err(_) => self.message = Some("the upstream answered, but not with a list of models".into()),
        }
    }
}

/// Why an exchange failed, scrubbed of secrets.
pub(super) fn words_of(error: &TransportError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    scrub(&format!("{error}{cause}")).chars().take(LONGEST_MESSAGE).collect()
}

fn list_request(manner: &Manner) -> Option<Request<Chain>> {
    let url = manner.upstream.url("/v1/models")?;
    let mut request = Request::get(url).body(Chain::from(Bytes::new())).ok()?;
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    manner.upstream.complete(headers);
    for (name, value) in &manner.headers {
        headers.insert(name, value.clone());
    }
    Some(request)
}

pub(super) async fn collect(mut body: UpstreamBody) -> Result<Bytes, TransportError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        read.extend_from_slice(frame?.data_ref().map(|data| &**data).unwrap_or_default());
        if read.len() > LARGEST_LIST {
            break;
        }
    }
    Ok(read.freeze())
}

pub(super) fn millis(since: Instant) -> u64 {
    u64::try_from(monotonic().saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX)
}

/// The lists of OpenAI and Anthropic, and of those who call the list `models` or send it bare.
#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Object {
        #[serde(alias = "models")]
        data: Vec<Model>,
    },
    Bare(Vec<Model>),
}

#[derive(Deserialize)]
struct Model {
    #[serde(alias = "name", alias = "model")]
    id: String,
}

impl List {
    /// Names that could be one: an upstream may say anything.
    fn names(self) -> Vec<String> {
        let (Self::Object { data } | Self::Bare(data)) = self;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
        let names = data.into_iter().map(|model| model.id).filter(|id| id.len() <= 128 && id.chars().all(plain));
        let names: BTreeSet<_> = names.filter(|id| !id.is_empty()).take(MOST_MODELS).collect();
        names.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[&str]) {
        let list: List = serde_json::from_str(body).unwrap();
        assert_eq!(list.names(), expected, "{body}");
    }

    #[test]
    fn every_shape_of_a_list_is_read_and_odd_names_are_left_out() {
        check(r#"{"object":"list","data":[{"id":"b","object":"model"},{"id":"a/1:x"}]}"#, &["a/1:x", "b"]);
        check(r#"{"models":[{"name":"llama3"}]}"#, &["llama3"]);
        check(r#"[{"id":"a"},{"id":"a"}]"#, &["a"]);
        check(r#"{"data":[{"id":"<script>"},{"id":""},{"id":"a b"},{"id":"ok"}]}"#, &["ok"]);
        assert!(serde_json::from_str::<List>(r#"{"error":"x"}"#).is_err());
    }
}
