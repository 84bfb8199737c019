//! The paths of calls: asking for any operation by its name, and what became of it.

use api::contract::{Calls, Resolution, Retry};
use partners::operation::Effect;
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given, parameter, schema};

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 5] {
    let id = given("path", "id", "The call's id.", &schema("Id"));
    [
        ("/calls/{connection}/{operation}".to_owned(), json!({"post": call()})),
        ("/calls".to_owned(), json!({"get": list(schemas)})),
        ("/calls/{id}".to_owned(), json!({"parameters": [id], "get": one()})),
        ("/calls/{id}/resolve".to_owned(), json!({"parameters": [id], "post": resolve(schemas)})),
        ("/calls/{id}/retry".to_owned(), json!({"parameters": [id], "post": retry(schemas)})),
    ]
}

/// What an operation is answered with.
pub(crate) fn responses(effect: Effect) -> Value {
    match effect {
        Effect::Query => {
            let own = as_it_came("The partner's own answer, as it came.");
            let problems = ["400", "401", "404", "405", "408", "413", "422", "429", "500", "502", "503"];
            parts::responses([("200", own)], &problems)
        }
        Effect::Command { .. } => {
            let ended =
                stored("The call has ended: within the time of `Prefer: wait`, or when it was asked for before.");
            let problems = ["400", "401", "404", "405", "408", "409", "413", "500", "503"];
            parts::responses([("200", ended), ("202", stored(TAKEN))], &problems)
        }
    }
}

const TAKEN: &str = "The call is stored and on its way. Read what becomes of it at `Location`.";

fn as_it_came(description: &str) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": {}}}})
}

fn stored(description: &str) -> Value {
    let location = json!({"Location": {"$ref": "#/components/headers/Location"}});
    parts::with(answer(description, &schema("CallRecord")), "headers", location)
}

fn call() -> Value {
    let operation = "The operation's name. Those with a path of their own are described there. Of Yanwen's families \
                     `s3.`, `express.` and `common.` any method can be called, as a command not safe to repeat.";
    let either = as_it_came(
        "Of a command the call, which has ended within the time of `Prefer: wait`; of a query the partner's own \
         answer, as it came.",
    );
    let problems = ["400", "401", "404", "405", "408", "409", "413", "422", "429", "500", "502", "503"];
    json!({
        "operationId": "call",
        "tags": ["calls"],
        "summary": "Calls any operation of a partner by its name",
        "parameters": [
            parameter("connection"),
            given("path", "operation", operation, &json!({"type": "string"})),
            parts::with(parts::idempotency_key("A command needs one."), "required", false.into()),
            parameter("Prefer"),
        ],
        "requestBody": {
            "required": false,
            "description": "A command needs one, `{}` where it has no fields; a query that needs no field needs none.",
            "content": {"application/json": {"schema": {}, "example": {}}},
        },
        "responses": parts::responses([("200", either), ("202", stored(TAKEN))], &problems),
    })
}

fn list(schemas: &mut Schemas) -> Value {
    let text = json!({"type": "string", "minLength": 1});
    json!({
        "operationId": "list_calls",
        "tags": ["calls"],
        "summary": "Calls of a subject, or in a state",
        "description": "Without `subject` and `state`, all that are open: queued, failed or ambiguous. Calls that succeeded are found \
                        by their subject. Those of a subject, and those that are queued, are one page, without `from`; where \
                        nothing is asked for, those that are queued stand before the first page of the others.",
        "parameters": [
            given("query", "connection", "Of this connection only.", &text),
            given("query", "subject", "About this subject or alias only, such as `order:SO-1`.", &text),
            given("query", "state", "In this state only.", &schema("CallState")),
            parameter("from"),
            parameter("limit"),
        ],
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<Calls>()))], &["400", "401", "404", "405", "500", "503"]),
    })
}

fn one() -> Value {
    json!({
        "operationId": "get_call",
        "tags": ["calls"],
        "summary": "One call with its request, every attempt and the partner's answer as it came",
        "responses": parts::responses(
            [("200", answer("The call.", &schema("CallRecord")))],
            &["400", "401", "404", "405", "500", "503"],
        ),
    })
}

fn resolve(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "resolve_call",
        "tags": ["calls"],
        "summary": "Decides about a call that is ambiguous: it was sent, and nobody knows what the partner made of it",
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": schemas.request::<Resolution>(), "example": {"decision": "done"}}},
        },
        "responses": parts::responses(
            [("200", answer("The call after the decision.", &schema("CallRecord")))],
            &["400", "401", "404", "405", "408", "409", "413", "500", "503"],
        ),
    })
}

fn retry(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "retry_call",
        "tags": ["calls"],
        "summary": "Ends the wait of a queued call, be it for a retry, for an open circuit, for its turn at the \
                    connection's rate or because the partner asked for patience: it is sent now",
        "requestBody": {"content": {"application/json": {"schema": schemas.request::<Retry>(), "example": {"dry_run": false}}}},
        "responses": parts::responses(
            [("200", answer("The call, due now.", &schema("CallRecord")))],
            &["400", "401", "404", "405", "408", "409", "413", "500", "503"],
        ),
    })
}
