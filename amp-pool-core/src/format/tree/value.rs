//! One value of a tree.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{NONE, Node, Tree, index, text};
use crate::format::canonical::Json;

/// A value, where it stands. Copied like a pointer.
#[derive(Clone, Copy)]
pub(in crate::format) struct Value<'t> {
    tree: &'t Tree<'t>,
    at: u32,
}

impl<'t> Value<'t> {
    pub(super) fn of(tree: &'t Tree<'_>, at: u32) -> Self {
        Self { tree, at }
    }

    fn node(self) -> Option<&'t Node> {
        self.tree.nodes.get(index(self.at))
    }

    /// The text of it, as it came.
    pub(in crate::format) fn raw(self) -> &'t str {
        self.node().and_then(|node| self.tree.text.get(index(node.start)..index(node.end))).unwrap_or_default()
    }

    /// The same for whoever keeps it.
    pub(in crate::format) fn json(self) -> Json {
        Json::of_valid(self.raw())
    }

    pub(in crate::format) fn is_null(self) -> bool {
        self.raw() == "null"
    }

    pub(in crate::format) fn is_object(self) -> bool {
        self.raw().starts_with('{')
    }

    pub(in crate::format) fn is_list(self) -> bool {
        self.raw().starts_with('[')
    }

    /// What it says, if it is a string.
    pub(in crate::format) fn as_text(self) -> Option<Cow<'t, str>> {
        text::unescaped(self.raw().strip_prefix('"')?.strip_suffix('"')?)
    }

    /// Whether it is this string.
    pub(in crate::format) fn says(self, text: &str) -> bool {
        self.as_text().is_some_and(|said| said == text)
    }

    /// The value, if it is of this type.
    pub(in crate::format) fn parse<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::from_str(self.raw()).ok()
    }

    /// The name of a member, between its quotes.
    fn raw_name(self) -> &'t str {
        let place = self.node().map_or((0, 0), |node| node.name);
        self.tree.text.get(index(place.0)..index(place.1)).unwrap_or_default()
    }

    /// The name of a member. One that has no characters is shown as it stands.
    pub(in crate::format) fn name(self) -> Cow<'t, str> {
        let raw = self.raw_name();
        text::unescaped(raw).unwrap_or(Cow::Borrowed(raw))
    }

    fn is_named(self, name: &str) -> bool {
        let raw = self.raw_name();
        // An escape is longer than what it stands for.
        raw == name || (raw.len() > name.len() && raw.contains('\\') && self.name() == name)
    }

    /// What is in it: the members of an object, the items of a list, in order.
    pub(in crate::format) fn children(self) -> Children<'t> {
        Children { tree: self.tree, at: self.at + 1, end: self.node().map_or(0, |node| node.next) }
    }

    /// The first member of this name.
    pub(in crate::format) fn member(self, name: &str) -> Option<Self> {
        if !self.is_object() {
            return None;
        }
        self.children().find(|member| member.is_named(name))
    }

    /// Whether no space stands between its members and their names and values. What is in those is not looked at.
    pub(in crate::format) fn is_tight(self) -> bool {
        let Some(node) = self.node() else { return false };
        let mut before = node.start;
        let is_next = |child: Self| {
            // A bracket or a comma, and a quote; then a quote and a colon.
            let stands = child.node().map(|child| (child.name, child.start, child.end));
            let Some((name, start, end)) = stands else { return false };
            let is_next = name.0 == before + 2 && start == name.1 + 2;
            before = end;
            is_next
        };
        self.is_object() && self.children().all(is_next) && node.end == before + 1
    }

    pub(super) fn is_taken(self) -> bool {
        self.node().is_some_and(|node| node.is_taken.get())
    }

    /// Takes it out of its object, of which it is then no rest.
    pub(super) fn take(self) {
        if let Some(node) = self.node() {
            node.is_taken.set(true);
        }
    }

    /// The way to it from the root: `messages[3].content`. Empty for the root.
    pub(in crate::format) fn path(self) -> String {
        let mut way = vec![self];
        while let Some(parent) = way.last().and_then(|value| value.parent()) {
            way.push(parent);
        }
        let mut path = String::new();
        for pair in way.windows(2).rev() {
            if let [value, parent] = pair {
                value.step_from(*parent, &mut path);
            }
        }
        path
    }

    fn parent(self) -> Option<Self> {
        let at = self.node()?.parent;
        (at != NONE).then_some(Self { at, ..self })
    }

    fn step_from(self, parent: Self, path: &mut String) {
        if parent.is_list() {
            let place = parent.children().take_while(|item| item.at != self.at).count();
            path.push_str(&format!("[{place}]"));
            return;
        }
        path.push_str(if path.is_empty() { "" } else { "." });
        path.push_str(&self.name());
    }
}

/// What is in a value, one by one.
pub(in crate::format) struct Children<'t> {
    tree: &'t Tree<'t>,
    at: u32,
    end: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Value<'t>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { tree: self.tree, at: self.at };
        self.at = value.node()?.next;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // As many as could stand there if none had anything in it.
        (0, usize::try_from(self.end.saturating_sub(self.at)).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" {"a" : [1, {"b\u0021":"x\ny"}, []], "c":null, "c":{} } "#;

    #[test]
    fn values_are_found_in_their_order_and_as_they_stand() {
        let tree = Tree::parse(TEXT).unwrap();
        let root = tree.root();

        let members: Vec<_> = root.children().map(|member| (member.name().into_owned(), member.raw())).collect();
        let list = r#"[1, {"b\u0021":"x\ny"}, []]"#;
        assert_eq!(members, [("a".into(), list), ("c".into(), "null"), ("c".into(), "{}")]);
        assert_eq!(root.member("c").unwrap().raw(), "null");
        assert_eq!(root.member("a").unwrap().children().map(Value::raw).last(), Some("[]"));
        assert_eq!(root.member("a").unwrap().children().last().unwrap().children().count(), 0);
        assert!(root.member("d").is_none() && root.member("a").unwrap().member("a").is_none());
    }

    #[test]
    fn a_value_knows_its_way_from_the_root() {
        let tree = Tree::parse(TEXT).unwrap();
        let object = tree.root().member("a").unwrap().children().nth(1).unwrap();
        let inner = object.member("b!").unwrap();

        assert_eq!((tree.root().path().as_str(), object.path().as_str()), ("", "a[1]"));
        assert_eq!((inner.path().as_str(), inner.as_text().as_deref()), ("a[1].b!", Some("x\ny")));
    }

    #[test]
    fn space_between_members_is_seen() {
        let check = |text: &str, expected| assert_eq!(Tree::parse(text).unwrap().root().is_tight(), expected, "{text}");
        check(r#"{"a":[ 1 ],"b":{ },"c":" "}"#, true);
        check(r#"{"a":1, "b":2}"#, false);
        check(r#"{"a": 1}"#, false);
        check(r#"{ "a":1}"#, false);
        check(r#"{"a":1 }"#, false);
        check(r#"{"a" :1}"#, false);
    }

    #[test]
    fn a_value_is_read_as_what_it_is() {
        let tree = Tree::parse(r#"[1.0, "1", true, {"x": 1.0}]"#).unwrap();
        let items: Vec<Value<'_>> = tree.root().children().collect();

        assert_eq!((items[0].parse::<f64>(), items[0].parse::<u64>(), items[0].as_text()), (Some(1.0), None, None));
        assert!(items[1].says("1") && items[1].parse::<u64>().is_none());
        assert_eq!(items[2].parse::<bool>(), Some(true));
        assert_eq!(items[3].json().get(), r#"{"x": 1.0}"#);
    }
}
