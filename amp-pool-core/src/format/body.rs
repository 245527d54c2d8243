//! Objects as they are written: members one behind the other, in one buffer.

use serde::Serialize;

use super::canonical::{Json, Member};

/// The members of an object, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::format) struct Body(Vec<u8>);

impl Body {
    /// An object of this `type`.
    pub(in crate::format) fn of(kind: &str) -> Self {
        let mut body = Self::default();
        body.add("type", kind);
        body
    }

    /// An object in which this one stands.
    pub(in crate::format) fn with(name: &str, object: &Self) -> Self {
        let mut body = Self::default();
        body.add_object(name, object);
        body
    }

    /// Nothing yet, with place for `bytes`.
    pub(in crate::format) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(in crate::format) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::format) fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.name(name);
        self.write(value);
    }

    /// Adds what is there.
    pub(in crate::format) fn add_some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.add(name, &value);
        }
    }

    /// Adds JSON as it came.
    pub(in crate::format) fn add_json(&mut self, name: &str, value: &Json) {
        self.add_text(name, value.get());
    }

    /// Adds a text that is JSON.
    pub(in crate::format) fn add_text(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.extend_from_slice(json.as_bytes());
    }

    /// Adds an object.
    pub(in crate::format) fn add_object(&mut self, name: &str, object: &Self) {
        self.name(name);
        object.write_to(&mut self.0);
    }

    /// Adds an object that says something.
    pub(in crate::format) fn add_filled(&mut self, name: &str, object: &Self) {
        if !object.is_empty() {
            self.add_object(name, object);
        }
    }

    /// Adds a list of objects.
    pub(in crate::format) fn add_objects(&mut self, name: &str, objects: impl IntoIterator<Item = Self>) {
        self.name(name);
        self.0.push(b'[');
        for (at, object) in objects.into_iter().enumerate() {
            self.0.extend_from_slice(if at == 0 { b"" } else { b"," });
            object.write_to(&mut self.0);
        }
        self.0.push(b']');
    }

    /// Adds members of another object, as they came.
    pub(in crate::format) fn extend<'m>(&mut self, members: impl IntoIterator<Item = &'m Member>) {
        members.into_iter().for_each(|(name, value)| self.add_json(name, value));
    }

    /// Adds all members of another.
    pub(in crate::format) fn join(&mut self, other: &Self) {
        if !other.is_empty() {
            self.comma();
            self.0.extend_from_slice(&other.0);
        }
    }

    /// Writes the object behind what `out` holds.
    pub(in crate::format) fn write_to(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        out.extend_from_slice(&self.0);
        out.push(b'}');
    }

    /// The object as a text of its own.
    pub(in crate::format) fn into_bytes(mut self) -> Vec<u8> {
        self.0.insert(0, b'{');
        self.0.push(b'}');
        self.0
    }

    fn comma(&mut self) {
        if !self.is_empty() {
            self.0.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.write(name);
        self.0.push(b':');
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) {
        let before = self.0.len();
        // Shapes of ours and JSON that was read: writing them to memory has no way to fail.
        if serde_json::to_writer(&mut self.0, value).is_err() {
            self.0.truncate(before);
            self.0.extend_from_slice(b"null");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_in_the_order_in_which_they_are_added() {
        let (mut inner, mut outer) = (Body::of("x"), Body::default());
        inner.add("a\"b", &1);
        inner.add_some("none", None::<u8>);
        outer.add_filled("empty", &Body::default());
        outer.add_object("object", &Body::default());
        outer.add_objects("list", [inner.clone(), Body::default()]);
        outer.join(&inner);
        outer.join(&Body::default());
        let json = Json::parse("[ 1.0]").unwrap();
        outer.extend(&[("raw".to_owned(), json)]);

        let expected = r#"{"object":{},"list":[{"type":"x","a\"b":1},{}],"type":"x","a\"b":1,"raw":[ 1.0]}"#;
        assert_eq!(String::from_utf8(outer.into_bytes()).unwrap(), expected);
        assert_eq!(Body::default().into_bytes(), b"{}");
    }
}
