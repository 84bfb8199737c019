//! The rules of OpenAPI 3.1: which objects have which members, where references lead, what is declared once.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The members that an object must have, and those that it may.
type Members = (&'static [&'static str], &'static [&'static str]);

const DOCUMENT: Members =
    (&["openapi", "info", "paths"], &["servers", "security", "tags", "webhooks", "components", "externalDocs"]);
const INFO: Members = (&["title", "version"], &["summary", "description", "termsOfService", "contact", "license"]);
const COMPONENTS: Members = (
    &[],
    &[
        "schemas",
        "responses",
        "parameters",
        "examples",
        "requestBodies",
        "headers",
        "securitySchemes",
        "links",
        "callbacks",
        "pathItems",
    ],
);
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const PATH_ITEM: Members = (
    &[],
    &[
        "summary",
        "description",
        "servers",
        "parameters",
        "get",
        "put",
        "post",
        "delete",
        "options",
        "head",
        "patch",
        "trace",
    ],
);
const OPERATION: Members = (
    &["operationId", "responses"],
    &[
        "tags",
        "summary",
        "description",
        "externalDocs",
        "parameters",
        "requestBody",
        "callbacks",
        "deprecated",
        "security",
        "servers",
    ],
);
const PARAMETER: Members =
    (&["name", "in", "schema"], &["description", "required", "deprecated", "style", "explode", "example", "examples"]);
const HEADER: Members = (&["schema"], &["description", "required", "deprecated", "example", "examples"]);
const REQUEST_BODY: Members = (&["content"], &["description", "required"]);
const MEDIA_TYPE: Members = (&["schema"], &["example", "examples", "encoding"]);
const RESPONSE: Members = (&["description"], &["headers", "content", "links"]);
/// Those of JSON Schema 2020-12 that are in use; one that is misspelt would be ignored by everybody.
const SCHEMA: Members = (
    &[],
    &[
        "type",
        "enum",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "then",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "pattern",
        "format",
        "default",
        "examples",
        "description",
        "title",
        "contentEncoding",
        "contentMediaType",
    ],
);

/// Names that generators take for a type of their language or library, so that a schema of that name is not generated or
/// clashes: openapi-generator's import and type mappings, `java.lang`, what its clients import (Retrofit, OkHttp), and what
/// each generated client has beside its models.
const TAKEN: &[&str] = &[
    "Any",
    "AnyType",
    "ApiClient",
    "ApiException",
    "ApiResponse",
    "Array",
    "ArrayList",
    "BaseModel",
    "BigDecimal",
    "Blob",
    "Boolean",
    "Buffer",
    "ByteArray",
    "Call",
    "Callback",
    "Client",
    "Configuration",
    "Date",
    "DateTime",
    "Decimal",
    "Double",
    "Error",
    "Exception",
    "Field",
    "File",
    "Float",
    "Function",
    "HashMap",
    "Integer",
    "JSON",
    "LinkedHashSet",
    "List",
    "LocalDate",
    "LocalDateTime",
    "LocalTime",
    "Long",
    "Map",
    "Model",
    "Null",
    "Number",
    "Object",
    "OffsetDateTime",
    "Pair",
    "Promise",
    "Record",
    "Request",
    "Response",
    "ServerConfiguration",
    "Set",
    "String",
    "Thread",
    "Timestamp",
    "URI",
    "UUID",
];

