//! Values in and out of rows.
//!
//! Rust's counts are unsigned, PostgreSQL's are not; nothing in the books is larger than its largest. A text of
//! PostgreSQL holds no zero byte, one of ours may.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use super::Failure;
use crate::{money::NanoUsd, store::StoreError, time::Timestamp, usage::Usage};

/// A count or duration as it is stored.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text as it can be stored: a zero byte becomes the character that stands for what can not be shown.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A list or object as it is stored.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))?;
    Ok(without_zero(text))
}

/// As [`text`], where a zero byte is written as JSON does.
pub(super) fn without_zero(json: String) -> String {
    const ZERO: &str = "\\u0000";
    if !json.contains(ZERO) {
        return json;
    }
    let (mut clean, mut rest) = (String::with_capacity(json.len()), json.as_str());
    while let Some(at) = rest.find('\\') {
        // Two characters, so that the second of an escaped backslash begins nothing.
        let (before, escape) = rest.split_at(at);
        clean.push_str(before);
        let len = if escape.starts_with(ZERO) { ZERO.len() } else { 2.min(escape.len()) };
        clean.push_str(if len == ZERO.len() { "\\ufffd" } else { escape.get(..len).unwrap_or(escape) });
        rest = escape.get(len..).unwrap_or_default();
    }
    clean + rest
}

/// A stored list or object.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(Failure::corrupt)
}

/// Reads the columns of a row from left to right.
///
/// A struct literal evaluates its fields as they are written, so a row is read by naming its columns once in the
/// statement and once, in the same order, here.
pub(super) struct Fields<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Fields<'r> {
    pub(super) fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql<'r>>(&mut self) -> Result<T, Failure> {
        let at = self.next;
        self.next += 1;
        Ok(self.row.try_get(at)?)
    }

    /// A whole number of any width.
    pub(super) fn number<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
        &mut self,
    ) -> Result<T, Failure> {
        T::try_from(self.take::<i64>()?).map_err(Failure::corrupt)
    }

    pub(super) fn maybe_number<T: TryFrom<i64, Error: std::error::Error + Send + Sync + 'static>>(
        &mut self,
    ) -> Result<Option<T>, Failure> {
        self.take::<Option<i64>>()?.map(T::try_from).transpose().map_err(Failure::corrupt)
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Failure> {
        Ok(Timestamp::from_millis(self.take()?))
    }

    pub(super) fn money(&mut self) -> Result<Option<NanoUsd>, Failure> {
        Ok(self.take::<Option<i64>>()?.map(NanoUsd))
    }

    /// The status of an answer.
    pub(super) fn status(&mut self) -> Result<Option<u16>, Failure> {
        self.take::<Option<i32>>()?.map(u16::try_from).transpose().map_err(Failure::corrupt)
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid, Failure> {
        self.take()
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        from_json(self.take::<&str>()?)
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        self.take::<Option<&str>>()?.map(from_json).transpose()
    }

    /// The six classes of tokens, in the order every table has them.
    pub(super) fn usage(&mut self) -> Result<Usage, Failure> {
        Ok(Usage {
            uncached_input: self.number()?,
            cache_read: self.number()?,
            cache_write_5m: self.number()?,
            cache_write_1h: self.number()?,
            output: self.number()?,
            reasoning: self.maybe_number()?,
        })
    }
}

/// Reads rows one after the other.
pub(super) fn collect<T>(
    rows: &[Row],
    mut read: impl FnMut(&mut Fields<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    rows.iter().map(|row| read(&mut Fields::of(row))).collect()
}

/// The first column of each row.
pub(super) fn firsts<T: for<'r> FromSql<'r>>(rows: &[Row]) -> Result<Vec<T>, Failure> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// A change that names a row must have met it.
pub(super) fn met(changed: u64) -> Result<(), Failure> {
    if changed == 0 { Err(StoreError::NotFound.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_byte_is_replaced_and_nothing_else() {
        let check = |value: &str, expected: &str| {
            assert_eq!(text(value), expected);
            assert_eq!(from_json::<String>(&json(value).unwrap()).unwrap(), expected);
            assert!(!json(value).unwrap().contains("u0000") || value.contains("u0000"));
        };
        check("plain", "plain");
        check("a\0b\0", "a\u{fffd}b\u{fffd}");
        check("\\u0000", "\\u0000");
        check("\\\0\\\\u0000\\", "\\\u{fffd}\\\\u0000\\");
        check("\"\u{1}\0é", "\"\u{1}\u{fffd}é");
    }
}
