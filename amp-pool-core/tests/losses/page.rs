//! The page: for each pair what can be lost, by the names that the client gives things.

use std::{collections::BTreeSet, fmt::Write as _};

use amp_pool_core::format::{Field, Format};

use crate::{
    pairs,
    source::{Member, Site, Stage},
};

/// A line of the page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) member: String,
    pub(crate) fate: &'static str,
    pub(crate) words: String,
}

const HEAD: &str = "\
What each translation can lose, by the client's names for it. Made from the sources by `tests/losses`; not written by hand.

`dropped` members are named in `x-amp-dropped`, `adjusted` ones with the words in `x-amp-adjusted`; both stand in the call's
record. On a strict route each of them refuses the call. `refused` calls get status 400 in the client's format, which names the
member, before anything is sent. `…` stands for what only the request knows. A row says what can happen, not what must:
most depend on the model and the provider.
";

/// What of an answer can be lost, told in the record alone: members of `transcode/unsaid.rs`, and the words there.
pub(crate) const ANSWERS: [(&str, &str, &str); 4] = [
    ("answer: …", "dropped", "a step of the provider's own"),
    ("answer: citation", "dropped", "the client's format has no such citation"),
    ("answer: logprobs", "dropped", "the client's format has none"),
    ("answer: stop reason", "adjusted", "was …"),
];

/// What a budget changes in calls of every format, translated or not: members of `service/admit/worst.rs`.
pub(crate) const BUDGETS: [(&str, &str); 2] =
    [("adjusted", "limited to … by the budget"), ("adjusted", "cut short to … by the budget")];

/// What can not be said in a format, so that it is never lost from there.
fn is_said(field: Field, client: Format) -> bool {
    match field {
        Field::TopK => client != Format::Responses,
        Field::Stop => client != Format::Responses,
        Field::Audio => client != Format::Messages,
        Field::Verbosity | Field::Store | Field::Metadata | Field::CacheKey | Field::Logprobs => {
            client != Format::Messages
        }
        Field::HostedSteps => client != Format::Chat,
        _ => true,
    }
}

/// The formats that have a member which is told by its path alone; all, unless it is known better.
fn has_path(path: &str, client: Format) -> bool {
    match path {
        "phase" | "include" => client == Format::Responses,
        "detail" | "prompt_cache_retention" => client != Format::Messages,
        "tools[].search_context_size" => client != Format::Messages,
        "tools[].max_uses" | "search_result" | "messages[].content[].search_result" => client == Format::Messages,
        _ => true,
    }
}

/// The whole page.
pub(crate) fn write(sites: &[Site]) -> String {
    let mut page = HEAD.to_owned();
    for (client, upstream) in pairs() {
        let (from, to) = (title(client), title(upstream));
        write!(page, "\n## {from} to {to}\n\n| Member | Becomes | Why, or what is done |\n|---|---|---|\n").unwrap();
        for Row { member, fate, words } in rows(sites, client, upstream) {
            let member =
                if member == "…" { "any member unknown to translation".to_owned() } else { format!("`{member}`") };
            writeln!(page, "| {member} | {fate} | {words} |").unwrap();
        }
    }
    page.push_str("\n## Answers\n\n| Member | Becomes | Why, or what is done |\n|---|---|---|\n");
    for (member, fate, words) in ANSWERS {
        writeln!(page, "| `{member}` | {fate} | {words} |").unwrap();
    }
    page.push_str("\n## Budgets, also without translation\n\n");
    page.push_str("| Member | Becomes | Why, or what is done |\n|---|---|---|\n");
    let names: Vec<String> = Format::ALL.iter().map(|format| format!("`{}`", Field::MaxOutput.name(*format))).collect();
    for (fate, words) in BUDGETS {
        writeln!(page, "| {} | {fate} | {words} |", names.join(", ")).unwrap();
    }
    page
}

fn title(format: Format) -> &'static str {
    match format {
        Format::Chat => "Chat",
        Format::Messages => "Messages",
        Format::Responses => "Responses",
    }
}

/// What one pair can lose.
pub(crate) fn rows(sites: &[Site], client: Format, upstream: Format) -> BTreeSet<Row> {
    let is_of_pair = |site: &&Site| match site.stage {
        Stage::Read(format) => format == client,
        Stage::Between => true,
        Stage::Write(format) => format == upstream,
        Stage::WriteOpenAi => upstream != Format::Messages,
    };
    sites.iter().filter(is_of_pair).filter_map(|site| row(site, client)).collect()
}

fn row(site: &Site, client: Format) -> Option<Row> {
    let member = match &site.member {
        Member::Field(field) if is_said(*field, client) => field.name(client).to_owned(),
        Member::Path(path) if has_path(path, client) => path.clone(),
        _ => return None,
    };
    Some(Row { member, fate: site.fate, words: site.words.clone() })
}
