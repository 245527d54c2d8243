//! From the answers to the figures.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Condition, CurrencyAt, Decimal, Figure, Kind, Path, Percent, Place, Probe, Purse, Reading, Window, WindowAt,
    template::host, text::Reader,
};
use crate::{money::Amount, secret::Secret, time::Timestamp};

/// Numbers below are Unix seconds, above milliseconds: 1e11 seconds are the year 5138.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// Everything an upstream has answered.
pub(super) struct Answers<'a> {
    pub(super) probe: &'a Probe,
    pub(super) place: Place<'a>,
    pub(super) taken: &'a BTreeMap<String, String>,
    /// Of each step, page by page.
    pub(super) pages: &'a [Vec<Value>],
}

/// Three figures and their unit, of one object.
#[derive(Default)]
struct Money {
    amount: Option<Amount>,
    total: Option<Amount>,
    spent: Option<Amount>,
    currency: Option<String>,
}

impl Answers<'_> {
    pub(super) fn read(&self, text: &str) -> Reading {
        let mut reading = Reading::blank(&self.probe.id, self.probe.kind);
        match &self.probe.text {
            Some(_) => self.read_text(text, &mut reading),
            None => self.read_money(&mut reading),
        }
        reading.windows.extend(self.probe.windows.iter().flat_map(|at| self.windows(at)));
        reading.usable = self.usable();
        settle(reading)
    }

    /// The last answer.
    fn last(&self) -> &Value {
        self.pages.last().and_then(|pages| pages.last()).unwrap_or(&Value::Null)
    }

    fn usable(&self) -> Option<bool> {
        let conditions = &self.probe.usable;
        let said =
            conditions.iter().any(|condition| condition.at.first(self.last()).is_some_and(|value| !value.is_null()));
        said.then(|| all_hold(conditions, self.last()))
    }

    fn read_text(&self, body: &str, reading: &mut Reading) {
        let Some(at) = &self.probe.text else { return };
        let text = match &at.at {
            Some(path) => path.first(self.last()).and_then(Value::as_str),
            None => Some(body),
        };
        let Some(text) = text else {
            reading.warnings.push("there is no text where it should stand".into());
            return;
        };
        let currency = self.currency(self.last());
        let given = self.place.values.keys().map(String::as_str).collect();
        Reader { at, currency: currency.as_deref(), given, now: self.place.now }.read(text, reading);
    }

    fn read_money(&self, reading: &mut Reading) {
        let rows = match &self.probe.rows {
            Some(rows) => rows.find(self.last()).into_iter().flat_map(elements).collect(),
            None => vec![self.last()],
        };
        let found: Vec<_> = rows.into_iter().map(|row| self.money(row, reading)).collect();
        // One account may hold several currencies: the first with money in it is shown, the others stand beside it.
        let filled = |money: &&Money| money.amount.is_some_and(|amount| amount.0 != 0);
        let Some(first) = found.iter().find(filled).or(found.first()) else { return };
        (reading.amount, reading.total, reading.spent) = (first.amount, first.total, first.spent);
        reading.currency.clone_from(&first.currency);
        if found.len() > 1 {
            reading.purses.extend(found.iter().map(|money| money.purse(first.currency == money.currency)));
        }
        if self.is_unlimited() {
            (reading.amount, reading.total) = (None, None);
            reading.warnings.push("the upstream sets no limit".into());
        }
    }

    /// Whether an answer says that there is no limit.
    fn is_unlimited(&self) -> bool {
        let conditions = &self.probe.unlimited;
        !conditions.is_empty() && self.pages.iter().flatten().any(|answer| all_hold(conditions, answer))
    }

    fn money(&self, row: &Value, reading: &mut Reading) -> Money {
        let mut figure = |figure: &Option<Figure>| figure.as_ref().and_then(|figure| self.figure(figure, row, reading));
        let (amount, total, spent) = (figure(&self.probe.amount), figure(&self.probe.total), figure(&self.probe.spent));
        let difference = || total?.minus(spent?);
        let amount = amount.or_else(|| self.probe.amount.is_none().then(difference).flatten());
        let currency = if amount.or(total).or(spent).is_some() { self.currency(row) } else { None };
        Money { amount, total, spent, currency }
    }

    /// The sum of what stands where the figure is. Unknown where nothing stands, where something else does, and where
    /// a part of the sum cannot be read.
    fn figure(&self, figure: &Figure, row: &Value, reading: &mut Reading) -> Option<Amount> {
        let documents: Vec<&Value> = match figure.step {
            Some(step) => self.pages.get(step)?.iter().collect(),
            None if self.probe.rows.is_some() => vec![row],
            None => self.pages.last()?.iter().collect(),
        };
        let found: Vec<_> = documents.iter().flat_map(|document| figure.at.find(document)).collect();
        if found.is_empty() {
            let empty_list = documents.iter().any(|document| figure.at.has_list(document));
            return empty_list.then_some(Amount::ZERO);
        }
        if found.iter().all(|value| value.is_null()) {
            return None;
        }
        let sum = self.sum(figure, &found);
        if sum.is_none() {
            reading.complete = false;
            reading.warnings.push(format!("what stands at `{}` is no amount", figure.at));
        }
        sum
    }

    fn sum(&self, figure: &Figure, found: &[&Value]) -> Option<Amount> {
        let scale = figure.scale.unwrap_or(Decimal::ONE);
        let divisor = match &figure.divide_by {
            Some(name) => self.divisor(name)?,
            None => Decimal::ONE,
        };
        let amount = |value: &&Value| Decimal::of_json(value)?.amount(scale, divisor);
        found.iter().map(amount).try_fold(Amount::ZERO, |sum, amount| sum.plus(amount?))
    }

    /// What an earlier answer or the operator gave under that name, if it is a number above zero.
    fn divisor(&self, name: &str) -> Option<Decimal> {
        let given = self.place.values.get(name).map(Secret::expose);
        let text = self.taken.get(name).map(String::as_str).or(given)?;
        text.parse().ok().filter(|number: &Decimal| number.is_positive())
    }

    fn currency(&self, row: &Value) -> Option<String> {
        match self.probe.currency.as_ref()? {
            CurrencyAt::Fixed(currency) => Some(currency.clone()),
            CurrencyAt::Told(told) => {
                let said = told.at.first(row).or_else(|| told.at.first(self.last()))?;
                said.as_str().filter(|word| word.len() <= 20 && !word.is_empty()).map(written)
            }
            CurrencyAt::Host(by) => {
                let host = host(self.place.base);
                let known = by.by_host.iter().find(|(end, _)| host.ends_with(end.as_str()));
                Some(known.map_or(&by.otherwise, |(_, currency)| currency).clone())
            }
        }
    }

    fn windows(&self, at: &WindowAt) -> Vec<Window> {
        let rows = match &at.rows {
            Some(rows) => rows.find(self.last()).into_iter().flat_map(elements).collect(),
            None => vec![self.last()],
        };
        rows.into_iter().filter(|row| all_hold(&at.filter, row)).filter_map(|row| window(at, row)).collect()
    }
}

