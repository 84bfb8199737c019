//! A path for each operation that a partner offers, so that each has its own body, example and page.

use partners::operation::document::{self, description, needs_body};
use partners::operation::{self, Effect, FilePlace, Operation};
use serde_json::{Value, json};

use super::{calls, parts};

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
    document::body(row, |place| {
        parts::schema(if place == FilePlace::Base64 { "EnclosureOrBase64" } else { "Enclosure" })
    })
}
