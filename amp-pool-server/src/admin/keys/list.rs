//! Which keys of many are shown, in which order, and where the next page begins.

use std::{cmp::Ordering, collections::HashMap};

use amp_pool_core::{balance::Amount, handle::KeyView, id::KeyId, keys::KeyState, prober::Figure, store::Totals};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{
    Problem,
    input::optional,
    page::{LARGEST_PAGE, read_cursor, write_cursor},
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyParams {
    /// Only in one of these states, with commas between.
    state: Option<String>,
    /// Only of this provider.
    provider: Option<String>,
    /// Only with this tag.
    tag: Option<String>,
    /// Only of this account.
    account: Option<String>,
    /// Only those that are switched on, or off.
    #[schemars(with = "bool")]
    enabled: Option<String>,
    /// Only where any of its texts contains this, whatever its case.
    text: Option<String>,
    /// `id`, `name`, `provider`, `state`, `priority`, `balance`, `requests` or `cost`; with `-` in front from the last to the first.
    sort: Option<String>,
    /// How many at most.
    #[schemars(with = "u32")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is asked for. Every field of the filter narrows.
pub(super) struct Wish {
    states: Vec<KeyState>,
    provider: Option<String>,
    tag: Option<String>,
    account: Option<String>,
    enabled: Option<bool>,
    /// In lower case.
    text: Option<String>,
    order: Order,
    limit: usize,
    after: Option<Place>,
}

/// What is known of keys beside themselves.
pub(super) struct Facts<'a> {
    pub(super) today: &'a HashMap<String, Totals>,
    pub(super) balances: &'a HashMap<KeyId, Figure>,
}

impl KeyParams {
    pub(super) fn wish(self) -> Result<Wish, Problem> {
        let limit = optional("limit", self.limit)?.unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let order = text(self.sort).map_or(Ok(Order::default()), |sort| Order::read(&sort))?;
        Ok(Wish {
            states: text(self.state).map_or(Ok(Vec::new()), |names| states(&names))?,
            provider: text(self.provider),
            tag: text(self.tag),
            account: text(self.account),
            enabled: optional("enabled", self.enabled)?,
            text: text(self.text).map(|text| text.to_lowercase()),
            limit,
            after: text(self.cursor).map(|cursor| Place::read(&cursor, order)).transpose()?,
            order,
        })
    }
}

/// One state, or several with commas between.
fn states(names: &str) -> Result<Vec<KeyState>, Problem> {
    let read = |name: &str| KeyState::ALL.into_iter().find(|state| state.as_str() == name.trim());
    names.split(',').map(read).collect::<Option<_>>().ok_or_else(|| {
        let known = KeyState::ALL.map(|state| format!("`{}`", state.as_str())).join(", ");
        Problem::field("state", format!("`state` is one or more of {known}"))
    })
}

/// A page of keys, how many there are in all, and where the next page begins.
pub(super) struct Page<'k> {
    pub(super) keys: Vec<&'k KeyView>,
    pub(super) total: usize,
    pub(super) next: Option<String>,
}

impl Wish {
    /// The page that is wished for among `keys`.
    pub(super) fn page<'k>(&self, keys: &'k [KeyView], facts: &Facts<'_>) -> Page<'k> {
        let fitting = keys.iter().filter(|view| self.fits(view));
        let mut placed: Vec<_> = fitting.map(|view| (self.order.place(view, facts), view)).collect();
        placed.sort_by(|(a, _), (b, _)| self.order.compare(a, b));
        let total = placed.len();
        let is_later = |place: &Place| self.after.as_ref().is_none_or(|after| self.order.compare(place, after).is_gt());
        let mut rest = placed.into_iter().filter(|(place, _)| is_later(place));
        let shown: Vec<_> = rest.by_ref().take(self.limit).collect();
        let next = rest.next().and(shown.last()).map(|(place, _)| place.written(self.order));
        Page { keys: shown.into_iter().map(|(_, view)| view).collect(), total, next }
    }

