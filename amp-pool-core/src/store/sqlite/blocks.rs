//! Where in the log a key, a client token or a model is to be found.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::RandomState;
use rusqlite::{Transaction, types::ValueRef};

use super::{
    Failure,
    repeated::{Repeated, number},
};
use crate::{
    id::{KeyId, TokenId},
    store::names::ERROR,
};

pub(super) use crate::store::names::{Name, SHIFT};

const NOTE: &str = "INSERT OR IGNORE INTO api_request_log_blocks (kind, name, block) VALUES (?1, ?2, ?3)";

/// A name as it is stored.
pub(super) fn value(name: Name<'_>) -> ValueRef<'_> {
    match name {
        Name::Key(key) => number(key.0),
        Name::Token(token) => number(token.0),
        Name::Model(name) | Name::ErrorType(name) => name.into(),
        Name::Error => ERROR.into(),
    }
}

/// What a batch has to note.
pub(super) struct Notes<'a, 'known> {
    noted: &'known mut Noted,
    new: BTreeSet<(Name<'a>, i64)>,
}

impl<'a, 'known> Notes<'a, 'known> {
    /// For a batch that goes by what was noted before.
    pub(super) fn beside(noted: &'known mut Noted) -> Self {
        Self { noted, new: BTreeSet::new() }
    }

    /// The row `id` holds these names. Types of errors are found by an index of rows.
    pub(super) fn add(&mut self, id: i64, names: impl IntoIterator<Item = Name<'a>>) {
        let block = id >> SHIFT;
        for name in names.into_iter().filter(|name| !matches!(name, Name::ErrorType(_))) {
            if self.noted.add(name, block) {
                self.new.insert((name, block));
            }
        }
    }

    /// Writes them down. Some may be there already.
    pub(super) fn write(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let mut note = Repeated::new(tx, NOTE);
        for (name, block) in &self.new {
            note.run([name.kind().into(), value(*name), number(*block)])?;
        }
        Ok(())
    }
}

/// Calls under way are in no more blocks than these, unless there are thousands.
const RECENT: usize = 16;

/// What is noted already, of the newest blocks.
#[derive(Default)]
pub(super) struct Noted(BTreeMap<i64, Names>);

impl Noted {
    /// Whether this is news, as far as it is known.
    fn add(&mut self, name: Name<'_>, block: i64) -> bool {
        if let Some(names) = self.0.get_mut(&block) {
            return names.add(name);
        }
        self.0.entry(block).or_default().add(name);
        if self.0.len() > RECENT {
            self.0.pop_first();
        }
        true
    }
}

/// The names in a block.
#[derive(Default)]
struct Names {
    keys: HashSet<KeyId, RandomState>,
    tokens: HashSet<TokenId, RandomState>,
    models: HashSet<Box<str>, RandomState>,
    error: bool,
}

impl Names {
    /// Whether it was not there.
    fn add(&mut self, name: Name<'_>) -> bool {
        match name {
            Name::Key(key) => self.keys.insert(key),
            Name::Token(token) => self.tokens.insert(token),
            Name::Model(model) => !self.models.contains(model) && self.models.insert(model.into()),
            Name::Error => !std::mem::replace(&mut self.error, true),
            Name::ErrorType(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_news_once_a_block_as_long_as_the_block_is_new() {
        let mut noted = Noted::default();
        let names = [Name::Key(KeyId(1)), Name::Token(TokenId(1)), Name::Model("m"), Name::Model("n"), Name::Error];
        for block in [0, 1] {
            assert_eq!(names.map(|name| noted.add(name, block)), [true; 5]);
            assert_eq!(names.map(|name| noted.add(name, block)), [false; 5]);
        }
        let recent = i64::try_from(RECENT).unwrap();
        (2..=recent).for_each(|block| assert!(noted.add(Name::Error, block)));
        assert_eq!([0, 1, recent].map(|block| noted.add(Name::Error, block)), [true, false, false]);
    }
}
