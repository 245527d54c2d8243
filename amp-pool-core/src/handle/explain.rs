//! What would happen to a call now, without making it.

use std::{collections::HashSet, time::Instant};

use super::{Handle, monotonic};
use crate::{
    Error,
    caller::Caller,
    format::{Endpoint, Format},
    id::{KeyId, RouteId, TokenId},
    keys::{KeySpec, Level, on_the_wall},
    route::{By, Choice, Hindrance, PassedOver, Plan, Seat, Strategy, Want},
    service::{Ask, attempts, conversation, render, routing},
    time::Timestamp,
};

/// So many candidates and keys that are none are told one by one; all are counted.
const TOLD: usize = 200;

/// A call that nobody makes.
#[derive(Debug, Clone)]
pub struct Question {
    /// The model it names.
    pub model: String,
    /// The format it comes in.
    pub format: Format,
    /// The client token it comes with. `None`: one that may use everything.
    pub token: Option<TokenId>,
    /// The provider it names by the path of the Amp layout.
    pub provider: Option<String>,
    /// The name of the conversation it belongs to, as in `x-amp-session`.
    pub session: Option<String>,
    /// About how many tokens it sends.
    pub input_tokens: u64,
}

impl Question {
    /// A call in `format` for `model`, of which nothing else is known.
    #[must_use]
    pub fn new(model: impl Into<String>, format: Format) -> Self {
        Self { model: model.into(), format, token: None, provider: None, session: None, input_tokens: 0 }
    }
}

/// What would happen.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     format::Format,
///     handle::{Candidate, Explanation, Foreseen, Question},
///     keys::KeySpec,
///     route::{RouteCandidate, RouteSpec, Strategy},
///     secret::Secret,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let handle = pool.handle();
/// handle.add_key(KeySpec::new("mine", "openai", Secret::new("sk-a"))).await?;
/// let candidate = RouteCandidate { provider: None, model: "gpt-4o-mini".into(), tier: 0, weight: 1 };
/// let strategy = Strategy::LeastLoaded;
/// handle.add_route(RouteSpec { model: "fast".into(), strategy, candidates: vec![candidate], ..RouteSpec::default() }).await?;
///
/// // Nothing is sent, and nothing changes.
/// let found: Explanation = handle.explain(&Question::new("fast", Format::Chat));
/// let [Candidate { name, upstream_model, .. }] = found.candidates.as_slice() else { return Err("one candidate".into()) };
/// assert_eq!((name.as_str(), upstream_model.as_str()), ("mine", "gpt-4o-mini"));
/// let Ok(Foreseen { upstream_format, .. }) = found.choice else { return Err("it would be answered".into()) };
/// assert_eq!(upstream_format, Format::Chat);
///
/// // Why a call would be refused is told as the caller would be.
/// let refused = handle.explain(&Question::new("no-such-model", Format::Chat)).choice.err().ok_or("nobody serves it")?;
/// assert_eq!(refused.status, 404);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Explanation {
    /// The route that the model has.
    pub route: Option<RouteId>,
    /// How one is chosen among equals. `None`: nobody serves the model.
    pub strategy: Option<Strategy>,
    /// Which candidate would be asked first, or what the client would be told.
    pub choice: Result<Foreseen, Refused>,
    /// Who can serve the model, in the order in which they are looked at; at most 200.
    pub candidates: Vec<Candidate>,
    /// How many there are.
    pub candidate_count: usize,
    /// Keys that can not serve it, whatever their state; at most 200.
    pub excluded: Vec<Excluded>,
    /// How many there are.
    pub excluded_count: usize,
}

/// Who would be asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The key.
    pub key: KeyId,
    /// What decided.
    pub by: By,
    /// The format it would be asked in.
    pub upstream_format: Format,
    /// The model it would be asked for.
    pub upstream_model: String,
    /// What speaks against it. It would be asked all the same, because nobody is fit.
    pub despite: Option<Hindered>,
}

/// What the client would be told.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     format::Format,
///     handle::{Question, Refused},
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let choice = pool.handle().explain(&Question::new("gpt-4o-mini", Format::Chat)).choice;
/// let Refused { outcome, status, error } = choice.err().ok_or("there is no key")?;
/// assert_eq!((outcome, status), ("unknown_model", 404));
/// assert!(error.to_string().contains("gpt-4o-mini"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Refused {
    /// The name in JSON: `resting`, `full`, `no_format`, … or that of the error.
    pub outcome: &'static str,
    /// The status.
    pub status: u16,
    /// The error, with how long to wait.
    pub error: Error,
}

