//! The paths of events and deliveries, and the request that the ERP receives.

use api::contract::{Confirm, Confirmed, FailedDeliveries, FoundEvent, Replay, Replayed, Timeline};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::lists;
use super::parts::{self, answer, given, parameter, schema};

const CHANGE_PROBLEMS: [&str; 8] = ["400", "401", "403", "405", "408", "413", "500", "503"];
const READ_PROBLEMS: [&str; 6] = ["400", "401", "404", "405", "500", "503"];

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 8] {
    let subject = given(
        "path",
        "subject",
        "A subject or an alias, such as `order:SO-1` or `bl:COSU6123456780`, percent-encoded.",
        &json!({"type": "string"}),
    );
    let id = given("path", "id", "The event's id.", &schema("Id"));
    let timeline = json!({"parameters": [parameter("connection"), subject], "get": timeline(schemas)});
    let event = json!({"parameters": [parameter("connection"), subject, id], "get": event(schemas)});
    [
        ("/events".to_owned(), json!({"get": lists::events(schemas)})),
        ("/deliveries".to_owned(), json!({"get": lists::deliveries(schemas)})),
        ("/deliveries/failed".to_owned(), json!({"get": failed(schemas)})),
        ("/deliveries/confirm".to_owned(), json!({"post": confirm(schemas)})),
        ("/deliveries/replay".to_owned(), json!({"post": replay(schemas)})),
        ("/events/{connection}/{subject}".to_owned(), timeline),
        ("/events/{connection}/{subject}/{id}".to_owned(), event),
        ("/openapi.json".to_owned(), json!({"get": this()})),
    ]
}

fn failed(schemas: &mut Schemas) -> Value {
    let endpoint = given(
        "query",
        "endpoint",
        "Only deliveries to this endpoint: one that is configured, or that has a delivery in the list.",
        &json!({"type": "string", "minLength": 1}),
    );
    json!({
        "operationId": "list_failed_deliveries",
        "tags": ["deliveries"],
        "summary": "Lists failed deliveries",
        "parameters": [endpoint, parameter("from"), parameter("limit")],
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<FailedDeliveries>()))], &READ_PROBLEMS),
    })
}

fn confirm(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "confirm_deliveries",
        "tags": ["deliveries"],
        "summary": "Confirms failed deliveries, which are then no longer listed",
        "requestBody": sent(&schemas.request::<Confirm>(), &json!({"endpoint": "erp", "cutoff": "2026-11-22T15:03:28.919588Z"})),
        "responses": parts::responses([("200", answer("The confirmed deliveries.", &schemas.answer::<Confirmed>()))], &CHANGE_PROBLEMS),
    })
}

fn replay(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "replay_deliveries",
        "tags": ["deliveries"],
        "summary": "Restarts deliveries, or sends pending ones now; changes something only with \"dry_run\": false",
        "requestBody": sent(&schemas.request::<Replay>(), &json!({"endpoint": "erp", "dry_run": true})),
        "responses": parts::responses([("200", answer("The deliveries that were replayed or, in a dry run, would be.", &schemas.answer::<Replayed>()))], &CHANGE_PROBLEMS),
    })
}

fn sent(schema: &Value, example: &Value) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema, "example": example}}})
}

fn timeline(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "list_events",
        "tags": ["events"],
        "summary": "The events of a subject in the order in which they were received, with their deliveries",
        "responses": parts::responses([("200", answer("The events, if any.", &schemas.answer::<Timeline>()))], &READ_PROBLEMS),
    })
}

fn event(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "get_event",
        "tags": ["events"],
        "summary": "One event with its payload, untouched, and its deliveries",
        "responses": parts::responses([("200", answer("The event.", &schemas.answer::<FoundEvent<'_>>()))], &READ_PROBLEMS),
    })
}

fn this() -> Value {
    json!({
        "operationId": "get_openapi",
        "tags": ["openapi"],
        "summary": "This document",
        "security": [],
        "responses": parts::responses([("200", answer("The document.", &json!({"type": "object"})))], &["400", "405"]),
    })
}

/// The request that the hub posts to an endpoint of the ERP, in the format `cloudevents`.
pub(crate) fn webhook() -> Value {
    let header = |name: &str, pattern: &str, description: &str| {
        let schema = json!({"type": "string", "pattern": pattern});
        json!({"name": name, "in": "header", "required": true, "description": description, "schema": schema})
    };
    let label = |name: &str, description: &str| {
        header(
            name,
            "^[!-~]*$",
            &format!(
                "{description}, percent-encoded where it is not visible ASCII, 1,024 bytes at the \
                                            most. Not signed."
            ),
        )
    };
    json!({"post": {
        "operationId": "receive_event",
        // Not the tag of a path: generators make one class of a tag, and this one would take the place of the other.
        "tags": ["receiver"],
        "summary": "An event as an endpoint of the ERP receives it",
        "description": "Signed by the Standard Webhooks convention: id, timestamp and body, no other header. With `format = \
                        \"raw\"` an endpoint instead receives the partner's bytes and content type unchanged, and the ends \
                        of calls only where its `types` name them. The same event may be delivered again, with the same \
                        `webhook-id`.",
        "security": [],
        "parameters": [
            header("webhook-id", "^[0-9a-f]{48}$", "The event's id, the same in each attempt."),
            header("webhook-timestamp", "^[0-9]+$", "The time of this attempt, in seconds since 1970."),
            label("tongguan-type", "The event's type"),
            label("tongguan-subject", "Its subject"),
            label("tongguan-source", "The connection"),
            header(
                "webhook-signature",
                "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
                "`v1,` and the base64 of the HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`; one for each \
                 secret of the endpoint, with a space between them.",
            ),
        ],
        "requestBody": {"required": true, "content": {"application/cloudevents+json": {"schema": schema("Event")}}},
        "responses": {
            "2XX": {"description": "The ERP has accepted the event."},
            "default": {"description": "The ERP has not accepted the event, which is sent again by the endpoint's retry schedule."},
        },
    }})
}
