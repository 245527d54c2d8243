//! Schemas, whole and in order.

use crate::format::canonical::{Json, Member};

/// A schema of arguments that every provider takes: an object that says so and has `properties`. All else stays.
pub(in crate::format) fn of_arguments(schema: Option<&Json>, without_id: bool) -> Json {
    let mut members = schema.and_then(Json::members).unwrap_or_default();
    if without_id {
        members.retain(|(name, _)| name != "$schema" && name != "$id");
    }
    if !has(&members, "type") {
        members.insert(0, ("type".into(), Json::of(&"object")));
    }
    if !has(&members, "properties") {
        members.push(("properties".into(), Json::object(Vec::new())));
    }
    Json::object(members)
}

/// Whether a schema is within what OpenAI takes as strict: every object is closed and requires all its properties.
pub(in crate::format) fn is_strict(schema: &Json) -> bool {
    let Some(members) = schema.members() else {
        let items: Option<Vec<Json>> = serde_json::from_str(schema.get()).ok();
        return items.is_none_or(|items| items.iter().all(is_strict));
    };
    let value = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
    let properties = value("properties").and_then(Json::members);
    let is_closed = value("additionalProperties").is_some_and(|closed| closed.get() == "false");
    let required: Vec<String> =
        value("required").and_then(|names| serde_json::from_str(names.get()).ok()).unwrap_or_default();
    let is_whole = properties.as_ref().is_none_or(|properties| {
        is_closed && properties.iter().all(|(name, schema)| required.contains(name) && is_strict(schema))
    });
    is_whole && members.iter().filter(|(name, _)| holds_schemas(name)).all(|(_, schemas)| all_strict(schemas))
}

fn holds_schemas(name: &str) -> bool {
    matches!(name, "items" | "anyOf" | "oneOf" | "allOf" | "$defs" | "definitions")
}

/// `$defs` is an object of schemas and no schema itself.
fn all_strict(schemas: &Json) -> bool {
    match schemas.members() {
        Some(members) if !has(&members, "type") && !has(&members, "$ref") => {
            members.iter().all(|(_, schema)| is_strict(schema))
        }
        _ => is_strict(schemas),
    }
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
