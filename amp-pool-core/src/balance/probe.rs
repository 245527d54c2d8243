//! How an upstream is asked for a balance, as data.
//!
//! What is known of vendors stands in `provider/presets.json`; an operator may write a probe of the same shape.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use http::{HeaderName, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Decimal, Kind, Path, template, text::TextAt};
use crate::money::Amount;

/// The most steps a probe may have: each is a request.
const MOST_STEPS: usize = 4;

/// Headers that carry secrets. A probe is shown to whoever sees its key, so that those do not belong into it.
const CREDENTIALS: [&str; 7] =
    ["authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "x-auth-token"];

/// One way to ask an upstream for a balance.
///
/// ```
/// use amp_pool_core::balance::Probe;
///
/// let probe: Probe = serde_json::from_str(
///     r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}], "amount": "/data/left", "currency": "USD"}"#,
/// )?;
/// assert!(probe.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its name among the probes of a provider.
    #[serde(default = "own")]
    pub id: String,
    /// What its answer says.
    pub kind: Kind,
    /// The requests, in order.
    pub steps: Vec<Step>,
    /// What has to hold of the last answer, or it is a refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ok: Vec<Condition>,
    /// What holds of the last answer while the key may be used. Without any: the upstream does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usable: Vec<Condition>,
    /// What holds of an answer when there is no limit: it then tells what was spent and nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlimited: Vec<Condition>,
    /// Objects of the last answer that each hold an amount, where there are several: one for each currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Path>,
    /// What is left. Without it: `total` minus `spent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Figure>,
    /// What was paid in or granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Figure>,
    /// What was spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Figure>,
    /// The unit of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<CurrencyAt>,
    /// Windows of a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowAt>,
    /// A text for people, read line by line instead of the figures above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextAt>,
    /// A key stops at this balance, where its operator set no minimum. For upstreams that are known to refuse then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<Amount>,
    /// Whether it is tried at all for a key that does not name it.
    #[serde(default = "yes")]
    pub by_default: bool,
    /// Whether it runs on the schedule before it has answered once.
    #[serde(default = "yes")]
    pub scheduled: bool,
}

fn own() -> String {
    "own".into()
}

fn yes() -> bool {
    true
}

/// One request of a probe.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use amp_pool_core::{
///     balance::{Condition, Figure, Place, Probe, Run, Step},
///     secret::Secret,
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// let mut probe: Probe = serde_json::from_str(
///     r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}], "amount": "/left", "currency": "USD"}"#,
/// )?;
/// // A vendor with a header of its own, whose errors come under 200, and who counts in cents.
/// let headers = BTreeMap::from([("x-key".to_owned(), "{key}".to_owned())]);
/// probe.steps = vec![Step { headers: Some(headers), ..probe.steps.remove(0) }];
/// probe.ok = vec![Condition { at: "/code".parse()?, one_of: vec![0.into()] }];
/// probe.amount = Some(Figure { at: "/cents".parse()?, step: None, scale: Some("0.01".parse()?), divide_by: None });
/// probe.check()?;
///
/// let (key, values) = (Secret::new("sk-1"), BTreeMap::new());
/// let place = Place { base: "https://relay.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
/// let mut run = Run::new(&probe, place, &[]);
/// assert_eq!(run.ask()?.ok_or("there is a step")?.headers()["x-key"], "sk-1");
/// run.hear(StatusCode::OK, &HeaderMap::new(), br#"{"code": 0, "cents": 1250}"#)?;
/// assert_eq!(run.read()?.reading.amount, Some("12.5".parse()?));
///
/// let mut run = Run::new(&probe, place, &[]);
/// run.ask()?;
/// assert!(run.hear(StatusCode::OK, &HeaderMap::new(), br#"{"code": 9, "cents": 0}"#).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeStep"))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `GET`, or `POST` where there is a body, unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Where it goes. `{base}`, `{origin}`, `{key}` and the like are filled in.
    pub url: String,
    /// Its headers. Without any: `authorization: Bearer {key}`. One that is filled with nothing is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Its body, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// What later steps need of its answer, by name. A step whose names the operator has given is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub take: BTreeMap<String, Take>,
    /// Where the next page is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextPage>,
}

