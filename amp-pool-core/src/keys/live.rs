//! A key in service: what was written of it, where it leads, and how fit it is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Uri, header};

use super::{
    Account, Caps, Condition, Egress, Health, Key, KeySpec, KeyState, Level, Line, Moment, Purse, Resource, Room,
    Slice, Standing,
};
use crate::{
    budget::Window,
    classify::{Judgement, OwnRules, Signal, Verdict},
    format::Format,
    provider::{BaseUrlError, CredentialError, ModelPattern, Presets, Provider, Upstream},
    secret::Secret,
    time::Timestamp,
};

/// A key in service. Health outlives changes of the configuration; everything else is made anew by each.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     format::Format,
///     id::KeyId,
///     keys::{Key, KeySpec, LiveKey, LiveKeyError, Standing},
///     provider::Presets,
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let key = |provider: &str| {
///     let spec = KeySpec::new("mine", provider, Secret::new("sk-example"));
///     Arc::new(Key { id: KeyId(1), create_time: now, update_time: now, fingerprint: String::new(), spec })
/// };
/// let standing = || Standing::new(Instant::now());
/// let live = LiveKey::new(key("openai"), Presets::builtin(), standing())?;
/// assert!(live.knows("gpt-4o") && live.upstream(Format::Chat).is_some());
///
/// let refused = LiveKey::new(key("nobody"), Presets::builtin(), standing()).err().ok_or("there is none")?;
/// assert!(matches!(refused, LiveKeyError::Provider(_)));
/// assert_eq!(refused.field(), "provider");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LiveKey {
    /// The key as it is stored.
    pub key: Arc<Key>,
    /// Its preset.
    pub provider: Arc<Provider>,
    /// How its traffic leaves.
    pub egress: Arc<Egress>,
    /// What operators say about its answers.
    pub rules: OwnRules,
    /// Fitness of the key itself.
    pub health: Arc<Health>,
    /// Its account: limits and money, shared by all keys of the account.
    pub account: Account,
    /// Fitness of the way to its upstream, shared by all keys that take the same.
    pub link: Arc<Line>,
    /// What is spent of its budget.
    pub purse: Arc<Purse>,
    /// What its operator allows, or this node's part of that.
    pub caps: Caps,
    manners: Vec<Manner>,
    google: Option<Manner>,
    /// What is searched for in its good answers.
    #[cfg(feature = "pool")]
    pub(super) echo: Option<memchr::memmem::Finder<'static>>,
}

/// Why a key can not be put in service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveKeyError {
    /// There is no such preset.
    Provider(String),
    /// The base URL is missing or unusable.
    BaseUrl(BaseUrlError),
    /// The credential cannot be sent.
    Credential(CredentialError),
}

impl std::fmt::Display for LiveKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Provider(id) => write!(f, "there is no provider `{id}`"),
            Self::BaseUrl(why) => write!(f, "{why}"),
            Self::Credential(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for LiveKeyError {}

impl LiveKeyError {
    /// The field of the key that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Provider(_) => "provider",
            Self::BaseUrl(_) => "base_url",
            Self::Credential(_) => "api_key",
        }
    }
}

impl LiveKey {
    /// Puts a key in service.
    ///
    /// # Errors
    /// When its provider is unknown, its credential no header value, or its base URL unusable.
    pub fn new(key: Arc<Key>, presets: &Presets, standing: Standing) -> Result<Self, LiveKeyError> {
        let spec = &key.spec;
        let provider = presets.get(&spec.provider).ok_or_else(|| LiveKeyError::Provider(spec.provider.clone()))?;
        provider.check_credential(&spec.api_key).map_err(LiveKeyError::Credential)?;
        let formats: Vec<_> = spec.formats.clone().unwrap_or_else(|| provider.formats().collect());
        let manners =
            formats.into_iter().map(|format| Manner::new(spec, provider, format)).collect::<Result<_, _>>()?;
        let egress = Arc::new(spec.egress.clone());
        let google = Manner::of_google(spec, provider)?;
        let Standing { health, account, link, purse } = standing;
        let (rules, caps) = (OwnRules::default(), key.spec.limits);
        Ok(Self {
            provider: provider.clone(),
            egress,
            rules,
            health,
            account,
            link,
            purse,
            caps,
            manners,
            google,
            #[cfg(feature = "pool")]
            echo: super::discretion::echo(spec),
            key,
        })
    }

