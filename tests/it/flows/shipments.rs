//! One shipment by any of its keys: pushes of several partners and calls, found together, in order, and by pages. The
//! functions' own handlers on both engines.

mod evidence;
mod reads;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Context};
use http::Request;
use hub::call::{self, Call};
use hub::delivery::{Delivery, State};
use hub::{Alias, ConnectionId, Work};
use inbound::receive::{self, IncomingPush};
use partners::Partner;
use partners::operation::find;
use serde_json::{Value, json};
use store::Store;
use store_sqlite::SqliteStore;
use tokio::time::Instant;

use super::tenants::on_both_engines;
use crate::calls::upload;
use crate::dynamodb::emulated;
use crate::support::{API_KEY, RecordedQueue, Time, secret, verified, within};

const KEY_A: &str = "api-key-of-tenant-a-0123456789012345";

fn inbound_key(connection: &str) -> String {
    format!("inbound-key-of-{connection}-0123456789-0123456789")
}

/// Two connections to XHQ, one to each other partner that pushes, and a key for `xhq-a` and the others alone.
fn config() -> Arc<Config> {
    let connection = |id: &str, partner: &str| {
        let key = inbound_key(id);
        format!("[[connections]]\nid = \"{id}\"\npartner = \"{partner}\"\nkeys = [\"{key}\"]\n")
    };
    let key = |id: &str, key: &str, sees: &str| {
        format!("[[api_keys]]\nid = \"{id}\"\nkey = \"{key}\"\nconnections = [{sees}]\n")
    };
    let tables = [
        connection("xhq-a", "xhq"),
        connection("xhq-b", "xhq") + "evidence = true\n",
        connection("eyes", "trackingeyes"),
        connection("ports", "onedata"),
        key("a", KEY_A, r#""xhq-a", "ports""#),
        key("all", API_KEY, r#""*""#),
        format!("[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"{}\"]\n", secret(1)),
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
        let context = Context::new(config(), store, RecordedQueue::default(), time.clock());
        Self { context, time }
    }

    /// Pushes, and has the aliases written; a second passes.
    async fn push(&self, connection: &str, function: &str, body: &Value) {
        let action = callback::ACTIONS.iter().find(|action| action.name == function).unwrap();
        let partner = self.context.config.connections[&ConnectionId::from(connection)].partner;
        let path = simulators::pushes::path(partner, connection, &inbound_key(connection), action.suffix);
        let push = || IncomingPush { body: Bytes::from(body.to_string()), ..IncomingPush::default() };
        within(async {
            loop {
                let verified = verified(&self.context.config, &path, *action);
                if receive::receive(&self.context, verified, push(), Instant::now()).await.status == 200 {
                    return;
                }
            }
        })
        .await;
        self.index().await;
        self.time.pass(Duration::from_secs(1));
    }

    /// Writes the aliases of everything, as the errand after the answer does.
    async fn index(&self) {
        let (store, now) = (&self.context.store, self.context.now());
        for key in store.due(now.after(Duration::from_hours(24)), 1_000).await.unwrap() {
            let Some(found) = store.inspect(&key, now).await.unwrap() else { continue };
            if found.work.index_by.is_some() {
                store.alias(&found.meta.aliases, &key.connection, &key.subject, found.meta.expires).await.unwrap();
                let work = Work { index_by: None, version: found.work.version + 1, ..found.work };
                store.settle(&key, &work).await.unwrap();
            }
        }
    }

    /// A command about an order, with a change.
    async fn call(&self, connection: &str, order: &str, change: impl Fn(Call) -> Call) {
        let (connection, body) = (ConnectionId::from(connection), upload(order));
        let operation = find(Partner::Xhq, "upload").unwrap();
        let key = format!("k-{order}");
        let request =
            call::Request { connection: &connection, operation: &operation, key: &key, body: &body, file: None };
        let now = self.context.now();
        let mut record = call::accepted(&request, now, Duration::from_secs(30), Duration::from_hours(24)).unwrap();
        record.work.call = record.work.call.map(change);
        self.context.store.admit(&record.event, &record.work, None).await.unwrap();
        self.index().await;
        self.time.pass(Duration::from_secs(1));
    }

    async fn ask(&self, key: &str, path: &str) -> (u16, Value) {
        let request = Request::get(path).header("authorization", format!("Bearer {key}"));
        let response = shipments::router().handle(&self.context, request.body(Bytes::new()).unwrap()).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, said) = self.ask(API_KEY, path).await;
        assert_eq!(status, 200, "{path}: {said}");
        said
    }
}

/// A receipt of XHQ's with these keys, channel and time of day.
fn receipt(order: Option<&str>, bill: Option<&str>, entry: Option<&str>, channel: &str, time: &str) -> Value {
    let notice = format!("2026-03-01 {time}");
    json!({"action": "single_receipt", "orderOutNo": order, "billNo": bill,
           "paramJson": {"channel": channel, "noticeDate": notice, "entryId": entry}})
}

fn port_data(bill: &str, containers: &[String]) -> Value {
    let container = |number: &String| json!({"containerNo": number});
    let containers: Vec<_> = containers.iter().map(container).collect();
    json!({"customerId": "1", "refreshTime": "2026-03-01 09:00:00", "dataType": 2, "data": {
        "subNo": bill, "subType": 1, "carrierCd": "CNTAO", "importAndExportFlag": "E",
        "resultData": {"blNo": bill, "containerInfoList": containers}}})
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn members<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

/// A release that came under the bill, and a closure under the declaration, were not on the order's timeline.
async fn receipts_under_three_keys_are_one_shipment<S: Store>(store: S) {
    let desk = Desk::new(store);
    // The closure comes first, and the release last.
    desk.push("xhq-a", "single_receipt", &receipt(None, None, Some("E"), "R", "12:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("JB1"), Some("E"), "L", "10:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(None, Some("JB1"), None, "P", "11:00:00")).await;
    desk.call("xhq-b", "J1", |call| call).await;
    for key in ["order:J1", "bl:JB1", "entry:E", "J1", "JB1", "E"] {
        let found = desk.get(&format!("/shipments/{key}")).await;
        assert_eq!(texts(&found["keys"]), ["order:J1", "bl:JB1", "entry:E"], "{key}");
        assert_eq!((&found["milestone"], &found["related"]), (&json!("cleared"), &json!([])), "{key}");
        assert_eq!(members(&found["milestones"], "milestone"), ["accepted", "released", "cleared"]);
        assert_eq!(found["milestones"][1]["occurred"], "2026-03-01T03:00:00.000000Z");
        assert_eq!(texts(&found["missing"]), ["declared"]);
        let items = &found["items"];
        assert_eq!(
            members(items, "type"),
            ["xhq.single_receipt", "xhq.single_receipt", "xhq.single_receipt", "xhq.upload"]
        );
        assert_eq!(members(items, "subject")[..3], ["order:J1", "bl:JB1", "entry:E"], "by the partner's time");
        assert_eq!((&items[3]["call"], &items[0]["deliveries"][0]["state"]), (&json!("queued"), &json!("pending")));
        assert_eq!(found["milestones"][2]["id"], items[2]["id"]);
        assert_eq!((&found["next"], &found["complete"]), (&Value::Null, &json!(true)));
    }
}

async fn other_order_on_the_bill_is_related_not_merged<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("B"), Some("E1"), "L", "10:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(Some("J2"), Some("B"), Some("E2"), "L", "10:00:01")).await;
    // It belongs to the bill, and so to each order; its declaration may be the other's.
    desk.push("xhq-a", "single_receipt", &receipt(None, Some("B"), Some("E2"), "P", "11:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(None, None, Some("E2"), "R", "12:00:00")).await;
    let one = desk.get("/shipments/order:J1").await;
    assert_eq!(texts(&one["keys"]), ["order:J1", "bl:B", "entry:E1"]);
    assert_eq!(texts(&one["related"]), ["order:J2", "entry:E2"]);
    assert_eq!((members(&one["items"], "subject"), &one["milestone"]), (vec!["order:J1", "bl:B"], &json!("released")));
    let both = desk.get("/shipments/bl:B").await;
    assert_eq!((both["items"].as_array().unwrap().len(), &both["related"]), (4, &json!([])));
}

/// An event that is not found by all of its containers makes the shipment incomplete.
async fn bill_with_more_containers_than_keys_is_marked_incomplete<S: Store>(store: S) {
    let desk = Desk::new(store);
    let containers: Vec<_> = (0..220).map(|n| format!("C{n}")).collect();
    desk.push("ports", "port_push", &port_data("B", &containers)).await;
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("B"), None, "L", "10:00:00")).await;
    for key in ["order:J1", "bl:B", "container:C7"] {
        let found = desk.get(&format!("/shipments/{key}")).await;
        assert_eq!(texts(&found["keys"])[..3], ["order:J1", "bl:B", "port:CNTAO:1:B:E"], "{key}");
        // The bill is one of the 200 keys that an event is found by.
        assert_eq!((found["keys"].as_array().unwrap().len(), &found["complete"]), (202, &json!(false)));
        assert_eq!((found["items"].as_array().unwrap().len(), &found["direction"]), (2, &json!("export")));
    }
    assert_eq!(desk.ask(API_KEY, "/shipments/container:C219").await.0, 404);
    // In two pushes all of them have room.
    desk.push("ports", "port_push", &port_data("B2", &containers[..110])).await;
    desk.push("ports", "port_push", &port_data("B2", &containers[110..])).await;
    let found = desk.get("/shipments/bl:B2").await;
    assert_eq!((found["keys"].as_array().unwrap().len(), &found["complete"]), (222, &json!(true)));
    assert_eq!(texts(&found["related"]), ["port:CNTAO:1:B:E"], "it has the same containers");
}

/// The answer is the same as without the other tenant's events: no key, no relation and no count tells of them.
async fn other_tenants_shipment_is_as_good_as_absent<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("B"), None, "L", "10:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(None, Some("B"), Some("E"), "P", "10:30:00")).await;
    let alone = desk.ask(KEY_A, "/shipments/bl:B").await;
    desk.push("xhq-b", "single_receipt", &receipt(Some("J2"), Some("B"), Some("E9"), "R", "11:00:00")).await;
    desk.push("xhq-b", "single_receipt", &receipt(None, None, Some("E"), "R", "12:00:00")).await;
    desk.call("xhq-b", "J1", |call| call).await;
    for key in ["order:J1", "bl:B", "entry:E"] {
        let (_, seen) = desk.ask(KEY_A, &format!("/shipments/{key}")).await;
        assert_eq!(seen, alone.1, "{key}");
    }
    for hidden in ["order:J2", "entry:E9", "J2"] {
        let nothing = desk.ask(KEY_A, &format!("/shipments/{hidden}")).await;
        assert_eq!((nothing.0, nothing.1), desk.ask(KEY_A, "/shipments/order:NONE").await, "{hidden}");
    }
    assert_eq!(desk.ask(API_KEY, "/shipments/order:J2").await.0, 200);
    let (_, list) = desk.ask(KEY_A, "/shipments?state=open").await;
    assert_eq!(members(&list["items"], "connection"), ["xhq-a", "xhq-a"]);
}

/// Cursors go on behind the last event, whatever comes in between.
async fn shipment_is_read_by_pages<S: Store>(store: S) {
    let desk = Desk::new(store);
    for n in 0..23 {
        let bill = Some("B").filter(|_| n % 2 == 0);
        let order = Some("J1").filter(|_| n % 3 == 0 || bill.is_none());
        let time = format!("10:{:02}:00", (n * 7) % 23);
        desk.push("xhq-a", "single_receipt", &receipt(order, bill, None, "L", &time)).await;
    }
    let whole = desk.get("/shipments/order:J1").await;
    let (mut ids, mut from) = (Vec::new(), String::new());
    let path = "/shipments/order:J1?limit=5";
    loop {
        let page = desk.get(&format!("{path}&from={from}")).await;
        assert_eq!((&page["keys"], &page["milestones"]), (&whole["keys"], &whole["milestones"]));
        ids.extend(members(&page["items"], "id").into_iter().map(ToOwned::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut from);
    }
    assert_eq!((ids.len(), &ids), (23, &members(&whole["items"], "id").into_iter().map(ToOwned::to_owned).collect()));
    let times = members(&whole["items"], "occurred");
    assert!(times.is_sorted(), "{times:?}");
    for other in [format!("/shipments/bl:B?from={from}"), "/shipments/order:J1?from=1".to_owned()] {
        let (status, said) = desk.ask(API_KEY, &other).await;
        assert_eq!((status, &said["field"]), (400, &json!("from")), "{other}");
    }
}

async fn unknown_key_is_a_404<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "syn_status", &json!({"orderOutNo": "SO:2026:1", "code": 43})).await;
    for missing in ["order:NONE", "NONE", "bl:SO:2026:1", "push:00", "call:00", "order:"] {
        let (status, said) = desk.ask(API_KEY, &format!("/shipments/{missing}")).await;
        assert_eq!((status, &said["type"]), (404, &json!("urn:tongguan:problem:not-found")), "{missing}: {said}");
    }
    for known in ["order:SO:2026:1", "SO:2026:1", "SO%3A2026%3A1"] {
        assert_eq!(desk.get(&format!("/shipments/{known}")).await["milestone"], "order_accepted", "{known}");
    }
}

