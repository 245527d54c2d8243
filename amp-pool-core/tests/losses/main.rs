//! The page of losses is what the sources say, and says whatever a translation reports.
//!
//! Each place that tells a loss is read out of the sources, so none can be missing on the page. Run with `UPDATE=1` to
//! write `src/format/LOSSES.md` anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod mentions;
mod page;
mod source;

use std::{env, fs, path::PathBuf};

use amp_pool_core::{
    format::{Format, Loss, LossKind},
    testkit::translation,
};
use page::Row;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pairs() -> impl Iterator<Item = (Format, Format)> {
    let all = Format::ALL.into_iter().flat_map(|client| Format::ALL.map(|upstream| (client, upstream)));
    all.filter(|(client, upstream)| client != upstream)
}

#[test]
fn the_page_says_what_the_sources_say() {
    let path = root().join("src/format/LOSSES.md");
    let page = page::write(&source::sites(&root().join("src/format")));
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let is_same = fs::read_to_string(&path).unwrap() == page;
    assert!(is_same, "LOSSES.md is old: UPDATE=1 cargo test -p amp-pool-core --test losses");
}

/// A loss can be told only by these methods. Each place that names one, in whatever spelling, is on the page.
#[test]
fn no_place_that_tells_a_loss_is_overlooked() {
    let mut seen = 0;
    for (file, source) in source::files(&root().join("src")) {
        let (told, found) = (source::mentioned(&file, &source), source::found(&file, &source));
        assert_eq!(told, found, "src/{file}: a loss is told that `tests/losses/source.rs` does not see");
        seen += told;
    }
    assert!(seen > 150, "only {seen} places tell a loss");
}

#[test]
fn what_a_budget_changes_is_told_in_the_words_of_the_page() {
    let source = fs::read_to_string(root().join("src/service/admit/worst.rs")).unwrap();
    assert!(source.contains(r#"format!("{why} to {tokens} by the budget")"#));
    for (_, words) in page::BUDGETS {
        let why = words.strip_suffix(" to … by the budget").unwrap();
        assert!(source.contains(&format!("\"{why}\"")), "{words}");
    }
}

#[test]
fn what_answers_lose_is_told_in_the_words_of_the_page() {
    let source = fs::read_to_string(root().join("src/format/transcode/unsaid.rs")).unwrap();
    for (member, _, words) in page::ANSWERS {
        let name = member.trim_start_matches("answer: ").trim_end_matches('…');
        assert!(source.contains(name) && source.contains(words.trim_end_matches('…')), "{member}: {words}");
    }
}

#[test]
fn whatever_is_reported_stands_on_the_page_of_its_pair() {
    let sites = source::sites(&root().join("src/format"));
    let mut seen = 0;
    for (client, upstream) in pairs() {
        let rows = page::rows(&sites, client, upstream);
        for body in bodies(client) {
            for (provider, model) in upstreams(upstream) {
                let Ok(sent) = translation(client, upstream, provider, model).request(&body) else { continue };
                for loss in sent.losses.all() {
                    seen += 1;
                    let is_told = rows.iter().any(|row| tells(row, loss));
                    assert!(is_told, "{client} to {upstream}: {loss:?} is not on the page");
                }
            }
        }
    }
    assert!(seen > 200, "only {seen} losses were looked at");
}

/// Whether the row means this loss. What only a request knows is `…` in a row.
fn tells(row: &Row, loss: &Loss) -> bool {
    let kind = if loss.kind == LossKind::Dropped { "dropped" } else { "adjusted" };
    row.fate == kind && fits(&row.member, &loss.field) && fits(&row.words, &loss.note)
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('…') {
        None => pattern == text,
        Some((before, after)) => {
            let rest = text.strip_prefix(before);
            rest.is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(after, &rest[at..])))
        }
    }
}

/// Requests of the client, from the golden cases and the corpus of the fuzz targets.
fn bodies(client: Format) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for entry in fs::read_dir(root().join(format!("fuzz/corpus/request_{client}"))).unwrap() {
        // Behind the byte that chooses who translates.
        bodies.push(fs::read(entry.unwrap().path()).unwrap().split_off(1));
    }
    for pair in fs::read_dir(root().join("tests/golden")).unwrap().map(|entry| entry.unwrap().path()) {
        let is_ours = pair.file_name().unwrap().to_string_lossy().starts_with(&format!("{client}-"));
        let cases = fs::read_dir(pair.join("there")).into_iter().flatten().filter(|_| is_ours);
        bodies.extend(cases.filter_map(|case| fs::read(case.unwrap().path().join("in.json")).ok()));
    }
    bodies
}

fn upstreams(format: Format) -> &'static [(&'static str, &'static str)] {
    match format {
        Format::Chat => &[("openai", "gpt-4.1"), ("openai", "gpt-5.1"), ("deepseek", "deepseek-v4"), ("custom", "m")],
        Format::Messages => &[
            ("anthropic", "claude-sonnet-4-5"),
            ("anthropic", "claude-opus-5"),
            ("anthropic", "claude-fable-5"),
            ("deepseek", "deepseek-v4"),
        ],
        Format::Responses => &[("openai", "gpt-5.1"), ("openai", "gpt-4.1"), ("deepseek", "deepseek-v4")],
    }
}
