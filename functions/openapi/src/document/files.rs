//! The paths of files.

use api::contract::{FileAddress, FilesPage};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given, parameter};

const LIST_PROBLEMS: [&str; 6] = ["400", "401", "404", "405", "500", "503"];
const READ_PROBLEMS: [&str; 5] = ["401", "404", "405", "500", "503"];

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 2] {
    let hash = given("path", "hash", "The hash of the content: SHA-256 as 64 hex digits.", &json!({"type": "string"}));
    [
        ("/files".to_owned(), json!({"get": list(schemas)})),
        ("/files/{hash}".to_owned(), json!({"parameters": [hash], "get": content(schemas)})),
    ]
}

fn list(schemas: &mut Schemas) -> Value {
    let state = json!({
        "name": "state", "in": "query", "required": true, "schema": {"type": "string", "enum": ["waiting", "lost"]},
        "description": "`waiting`: events and answers with files that are still to be fetched. `lost`: those of which all attempts are \
                        over and some files were given up.",
    });
    let text = json!({"type": "string", "minLength": 1});
    let connection = given("query", "connection", "Only files of this connection.", &text);
    json!({
        "operationId": "list_files",
        "tags": ["files"],
        "summary": "Lists files that are waited for, or that were given up",
        "description": "All files of an event or an answer are listed together, those that are kept included.",
        "parameters": [state, connection, parameter("from"), parameter("limit")],
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<FilesPage>()))], &LIST_PROBLEMS),
    })
}

fn content(schemas: &mut Schemas) -> Value {
    let binary = json!({"schema": {"type": "string", "format": "binary"}});
    let disposition =
        json!({"description": "`attachment`: it is to be saved, not shown.", "schema": {"type": "string"}});
    let location = json!({
        "description": "The address, for five minutes. It needs no key.", "schema": {"type": "string", "format": "uri"},
    });
    let found = json!({
        "description": "The content, as it was fetched. Its media type is told by its first bytes. On AWS, with `Accept: application/json`: \
                        its address.",
        "headers": {"Content-Disposition": disposition},
        "content": {"application/octet-stream": binary, "application/json": {"schema": schemas.answer::<FileAddress>()}},
    });
    let moved = json!({
        "description": "On AWS: the address of the content, in S3. What follows it must not send its key there.",
        "headers": {"Location": location},
    });
    json!({
        "operationId": "get_file",
        "tags": ["files"],
        "summary": "The content of a kept file, for keys that see an event or a shipment that names it",
        "responses": parts::responses([("200", found), ("302", moved)], &READ_PROBLEMS),
    })
}