/// A key that can serve the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The key.
    pub key: KeyId,
    /// What people call it.
    pub name: String,
    /// Its provider.
    pub provider: String,
    /// The tier of the route that it stands in.
    pub tier: u32,
    /// Its priority in the tier.
    pub priority: i32,
    /// Its share among those of one tier, priority and kind of format.
    pub weight: u32,
    /// The format it would be asked in. `None`: it speaks none that the call can go out in.
    pub upstream_format: Option<Format>,
    /// The model it would be asked for.
    pub upstream_model: String,
    /// Whether the conversation was there last.
    pub is_home: bool,
    /// How full its fullest limit would be with the call.
    pub room: Level,
    /// What speaks against it. `None`: it is ready.
    pub hindrance: Option<Hindered>,
}

/// What speaks against a key.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     caller::TokenSpec,
///     format::Format,
///     handle::{Excluded, Hindered, Question},
///     keys::KeySpec,
///     secret::Secret,
///     testkit::{Reply, Script},
/// };
/// # use bytes::Bytes;
/// # use http_body_util::{BodyExt as _, Full};
/// # use tower::ServiceExt as _;
///
/// let pool = Pool::builder().transport(Script::new().on("sk-a", Reply::limited())).build().await?;
/// pool.handle().add_key(KeySpec::new("busy", "openai", Secret::new("sk-a"))).await?;
/// let mut off = KeySpec::new("off", "openai", Secret::new("sk-b"));
/// off.enabled = false;
/// pool.handle().add_key(off).await?;
/// # let (_, token) = pool.handle().add_token(TokenSpec::named("me")).await?;
/// # let request = http::Request::post("/v1/chat/completions")
/// #     .header("authorization", format!("Bearer {}", token.expose()))
/// #     .body(Full::new(Bytes::from(r#"{"model":"gpt-4o-mini","messages":[]}"#)))?;
/// # let Ok(answer) = pool.clone().oneshot(request).await;
/// # answer.into_body().collect().await.map_err(|error| error.to_string())?;
///
/// // After a call that met with a limit:
/// let found = pool.handle().explain(&Question::new("gpt-4o-mini", Format::Chat));
/// let Hindered { state, until, .. } = found.candidates[0].hindrance.clone().ok_or("it rests")?;
/// assert!(state == "cooling" && until.is_some());
/// let Excluded { name, why, .. } = &found.excluded[0];
/// assert_eq!((name.as_str(), *why), ("off", "disabled"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindered {
    /// The name in JSON: `cooling`, `out_of_credit`, `disabled`, `probing`, `line`, `full`, `format`.
    pub state: &'static str,
    /// When that ends, where it ends by itself.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub reason: Option<String>,
}

/// A key that can not serve the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// The key.
    pub key: KeyId,
    /// What people call it.
    pub name: String,
    /// The name in JSON: `disabled` by its operator, `model_denied`, `model` (it does not serve it, or the name or route
    /// asks for another provider), `not_in_service`.
    pub why: &'static str,
}

