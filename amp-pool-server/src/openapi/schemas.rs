//! The schemas of everything that the document names.
//!
//! What is read and what is written of one type may differ: a field with a default may be left out by who writes it, and is
//! always there for who reads it. So there are two sets, and where they differ the one for input has a name of its own.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Where the sets stand until they are one.
const READ: &str = "#/components/read/";
const WRITTEN: &str = "#/components/schemas/";
/// On the schema of an input: what has to be there when something new is made.
const NEEDED: &str = "x-needed";
/// On a field: `null` is a value of it. Elsewhere a field that may be left out may not be `null`.
const NULL: &str = "x-null";

/// Collects schemas.
pub(crate) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = |path: &str| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = path.to_owned().into();
            settings.meta_schema = None;
            settings
        };
        let read = settings("/components/read").for_deserialize().into_generator();
        let written = settings("/components/schemas").for_serialize().into_generator();
        Self { read, written }
    }
}

impl Schemas {
    /// The schema of what is read as a `T`.
    pub(crate) fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    /// The schema of what is written as a `T`.
    pub(crate) fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// The fields of `T` as parameters of the query. Each may be left out.
    pub(crate) fn parameters<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = T::json_schema(&mut self.read).to_value();
        let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        fields.into_iter().map(|(name, schema)| parameter(&name, schema)).collect()
    }

    /// A body for something new has to have what its schema says is needed.
    pub(super) fn needed(&self, mut body: Value, method: &str) -> Value {
        let Some(schema) = body.pointer_mut("/content/application~1json/schema") else { return body };
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(READ));
        let needed = name.and_then(|name| self.read.definitions().get(name)?.get(NEEDED)).filter(|_| method == "POST");
        if let Some(needed) = needed.cloned() {
            *schema = json!({ "allOf": [schema.clone(), { "type": "object", "required": needed }] });
        }
        body
    }

    /// Puts all schemas into the document.
    pub(super) fn finish(mut self, document: &mut Value) {
        let mut read = self.read.take_definitions(true);
        let mut written = self.written.take_definitions(true);
        read.iter_mut().filter(|(name, _)| name.ends_with("Input")).for_each(|(_, schema)| refuse_null(schema));
        let names = names(&read, &written);
        for (name, schema) in read {
            let known = names.get(&name).cloned().unwrap_or(name);
            written.entry(known).or_insert(schema);
        }
        if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
            components.insert("schemas".into(), Value::Object(written));
        }
        tidy(document, &names);
    }
}

fn parameter(name: &str, mut schema: Value) -> Value {
    let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    without_null(&mut schema);
    let mut parameter = json!({ "name": name, "in": "query", "required": false, "schema": schema });
    if let Some(about) = about {
        parameter["description"] = about;
    }
    parameter
}

/// What the schemas for input are called: as they are, unless those for output of the same name differ.
fn names(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeMap<String, String> {
    let same = |name: &str| written.get(name).is_none_or(|other| plain(other, WRITTEN) == plain(&read[name], READ));
    let mut differ: BTreeSet<&String> = read.keys().filter(|name| !same(name)).collect();
    loop {
        let points_to = |name: &&String| {
            let text = read[*name].to_string();
            written.contains_key(*name) && differ.iter().any(|other| text.contains(&format!("\"{READ}{other}\"")))
        };
        let more: Vec<&String> = read.keys().filter(|name| !differ.contains(name)).filter(points_to).collect();
        if more.is_empty() {
            break;
        }
        differ.extend(more);
    }
    let called = |name: &String| if differ.contains(name) { format!("{name}Input") } else { name.clone() };
    read.keys().map(|name| (name.clone(), called(name))).collect()
}

/// A schema as a text in which both sets point to the same place.
fn plain(schema: &Value, set: &str) -> String {
    schema.to_string().replace(set, "#/")
}

/// What is left out is left as it is, so `null` would be a second way to say so; it is one only where it is a value.
fn refuse_null(schema: &mut Value) {
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for field in fields.values_mut() {
        if field.get(NULL).is_none() {
            without_null(field);
        }
        if let Some(field) = field.as_object_mut().filter(|field| field.get("default").is_some_and(Value::is_null)) {
            field.remove("default");
        }
    }
}

fn without_null(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            schema.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("anyOf") {
        kinds.retain(|kind| kind.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(one)] = &kinds[..] {
            let one = one.clone();
            schema.remove("anyOf");
            schema.extend(one);
        }
    }
}

/// Makes of two sets one, and of what is written for readers of the code what is written for readers of the document.
fn tidy(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            fields.remove(NULL);
            fields.remove(NEEDED);
            if let Some(Value::String(about)) = fields.get_mut("description") {
                *about = prose(about);
            }
            if let Some(Value::String(at)) = fields.get_mut("$ref")
                && let Some(name) = at.strip_prefix(READ)
            {
                *at = format!("{WRITTEN}{}", names.get(name).map_or(name, String::as_str));
            }
            fields.values_mut().for_each(|field| tidy(field, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, names)),
        _ => {}
    }
}

/// Without examples in Rust and links into the code.
fn prose(about: &str) -> String {
    let text = about.split("```").next().unwrap_or_default().trim();
    text.replace("[`", "`").replace("`]", "`")
}

/// A field whose `null` is a value.
pub(crate) struct Null<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Null<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Null_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Option::<T>::json_schema(generator);
        schema.insert(NULL.into(), true.into());
        schema
    }
}
