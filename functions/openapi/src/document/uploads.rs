//! The path of uploads. Where their content goes is told by its answer, and is no path of this document.

use api::contract::{BegunUpload, NewUpload};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer};

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 1] {
    let example = json!({
        "name": "documents.zip", "bytes": 62_914_560,
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    });
    let body = json!({"schema": schemas.request::<NewUpload>(), "example": example});
    let begin = json!({
        "operationId": "begin_upload",
        "tags": ["calls"],
        "summary": "Begins to send a file ahead of the call that names it",
        "description": "For files of up to 100 MiB: the body of a call ends at 6 MB. The content goes to `put.url`, as the body of that \
                        request; then a call has `\"file\": {\"upload\": \"<id>\"}`. Nothing else than the announced content is taken. \
                        Several calls may name one upload; what a call names is kept with it.",
        "requestBody": {"required": true, "content": {"application/json": body}},
        "responses": parts::responses(
            [("201", answer("The id, and where the content goes.", &schemas.answer::<BegunUpload>()))],
            &["400", "401", "403", "404", "405", "408", "413", "500", "503"],
        ),
    });
    [("/uploads".to_owned(), json!({"post": begin}))]
}
