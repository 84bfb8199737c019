//! The paths of events and of the hub's own deliveries, and what the ERP receives.

use serde_json::{Value, json};

use crate::parts::{self, answer, given, parameter, schema};

const CHANGE_PROBLEMS: [&str; 7] = ["400", "401", "405", "408", "413", "500", "503"];
const READ_PROBLEMS: [&str; 6] = ["400", "401", "404", "405", "500", "503"];

/// The paths, each with its item.
pub(crate) fn paths() -> [(String, Value); 6] {
    let subject = given(
        "path",
        "subject",
        "A subject or an alias, such as `order:SO-1` or `bl:COSU6123456780`, percent-encoded.",
        &json!({"type": "string"}),
    );
    let id = given("path", "id", "The event's id.", &schema("Id"));
    let timeline = json!({"parameters": [parameter("connection"), subject], "get": timeline()});
    let event = json!({"parameters": [parameter("connection"), subject, id], "get": event()});
    [
        ("/deliveries/failed".to_owned(), json!({"get": failed()})),
        ("/deliveries/confirm".to_owned(), json!({"post": confirm()})),
        ("/deliveries/replay".to_owned(), json!({"post": replay()})),
        ("/events/{connection}/{subject}".to_owned(), timeline),
        ("/events/{connection}/{subject}/{id}".to_owned(), event),
        ("/openapi.json".to_owned(), json!({"get": this()})),
    ]
}

fn failed() -> Value {
    let page = json!({
        "type": "object",
        "required": ["as_of", "items", "next"],
        "properties": {
            "as_of": {
                "type": "string", "format": "date-time",
                "description": "The `cutoff` that confirms nothing that this list does not show: half a minute before \
                                it was read, because what has just failed may not be listed yet. Of several pages the \
                                first one's holds.",
            },
            "items": {"type": "array", "items": schema("FailedDelivery")},
            "next": schema("Next"),
        },
    });
    let endpoint = given(
        "query",
        "endpoint",
        "To this endpoint only: one that is configured, or that something is listed for.",
        &json!({"type": "string", "minLength": 1}),
    );
    json!({
        "operationId": "list_failed_deliveries",
        "tags": ["deliveries"],
        "summary": "Failed deliveries by pages",
        "parameters": [endpoint, parameter("from"), parameter("limit")],
        "responses": parts::responses([("200", answer("A page.", &page))], &READ_PROBLEMS),
    })
}

fn confirm() -> Value {
    let asked = json!({
        "type": "object",
        "required": ["endpoint"],
        "properties": {
            "endpoint": {"type": "string", "description": "The id of an endpoint, configured or no longer."},
            "cutoff": {
                "type": "string", "format": "date-time",
                "description": "What failed later is left; the list's `as_of`. Now, where it is left out.",
            },
            "events": schema("EventKeys"),
            "from": from(),
        },
        "additionalProperties": false,
    });
    let done = changed(&json!({"confirmed": {"type": "integer", "description": "How many."}}));
    json!({
        "operationId": "confirm_deliveries",
        "tags": ["deliveries"],
        "summary": "Failed deliveries that have been seen become confirmed",
        "requestBody": sent(&asked, &json!({"endpoint": "erp", "cutoff": "2026-11-22T15:03:28.919588Z"})),
        "responses": parts::responses([("200", answer("What was confirmed.", &done))], &CHANGE_PROBLEMS),
    })
}

fn replay() -> Value {
    let asked = json!({
        "type": "object",
        "required": ["endpoint"],
        "properties": {
            "endpoint": {
                "type": "string",
                "description": "The id of a configured endpoint. Events that it does not want, by its `connections` and \
                                `types`, and has no delivery of are not replayed: they are in `unwanted`, and where all \
                                of `events` are, it is a 400.",
            },
            "dry_run": {"type": "boolean", "description": "Only tells which; true where it is left out."},
            "now": {
                "type": "boolean",
                "description": "Ends the wait of pending deliveries, be it for a retry, for an open circuit or because \
                                the endpoint asked for patience: they are sent now. Without `events`, every pending one \
                                of the endpoint. What is settled is left as it is.",
            },
            "events": schema("EventKeys"),
            "from": from(),
        },
        "additionalProperties": false,
    });
    let done = changed(&json!({
        "dry_run": {"type": "boolean"},
        "unwanted": {
            "type": "array", "items": schema("EventKey"),
            "description": "Which of `events` the endpoint does not want and has no delivery of: they were left out.",
        },
        "replayed": {"type": "integer", "description": "How many started over, or with `now` are sent now; 0 in a dry run."},
    }));
    json!({
        "operationId": "replay_deliveries",
        "tags": ["deliveries"],
        "summary": "Deliveries start over, or are sent now; without \"dry_run\": false it only tells which",
        "requestBody": sent(&asked, &json!({"endpoint": "erp", "dry_run": true})),
        "responses": parts::responses([("200", answer("What was or would be replayed.", &done))], &CHANGE_PROBLEMS),
    })
}

fn sent(schema: &Value, example: &Value) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema, "example": example}}})
}

fn from() -> Value {
    let description = "The `next` of the answer before, where that could not do all. It is taken for an hour, with the same key \
                       and the same members beside it.";
    json!({"type": "string", "description": description})
}

/// What a change is answered with: these members, the events, and where to go on.
fn changed(members: &Value) -> Value {
    let own = json!({"events": {"type": "array", "items": schema("EventKey")}, "next": schema("Next")});
    let members: serde_json::Map<_, _> = [members, &own]
        .into_iter()
        .filter_map(Value::as_object)
        .flatten()
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let required: Vec<_> = members.keys().collect();
    json!({"type": "object", "required": required, "properties": members})
}

fn timeline() -> Value {
    let found = json!({
        "type": "object",
        "required": ["connection", "items", "complete"],
        "properties": {
            "connection": {"type": "string"},
            "items": {"type": "array", "items": schema("ListedEvent")},
            "complete": {
                "type": "boolean",
                "description": "Whether that is all. Where it is not: the latest, of a thousand subjects at the most.",
            },
        },
    });
    json!({
        "operationId": "list_events",
        "tags": ["events"],
        "summary": "The events of a subject in the order of their reception, with their deliveries",
        "responses": parts::responses([("200", answer("The events, if any.", &found))], &READ_PROBLEMS),
    })
}

fn event() -> Value {
    let found = json!({
        "type": "object",
        "required": ["deliveries", "event"],
        "properties": {
            "deliveries": {"type": "array", "items": schema("Delivery")},
            "event": schema("Event"),
        },
    });
    json!({
        "operationId": "get_event",
        "tags": ["events"],
        "summary": "One event with its payload, untouched, and its deliveries",
        "responses": parts::responses([("200", answer("The event.", &found))], &READ_PROBLEMS),
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

/// What the hub posts to an endpoint of the ERP, in the format `cloudevents`.
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
                        \"raw\"` an endpoint receives the partner's bytes and content type as they came instead, and how \
                        calls ended only where its `types` name that. The same event may come again: its \
                        `webhook-id` is the same then.",
        "security": [],
        "parameters": [
            header("webhook-id", "^[0-9a-f]{48}$", "The same at each attempt."),
            header("webhook-timestamp", "^[0-9]+$", "Seconds since 1970 of this attempt."),
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
            "2XX": {"description": "The ERP has the event."},
            "default": {"description": "The ERP has not: it is sent again by the endpoint's schedule."},
        },
    }})
}
