//! The members of an object in a request, taken one by one.
//!
//! What is left in the end is what nobody knows. A member of the wrong type is refused by its path.

use serde::de::DeserializeOwned;

use crate::format::{
    Reject,
    canonical::{Json, Member},
};

/// What of an object has not been taken yet. `null` counts as absent.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where the object stands, such as `input[3]`; empty at the top.
    path: String,
    members: Vec<Member>,
}

impl Fields {
    /// The members of `json`, which stands at `path`.
    pub(super) fn of(path: impl Into<String>, json: &Json) -> Result<Self, Reject> {
        let path = path.into();
        match json.members() {
            Some(members) => Ok(Self { path, members }),
            None => Err(Reject::field(path.clone(), format!("`{path}` is no object"))),
        }
    }

    /// The members of a whole body.
    pub(super) fn body(body: &[u8]) -> Result<Self, Reject> {
        let json: Option<Json> = serde_json::from_slice(body).ok();
        let members = json.as_ref().and_then(Json::members);
        let members = members.ok_or_else(|| Reject::body("the body is no JSON object"))?;
        Ok(Self { path: String::new(), members })
    }

    /// The path of the member `name`.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The path of the object.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A look at the member `name`, which stays.
    pub(super) fn peek(&self, name: &str) -> Option<&Json> {
        let found = self.members.iter().find(|(member, _)| member == name);
        found.map(|(_, value)| value).filter(|value| value.get() != "null")
    }

    /// Takes the member `name`.
    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.members.iter().position(|(member, _)| member == name)?;
        let (_, value) = self.members.remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Takes a value; `what` says of which type it is to be.
    pub(super) fn value<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<Option<T>, Reject> {
        let Some(json) = self.take(name) else { return Ok(None) };
        let value = serde_json::from_str(json.get());
        value.map(Some).map_err(|_| self.wrong(name, &format!("is no {what}")))
    }

    /// Takes a string.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Reject> {
        self.value(name, "string")
    }

    /// Takes a string that must be there.
    pub(super) fn needed(&mut self, name: &str) -> Result<String, Reject> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// Takes a boolean.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Reject> {
        self.value(name, "boolean")
    }

    /// Takes a list; one that is absent is empty.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Json>, Reject> {
        Ok(self.value(name, "list")?.unwrap_or_default())
    }

    /// Takes an object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Reject> {
        let path = self.at(name);
        self.take(name).map(|json| Self::of(path, &json)).transpose()
    }

    /// Says that the member `name` is wrong.
    pub(super) fn wrong(&self, name: &str, how: &str) -> Reject {
        let path = self.at(name);
        Reject::field(path.clone(), format!("`{path}` {how}"))
    }

    /// What nobody took. A `null` says nothing.
    pub(super) fn rest(self) -> Vec<Member> {
        self.members.into_iter().filter(|(_, value)| value.get() != "null").collect()
    }
}
