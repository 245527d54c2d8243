//! Pages of the log by several things at once.
//!
//! A key may be in every block of the log, and a model too, and both in no call. The sums know: they are kept for each
//! combination of key, model and client token in each hour, and written with the call. So of the log only those hours are
//! looked at that hold the combination, the newest first, once a look at its newest blocks did not fill the page.
//!
//! Sums outlast the calls they are made of, so an hour may be empty by now; and a call that has not ended is in no sum.

use super::{RecordFilter, StoredRecord, names::ERROR};

/// So many blocks of the rarest name are looked through before sums are asked: what is not rare is found there.
pub(super) const FEW_BLOCKS: i64 = 16;

/// What sums are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Combination<'a> {
    pub(super) key: Option<i64>,
    pub(super) token: Option<i64>,
    pub(super) model: Option<&'a str>,
    pub(super) ended: Ended,
}

/// How calls ended, as far as sums know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Somehow,
    Well,
    Badly,
}

impl<'a> Combination<'a> {
    /// `None` where a page is about one thing, or about something that sums know nothing of.
    pub(super) fn asked(filter: &'a RecordFilter) -> Option<Self> {
        let ended = match (filter.status.as_deref(), &filter.error_type) {
            (None, None) => Ended::Somehow,
            (Some("success"), None) => Ended::Well,
            (None | Some(ERROR), _) => Ended::Badly,
            _ => return None,
        };
        let (key, token) = (filter.key.map(|key| key.0), filter.token.map(|token| token.0));
        let model = filter.model.as_deref();
        let parts = [key.is_some(), token.is_some(), model.is_some()].into_iter().filter(|is_asked| *is_asked).count();
        let things = parts + usize::from(ended != Ended::Somehow);
        (parts > 0 && things > 1).then_some(Self { key, token, model, ended })
    }

    /// Whether calls that have not ended may be meant too. Those have no key yet.
    pub(super) fn may_be_open(&self) -> bool {
        self.key.is_none() && self.ended == Ended::Somehow
    }
}

impl Ended {
    /// What it means for a row of sums.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Somehow => "",
            Self::Well => " AND requests > errors",
            Self::Badly => " AND errors > 0",
        }
    }
}

/// The rows of a page while it is gathered from hours, the newest hour first. Rows are nearly in the order of time.
pub(super) struct Gathered {
    rows: Vec<StoredRecord>,
    wanted: usize,
}

impl Gathered {
    pub(super) fn new(wanted: u32) -> Self {
        Self { rows: Vec::new(), wanted: usize::try_from(wanted).unwrap_or(usize::MAX) }
    }

    /// Takes rows in, and puts them in order.
    pub(super) fn add(&mut self, rows: Vec<StoredRecord>) {
        self.rows.extend(rows);
        self.rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        self.rows.truncate(self.wanted);
    }

    /// The last row of a page that is full. What is found later belongs to it only with a higher id.
    pub(super) fn last(&self) -> Option<i64> {
        (self.rows.len() >= self.wanted).then(|| self.rows.last().map_or(i64::MAX, |row| row.id))
    }

    pub(super) fn into_rows(self) -> Vec<StoredRecord> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{KeyId, TokenId};

    #[test]
    fn sums_are_asked_for_what_they_know_of_two_things_and_more() {
        let check = |filter: &RecordFilter, expected: Option<(Ended, bool)>| {
            let asked = Combination::asked(filter);
            assert_eq!(asked.map(|asked| (asked.ended, asked.may_be_open())), expected, "{filter:?}");
        };
        let any = RecordFilter::default;
        let (key, token, model) = (Some(KeyId(1)), Some(TokenId(2)), Some("m".to_owned()));
        let status = |status: &str| Some(status.to_owned());
        check(&any(), None);
        check(&RecordFilter { key, ..any() }, None);
        check(&RecordFilter { status: status("error"), error_type: Some("e".into()), ..any() }, None);
        check(&RecordFilter { key, model: model.clone(), ..any() }, Some((Ended::Somehow, false)));
        check(&RecordFilter { token, model: model.clone(), ..any() }, Some((Ended::Somehow, true)));
        check(&RecordFilter { token, status: status("success"), ..any() }, Some((Ended::Well, false)));
        check(&RecordFilter { token, status: status("error"), ..any() }, Some((Ended::Badly, false)));
        check(
            &RecordFilter { model: model.clone(), error_type: Some("e".into()), ..any() },
            Some((Ended::Badly, false)),
        );
        check(&RecordFilter { key, model: model.clone(), status: status("open"), ..any() }, None);
        check(&RecordFilter { key, model, status: status("success"), error_type: Some("e".into()), ..any() }, None);
    }
}
