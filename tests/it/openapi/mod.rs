//! The document of the ERP's API holds against the rules of OpenAPI 3.1, the functions' routes, the partners'
//! operations, and what the hub really answers.

mod rules;
mod value;
mod values;
mod violations;

use std::collections::BTreeSet;
use std::time::Duration;

use hub::call::{self, Call, Decision, PartnerAnswer};
use hub::delivery::Attempt;
use hub::{ConnectionId, Utc};
use partners::operation::{self, Effect, Field, Kind, Need, Operation, Settings, enclosure};
use partners::{Json, Partner};
use serde_json::{Value, json};
use simulators::erp::{Behaviour, Reply};
use tongguan::table::{Trigger, functions};

use self::value::{DOCUMENT, faults};
use crate::support::http::api;
use crate::support::{API_KEY, Plan, attempted, erp, ledger, status, taken, until};

fn path(row: &Operation<'_>) -> String {
    format!("/calls/{{connection}}/{}", row.name)
}

/// The body of an operation as the document has it: its schema and its example.
fn body(row: &Operation<'_>) -> (Value, Value) {
    let content = &DOCUMENT["paths"][path(row)]["post"]["requestBody"]["content"]["application/json"];
    (content["schema"].clone(), content["example"].clone())
}

/// Whether the hub would send this.
fn sendable(row: &Operation<'_>, body: &Value) -> bool {
    let text = body.to_string();
    let Ok((body, file)) = enclosure::take(row, &Json::parse(text.as_bytes()).unwrap()) else { return false };
    let body = Json::parse(body.as_bytes()).unwrap();
    let complete = file.is_some() || enclosure::missing(row, &body, &Settings::default()).is_none();
    complete && operation::check(row, &body).is_empty()
}

#[test]
fn the_document_follows_the_rules_of_openapi() {
    assert_eq!(rules::broken(&DOCUMENT), Vec::<String>::new());
}

#[test]
fn every_operation_has_a_path_fields_and_a_valid_example() {
    for row in operation::all() {
        let post = &DOCUMENT["paths"][path(row)]["post"];
        assert_eq!(post["tags"], json!([row.partner.id()]), "{}", row.name);
        assert_eq!(post["deprecated"], row.deprecated.is_some(), "{}", row.name);
        for said in row.caution.iter().chain(&row.deprecated) {
            assert!(post["description"].as_str().unwrap().contains(said), "{}", row.name);
        }
        assert!(post["summary"].as_str().unwrap().contains(row.source), "{}", row.name);
        let command = matches!(row.effect, Effect::Command { .. });
        assert_eq!((post["responses"].get("202").is_some(), post["x-effect"] == "command"), (command, command));
        assert_eq!(post["parameters"].to_string().contains("Idempotency-Key"), command, "{}", row.name);
        assert_eq!(
            post["requestBody"]["content"].get("multipart/form-data").is_some(),
            row.file.is_some(),
            "{}",
            row.name
        );

        let (schema, example) = body(row);
        assert_eq!(faults(&schema, &example), Vec::<String>::new(), "{}", row.name);
        assert!(sendable(row, &example), "{}", row.name);
        let schema = value::target(&schema);
        has(row.fields, schema.get("items").unwrap_or(schema), row.name);
    }
}

/// Holds each field, and those within it, against the schema of the object.
fn has(fields: &[Field], schema: &Value, name: &str) {
    for field in fields {
        let property = &schema["properties"][field.name];
        assert!(property["description"].as_str().unwrap().contains(field.about), "{name}: {}", field.name);
        let listed = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let needed = !field.inferred && matches!(field.need, Need::Required | Need::Present);
        assert_eq!(listed(field.name), needed, "{name}: {}", field.name);
        match field.kind {
            Kind::Object(fields) => has(fields, property, name),
            Kind::List(fields) => has(fields, &property["items"], name),
            Kind::Text | Kind::Whole | Kind::WholeText | Kind::Json | Kind::Texts | Kind::Commas => {}
        }
    }
}

