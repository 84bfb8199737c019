//! The small pieces that every path is made of.

use serde_json::{Map, Value, json};

/// A reference to a schema of the components.
pub(crate) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A reference to a parameter of the components.
pub(crate) fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// An answer that is JSON of that schema.
pub(crate) fn answer(description: &str, schema: &Value) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

/// The answers of an operation: its own, and the problems of these statuses.
pub(crate) fn responses<const N: usize>(own: [(&str, Value); N], problems: &[&str]) -> Value {
    let problem = |status: &&str| {
        let reference = json!({"$ref": format!("#/components/responses/{status}")});
        ((*status).to_owned(), reference)
    };
    let own = own.into_iter().map(|(status, answer)| (status.to_owned(), answer));
    own.chain(problems.iter().map(problem)).collect::<Map<_, _>>().into()
}

/// A parameter in the path or the query.
pub(crate) fn given(place: &str, name: &str, description: &str, schema: &Value) -> Value {
    json!({"name": name, "in": place, "description": description, "required": place == "path", "schema": schema})
}

/// The header `Idempotency-Key`, by which a repeated command is one call.
pub(crate) fn idempotency_key(description: &str) -> Value {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ -~]*[!-~])?$"});
    json!({
        "name": "Idempotency-Key", "in": "header", "required": true, "schema": schema,
        "description": format!(
            "{description} Printable ASCII; other characters are percent-encoded as UTF-8. Keys are compared as they are sent."
        ),
    })
}

/// The object with a further member.
pub(crate) fn with(mut object: Value, name: &str, member: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
    object
}

/// The object with further members of an object within it.
pub(crate) fn within(mut object: Value, name: &str, members: impl IntoIterator<Item = (String, Value)>) -> Value {
    let inner = object.as_object_mut().map(|outer| outer.entry(name).or_insert_with(|| json!({})));
    if let Some(inner) = inner.and_then(Value::as_object_mut) {
        inner.extend(members);
    }
    object
}
