//! Several tenants at one hub, each with a key and an endpoint of its own: what one gets of another, on both engines.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use config::Config;
use config::Context;
use hub::delivery::{Delivery, State};
use hub::{ConnectionId, Event, EventKey, Work, identity};
use serde_json::{Value, json};
use store::Store;
use store_sqlite::SqliteStore;

use super::lists::{NOW, failed};
use crate::dynamodb::emulated;
use crate::support::{API_KEY, RecordedQueue, Time, routed, secret};

pub(super) const KEY_A: &str = "api-key-of-tenant-a-0123456789012345";
pub(super) const KEY_B: &str = "api-key-of-tenant-b-0123456789012345";

/// Two tenants, of which each has a connection, a key and an endpoint; and a key and an endpoint for both.
fn config() -> Arc<Config> {
    let connection = |id: &str| {
        format!(
            "[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\nkeys = [\"inbound-key-of-{id}-0123456789-0123456789\"]\n"
        )
    };
    let key = |id: &str, key: &str, sees: &str| {
        format!("[[api_keys]]\nid = \"{id}\"\nkey = \"{key}\"\nconnections = [\"{sees}\"]\n")
    };
    let endpoint = |id: &str, takes: &str| {
        let secret = secret(1);
        format!(
            "[[endpoints]]\nid = \"{id}\"\nurl = \"https://{id}.example.com/\"\nsecrets = [\"{secret}\"]\n{takes}\n"
        )
    };
    let tables = [
        connection("a-1"),
        connection("b-1"),
        key("a", KEY_A, "a-*"),
        key("b", KEY_B, "b-*"),
        key("all", API_KEY, "*"),
        endpoint("erp-a", "connections = [\"a-*\"]"),
        endpoint("erp-b", "connections = [\"b-*\"]"),
        endpoint("erp", ""),
        endpoint("ends", "types = [\"call.failed\"]"),
    ];
    Arc::new(Config::parse(&tables.concat()).unwrap())
}

pub(super) struct Desk<S> {
    pub(super) context: Context<S, RecordedQueue>,
    time: Time,
}

impl<S: Store> Desk<S> {
    pub(super) fn new(store: S) -> Self {
        let time = Time::now();
        let context = Context::new(config(), store, RecordedQueue::default(), time.clock());
        Self { context, time }
    }

    /// Stores an event of that connection with a delivery that failed at that endpoint.
    async fn failed(&self, connection: &str, subject: &str, endpoint: &str) -> EventKey {
        self.stored(
            connection,
            subject,
            vec![Delivery { state: State::Failed, ..Delivery::new(endpoint.into(), NOW, NOW) }],
        )
        .await
    }

    async fn stored(&self, connection: &str, subject: &str, deliveries: Vec<Delivery>) -> EventKey {
        let (event, work) = failed(subject, "erp", NOW);
        let (connection, subject) = (ConnectionId::from(connection), event.key.subject.clone());
        let id = identity::by_content(&connection, &subject, identity::opaque(&connection, &event.meta.kind, b"x"));
        let event = Event { key: EventKey { connection, subject, id }, ..event };
        self.context.store.admit(&event, &Work { deliveries, ..work }, None).await.unwrap();
        event.key
    }

    async fn ask(&self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, said) = routed(&self.context, key, (method, path), body.to_string()).await;
        (status, serde_json::from_slice(&said).unwrap())
    }

    pub(super) async fn get(&self, key: &str, path: &str) -> (u16, Value) {
        self.ask(key, "GET", path, &Value::Null).await
    }

    pub(super) async fn done(&self, key: &str, path: &str, body: &Value) -> Value {
        let (status, said) = self.ask(key, "POST", path, body).await;
        assert_eq!(status, 200, "{path} {body}: {said}");
        said
    }
}

/// A cursor is no place to begin from here.
fn bad_cursor((status, said): (u16, Value)) {
    assert_eq!((status, &said["field"]), (400, &"from".into()), "{said}");
    assert_eq!(said["type"], "urn:tongguan:problem:bad-cursor");
    assert!(said["detail"].as_str().unwrap().contains("begin again without it"), "{said}");
}

