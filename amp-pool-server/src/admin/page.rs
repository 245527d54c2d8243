//! Pages of lists that are in memory as a whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{List, Problem, input::optional};
use crate::hex::hex;

/// As many as a page has at most, and without a wish: whoever keeps fewer sees them all at once.
pub(super) const LARGEST_PAGE: usize = 1000;

/// Which page of a list.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PageParams {
    /// How many at most.
    #[schemars(with = "u32")]
    pub(super) limit: Option<String>,
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

impl PageParams {
    /// The page of `items`, which come in the order of their places. It begins behind the place of the last item before, so
    /// that nothing is left out when that has gone.
    pub(super) fn page<T, P>(self, items: Vec<T>, place: impl Fn(&T) -> P) -> Result<List<T>, Problem>
    where
        P: Ord + Serialize + DeserializeOwned,
    {
        let limit = optional("limit", self.limit)?.unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
        let cursor = self.cursor.filter(|cursor| !cursor.is_empty());
        let after: Option<P> = cursor.map(|cursor| read_cursor(&cursor).ok_or_else(not_a_cursor)).transpose()?;
        let total = items.len();
        let mut rest = items.into_iter().skip_while(|item| after.as_ref().is_some_and(|after| place(item) <= *after));
        let shown: Vec<T> = rest.by_ref().take(limit).collect();
        let next = rest.next().and(shown.last()).map(|last| write_cursor(&place(last)));
        Ok(List::page_of(total, shown, next))
    }
}

fn not_a_cursor() -> Problem {
    Problem::field("cursor", "`cursor` is the `next_cursor` of a page before")
}

/// A place in a list as a text that is nobody's business but ours.
pub(super) fn write_cursor(place: &impl Serialize) -> String {
    hex(&serde_json::to_vec(place).unwrap_or_default())
}

pub(super) fn read_cursor<P: DeserializeOwned>(cursor: &str) -> Option<P> {
    let digits = cursor.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    serde_json::from_slice(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: &[i64], limit: &str, cursor: Option<String>) -> List<i64> {
        let params = PageParams { limit: Some(limit.into()), cursor };
        params.page(items.to_vec(), |item| *item).unwrap()
    }

    #[test]
    fn pages_go_through_a_list_once_even_while_it_changes() {
        let first = page(&[1, 2, 3, 4], "2", None);
        assert_eq!((&first.items[..], first.total), (&[1, 2][..], Some(4)));
        // What the first page ended with has gone, and another came.
        let second = page(&[1, 3, 4, 5], "2", first.next_cursor);
        assert_eq!(second.items, [3, 4]);
        let last = page(&[1, 3, 4, 5], "2", second.next_cursor);
        assert_eq!((&last.items[..], last.next_cursor), (&[5][..], None));
        assert_eq!(page(&[1], "9", None).next_cursor, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for cursor in ["x", "7", "é", "5b5d"] {
            let params = PageParams { limit: None, cursor: Some(cursor.into()) };
            assert!(params.page(vec![1_i64], |item| *item).is_err(), "{cursor}");
        }
    }
}
