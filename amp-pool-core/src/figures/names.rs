//! Names by which something is counted: few, and none that a client made up.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::{id::KeyId, route::Catalog};

/// What stands for every name that is not counted by itself.
pub const OTHER: &str = "other";

const MOST_MODELS: usize = 500;
const MOST_KEYS: usize = 1_000;

pub(super) struct Names {
    catalog: Arc<ArcSwap<Catalog>>,
    /// The catalog that `known` was made of.
    of: Option<Arc<Catalog>>,
    known: HashSet<Box<str>, RandomState>,
    /// Models that were counted so far.
    models: HashSet<Box<str>, RandomState>,
    keys: HashMap<KeyId, Box<str>, RandomState>,
}

impl Names {
    pub(super) fn new(catalog: Arc<ArcSwap<Catalog>>) -> Self {
        Self { catalog, of: None, known: HashSet::default(), models: HashSet::default(), keys: HashMap::default() }
    }

    /// The name to count a model by.
    pub(super) fn model(&mut self, model: &str) -> &str {
        if !self.models.contains(model) && self.models.len() < MOST_MODELS && self.is_known(model) {
            self.models.insert(model.into());
        }
        self.models.get(model).map_or(OTHER, |model| model)
    }

    fn is_known(&mut self, model: &str) -> bool {
        let current = self.catalog.load();
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &current)) {
            self.known = current.models().into_iter().map(|model| model.id.into()).collect();
            self.of = Some(Arc::clone(&current));
        }
        self.known.contains(model)
    }

    /// The name to count a key by: its row.
    pub(super) fn key(&mut self, key: KeyId) -> &str {
        if self.keys.len() >= MOST_KEYS && !self.keys.contains_key(&key) {
            return OTHER;
        }
        self.keys.entry(key).or_insert_with(|| key.to_string().into())
    }
}
