//! Bodies that break the schema of a partner's operation, made from the schema itself: none is sent, and each is told by
//! the field that is wrong.

use partners::operation::{self, Effect, Operation, Shape};
use serde_json::{Value, json};

use super::value::{DOCUMENT, faults, target};
use super::{body, path};
use crate::calls::{Desk, Making};

/// A body that breaks a schema, and the field that is to be named.
struct Violation {
    body: Value,
    field: String,
}

/// Collects violations of one schema.
struct Maker {
    made: Vec<Violation>,
}

impl Maker {
    /// Everything that is wrong with an object's members. `put` makes the whole body of such an object.
    fn object(&mut self, schema: &Value, given: &Value, at: &str, put: &dyn Fn(Value) -> Value) {
        let schema = target(schema).clone();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let field = format!("{at}{name}");
            let property = target(property).clone();
            let needed = schema["required"].as_array().is_some_and(|all| all.contains(&name.as_str().into()));
            if needed {
                let mut without = given.clone();
                without.as_object_mut().unwrap().remove(name);
                self.made.push(Violation { body: put(without), field: field.clone() });
            }
            let with = |value: Value| {
                let mut other = given.clone();
                other[name] = value;
                put(other)
            };
            for wrong in wrong(&property) {
                self.made.push(Violation { body: with(wrong), field: field.clone() });
            }
            if property["properties"].is_object() && given[name].is_object() {
                self.object(&property, &given[name], &format!("{field}."), &with);
            }
            let first = given[name].get(0).filter(|first| first.is_object());
            if let Some(first) = first {
                self.object(&property["items"], first, &format!("{field}[0]."), &|element| with(json!([element])));
            }
        }
    }
}

/// Values that a property's schema does not allow. A text for a number and a number for a text are taken.
fn wrong(schema: &Value) -> Vec<Value> {
    let text = |name: &str| schema[name].as_str().unwrap_or_default();
    let mut wrong = match text("type") {
        "string" => vec![json!(true), json!([[]]), json!({}), json!(null)],
        "integer" => vec![json!(true), json!([]), json!({}), json!(null), json!("x"), json!(1.5), json!(-1), json!("")],
        "array" => vec![json!(true), json!({}), json!(null), json!("x"), json!(5), json!("")],
        "object" => vec![json!(true), json!([]), json!(null), json!("x"), json!(5)],
        _ if schema["oneOf"].is_array() => {
            let unknown = json!({"name": "a.zip", "base64": "YQ==", "more": 1});
            vec![json!(null), json!(5), json!(true), json!([]), json!({}), json!({"name": "a.zip"}), unknown]
        }
        _ => vec![],
    };
    match (text("type"), schema["items"]["type"].as_str()) {
        ("array", Some("string")) => wrong.extend([json!([true]), json!([null]), json!([{}]), json!([[]])]),
        ("array", Some("object")) => wrong.extend([json!([true]), json!([null]), json!(["x"]), json!([[]])]),
        _ => {}
    }
    if schema["enum"].is_array() {
        wrong.extend([json!("no such value"), json!(99)].into_iter().filter(|_| text("type") == "string"));
        wrong.extend([json!(99)].into_iter().filter(|_| text("type") == "integer"));
    }
    let empty = [("minLength", json!("")), ("minItems", json!([]))];
    wrong.extend(empty.into_iter().filter(|(name, _)| schema[name].is_u64()).map(|(_, value)| value));
    if let Some(most) = schema["maxLength"].as_u64() {
        wrong.push("x".repeat(usize::try_from(most).unwrap() + 1).into());
    }
    if text("pattern").starts_with(r"^\s*\S") {
        wrong.push(" \t".into());
    } else if text("pattern").starts_with(r"^[\s,]*") {
        wrong.extend([" \t".into(), " ,".into()]);
    } else if !text("pattern").is_empty() {
        wrong.push("\u{1}?".into());
    }
    wrong
}

/// Connection of the desk for an operation.
fn connection(desk: &Desk, row: &Operation<'_>) -> String {
    let mut connections = desk.hub.context().config.connections.values();
    connections.find(|connection| connection.partner == row.partner).unwrap().id.to_string()
}

