//! Schemas of arguments without alternatives at their root, where Messages takes none.

use std::borrow::Cow;

use crate::format::canonical::{Json, Member};

const COMPOSITIONS: [&str; 3] = ["oneOf", "anyOf", "allOf"];

/// The schema with one plain object at its root, and whether that says less than before. A single alternative is the
/// schema itself; of several all properties are offered, and the alternatives are told in words.
pub(super) fn plain(schema: Cow<'_, Json>) -> (Cow<'_, Json>, bool) {
    // No member of the root can be one of them where the words do not come at all.
    if !COMPOSITIONS.iter().any(|composition| schema.get().contains(composition)) {
        return (schema, false);
    }
    let Some(mut members) = schema.members() else { return (schema, false) };
    if !members.iter().any(|(name, _)| COMPOSITIONS.contains(&&**name)) {
        return (schema, false);
    }
    let mut told = Vec::new();
    for composition in COMPOSITIONS {
        let Some(at) = members.iter().position(|(name, _)| name == composition) else { continue };
        let (_, value) = members.remove(at);
        let alternatives: Vec<Json> = serde_json::from_str(value.get()).unwrap_or_default();
        let is_single = alternatives.len() == 1;
        alternatives.iter().for_each(|alternative| merge(&mut members, alternative, is_single));
        if !is_single {
            told.push(format!("{composition}: {}", value.compact()));
        }
    }
    describe(&mut members, &told);
    (Cow::Owned(Json::object(members)), !told.is_empty())
}

/// Adds what an alternative has. What is required by one of several is not required.
fn merge(members: &mut Vec<Member>, alternative: &Json, is_single: bool) {
    for (name, value) in alternative.members().unwrap_or_default() {
        let own = members.iter().position(|(member, _)| *member == name);
        match own {
            Some(at) if name == "properties" => members[at].1 = both(&members[at].1, &value),
            None if is_single || name == "properties" || name == "$defs" => members.push((name, value)),
            _ => {}
        }
    }
}

fn both(left: &Json, right: &Json) -> Json {
    let mut members = left.members().unwrap_or_default();
    for (name, value) in right.members().unwrap_or_default() {
        if !members.iter().any(|(member, _)| *member == name) {
            members.push((name, value));
        }
    }
    Json::object(members)
}

fn describe(members: &mut Vec<Member>, told: &[String]) {
    if told.is_empty() {
        return;
    }
    let told = told.join("; ");
    match members.iter_mut().find(|(name, _)| name == "description") {
        Some((_, text)) => *text = Json::of(&format!("{} {told}", text.as_text().unwrap_or_default())),
        None => members.push(("description".to_owned(), Json::of(&told))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_at_the_root_become_one_object() {
        let check = |schema: &str, expected: &str, is_changed| {
            let (plain, changed) = plain(Cow::Owned(Json::parse(schema).unwrap()));
            assert_eq!((plain.get(), changed), (expected, is_changed));
        };
        let simple = r#"{"type":"object","properties":{"a":{"anyOf":[{},{}]}}}"#;
        check(simple, simple, false);
        check(
            r#"{"type":"object","properties":{},"anyOf":[{"properties":{"a":{}},"required":["a"]}]}"#,
            r#"{"type":"object","properties":{"a":{}},"required":["a"]}"#,
            false,
        );
        check(
            r#"{"type":"object","properties":{},"oneOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]}"#,
            r#"{"type":"object","properties":{"a":{},"b":{}},"description":"oneOf: [{\"properties\":{\"a\":{}}},{\"properties\":{\"b\":{}}}]"}"#,
            true,
        );
    }
}