/// A code of letters is written large, as ISO 4217 does; the name of a unit stays as it is.
fn written(currency: &str) -> String {
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_code { currency.to_ascii_uppercase() } else { currency.to_owned() }
}

/// A list counts as its elements.
fn elements(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

fn all_hold(conditions: &[Condition], document: &Value) -> bool {
    conditions.iter().all(|condition| condition.holds(document))
}

impl Money {
    fn purse(&self, counts: bool) -> Purse {
        let currency = self.currency.clone();
        Purse { name: currency.clone(), amount: self.amount, total: self.total, currency, counts, full_at: None }
    }
}

/// A window, if the object says how much of it is left.
fn window(at: &WindowAt, row: &Value) -> Option<Window> {
    let number = |path: &Option<Path>| path.as_ref().and_then(|path| Decimal::of_json(path.first(row)?));
    let units = |path: &Option<Path>| number(path).and_then(|number| number.amount(Decimal::ONE, Decimal::ONE));
    let (left, total) = (units(&at.left), units(&at.total));
    let told = number(&at.left_percent).and_then(Percent::left);
    let used = number(&at.used_percent).and_then(Percent::left_of_used);
    let left_percent = told.or(used).or_else(|| Percent::of(left?, total?));
    if left_percent.is_none() && left.is_none() {
        return None;
    }
    let resets = at.resets.as_ref().and_then(|path| moment(path.first(row)?));
    Some(Window { name: name(at, row), left_percent, left, total, resets })
}

fn name(at: &WindowAt, row: &Value) -> String {
    let word = |part: &String| match part.parse::<Path>() {
        Ok(path) => path.first(row).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        Err(_) => Some(part.clone()),
    };
    let words: Vec<String> = at.name.iter().filter_map(word).collect();
    let plain = words.join(" ");
    let called = at.words.get(&plain).cloned().unwrap_or(plain);
    called.chars().take(60).collect()
}

/// A point in time in whichever way it is written.
fn moment(value: &Value) -> Option<Timestamp> {
    if let Some(text) = value.as_str().filter(|text| text.contains('-')) {
        return text.parse().ok();
    }
    let number = Decimal::of_json(value)?.whole().filter(|number| *number > 0)?;
    Some(Timestamp::from_millis(if number < FIRST_MILLIS { number * 1000 } else { number }))
}

/// What follows from the figures together.
fn settle(mut reading: Reading) -> Reading {
    if reading.total.is_some_and(|total| total.0 < 0) {
        reading.warnings.push("a negative total was ignored".into());
        (reading.total, reading.complete) = (None, false);
    }
    reading.kind = match reading.kind {
        Kind::Balance if reading.amount.is_none() && !reading.windows.is_empty() => Kind::PlanWindow,
        Kind::Balance if reading.amount.is_none() && reading.spent.is_some() => Kind::SpendOnly,
        other => other,
    };
    reading
}
