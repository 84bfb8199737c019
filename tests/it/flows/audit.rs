//! The audit trail and the configuration through the API, on both engines: what is told, and to whom.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Context};
use courier::Courier;
use http::Request;
use hub::delivery::{Delivery, State};
use hub::{ConnectionId, Event, EventKey, Work, identity};
use inbound::configured;
use serde_json::{Value, json};
use store::Store;
use store_sqlite::SqliteStore;

use super::lists::{NOW, failed};
use super::tenants::on_both_engines;
use crate::dynamodb::emulated;
use crate::support::{API_KEY, RecordedQueue, Time, delivering, secret};

const KEY_A: &str = "api-key-of-tenant-a-0123456789012345";
const KEY_B: &str = "api-key-of-tenant-b-0123456789012345";

/// Stands in every secret.
const MARK: &str = "SECRETMARK";

/// Two tenants, each with a connection, a key and an endpoint, and a key for both. Every secret has the mark in it.
fn document() -> String {
    let connection = |id: &str| {
        format!(
            "[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\nkeys = [\"{MARK}-{id}-0123456789-0123456789-0123\"]\n\
             app_id = \"{MARK}-app-{id}\"\nbgh_id = \"{MARK}-bgh-{id}\"\nbase_url = \"http://127.0.0.1:9/{MARK}\"\n\
             allow_private = true\n"
        )
    };
    let key = |id: &str, key: &str, sees: &str| {
        format!("[[api_keys]]\nid = \"{id}\"\nkey = \"{key}\"\nconnections = [\"{sees}\"]\n")
    };
    let endpoint = |id: &str, takes: &str| {
        let secret = secret(7);
        format!(
            "[[endpoints]]\nid = \"{id}\"\nurl = \"https://{id}.example.com/{MARK}?key={MARK}\"\nsecrets = [\"{secret}\"]\n\
             {takes}\n"
        )
    };
    let alert = format!(
        "[[alerts]]\nid = \"desk\"\nkind = \"dingtalk\"\nurl = \"https://oapi.example.com/robot?access_token={MARK}\"\n\
         secret = \"SEC{MARK}\"\n"
    );
    let hub = format!("[hub]\nurl = \"https://hub.example.com/{MARK}\"\napi_key = \"{MARK}-of-a-hub\"\n");
    let watch = |id: &str| format!("[[watches]]\nconnection = \"{id}\"\nsilence = \"1d\"\n");
    [
        hub,
        connection("a-1"),
        connection("b-1"),
        key("a", KEY_A, "a-*"),
        key("b", KEY_B, "b-*"),
        key("all", API_KEY, "*"),
        endpoint("erp-a", "connections = [\"a-*\"]"),
        endpoint("erp-b", "connections = [\"b-*\"]"),
        endpoint("erp", "connections = [\"a-*\", \"b-*\"]"),
        watch("a-1"),
        watch("b-1"),
        alert,
    ]
    .concat()
}

struct Desk<S> {
    courier: Courier<S, RecordedQueue>,
    time: Time,
}

impl<S: Store> Desk<S> {
    fn new(store: S) -> Self {
        let (time, config) = (Time::now(), Arc::new(Config::parse(&document()).unwrap()));
        let context = Context::new(config, store, RecordedQueue::default(), time.clock());
        let never: courier::Send = Arc::new(|_, _| Box::pin(std::future::pending()));
        Self { courier: delivering(context, never), time }
    }

    const fn context(&self) -> &Context<S, RecordedQueue> {
        &self.courier.context
    }

    /// Has another configuration from here on.
    fn configured(&mut self, text: &str) {
        self.courier.context.config = Arc::new(Config::parse(text).unwrap());
    }

