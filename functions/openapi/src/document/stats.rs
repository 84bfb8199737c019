//! The paths of connections, endpoints and statistics.

use api::contract::stats::{
    ConnectionTest, ConnectionTested, Connections, EndpointTested, Endpoints, Ledger, Operations, PushUrls, Statistics,
};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given};

const READ_PROBLEMS: [&str; 5] = ["400", "401", "405", "500", "503"];
const FIND_PROBLEMS: [&str; 6] = ["400", "401", "404", "405", "500", "503"];
const TEST_PROBLEMS: [&str; 8] = ["400", "401", "404", "405", "408", "413", "500", "503"];

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 8] {
    let id = |what: &str| {
        let text = format!("The id of a configured {what}.");
        given("path", "id", &text, &json!({"type": "string", "pattern": "^[a-z0-9-]+$"}))
    };
    let (connection, endpoint) = ([id("connection")], [id("endpoint")]);
    [
        ("/stats".to_owned(), json!({"get": statistics(schemas)})),
        ("/ledger".to_owned(), json!({"get": ledger(schemas)})),
        ("/connections".to_owned(), json!({"get": connections(schemas)})),
        (
            "/connections/{id}/operations".to_owned(),
            json!({"parameters": connection, "get": connection_operations(schemas)}),
        ),
        ("/connections/{id}/urls".to_owned(), json!({"parameters": connection, "get": urls(schemas)})),
        ("/connections/{id}/test".to_owned(), json!({"parameters": connection, "post": test_connection(schemas)})),
        ("/endpoints".to_owned(), json!({"get": endpoints(schemas)})),
        ("/endpoints/{id}/test".to_owned(), json!({"parameters": endpoint, "post": test_endpoint(schemas)})),
    ]
}

fn statistics(schemas: &mut Schemas) -> Value {
    let time = |name: &str, description: &str| {
        given("query", name, description, &json!({"type": "string", "format": "date-time"}))
    };
    let parameters = [
        time("since", "The beginning, by default 24 hours before the end. It is rounded down to a full step."),
        time("until", "The end, by default now, within a week of the beginning. It is rounded up to a full step."),
        given(
            "query",
            "connection",
            "Only this connection, and the endpoints that receive its events.",
            &json!({"type": "string", "minLength": 1}),
        ),
    ];
    json!({
        "operationId": "get_statistics",
        "tags": ["state"],
        "summary": "Numbers of pushes, calls and deliveries and their times, by steps of ten minutes",
        "parameters": parameters,
        "responses": parts::responses([("200", answer("The statistics.", &schemas.answer::<Statistics>()))], &FIND_PROBLEMS),
    })
}

fn ledger(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "get_ledger",
        "tags": ["state"],
        "summary": "The ledger of each connection. On AWS it reads the whole table",
        "responses": parts::responses([("200", answer("The ledger.", &schemas.answer::<Ledger>()))], &READ_PROBLEMS),
    })
}

fn connections(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "list_connections",
        "tags": ["state"],
        "summary": "The connections and their state",
        "responses": parts::responses([("200", answer("The connections.", &schemas.answer::<Connections>()))], &READ_PROBLEMS),
    })
}

fn connection_operations(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "list_connection_operations",
        "tags": ["state"],
        "summary": "What can be called through a connection, also of a partner that the configuration describes",
        "responses": parts::responses([("200", answer("The operations.", &schemas.answer::<Operations>()))], &FIND_PROBLEMS),
    })
}

fn urls(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "list_connection_urls",
        "tags": ["state"],
        "summary": "The URLs that the partner of a connection pushes to, with the connection's key in them",
        "responses": parts::responses([("200", answer("The URLs.", &schemas.answer::<PushUrls>()))], &FIND_PROBLEMS),
    })
}

fn test_connection(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "test_connection",
        "tags": ["state"],
        "summary": "Pushes an example as the partner would: it is received, stored, delivered and counted like any push",
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": schemas.request::<ConnectionTest>(), "example": {"action": "syn_status"},
        }}},
        "responses": parts::responses([("200", answer("The answer that the partner would get.", &schemas.answer::<ConnectionTested>()))], &TEST_PROBLEMS),
    })
}

fn endpoints(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "list_endpoints",
        "tags": ["state"],
        "summary": "The endpoints and their state",
        "responses": parts::responses([("200", answer("The endpoints.", &schemas.answer::<Endpoints>()))], &READ_PROBLEMS),
    })
}

fn test_endpoint(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "test_endpoint",
        "tags": ["state"],
        "summary": "Sends a signed event of the type `tongguan.test` to an endpoint, once; it is not stored and not in the ledger",
        "responses": parts::responses([("200", answer("The endpoint's answer.", &schemas.answer::<EndpointTested>()))], &["400", "401", "404", "405", "408", "409", "413", "500", "503"]),
    })
}