/// A value of an answer that later steps need.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use amp_pool_core::{
///     balance::{NextPage, Place, Probe, Run, Take},
///     secret::Secret,
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// // The first answer names the team, the second one lists its costs page by page.
/// let probe: Probe = serde_json::from_str(r#"{
///     "kind": "spend_only", "spent": "/costs/*/usd", "currency": "USD",
///     "steps": [
///         {"url": "{base}/me", "take": {"team": {"at": ["/team", "/org"]}}},
///         {"url": "{base}/teams/{team}/costs", "next": {"at": "/next", "parameter": "page"}}
///     ]
/// }"#)?;
/// let team: &Take = &probe.steps[0].take["team"];
/// assert_eq!(team.at.len(), 2);
/// let next: &NextPage = probe.steps[1].next.as_ref().ok_or("there are pages")?;
/// assert_eq!(next.parameter, "page");
///
/// let (key, values) = (Secret::new("sk-1"), BTreeMap::new());
/// let place = Place { base: "https://relay.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
/// let mut run = Run::new(&probe, place, &[]);
/// let mut asked = Vec::new();
/// for answer in [
///     r#"{"org": "t9"}"#,
///     r#"{"costs": [{"usd": "1.5"}, {"usd": "2"}], "next": "p2"}"#,
///     r#"{"costs": [{"usd": "0.25"}], "next": null}"#,
/// ] {
///     asked.push(run.ask()?.ok_or("there is more to ask")?.uri().to_string());
///     run.hear(StatusCode::OK, &HeaderMap::new(), answer.as_bytes())?;
/// }
/// assert_eq!(asked[2], "https://relay.example/teams/t9/costs?page=p2");
/// assert_eq!(run.read()?.reading.spent, Some("3.75".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeTake"))]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// Where it may stand; the first place that has one counts.
    pub at: Vec<Path>,
    /// What to use instead of the value found, by that value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
    /// What to use where there is none, or none of the words.
    #[serde(default, rename = "else", skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// How the next page of an answer is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeNextPage"))]
#[serde(deny_unknown_fields)]
pub struct NextPage {
    /// Where it is named; nothing there, or `null`: this was the last.
    pub at: Path,
    /// The parameter of the URL that takes it.
    pub parameter: String,
}

/// A value that has to be one of some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeCondition"))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where it stands.
    pub at: Path,
    /// What it may be.
    #[serde(rename = "in")]
    pub one_of: Vec<Value>,
}

impl Condition {
    pub(super) fn holds(&self, document: &Value) -> bool {
        self.at.first(document).is_some_and(|value| self.one_of.contains(value))
    }
}

/// Where a number stands, and in which unit. Written as a path alone, or as an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeFigure"))]
#[serde(from = "FigureWritten")]
pub struct Figure {
    /// Where it stands. Several values there are added up.
    pub at: Path,
    /// In the answer to which step, from 0. Without it: in the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// What it is multiplied with: `0.01` makes dollars of cents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Decimal>,
    /// The name of what it is divided by, taken from an earlier answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divide_by: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeFigureInput"))]
#[serde(untagged)]
enum FigureWritten {
    Short(Path),
    Long(FigureFields),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProbeFigureFields"))]
#[serde(deny_unknown_fields)]
struct FigureFields {
    at: Path,
    #[serde(default)]
    step: Option<usize>,
    #[serde(default)]
    scale: Option<Decimal>,
    #[serde(default)]
    divide_by: Option<String>,
}

impl From<FigureWritten> for Figure {
    fn from(written: FigureWritten) -> Self {
        match written {
            FigureWritten::Short(at) => Self { at, step: None, scale: None, divide_by: None },
            FigureWritten::Long(FigureFields { at, step, scale, divide_by }) => Self { at, step, scale, divide_by },
        }
    }
}

/// The unit of a figure.
///
/// ```
/// use amp_pool_core::balance::{CurrencyAt, HostCurrency, ToldCurrency};
///
/// let always: CurrencyAt = serde_json::from_str(r#""USD""#)?;
/// assert_eq!(always, CurrencyAt::Fixed("USD".into()));
/// let told: CurrencyAt = serde_json::from_str(r#"{"at": "/data/currency"}"#)?;
/// assert_eq!(told, CurrencyAt::Told(ToldCurrency { at: "/data/currency".parse()? }));
/// // A vendor with one site for China and one for everybody else.
/// let by_host = HostCurrency { by_host: [(".cn".into(), "CNY".into())].into(), otherwise: "USD".into() };
/// assert_eq!(serde_json::to_string(&CurrencyAt::Host(by_host))?, r#"{"by_host":{".cn":"CNY"},"else":"USD"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum CurrencyAt {
    /// Always the same: `USD`, `CNY`, `points`.
    Fixed(String),
    /// The answer says.
    Told(ToldCurrency),
    /// It depends on the host that is asked.
    Host(HostCurrency),
}

/// A unit that the answer names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ToldCurrency {
    /// Where it stands, in the row or the answer.
    pub at: Path,
}