    /// The key where only `slice` of its limits is this node's.
    #[must_use]
    pub fn sliced(self, slice: Slice) -> Self {
        Self { caps: slice.caps(self.key.spec.limits), ..self }
    }

    /// The same key, with what operators say about its answers.
    #[must_use]
    pub fn judged_by(self, rules: OwnRules) -> Self {
        Self { rules, ..self }
    }

    /// What an answer of its upstream means: by rules of operators, else by those of its provider.
    #[must_use]
    pub fn classify(&self, signal: &Signal<'_>) -> Verdict {
        self.judge(signal).verdict
    }

    /// The same, with what decided.
    #[must_use]
    pub fn judge(&self, signal: &Signal<'_>) -> Judgement {
        self.rules.judgement(signal).unwrap_or_else(|| self.provider.judge(signal))
    }

    /// How it is spoken to in `format`. `None`: it does not speak that.
    #[must_use]
    pub fn manner(&self, format: Format) -> Option<&Manner> {
        self.manners.iter().find(|manner| manner.format == format)
    }

    /// How it is spoken to in Google's own format, if it serves `model` in that.
    #[must_use]
    pub fn google(&self, model: &str) -> Option<&Manner> {
        self.google.as_ref().filter(|manner| self.serves(&manner.upstream, model))
    }

    /// Its upstream in `format`. `None`: it does not speak that.
    #[must_use]
    pub fn upstream(&self, format: Format) -> Option<&Upstream> {
        self.manner(format).map(|manner| &manner.upstream)
    }

    /// The formats in which it serves `model`.
    pub fn formats_for(&self, model: &str) -> impl Iterator<Item = Format> {
        self.manners.iter().filter(move |manner| self.serves(&manner.upstream, model)).map(|manner| manner.format)
    }

    /// What its operator wrote holds; else what the preset says of the upstream.
    fn serves(&self, upstream: &Upstream, model: &str) -> bool {
        let spec = &self.key.spec;
        let names = |patterns: &[ModelPattern]| patterns.iter().any(|pattern| pattern.matches(model));
        !names(&spec.models_denied) && if spec.models.is_empty() { upstream.serves(model) } else { names(&spec.models) }
    }

    /// Whether it is known to serve `model` by name, and not just because it serves whatever it is asked for.
    #[must_use]
    pub fn knows(&self, model: &str) -> bool {
        let names = |pattern: &ModelPattern| !pattern.is_any() && pattern.matches(model);
        let own = &self.key.spec.models;
        self.formats_for(model).any(|format| {
            let known = self.upstream(format).map(Upstream::models).unwrap_or_default();
            if own.is_empty() { known.iter().any(names) } else { own.iter().any(names) }
        })
    }

    /// What keeps it from being asked for `model` at `now`, if anything does: its own fitness, or its account's.
    #[must_use]
    pub fn hindrance(&self, model: &str, now: Instant) -> Option<Condition> {
        self.health
            .hindrance(model, now)
            .or_else(|| self.account.health.hindrance(model, now))
            .or_else(|| self.out_of_budget(now))
    }

    /// What keeps it from being asked for anything at all, if anything does: itself, its account, its budget, or the way to
    /// its upstream.
    #[must_use]
    pub fn whole(&self, now: Instant) -> Option<Condition> {
        let itself = self.health.condition(now).or_else(|| self.account.health.condition(now));
        itself.or_else(|| self.out_of_budget(now)).or_else(|| self.link.condition(now))
    }

    /// Whether its budget is used up.
    fn out_of_budget(&self, now: Instant) -> Option<Condition> {
        let budget = self.key.spec.budget.as_ref()?;
        let until = self.purse.is_empty(budget.limit, now)?;
        let reason = match budget.window {
            Window::Total => format!("its budget of {} USD is used up", budget.limit),
            window => format!("its budget of {} USD a {} is used up", budget.limit, window.as_str()),
        };
        Some(Condition { state: KeyState::OutOfBudget, since: now, until: until.unwrap_or(now + FOR_EVER), reason })
    }

