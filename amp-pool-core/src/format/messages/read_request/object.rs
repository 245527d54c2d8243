//! JSON objects of a request, taken apart member by member.
//!
//! A member of the wrong type is refused by its path, so that a client finds it. `null` counts as absent.

use serde::de::DeserializeOwned;

use crate::format::{
    Reject,
    canonical::{CacheMark, Json, Member},
};

/// What is left of an object.
pub(super) struct Object {
    path: String,
    members: Vec<Member>,
}

impl Object {
    /// The object at `path`; the body itself is at the empty one.
    pub(super) fn of(json: &Json, path: impl Into<String>) -> Result<Self, Reject> {
        let path = path.into();
        match json.members() {
            Some(members) => Ok(Self { path, members }),
            None if path.is_empty() => Err(Reject::body("the body is no JSON object")),
            None => Err(wrong(path, "an object")),
        }
    }

    /// Where a member stands.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        Some(self.members.remove(at).1).filter(|value| value.get() != "null")
    }

    pub(super) fn need(&mut self, name: &str) -> Result<Json, Reject> {
        let path = self.path(name);
        self.take(name).ok_or_else(|| Reject::field(path.clone(), format!("`{path}` is missing")))
    }

    /// A member of a type that is called `what`.
    pub(super) fn value<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<Option<T>, Reject> {
        let Some(value) = self.take(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| wrong(self.path(name), what))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Reject> {
        self.value(name, "a string")
    }

    pub(super) fn need_text(&mut self, name: &str) -> Result<String, Reject> {
        let value = self.need(name)?;
        value.as_text().ok_or_else(|| wrong(self.path(name), "a string"))
    }

    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>, Reject> {
        self.value(name, "a whole number, not below 0")
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Reject> {
        let path = self.path(name);
        self.take(name).map(|value| Self::of(&value, path)).transpose()
    }

    /// The objects of a list.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<(Json, Self)>, Reject> {
        let path = self.path(name);
        self.take(name).map_or(Ok(Vec::new()), |list| objects(&list, &path))
    }

    /// The mark for caching.
    pub(super) fn mark(&mut self) -> Result<Option<CacheMark>, Reject> {
        let Some(mut mark) = self.object("cache_control")? else { return Ok(None) };
        let is_long = mark.text("ttl")?.is_some_and(|ttl| ttl == "1h");
        Ok(Some(if is_long { CacheMark::Hour } else { CacheMark::Short }))
    }

    /// What nobody took.
    pub(super) fn rest(mut self) -> Vec<Member> {
        self.members.retain(|(_, value)| value.get() != "null");
        self.members
    }
}

/// The objects of a list, each with the JSON it was.
pub(super) fn objects(list: &Json, path: &str) -> Result<Vec<(Json, Object)>, Reject> {
    let items: Vec<Json> = serde_json::from_str(list.get()).map_err(|_| wrong(path.to_owned(), "a list"))?;
    let objects = items.into_iter().enumerate().map(|(at, item)| {
        let object = Object::of(&item, format!("{path}[{at}]"))?;
        Ok((item, object))
    });
    objects.collect()
}

fn wrong(path: String, what: &str) -> Reject {
    let message = format!("`{path}` must be {what}");
    Reject::field(path, message)
}
