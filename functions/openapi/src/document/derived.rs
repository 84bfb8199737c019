//! Schemas of the bodies of requests and answers, derived from the types that the functions read and print.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

/// The derived schemas, and those that their references lead to.
pub(crate) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        let requests = settings.clone().for_deserialize().into_generator();
        Self { requests, answers: settings.for_serialize().into_generator() }
    }

    /// The schema of a body as it is read.
    pub(crate) fn request<T: JsonSchema>(&mut self) -> Value {
        plain(self.requests.subschema_for::<T>())
    }

    /// The schema of a body as it is printed.
    pub(crate) fn answer<T: JsonSchema>(&mut self) -> Value {
        plain(self.answers.subschema_for::<T>())
    }

    /// The schemas that references lead to, by their names.
    pub(crate) fn components(mut self) -> impl Iterator<Item = (String, Value)> {
        let named = self.requests.take_definitions(false).into_iter().chain(self.answers.take_definitions(false));
        named.map(|(name, schema)| (name, Schema::try_from(schema).map_or_else(|_| Value::Null, plain)))
    }
}

fn plain(mut schema: Schema) -> Value {
    Plain.transform(&mut schema);
    schema.to_value()
}

/// A schema in the words that generators of code understand.
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(members) = schema.as_object_mut() else { return };
        // Many generators ignore members beside a reference, or refuse them.
        if members.contains_key("$ref") {
            members.retain(|name, _| name == "$ref");
        }
        // Some generators make what has a default a member that must be given.
        members.remove("default");
        if members.get("type").is_some_and(|kind| names(kind, "integer")) {
            // A number's bits here are no part of the contract.
            members.retain(|name, _| !["format", "minimum", "maximum"].contains(&name.as_str()));
        }
        choice(members);
        if let Some(Value::String(text)) = members.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        omitted(members);
    }
}

/// Whether a `type` is this one, or this one among others.
fn names(kind: &Value, name: &str) -> bool {
    kind == name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
}

/// Makes an `enum` of a `oneOf` of constants, and one description of theirs.
fn choice(members: &mut Map<String, Value>) {
    let Some(choices) = members.get("oneOf").and_then(Value::as_array) else { return };
    let values: Option<Vec<Value>> = choices.iter().map(|choice| choice.get("const").cloned()).collect();
    let Some(values) = values else { return };
    let text = |of: Option<&Value>| of.and_then(Value::as_str).unwrap_or_default().to_owned();
    let meaning = |one: &Value| format!("`{}`: {}", text(one.get("const")), text(one.get("description")));
    let said: Vec<_> = std::iter::once(text(members.get("description"))).chain(choices.iter().map(meaning)).collect();
    members.remove("oneOf");
    members.insert("type".to_owned(), "string".into());
    members.insert("enum".to_owned(), values.into());
    members.insert("description".to_owned(), said.join(" ").trim().into());
}

/// Takes null from each member that may be left out: it is left out instead.
fn omitted(members: &mut Map<String, Value>) {
    let required = members.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !required.contains(&Value::from(name.as_str()))) {
        if let Some(Value::Array(kinds)) = property.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [kind] = kinds.as_slice() {
                property["type"] = kind.clone();
            }
        }
        if let Some([own, null]) = property.get("anyOf").and_then(Value::as_array).map(Vec::as_slice)
            && null.get("type").is_some_and(|kind| kind == "null")
        {
            *property = own.clone();
        }
    }
}