    /// Stores an event of that connection with a delivery that failed at that endpoint.
    async fn failed(&self, connection: &str, subject: &str, endpoint: &str) -> EventKey {
        let (event, work) = failed(subject, "erp", NOW);
        let (connection, subject) = (ConnectionId::from(connection), event.key.subject.clone());
        let id = identity::by_content(&connection, &subject, identity::opaque(&connection, &event.meta.kind, b"x"));
        let key = EventKey { connection, subject, id };
        let event = Event { key: key.clone(), ..event };
        let deliveries = vec![Delivery { state: State::Failed, ..Delivery::new(endpoint.into(), NOW, NOW) }];
        self.context().store.admit(&event, &Work { deliveries, ..work }, None).await.unwrap();
        key
    }

    /// Answer of the functions' own routers.
    async fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        let request = request.header("idempotency-key", "k-1");
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = request.body(body).unwrap();
        let courier = &self.courier;
        let routers =
            [deliveries::router(), shipments::router(), call::router(), call_status::router(), audit::router()];
        let router = api::find(&routers, &hub::path::segments(request.uri().path())).unwrap();
        let answer = router.handle(courier, request).await;
        let said = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), said)
    }

    async fn get(&self, key: &str, path: &str) -> Value {
        let (status, said) = self.ask(key, "GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {said}");
        said
    }

    async fn done(&self, key: &str, path: &str, body: &Value) -> Value {
        let (status, said) = self.ask(key, "POST", path, body).await;
        assert!(status < 300, "{path} {body}: {said}");
        self.time.pass(Duration::from_secs(1));
        said
    }

    /// The entries that a key sees, over pages of that size.
    async fn entries(&self, key: &str, filter: &str, limit: usize) -> Vec<Value> {
        let (mut entries, mut from) = (Vec::new(), String::new());
        loop {
            let page = self.get(key, &format!("/audit?limit={limit}&from={from}{filter}")).await;
            entries.extend(page["entries"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut from),
                None => return entries,
            }
        }
    }
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

