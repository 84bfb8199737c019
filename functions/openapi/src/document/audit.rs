//! The paths of keys, their actions and the configuration.

use api::contract::{Audit, FoundConfiguration, Me};
use hub::audit::Action;
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given, parameter};

const PROBLEMS: [&str; 5] = ["400", "401", "405", "500", "503"];

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 3] {
    [
        ("/me".to_owned(), json!({"get": me(schemas)})),
        ("/audit".to_owned(), json!({"get": trail(schemas)})),
        ("/configuration".to_owned(), json!({"get": configuration(schemas)})),
    ]
}

fn me(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "get_me",
        "tags": ["audit"],
        "summary": "The role and the connections of the key that asks",
        "responses": parts::responses([("200", answer("The key.", &schemas.answer::<Me<'_>>()))], &PROBLEMS),
    })
}

fn trail(schemas: &mut Schemas) -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    let text = json!({"type": "string", "minLength": 1});
    json!({
        "operationId": "list_audit",
        "tags": ["audit"],
        "summary": "What API keys have changed, latest first",
        "description": "Every change of deliveries and calls, and every command to a partner, has an entry, which is stored before it \
                        is done. Reading and dry runs have none.",
        "parameters": [
            given("query", "since", "The time of the earliest entry.", &time),
            given("query", "until", "The time that all entries are earlier than.", &time),
            given("query", "key", "Only entries of the API key with this id.", &text),
            given("query", "action", "Only entries of this action.", &json!({"type": "string", "enum": Action::ALL.map(Action::name)})),
            given(
                "query",
                "number",
                "Only entries that touched what is known under this business key, such as `order:SO-1`; a value without a kind is \
                 tried as each kind. The latest 100.",
                &text,
            ),
            parameter("from"),
            parameter("limit"),
        ],
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<Audit>()))], &PROBLEMS),
    })
}

fn configuration(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "get_configuration",
        "tags": ["audit"],
        "summary": "The configuration without its secrets, as far as the key may see it",
        "responses": parts::responses([("200", answer("The configuration.", &schemas.answer::<FoundConfiguration>()))], &PROBLEMS),
    })
}
