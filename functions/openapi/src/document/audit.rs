//! The paths of keys, their actions and the configuration.

use api::contract::Me;
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer};

/// The paths, each with its item.
pub(crate) fn paths(schemas: &mut Schemas) -> [(String, Value); 1] {
    [("/me".to_owned(), json!({"get": me(schemas)}))]
}

fn me(schemas: &mut Schemas) -> Value {
    json!({
        "operationId": "get_me",
        "tags": ["audit"],
        "summary": "The role and the connections of the key that asks",
        "responses": parts::responses([("200", answer("The key.", &schemas.answer::<Me<'_>>()))], &["400", "401", "405", "500", "503"]),
    })
}
