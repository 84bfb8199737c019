//! Violations of the ERP's body, found before anything is sent.
//!
//! Whatever the hub's own OpenAPI document says of a row is held against the ERP, and nothing else: an unknown field
//! passes, and one that is known by analogy alone is never required, but has the type that is published.

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
    /// The remedy.
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(field: impl Into<String>, remedy: impl Into<String>) -> Self {
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
            together(operation.rules, body, "", &mut faults);
        }
        (Shape::Object, _) => faults.push(Fault::new("", "the body must be one JSON object")),
        (Shape::Array, Some([])) => faults.push(Fault::new("", "the array must hold at least one object")),
        (Shape::Array, Some(elements)) => {
            each(operation.fields, elements, "", &mut faults);
            for (at, element) in elements.iter().enumerate().filter(|(_, element)| element.is_object()) {
                together(operation.rules, element, &format!("[{at}]."), &mut faults);
            }
        }
        (Shape::Array, None) => faults.push(Fault::new("", "the body must be a JSON array of objects")),
    }
    let beside = |place| matches!(place, Place::Body | Place::Inside) || operation.encoding == Encoding::Query;
    for credential in operation.credentials.iter().filter(|credential| beside(credential.place)) {
        if body.get(credential.field).is_some() {
            faults.push(Fault::new(credential.field, "leave it out: it comes from the connection"));
        }
    }
    faults
}

fn object(fields: &[Field], body: &Json<'_>, path: &str, faults: &mut Vec<Fault>) {
    for field in fields {
        let path = format!("{path}{}", field.name);
        let need = if field.inferred { Need::Optional } else { field.need };
        let value = body.get(field.name);
        let wanting = match (need, value) {
            (Need::Required, value) => !value.is_some_and(|value| is_filled(field.kind, value)),
            (Need::Present, value) => value.is_none_or(is_null),
            (Need::Filled, Some(value)) => !is_filled(field.kind, value),
            (Need::Filled | Need::Optional | Need::Blank | Need::Default(_), _) => false,
        };
        match value {
            _ if wanting => faults.push(Fault::new(path, absence(need, field.about))),
            Some(value) => one(field, value, path, faults),
            None => {}
        }
    }
}

/// Remedy for a field without a value.
fn absence(need: Need, about: &str) -> String {
    match need {
        Need::Present => format!("must be there, if only as \"\": {about}"),
        Need::Filled => format!("must have a value or be left out: {about}"),
        Need::Required | Need::Optional | Need::Blank | Need::Default(_) => format!("must be given: {about}"),
    }
}

/// Looks at a value that is there.
fn one(field: &Field, value: &Json<'_>, path: String, faults: &mut Vec<Fault>) {
    if is_null(value) && !matches!(field.kind, Kind::Json) {
        faults.push(Fault::new(path, format!("must not be null: leave it out, or give {}", noun(field.kind))));
        return;
    }
    match field.kind {
        Kind::Json => {}
        Kind::Text | Kind::WholeText | Kind::Whole => match text(value).zip(value.value()) {
            Some((text, value)) => faults.extend(scalar(field, text, value).map(|remedy| Fault::new(path, remedy))),
            None => faults.push(wrong(path, field.kind)),
        },
        Kind::Object(fields) => {
            // The partner takes an object, or a string that holds one.
            let path_of_members = format!("{path}.");
            let held = value.inside_strictly(|inner| object(fields, inner, &path_of_members, faults));
            if held.is_none() {
                faults.push(wrong(path, field.kind));
            }
        }
        Kind::List(fields) => match value.elements() {
            Some(elements) => each(fields, elements, &path, faults),
            None => faults.push(wrong(path, field.kind)),
        },
        Kind::Commas if text(value).is_some() => {}
        Kind::Texts | Kind::Commas => match value.elements() {
            Some(elements) => {
                for (at, _) in elements.iter().enumerate().filter(|(_, element)| text(element).is_none()) {
                    faults.push(Fault::new(format!("{path}[{at}]"), "must be a text"));
                }
            }
            None => faults.push(wrong(path, field.kind)),
        },
    }
}

fn wrong(path: String, kind: Kind) -> Fault {
    Fault::new(path, format!("must be {}", noun(kind)))
}

const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text",
        Kind::Whole | Kind::WholeText => "a whole number",
        Kind::Json => "any JSON",
        Kind::Object(_) => "a JSON object",
        Kind::List(_) => "a JSON array of objects",
        Kind::Texts => "a JSON array of texts",
        Kind::Commas => "a JSON array of texts, or one text with commas in it",
    }
}

/// The text of what may stand for one: a string, or a number as it is printed.
fn text<'j>(value: &'j Json<'_>) -> Option<&'j str> {
    match value.kind() {
        json::Kind::String(_) | json::Kind::Number(_) => value.scalar(),
        json::Kind::Null | json::Kind::Bool(_) | json::Kind::Array(_) | json::Kind::Object(_) => None,
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

/// Violation of a scalar: its text is too long, or its value does not fit.
fn scalar(field: &Field, text: &str, value: &str) -> Option<String> {
    let is_whole = matches!(field.kind, Kind::Whole);
    // An inferred field is checked by its type alone; and `""` counts as absent, where no text is required.
    if (field.inferred || text.is_empty()) && !is_whole {
        return None;
    }
    let length = text.chars().count();
    if field.max > 0 && length > usize::from(field.max) {
        return Some(format!("must have at most {} characters, not {length}", field.max));
    }
    let format = if is_whole && field.format == Format::Any { Format::WHOLE } else { field.format };
    (!format.fits(value)).then(|| format.remedy())
}

fn together(rules: &[Rule], body: &Json<'_>, path: &str, faults: &mut Vec<Fault>) {
    let given = |name: &&&str| body.get(name).is_some_and(has_value);
    for rule in rules {
        match rule {
            Rule::Either(names) if !names.iter().any(|name| given(&name)) => {
                let all = names.join(" or ");
                faults.extend(
                    names.first().map(|name| Fault::new(format!("{path}{name}"), format!("{all} must be given"))),
                );
            }
            Rule::When(name, value, needed) if body.get(name).and_then(Json::value) == Some(*value) => {
                let missing = needed.iter().filter(|name| !given(name));
                let remedy = format!("must be given when {name} is {value}");
                faults.extend(missing.map(|missing| Fault::new(format!("{path}{missing}"), remedy.clone())));
            }
            Rule::Either(_) | Rule::When(..) => {}
        }
    }
}

/// Whether it is a value of that kind to a partner. A comma list of blanks is none.
fn is_filled(kind: Kind, value: &Json<'_>) -> bool {
    let filled = |text: &str| !text.trim().is_empty();
    match (kind, value.kind()) {
        (Kind::Commas, json::Kind::String(text)) => text.split(',').any(filled),
        // An element that is no text is reported elsewhere, by its position.
        (Kind::Commas, json::Kind::Array(elements)) => {
            elements.iter().any(|element| element.scalar().is_none_or(filled))
        }
        _ => has_value(value),
    }
}

fn is_null(value: &Json<'_>) -> bool {
    matches!(value.kind(), json::Kind::Null)
}

/// Whether it is a value to a partner: `""`, `null` and `[]` are none.
pub(super) fn has_value(json: &Json<'_>) -> bool {
    match json.kind() {
        json::Kind::Null => false,
        json::Kind::String(text) => !text.trim().is_empty(),
        json::Kind::Array(elements) => !elements.is_empty(),
        json::Kind::Bool(_) | json::Kind::Number(_) | json::Kind::Object(_) => true,
    }
}
