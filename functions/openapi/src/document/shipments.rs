//! The paths of shipments.

use api::contract::{Shipment, Shipments};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given, parameter};

const LIST_PROBLEMS: [&str; 5] = ["400", "401", "405", "500", "503"];
const READ_PROBLEMS: [&str; 6] = ["400", "401", "404", "405", "500", "503"];

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 3] {
    let key = given(
        "path",
        "key",
        "A business key, such as `order:SO-1`, `bl:COSU6123456780` or `container:MSKU1234567`; a value without a kind is tried \
         as each kind. Percent-encoded.",
        &json!({"type": "string"}),
    );
    [
        ("/shipments".to_owned(), json!({"get": list(schemas)})),
        ("/shipments/{key}".to_owned(), json!({"parameters": [key.clone()], "get": one(schemas)})),
        ("/shipments/{key}/evidence".to_owned(), json!({"parameters": [key], "get": evidence()})),
    ]
}

fn list(schemas: &mut Schemas) -> Value {
    let state = json!({
        "name": "state", "in": "query", "required": true, "schema": {"type": "string", "enum": ["open", "failed", "quiet"]},
        "description": "`open`: a delivery is pending or a call is queued. `failed`: a delivery failed and is not confirmed, or a \
                        call failed or is ambiguous. `quiet`: a watch has reported that no news comes.",
    });
    json!({
        "operationId": "list_shipments",
        "tags": ["shipments"],
        "summary": "Lists shipments with unfinished or failed work, or without news",
        "parameters": [state, parameter("from"), parameter("limit")],
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<Shipments>()))], &LIST_PROBLEMS),
    })
}

fn one(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "get_shipment",
        "tags": ["shipments"],
        "summary": "A shipment by any of its business keys, with its milestones, events, calls and deliveries",
        "parameters": [parameter("from"), parameter("limit")],
        "responses": parts::responses([("200", answer("The shipment, with a page of its events.", &schemas.answer::<Shipment>()))], &READ_PROBLEMS),
    })
}

fn evidence() -> Value {
    let limit = json!({
        "name": "limit", "in": "query", "required": false, "description": "The largest number of events and calls in the file.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 1_000},
    });
    let link = json!({
        "description": "Where more follows: `<?from=…>; rel=\"next\"`, relative to the address of the request.",
        "schema": {"type": "string"},
    });
    let zip = json!({
        "description": "A zip of raw pushes, deliveries, calls, answers and entries of the audit trail, with a manifest of digests, \
                        which `tongguan verify` checks. A long shipment comes in parts, of which each continues the chain of the \
                        one before. The audit trail keeps the head of each.",
        "headers": {"Link": link},
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    });
    json!({
        "operationId": "get_shipment_evidence",
        "tags": ["shipments"],
        "summary": "The evidence of a shipment: a file in which a later change is found",
        "parameters": [parameter("from"), limit],
        "responses": parts::responses([("200", zip)], &READ_PROBLEMS),
    })
}
