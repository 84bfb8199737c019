//! Consumers on both engines: what a key may lease, which receipts count, and what other work of an event does meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Context};
use courier::DeliveryResult;
use http::{Method, Request};
use hub::admission;
use hub::delivery::{Outcome, State};
use hub::event::Meta;
use hub::{ConnectionId, Event, EventKey, Subject, identity};
use serde_json::{Value, json};
use store::{Failed, Store};
use store_sqlite::SqliteStore;

use crate::dynamodb::emulated;
use crate::flows::tenants::on_both_engines;
use crate::support::{API_KEY, RecordedQueue, Time, delivering, secret};

const KEY_A: &str = "api-key-of-tenant-a-0123456789012345";
const MINUTE: Duration = Duration::from_mins(1);

fn config() -> Arc<Config> {
    let connection = |id: &str| {
        let key = format!("inbound-key-of-{id}-0123456789-0123456789");
        format!("[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\nkeys = [\"{key}\"]\n")
    };
    let tables = [
        connection("a-1"),
        connection("b-1"),
        format!("[[api_keys]]\nid = \"a\"\nkey = \"{KEY_A}\"\nconnections = [\"a-*\"]\n"),
        format!("[[api_keys]]\nid = \"all\"\nkey = \"{API_KEY}\"\n"),
        "[[endpoints]]\nid = \"erp\"\npull = true\n".to_owned(),
        "[[endpoints]]\nid = \"line\"\npull = true\norder = \"subject\"\ntypes = [\"xhq.line\"]\n".to_owned(),
        "[[endpoints]]\nid = \"erp-b\"\npull = true\nconnections = [\"b-*\"]\n".to_owned(),
        format!(
            "[[endpoints]]\nid = \"sent\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"{}\"]\ntypes = [\"xhq.both\"]\n",
            secret(1)
        ),
    ];
    Arc::new(Config::parse(&tables.concat()).unwrap())
}

struct Desk<S> {
    context: Context<S, RecordedQueue>,
    time: Time,
}

impl<S: Store> Desk<S> {
    fn new(store: S) -> Self {
        let time = Time::now();
        Self { context: Context::new(config(), store, RecordedQueue::default(), time.clock()), time }
    }

    /// Admits an event as a push would.
    async fn admit(&self, connection: &str, subject: &str, kind: &str, n: u32) -> EventKey {
        let (connection, subject) = (ConnectionId::from(connection), Subject::from(subject));
        let body = Bytes::from(format!("{{\"n\":{n}}}"));
        let id = identity::by_content(&connection, &subject, identity::opaque(&connection, &kind.into(), &body));
        let now = self.context.now();
        let meta = Meta::json(kind.into(), now, now.after(MINUTE * 60 * 24 * 90), body.len());
        let event = Event { key: EventKey { connection, subject, id }, meta, body };
        let work = admission::work(&event, &self.context.config.routes, MINUTE, false);
        self.context.store.admit(&event, &work, None).await.unwrap();
        self.time.pass(Duration::from_millis(1));
        event.key
    }

