//! `/metrics`: what was counted, as Prometheus reads it.
//!
//! Written here and not by a crate: it is read from what the pool counts anyway, and the format is a page. Names in labels
//! are those of the catalog and of providers, and rows of keys; nothing that a client wrote, and nobody's name.

mod page;
mod process;

use std::{collections::BTreeMap, sync::Arc};

use amp_pool_core::{
    alert::KeyFact,
    figures::{AttemptSum, BookSums, CallSum, Spread, Sums},
    handle::Handle,
    keys::KeyState,
    store::Outcome,
};
use axum::{extract::State, response::IntoResponse as _};
use http::header;
use page::{
    Kind::{Counter, Gauge, Histogram},
    Page,
};

use crate::{
    front::Visits,
    openapi::{As, Plain},
};

const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Keys that have lines of their own.
const MOST_KEYS: usize = 1_000;

pub(crate) async fn show(State(handle): State<Handle>, State(visits): State<Arc<Visits>>) -> As<Plain> {
    As::new(([(header::CONTENT_TYPE, TYPE)], text(&handle, &visits)).into_response())
}

fn text(handle: &Handle, visits: &Visits) -> String {
    let mut page = Page::default();
    let Sums { calls, errors, attempts, keys, books } = handle.figures().sums();
    page.family("amp_pool_build_info", Gauge, "The version that runs.");
    page.sample("amp_pool_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("amp_pool_ready", Gauge, "Whether calls are taken.");
    page.sample("amp_pool_ready", &[], u8::from(handle.is_ready()));
    of_calls(&mut page, &calls);
    page.family("amp_pool_call_errors_total", Counter, "Calls that went wrong, by what went wrong.");
    for (kind, count) in named(&errors) {
        page.sample("amp_pool_call_errors_total", &[("type", kind)], count);
    }
    of_attempts(&mut page, &attempts);
    of_keys(&mut page, &handle.key_facts(), &keys);
    of_books(&mut page, &books, handle);
    of_connections(&mut page, visits);
    process::figures(&mut page);
    page.into_text()
}

fn named<T>(values: &BTreeMap<Box<str>, T>) -> impl Iterator<Item = (&str, &T)> {
    values.iter().map(|(name, value)| (&**name, value))
}

fn of_calls(page: &mut Page, calls: &BTreeMap<Box<str>, CallSum>) {
    page.family("amp_pool_calls_total", Counter, "Calls that have ended, by the model that was asked for.");
    for (model, sum) in named(calls) {
        for (outcome, count) in Outcome::ALL.iter().zip(sum.outcomes) {
            page.sample("amp_pool_calls_total", &[("model", model), ("outcome", outcome.as_str())], count);
        }
    }
    page.family("amp_pool_tokens_total", Counter, "Tokens, in classes that do not overlap but for reasoning.");
    for (model, sum) in named(calls) {
        of_tokens(page, model, sum);
    }
    page.family("amp_pool_cost_usd_total", Counter, "What calls cost, as far as prices are known.");
    for (model, sum) in named(calls) {
        let (whole, nanos) = (sum.cost_nanos / 1_000_000_000, sum.cost_nanos % 1_000_000_000);
        page.sample("amp_pool_cost_usd_total", &[("model", model)], format_args!("{whole}.{nanos:09}"));
    }
    page.family("amp_pool_unpriced_calls_total", Counter, "Calls without a known price.");
    for (model, sum) in named(calls) {
        page.sample("amp_pool_unpriced_calls_total", &[("model", model)], sum.unpriced);
    }
    spreads(page, "amp_pool_call_duration_seconds", "From admission to the last byte.", "model", calls, |sum| {
        &sum.latency
    });
    let first = "From admission to the first byte of the answer.";
    spreads(page, "amp_pool_first_byte_seconds", first, "model", calls, |sum| &sum.first_byte);
}

fn of_tokens(page: &mut Page, model: &str, sum: &CallSum) {
    let usage = &sum.usage;
    let classes = [
        ("input", usage.uncached_input),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write()),
        ("output", usage.output),
        ("reasoning", usage.reasoning.unwrap_or_default()),
    ];
    for (class, count) in classes {
        page.sample("amp_pool_tokens_total", &[("model", model), ("class", class)], count);
    }
}

fn of_attempts(page: &mut Page, attempts: &BTreeMap<Box<str>, AttemptSum>) {
    page.family("amp_pool_attempts_total", Counter, "Tries on keys, by what the upstream's answer meant.");
    for (provider, sum) in named(attempts) {
        for (&verdict, count) in &sum.verdicts {
            page.sample("amp_pool_attempts_total", &[("provider", provider), ("verdict", verdict)], count);
        }
    }
    let help = "From sending to the end of an attempt.";
    spreads(page, "amp_pool_attempt_duration_seconds", help, "provider", attempts, |sum| &sum.latency);
}