/// A unit that depends on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HostCurrency {
    /// By the end of the host's name.
    pub by_host: BTreeMap<String, String>,
    /// For every other host.
    #[serde(rename = "else")]
    pub otherwise: String,
}

/// Where a window of a plan is described.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use amp_pool_core::{
///     balance::{Place, Probe, Run, WindowAt},
///     secret::Secret,
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// let mut probe: Probe = serde_json::from_str(
///     r#"{"kind": "plan_window", "steps": [{"url": "{base}/limits"}], "windows": [{"name": ["week"]}]}"#,
/// )?;
/// // One window for each object of a list, named by the object itself.
/// probe.windows = vec![WindowAt {
///     rows: Some("/limits/*".parse()?),
///     name: vec!["/type".into()],
///     words: [("FIVE_HOUR".into(), "5h".into())].into(),
///     used_percent: Some("/used".parse()?),
///     ..probe.windows.remove(0)
/// }];
///
/// let (key, values) = (Secret::new("sk-1"), BTreeMap::new());
/// let place = Place { base: "https://plan.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
/// let mut run = Run::new(&probe, place, &[]);
/// run.ask()?;
/// run.hear(StatusCode::OK, &HeaderMap::new(), br#"{"limits": [{"type": "FIVE_HOUR", "used": 12.5}]}"#)?;
/// let reading = run.read()?.reading;
/// assert_eq!(reading.windows[0].name, "5h");
/// assert_eq!(reading.windows[0].left_percent.map(|left| left.to_string()).as_deref(), Some("87.50%"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WindowAt {
    /// The objects that describe one each. Without it: the answer is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Path>,
    /// What has to hold of an object, or there is no such window.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
    /// The words of its name: paths in the object where they begin with `/`.
    pub name: Vec<String>,
    /// What the words found are called instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
    /// How much of it is left, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_percent: Option<Path>,
    /// How much of it was used, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<Path>,
    /// How many of its units are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Path>,
    /// How many units it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Path>,
    /// When it begins anew: Unix time in seconds or milliseconds, or RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<Path>,
}

/// Why a probe cannot be used.
///
/// ```
/// use amp_pool_core::balance::{Probe, ProbeError};
///
/// let probe: Probe = serde_json::from_str(r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}]}"#)?;
/// let error: ProbeError = probe.check().err().ok_or("it finds nothing")?;
/// assert!(error.to_string().contains("`amount`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeError(String);

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ProbeError {}

impl Probe {
    /// Whether it can be sent and can find anything. To be asked when it is written.
    ///
    /// # Errors
    /// [`ProbeError`] with what is wrong, in words.
    pub fn check(&self) -> Result<(), ProbeError> {
        let wrong = |why: String| Err(ProbeError(why));
        if self.id.is_empty() || self.id.len() > 60 {
            return wrong("the id of a probe has 1 to 60 characters".into());
        }
        if self.steps.is_empty() || self.steps.len() > MOST_STEPS {
            return wrong(format!("a probe has 1 to {MOST_STEPS} steps"));
        }
        self.steps.iter().try_for_each(Step::check)?;
        let finds = [&self.amount, &self.total, &self.spent].iter().any(|figure| figure.is_some());
        if !finds && self.windows.is_empty() && self.text.is_none() && self.usable.is_empty() {
            return wrong(
                "a probe says where to find an `amount`, `total`, `spent`, `windows`, `text` or `usable`".into(),
            );
        }
        if self.amount.iter().chain(&self.total).chain(&self.spent).any(|figure| figure.step >= Some(self.steps.len()))
        {
            return wrong("a figure names a step that is not there; the first is 0".into());
        }
        if self.text.as_ref().is_some_and(|text| text.lines.is_empty()) {
            return wrong("a text is read by at least one pattern in `lines`".into());
        }
        Ok(())
    }

