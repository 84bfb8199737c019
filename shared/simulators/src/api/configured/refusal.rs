//! Refusals of a partner that a file describes, in the form that the file reads them in.

use partners::operation::table::OperationTable;
use serde_json::{Map, Value};

use super::super::message::Answer;

/// The lack of a form of refusals in a file.
pub(super) const MADE_UP: &str =
    "the answer is made up: how it refuses is not in the file, give at, code or text of success";

/// The same of requests for a token, of which a file says no more than where the token stands.
pub(super) const OF_TOKEN: &str = "the answer is made up: how a token is refused is not in the file";

/// A refusal with that code and text, each where the file reads it, as the file's own answer writes it; nothing where the file
/// reads neither.
pub(super) fn told(table: &OperationTable, code: &str, text: &str) -> Option<Answer> {
    let success = &table.success;
    let answer = table.answer.as_ref().map_or("", |answer| answer.parts().1);
    let usual: Value = serde_json::from_str(answer).unwrap_or_default();
    let is_yes = |place: &str| usual.pointer(place).is_some_and(Value::is_boolean);
    let mut tree = Value::Null;
    for place in success.code.iter().chain(success.at.iter().filter(|_| success.code.is_none())) {
        // A code that means yes is none of a refusal.
        let code = if success.is.iter().any(|yes| yes == code) { "refused" } else { code };
        let number = usual.pointer(place).filter(|usual| usual.is_number()).and_then(|_| code.parse::<i64>().ok());
        let value = if is_yes(place) { false.into() } else { number.map_or_else(|| code.into(), Value::from) };
        put(&mut tree, place, value);
    }
    if let Some(place) = success.at.as_ref().filter(|place| success.code.is_some() && is_yes(place)) {
        put(&mut tree, place, false.into());
    }
    if let Some(place) = &success.text {
        put(&mut tree, place, text.into());
    }
    let status = match (&success.at, code.parse()) {
        (Some(_), _) => 200,
        (None, Ok(status @ 400..=599)) => status,
        (None, _) => 400,
    };
    if tree.is_null() {
        return None;
    }
    Some(if answer.starts_with('<') { Answer::xml(status, xml(&tree)) } else { Answer::json_of(status, &tree) })
}

/// A refusal by the HTTP status, of a partner whose own is not told.
pub(super) fn made_up(code: &str, text: &str) -> Answer {
    let status = code.parse().ok().filter(|status| (400..600).contains(status)).unwrap_or(400);
    Answer::json_of(status, &serde_json::json!({ "message": text }))
}

/// Puts a value at a pointer, with the objects and arrays that it leads through.
pub(super) fn put(tree: &mut Value, place: &str, value: Value) {
    let mut at = tree;
    for part in place.split('/').skip(1) {
        at = if part.parse() == Ok(0_usize) {
            if !at.is_array() {
                *at = Value::Array(vec![Value::Null]);
            }
            let Some(first) = at.get_mut(0) else { return };
            first
        } else {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Some(members) = at.as_object_mut() else { return };
            members.entry(part.to_owned()).or_insert(Value::Null)
        };
    }
    // The text of an element that has attributes stands beside them.
    match at.as_object_mut() {
        Some(members) => drop(members.insert("#text".to_owned(), value)),
        None => *at = value,
    }
}

/// A tree as XML: members are elements, those of `@` attributes.
fn xml(tree: &Value) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    match tree {
        Value::Object(members) => {
            let element = |(name, value): (&String, &Value)| {
                let attributes = value.as_object().into_iter().flatten().filter_map(|(name, value)| {
                    Some(format!(" {}=\"{}\"", name.strip_prefix('@')?, escaped(value.as_str().unwrap_or_default())))
                });
                let attributes: String = attributes.collect();
                format!("<{name}{attributes}>{}</{name}>", xml(value))
            };
            let text = members.get("#text").map(xml).unwrap_or_default();
            let inner = members.iter().filter(|(name, _)| !name.starts_with(['@', '#'])).map(element);
            inner.chain([text]).collect()
        }
        Value::Array(elements) => elements.iter().map(xml).collect(),
        Value::String(text) => escaped(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(success: &Value, answer: &str) -> OperationTable {
        let of = serde_json::json!({
            "name": "q", "effect": "query", "path": "/q", "example": "{}", "answer": answer, "success": success,
        });
        serde_json::from_value(of).unwrap()
    }

    /// Regression: a refusal had texts where the partner's answers have numbers and booleans.
    #[test]
    fn refusal_is_written_as_the_files_own_answer() {
        use serde_json::json;
        for (success, answer, status, refused) in [
            (
                json!({"at": "/code", "is": ["200"], "text": "/message"}),
                r#"{"code":200,"message":"ok"}"#,
                200,
                r#"{"code":400,"message":"why"}"#,
            ),
            (
                json!({"at": "/result", "is": ["true"], "code": "/returnCode", "text": "/message"}),
                r#"{"result":true,"returnCode":"200"}"#,
                200,
                r#"{"message":"why","result":false,"returnCode":"400"}"#,
            ),
            (json!({"at": "/ok", "is": ["true"]}), r#"{"ok":true}"#, 200, r#"{"ok":false}"#),
            (json!({"at": "/c", "is": ["400"]}), r#"{"c":"400"}"#, 200, r#"{"c":"refused"}"#),
            (json!({"at": "/r/@c", "is": ["0"]}), "<r c=\"0\"/>", 200, "<r c=\"400\"></r>"),
            (json!({"http": [200], "text": "/errors/0/detail"}), "{}", 400, r#"{"errors":[{"detail":"why"}]}"#),
        ] {
            let table = table(&success, answer);
            let refusal = told(&table, "400", "why").unwrap();
            assert_eq!((refusal.status, refusal.text_of()), (status, refused.to_owned()), "{answer}");
        }
        assert!(told(&table(&json!({"http": [200]}), "{}"), "400", "why").is_none(), "the file says nothing");
        assert_eq!(made_up("401", "why").status, 401);
        assert_eq!(made_up("E7", "why").status, 400);
    }
}