/// Deliveries and calls alike, with the sender, the request and the result.
async fn each_change_is_told_with_its_result<S: Store>(store: S) {
    let desk = Desk::new(store);
    let (one, two) = (desk.failed("a-1", "order:A1", "erp").await, desk.failed("a-1", "order:A2", "erp").await);
    desk.done(API_KEY, "/deliveries/replay", &json!({"endpoint": "erp", "events": [one]})).await;
    assert_eq!(desk.entries(API_KEY, "", 10).await, [json!(null); 0], "a dry run changes nothing");
    desk.done(API_KEY, "/deliveries/replay", &json!({"endpoint": "erp", "events": [one], "dry_run": false})).await;
    desk.done(KEY_A, "/deliveries/confirm", &json!({"endpoint": "erp"})).await;
    let call = desk.done(KEY_A, "/calls/a-1/sendMsg", &json!({"action": "single_receipt", "orderOutNo": "A1"})).await;
    let id = call["id"].as_str().unwrap().to_owned();
    desk.done(KEY_A, &format!("/calls/{id}/cancel"), &Value::Null).await;
    let (status, refused) =
        desk.ask(API_KEY, "POST", &format!("/calls/{id}/resolve"), &json!({"decision": "done"})).await;
    assert_eq!(status, 409, "{refused}");

    for limit in [1, 2, 10] {
        let entries = desk.entries(API_KEY, "", limit).await;
        assert_eq!(actions(&entries), ["resolve", "cancel", "call", "confirm", "replay"]);
        let [resolve, cancel, call, confirm, replay] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((&replay["key"], &replay["role"]), (&"all".into(), &"erp".into()));
        assert_eq!(replay["request"], json!({"endpoint": "erp", "now": false, "events": 1}));
        assert_eq!(replay["result"], json!({"status": 200, "changed": 1}));
        let touched = json!([{"connection": "a-1", "subject": "order:A1", "id": one.id, "endpoint": "erp"}]);
        assert_eq!(replay["touched"], touched);
        assert_eq!(confirm["touched"][0]["id"], json!(two.id));
        assert_eq!((&confirm["key"], &confirm["request"]), (&"a".into(), &json!({"endpoint": "erp"})));
        let asked = json!({"connection": "a-1", "operation": "sendMsg", "idempotency_key": "k-1"});
        assert_eq!((&call["request"], &call["result"]), (&asked, &json!({"status": 202})));
        assert_eq!(call["touched"][0]["id"], id);
        assert_eq!((&cancel["request"], &cancel["result"]), (&json!({"call": id}), &json!({"status": 200})));
        assert_eq!(resolve["request"], json!({"call": id, "decision": "done"}));
        assert_eq!(resolve["result"], json!({"status": 409, "problem": "not-ambiguous"}));
    }

    // Beside what was touched.
    let event = desk.get(API_KEY, &format!("/events/a-1/order:A1/{}", one.id)).await;
    assert_eq!(actions(event["audit"].as_array().unwrap()), ["replay"]);
    let call = desk.get(KEY_A, &format!("/calls/{id}")).await;
    assert_eq!(actions(call["audit"].as_array().unwrap()), ["resolve", "cancel", "call"]);
    let shipment = desk.get(KEY_A, "/shipments/order:A2").await;
    assert_eq!(actions(shipment["audit"].as_array().unwrap()), ["confirm"]);

    for (filter, expected) in [
        ("&action=cancel", vec!["cancel"]),
        ("&key=a", vec!["cancel", "call", "confirm"]),
        ("&key=a&action=call", vec!["call"]),
        ("&number=A2", vec!["confirm"]),
        ("&number=order:A1&action=replay", vec!["replay"]),
        ("&number=order:NONE", vec![]),
        ("&until=2000-01-01T00:00:00Z", vec![]),
        ("&since=2999-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(actions(&desk.entries(API_KEY, filter, 1).await), expected, "{filter}");
    }
    for wrong in ["action=nothing", "since=whenever", "limit=0", "from=1", "order=1"] {
        assert_eq!(desk.ask(API_KEY, "GET", &format!("/audit?{wrong}"), &Value::Null).await.0, 400, "{wrong}");
    }
}

/// Neither by entries nor by counts.
async fn limited_key_sees_its_own_connections_alone<S: Store>(store: S) {
    let desk = Desk::new(store);
    let a = desk.failed("a-1", "order:A", "erp").await;
    let b = desk.failed("b-1", "order:BHIDDEN", "erp").await;
    let oldest = desk.failed("b-1", "order:BHIDDEN0", "erp-b").await;
    desk.done(KEY_B, "/deliveries/confirm", &json!({"endpoint": "erp-b", "events": [oldest]})).await;
    let replay = |events: &[&EventKey]| json!({"endpoint": "erp", "events": events, "dry_run": false});
    desk.done(API_KEY, "/deliveries/replay", &replay(&[&a, &b])).await;
    let hidden = desk.failed("b-1", "order:BHIDDEN2", "erp-b").await;
    desk.done(KEY_B, "/deliveries/confirm", &json!({"endpoint": "erp-b", "events": [hidden]})).await;
    configured::tell(desk.context()).await.unwrap();
    desk.done(KEY_A, "/deliveries/confirm", &json!({"endpoint": "erp-a"})).await;

    let seen = desk.entries(KEY_A, "", 1).await;
    assert_eq!(actions(&seen), ["confirm", "replay"], "its own without an effect, and what touched its event");
    assert_eq!(seen[1]["request"], json!({"endpoint": "erp", "now": false}));
    assert_eq!(seen[1]["result"], json!({"status": 200}));
    let text = json!(seen).to_string();
    assert!(["b-1", "HIDDEN", "erp-b"].iter().all(|name| !text.contains(name)), "{text}");
    assert_eq!(desk.entries(KEY_A, "&number=BHIDDEN", 5).await, [json!(null); 0]);
    for list in ["/audit?limit=3", "/audit?limit=1&number=A", "/audit?limit=1&number=BHIDDEN"] {
        assert_eq!(desk.get(KEY_A, list).await["next"], Value::Null, "{list}: a next tells of others' entries");
    }
    assert_eq!(desk.entries(API_KEY, "", 5).await.len(), 4);
    let event = desk.get(KEY_A, &format!("/events/a-1/order:A/{}", a.id)).await;
    assert_eq!(event["audit"][0]["touched"].as_array().unwrap().len(), 1);
    assert!(!event.to_string().contains("HIDDEN"));

    // A cursor is of its key and filters.
    let page = desk.get(API_KEY, "/audit?limit=1").await;
    let from = format!("/audit?limit=1&from={}", page["next"].as_str().unwrap());
    assert_eq!(desk.ask(API_KEY, "GET", &from, &Value::Null).await.0, 200);
    assert_eq!(desk.ask(KEY_A, "GET", &from, &Value::Null).await.0, 400);
    assert_eq!(desk.ask(API_KEY, "GET", &format!("{from}&key=a"), &Value::Null).await.0, 400);
}

/// Not even to the key that is in it.
async fn configuration_is_shown_without_any_secret<S: Store>(store: S) {
    let desk = Desk::new(store);
    // Each key of the list that is a secret stands in the document.
    let secrets: Vec<_> = config::KEYS.iter().flat_map(|key| key.kind.keys()).filter(|key| key.is_secret).collect();
    assert!(secrets.len() >= 3);
    for key in secrets {
        assert!(document().contains(&format!("\n{} = ", key.name)), "give the document {}", key.name);
    }
    configured::tell(desk.context()).await.unwrap();
    for (key, connections) in [(API_KEY, 2), (KEY_A, 1)] {
        let said = desk.get(key, "/configuration").await;
        let text = said.to_string();
        for hidden in [MARK, API_KEY, KEY_A, KEY_B, &secret(7)] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        assert_eq!(said["file"]["connections"].as_array().unwrap().len(), connections);
        assert_eq!(said["file"]["connections"][0]["keys"], json!(["[REDACTED]"]));
        assert!(said["since"].is_string() && said["version"].as_str().unwrap().len() == 16, "{said}");
    }
    let own = desk.get(KEY_A, "/configuration").await;
    let text = own.to_string();
    assert!(["b-1", "b-*", "erp-b", "\"all\""].iter().all(|name| !text.contains(name)), "{text}");
    assert_eq!(own["warnings"], json!([]));
    let ids = |list: &str, name: &str| {
        let tables = own["file"][list].as_array().unwrap().iter();
        tables.map(|table| table[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (ids("endpoints", "id"), ids("api_keys", "id")),
        (vec!["erp-a".to_owned(), "erp".to_owned()], vec!["a".to_owned()])
    );
    assert_eq!(ids("watches", "connection"), ["a-1"]);
    assert!(!desk.get(API_KEY, "/configuration").await["warnings"].as_array().unwrap().is_empty());
}

/// By names, once; a secret too.
async fn changed_configuration_is_told_by_its_keys<S: Store>(store: S) {
    let mut desk = Desk::new(store);
    for _ in 0..2 {
        configured::tell(desk.context()).await.unwrap();
    }
    let first = desk.get(API_KEY, "/configuration").await;
    assert_eq!((&first["changes"], desk.entries(API_KEY, "", 5).await.len()), (&json!([]), 0));

    desk.time.pass(Duration::from_mins(1));
    desk.configured(&document().replace(&format!("{MARK}-app-b-1"), &format!("{MARK}-other-b-1")));
    for _ in 0..2 {
        configured::tell(desk.context()).await.unwrap();
    }
    let second = desk.get(API_KEY, "/configuration").await;
    assert_eq!((&second["version"], &second["since"]), (&first["version"], &first["since"]), "it is shown as before");
    assert_eq!(second["changes"][0]["keys"], json!(["connections.b-1.app_id"]));
    assert_eq!(desk.get(KEY_A, "/configuration").await["changes"], json!([]), "not its connection");
    assert_eq!(desk.get(KEY_B, "/configuration").await["changes"].as_array().unwrap().len(), 1);

    desk.time.pass(Duration::from_mins(1));
    desk.configured(&document().replace("silence = \"1d\"", "silence = \"2d\""));
    configured::tell(desk.context()).await.unwrap();
    let third = desk.get(API_KEY, "/configuration").await;
    assert!(third["version"] != first["version"] && third["since"] != first["since"], "{third}");
    let entries = desk.entries(API_KEY, "&action=configuration", 5).await;
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!((&entries[0]["key"], entries[0].get("role")), (&"hub".into(), None));
    let keys = json!(["connections.b-1.app_id", "watches[0].silence", "watches[1].silence"]);
    assert_eq!(entries[0]["request"]["keys"], keys);
    assert!(!json!(entries).to_string().contains(MARK));
    assert_eq!(desk.entries(KEY_A, "&action=configuration", 5).await, [json!(null); 0]);
}

/// IAM said who may, and no key was asked for.
async fn direct_invocation_is_told_as_one<S: Store>(store: S) {
    let desk = Desk::new(store);
    let key = desk.failed("a-1", "order:A", "erp").await;
    let body = json!({"endpoint": "erp", "events": [key], "dry_run": false});
    let event = json!({"path": "/deliveries/replay", "body": body}).to_string();
    let answer = deliveries::router().invoke(desk.context(), event.as_bytes()).await;
    assert_eq!(answer.status(), 200);
    let event = json!({"connection": "a-1", "operation": "sendMsg", "idempotency_key": "i",
        "body": {"action": "single_receipt", "orderOutNo": "A"}});
    desk.time.pass(Duration::from_secs(1));
    assert_eq!(call::invoke(&desk.courier, event.to_string().as_bytes()).await.status(), 202);
    let entries = desk.entries(API_KEY, "&key=invocation", 5).await;
    assert_eq!(actions(&entries), ["call", "replay"]);
    let me = audit::router().invoke(desk.context(), br#"{"path":"/me"}"#).await;
    let me: Value = serde_json::from_slice(me.body()).unwrap();
    assert_eq!(me, json!({"id": "invocation", "role": "erp", "connections": ["a-1", "b-1"]}));
}

/// Nothing is done that the trail would not tell.
#[tokio::test]
async fn change_whose_entry_cannot_be_stored_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(SqliteStore::open(folder.path()).unwrap());
    let key = desk.failed("a-1", "order:A", "erp").await;
    let file = rusqlite::Connection::open(folder.path().join("tongguan.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END";
    file.execute_batch(refuse).unwrap();
    let before = desk.context().store.ledger(desk.context().now()).await.unwrap();
    let replay = json!({"endpoint": "erp", "events": [key], "dry_run": false});
    let upload = json!({"action": "single_receipt", "orderOutNo": "A"});
    for (path, body) in [
        ("/deliveries/replay", &replay),
        ("/deliveries/confirm", &json!({"endpoint": "erp"})),
        ("/calls/a-1/sendMsg", &upload),
    ] {
        let (status, said) = desk.ask(API_KEY, "POST", path, body).await;
        assert_eq!((status, &said["type"]), (503, &"urn:tongguan:problem:unavailable".into()), "{path}: {said}");
    }
    assert_eq!(desk.context().store.ledger(desk.context().now()).await.unwrap(), before);
    file.execute_batch("DROP TRIGGER refuse").unwrap();
    desk.done(API_KEY, "/deliveries/replay", &replay).await;
    assert_eq!(desk.entries(API_KEY, "", 5).await.len(), 1);
}

on_both_engines! {
    each_change_is_told_with_its_result
    limited_key_sees_its_own_connections_alone
    configuration_is_shown_without_any_secret
    changed_configuration_is_told_by_its_keys
    direct_invocation_is_told_as_one
}