    /// The names an operator has to give a value for.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<String> {
        let taken: BTreeSet<_> = self.steps.iter().flat_map(|step| step.take.keys()).collect();
        let asked = self.steps.iter().flat_map(Step::asked);
        asked.filter(|name| !taken.contains(name)).collect()
    }
}

impl Step {
    fn check(&self) -> Result<(), ProbeError> {
        let wrong = |why: String| Err(ProbeError(why));
        let begins = ["http://", "https://", "{base}", "{origin}"];
        if !begins.iter().any(|begin| self.url.starts_with(begin)) {
            return wrong("the url of a step begins with `https://`, `http://`, `{base}` or `{origin}`".into());
        }
        if self.method.as_deref().is_some_and(|method| !["GET", "POST"].contains(&method)) {
            return wrong("the method of a step is `GET` or `POST`".into());
        }
        for (name, value) in self.headers.iter().flatten() {
            if CREDENTIALS.contains(&&*name.to_ascii_lowercase()) && !value.contains('{') {
                return wrong(format!("`{name}` carries a secret: write it as `{{key}}`, or as the name of a value"));
            }
            let framing = ["host", "content-length", "transfer-encoding", "connection", "accept-encoding"];
            if HeaderName::try_from(name).is_err() || framing.contains(&&*name.to_ascii_lowercase()) {
                return wrong(format!("`{name}` is no header that a step can set"));
            }
        }
        Ok(())
    }

    pub(super) fn method(&self) -> Method {
        let written = self.method.as_deref().and_then(|method| method.parse().ok());
        written.unwrap_or(if self.body.is_some() { Method::POST } else { Method::GET })
    }

    fn asked(&self) -> BTreeSet<String> {
        let headers = self.headers.iter().flat_map(BTreeMap::values).map(String::as_str);
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        let texts = headers.chain([self.url.as_str(), &body]).flat_map(template::asked);
        texts.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(changed: &Value, expected: &str) {
        let mut probe = json!({"kind": "balance", "steps": [{"url": "{base}/x"}], "amount": "/left"});
        for (name, value) in changed.as_object().unwrap() {
            probe[name] = value.clone();
        }
        let said = match serde_json::from_value::<Probe>(probe) {
            Ok(probe) => probe.check().map_or_else(|error| error.to_string(), |()| "fine".into()),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{changed}: {said}");
    }

    #[test]
    fn a_probe_that_could_not_work_is_refused_with_the_reason() {
        check(&json!({}), "fine");
        check(&json!({"steps": []}), "1 to 4 steps");
        check(&json!({"steps": [{"url": "/relative"}]}), "begins with");
        check(&json!({"steps": [{"url": "{base}", "method": "DELETE"}]}), "`GET` or `POST`");
        check(&json!({"steps": [{"url": "{base}", "headers": {"host": "x"}}]}), "`host`");
        check(&json!({"steps": [{"url": "{base}", "headers": {"Authorization": "sk-1"}}]}), "carries a secret");
        check(&json!({"amount": null}), "says where to find");
        check(&json!({"amount": {"at": "/x", "step": 1}}), "not there");
        check(&json!({"kind": "guess"}), "unknown variant");
        check(&json!({"sum": "/x"}), "unknown field");
        check(&json!({"amount": "left"}), "did not match");
    }

    #[test]
    fn what_an_operator_has_to_give_is_told() {
        let probe: Probe = serde_json::from_value(json!({
            "kind": "balance", "amount": "/left",
            "steps": [
                {"url": "https://h/teams", "headers": {"x-auth": "{management_key}"}, "take": {"team": {"at": ["/id"]}}},
                {"url": "https://h/{team}/{org}?k={key}"},
            ],
        }))
        .unwrap();
        assert_eq!(probe.needs().into_iter().collect::<Vec<_>>(), ["management_key", "org"]);
    }
}
