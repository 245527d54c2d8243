//! One walk through a probe: which request is next, and what the answers came to.

use std::{collections::BTreeMap, fmt::Write as _};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use serde_json::Value;

use super::{
    Place, Probe, Reading, Refusal, RefusalKind, Step, Take,
    read::Answers,
    refusal::Heard,
    sweep::sweep,
    template::{Escape, expand, expand_json, percent},
};
use crate::classify::Rule;

/// A list of costs has a page for each month; nobody needs more of them.
const MOST_PAGES: usize = 12;

/// A reading, and what it was read from.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use amp_pool_core::{
///     balance::{Place, Probe, Run, Told},
///     secret::Secret,
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// let probe: Probe = serde_json::from_str(
///     r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}], "amount": "/left", "currency": "USD"}"#,
/// )?;
/// let (key, values) = (Secret::new("sk-of-somebody"), BTreeMap::new());
/// let place = Place { base: "https://relay.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
/// let mut run = Run::new(&probe, place, &[]);
/// run.ask()?;
/// run.hear(StatusCode::OK, &HeaderMap::new(), br#"{"left": 7, "key": "sk-of-somebody"}"#)?;
/// let Told { reading, raw } = run.read()?;
/// assert_eq!(reading.amount, Some("7".parse()?));
/// // People may look at what the upstream said, which does not show them the key.
/// assert!(raw.contains("left") && !raw.contains("sk-of-somebody"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was read.
    pub reading: Reading,
    /// What the upstream answered, cut and swept of secrets.
    pub raw: String,
}

/// A walk through a probe. It sends nothing itself.
///
/// ```
/// use std::collections::BTreeMap;
/// use amp_pool_core::{balance::{Place, Probe, Run}, secret::Secret, time::Timestamp};
/// use http::{HeaderMap, StatusCode};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let probe: Probe = serde_json::from_str(
///     r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}], "amount": "/left", "currency": "CNY"}"#,
/// )?;
/// let (key, values) = (Secret::new("sk-1"), BTreeMap::new());
/// let place = Place { base: "https://relay.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
///
/// let mut run = Run::new(&probe, place, &[]);
/// let request = run.ask()?.ok_or("no request")?;
/// assert_eq!(request.uri(), "https://relay.example/balance");
/// run.hear(StatusCode::OK, &HeaderMap::new(), br#"{"left": "12.5"}"#)?;
/// assert!(run.ask()?.is_none());
/// assert_eq!(run.read()?.reading.amount, Some("12.5".parse()?));
/// # Ok(())
/// # }
/// ```
pub struct Run<'a> {
    probe: &'a Probe,
    place: Place<'a>,
    rules: &'a [Rule],
    /// What earlier answers gave for later steps.
    taken: BTreeMap<String, String>,
    /// The answers to each step that is done, page by page.
    answers: Vec<Vec<Value>>,
    /// The pages of the step under way.
    pages: Vec<Value>,
    next_page: Option<String>,
    text: String,
    raw: String,
    /// Pages were left out.
    cut: bool,
}

impl<'a> Run<'a> {
    /// Begins a walk. `rules` say what the provider's errors mean.
    #[must_use]
    pub fn new(probe: &'a Probe, place: Place<'a>, rules: &'a [Rule]) -> Self {
        Self {
            probe,
            place,
            rules,
            taken: BTreeMap::new(),
            answers: Vec::new(),
            pages: Vec::new(),
            next_page: None,
            text: String::new(),
            raw: String::new(),
            cut: false,
        }
    }

    /// The next request. `None`: there are enough answers to [`read`](Self::read).
    ///
    /// # Errors
    /// [`RefusalKind::Incomplete`] when a value is missing, or what was given makes no request.
    pub fn ask(&mut self) -> Result<Option<Request<String>>, Refusal> {
        while let Some(step) = self.step() {
            if !self.is_known(step) {
                return self.request(step).map(Some);
            }
            self.answers.push(Vec::new());
        }
        Ok(None)
    }

    /// Takes the answer to the last request in.
    ///
    /// # Errors
    /// What it means that it is none.
    pub fn hear(&mut self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        let Some(step) = self.step() else { return Ok(()) };
        let heard = Heard { status, headers, body, now: self.place.now };
        self.note(body);
        let outcome = self.take_in(step, &heard);
        outcome.map_err(|refusal| Refusal { raw: Some(self.raw.clone()), ..self.swept(refusal) })
    }

    /// What the answers came to.
    ///
    /// # Errors
    /// [`RefusalKind::Unreadable`] when none of the figures is there.
    pub fn read(self) -> Result<Told, Refusal> {
        let answers = Answers { probe: self.probe, place: self.place, taken: &self.taken, pages: &self.answers };
        let mut reading = answers.read(&self.text);
        if self.cut {
            reading.complete = false;
            reading.warnings.push(format!("only the first {MOST_PAGES} pages were read"));
        }
        let raw = self.raw;
        if reading.says_something() {
            return Ok(Told { reading, raw });
        }
        let doubts = reading.warnings.join("; ");
        let refusal =
            Refusal::new(RefusalKind::Unreadable, format!("no figure in the answer was understood: {doubts}"));
        Err(Refusal { raw: Some(raw), ..refusal })
    }

