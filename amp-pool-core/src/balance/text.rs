//! Balances in texts for people.
//!
//! Such texts change without notice. So each line is looked for by itself, a line about money that no pattern knows
//! makes the reading incomplete, and a text of which nothing is known gives no figure at all.

use std::collections::BTreeSet;

use regex_lite::Captures;
use serde::{Deserialize, Serialize};

use super::{Decimal, Path, Pattern, Percent, Purse, Reading, Window};
use crate::{money::Amount, time::Timestamp};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MOST_LINES: usize = 100;

/// How a text is read.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use amp_pool_core::{
///     balance::{LineAt, Place, Probe, Run, TextAt},
///     secret::Secret,
///     time::Timestamp,
/// };
/// use http::{HeaderMap, StatusCode};
///
/// let mut probe: Probe = serde_json::from_str(
///     r#"{"kind": "balance", "steps": [{"url": "{base}/balance"}], "currency": "USD", "text": {"lines": []}}"#,
/// )?;
/// let line = |pattern: &str, name: &str, counts| {
///     let line = LineAt { pattern: pattern.parse()?, name: Some(name.into()), counts, counts_with: None };
///     Ok::<_, amp_pool_core::classify::PatternError>(line)
/// };
/// probe.text = Some(TextAt {
///     at: None,
///     lines: vec![
///         line(r"^credits: \$(?<amount>[\d.,]+)", "credits", true)?,
///         line(r"^bonus: \$(?<amount>[\d.,]+)", "bonus", false)?,
///     ],
/// });
///
/// let (key, values) = (Secret::new("sk-1"), BTreeMap::new());
/// let place = Place { base: "https://relay.example", key: &key, values: &values, now: Timestamp::from_millis(0) };
/// let mut run = Run::new(&probe, place, &[]);
/// run.ask()?;
/// run.hear(StatusCode::OK, &HeaderMap::new(), b"Hello Ada!\nCredits: $1,234.50\nBonus: $5")?;
/// let reading = run.read()?.reading;
/// // The bonus is shown beside the whole and is no part of it.
/// assert_eq!(reading.amount, Some("1234.5".parse()?));
/// assert_eq!(reading.purses.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TextAt {
    /// Where it stands in the JSON of the answer. Without it: the answer is the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Path>,
    /// What is looked for in each line. A line may fit several.
    pub lines: Vec<LineAt>,
}

/// What to look for in a line, every time it occurs there.
///
/// Named groups say what was found: `amount` left, of a `total`, or `spent`; refilled by `hourly`; a window of which
/// `percent` are left, or `used`; its `name`; and `days` until it begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LineAt {
    /// What the line looks like.
    pub pattern: Pattern,
    /// The name of the purse or window, unless the pattern finds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its amount is part of the whole. `false`: it is shown beside it.
    #[serde(default = "yes")]
    pub counts: bool,
    /// It counts all the same for keys whose operator gave a value of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_with: Option<String>,
}

fn yes() -> bool {
    true
}

/// What reading a text needs besides it.
pub(super) struct Reader<'a> {
    pub(super) at: &'a TextAt,
    pub(super) currency: Option<&'a str>,
    /// The names of what the operator gave.
    pub(super) given: BTreeSet<&'a str>,
    pub(super) now: Timestamp,
}

impl Reader<'_> {
    /// Adds what `text` says to a reading.
    pub(super) fn read(&self, text: &str, reading: &mut Reading) {
        for line in text.lines().take(MOST_LINES) {
            let line = plain(line);
            let found =
                self.at.lines.iter().map(|pattern| self.look(pattern, &line, reading)).fold(false, |a, b| a | b);
            if !found && is_about_money(&line) {
                doubt(reading, &format!("not understood: {line}"));
            }
        }
        sum(reading);
        reading.currency = reading.amount.or(reading.spent).and(self.currency).map(str::to_owned);
    }

    /// Whether the pattern finds a figure in the line. What it found goes into the reading.
    fn look(&self, at: &LineAt, line: &str, reading: &mut Reading) -> bool {
        let mut found = false;
        for captures in at.pattern.regex().captures_iter(line) {
            found |= ["amount", "spent", "percent", "used"].iter().any(|group| captures.name(group).is_some());
            let resets = self.resets(line, at, &captures);
            self.purse(at, &captures, line, reading);
            window(at, &captures, resets, line, reading);
        }
        found
    }

    fn purse(&self, at: &LineAt, captures: &Captures<'_>, line: &str, reading: &mut Reading) {
        if let Some(spent) = captures.name("spent") {
            reading.spent = money(spent.as_str());
        }
        let Some(amount) = captures.name("amount") else { return };
        let amount = money(amount.as_str());
        let total = captures.name("total").map(|total| money(total.as_str()).filter(|total| total.0 >= 0));
        if amount.is_none() || total == Some(None) {
            doubt(reading, &format!("no amount of money: {line}"));
        }
        let total = total.flatten();
        let hourly = captures.name("hourly").and_then(|hourly| money(hourly.as_str()));
        reading.purses.push(Purse {
            name: name(at, captures),
            amount,
            total,
            currency: self.currency.map(str::to_owned),
            counts: at.counts || at.counts_with.as_deref().is_some_and(|name| self.given.contains(name)),
            full_at: full_at(amount, total, hourly, self.now),
        });
    }

    /// When what the line speaks of begins anew: said by this pattern, or by another one about the same line.
    fn resets(&self, line: &str, at: &LineAt, captures: &Captures<'_>) -> Option<Timestamp> {
        let own = captures.name("days").map(|days| days.as_str().to_owned());
        let said = |other: &LineAt| Some(other.pattern.regex().captures(line)?.name("days")?.as_str().to_owned());
        let others = self.at.lines.iter().filter(|other| *other != at);
        let days = own.or_else(|| others.filter_map(said).next())?.parse::<i64>().ok()?;
        (0..=3660).contains(&days).then(|| self.now.plus_millis(days * DAY_MS))
    }
}

