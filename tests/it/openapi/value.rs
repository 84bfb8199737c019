//! A value held against a schema of the document.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// The document that all schemas are of.
pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

/// Violations of the schema by the value.
pub(super) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    thread_local! {
        static MADE: RefCell<HashMap<String, Rc<Validator>>> = RefCell::default();
    }
    let validator =
        MADE.with_borrow_mut(|made| made.entry(schema.to_string()).or_insert_with(|| validator(schema).into()).clone());
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The schema together with all that its references may lead to.
fn validator(schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = DOCUMENT["components"].clone();
    jsonschema::draft202012::new(&whole).unwrap()
}

/// The target of a reference; any other value itself.
pub(super) fn target(value: &Value) -> &Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => DOCUMENT.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}