/// By the shipment that the work is about: a call is not one by itself.
async fn unfinished_and_failed_work_is_listed_by_shipment<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "syn_status", &json!({"orderOutNo": "J1", "code": 43})).await;
    desk.push("xhq-a", "syn_status", &json!({"orderOutNo": "J1", "code": 63})).await;
    desk.call("xhq-a", "J2", |call| call).await;
    let open = desk.get("/shipments?state=open").await;
    assert_eq!(members(&open["items"], "key"), ["order:J1", "order:J2"]);
    assert_eq!((&open["items"][0]["deliveries"], &open["items"][1]["calls"]), (&json!(2), &json!(1)));
    assert_eq!(desk.get("/shipments?state=failed").await["items"], json!([]));

    let (store, now) = (&desk.context.store, desk.context.now());
    for key in store.due(now.after(Duration::from_hours(1)), 10).await.unwrap() {
        let work = store.inspect(&key, now).await.unwrap().unwrap().work;
        let failed = work.deliveries.iter().map(|delivery| Delivery { state: State::Failed, ..delivery.clone() });
        let call = work.call.clone().map(|call| call.claimed_to_send(now).interrupted(now));
        let work = Work { version: work.version + 1, deliveries: failed.collect(), call, ..work };
        store.settle(&key, &work).await.unwrap();
    }
    let (mut listed, mut from) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("/shipments?state=failed&limit=1&from={from}")).await;
        listed.extend(members(&page["items"], "key").into_iter().map(ToOwned::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut from);
    }
    listed.sort_unstable();
    assert_eq!(listed, ["order:J1", "order:J1", "order:J2"]);
    assert_eq!(desk.get("/shipments?state=open").await["items"], json!([]));
    for query in ["", "?state=calm", "?state=Open", "?limit=5"] {
        let (status, said) = desk.ask(API_KEY, &format!("/shipments{query}")).await;
        assert_eq!((status, &said["field"]), (400, &json!("state")), "{query}: {said}");
    }
}

