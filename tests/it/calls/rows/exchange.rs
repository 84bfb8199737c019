//! Helpers for the tests of operations: the ERP's request, its answer, and the request that the partner received.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use partners::operation::Encoding;
use serde_json::Value;
use serde_json::value::RawValue;
use simulators::api::{Received, TOKEN};
use tongguan::Hub;

use super::Row;
use crate::calls::Desk;
use crate::support::http::{Reply, exchange, request};
use crate::support::{API_KEY, Plan};

/// The body with one field changed or taken out.
pub(super) fn edited(body: &str, path: &str, value: Option<Value>) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap();
    let steps = path.replace(['[', ']'], ".");
    let mut steps: Vec<_> = steps.split('.').filter(|step| !step.is_empty()).collect();
    let last = steps.pop().unwrap();
    let pointer: String = steps.iter().flat_map(|step| ["/", step]).collect();
    let place = body.pointer_mut(&pointer).and_then(Value::as_object_mut).unwrap_or_else(|| panic!("no {path}"));
    match value {
        Some(value) => drop(place.insert(last.to_owned(), value)),
        None => assert!(place.remove(last).is_some(), "no {path}"),
    }
    body.to_string()
}

/// The body with further members in its object, behind those it has.
pub(super) fn with(body: &str, members: &str) -> String {
    let (head, tail) = body.split_at(body.rfind('}').unwrap());
    let comma = if head.ends_with('{') { "" } else { "," };
    format!("{head}{comma}{members}{tail}")
}

/// Calls a row under a key of its own, and waits for its end.
pub(super) async fn ask(desk: &Desk, row: &Row, body: &str) -> Reply {
    call(desk, row.connection, row.operation, body).await
}

/// Calls an operation under a key of its own, and waits for its end.
pub(super) async fn call(desk: &Desk, connection: &str, operation: &str, body: &str) -> Reply {
    static KEYS: AtomicUsize = AtomicUsize::new(0);
    let key = KEYS.fetch_add(1, Ordering::Relaxed);
    desk.call(connection, operation, &format!("idempotency-key: k-{key}\r\nprefer: wait=25\r\n"), body).await
}

/// A hub that knows that connection and no other, without an ERP.
pub(super) async fn lonely(connection: &str) -> (Plan, Hub) {
    let plan = Plan::bare().table(connection);
    let hub = plan.start().await;
    (plan, hub)
}

/// Calls an operation of such a hub.
pub(super) async fn call_at(hub: &Hub, path: &str, body: &str) -> Reply {
    let headers = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: k\r\nprefer: wait=25\r\n");
    exchange(hub.address(), request("POST", path, &headers, body.as_bytes())).await.expect("an answer")
}

/// A problem of that status and type.
pub(super) fn problem(reply: &Reply, status: u16, kind: &str) -> Value {
    let problem = reply.json();
    assert_eq!((reply.status, &problem["type"]), (status, &format!("urn:tongguan:problem:{kind}").into()), "{problem}");
    problem
}

/// The request was not valid: that field is named with that remedy.
pub(super) fn invalid(reply: &Reply, field: &str, remedy: &str) {
    let problem = problem(reply, 400, "invalid-request");
    let detail = |fault: &Value| fault.as_str().is_some_and(|text| !text.is_empty() && text.contains(remedy));
    // A body that is no JSON is one fault alone; the body itself is named by no path.
    let listed = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let listed = listed.iter().any(|fault| fault["field"] == field && detail(&fault["remedy"]));
    let alone = problem["field"] == field && detail(&problem["detail"]);
    assert!(listed || alone, "{field}: {remedy}: {problem}");
}

/// Requests that a partner received after the first ones, without those for a token.
pub(super) fn got(desk: &Desk, row: &Row, before: usize) -> Vec<Received> {
    let requests = desk.partner(row.connection).requests().into_iter();
    requests.filter(|request| request.operation != TOKEN).skip(before).collect()
}

/// A command's end or a query's answer is a success.
pub(super) fn succeeded(row: &Row, reply: &Reply) {
    let said = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 200, "{}: {said}", row.operation);
    if !row.is_query() {
        assert_eq!(reply.json()["state"], "succeeded", "{}: {said}", row.operation);
    }
}

/// The members of what arrived, without a file.
pub(super) fn arrived(row: &Row, sent: &Received) -> BTreeMap<String, Value> {
    let texts = |all: Vec<(String, String)>| all.into_iter().map(|(name, text)| (name, text.into())).collect();
    match row.encoding {
        Encoding::Json => members(sent.json()),
        Encoding::Xml => panic!("no built-in partner takes XML"),
        Encoding::Form => texts(sent.form()),
        Encoding::Multipart => {
            let parts = sent.parts().into_iter().filter(|part| part.filename.is_none());
            texts(parts.map(|part| (part.name, String::from_utf8(part.content.to_vec()).unwrap())).collect())
        }
        Encoding::Query => {
            let own = sent.query.iter().filter(|(name, _)| !matches!(name.as_str(), "companyCode" | "token"));
            texts(own.cloned().collect())
        }
    }
}

/// The members that the ERP gives, as they go over the wire.
pub(super) fn given(row: &Row, body: &str) -> BTreeMap<String, Value> {
    let mut given = if row.encoding == Encoding::Json {
        members(serde_json::from_str(body).unwrap())
    } else {
        let raw: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).unwrap();
        let text = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned());
        raw.into_iter().map(|(name, raw)| (name, text(&raw).into())).collect()
    };
    if row.table().file.is_some() {
        given.remove("file");
    }
    given
}

/// The members of an object; anything else is one of no name.
pub(super) fn members(value: Value) -> BTreeMap<String, Value> {
    if let Value::Object(members) = value { members.into_iter().collect() } else { [(String::new(), value)].into() }
}

/// Everything that a request shows.
pub(super) fn shown(sent: &Received) -> String {
    let headers = sent.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let values = sent.query.iter().map(|(name, value)| format!("{name}={value}")).chain(headers);
    values.chain([sent.path.clone(), String::from_utf8_lossy(&sent.body).into_owned()]).collect::<Vec<_>>().join("\n")
}
