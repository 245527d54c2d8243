//! Token counts as Messages writes them, and what is known of them by now.
//!
//! Input comes in disjoint classes already. A newer object replaces the older one field by field, also by a smaller number;
//! nothing is added up but the passes that are billed beside the answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    format::{
        canonical::Spent,
        loose::{Loose, LooseList, Text, Tokens},
    },
    usage::{ServiceTerms, Usage},
};

/// Passes that are billed in addition to the numbers at the top.
const EXTRA_PASSES: [&str; 2] = ["compaction", "advisor_message"];

/// The newest number of every field.
#[derive(Debug, Default)]
pub(super) struct Told {
    tokens: Counts,
    extra: Usage,
}

impl Told {
    /// Takes a `usage` object. `None` when it is none, else whether it told the output.
    pub(super) fn take(&mut self, raw: &RawValue) -> Option<bool> {
        let newer = serde_json::from_str::<Counts>(raw.get()).ok()?;
        let tells_output = newer.output_tokens.0.is_some();
        self.tokens.replace(newer);
        self.extra = extra(raw).unwrap_or(self.extra);
        Some(tells_output)
    }

    /// All tokens that are billed.
    pub(super) fn usage(&self) -> Usage {
        sum(self.tokens.usage(), self.extra)
    }
}

/// The same, with what stands beside the tokens.
#[derive(Debug, Default)]
pub(super) struct Account {
    told: Told,
    web_searches: Option<u64>,
    service_tier: Option<String>,
}

impl Account {
    /// Takes a `usage` object, and gives what was used by now. `None` when it is none.
    pub(super) fn take(&mut self, raw: &RawValue) -> Option<Spent> {
        self.told.take(raw)?;
        let around = serde_json::from_str::<Around<'_>>(raw.get()).unwrap_or_default();
        self.web_searches = around.web_searches().or(self.web_searches);
        self.service_tier = around.service_tier.0.map(|tier| tier.0.into_owned()).or(self.service_tier.take());
        let service_tier = self.service_tier.clone();
        Some(Spent { usage: self.told.usage(), web_searches: self.web_searches, service_tier })
    }
}

/// What stands in a `usage` object beside the tokens.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Around<'a> {
    server_tool_use: Loose<ServerTools>,
    #[serde(borrow)]
    service_tier: Loose<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerTools {
    web_search_requests: Loose<Tokens>,
}

impl Around<'_> {
    fn web_searches(&self) -> Option<u64> {
        self.server_tool_use.0.as_ref()?.web_search_requests.count()
    }
}

fn said<'a>(text: &'a Loose<Text<'_>>) -> Option<&'a str> {
    text.0.as_ref().map(|text| &*text.0)
}

/// The terms that a `usage` object names.
pub(super) fn terms(usage: &RawValue) -> ServiceTerms {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Named<'a> {
        #[serde(borrow)]
        service_tier: Loose<Text<'a>>,
        #[serde(borrow)]
        speed: Loose<Text<'a>>,
        #[serde(borrow)]
        inference_geo: Loose<Text<'a>>,
    }

    let Named { service_tier, speed, inference_geo } = serde_json::from_str(usage.get()).unwrap_or_default();
    ServiceTerms::said(said(&service_tier), said(&speed), said(&inference_geo))
}

/// A `usage` object, or what is known of one by now.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Counts {
    input_tokens: Loose<Tokens>,
    cache_read_input_tokens: Loose<Tokens>,
    cache_creation_input_tokens: Loose<Tokens>,
    cache_creation: Loose<CacheCreation>,
    output_tokens: Loose<Tokens>,
    output_tokens_details: Loose<OutputDetails>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Loose<Tokens>,
    ephemeral_1h_input_tokens: Loose<Tokens>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Loose<Tokens>,
}

impl Counts {
    /// Each field that `newer` has replaces ours.
    fn replace(&mut self, newer: Self) {
        fn replace<T>(field: &mut Loose<T>, newer: Loose<T>) {
            if newer.0.is_some() {
                *field = newer;
            }
        }
        replace(&mut self.input_tokens, newer.input_tokens);
        replace(&mut self.cache_read_input_tokens, newer.cache_read_input_tokens);
        replace(&mut self.cache_creation_input_tokens, newer.cache_creation_input_tokens);
        replace(&mut self.cache_creation, newer.cache_creation);
        replace(&mut self.output_tokens, newer.output_tokens);
        replace(&mut self.output_tokens_details, newer.output_tokens_details);
    }