    fn step(&self) -> Option<&'a Step> {
        self.probe.steps.get(self.answers.len())
    }

    /// Whether the operator gave all that a step would find out.
    fn is_known(&self, step: &Step) -> bool {
        !step.take.is_empty() && step.take.keys().all(|name| self.place.values.contains_key(name))
    }

    fn request(&self, step: &Step) -> Result<Request<String>, Refusal> {
        let fill = |text: &str, escape| expand(text, &self.place, &self.taken, escape).map_err(|name| missing(&name));
        let mut url = fill(&step.url, Escape::Url)?;
        if let (Some(page), Some(next)) = (&self.next_page, &step.next) {
            let mark = if url.contains('?') { '&' } else { '?' };
            // Writing to a string cannot fail.
            let _ = write!(url, "{mark}{}={}", next.parameter, percent(page));
        }
        let body = step.body.as_ref().map(|body| expand_json(body, &self.place, &self.taken)).transpose();
        let body = body.map_err(|name| missing(&name))?;
        let mut request = Request::new(body.as_ref().map(Value::to_string).unwrap_or_default());
        *request.method_mut() = step.method();
        *request.uri_mut() = url.parse().map_err(|_| unsendable("the URL"))?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let bearer = BTreeMap::from([("authorization".to_owned(), "Bearer {key}".to_owned())]);
        for (name, value) in step.headers.as_ref().unwrap_or(&bearer) {
            put(headers, name, &fill(value, Escape::No)?)?;
        }
        Ok(request)
    }

    fn note(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        let line = sweep(&text, self.place.secrets());
        self.raw = [&*self.raw, &line].join("\n").trim_start().chars().take(4_000).collect();
        self.text = text.into_owned();
    }

    /// A refusal quotes the upstream, which may quote the key.
    fn swept(&self, refusal: Refusal) -> Refusal {
        Refusal { message: sweep(&refusal.message, self.place.secrets()), ..refusal }
    }

    fn take_in(&mut self, step: &Step, heard: &Heard<'_>) -> Result<(), Refusal> {
        if let Some(refusal) = heard.refused(self.rules) {
            return Err(refusal);
        }
        let is_last = self.answers.len() + 1 == self.probe.steps.len();
        let Some(answer) = self.parse(heard, is_last)? else {
            self.answers.push(Vec::new());
            return Ok(());
        };
        if is_last && !self.probe.ok.iter().all(|condition| condition.holds(&answer)) {
            return Err(heard.refused_inside(self.rules));
        }
        for (name, take) in &step.take {
            self.taken.insert(name.clone(), self.value_of(name, take, &answer)?);
        }
        self.next_page = step.next.as_ref().and_then(|next| word(next.at.first(&answer)?));
        self.pages.push(answer);
        self.cut |= self.next_page.is_some() && self.pages.len() >= MOST_PAGES;
        if self.next_page.is_none() || self.cut {
            self.answers.push(std::mem::take(&mut self.pages));
            self.next_page = None;
        }
        Ok(())
    }

    /// The answer as JSON, unless it is to be read as a text.
    fn parse(&self, heard: &Heard<'_>, is_last: bool) -> Result<Option<Value>, Refusal> {
        if is_last && self.probe.text.as_ref().is_some_and(|text| text.at.is_none()) {
            return Ok(None);
        }
        match serde_json::from_slice::<Value>(heard.body) {
            Ok(value) if value.is_object() || value.is_array() => Ok(Some(value)),
            _ if heard.is_page() => Err(Refusal::new(RefusalKind::NotOffered, "the upstream answered with a web page")),
            _ => Err(Refusal::new(RefusalKind::Unreadable, "the answer is not JSON")),
        }
    }

    fn value_of(&self, name: &str, take: &Take, answer: &Value) -> Result<String, Refusal> {
        if let Some(given) = self.place.values.get(name) {
            return Ok(given.expose().to_owned());
        }
        let found = take.at.iter().find_map(|at| word(at.first(answer)?));
        let known =
            |found: &String| take.words.get(found).cloned().or_else(|| take.words.is_empty().then(|| found.clone()));
        let value = found.as_ref().and_then(known).or_else(|| take.otherwise.clone());
        let value = value
            .ok_or_else(|| Refusal::new(RefusalKind::Unreadable, format!("the upstream did not say its `{name}`")))?;
        expand(&value, &self.place, &self.taken, Escape::No).map_err(|name| missing(&name))
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(claim) => Some(claim.to_string()),
        _ => None,
    }
}

/// A header that carries nothing is not sent: a key may be without a credential.
fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Refusal> {
    if ["", "Bearer"].contains(&value.trim()) {
        return Ok(());
    }
    let name = HeaderName::try_from(name).map_err(|_| unsendable("a header"))?;
    let mut value = HeaderValue::from_str(value).map_err(|_| unsendable("a header"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn missing(name: &str) -> Refusal {
    Refusal::new(RefusalKind::Incomplete, format!("the probe needs a value for `{name}`"))
}

fn unsendable(what: &str) -> Refusal {
    Refusal::new(RefusalKind::Incomplete, format!("{what} of the probe cannot be written with the values given"))
}