/// Explaining.
impl Handle {
    /// What would happen to a call now. Nobody is called, and nobody's turn is taken.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use amp_pool_core::{Pool, format::Format, handle::Question, keys::KeySpec, secret::Secret};
    ///
    /// let handle = Pool::builder().build().await?.handle();
    /// let key = handle.add_key(KeySpec::new("team A", "openai", Secret::new("sk-1"))).await?;
    ///
    /// let explained = handle.explain(&Question::new("gpt-5", Format::Chat));
    /// assert_eq!(explained.choice.map(|chosen| chosen.key).ok(), Some(key.key.id));
    /// assert_eq!(explained.candidates[0].hindrance, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn explain(&self, question: &Question) -> Explanation {
        let catalog = self.0.catalog.load_full();
        let endpoint = Endpoint::of_format(question.format);
        let route = self.routes().into_iter().find(|route| route.spec.model == question.model).map(|route| route.id);
        let caller = match self.caller(question.token) {
            Ok(caller) => caller,
            Err(error) => return self.refused(question, route, error),
        };
        let ask = Ask {
            provider: question.provider.as_deref().map(Into::into),
            ..Ask::plain(endpoint, question.format, &question.model)
        };
        match routing::plan(&catalog, &caller, &ask) {
            Ok(plan) => self.explain_plan(question, route, &plan),
            Err(error) => self.refused(question, route, error),
        }
    }

    fn caller(&self, token: Option<TokenId>) -> Result<Caller, Error> {
        let Some(id) = token else { return Ok(Caller::default()) };
        let token = self.tokens().into_iter().find(|token| token.id == id);
        let token = token.ok_or_else(|| Error::unauthorized(format!("there is no client token {id}")))?;
        if !token.is_valid(self.now()) {
            return Err(Error::unauthorized("this client token is switched off or has expired"));
        }
        // Its limits and budgets belong to calls that are made.
        Ok(token.caller(Vec::new()))
    }

    fn refused(&self, question: &Question, route: Option<RouteId>, error: Error) -> Explanation {
        let (excluded, excluded_count) = self.excluded(question, None);
        Explanation {
            route,
            strategy: None,
            choice: Err(Refused::of(error.name(), error, question.format)),
            candidates: Vec::new(),
            candidate_count: 0,
            excluded,
            excluded_count,
        }
    }

    fn explain_plan(&self, question: &Question, route: Option<RouteId>, plan: &Plan) -> Explanation {
        let (now, wall) = (monotonic(), self.now());
        let conversation = question.session.as_deref().map(|name| conversation::named(question.token, name));
        let want = Want {
            translates: true,
            input: question.input_tokens,
            conversation,
            home: conversation.and_then(|conversation| self.0.trail.find(conversation, now)),
            ..Want::new(question.format, &question.model, now)
        };
        let mut passed = PassedOver::default();
        let choice = match plan.foresee(want, &mut passed) {
            Choice::Seat { at, by } => Ok(Foreseen::of(&plan.seats()[at], by, want, passed.despite(), wall)),
            nobody => Err(Refused::of(nobody.as_str(), attempts::nobody(&nobody), question.format)),
        };
        let order = plan.order(want);
        let (excluded, excluded_count) = self.excluded(question, Some(plan));
        Explanation {
            route,
            strategy: Some(plan.strategy()),
            choice,
            candidate_count: order.len(),
            candidates: order.into_iter().take(TOLD).map(|at| Candidate::of(plan, at, want, wall)).collect(),
            excluded,
            excluded_count,
        }
    }

    /// Keys that have no seat in the plan.
    fn excluded(&self, question: &Question, plan: Option<&Plan>) -> (Vec<Excluded>, usize) {
        let seated: HashSet<_> = plan.into_iter().flat_map(Plan::seats).map(|seat| seat.key.key.id).collect();
        let in_service: HashSet<_> = self.0.catalog.load().keys().iter().map(|live| live.key.id).collect();
        let configuration = self.0.configuration.load();
        let outside = configuration.keys.iter().filter(|key| !seated.contains(&key.id));
        let all: Vec<_> = outside.collect();
        let told = all.iter().take(TOLD).map(|key| Excluded {
            key: key.id,
            name: key.spec.name.clone(),
            why: why_excluded(&key.spec, in_service.contains(&key.id), &question.model),
        });
        (told.collect(), all.len())
    }
}

fn why_excluded(spec: &KeySpec, is_in_service: bool, model: &str) -> &'static str {
    match spec {
        spec if !spec.enabled => "disabled",
        _ if !is_in_service => "not_in_service",
        spec if spec.models_denied.iter().any(|pattern| pattern.matches(model)) => "model_denied",
        _ => "model",
    }
}

impl Refused {
    fn of(outcome: &'static str, error: Error, format: Format) -> Self {
        Self { outcome, status: render::status(&error, format).as_u16(), error }
    }
}

impl Foreseen {
    fn of(seat: &Seat, by: By, want: Want<'_>, despite: Option<&Hindrance>, wall: Timestamp) -> Self {
        Self {
            key: seat.key.key.id,
            by,
            upstream_format: seat.format_for(want.format, want.translates).unwrap_or(want.format),
            upstream_model: seat.model(want.model).to_owned(),
            despite: despite.map(|why| Hindered::of(why, want.now, wall)),
        }
    }
}

impl Candidate {
    fn of(plan: &Plan, at: usize, want: Want<'_>, wall: Timestamp) -> Self {
        let seat = &plan.seats()[at];
        let key = &seat.key.key;
        Self {
            key: key.id,
            name: key.spec.name.clone(),
            provider: seat.key.provider.id.clone(),
            tier: seat.rank.0,
            priority: key.spec.priority,
            weight: seat.weight,
            upstream_format: seat.format_for(want.format, want.translates),
            upstream_model: seat.model(want.model).to_owned(),
            is_home: want.home == Some(key.id),
            room: seat.level(want),
            hindrance: seat.hindrance(at, want).map(|why| Hindered::of(&why, want.now, wall)),
        }
    }
}

impl Hindered {
    fn of(why: &Hindrance, now: Instant, wall: Timestamp) -> Self {
        Self {
            state: why.as_str(),
            until: why.condition().map(|condition| on_the_wall(condition.until, now, wall)),
            reason: attempts::reason(why),
        }
    }
}