/// A call about the order and the bill of another is that other's.
async fn call_is_found_by_every_key_of_its_shipment<S: Store>(store: S) {
    let desk = Desk::new(store);
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("B"), Some("E"), "L", "10:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(Some("J2"), Some("B"), None, "L", "10:00:00")).await;
    desk.call("xhq-a", "J1", |call| call).await;
    desk.call("xhq-a", "J2", |call| call).await;
    let calls = async |key: &str| {
        let found = desk.get(&format!("/shipments/{key}")).await;
        found["items"].as_array().unwrap().iter().filter(|item| item["call"].is_string()).count()
    };
    for (key, count) in [("order:J1", 1), ("entry:E", 1), ("order:J2", 1), ("bl:B", 2)] {
        assert_eq!(calls(key).await, count, "{key}");
    }
    // A serial that only the call's answer taught.
    let serial = Alias::new("serial", "A22060714485586949");
    let expires = desk.context.now().after(Duration::from_hours(1));
    desk.context.store.alias(&[serial], &"xhq-a".into(), &"order:J1".into(), expires).await.unwrap();
    assert_eq!(calls("serial:A22060714485586949").await, 1);
}

on_both_engines! {
    receipts_under_three_keys_are_one_shipment
    other_order_on_the_bill_is_related_not_merged
    bill_with_more_containers_than_keys_is_marked_incomplete
    other_tenants_shipment_is_as_good_as_absent
    shipment_is_read_by_pages
    unknown_key_is_a_404
    unfinished_and_failed_work_is_listed_by_shipment
    call_is_found_by_every_key_of_its_shipment
}