/// What is broken, each with where.
pub(super) fn broken(document: &Value) -> Vec<String> {
    let mut check = Check { document, found: Vec::new(), ids: BTreeSet::new() };
    check.members(document, DOCUMENT, "document");
    check.members(&document["info"], INFO, "info");
    check.members(&document["components"], COMPONENTS, "components");
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in entries(&document["paths"]) {
        check.path(path, item);
    }
    for (name, item) in entries(&document["webhooks"]) {
        check.path(name, item);
    }
    let components = &document["components"];
    for (kind, named) in entries(components) {
        for (name, component) in entries(named) {
            let at = format!("{kind} {name}");
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            check.that(plain, &at, "a name of other characters");
            let free = kind != "schemas" || !TAKEN.contains(&name.as_str());
            check.that(free, &at, "a name that generated code has for something else");
            match kind.as_str() {
                "schemas" => check.schema(component, &at),
                "responses" => check.response(component, &at),
                "parameters" => check.parameter(component, &at),
                "headers" => check.header(component, &at),
                "securitySchemes" => check.that(component["type"].is_string(), &at, "no type"),
                other => panic!("components that are not checked: {other}"),
            }
        }
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

    /// Whether it is an object of these members that has to be looked at: what a reference leads to is looked at there.
    fn members(&mut self, value: &Value, (must, may): Members, at: &str) -> bool {
        let Some(object) = value.as_object() else {
            self.found.push(format!("{at}: no object"));
            return false;
        };
        if object.contains_key("$ref") {
            self.that(object.len() == 1, at, "members beside $ref");
            return false;
        }
        for name in must.iter().filter(|name| !object.contains_key(**name)) {
            self.found.push(format!("{at}: without {name}"));
        }
        for name in object.keys().map(String::as_str) {
            let known = must.contains(&name) || may.contains(&name) || name.starts_with("x-");
            self.that(known, at, &format!("{name} means nothing here"));
        }
        true
    }

    fn path(&mut self, path: &str, item: &'d Value) {
        self.members(item, PATH_ITEM, path);
        let variables: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let at = format!("{method} {path}");
            self.members(operation, OPERATION, &at);
            let mut declared = BTreeSet::new();
            for parameter in list(item, "parameters").chain(list(operation, "parameters")) {
                self.parameter(parameter, &at);
                let parameter = super::value::target(self.document, parameter);
                let (place, name) = (text(parameter, "in"), text(parameter, "name"));
                self.that(declared.insert((place, name)), &at, &format!("{name} is declared twice"));
            }
            let in_path = declared.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name);
            self.that(in_path.collect::<BTreeSet<_>>() == variables, &at, "its path has other parameters");
            let fresh = self.ids.insert(text(operation, "operationId"));
            self.that(fresh, &at, "its operationId is another's");
            for tag in list(operation, "tags") {
                let known = list(self.document, "tags").any(|known| known["name"] == *tag);
                self.that(known, &at, &format!("the tag {tag} is not declared"));
            }
            for requirement in list(operation, "security").chain(list(self.document, "security")) {
                let schemes = &self.document["components"]["securitySchemes"];
                let known = entries(requirement).all(|(name, _)| schemes.get(name).is_some());
                self.that(known, &at, "a security scheme that is not declared");
            }
            if let Some(body) = operation.get("requestBody")
                && self.members(body, REQUEST_BODY, &at)
            {
                self.content(&body["content"], &at);
            }
            self.that(entries(&operation["responses"]).next().is_some(), &at, "no response");
            for (status, response) in entries(&operation["responses"]) {
                let code = status.len() == 3 && matches!(status.as_bytes()[0], b'1'..=b'5');
                self.that(code || status == "default", &at, &format!("{status} is no status"));
                self.response(response, &format!("{at} {status}"));
            }
        }
    }

    fn parameter(&mut self, parameter: &Value, at: &str) {
        if !self.members(parameter, PARAMETER, at) {
            return;
        }
        let (place, name) = (text(parameter, "in"), text(parameter, "name"));
        self.that(["path", "query", "header", "cookie"].contains(&place), at, "a parameter in no known place");
        self.that(place != "path" || parameter["required"] == true, at, &format!("{name} must be required"));
        self.schema(&parameter["schema"], at);
    }

    fn header(&mut self, header: &Value, at: &str) {
        if self.members(header, HEADER, at) {
            self.schema(&header["schema"], at);
        }
    }

    fn response(&mut self, response: &Value, at: &str) {
        if !self.members(response, RESPONSE, at) {
            return;
        }
        for (name, header) in entries(&response["headers"]) {
            self.header(header, &format!("{at} {name}"));
        }
        self.content(&response["content"], at);
    }

    fn content(&mut self, content: &Value, at: &str) {
        for (kind, media) in entries(content) {
            let at = format!("{at} {kind}");
            self.that(kind.split_once('/').is_some(), &at, "no media type");
            self.members(media, MEDIA_TYPE, &at);
            self.schema(&media["schema"], &at);
        }
    }

    fn schema(&mut self, schema: &Value, at: &str) {
        if !self.members(schema, SCHEMA, at) {
            return;
        }
        for (name, property) in entries(&schema["properties"]) {
            self.schema(property, &format!("{at}.{name}"));
        }
        let typed = schema.get("pattern").is_none() || schema["type"] == "string";
        self.that(typed, at, "a pattern of what is not said to be a text, which generators give up on");
        for name in list(schema, "required") {
            self.that(name.is_string(), at, "a required that is no name");
        }
        for inner in ["items", "if", "then", "additionalProperties"].map(|name| &schema[name]) {
            if inner.is_object() {
                self.schema(inner, at);
            }
        }
        for inner in ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|name| list(schema, name)) {
            self.schema(inner, at);
        }
    }

    /// Every reference leads somewhere.
    fn references(&mut self, value: &Value, at: &str) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let leads = reference.strip_prefix('#').is_some_and(|to| self.document.pointer(to).is_some());
                    self.that(leads, at, &format!("{reference} leads nowhere"));
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
