//! Schemas as Messages takes them for answers: closed objects, and only keywords that can be guaranteed.

use crate::format::canonical::{Json, Member};

/// Keywords that are refused. What they say goes to the description, where the model reads it.
const REFUSED: [&str; 22] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "contains",
    "prefixItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
    "not",
];

/// Formats of strings that are taken.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// Cleans a schema, all the way down. One that is clean stays as it is.
pub(in super::super) fn clean(schema: &Json) -> Json {
    let Some(members) = schema.members() else { return schema.clone() };
    let is_object = has(&members, "properties") || is_text(&members, "type", "object");
    let (mut kept, mut said) = (Vec::with_capacity(members.len()), Vec::new());
    for (name, value) in members {
        if is_refused(&name, &value) {
            said.push(format!("{name}: {}", value.compact()));
        } else if !(is_object && name == "additionalProperties") {
            let name = if name == "oneOf" { "anyOf".to_owned() } else { name };
            let value = inner(&name, value);
            kept.push((name, value));
        } else if value.get() == "false" {
            kept.push((name, value));
        }
    }
    if is_object && !has(&kept, "additionalProperties") {
        kept.push(("additionalProperties".to_owned(), Json::of(&false)));
    }
    describe(&mut kept, &said);
    let cleaned = Json::object(kept);
    if cleaned.compact() == schema.compact() { schema.clone() } else { cleaned }
}

fn is_refused(name: &str, value: &Json) -> bool {
    match name {
        "minItems" => !matches!(value.get(), "0" | "1"),
        "format" => value.as_text().is_none_or(|format| !FORMATS.contains(&&*format)),
        name => REFUSED.contains(&name),
    }
}

/// The value of a keyword, with the schemas in it cleaned. Names of properties are no keywords.
fn inner(name: &str, value: Json) -> Json {
    match name {
        "properties" | "$defs" | "definitions" => match value.members() {
            Some(members) => Json::object(members.into_iter().map(|(name, schema)| (name, clean(&schema))).collect()),
            None => value,
        },
        "items" | "additionalProperties" => clean(&value),
        "anyOf" | "allOf" => match serde_json::from_str::<Vec<Json>>(value.get()) {
            Ok(schemas) => Json::of(&schemas.iter().map(clean).collect::<Vec<_>>()),
            Err(_) => value,
        },
        _ => value,
    }
}

fn describe(members: &mut Vec<Member>, said: &[String]) {
    if said.is_empty() {
        return;
    }
    let said = said.join(", ");
    match members.iter_mut().find(|(name, _)| name == "description") {
        Some((_, description)) => {
            let text = description.as_text().unwrap_or_default();
            *description = Json::of(&format!("{text} ({said})"));
        }
        None => members.push(("description".to_owned(), Json::of(&said))),
    }
}

fn has(members: &[Member], name: &str) -> bool {
    members.iter().any(|(member, _)| member == name)
}

fn is_text(members: &[Member], name: &str, text: &str) -> bool {
    members.iter().any(|(member, value)| member == name && value.as_text().as_deref() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_088_and_089_a_schema_is_closed_and_keeps_what_it_says() {
        let check = |schema: &str, expected: &str| {
            assert_eq!(clean(&Json::parse(schema).unwrap()).get(), expected);
        };
        let closed = r#"{"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}"#;
        check(closed, closed);
        check(r#"{"type":"object"}"#, r#"{"type":"object","additionalProperties":false}"#);
        check(r#"{"type":"object","additionalProperties":true}"#, r#"{"type":"object","additionalProperties":false}"#);
        check(
            r#"{"type":"string","minLength":1,"pattern":"^a"}"#,
            r#"{"type":"string","description":"minLength: 1, pattern: \"^a\""}"#,
        );
        check(
            r#"{"type":"array","description":"d","items":{"type":"integer","minimum":0},"minItems":1,"maxItems":3}"#,
            r#"{"type":"array","description":"d (maxItems: 3)","items":{"type":"integer","description":"minimum: 0"},"minItems":1}"#,
        );
        check(r#"{"oneOf":[{"type":"object"}]}"#, r#"{"anyOf":[{"type":"object","additionalProperties":false}]}"#);
        // A property may be called like a keyword.
        check(
            r#"{"properties":{"pattern":{"type":"string","format":"uuid"}}}"#,
            r#"{"properties":{"pattern":{"type":"string","format":"uuid"}},"additionalProperties":false}"#,
        );
        check(r#"{"type":"string","format":"phone"}"#, r#"{"type":"string","description":"format: \"phone\""}"#);
        check("true", "true");
    }
}
