//! Schemas, whole and in order.

use std::{borrow::Cow, collections::HashSet};

use crate::format::{
    canonical::{FunctionTool, Json, Member},
    tree::{Tree, Value},
};

/// A schema of arguments that every provider takes: an object that says so and has `properties`. All else stays.
pub(in crate::format) fn of_arguments(schema: Option<&Json>, without_id: bool) -> Json {
    if let Some(schema) = schema.filter(|schema| is_whole(schema, without_id)) {
        return schema.clone();
    }
    let mut members = schema.and_then(Json::members).unwrap_or_default();
    if without_id {
        members.retain(|(name, _)| !is_id(name));
    }
    if !has(&members, "type") {
        members.insert(0, ("type".into(), Json::of(&"object")));
    }
    if !has(&members, "properties") {
        members.push(("properties".into(), Json::object(Vec::new())));
    }
    Json::object(members)
}

/// Whether there is nothing to add to a schema, and nothing to take out.
fn is_whole(schema: &Json, without_id: bool) -> bool {
    let Some(tree) = Tree::parse(schema.get()) else { return false };
    let root = tree.root();
    let has_id = || without_id && root.children().any(|member| is_id(&member.name()));
    // The same schema is written in the same bytes, however the client spaces it.
    root.member("type").is_some() && root.member("properties").is_some() && root.is_tight() && !has_id()
}

fn is_id(name: &str) -> bool {
    matches!(name, "$schema" | "$id")
}

/// The schema of a tool, or that of one that takes nothing.
pub(in crate::format) fn whole(tool: &FunctionTool) -> Cow<'_, Json> {
    tool.schema.as_ref().map_or_else(|| Cow::Owned(of_arguments(None, false)), Cow::Borrowed)
}

/// Whether a schema is within what OpenAI takes as strict: every object is closed and requires all its properties.
pub(in crate::format) fn is_strict(schema: &Json) -> bool {
    Tree::parse(schema.get()).is_some_and(|tree| !tree.is_too_deep() && is_closed(tree.root()))
}

fn is_closed(schema: Value<'_>) -> bool {
    if !schema.is_object() {
        return schema.children().all(is_closed);
    }
    let is_whole = schema.member("properties").filter(|properties| properties.is_object()).is_none_or(|properties| {
        let required = schema.member("required").and_then(Value::parse::<Vec<String>>).unwrap_or_default();
        let required: HashSet<&str> = required.iter().map(String::as_str).collect();
        let is_open = schema.member("additionalProperties").is_none_or(|more| more.raw() != "false");
        !is_open && properties.children().all(|property| required.contains(&*property.name()) && is_closed(property))
    });
    is_whole && schema.children().filter(|member| holds_schemas(&member.name())).all(all_closed)
}

fn holds_schemas(name: &str) -> bool {
    matches!(name, "items" | "anyOf" | "oneOf" | "allOf" | "$defs" | "definitions")
}

/// `$defs` is an object of schemas and no schema itself.
fn all_closed(schemas: Value<'_>) -> bool {
    let is_schema = !schemas.is_object() || schemas.member("type").is_some() || schemas.member("$ref").is_some();
    if is_schema { is_closed(schemas) } else { schemas.children().all(is_closed) }
}

fn has(members: &[Member], name: &str) -> bool {
    members.iter().any(|(member, _)| member == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_with_properties_and_all_else_stays() {
        let check = |schema: Option<&str>, expected: &str| {
            let schema = schema.map(|schema| Json::parse(schema).unwrap());
            assert_eq!(of_arguments(schema.as_ref(), true).get(), expected);
        };
        let empty = r#"{"type":"object","properties":{}}"#;
        check(None, empty);
        check(Some("null"), empty);
        check(Some("{}"), empty);
        check(Some(r#"{"$schema":"x","type":"object","properties":{}}"#), empty);
        let whole =
            r##"{"properties":{"b":{"$ref":"#/$defs/b"},"a":{"minimum":1.0}},"type":"object","$defs":{"b":{}}}"##;
        check(Some(whole), whole);
    }

    #[test]
    fn strict_means_closed_and_all_required_all_the_way_down() {
        let check = |schema: &str, expected| assert_eq!(is_strict(&Json::parse(schema).unwrap()), expected, "{schema}");
        let object = |inner: &str| {
            format!(r#"{{"type":"object","properties":{{"a":{inner}}},"required":["a"],"additionalProperties":false}}"#)
        };
        check(&object(r#"{"type":"string"}"#), true);
        check(&object(&object("{}")), true);
        check(&object(r#"{"type":"object","properties":{"b":{}}}"#), false);
        check(r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#, false);
        check(r#"{"type":"object","properties":{"a":{}},"required":["a"]}"#, false);
        check(r#"{"type":"array","items":{"type":"object","properties":{"a":{}}}}"#, false);
        check(r##"{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"a":{}}}}}"##, false);
    }
}