/// A `next` was base64 of another tenant's connection, subject and event, or a row number, also where all was hidden.
async fn cursor_is_of_its_key_list_and_hour<S: Store>(store: S) {
    let desk = Desk::new(store);
    for n in 0..4 {
        desk.failed("b-1", &format!("order:SECRET-{n}"), "erp").await;
    }
    let own = [desk.failed("a-1", "order:OWN", "erp").await, desk.failed("a-1", "order:OWN-2", "erp").await];

    let path = "/deliveries/failed?endpoint=erp&limit=1";
    let (mut found, mut cursors, mut from) = (Vec::new(), Vec::new(), String::new());
    loop {
        let (status, page) = desk.get(KEY_A, &format!("{path}&from={from}")).await;
        assert_eq!(status, 200, "{page}");
        found.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(next).unwrap();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(["b-1", "SECRET", "order:"].iter().all(|name| !shown.contains(name)), "{shown}");
        next.clone_into(&mut from);
        cursors.push(from.clone());
    }
    assert_eq!((found.len(), own.iter().all(|key| found.contains(&json!(key.id)))), (2, true), "{found:?}");
    let cursor = cursors.first().unwrap();

    let from = format!("from={cursor}");
    bad_cursor(desk.get(KEY_B, &format!("{path}&{from}")).await);
    bad_cursor(desk.get(API_KEY, &format!("{path}&{from}")).await);
    bad_cursor(desk.get(KEY_A, &format!("/deliveries/failed?{from}")).await);
    bad_cursor(desk.get(KEY_A, &format!("/deliveries/failed?endpoint=erp-a&{from}")).await);
    bad_cursor(desk.get(KEY_A, &format!("/calls?{from}")).await);
    let body = json!({"endpoint": "erp", "from": cursor});
    bad_cursor(desk.ask(KEY_A, "POST", "/deliveries/confirm", &body).await);
    bad_cursor(desk.ask(KEY_A, "POST", "/deliveries/replay", &body).await);
    let (head, tail) = cursor.split_at(20);
    let other = if tail.starts_with('A') { 'B' } else { 'A' };
    bad_cursor(desk.get(KEY_A, &format!("{path}&from={head}{other}{}", &tail[1..])).await);
    for raw in ["1", "nowhere", &BASE64_URL_SAFE_NO_PAD.encode(r#"[0,["E#0","b-1#order:SECRET-0","E#0"]]"#)] {
        bad_cursor(desk.get(KEY_A, &format!("{path}&from={raw}")).await);
        bad_cursor(desk.get(KEY_A, &format!("/calls?from={raw}")).await);
    }

    // Another number of items is the same list.
    assert_eq!(desk.get(KEY_A, &format!("/deliveries/failed?endpoint=erp&limit=9&{from}")).await.0, 200);
    desk.time.pass(Duration::from_mins(59));
    assert_eq!(desk.get(KEY_A, &format!("{path}&{from}")).await.0, 200);
    desk.time.pass(Duration::from_mins(1));
    bad_cursor(desk.get(KEY_A, &format!("{path}&{from}")).await);
}

/// Regression: a key got empty pages with a `next` while only items of others were listed, and so learned of them.
async fn others_items_make_no_next<S: Store>(store: S) {
    let desk = Desk::new(store);
    for n in 0..30 {
        desk.failed("b-1", &format!("order:SECRET-{n}"), "erp").await;
    }
    let lists = ["/deliveries/failed?limit=5", "/deliveries/failed?endpoint=erp&limit=5", "/calls?limit=5"];
    for path in lists {
        let (status, page) = desk.get(KEY_A, path).await;
        assert_eq!((status, &page["items"], &page["next"]), (200, &json!([]), &Value::Null), "{path}: {page}");
    }
    let own = desk.failed("a-1", "order:OWN", "erp").await;
    for n in 30..60 {
        desk.failed("b-1", &format!("order:SECRET-{n}"), "erp").await;
    }
    for path in &lists[..2] {
        let (_, page) = desk.get(KEY_A, path).await;
        assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!(own.id), &Value::Null), "{path}: {page}");
    }
    // Who sees all gets all.
    let (mut count, mut path) = (0, lists[0].to_owned());
    loop {
        let (_, page) = desk.get(API_KEY, &path).await;
        count += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{}&from={next}", lists[0]);
    }
    assert_eq!(count, 61);
}

