//! Searching the log for a text, within bounds: only so many rows are looked at for one page, and the page says where the
//! next one begins.

use amp_pool_core::{
    handle::Handle,
    store::{Page, RecordFilter, StoreError, StoredRecord},
};

use super::Wish;

/// Rows that are looked at for one page.
const LOOKED_AT: usize = 20_000;
/// Rows that are read at once.
const STEP: u32 = 1_000;

/// A page of the log.
pub(super) struct Found {
    pub(super) rows: Vec<StoredRecord>,
    /// Where to go on. `None`: there is nothing more.
    pub(super) next: Option<i64>,
}

/// A page of what is wished for.
pub(super) async fn page(handle: &Handle, wish: &Wish, page: Page) -> Result<Found, StoreError> {
    if wish.text.is_some() || !wish.without.is_empty() {
        return look(handle, wish, page).await;
    }
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    // One row more than asked for tells whether there is a next page.
    let more = Page { limit: page.limit.saturating_add(1), ..page };
    let mut rows = handle.records(wish.filter.clone(), more).await?;
    let next = (rows.len() > wanted).then(|| rows.get(wanted.saturating_sub(1)).map(|row| row.id)).flatten();
    rows.truncate(wanted);
    Ok(Found { rows, next })
}

/// Looks at row after row for what the store has no index for.
async fn look(handle: &Handle, wish: &Wish, page: Page) -> Result<Found, StoreError> {
    let wanted = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let (mut rows, mut before, mut looked_at) = (Vec::new(), page.before, 0);
    loop {
        let step = handle.records(wish.filter.clone(), Page { before, limit: STEP }).await?;
        let is_last = step.len() < STEP as usize;
        for row in step {
            before = Some(row.id);
            looked_at += 1;
            if wish.takes(&row) {
                rows.push(row);
            }
            if rows.len() == wanted {
                return Ok(Found { rows, next: before });
            }
        }
        if is_last {
            return Ok(Found { rows, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Found { rows, next: before });
        }
    }
}

impl Wish {
    /// What the store does not look at.
    fn takes(&self, row: &StoredRecord) -> bool {
        self.without.lets(row) && self.text.as_deref().is_none_or(|text| has(row, text))
    }

    /// All of it, for rows that were read already.
    pub(super) fn wants(&self, row: &StoredRecord) -> bool {
        fits(row, &self.filter) && self.takes(row)
    }
}

/// `text` in lower case.
fn has(row: &StoredRecord, text: &str) -> bool {
    let call = row.call.to_string();
    let texts = [Some(&row.model), row.upstream_model.as_ref(), row.provider.as_ref(), row.error_type.as_ref()];
    let texts = texts.into_iter().chain([row.error_message.as_ref(), Some(&row.endpoint), Some(&call)]).flatten();
    texts.into_iter().any(|found| found.to_lowercase().contains(text))
}

/// As the store reads a filter, for rows that were read already.
fn fits(row: &StoredRecord, filter: &RecordFilter) -> bool {
    let status = row.outcome.map_or("open", amp_pool_core::store::Outcome::status);
    filter.from.is_none_or(|from| from <= row.create_time)
        && filter.to.is_none_or(|to| row.create_time < to)
        && (filter.key.is_none() || filter.key == row.key)
        && (filter.token.is_none() || filter.token == row.token)
        && filter.model.as_ref().is_none_or(|model| *model == row.model)
        && filter.status.as_ref().is_none_or(|wanted| wanted == status)
        && (filter.error_type.is_none() || filter.error_type == row.error_type)
}