fn of_keys(page: &mut Page, facts: &[KeyFact], attempts: &BTreeMap<Box<str>, (u64, u64)>) {
    let mut counts = BTreeMap::<&str, [u64; KeyState::ALL.len()]>::new();
    for fact in facts {
        let counts = counts.entry(&fact.provider).or_default();
        let place = KeyState::ALL.iter().zip(counts).find(|(state, _)| **state == fact.state);
        if let Some((_, count)) = place {
            *count += 1;
        }
    }
    page.family("amp_pool_keys", Gauge, "Keys that are switched on, by state.");
    for (provider, counts) in counts {
        for (state, count) in KeyState::ALL.iter().zip(counts) {
            page.sample("amp_pool_keys", &[("provider", provider), ("state", state.as_str())], count);
        }
    }
    page.family("amp_pool_key_ready", Gauge, "Whether a key is fit, by its row.");
    for fact in facts.iter().take(MOST_KEYS) {
        let key = fact.id.to_string();
        let labels = [("key", key.as_str()), ("provider", fact.provider.as_str())];
        page.sample("amp_pool_key_ready", &labels, u8::from(fact.state == KeyState::Ready));
    }
    page.family("amp_pool_key_attempts_total", Counter, "Tries on a key, by its row.");
    for (key, (all, answered)) in named(attempts) {
        page.sample("amp_pool_key_attempts_total", &[("key", key), ("answered", "true")], answered);
        page.sample("amp_pool_key_attempts_total", &[("key", key), ("answered", "false")], all - answered);
    }
}

fn of_connections(page: &mut Page, visits: &Visits) {
    page.family("amp_pool_open_connections", Gauge, "Connections of clients that are open.");
    page.sample("amp_pool_open_connections", &[], visits.open());
    let help = "Connections of clients, by whether they were taken, and why not.";
    page.family("amp_pool_connections_total", Counter, help);
    for (outcome, count) in visits.totals() {
        page.sample("amp_pool_connections_total", &[("outcome", outcome)], count);
    }
}

fn of_books(page: &mut Page, books: &BookSums, handle: &Handle) {
    let mut one = |name, kind, help, value: u64| {
        page.family(name, kind, help);
        page.sample(name, &[], value);
    };
    one("amp_pool_ledger_writing", Gauge, "Whether the last transaction was written.", u64::from(handle.is_writing()));
    one(
        "amp_pool_ledger_queued",
        Gauge,
        "Entries that wait to be written, and places taken for them.",
        handle.queued(),
    );
    one("amp_pool_ledger_commits_total", Counter, "Transactions that were written.", books.commits);
    one("amp_pool_ledger_entries_total", Counter, "Entries in them.", books.entries);
    one("amp_pool_ledger_failures_total", Counter, "Transactions that could not be written, each try.", books.failures);
    page.family("amp_pool_ledger_commit_seconds", Histogram, "How long a transaction takes.");
    page.spread("amp_pool_ledger_commit_seconds", &[], &books.took);
    page.family("amp_pool_holds_total", Counter, "Holds of money that were asked for, by the answer.");
    page.sample("amp_pool_holds_total", &[("answer", "held")], books.held);
    page.sample("amp_pool_holds_total", &[("answer", "refused")], books.refused);
}

fn spreads<T>(
    page: &mut Page,
    name: &'static str,
    help: &'static str,
    label: &'static str,
    sums: &BTreeMap<Box<str>, T>,
    of: impl Fn(&T) -> &Spread,
) {
    page.family(name, Histogram, help);
    for (value, sum) in named(sums) {
        page.spread(name, &[(label, value)], of(sum));
    }
}

/// Who may see them without showing anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Openness {
    /// Whoever comes from this machine, and is no proxy that speaks for somebody else.
    pub(crate) on_loopback: bool,
}

impl Openness {
    /// Whether a path may be seen by who comes from there.
    pub(crate) fn shows(self, path: &str, peer: std::net::IpAddr, headers: &http::HeaderMap) -> bool {
        let is_passed_on = ["x-forwarded-for", "forwarded", "via"].iter().any(|name| headers.contains_key(*name));
        self.on_loopback && path == "/metrics" && peer.to_canonical().is_loopback() && !is_passed_on
    }
}

#[cfg(test)]
mod tests {
    use amp_pool_core::{Pool, keys::KeySpec, secret::Secret};

    use super::*;

    /// What the format demands of each line.
    fn check_line(line: &str, families: &mut Vec<String>) {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(!families.contains(&name.to_owned()), "{line}");
            families.push(name.to_owned());
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = families.last().unwrap();
            assert!(
                name.strip_prefix(family.as_str()).is_some_and(|end| ["", "_bucket", "_sum", "_count"].contains(&end)),
                "{line}"
            );
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }

    #[tokio::test]
    async fn every_line_is_of_the_family_above_it() {
        let pool = Pool::builder().build().await.unwrap();
        pool.handle().add_key(KeySpec::new("planted-name", "openai", Secret::new("sk-planted"))).await.unwrap();
        let text = text(&pool.handle(), &Visits::default());
        let mut families = Vec::new();
        text.lines().for_each(|line| check_line(line, &mut families));
        assert!(families.len() > 15 && text.ends_with('\n'));
        assert!(text.contains("amp_pool_keys{provider=\"openai\",state=\"ready\"} 1\n"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
}