/// Regression: what the published schema required or typed was sent all the same, and told as a success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn body_that_breaks_its_schema_is_a_400_of_that_field() {
    let desk = Desk::new().await;
    let mut tried = 0;
    for row in operation::all().filter(|row| row.shape != Shape::Any) {
        let (schema, example) = body(row);
        let mut maker = Maker { made: Vec::new() };
        let mut whole = vec![json!(null), json!(5), json!("x"), json!(true)];
        match row.shape {
            Shape::Array => {
                let items = target(&schema)["items"].clone();
                maker.object(&items, &example[0], "[0].", &|element| json!([element]));
                whole.extend([json!({}), json!([]), json!([5]), json!([[]])]);
                // One that names no subscription is none.
                maker.made.push(Violation { body: json!([{}]), field: "[0].carrierCd".to_owned() });
            }
            Shape::Object | Shape::Any => {
                maker.object(&schema, &example, "", &|body| body);
                whole.push(json!([]));
            }
        }
        let members = maker.made.into_iter().map(|made| (made.body, made.field));
        for (body, field) in members.chain(whole.into_iter().map(|body| (body, String::new()))) {
            let broken = faults(&schema, &body);
            assert!(!broken.is_empty(), "{}: {body} breaks nothing", row.name);
            let reply = desk.call(&connection(&desk, row), row.name, "idempotency-key: k\r\n", &body.to_string()).await;
            let said = reply.json();
            assert_eq!(reply.status, 400, "{}: {body} was answered {said}, against {broken:?}", row.name);
            let named = |one: &Value| {
                let named = one["field"].as_str().unwrap();
                let inside =
                    named.strip_prefix(&field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
                (inside || field.is_empty()) && one["remedy"].as_str().unwrap().len() > 5
            };
            assert!(said["errors"].as_array().unwrap().iter().any(named), "{}: {body}: {said}", row.name);
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
    assert!(desk.calls().await.is_empty());
}

/// Regression: a command without a body was sent as `{}`.
#[tokio::test]
async fn command_without_a_body_is_refused() {
    let desk = Desk::new().await;
    for row in operation::all() {
        let reply = desk.call(&connection(&desk, row), row.name, "idempotency-key: k\r\n", "").await;
        let needed = DOCUMENT["paths"][path(row)]["post"]["requestBody"]["required"] == true;
        assert_eq!(reply.status == 400, needed, "{}: {}", row.name, reply.json());
        assert!(needed || row.effect == Effect::Query, "{}", row.name);
        if matches!(row.effect, Effect::Command { .. }) {
            assert_eq!(reply.json()["field"], "body", "{}", row.name);
        }
    }
    assert!(desk.calls().await.is_empty());
}

/// To JSON Schema `1.0` is a whole number, and what the ERP printed is what is sent.
#[tokio::test]
async fn whole_number_may_be_printed_with_a_point() {
    let desk = Desk::new().await;
    let body = r#"{"batchNo":"2e173271ba614879b9184ca3966eacdb","pageNum":1.0,"pageSize":1e2}"#;
    let reply = desk.call("onedata", "result_query", "", body).await;
    assert_ne!(reply.status, 400, "{}", reply.json());
    assert!(desk.onedata.requests().iter().any(|sent| sent.body == body.as_bytes()));
    for wrong in ["1.5", "501", "501.0", "-1", "1e400", "true"] {
        let body = format!(r#"{{"batchNo":"b","pageSize":{wrong}}}"#);
        let reply = desk.call("onedata", "result_query", "", &body).await;
        assert_eq!((reply.status, &reply.json()["field"]), (400, &"pageSize".into()), "{wrong}");
    }
}

/// Fields whose names the document lost, and the customer knows.
#[tokio::test]
async fn field_that_the_connection_requires_must_be_given() {
    let required = "required = { feeConfirm = [\"feeId\", \"parameter.etd\"] }";
    let desk = Desk::with(Making { xhq: required, ..Making::default() }).await;
    for (body, missing) in [
        ("{}", &["feeId", "parameter.etd"][..]),
        (r#"{"feeId":"","parameter":{"etd":null}}"#, &["feeId", "parameter.etd"]),
        (r#"{"feeId":1,"parameter":"text"}"#, &["parameter.etd"]),
        (r#"{"parameter":{"etd":"x"}}"#, &["feeId"]),
    ] {
        let reply = desk.call("xhq", "feeConfirm", "idempotency-key: k\r\n", body).await;
        let said = reply.json();
        let fields: Vec<_> = said["errors"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
        assert_eq!((reply.status, fields), (400, missing.iter().map(|name| json!(name)).collect()), "{said}");
    }
    let id = desk.command("xhq", "feeConfirm", "k", r#"{"feeId":1,"parameter":"{\"etd\":\"x\"}"}"#).await;
    desk.stands(&id, "succeeded").await;
    let other = desk.command("xhq", "uploadImport", "k-2", "{}").await;
    desk.stands(&other, "succeeded").await;
}

/// Regression: files of any kind but zip and rar were refused, which the document says of sea freight's `fileUrl` alone.
#[tokio::test]
async fn file_of_any_kind_may_be_uploaded() {
    let desk = Desk::new().await;
    for (at, name) in ["a.pdf", "a.xlsx", "报关.7z", "noextension"].iter().enumerate() {
        for operation in ["fileUpload", "fileBase64Upload"] {
            let body = json!({"orderOutNo": "SO-1", "file": {"name": name, "base64": "UEsDBAo="}}).to_string();
            let id = desk.command("xhq", operation, &format!("{operation}-{at}"), &body).await;
            desk.stands(&id, "succeeded").await;
        }
    }
    for url in ["not a url", "ftp://files/1.zip", "http://", "https:///1.zip", "http://a b/1.zip", "//files/1.zip"] {
        let body = json!({"fileUrl": url, "orderOutNo": "SO-1", "isReload": ""}).to_string();
        let reply = desk.call("xhq", "upload", "idempotency-key: k\r\n", &body).await;
        assert_eq!((reply.status, &reply.json()["field"]), (400, &"fileUrl".into()), "{url}");
    }
    let body = json!({"fileUrl": "https://files/单证.pdf?e=1", "orderOutNo": "SO-1", "isReload": ""}).to_string();
    let id = desk.command("xhq", "upload", "k", &body).await;
    desk.stands(&id, "succeeded").await;
}
