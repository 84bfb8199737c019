//! An operation for its callers: what is to be known of it, and its body as a JSON schema.

mod field;

use serde_json::{Value, json};

pub use field::{ADDRESS, SOMETHING};

use super::{Address, Effect, Encoding, FilePlace, Operation, Place, Shape, check};
use crate::Json;

/// Whether a call must have a body. A query without required fields needs none.
#[must_use]
pub fn needs_body(row: &Operation<'_>) -> bool {
    let empty = Json::parse(b"{}").map(|body| check(row, &body).is_empty());
    row.effect != Effect::Query || row.file.is_some() || empty != Ok(true)
}

/// Facts to know before it is called, in paragraphs.
#[must_use]
pub fn description(row: &Operation<'_>) -> String {
    let mut said = Vec::new();
    said.extend(row.deprecated.map(|why| format!("**Deprecated**: {why}.")));
    said.push(
        match row.effect {
            Effect::Query => "A query: it only reads, and its answer is the partner's own.",
            Effect::Command { repeatable: true } => {
                "A command that is safe to repeat: it is sent again where no answer arrived."
            }
            Effect::Command { repeatable: false } => {
                "A command that is not safe to repeat: sent without a usable answer, it becomes `ambiguous` and waits for \
                 a decision."
            }
        }
        .to_owned(),
    );
    said.extend(row.caution.map(|caution| format!("**Caution**: {caution}.")));
    if row.shape == Shape::Any {
        said.push("The document of its body is not public: the body passes through unchanged.".to_owned());
    }
    if let Address::Configured(name) = row.address {
        said.push(format!(
            "Its path is missing from the document: it is `paths.{name}` of the connection's configuration."
        ));
    }
    let beside = |place| matches!(place, Place::Body | Place::Inside) || row.encoding == Encoding::Query;
    let put: Vec<_> = row.credentials.iter().filter(|put| beside(put.place)).map(|put| put.field).collect();
    if !put.is_empty() {
        said.push(format!("Leave out {}: the hub adds them from the connection.", field::listed(&put)));
    }
    said.extend(row.rules.iter().map(|rule| field::words(*rule)));
    if row.file == Some(FilePlace::Base64) {
        let own = match row.told.and_then(|told| told.file.as_deref()) {
            Some(name) => format!("`{name}`,"),
            None => "which is `base64_field` of the connection,".to_owned(),
        };
        said.push(format!("Instead of `file`, the partner's own field, {own} may hold the base64."));
    }
    if row.gives_serial {
        said.push("The serial that the partner returns becomes an alias of the order.".to_owned());
    }
    if row.brings_events() {
        said.push(
            "What a push would bring as well is kept from the answer as events with `origin: pulled`, each once."
                .to_owned(),
        );
    }
    said.join("\n\n")
}

/// The ERP's body as a JSON schema. Those of a file, as it may come with the call, and of a file or its base64 are the caller's.
#[must_use]
pub fn body(row: &Operation<'_>, enclosure: impl Fn(FilePlace) -> Value) -> Value {
    let mut object = field::object(row.fields, row.rules);
    if let Some(place) = row.file {
        let needed = object.entry("required").or_insert_with(|| json!([]));
        if let Some(needed) = needed.as_array_mut() {
            needed.push("file".into());
        }
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("file".to_owned(), enclosure(place));
        }
    }
    let mut schema = match row.shape {
        Shape::Any => json!({}),
        Shape::Object => object.into(),
        Shape::Array => json!({"type": "array", "minItems": 1, "items": object}),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), format!("{}.", row.source).into());
    }
    schema
}
