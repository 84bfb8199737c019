//! The rules of OpenAPI 3.1: the standard's own schema, narrowed to the part that generators of code understand, and what no
//! schema can say: where references lead, what is declared once.
//!
//! `schema/openapi_3_1.json` is the OpenAPI Initiative's schema of 2022-10-07, under the Apache License 2.0.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::{Registry, Validator};
use serde_json::{Map, Value};

/// The methods of a path item that the document uses.
const METHODS: [&str; 2] = ["get", "post"];

/// The standard's schema and the dialect of it that the document is written in.
static DIALECT: LazyLock<Validator> = LazyLock::new(|| {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let standard = read(include_str!("schema/openapi_3_1.json"));
    let registry = Registry::new().add(standard["$id"].as_str().unwrap(), &standard).unwrap().prepare().unwrap();
    jsonschema::options().with_registry(&registry).build(&read(include_str!("schema/dialect.json"))).unwrap()
});

/// Broken rules, each with its place.
pub(super) fn broken(document: &Value) -> Vec<String> {
    let found = DIALECT.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    let mut check = Check { document, found, ids: BTreeSet::new() };
    for (path, item) in entries(&document["paths"]).chain(entries(&document["webhooks"])) {
        check.path(path, item);
    }
    check.references(document, "");
    check.found
}

struct Check<'d> {
    document: &'d Value,
    found: Vec<String>,
    ids: BTreeSet<&'d str>,
}

impl<'d> Check<'d> {
    fn that(&mut self, good: bool, at: &str, what: &str) {
        if !good {
            self.found.push(format!("{at}: {what}"));
        }
    }

    /// The target of a reference; any other value itself.
    fn target<'v>(&self, value: &'v Value) -> &'v Value
    where
        'd: 'v,
    {
        let reference = value.get("$ref").and_then(Value::as_str);
        reference.and_then(|to| self.document.pointer(to.strip_prefix('#')?)).unwrap_or(value)
    }

    fn path(&mut self, path: &str, item: &'d Value) {
        let variables: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for (method, operation) in entries(item).filter(|(name, _)| *name != "parameters") {
            let at = format!("{method} {path}");
            self.that(METHODS.contains(&method.as_str()), &at, "no method of this document");
            let mut declared = BTreeSet::new();
            for parameter in list(item, "parameters").chain(list(operation, "parameters")) {
                let parameter = self.target(parameter);
                let (place, name) = (text(parameter, "in"), text(parameter, "name"));
                self.that(declared.insert((place, name)), &at, &format!("{name} is declared twice"));
                self.that(parameter.get("schema").is_some(), &at, &format!("{name} has no schema"));
            }
            let in_path = declared.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name);
            self.that(in_path.collect::<BTreeSet<_>>() == variables, &at, "its path has other parameters");
            let id = text(operation, "operationId");
            let fresh = !id.is_empty() && self.ids.insert(id);
            self.that(fresh, &at, "its operationId is another's, or missing");
            for tag in list(operation, "tags") {
                let known = list(self.document, "tags").any(|known| known["name"] == *tag);
                self.that(known, &at, &format!("the tag {tag} is not declared"));
            }
            for requirement in list(operation, "security").chain(list(self.document, "security")) {
                let schemes = &self.document["components"]["securitySchemes"];
                let known = entries(requirement).all(|(name, _)| schemes.get(name).is_some());
                self.that(known, &at, "a security scheme that is not declared");
            }
            self.content(operation.get("requestBody").unwrap_or(&Value::Null), &at);
            self.that(entries(&operation["responses"]).next().is_some(), &at, "no response");
            for (status, response) in entries(&operation["responses"]) {
                self.content(self.target(response), &format!("{at} {status}"));
            }
        }
    }

    fn content(&mut self, body: &Value, at: &str) {
        for (kind, media) in entries(&body["content"]) {
            self.that(kind.contains('/') && media.get("schema").is_some(), at, &format!("{kind} without a schema"));
        }
    }

    /// Every reference leads somewhere, and stands alone: many generators ignore the members next to it, or refuse it.
    fn references(&mut self, value: &Value, at: &str) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let leads = reference.strip_prefix('#').is_some_and(|to| self.document.pointer(to).is_some());
                    self.that(leads, at, &format!("{reference} leads nowhere"));
                    self.that(members.len() == 1, at, "members beside $ref");
                }
                for (name, member) in members {
                    self.references(member, &format!("{at}/{name}"));
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.references(element, at)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_broken_document_is_found_out() {
    let good = openapi::document();
    let broken = |path: &str, value: Value| {
        let mut document = good.clone();
        *document.pointer_mut(path).unwrap() = value;
        !super::rules::broken(&document).is_empty()
    };
    assert!(broken("/paths/~1calls/get/operationId", "get_call".into()));
    assert!(broken("/paths/~1calls~1{id}/parameters", Value::Array(Vec::new())));
    assert!(broken("/components/schemas/CallRecord/properties/id/$ref", "#/components/schemas/None".into()));
    assert!(broken("/components/schemas/CallRecord", serde_json::json!({"proprties": {}})));
    assert!(broken("/paths/~1calls/get/tags/0", "other".into()));
    // Regression: openapi-generator made no model of `File`, which is Java's own.
    let schemas = |name: &str| serde_json::json!({name: good["components"]["schemas"]["Enclosure"]});
    let renamed = |name: &str| {
        let mut document = good.clone();
        document["components"]["schemas"].as_object_mut().unwrap().extend(schemas(name).as_object().unwrap().clone());
        super::rules::broken(&document)
    };
    assert_eq!(renamed("Other"), Vec::<String>::new());
    assert_eq!(renamed("File").len(), 1);
}
