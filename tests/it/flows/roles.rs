//! The roles of API keys, over HTTP.

use http::Method;
use hub::Role;
use partners::Partner;
use serde_json::{Value, json};
use tongguan::Hub;
use tongguan::table::roles;

use crate::support::http::{Reply, api};
use crate::support::{API_KEY, Plan, erp, status, taken};

const VIEWER: &str = "api-key-of-a-viewer-0123456789-0123456789";
const OPERATOR: &str = "api-key-of-an-operator-0123456789-01234567";

/// A hub with a key of each role; the viewer sees one connection alone.
async fn hub() -> (Hub, Plan) {
    let key = |id: &str, key: &str, more: &str| format!("[[api_keys]]\nid = \"{id}\"\nkey = \"{key}\"\n{more}\n");
    let plan = Plan::new().table(&key("viewer", VIEWER, "role = \"viewer\"\nconnections = [\"xhq-*\"]")).table(&key(
        "operator",
        OPERATOR,
        "role = \"operator\"",
    ));
    (plan.start().await, plan)
}

/// A path of that pattern.
fn filled(pattern: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "xhq-sh" } else { part }.to_owned();
    pattern.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn is_forbidden(answer: &Reply, role: &str) -> bool {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is = answer.status == 403 && said["type"] == "urn:tongguan:problem:forbidden" && said["role"] == role;
    assert!(!is || said["detail"].as_str().unwrap().contains("api_keys.role"), "{said}");
    is
}

#[tokio::test]
async fn each_route_refuses_keys_of_lesser_roles() {
    let (hub, _plan) = hub().await;
    let routes = roles();
    assert!(routes.iter().any(|(_, _, role)| *role == Some(Role::Operator)));
    for (method, pattern, needed) in routes {
        let path = filled(pattern);
        let ask = async |key| api(hub.address(), method.as_str(), &path, key, "").await;
        let Some(needed) = needed else {
            // A file of the console that is not there is told to everybody.
            let known = if pattern == "/console/{file}" { 404 } else { 200 };
            assert_eq!((&method, ask("").await.status), (&Method::GET, known), "{path}");
            continue;
        };
        for (key, role) in [(VIEWER, Role::Viewer), (OPERATOR, Role::Operator), (API_KEY, Role::Erp)] {
            let refused = is_forbidden(&ask(key).await, needed.name());
            assert_eq!(refused, !role.may(needed), "{method} {path} as {role}");
        }
        assert_eq!(ask("").await.status, 401, "{path}");
    }
}

/// Whatever is not read by GET changes something or calls a partner.
#[test]
fn every_change_needs_more_than_a_viewer() {
    for (method, path, needed) in roles() {
        assert!(method == Method::GET || needed.is_some_and(|role| role > Role::Viewer), "{method} {path}: {needed:?}");
    }
}

#[tokio::test]
async fn key_reads_its_own_role_and_connections() {
    let (hub, _plan) = hub().await;
    let me = async |key| api(hub.address(), "GET", "/me", key, "").await.json();
    assert_eq!(me(VIEWER).await, json!({"id": "viewer", "role": "viewer", "connections": ["xhq-sh"]}));
    let all = me(API_KEY).await;
    assert_eq!((&all["id"], &all["role"]), (&"all".into(), &"erp".into()));
    assert!(all["connections"].as_array().unwrap().len() > 1, "{all}");
    assert_eq!(me("nobody's").await["status"], 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_change_changes_nothing() {
    let erp = erp().await;
    let key = format!("[[api_keys]]\nid = \"viewer\"\nkey = \"{VIEWER}\"\nrole = \"viewer\"\n");
    let hub = Plan::new().endpoint("erp", &erp, "").table(&key).start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("ROLE", 61)).await;
    let before = crate::support::settled(&hub).await;
    let body = json!({"endpoint": "erp", "dry_run": false, "events": [{"connection": "xhq-sh", "subject": "order:ROLE",
        "id": crate::support::events(&hub.context().store).await[0].key.id}]});
    let refused = api(hub.address(), "POST", "/deliveries/replay", VIEWER, &body.to_string()).await;
    assert!(is_forbidden(&refused, "operator"), "{}", refused.json());
    assert_eq!(crate::support::ledger(&hub.context().store).await, before);
}