#[test]
fn a_body_that_the_document_refuses_the_hub_refuses_too() {
    let mut refused = 0;
    for row in operation::all() {
        let (schema, example) = body(row);
        let Some(members) = example.as_object() else { continue };
        for (name, given) in members {
            let mut bodies = vec![example.clone()];
            bodies[0].as_object_mut().unwrap().remove(name);
            if given.is_string() {
                for text in ["", &"长".repeat(200), "2023-05-17 10:10:00", "2023-05-17", "+08:00", "1", "2", "3", "x"]
                {
                    let mut other = example.clone();
                    other[name] = text.into();
                    bodies.push(other);
                }
            }
            for body in bodies {
                let faults = faults(&schema, &body);
                assert_eq!(faults.is_empty(), sendable(row, &body), "{}: {name} in {body}: {faults:?}", row.name);
                refused += usize::from(!faults.is_empty());
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

/// Regression: what `/calls/{id}/retry` and `resolve` answer to a body over 16 KB, or one that breaks off, was nowhere.
#[test]
fn request_with_a_body_may_break_off_or_be_too_large() {
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let Some(post) = item.get("post") else { continue };
        for status in ["408", "413"] {
            assert!(post["responses"].get(status).is_some(), "{path}: {status}");
        }
    }
    let conflict = DOCUMENT["components"]["responses"]["409"]["description"].as_str().unwrap();
    for kind in ["idempotency-conflict", "not-ambiguous", "being-sent", "not-queued", "waiting"] {
        assert!(conflict.contains(kind), "{kind}");
    }
}

/// A path without the names of its parameters.
fn shape(path: &str) -> Vec<&str> {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect()
}

#[test]
fn every_route_is_in_the_document_and_every_path_is_served() {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in paths {
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
        described.extend(methods.map(|method| (method.to_uppercase(), shape(path))));
    }
    // The console's files are no part of the API.
    let routes = functions().into_iter().filter(|function| function.name != console::NAME).filter_map(|function| {
        let Trigger::Api(routes) = function.trigger else { return None };
        Some(routes)
    });
    let routes: BTreeSet<_> = routes.flatten().map(|(method, path)| (method.to_string(), shape(path))).collect();
    assert!(routes.is_subset(&described), "{:?}", routes.difference(&described).collect::<Vec<_>>());
    // An operation is served by the route that takes any.
    let operations: BTreeSet<_> = operation::all().map(|row| format!("/calls/{{connection}}/{}", row.name)).collect();
    let operations = operations.iter().map(|path| ("POST".to_owned(), shape(path))).collect();
    let own: BTreeSet<_> = described.difference(&operations).cloned().collect();
    assert!(own.is_subset(&routes), "{:?}", own.difference(&routes).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_answers_match_the_document() {
    let erp = erp().await;
    let plan = Plan::new().endpoint("erp", &erp, "retry = []");
    let hub = plan.start().await;
    erp.behave(Behaviour::Answers(Reply::of(400)));
    taken(&hub, Partner::Xhq, "syn_status", status("A", 61)).await;
    until(async || ledger(&hub.context().store).await.failed == 1).await;
    attempted(&hub, "order:A", "erp", 1).await;

    let known = api(hub.address(), "GET", "/events/xhq-sh/order:A", API_KEY, "").await.json();
    let id = known["items"][0]["id"].as_str().unwrap();
    let change = r#"{"endpoint":"erp"}"#;
    for (method, path, template, sent) in [
        ("GET", "/openapi.json", "/openapi.json", ""),
        ("GET", "/calls?state=queued", "/calls", ""),
        ("GET", "/calls", "/calls", ""),
        ("GET", "/deliveries/failed", "/deliveries/failed", ""),
        ("GET", "/deliveries/failed?limit=0", "/deliveries/failed", ""),
        ("GET", "/events/xhq-sh/order:A", "/events/{connection}/{subject}", ""),
        ("GET", &format!("/events/xhq-sh/order:A/{id}"), "/events/{connection}/{subject}/{id}", ""),
        ("GET", "/events/nobody/order:A", "/events/{connection}/{subject}", ""),
        ("GET", "/shipments/order:A", "/shipments/{key}", ""),
        ("GET", "/shipments/NONE", "/shipments/{key}", ""),
        ("GET", "/shipments/order:A/evidence", "/shipments/{key}/evidence", ""),
        ("GET", "/shipments/NONE/evidence", "/shipments/{key}/evidence", ""),
        ("GET", "/shipments?state=failed", "/shipments", ""),
        ("GET", "/shipments", "/shipments", ""),
        ("POST", "/deliveries/replay", "/deliveries/replay", change),
        ("POST", "/deliveries/confirm", "/deliveries/confirm", change),
        ("POST", "/deliveries/confirm", "/deliveries/confirm", "{"),
        ("GET", "/stats", "/stats", ""),
        ("GET", "/stats?since=2026", "/stats", ""),
        ("GET", "/ledger", "/ledger", ""),
        ("GET", "/connections", "/connections", ""),
        ("GET", "/connections/xhq-sh/operations", "/connections/{id}/operations", ""),
        ("GET", "/connections/nobody/operations", "/connections/{id}/operations", ""),
        ("GET", "/connections/xhq-sh/urls", "/connections/{id}/urls", ""),
        ("GET", "/connections/nobody/urls", "/connections/{id}/urls", ""),
        (
            "POST",
            "/connections/xhq-sh/test",
            "/connections/{id}/test",
            r#"{"action":"syn_status","payload":{"orderOutNo":"B"}}"#,
        ),
        ("POST", "/connections/xhq-sh/test", "/connections/{id}/test", r#"{"action":"none"}"#),
        ("GET", "/endpoints", "/endpoints", ""),
        ("POST", "/endpoints/erp/test", "/endpoints/{id}/test", ""),
        ("POST", "/endpoints/none/test", "/endpoints/{id}/test", ""),
    ] {
        let answer = api(hub.address(), method, path, API_KEY, sent).await;
        let operation = &DOCUMENT["paths"][template][method.to_lowercase()];
        let response = value::target(&operation["responses"][answer.status.to_string()]);
        let (kind, content) = response["content"].as_object().unwrap().iter().next().unwrap();
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{path}: {}", answer.head);
        if kind == "application/zip" {
            assert!(answer.body.starts_with(b"PK"), "{path}");
            continue;
        }
        let said = answer.json();
        assert_eq!(faults(&content["schema"], &said), Vec::<String>::new(), "{path}: {said}");
        if template.ends_with("/{id}") {
            assert_eq!(said["event"]["data"]["orderOutNo"], "A");
        }
        if template == "/openapi.json" {
            assert_eq!(said, *DOCUMENT);
        }
    }
}

#[test]
fn a_call_is_shown_as_the_document_says() {
    let row = operation::find(Partner::Xhq, "upload").unwrap();
    let connection = ConnectionId::from("xhq-sh");
    let request = call::Request { connection: &connection, operation: &row, key: "k-1", body: row.example, file: None };
    let record = call::accepted(&request, Utc(0), Duration::from_secs(30), Duration::from_hours(24)).unwrap();
    let queued = record.work.call.clone().unwrap();
    let mut ended = queued.clone().claimed_to_send(Utc(1)).interrupted(Utc(2));
    ended.progress.attempts.push(Attempt { at: Utc(1), ms: 7, detail: "no answer".to_owned(), ..Attempt::default() });
    let mut done = ended.clone().resolved(Decision::Done, "erp", Utc(3)).unwrap();
    done.answer = Some(PartnerAnswer { status: 200, body: "好".to_owned(), truncated: false });
    let waiting = Call { waits_for: Some(record.event.key.id), ..queued.clone() };
    let cancelled = queued.clone().cancelled("erp", &record.event.meta, &[], Utc(3)).unwrap();
    let whole = call::whole(&record, &call::Account::default()).unwrap();
    let shown = [&queued, &waiting, &cancelled, &ended, &done]
        .map(|call| call::view(&record.event.key, &record.event.meta, call, &[]));
    for shown in shown.into_iter().chain([whole]).map(|call| serde_json::to_value(call).unwrap()) {
        let schema = json!({"$ref": "#/components/schemas/CallRecord"});
        assert_eq!(faults(&schema, &shown), Vec::<String>::new(), "{shown}");
        let known = &DOCUMENT["components"]["schemas"]["CallRecord"]["properties"];
        assert!(shown.as_object().unwrap().keys().all(|name| known.get(name).is_some()), "{shown}");
    }
}
