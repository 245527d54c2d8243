//! Objects as they are written: members in their order.

use serde::Serialize;

use crate::format::canonical::{Json, Member};

/// The members of an object.
#[derive(Debug, Default)]
pub(super) struct Body(pub(super) Vec<Member>);

impl Body {
    /// An object of this `type`.
    pub(super) fn of(kind: &str) -> Self {
        let mut body = Self::default();
        body.add("type", kind);
        body
    }

    pub(super) fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.push((name.to_owned(), Json::of(&value)));
    }

    /// Adds what is there.
    pub(super) fn add_some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.add(name, &value);
        }
    }

    /// Adds an object that says something.
    pub(super) fn add_object(&mut self, name: &str, object: Self) {
        if !object.0.is_empty() {
            self.add(name, &object.json());
        }
    }

    pub(super) fn json(self) -> Json {
        Json::object(self.0)
    }
}
