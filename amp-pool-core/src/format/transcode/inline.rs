//! Schemas without references, for servers that do not follow them.
//!
//! What a schema refers to inside of itself is written in the place of the reference. A schema that holds itself is open
//! where it begins again, and the client is told. References to elsewhere stay: nobody here could follow them either.

use std::{borrow::Cow, collections::HashSet};

use super::Translation;
use crate::format::{
    Field, Losses, Reject,
    canonical::{Json, Request, Structured, Tool},
    tree::{DEEPEST, Tree, Value},
};

/// The longest schema that is written out, in bytes. References can double what they stand for again and again.
const LONGEST: usize = 256 << 10;

/// Keywords whose values are data and no schemas.
const DATA: [&str; 5] = ["enum", "const", "default", "examples", "required"];

/// Keywords whose values hold schemas by names, which are no keywords.
const NAMED: [&str; 5] = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];

/// Writes out the references in the schemas of tools and of the answer, where the provider wants that.
pub(super) fn fit(request: &mut Request, translation: &Translation, losses: &mut Losses) -> Result<(), Reject> {
    if !translation.dialect.schema_inline_refs {
        return Ok(());
    }
    for tool in &mut request.tools {
        if let Tool::Function(tool) = tool
            && let Some(schema) = &mut tool.schema
        {
            inline(schema, Field::Tools, losses)?;
        }
    }
    match &mut request.structured {
        Some(Structured::Schema { schema, .. }) => inline(schema, Field::Structured, losses),
        _ => Ok(()),
    }
}

fn inline(schema: &mut Json, field: Field, losses: &mut Losses) -> Result<(), Reject> {
    let Some((whole, is_cut)) = inlined(schema) else { return Ok(()) };
    *schema = whole;
    if is_cut { losses.adjusted(field, "a schema that holds itself is open where it begins again") } else { Ok(()) }
}

/// The schema without references, and whether something had to be left open. `None`: it has none, or is too long without
/// them, and stays as it is.
fn inlined(schema: &Json) -> Option<(Json, bool)> {
    if !schema.get().contains("$ref") {
        return None;
    }
    let tree = Tree::parse(schema.get())?;
    let mut writer = Writer { root: tree.root(), out: String::new(), open: Vec::new(), is_cut: false };
    writer.schema(tree.root(), 0)?;
    Some((Json::parse(&writer.out).ok()?, writer.is_cut))
}

struct Writer<'t> {
    root: Value<'t>,
    out: String,
    /// The references that are being written out.
    open: Vec<Cow<'t, str>>,
    is_cut: bool,
}

impl<'t> Writer<'t> {
    /// Writes a schema, or a list of them. `None`: it has become too long.
    fn schema(&mut self, value: Value<'t>, depth: usize) -> Option<()> {
        if value.is_object() {
            self.out.push('{');
            let mut said = HashSet::new();
            self.members(value, &mut said, depth)?;
            self.out.push('}');
        } else if value.is_list() {
            self.out.push('[');
            for (at, item) in value.children().enumerate() {
                self.out.push_str(if at == 0 { "" } else { "," });
                self.schema(item, depth + 1)?;
            }
            self.out.push(']');
        } else {
            self.out.push_str(value.raw());
        }
        (self.out.len() <= LONGEST).then_some(())
    }

    /// Writes schemas that have names.
    fn named(&mut self, schemas: Value<'t>, depth: usize) -> Option<()> {
        if !schemas.is_object() {
            return self.schema(schemas, depth);
        }
        self.out.push('{');
        for (at, schema) in schemas.children().enumerate() {
            self.out.push_str(if at == 0 { "" } else { "," });
            self.name(&schema.name())?;
            self.schema(schema, depth + 1)?;
        }
        self.out.push('}');
        Some(())
    }

    fn name(&mut self, name: &str) -> Option<()> {
        self.out.push_str(&serde_json::to_string(name).ok()?);
        self.out.push(':');
        Some(())
    }

    /// Writes the members of a schema that have not been said, and those of what it refers to behind its own.
    fn members(&mut self, object: Value<'t>, said: &mut HashSet<Cow<'t, str>>, depth: usize) -> Option<()> {
        let reference = object.member("$ref").and_then(Value::as_text).filter(|to| to.starts_with('#'));
        let is_root = object.path().is_empty();
        for member in object.children() {
            let name = member.name();
            let is_definition = is_root && matches!(&*name, "$defs" | "definitions");
            if is_definition || (reference.is_some() && name == "$ref") || said.contains(&name) {
                continue;
            }
            self.out.push_str(if said.is_empty() { "" } else { "," });
            self.name(&name)?;
            match &*name {
                data if DATA.contains(&data) => self.out.push_str(member.raw()),
                names if NAMED.contains(&names) => self.named(member, depth + 1)?,
                _ => self.schema(member, depth + 1)?,
            }
            said.insert(name);
        }
        match reference {
            Some(to) => self.follow(to, said, depth),
            None => Some(()),
        }
    }