    fn fits(&self, view: &KeyView) -> bool {
        let spec = &view.key.spec;
        (self.states.is_empty() || self.states.contains(&view.status.state))
            && self.provider.as_ref().is_none_or(|provider| *provider == spec.provider)
            && self.tag.as_ref().is_none_or(|tag| spec.tags.contains(tag))
            && self.account.as_ref().is_none_or(|account| spec.account.as_ref() == Some(account))
            && self.enabled.is_none_or(|enabled| enabled == spec.enabled)
            && self.text.as_ref().is_none_or(|text| says(view, text))
    }
}

/// Whether anything that people write or read of a key has `text` in it. Its credential is known by its hint alone.
fn says(view: &KeyView, text: &str) -> bool {
    let spec = &view.key.spec;
    let hint = spec.api_key.hint();
    let named = [&spec.name, &spec.provider, &spec.memo, &hint, &view.key.fingerprint];
    let maybe = [&spec.account, &spec.base_url, &view.status.reason].into_iter().flatten();
    named.into_iter().chain(maybe).chain(&spec.tags).any(|words| words.to_lowercase().contains(text))
}

/// What keys are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    Id,
    Name,
    Provider,
    State,
    Priority,
    Balance,
    Requests,
    Cost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Order {
    by: By,
    descending: bool,
}

/// Where a key stands in an order. Names are compared without regard to case; what is not known stands last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Value {
    Number(i64),
    Text(String),
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    value: Value,
    id: KeyId,
}

impl Order {
    /// A name, with `-` in front for the other way round.
    fn read(text: &str) -> Result<Self, Problem> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let by = serde_json::from_value(name.into()).map_err(|_| {
            let names = "`id`, `name`, `provider`, `state`, `priority`, `balance`, `requests` and `cost`";
            Problem::field("sort", format!("keys are sorted by {names}, with `-` in front from the last to the first"))
        })?;
        Ok(Self { by, descending })
    }

    fn place(self, view: &KeyView, facts: &Facts<'_>) -> Place {
        let spec = &view.key.spec;
        let today = || facts.today.get(&view.key.id.to_string());
        let value = match self.by {
            By::Id => Value::Number(view.key.id.0),
            By::Name => Value::Text(spec.name.to_lowercase()),
            By::Provider => Value::Text(spec.provider.to_lowercase()),
            By::State => Value::Text(view.status.state.as_str().to_owned()),
            By::Priority => Value::Number(spec.priority.into()),
            // In dollars, because nothing else can be compared.
            By::Balance => {
                balance(facts.balances.get(&view.key.id)).map_or(Value::Unknown, |left| Value::Number(left.0))
            }
            By::Requests => Value::Number(today().map_or(0, |sums| i64::try_from(sums.requests).unwrap_or(i64::MAX))),
            By::Cost => Value::Number(today().map_or(0, |sums| sums.cost.0)),
        };
        Place { value, id: view.key.id }
    }

    fn compare(self, a: &Place, b: &Place) -> Ordering {
        let values = match (&a.value, &b.value) {
            (Value::Unknown, _) | (_, Value::Unknown) => a.value.cmp(&b.value),
            (a, b) if self.descending => b.cmp(a),
            (a, b) => a.cmp(b),
        };
        values.then_with(|| if self.descending { b.id.cmp(&a.id) } else { a.id.cmp(&b.id) })
    }
}

fn balance(figure: Option<&Figure>) -> Option<Amount> {
    figure?.usd
}

impl Place {
    /// As a cursor: the place itself, so that a page goes on in the right place even when its last key has gone.
    fn written(&self, order: Order) -> String {
        write_cursor(&(order, self))
    }

