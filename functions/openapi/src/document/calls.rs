//! The paths of calls: request any operation by its name, read its state, decide and retry.

use api::contract::{Calls, Resolution, Retry};
use partners::operation::Effect;
use serde_json::{Value, json};

use super::derived::Schemas;
use super::lists;
use super::parts::{self, answer, given, parameter, schema};

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 6] {
    let id = given("path", "id", "The call's id.", &schema("Id"));
    [
        ("/calls/{connection}/{operation}".to_owned(), json!({"post": call()})),
        ("/calls".to_owned(), json!({"get": list(schemas)})),
        ("/calls/{id}".to_owned(), json!({"parameters": [id], "get": one()})),
        ("/calls/{id}/cancel".to_owned(), json!({"parameters": [id], "post": cancel()})),
        ("/calls/{id}/resolve".to_owned(), json!({"parameters": [id], "post": resolve(schemas)})),
        ("/calls/{id}/retry".to_owned(), json!({"parameters": [id], "post": retry(schemas)})),
    ]
}

/// The responses of an operation.
pub(crate) fn responses(effect: Effect) -> Value {
    match effect {
        Effect::Query => {
            let own = as_it_came("The partner's own answer, unchanged.");
            let problems = ["400", "401", "403", "404", "405", "408", "413", "422", "429", "500", "502", "503"];
            parts::responses([("200", own)], &problems)
        }
        Effect::Command { .. } => {
            let ended = stored(
                "The call has ended: within the time of `Prefer: wait`, or after an earlier request with its key.",
            );
            let problems = ["400", "401", "403", "404", "405", "408", "409", "413", "500", "503"];
            parts::responses([("200", ended), ("202", stored(TAKEN))], &problems)
        }
    }
}

const TAKEN: &str = "The call is stored and will be sent. Read its state at `Location`.";

fn as_it_came(description: &str) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": {}}}})
}

fn stored(description: &str) -> Value {
    let location = json!({"Location": {"$ref": "#/components/headers/Location"}});
    parts::with(answer(description, &schema("CallRecord")), "headers", location)
}

fn call() -> Value {
    let operation = "The operation's name. Operations with a path of their own are described there. Of Yanwen's families \
                     `s3.`, `express.` and `common.` any method can be called, as a command that is not safe to repeat.";
    let either = as_it_came(
        "For a command, the call, which has ended within the time of `Prefer: wait`. For a query, the partner's own \
         answer, unchanged.",
    );
    let problems = ["400", "401", "403", "404", "405", "408", "409", "413", "422", "429", "500", "502", "503"];
    json!({
        "operationId": "call",
        "tags": ["calls"],
        "summary": "Calls any operation of a partner by its name",
        "parameters": [
            parameter("connection"),
            given("path", "operation", operation, &json!({"type": "string"})),
            parts::with(parts::idempotency_key("Required for a command."), "required", false.into()),
            parameter("Prefer"),
        ],
        "requestBody": {
            "required": false,
            "description": "Required for a command, `{}` where it has no fields. Optional for a query without required fields.",
            "content": {"application/json": {"schema": {}, "example": {}}},
        },
        "responses": parts::responses([("200", either), ("202", stored(TAKEN))], &problems),
    })
}

fn list(schemas: &mut Schemas) -> Value {
    let text = json!({"type": "string", "minLength": 1});
    let mut parameters = vec![
        given("query", "connection", "Only calls of this connection.", &text),
        given("query", "subject", "Only calls with this subject or alias, such as `order:SO-1`.", &text),
        lists::number(),
        given("query", "operation", "Only calls of this operation, such as `upload`.", &text),
        given("query", "state", "Only calls in this state.", &schema("CallState")),
    ];
    parameters.extend(lists::times());
    parameters.extend([parameter("from"), parameter("limit")]);
    json!({
        "operationId": "list_calls",
        "tags": ["calls"],
        "summary": "Calls of a subject or a number, in a state, or by time",
        "description": "Without `subject`, `number`, `state`, `since` and `until`, all open calls: queued, failed or ambiguous. The calls of a \
                        subject, and the queued calls, are one page and take no `from`. Without a filter, the queued calls precede the first \
                        page of the others. With `since` or `until` and no `state`, and with `state` `succeeded` or `cancelled`, the calls \
                        come in the order of their acceptance, the newest first, and a page may have fewer than `limit`, or none, and a \
                        `next`; with `recent_events = false` in the configuration that is a 409 `recent-off`.",
        "parameters": parameters,
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<Calls>()))], &["400", "401", "404", "405", "409", "500", "503"]),
    })
}

fn one() -> Value {
    json!({
        "operationId": "get_call",
        "tags": ["calls"],
        "summary": "One call with its request, its latest attempts and the partner's answer",
        "responses": parts::responses(
            [("200", answer("The call.", &schema("CallRecord")))],
            &["400", "401", "404", "405", "500", "503"],
        ),
    })
}

fn cancel() -> Value {
    json!({
        "operationId": "cancel_call",
        "tags": ["calls"],
        "summary": "Cancels a queued call that is not being sent",
        "responses": parts::responses(
            [("200", answer("The call, cancelled.", &schema("CallRecord")))],
            &["400", "401", "403", "404", "405", "408", "409", "413", "500", "503"],
        ),
    })
}

fn resolve(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "resolve_call",
        "tags": ["calls"],
        "summary": "Decides about an ambiguous call: it was sent, and no answer says whether the partner executed it",
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": schemas.request::<Resolution>(), "example": {"decision": "done"}}},
        },
        "responses": parts::responses(
            [("200", answer("The call after the decision.", &schema("CallRecord")))],
            &["400", "401", "403", "404", "405", "408", "409", "413", "500", "503"],
        ),
    })
}

fn retry(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "retry_call",
        "tags": ["calls"],
        "summary": "Sends a queued call now, whether it waits for a retry, for an open circuit, for the connection's rate \
                    limit or for the partner's `Retry-After`",
        "requestBody": {"content": {"application/json": {"schema": schemas.request::<Retry>(), "example": {"dry_run": false}}}},
        "responses": parts::responses(
            [("200", answer("The call, due now.", &schema("CallRecord")))],
            &["400", "401", "403", "404", "405", "408", "409", "413", "500", "503"],
        ),
    })
}