    async fn ask(&self, key: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = pull::router().handle(&self.context, request.body(body).unwrap()).await;
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    async fn pull(&self, key: &str, endpoint: &str, limit: usize) -> Vec<Value> {
        let path = format!("/endpoints/{endpoint}/events?limit={limit}");
        let (status, said) = self.ask(key, Method::GET, &path, &Value::Null).await;
        assert_eq!(status, 200, "{said}");
        said.as_array().unwrap().clone()
    }

    async fn redeem(&self, key: &str, endpoint: &str, how: &str, events: &[Value]) -> Vec<Value> {
        let receipts: Vec<_> = events.iter().map(|event| event["receipt"].clone()).collect();
        let path = format!("/endpoints/{endpoint}/{how}");
        let (status, said) = self.ask(key, Method::POST, &path, &json!({"receipts": receipts})).await;
        assert_eq!(status, 200, "{said}");
        said["receipts"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect()
    }

    async fn state(&self, key: &EventKey, endpoint: &str) -> State {
        let found = self.context.store.inspect(key, self.context.now()).await.unwrap().unwrap();
        found.work.delivery(&endpoint.into()).unwrap().state
    }
}

fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect()
}

async fn key_of_some_connections_pulls_theirs_alone<S: Store>(store: S) {
    let desk = Desk::new(store);
    for n in 0..200 {
        desk.admit("b-1", &format!("order:B-{n}"), "xhq.own", n).await;
    }
    desk.admit("a-1", "order:A", "xhq.own", 7).await;
    assert_eq!(numbers(&desk.pull(KEY_A, "erp", 100).await), [7], "behind two hundred of others");
    assert_eq!(desk.pull(KEY_A, "erp", 100).await.len(), 0);
    let path = "/endpoints/erp-b/events";
    assert_eq!(desk.ask(KEY_A, Method::GET, path, &Value::Null).await.0, 404, "an endpoint of others");
    assert_eq!(desk.pull(API_KEY, "erp", 100).await.len(), 100);
    assert_eq!(desk.pull(API_KEY, "erp", 100).await.len(), 100);
    assert_eq!(desk.pull(API_KEY, "erp", 100).await.len(), 0);
}

async fn receipt_is_of_its_key_and_endpoint<S: Store>(store: S) {
    let desk = Desk::new(store);
    let event = desk.admit("a-1", "order:A", "xhq.own", 1).await;
    desk.admit("b-1", "order:B", "xhq.own", 2).await;
    let own = desk.pull(KEY_A, "erp", 10).await;
    assert_eq!(desk.redeem(API_KEY, "erp", "acknowledge", &own).await, ["unknown"]);
    let others = desk.pull(API_KEY, "erp-b", 10).await;
    assert_eq!(numbers(&others), [2]);
    assert_eq!(desk.redeem(API_KEY, "erp", "acknowledge", &others).await, ["unknown"], "of another endpoint");
    let mut cut = own.clone();
    let text = cut[0]["receipt"].as_str().unwrap()[1..].to_owned();
    cut[0]["receipt"] = text.into();
    assert_eq!(desk.redeem(KEY_A, "erp", "acknowledge", &cut).await, ["unknown"]);
    assert_eq!(desk.state(&event, "erp").await, State::Pending);
    desk.time.pass(MINUTE * 60 * 3);
    assert_eq!(desk.redeem(KEY_A, "erp", "acknowledge", &own).await, ["acknowledged"], "however old");
    assert!(!own[0]["receipt"].as_str().unwrap().contains("order"), "it is opaque");
}

async fn order_of_a_subject_holds_over_many_events<S: Store>(store: S) {
    let desk = Desk::new(store);
    for n in 0..150 {
        desk.admit("a-1", "order:BUSY", "xhq.line", n).await;
    }
    for n in 150..153 {
        desk.admit("a-1", &format!("order:{n}"), "xhq.line", n).await;
    }
    let first = desk.pull(API_KEY, "line", 100).await;
    assert_eq!(numbers(&first), [0, 150, 151, 152]);
    assert_eq!(desk.redeem(API_KEY, "line", "acknowledge", &first[..1]).await, ["acknowledged"]);
    for n in 1..5 {
        let next = desk.pull(API_KEY, "line", 100).await;
        assert_eq!(numbers(&next), [n]);
        desk.redeem(API_KEY, "line", "acknowledge", &next).await;
    }
    desk.time.pass(MINUTE);
    assert_eq!(numbers(&desk.pull(API_KEY, "line", 100).await), [5, 150, 151, 152]);
}

/// The index has one place for an event: its other delivery is due all the same, and is not sent to the pull endpoint.
async fn other_delivery_of_an_event_is_swept<S: Store>(store: S) {
    let desk = Desk::new(store);
    let event = desk.admit("a-1", "order:A", "xhq.both", 1).await;
    let sent = |outcome: Outcome| -> courier::Send {
        Arc::new(move |endpoint, _| {
            assert_eq!(endpoint.id.as_str(), "sent");
            let result = DeliveryResult { outcome, status: None, detail: String::new() };
            Box::pin(std::future::ready(result))
        })
    };
    desk.time.pass(MINUTE);
    let courier = delivering(desk.context.clone(), sent(Outcome::NoAnswer));
    assert_eq!(Box::pin(courier::sweep(&courier, MINUTE)).await.unwrap().run, 1);
    let leased = desk.pull(API_KEY, "erp", 10).await;
    assert_eq!(numbers(&leased), [1]);
    desk.time.pass(MINUTE * 60);
    let courier = delivering(desk.context.clone(), sent(Outcome::Delivered));
    assert_eq!(Box::pin(courier::sweep(&courier, MINUTE)).await.unwrap().run, 1);
    assert_eq!((desk.state(&event, "sent").await, desk.state(&event, "erp").await), (State::Delivered, State::Pending));
    assert_eq!(desk.redeem(API_KEY, "erp", "acknowledge", &leased).await, ["acknowledged"]);
    assert_eq!(Box::pin(courier::sweep(&courier, MINUTE)).await.unwrap().run, 0);
    assert!(desk.context.store.pullable(None, 10).await.unwrap().is_empty());
}

async fn poison_event_fails_after_many_leases_and_is_replayed<S: Store>(store: S) {
    let desk = Desk::new(store);
    let event = desk.admit("a-1", "order:A", "xhq.own", 1).await;
    desk.time.pass(hub::progress::PATIENCE);
    for _ in 0..hub::delivery::MOST_LEASES {
        assert_eq!(desk.pull(API_KEY, "erp", 10).await.len(), 1);
        desk.time.pass(MINUTE);
    }
    assert_eq!(desk.pull(API_KEY, "erp", 10).await.len(), 0);
    assert_eq!(desk.state(&event, "erp").await, State::Failed);
    let failed = desk.context.store.failed(&Failed::Waiting, None, 10, desk.context.now()).await.unwrap();
    assert_eq!(failed.items.len(), 1);
    let found = failed.items[0].work.replayed(&"erp".into(), desk.context.now()).unwrap();
    desk.context.store.settle(&event, &found).await.unwrap();
    assert_eq!(desk.pull(API_KEY, "erp", 10).await.len(), 1);
}

on_both_engines! {
    key_of_some_connections_pulls_theirs_alone
    receipt_is_of_its_key_and_endpoint
    order_of_a_subject_holds_over_many_events
    other_delivery_of_an_event_is_swept
    poison_event_fails_after_many_leases_and_is_replayed
}