    fn read(cursor: &str, order: Order) -> Result<Self, Problem> {
        let read: Option<(Order, Self)> = read_cursor(cursor);
        let unknown =
            || Problem::field("cursor", "`cursor` is the `next_cursor` of a page that was sorted in the same way");
        read.filter(|(of, _)| *of == order).map(|(_, place)| place).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use amp_pool_core::{
        keys::{Key, KeySpec, KeyStatus},
        money::NanoUsd,
        prober::FigureSource,
        secret::Secret,
        time::Timestamp,
    };

    use super::*;

    fn view(id: i64, name: &str, change: impl FnOnce(&mut KeySpec)) -> KeyView {
        let mut spec = KeySpec::new(name, "openai", Secret::new("sk-0123456789abcdef"));
        change(&mut spec);
        let (at, status) = (Timestamp::from_millis(0), KeyStatus { state: KeyState::Ready, ..KeyStatus::disabled("") });
        let key = Key { id: KeyId(id), create_time: at, update_time: at, fingerprint: format!("f{id}"), spec };
        KeyView { key: Arc::new(key), status }
    }

    fn keys() -> Vec<KeyView> {
        let mut keys = vec![
            view(1, "beta", |spec| spec.tags = vec!["eu".into()]),
            view(2, "Alpha", |spec| spec.provider = "anthropic".into()),
            view(3, "gamma", |spec| spec.account = Some("org".into())),
            view(4, "delta", |spec| spec.enabled = false),
        ];
        keys[3].status = KeyStatus::disabled("switched off");
        keys[2].status.state = KeyState::Cooling;
        keys
    }

    fn wish(query: &str) -> Result<Wish, Problem> {
        let Ok(axum::extract::Query(params)) =
            axum::extract::Query::<KeyParams>::try_from_uri(&format!("/?{query}").parse().unwrap())
        else {
            panic!("{query}");
        };
        params.wish()
    }

    fn shown(query: &str) -> (Vec<i64>, usize, Option<String>) {
        let figure = |usd| Figure { usd, source: FigureSource::Manual, ..Figure::default() };
        let balances = HashMap::from([(KeyId(1), figure(Some(Amount(5)))), (KeyId(3), figure(Some(Amount(7))))]);
        let today = HashMap::from([("2".to_owned(), Totals { requests: 9, cost: NanoUsd(1), ..Totals::default() })]);
        let keys = keys();
        let page = wish(query).unwrap().page(&keys, &Facts { today: &today, balances: &balances });
        (page.keys.iter().map(|view| view.key.id.0).collect(), page.total, page.next)
    }

    fn check(query: &str, expected: &[i64]) {
        assert_eq!(shown(query).0, expected, "{query}");
    }

    #[test]
    fn every_filter_narrows() {
        check("", &[1, 2, 3, 4]);
        check("state=", &[1, 2, 3, 4]);
        check("state=cooling", &[3]);
        check("state=cooling,disabled", &[3, 4]);
        check("state=out_of_budget", &[]);
        check("provider=anthropic", &[2]);
        check("tag=eu", &[1]);
        check("account=org", &[3]);
        check("enabled=false", &[4]);
        check("text=ALPHA", &[2]);
        check("text=cdef", &[1, 2, 3, 4]);
        check("text=0123456789", &[]);
        check("text=switched", &[4]);
        check("tag=eu&state=cooling", &[]);
    }

    #[test]
    fn keys_are_sorted_either_way_and_what_is_not_known_is_last() {
        check("sort=name", &[2, 1, 4, 3]);
        check("sort=-name", &[3, 4, 1, 2]);
        check("sort=-id", &[4, 3, 2, 1]);
        check("sort=balance", &[1, 3, 2, 4]);
        check("sort=-balance", &[3, 1, 4, 2]);
        check("sort=-requests", &[2, 4, 3, 1]);
        check("sort=state", &[3, 4, 1, 2]);
    }

    #[test]
    fn pages_go_through_all_keys_once() {
        for sort in ["id", "-name", "balance", "-balance", "cost"] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let (ids, total, next) = shown(&format!("sort={sort}&limit=1&cursor={cursor}"));
                assert_eq!((ids.len(), total), (1, 4));
                found.extend(ids);
                let Some(next) = next else { break };
                cursor = next;
            }
            assert_eq!(found, shown(&format!("sort={sort}")).0, "{sort}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cursor = shown("limit=1").2.unwrap();
        for (query, field) in [
            ("state=tired", "state"),
            ("enabled=maybe", "enabled"),
            ("sort=colour", "sort"),
            ("limit=many", "limit"),
            ("cursor=xyz", "cursor"),
            (&format!("sort=name&cursor={cursor}"), "cursor"),
        ] {
            let problem = wish(query).err().unwrap();
            assert!(format!("{problem:?}").contains(&format!("Some(\"{field}\")")), "{query}: {problem:?}");
        }
    }
}
