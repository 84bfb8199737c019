//! The paths of pull endpoints.

use api::contract::pull::{LeasedEvent, Receipts, RedeemedReceipts};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given};

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 3] {
    let id = given("path", "id", "The id of an endpoint with `pull = true`.", &json!({"type": "string"}));
    let acknowledge = redeem(
        schemas,
        "acknowledge_events",
        "Settles leased deliveries: they are delivered",
        "Each receipt by itself; repeating it changes nothing. A receipt whose lease is over counts as long as nobody else has leased the \
         event since.",
    );
    let release = redeem(
        schemas,
        "release_events",
        "Gives leased deliveries back, to be leased at once",
        "Each receipt by itself.",
    );
    [
        ("/endpoints/{id}/events".to_owned(), json!({"parameters": [id], "get": lease(schemas)})),
        ("/endpoints/{id}/acknowledge".to_owned(), json!({"parameters": [id], "post": acknowledge})),
        ("/endpoints/{id}/release".to_owned(), json!({"parameters": [id], "post": release})),
    ]
}

fn lease(schemas: &mut Schemas) -> Value {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 100});
    let wait = json!({"type": "integer", "minimum": 0, "maximum": 20, "default": 0});
    let batch = json!({"type": "array", "maxItems": 100, "items": schemas.answer::<LeasedEvent<'_>>()});
    let content = json!({"application/cloudevents-batch+json": {"schema": batch}});
    let events = json!({"description": "The leased events, the earliest first; none where none came in time.", "content": content});
    json!({
        "operationId": "lease_events",
        "tags": ["pull"],
        "summary": "Leases events, as a CloudEvents batch with a receipt for each",
        "description": "What is not acknowledged by its `leaseduntil` comes again. The events take about 3 MB at the most; a larger one \
                        comes alone. With `order = \"subject\"` one event of a subject is leased at a time.",
        "parameters": [
            given("query", "limit", "The largest number of events.", &limit),
            given("query", "wait", "The longest wait for events while there are none, in seconds.", &wait),
        ],
        "responses": parts::responses([("200", events)], &["400", "401", "403", "404", "405", "409", "500", "503"]),
    })
}

fn redeem(schemas: &mut Schemas, id: &str, summary: &str, description: &str) -> Value {
    let body = json!({"schema": schemas.request::<Receipts>(), "example": {"receipts": []}});
    json!({
        "operationId": id,
        "tags": ["pull"],
        "summary": summary,
        "description": description,
        "requestBody": {"required": true, "content": {"application/json": body}},
        "responses": parts::responses(
            [("200", answer("The state of each receipt.", &schemas.answer::<RedeemedReceipts>()))],
            &["400", "401", "403", "404", "405", "408", "409", "413", "500", "503"],
        ),
    })
}
