//! A path for each operation that a partner offers, so that each has its own body, example and page.

use partners::Json;
use partners::operation::{self, Address, Effect, Encoding, FilePlace, Operation, Place, Shape};
use serde_json::{Value, json};

use super::{calls, field, parts};

/// One path for each row of the table.
pub(crate) fn paths() -> impl Iterator<Item = (String, Value)> {
    operation::all().map(|row| {
        let path = json!({"parameters": [parts::parameter("connection")], "post": post(row)});
        (format!("/calls/{{connection}}/{}", row.name), path)
    })
}

/// The bodies of the rows, by [`name`].
pub(crate) fn schemas() -> impl Iterator<Item = (String, Value)> {
    operation::all().map(|row| (name(row), body(row)))
}

/// `xhq.upload`.
fn name(row: &Operation<'_>) -> String {
    format!("{}.{}", row.partner, row.name)
}

fn post(row: &Operation<'_>) -> Value {
    let (effect, repeatable, parameters) = match row.effect {
        Effect::Query => ("query", true, json!([])),
        Effect::Command { repeatable } => {
            ("command", repeatable, json!([parts::parameter("Idempotency-Key"), parts::parameter("Prefer")]))
        }
    };
    json!({
        "operationId": name(row).replace('.', "_"),
        "tags": [row.partner.id()],
        "summary": format!("{}: {}", row.name, row.source),
        "description": description(row),
        "deprecated": row.deprecated.is_some(),
        "parameters": parameters,
        "requestBody": {"required": needs_body(row), "content": content(row)},
        "responses": calls::responses(row.effect),
        "x-effect": effect,
        "x-repeatable": repeatable,
    })
}

/// Whether the body is required. A query without required fields needs none.
fn needs_body(row: &Operation<'_>) -> bool {
    let empty = Json::parse(b"{}").map(|body| operation::check(row, &body).is_empty());
    row.effect != Effect::Query || row.file.is_some() || empty != Ok(true)
}

fn description(row: &Operation<'_>) -> String {
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
        said.push("Instead of `file`, the partner's own field, which is `base64_field` of the connection, may hold the base64.".to_owned());
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

/// The ERP's request body: JSON, or a form with the file in it where the operation takes one.
fn content(row: &Operation<'_>) -> Value {
    let schema = parts::schema(&name(row));
    let mut example: Value = serde_json::from_str(row.example).unwrap_or_default();
    let Some(place) = row.file else { return json!({"application/json": {"schema": schema, "example": example}}) };
    if let Some(example) = example.as_object_mut() {
        let file = json!({"name": "documents.zip", "content_type": "application/zip", "base64": EMPTY_ZIP});
        example.insert("file".to_owned(), file);
    }
    let goes = match place {
        FilePlace::Part => "goes to the partner unchanged",
        FilePlace::Base64 => "goes to the partner as base64",
    };
    let file = json!({
        // Generators know binary parts by this format, JSON Schema by the media type.
        "type": "string", "format": "binary", "contentMediaType": "application/octet-stream",
        "description": format!("The file, with its name and media type. It {goes}."),
    });
    let fields = json!({
        "type": "object", "description": "All fields at once, in place of one part for each.",
    });
    let form = json!({
        "type": "object", "required": ["file"], "properties": {"file": file, "body": fields},
        "additionalProperties": {"type": "string", "description": "A field of the operation."},
    });
    json!({
        "application/json": {"schema": schema, "example": example},
        "multipart/form-data": {"schema": form, "encoding": {"body": {"contentType": "application/json"}}},
    })
}

const EMPTY_ZIP: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

fn body(row: &Operation<'_>) -> Value {
    let mut object = json!(field::object(row.fields, row.rules));
    if row.file.is_some() {
        let needed = object.get("required").and_then(Value::as_array).into_iter().flatten().cloned();
        let needed = needed.chain(["file".into()]).collect();
        let file = parts::schema(if row.file == Some(FilePlace::Base64) { "EnclosureOrBase64" } else { "Enclosure" });
        object = parts::within(object, "properties", [("file".to_owned(), file)]);
        object = parts::with(object, "required", needed);
    }
    let schema = match row.shape {
        Shape::Any => json!({}),
        Shape::Object => object,
        Shape::Array => json!({"type": "array", "minItems": 1, "items": object}),
    };
    parts::with(schema, "description", format!("{}.", row.source).into())
}
