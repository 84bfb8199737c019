//! A value held against a schema: the part of JSON Schema 2020-12 that the document uses, and a panic at any other.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;
use serde_json::Value;

/// Says something of a value and refuses none.
const NOTES: &[&str] =
    &["description", "title", "default", "examples", "format", "contentEncoding", "contentMediaType"];

/// What the schema holds against the value.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let Some(keywords) = target(document, schema).as_object() else { panic!("no schema: {schema}") };
    let none = Value::Null;
    for (keyword, wanted) in keywords {
        let ok = |schema: &Value| faults(document, schema, value).is_empty();
        let number = || wanted.as_u64().unwrap();
        let length = || value.as_str().map(|text| text.chars().count() as u64);
        let good = match keyword.as_str() {
            name if NOTES.contains(&name) => true,
            "type" => wanted.as_array().map_or_else(|| is(wanted, value), |all| all.iter().any(|kind| is(kind, value))),
            // Numbers are equal by value.
            "enum" => wanted
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one == value || one.is_u64() && one.as_f64() == value.as_f64()),
            "const" => wanted == value,
            "minLength" => length().is_none_or(|length| length >= number()),
            "maxLength" => length().is_none_or(|length| length <= number()),
            "pattern" => value.as_str().is_none_or(|text| fits(wanted.as_str().unwrap(), text)),
            "minimum" => value.as_f64().is_none_or(|value| value >= wanted.as_f64().unwrap()),
            "maximum" => match value.as_u64() {
                Some(value) => value <= number(),
                None => value.as_f64().is_none_or(|value| value <= wanted.as_f64().unwrap()),
            },
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= number()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= number()),
            "required" => {
                let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
                !value.is_object() || !wanted.as_array().unwrap().iter().any(|name| missing(&name))
            }
            "properties" => {
                let given =
                    wanted.as_object().unwrap().iter().filter_map(|(name, of)| Some((name, of, value.get(name)?)));
                for (name, schema, value) in given {
                    found.extend(faults(document, schema, value).into_iter().map(|fault| format!("{name}.{fault}")));
                }
                true
            }
            "additionalProperties" if *wanted == Value::Bool(false) => {
                let known = keywords.get("properties").unwrap_or(&none);
                value.as_object().is_none_or(|members| members.keys().all(|name| known.get(name).is_some()))
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(document, wanted, item).into_iter().map(|fault| format!("[{at}].{fault}")));
                }
                true
            }
            "allOf" => wanted.as_array().unwrap().iter().all(ok),
            "anyOf" => wanted.as_array().unwrap().iter().any(ok),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|one| ok(one)).count() == 1,
            "if" => !ok(wanted) || ok(&keywords["then"]),
            "then" => true,
            other => panic!("the schema has a keyword that is not known here: {other}"),
        };
        if !good {
            found.push(format!("{keyword} {wanted}"));
        }
    }
    found
}

/// What a reference stands for; anything else stands for itself.
pub(super) fn target<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("a type that is not known here: {other}"),
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    thread_local! {
        static MADE: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    MADE.with_borrow_mut(|made| {
        made.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap()).is_match(text)
    })
}