/// A connection that was misspelt was answered with nothing done.
async fn event_of_no_connection_is_a_mistake<S: Store>(store: S) {
    let desk = Desk::new(store);
    let gone = desk.failed("a-gone", "order:A", "erp").await;
    let hidden = desk.failed("b-1", "order:B", "erp").await;
    let own = desk.failed("a-1", "order:C", "erp").await;
    for path in ["/deliveries/confirm", "/deliveries/replay"] {
        let refused = async |connection: &str, id: &hub::EventId| {
            let wrong = json!({"connection": connection, "subject": "order:B", "id": id});
            let body = json!({"endpoint": "erp", "events": [own, wrong]});
            let (status, said) = desk.ask(KEY_A, "POST", path, &body).await;
            assert_eq!((status, &said["field"]), (400, &"events[1].connection".into()), "{path}: {said}");
            let detail = said["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("a-1"), "{detail}");
            detail.replace(connection, "NAME")
        };
        assert!(refused("a-2", &own.id).await.contains("did you mean a-1?"));
        // A connection that the key may not see counts as absent.
        assert_eq!(refused("b-1", &hidden.id).await, refused("c-1", &hidden.id).await);
        let known = json!({"endpoint": "erp", "events": [gone]});
        assert_eq!(desk.done(KEY_A, path, &known).await["events"], json!([gone]), "it is stored");
    }
}

/// An event of one tenant was sent to the endpoint of another, signed with that one's secret.
async fn event_is_replayed_only_where_it_is_wanted<S: Store>(store: S) {
    let desk = Desk::new(store);
    let (a, b) = (desk.failed("a-1", "order:A", "erp-a").await, desk.failed("b-1", "order:B", "erp-b").await);
    let replay =
        |endpoint: &str, events: &[&EventKey]| json!({"endpoint": endpoint, "events": events, "dry_run": false});
    for (key, endpoint) in [(KEY_A, "erp-b"), (API_KEY, "erp-b"), (KEY_A, "ends"), (API_KEY, "ends")] {
        for dry_run in [true, false] {
            let mut body = replay(endpoint, &[&a]);
            body["dry_run"] = dry_run.into();
            let (status, said) = desk.ask(key, "POST", "/deliveries/replay", &body).await;
            assert_eq!((status, &said["field"]), (400, &"endpoint".into()), "{endpoint}: {said}");
            assert!(!said.to_string().contains("b-*"), "{said}");
        }
    }
    assert!(desk.context.queue.0.lock().unwrap().is_empty());

    let some = desk.done(API_KEY, "/deliveries/replay", &replay("erp-b", &[&a, &b])).await;
    assert_eq!((&some["events"], &some["unwanted"], &some["replayed"]), (&json!([b]), &json!([a]), &1.into()));
    let work = desk.context.store.inspect(&a, NOW).await.unwrap().unwrap().work;
    assert!(work.delivery(&"erp-b".into()).is_none());
    assert_eq!(desk.context.queue.0.lock().unwrap().len(), 1);

    // An endpoint that wants the event gets it for the first time, and one that had it gets it again.
    assert_eq!(desk.done(KEY_A, "/deliveries/replay", &replay("erp", &[&a])).await["replayed"], 1);
    let had = desk.failed("a-1", "order:HAD", "erp-b").await;
    assert_eq!(desk.done(API_KEY, "/deliveries/replay", &replay("erp-b", &[&had])).await["replayed"], 1);
    let mut waits = Delivery::new("erp-b".into(), NOW, NOW.after(Duration::from_hours(1)));
    waits.progress.is_claimed = false;
    let waits = desk.stored("a-1", "order:WAITS", vec![waits]).await;
    let now = json!({"endpoint": "erp-b", "events": [waits], "now": true, "dry_run": false});
    assert_eq!(desk.done(API_KEY, "/deliveries/replay", &now).await["replayed"], 1);
}

/// Makes two tests of each named function, over either engine. The calling module has `SqliteStore` and `emulated` in scope.
macro_rules! on_both_engines {
    ($($promise:ident)*) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$promise(super::SqliteStore::open(folder.path()).unwrap()).await;
                }
            )*
        }

        mod on_dynamodb {
            $(
                #[tokio::test]
                async fn $promise() {
                    let (store, _emulator) = super::emulated().await;
                    super::$promise(store).await;
                }
            )*
        }
    };
}

pub(crate) use on_both_engines;

on_both_engines! {
    cursor_is_of_its_key_list_and_hour
    others_items_make_no_next
    event_of_no_connection_is_a_mistake
    event_is_replayed_only_where_it_is_wanted
}
