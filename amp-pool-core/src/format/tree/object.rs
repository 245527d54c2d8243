//! An object of a request, taken apart member by member.
//!
//! A member of the wrong type is refused by its path, so that a client finds it. `null` counts as absent. What nobody
//! took is what nobody knows.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{Tree, Unread, Value};
use crate::format::{
    Reject,
    canonical::{Json, Member},
};

/// An object.
#[derive(Clone, Copy)]
pub(in crate::format) struct Object<'t>(Value<'t>);

impl<'t> Tree<'t> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Reject`] when it is no JSON, too much of it, or nested deeper than anybody would follow.
    pub(in crate::format) fn of_body(body: &'t [u8]) -> Result<Self, Reject> {
        let text = std::str::from_utf8(body).map_err(|_| Reject::body("the body is no JSON"))?;
        let tree = Self::read(text).map_err(|unread| match unread {
            Unread::NoJson => Reject::body("the body is no JSON"),
            Unread::TooMuch => Reject::body(format!("the body holds more than {} values", super::MOST)),
        })?;
        if tree.is_too_deep() {
            let most = super::DEEPEST;
            return Err(Reject::body(format!("the body is nested more than {most} levels deep")));
        }
        Ok(tree)
    }
}

impl<'t> Value<'t> {
    /// The value, if it is an object.
    pub(in crate::format) fn object(self) -> Result<Object<'t>, Reject> {
        match self.is_object() {
            true => Ok(Object(self)),
            false if self.path().is_empty() => Err(Reject::body("the body is no JSON object")),
            false => Err(self.is_not("an object")),
        }
    }

    /// The items, if it is a list.
    pub(in crate::format) fn list(self) -> Result<impl Iterator<Item = Self>, Reject> {
        if self.is_list() { Ok(self.children()) } else { Err(self.is_not("a list")) }
    }

    /// The objects of a list.
    pub(in crate::format) fn objects(self) -> Result<impl Iterator<Item = Result<Object<'t>, Reject>>, Reject> {
        Ok(self.list()?.map(Value::object))
    }

    /// The value, if it is a string.
    pub(in crate::format) fn text(self) -> Result<String, Reject> {
        self.said().map(Cow::into_owned)
    }

    /// The same, for whoever only looks at it.
    pub(in crate::format) fn said(self) -> Result<Cow<'t, str>, Reject> {
        self.as_text().ok_or_else(|| self.is_not("a string"))
    }

    /// The value as a type that is called `what`.
    pub(in crate::format) fn read<T: DeserializeOwned>(self, what: &str) -> Result<T, Reject> {
        self.parse().ok_or_else(|| self.is_not(what))
    }

    /// A whole number that is not negative.
    pub(in crate::format) fn count(self) -> Result<u64, Reject> {
        self.read("a whole number, not below 0")
    }

    pub(in crate::format) fn flag(self) -> Result<bool, Reject> {
        self.read("true or false")
    }

    pub(in crate::format) fn number(self) -> Result<f64, Reject> {
        self.read("a number")
    }

    pub(in crate::format) fn texts(self) -> Result<Vec<String>, Reject> {
        self.read("a list of strings")
    }

    /// Says that it is of the wrong type.
    fn is_not(self, what: &str) -> Reject {
        self.wrong(&format!("must be {what}"))
    }

    /// Says that it is wrong.
    pub(in crate::format) fn wrong(self, how: &str) -> Reject {
        let path = self.path();
        let message = format!("`{path}` {how}");
        Reject::field(path, message)
    }
}

impl<'t> Object<'t> {
    /// The object as a value.
    pub(in crate::format) fn value(self) -> Value<'t> {
        self.0
    }

    /// Where it stands.
    pub(in crate::format) fn path(self) -> String {
        self.0.path()
    }

    /// Where a member stands, or would stand.
    pub(in crate::format) fn path_of(self, name: &str) -> String {
        let path = self.path();
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    }

    /// A look at a member, which stays.
    pub(in crate::format) fn look(self, name: &str) -> Option<Value<'t>> {
        self.0.member(name).filter(|value| !value.is_null())
    }

    /// Takes a member.
    pub(in crate::format) fn take(self, name: &str) -> Option<Value<'t>> {
        let value = self.0.member(name)?;
        value.take();
        (!value.is_null()).then_some(value)
    }

    /// Takes a member that must be there.
    pub(in crate::format) fn need(self, name: &str) -> Result<Value<'t>, Reject> {
        self.take(name).ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// Takes a string that must be there.
    pub(in crate::format) fn need_text(self, name: &str) -> Result<String, Reject> {
        self.need(name)?.text()
    }

    /// Takes a string that must be there, to look at.
    pub(in crate::format) fn need_word(self, name: &str) -> Result<Cow<'t, str>, Reject> {
        self.need(name)?.said()
    }

    pub(in crate::format) fn text(self, name: &str) -> Result<Option<String>, Reject> {
        self.take(name).map(Value::text).transpose()
    }

    /// Takes a string to look at.
    pub(in crate::format) fn word(self, name: &str) -> Result<Option<Cow<'t, str>>, Reject> {
        self.take(name).map(Value::said).transpose()
    }

    pub(in crate::format) fn count(self, name: &str) -> Result<Option<u64>, Reject> {
        self.take(name).map(Value::count).transpose()
    }

    pub(in crate::format) fn flag(self, name: &str) -> Result<Option<bool>, Reject> {
        self.take(name).map(Value::flag).transpose()
    }

    pub(in crate::format) fn number(self, name: &str) -> Result<Option<f64>, Reject> {
        self.take(name).map(Value::number).transpose()
    }

    /// Takes a list of strings; one that is absent is empty.
    pub(in crate::format) fn texts(self, name: &str) -> Result<Vec<String>, Reject> {
        self.take(name).map_or(Ok(Vec::new()), Value::texts)
    }

    pub(in crate::format) fn object(self, name: &str) -> Result<Option<Self>, Reject> {
        self.take(name).map(Value::object).transpose()
    }

    /// Takes a list of objects; one that is absent is empty.
    pub(in crate::format) fn objects(self, name: &str) -> Result<impl Iterator<Item = Result<Self, Reject>>, Reject> {
        let list = self.take(name).map(Value::objects).transpose()?;
        Ok(list.into_iter().flatten())
    }

    pub(in crate::format) fn json(self, name: &str) -> Option<Json> {
        self.take(name).map(Value::json)
    }

    /// What nobody took, `null` beside.
    pub(in crate::format) fn rest(self) -> impl Iterator<Item = Value<'t>> {
        self.0.children().filter(|member| !member.is_taken() && !member.is_null())
    }

    /// The same for whoever keeps it.
    pub(in crate::format) fn members(self) -> Vec<Member> {
        self.rest().map(|member| (member.name().into_owned(), member.json())).collect()
    }

    /// Says that a member is wrong.
    pub(in crate::format) fn wrong(self, name: &str, how: &str) -> Reject {
        let path = self.path_of(name);
        let message = format!("`{path}` {how}");
        Reject::field(path, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_no_rest_and_null_is_not_there() {
        let tree = Tree::of_body(br#"{"a":"x","b":null,"c":[{"d":1}],"e":2}"#).unwrap();
        let body = tree.root().object().unwrap();

        assert_eq!((body.text("a").unwrap().as_deref(), body.text("b").unwrap()), (Some("x"), None));
        assert_eq!(body.look("e").and_then(Value::parse), Some(2));
        let rest: Vec<_> = body.rest().map(|member| member.name().into_owned()).collect();
        assert_eq!(rest, ["c", "e"]);
    }

    #[test]
    fn what_is_wrong_is_refused_by_its_path() {
        let check = |reject: Reject, field: Option<&str>, message: &str| {
            assert_eq!((reject.field.as_deref(), &*reject.message), (field, message));
        };
        let tree = Tree::of_body(br#"{"a":1,"c":[{"d":1},2]}"#).unwrap();
        let body = tree.root().object().unwrap();
        check(body.text("a").unwrap_err(), Some("a"), "`a` must be a string");
        check(body.need("z").err().unwrap(), Some("z"), "`z` is missing");
        let objects: Vec<_> = body.objects("c").unwrap().collect();
        let [Ok(first), Err(second)] = &objects[..] else { panic!() };
        check(first.flag("d").unwrap_err(), Some("c[0].d"), "`c[0].d` must be true or false");
        check(first.need_text("e").unwrap_err(), Some("c[0].e"), "`c[0].e` is missing");
        check(second.clone(), Some("c[1]"), "`c[1]` must be an object");
        let list = Tree::of_body(b"[1]").unwrap();
        check(list.root().object().err().unwrap(), None, "the body is no JSON object");
        check(Tree::of_body(b"{\"\xff\":1}").err().unwrap(), None, "the body is no JSON");
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        check(Tree::of_body(deep.as_bytes()).err().unwrap(), None, "the body is nested more than 200 levels deep");
    }
}
