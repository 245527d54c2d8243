//! Whether the server's books show what the load has seen: each call once, as done, with its tokens.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::{Result, ask::Ask, pool::Admin};

// Before any run, so that a run across midnight is seen whole.
const EVER: &str = "from=2000-01-01T00:00:00Z";

/// What the load has seen of the pool.
#[derive(Clone, Copy, Default)]
pub(crate) struct Made {
    pub(crate) calls: u64,
    pub(crate) tokens: u64,
}

impl Made {
    pub(crate) fn add(&mut self, ask: Ask, calls: u64) {
        self.calls += calls;
        self.tokens += calls * ask.script.tokens();
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { calls: self.calls + other.calls, tokens: self.tokens + other.tokens }
    }

    /// Compares with what the server says, in sum and call by call.
    pub(crate) fn check(self, admin: Admin) -> Result<()> {
        let Self { calls, tokens } = self;
        let overview: Overview = admin.get(&format!("/api/statistics/overview?{EVER}"))?;
        if overview != (Overview { requests: calls, errors: 0, total_tokens: tokens }) {
            return Err(
                format!("{calls} calls with {tokens} tokens were made, the statistics show {overview:?}").into()
            );
        }
        let rows = Rows::read(admin)?;
        let expected = BTreeMap::from([("done".to_owned(), calls)]);
        if calls > 0 && rows.outcomes != expected || rows.ids.len() as u64 != calls {
            let (ids, outcomes) = (rows.ids.len(), rows.outcomes);
            return Err(format!("{calls} calls were made, the log shows {ids} with outcomes {outcomes:?}").into());
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq, Debug, Deserialize)]
struct Overview {
    requests: u64,
    errors: u64,
    total_tokens: u64,
}

#[derive(Default)]
struct Rows {
    ids: HashSet<String>,
    outcomes: BTreeMap<String, u64>,
}

impl Rows {
    fn read(admin: Admin) -> Result<Self> {
        let mut rows = Self::default();
        let mut cursor = String::new();
        loop {
            let page: Page = admin.get(&format!("/api/requests?{EVER}&limit=1000{cursor}"))?;
            page.items.into_iter().for_each(|row| rows.add(row));
            let Some(next) = page.next_cursor else { return Ok(rows) };
            cursor = format!("&cursor={next}");
        }
    }

    fn add(&mut self, row: Row) {
        self.ids.insert(row.call_id);
        *self.outcomes.entry(row.outcome.unwrap_or_else(|| "open".to_owned())).or_default() += 1;
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Row>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    call_id: String,
    outcome: Option<String>,
}
