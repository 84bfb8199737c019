//! What the ERP's body lacks, before anything is sent.
//!
//! Only what a document says is held against the ERP: a field that is unknown, or known by analogy alone, passes.

use std::fmt;

use super::{Encoding, Field, Format, Kind, Need, Operation, Place, Rule, Shape};
use crate::Json;
use crate::json;

/// One thing that is wrong with a call, and how to mend it. Never quotes a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, as a path from the body's top: `orders[0].orderOutNo`; empty where it is the body itself. A fault of
    /// the connection names the configuration's key.
    pub field: String,
    /// What to do about it.
    pub remedy: String,
}

impl Fault {
    pub(super) fn new(field: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, remedy } = self;
        if field.is_empty() { f.write_str(remedy) } else { write!(f, "{field}: {remedy}") }
    }
}

/// Everything the documents hold against this body; nothing where it may be sent.
#[must_use]
pub fn check(operation: &Operation<'_>, body: &Json<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    match (operation.shape, body.elements()) {
        (Shape::Any, _) => {}
        (Shape::Object, _) if body.is_object() => {
            object(operation.fields, body, "", &mut faults);
            together(operation.rules, body, &mut faults);
        }
        (Shape::Object, _) => faults.push(Fault::new("", "the body must be one JSON object")),
        (Shape::Array, Some([])) => faults.push(Fault::new("", "the array must hold at least one object")),
        (Shape::Array, Some(elements)) => each(operation.fields, elements, "", &mut faults),
        (Shape::Array, None) => faults.push(Fault::new("", "the body must be a JSON array of objects")),
    }
    let beside = |place| place == Place::Body || operation.encoding == Encoding::Query;
    for credential in operation.credentials.iter().filter(|credential| beside(credential.place)) {
        if body.get(credential.field).is_some() {
            faults.push(Fault::new(credential.field, "leave it out: it comes from the connection"));
        }
    }
    faults
}

fn object(fields: &[Field], body: &Json<'_>, path: &str, faults: &mut Vec<Fault>) {
    for field in fields.iter().filter(|field| !field.inferred) {
        let path = format!("{path}{}", field.name);
        let value = body.get(field.name);
        match field.need {
            Need::Required if !value.is_some_and(has_value) => {
                faults.push(Fault::new(path, format!("must be given: {}", field.about)));
            }
            Need::Present if value.is_none_or(|value| matches!(value.kind(), json::Kind::Null)) => {
                faults.push(Fault::new(path, format!("must be there, if only as \"\": {}", field.about)));
            }
            Need::Filled if value.is_some_and(|value| !has_value(value)) => {
                faults.push(Fault::new(path, format!("must have a value or be left out: {}", field.about)));
            }
            Need::Required | Need::Present | Need::Filled | Need::Optional | Need::Blank | Need::Default(_) => {
                if let Some(value) = value.filter(|value| has_value(value)) {
                    one(field, value, path, faults);
                }
            }
        }
    }
}

/// Looks at a value that is one.
fn one(field: &Field, value: &Json<'_>, path: String, faults: &mut Vec<Fault>) {
    match field.kind {
        Kind::Json => {}
        Kind::Text | Kind::Whole | Kind::WholeText => match value.scalar().zip(value.value()) {
            Some((text, value)) => {
                faults.extend(scalar(field, text.trim(), value.trim()).map(|remedy| Fault::new(path, remedy)));
            }
            None => faults.push(Fault::new(path, "must be a text, not an array or an object")),
        },
        Kind::Object(fields) => {
            // The partner takes an object, or a string that holds one.
            let path_of_members = format!("{path}.");
            let held = value.inside(|inner| object(fields, inner, &path_of_members, faults));
            if held.is_none() {
                faults.push(Fault::new(path, "must be a JSON object"));
            }
        }
        Kind::List(fields) => match value.elements() {
            Some(elements) => each(fields, elements, &path, faults),
            None => faults.push(Fault::new(path, "must be a JSON array of objects")),
        },
        Kind::Commas if value.scalar().is_some() => {}
        Kind::Texts | Kind::Commas => match value.elements() {
            Some(elements) => {
                for (at, _) in elements.iter().enumerate().filter(|(_, element)| element.scalar().is_none()) {
                    faults.push(Fault::new(format!("{path}[{at}]"), "must be a text"));
                }
            }
            None => faults.push(Fault::new(path, "must be a JSON array of texts")),
        },
    }
}

fn each(fields: &[Field], elements: &[Json<'_>], path: &str, faults: &mut Vec<Fault>) {
    for (at, element) in elements.iter().enumerate() {
        if element.is_object() {
            object(fields, element, &format!("{path}[{at}]."), faults);
        } else {
            faults.push(Fault::new(format!("{path}[{at}]"), "must be a JSON object"));
        }
    }
}

/// What is wrong with a scalar: as printed it may be too long, by its value it may be none that fits.
fn scalar(field: &Field, text: &str, value: &str) -> Option<String> {
    let length = text.chars().count();
    if field.max > 0 && length > usize::from(field.max) {
        return Some(format!("must have at most {} characters, not {length}", field.max));
    }
    let whole = Format::Within(0, u64::MAX);
    let format = if matches!(field.kind, Kind::Whole) && field.format == Format::Any { whole } else { field.format };
    (!format.fits(value)).then(|| format.remedy())
}

fn together(rules: &[Rule], body: &Json<'_>, faults: &mut Vec<Fault>) {
    let given = |name: &&&str| body.get(name).is_some_and(has_value);
    for rule in rules {
        match rule {
            Rule::Either(names) if !names.iter().any(|name| given(&name)) => {
                let all = names.join(" or ");
                faults.extend(names.first().map(|name| Fault::new(*name, format!("{all} must be given"))));
            }
            Rule::When(name, value, needed) if body.field(name) == Some(*value) => {
                let missing = needed.iter().filter(|name| !given(name));
                faults.extend(
                    missing.map(|missing| Fault::new(*missing, format!("must be given when {name} is {value}"))),
                );
            }
            Rule::Either(_) | Rule::When(..) => {}
        }
    }
}

/// Whether it is a value to a partner: `""`, `null` and `[]` are none.
fn has_value(json: &Json<'_>) -> bool {
    match json.kind() {
        json::Kind::Null => false,
        json::Kind::String(text) => !text.trim().is_empty(),
        json::Kind::Array(elements) => !elements.is_empty(),
        json::Kind::Bool(_) | json::Kind::Number(_) | json::Kind::Object(_) => true,
    }
}