    fn follow(&mut self, to: Cow<'t, str>, said: &mut HashSet<Cow<'t, str>>, depth: usize) -> Option<()> {
        let target = self.resolve(&to);
        if target.is_some_and(|target| target.raw() == "true") {
            // Anything, which is what an object without members says as well.
            return Some(());
        }
        let is_open = self.open.contains(&to) || depth >= DEEPEST;
        let Some(target) = target.filter(|target| target.is_object() && !is_open) else {
            self.is_cut = true;
            return Some(());
        };
        self.open.push(to);
        self.members(target, said, depth + 1)?;
        self.open.pop();
        Some(())
    }

    /// What a pointer points to: `#/$defs/a~1b`.
    fn resolve(&self, pointer: &str) -> Option<Value<'t>> {
        let mut value = self.root;
        for step in pointer.strip_prefix('#')?.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            value = match value.is_list() {
                true => value.children().nth(step.parse().ok()?)?,
                false => value.member(&step)?,
            };
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, expected: Option<&str>, expected_cut: bool) {
        let inlined = inlined(&Json::parse(schema).unwrap());
        let (schema, is_cut) = inlined.as_ref().map_or((None, false), |(schema, is_cut)| (Some(schema.get()), *is_cut));
        assert_eq!((schema, is_cut), (expected, expected_cut));
    }

    #[test]
    fn what_is_referred_to_stands_in_its_place() {
        check(r#"{"type":"object"}"#, None, false);
        check(
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/a","description":"own"},"b":{"items":{"$ref":"#/$defs/b"}}},"$defs":{"a":{"type":"string","description":"its"},"b":{"$ref":"#/$defs/a"}}}"##,
            Some(
                r#"{"type":"object","properties":{"a":{"description":"own","type":"string"},"b":{"items":{"type":"string","description":"its"}}}}"#,
            ),
            false,
        );
        check(
            r##"{"anyOf":[{"$ref":"#/definitions/x~1y"}],"definitions":{"x/y":{"enum":[ "$ref" ]}}}"##,
            Some(r#"{"anyOf":[{"enum":[ "$ref" ]}]}"#),
            false,
        );
        // A property may be called like a keyword, and an address of elsewhere is nothing that could be followed.
        check(
            r##"{"properties":{"$ref":{"$ref":"https://a/b"},"$defs":{"type":"null"},"default":{"$ref":"#/$defs/a"}},"$defs":{"a":true,"b":{}}}"##,
            Some(r##"{"properties":{"$ref":{"$ref":"https://a/b"},"$defs":{"type":"null"},"default":{}}}"##),
            false,
        );
    }

    #[test]
    fn a_schema_that_holds_itself_is_open_where_it_begins_again() {
        check(
            r##"{"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}}"##,
            Some(
                r##"{"properties":{"next":{"properties":{"next":{},"v":{"type":"integer"}}},"v":{"type":"integer"}}}"##,
            ),
            true,
        );
        check(r##"{"properties":{"a":{"$ref":"#/$defs/gone"}}}"##, Some(r#"{"properties":{"a":{}}}"#), true);
    }

    #[test]
    fn a_schema_that_would_grow_without_bound_stays_as_it_is() {
        let doubled = |n: usize| {
            let to = n + 1;
            format!(r##""d{n}":{{"anyOf":[{{"$ref":"#/$defs/d{to}"}},{{"$ref":"#/$defs/d{to}"}}]}}"##)
        };
        let defs: Vec<String> = (0..40).map(doubled).collect();
        check(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d40":{{}}}}}}"##, defs.join(",")), None, false);
        // As deep as its definitions are many.
        let chained = |n: usize| format!(r##""d{n}":{{"items":{{"$ref":"#/$defs/d{}"}}}}"##, n + 1);
        let defs: Vec<String> = (0..5_000).map(chained).collect();
        let chain = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, defs.join(","));
        assert!(inlined(&Json::parse(&chain).unwrap()).unwrap().1);
    }
}