fn window(at: &LineAt, captures: &Captures<'_>, resets: Option<Timestamp>, line: &str, reading: &mut Reading) {
    let number =
        |group: &str| captures.name(group).map(|number| number.as_str().replace(',', "").parse::<Decimal>().ok());
    let left = match (number("percent"), number("used")) {
        (Some(percent), _) => percent.and_then(Percent::left),
        (None, Some(used)) => used.and_then(Percent::left_of_used),
        (None, None) => return,
    };
    if left.is_none() {
        reading.warnings.push(format!("no share of a whole: {line}"));
    }
    let name = name(at, captures).unwrap_or_else(|| "plan".into());
    reading.windows.push(Window { name, left_percent: left, left: None, total: None, resets });
}

fn name(at: &LineAt, captures: &Captures<'_>) -> Option<String> {
    captures.name("name").map(|name| name.as_str().trim().to_lowercase()).or_else(|| at.name.clone())
}

/// What is left is the sum of what counts, if all of that is known.
fn sum(reading: &mut Reading) {
    let counting = || reading.purses.iter().filter(|purse| purse.counts);
    if counting().next().is_none() {
        return;
    }
    let whole = |part: fn(&Purse) -> Option<Amount>| {
        counting().map(part).try_fold(Amount::ZERO, |sum, amount| amount.and_then(|amount| sum.plus(amount)))
    };
    (reading.amount, reading.total) = (whole(|purse| purse.amount), whole(|purse| purse.total));
}

fn doubt(reading: &mut Reading, warning: &str) {
    reading.complete = false;
    reading.warnings.push(warning.chars().take(300).collect());
}

fn full_at(amount: Option<Amount>, total: Option<Amount>, hourly: Option<Amount>, now: Timestamp) -> Option<Timestamp> {
    let missing = total?.minus(amount?)?.0.max(0);
    let millis = i128::from(missing).checked_mul(3_600_000)?.checked_div(i128::from(hourly?.0))?;
    i64::try_from(millis).ok().filter(|millis| *millis >= 0).map(|millis| now.plus_millis(millis))
}

/// `$1,234.5`, `-$0.03`, `$-0.03`, `12`: exactly, or not at all.
fn money(text: &str) -> Option<Amount> {
    let plain: String = text.chars().filter(|c| !matches!(c, '$' | '¥' | '€' | ',' | ' ' | '+')).collect();
    plain.parse::<Decimal>().ok()?.amount(Decimal::ONE, Decimal::ONE)
}

/// A line about money or a share of something. What else stands in such texts is no concern of ours.
fn is_about_money(line: &str) -> bool {
    let digits = |sign: char| {
        line.split(sign).skip(1).any(|rest| rest.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()))
    };
    digits('$') || line.split('%').any(|before| line.contains('%') && before.ends_with(|c: char| c.is_ascii_digit()))
}

/// A line without colours, emphasis and the link at its end.
fn plain(line: &str) -> String {
    let line = without_colours(line).replace("**", "");
    let end = [" - https://", " - http://"].iter().filter_map(|link| line.rfind(link)).min();
    let line = line.get(..end.unwrap_or(line.len())).unwrap_or(&line).trim();
    let bullet = ["- ", "* ", "• "].iter().find_map(|bullet| line.strip_prefix(bullet));
    bullet.unwrap_or(line).trim_start().to_owned()
}

/// A text without ANSI escape sequences.
fn without_colours(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        clean.push_str(before);
        let body = sequence.trim_start_matches(['\u{1b}', '[']);
        let end = body.find(|c: char| c.is_ascii_alphabetic()).map_or(body.len(), |end| end + 1);
        rest = body.get(end..).unwrap_or_default();
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_in_every_spelling() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(money(text), expected.map(|text| text.parse().unwrap()), "{text}");
        };
        check("$1,234.5", Some("1234.5"));
        check("-$0.03", Some("-0.03"));
        check("$-0.03", Some("-0.03"));
        check("+$0.42", Some("0.42"));
        check("$10", Some("10"));
        check("$", None);
        check("$99999999999999999999", None);
    }

    #[test]
    fn a_line_is_read_without_its_dress() {
        assert_eq!(
            plain("\u{1b}[1m**Individual credits:** $5\u{1b}[0m remaining - https://ampcode.com/x"),
            "Individual credits: $5 remaining"
        );
        assert_eq!(plain("- $5 remaining"), "$5 remaining");
        assert_eq!(plain("-$5 remaining"), "-$5 remaining");
        assert_eq!(plain("\u{1b}"), "");
    }

    #[test]
    fn lines_about_money_are_told_from_others() {
        for line in ["$5 left", "-$5", "$-5", "57% of it", "half: 5 %,10%"] {
            assert!(is_about_money(line), "{line}");
        }
        for line in ["Signed in as a@b.c (nick)", "$", "100", "% off", ""] {
            assert!(!is_about_money(line), "{line}");
        }
    }
}