    fn usage(&self) -> Usage {
        let count = |field: Loose<Tokens>| field.count().unwrap_or(0);
        let output = count(self.output_tokens);
        let (written, cache_write_1h) = self.cache_writes();
        let reasoning = self.output_tokens_details.0.as_ref().and_then(|details| details.thinking_tokens.count());
        Usage {
            uncached_input: count(self.input_tokens),
            cache_read: count(self.cache_read_input_tokens),
            // The split is told only at the start, so the short-lived part is what is left of the newest total.
            cache_write_5m: written.saturating_sub(cache_write_1h),
            cache_write_1h,
            output,
            reasoning: reasoning.map(|reasoning| reasoning.min(output)),
        }
    }

    /// Everything written to caches, and the part of it that went to the one-hour cache.
    fn cache_writes(&self) -> (u64, u64) {
        let (short, long) = self.cache_creation.0.as_ref().map_or((0, 0), |split| {
            let count = |field: Loose<Tokens>| field.count().unwrap_or(0);
            (count(split.ephemeral_5m_input_tokens), count(split.ephemeral_1h_input_tokens))
        });
        let written = self.cache_creation_input_tokens.count().unwrap_or(short.saturating_add(long));
        (written, long.min(written))
    }
}

/// What the passes used that are billed beside the answer. `None` when the object does not list passes.
fn extra(usage: &RawValue) -> Option<Usage> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Passes<'a> {
        #[serde(borrow)]
        iterations: LooseList<'a>,
    }

    #[derive(Deserialize)]
    struct Pass<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }

    let passes = serde_json::from_str::<Passes<'_>>(usage.get()).ok()?.iterations.0?;
    let is_extra = |raw: &&&RawValue| {
        serde_json::from_str::<Pass<'_>>(raw.get()).is_ok_and(|pass| EXTRA_PASSES.contains(&&*pass.kind.0))
    };
    let usages = passes.iter().filter(is_extra).filter_map(|raw| serde_json::from_str::<Counts>(raw.get()).ok());
    Some(usages.fold(Usage::default(), |all, pass| sum(all, pass.usage())))
}

fn sum(left: Usage, right: Usage) -> Usage {
    let reasoning = match (left.reasoning, right.reasoning) {
        (None, None) => None,
        (left, right) => Some(left.unwrap_or(0).saturating_add(right.unwrap_or(0))),
    };
    Usage {
        uncached_input: left.uncached_input.saturating_add(right.uncached_input),
        cache_read: left.cache_read.saturating_add(right.cache_read),
        cache_write_5m: left.cache_write_5m.saturating_add(right.cache_write_5m),
        cache_write_1h: left.cache_write_1h.saturating_add(right.cache_write_1h),
        output: left.output.saturating_add(right.output),
        reasoning,
    }
}

/// A `usage` object to be written, with every number a client may add up. Each token stands in one of them.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: WrittenSplit,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<WrittenTools>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct WrittenSplit {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenDetails {
    thinking_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenTools {
    web_search_requests: u64,
}

impl Written {
    pub(super) fn of(spent: &Spent) -> Self {
        let Usage { uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning } = spent.usage;
        Self {
            input_tokens: uncached_input,
            cache_creation_input_tokens: spent.usage.cache_write(),
            cache_read_input_tokens: cache_read,
            cache_creation: WrittenSplit {
                ephemeral_5m_input_tokens: cache_write_5m,
                ephemeral_1h_input_tokens: cache_write_1h,
            },
            output_tokens: output,
            output_tokens_details: reasoning.map(|thinking_tokens| WrittenDetails { thinking_tokens }),
            server_tool_use: spent.web_searches.map(|web_search_requests| WrittenTools { web_search_requests }),
            service_tier: spent.service_tier.as_deref().and_then(tier),
        }
    }

    /// What is told when the upstream tells nothing: 3.5 characters a token.
    pub(super) fn estimate(input: u64, chars: u64) -> Self {
        let output = chars.saturating_mul(2).div_ceil(7).max(1);
        Self::of(&Spent { usage: Usage { uncached_input: input, output, ..Usage::default() }, ..Spent::default() })
    }
}

/// The queues that Messages knows, by its own words.
fn tier(tier: &str) -> Option<&'static str> {
    match tier {
        "default" | "standard" => Some("standard"),
        "priority" => Some("priority"),
        "batch" => Some("batch"),
        _ => None,
    }
}