    /// How full it would be with one more call of about `input` tokens; `room` is that of the model.
    #[must_use]
    pub fn level(&self, room: &Room, input: u64, now: Instant) -> Level {
        let level = room.level(input, Caps::default(), now);
        let level = match self.caps == Caps::default() {
            true => level,
            false => level.fuller(self.account.rooms.whole().level(input, self.caps, now)),
        };
        match self.health.ramp(now).or_else(|| self.account.health.ramp(now)) {
            Some(together) => level.fuller(ramping(self.account.rooms.whole().in_flight(), together)),
            None => level,
        }
    }

    /// The key's state at `now`, for people. `wall` is the same moment on the wall clock.
    #[must_use]
    pub fn status(&self, now: Instant, wall: Timestamp) -> KeyStatus {
        if !self.key.spec.enabled {
            return KeyStatus::disabled("switched off by its operator");
        }
        let mut models = self.health.model_conditions(now);
        models.extend(self.account.health.model_conditions(now));
        let models =
            models.into_iter().map(|(model, condition)| ModelStatus::of(&model, condition, now, wall)).collect();
        let condition = self.health.condition(now).or_else(|| self.account.health.condition(now));
        match condition.or_else(|| self.out_of_budget(now)) {
            Some(Condition { state, since, until, reason }) => {
                let [since, until] = [since, until].map(|at| Some(on_the_wall(at, now, wall)));
                KeyStatus { state, since, until, reason: Some(reason), models }
            }
            None => KeyStatus::of_models(models).beside(self.link.condition(now), now, wall),
        }
    }
}

/// What never ends is said to end then: people see a date, and nobody waits for it.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// How a key speaks one format. Made once, because every request needs it.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     format::Format,
///     id::KeyId,
///     keys::{Key, KeySpec, LiveKey, Manner, Standing},
///     provider::Presets,
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// let (now, wall) = (Instant::now(), Timestamp::from_millis(0));
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-example"));
/// let key = Key { id: KeyId(1), create_time: wall, update_time: wall, fingerprint: String::new(), spec };
/// let live = LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(now))?;
/// let manner: &Manner = live.manner(Format::Responses).ok_or("it speaks Responses")?;
/// assert_eq!(manner.url.to_string(), "https://api.openai.com/v1/responses");
/// assert!(manner.headers["authorization"].is_sensitive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Manner {
    /// The format.
    pub format: Format,
    /// What is known of the upstream.
    pub upstream: Upstream,
    /// The path on which calls of this format come and go.
    pub path: &'static str,
    /// Where that path leads.
    pub url: Uri,
    /// What every request says: the key's own headers and its credential.
    pub headers: HeaderMap,
}

/// Our own User-Agent.
pub(crate) const OUR_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("amp-pool/", env!("CARGO_PKG_VERSION")));

impl Manner {
    fn new(spec: &KeySpec, provider: &Provider, format: Format) -> Result<Self, LiveKeyError> {
        let upstream = provider.upstream(format, spec.base_url.as_deref()).map_err(LiveKeyError::BaseUrl)?;
        let path = format.path();
        let url = upstream.url(path).and_then(|url| url.parse().ok());
        let url = url.ok_or(LiveKeyError::BaseUrl(BaseUrlError::Address))?;
        let headers = headers(&spec.egress, &upstream, &spec.api_key).map_err(LiveKeyError::Credential)?;
        Ok(Self { format, upstream, path, url, headers })
    }

    /// For Google's own format, which has no path that all calls share: the model is in it.
    fn of_google(spec: &KeySpec, provider: &Provider) -> Result<Option<Self>, LiveKeyError> {
        let upstream = provider.google_upstream(spec.base_url.as_deref()).map_err(LiveKeyError::BaseUrl)?;
        let Some(upstream) = upstream else { return Ok(None) };
        let url = upstream.root().parse().map_err(|_| LiveKeyError::BaseUrl(BaseUrlError::Address))?;
        let headers = headers(&spec.egress, &upstream, &spec.api_key).map_err(LiveKeyError::Credential)?;
        Ok(Some(Self { format: Format::Chat, upstream, path: "", url, headers }))
    }
}

fn headers(egress: &Egress, upstream: &Upstream, credential: &Secret) -> Result<HeaderMap, CredentialError> {
    let mut headers = HeaderMap::new();
    // What we read we must be able to read, and what passes must pass unchanged.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, egress.user_agent.clone().unwrap_or(OUR_USER_AGENT));
    for (name, value) in &egress.headers {
        headers.insert(name, value.clone());
    }
    upstream.auth().apply(credential, &mut headers)?;
    Ok(headers)
}

/// The state of a key, for people.
///
/// ```
/// use amp_pool_core::keys::{KeyState, KeyStatus};
///
/// let status = KeyStatus::disabled("the upstream refuses its credential");
/// assert_eq!(status.state, KeyState::Disabled);
/// assert_eq!(status.reason.as_deref(), Some("the upstream refuses its credential"));
/// assert!(status.until.is_none(), "somebody has to look at it");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStatus {
    /// The state of the key as a whole.
    pub state: KeyState,
    /// When that began.
    pub since: Option<Timestamp>,
    /// When that ends.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Models for which it rests.
    pub models: Vec<ModelStatus>,
}

impl KeyStatus {
    /// A key that is fit as a whole. Where it rests for single models it is not simply ready, and people are told so.
    fn of_models(models: Vec<ModelStatus>) -> Self {
        let Some(last) = models.iter().max_by_key(|model| model.until) else {
            return Self { state: KeyState::Ready, since: None, until: None, reason: None, models };
        };
        let others = models.len() - 1;
        let more = if others > 0 { format!(" (and {others} more models)") } else { String::new() };
        let reason = format!("for `{}`{more}: {}", last.model, last.reason);
        Self { state: last.state, since: Some(last.since), until: Some(last.until), reason: Some(reason), models }
    }

    /// A key that is fit itself, and the way to its upstream may not be. While that is in trouble it is asked only if nobody
    /// else is fit.
    fn beside(self, line: Option<Condition>, now: Instant, wall: Timestamp) -> Self {
        let Some(Condition { state, since, until, reason }) = line.filter(|_| self.state == KeyState::Ready) else {
            return self;
        };
        let reason = Some(format!("the way to the upstream: {reason}"));
        let [since, until] = [since, until].map(|at| Some(on_the_wall(at, now, wall)));
        Self { state, since, until, reason, ..self }
    }

    /// A key that is not tried, and not by its own doing.
    #[must_use]
    pub fn disabled(reason: impl Into<String>) -> Self {
        Self { state: KeyState::Disabled, since: None, until: None, reason: Some(reason.into()), models: Vec::new() }
    }
}

/// The state of a key for one model, for people.
///
/// ```
/// use std::{
///     sync::Arc,
///     time::{Duration, Instant},
/// };
///
/// use amp_pool_core::{
///     id::KeyId,
///     keys::{Key, KeySpec, KeyState, Lesson, LiveKey, ModelStatus, Standing},
///     provider::Presets,
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// let (now, wall) = (Instant::now(), Timestamp::from_millis(0));
/// let spec = KeySpec::new("mine", "openai", Secret::new("sk-example"));
/// let key = Key { id: KeyId(1), create_time: wall, update_time: wall, fingerprint: String::new(), spec };
/// let live = LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(now))?;
/// let wait = Some(Duration::from_secs(60));
/// live.health.learn("gpt-4o", Lesson::RestModel { wait, reason: "no such model".into() }, now);
/// // The key serves everything else meanwhile.
/// assert!(live.hindrance("gpt-4o-mini", now).is_none());
/// let status = live.status(now, wall);
/// let ModelStatus { model, state, reason, .. } = &status.models[0];
/// assert_eq!((model.as_str(), *state, reason.as_str()), ("gpt-4o", KeyState::Cooling, "no such model"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelStatus {
    /// The model, as the upstream knows it.
    pub model: String,
    /// The state.
    pub state: KeyState,
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

impl ModelStatus {
    fn of(model: &str, condition: Condition, now: Instant, wall: Timestamp) -> Self {
        let Condition { state, since, until, reason } = condition;
        let [since, until] = [since, until].map(|at| on_the_wall(at, now, wall));
        Self { model: model.into(), state, since, until, reason }
    }
}

/// A key that has just come back is given more calls step by step.
fn ramping(in_flight: u32, together: u32) -> Level {
    let permille = (u64::from(in_flight) + 1) * 1000 / u64::from(together.max(1));
    Level { permille, resource: Resource::Concurrency, is_cap: false }
}

/// A moment on the monotonic clock as one on the wall clock. `wall` is `now` there.
pub(crate) fn on_the_wall(then: Instant, now: Instant, wall: Timestamp) -> Timestamp {
    Moment { now, wall }.on_the_wall(then)
}
