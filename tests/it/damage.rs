//! Damaged bytes in the database: they are neither served nor delivered, and an error is logged.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use config::Context;
use courier::{Courier, JobOutcome};
use hub::EventKey;
use hub::Work;
use hub::delivery::{Delivery, State};
use partners::Partner;
use queue::{Hint, Job};
use rusqlite::Connection;
use serde_json::json;
use simulators::api::Fault;
use simulators::erp::Behaviour;
use store::{Admitted, Failed, Store, StoreError};

use crate::calls::{Desk, Making, upload};
use crate::dynamodb::{Emulator, NOW, emulated, event, noise};
use crate::support::http::api;
use crate::support::{API_KEY, Plan, Time, attempted, courier, delivery, erp, events, status, sweep, taken};

/// Runs SQL on the file of a hub's store, as another program may.
fn altered(plan: &Plan, sql: &str) {
    let file = plan.config().data_dir.join("tongguan.db");
    let db = Connection::open(file).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
}

/// Regression: bytes that rotted in the database were served and delivered as if they were right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_event_fails_is_listed_and_goes_out_once_restored() {
    let (receiver, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &receiver, "retry = [\"20m\", \"20m\"]");
    let hub = plan.start_at(&time).await;
    receiver.behave(Behaviour::Down);
    for order in ["GOOD", "BAD"] {
        taken(&hub, Partner::Xhq, "syn_status", status(order, 61)).await;
        attempted(&hub, &format!("order:{order}"), "erp", 1).await;
    }
    receiver.behave(Behaviour::Takes);
    altered(&plan, "UPDATE events SET body = replace(body, '61', '63') WHERE subject = 'order:BAD'");
    time.pass(Duration::from_mins(25));
    // Another process, which has nothing of it in memory.
    let other = Courier { context: Context { store: plan.store(), ..hub.context().clone() }, ..courier(&hub) };
    let sent = receiver.count();
    sweep(&other).await;
    assert_eq!(receiver.count(), sent + 1, "the other event alone");
    let (key, failed) = delivery(&hub, "order:BAD", "erp").await;
    assert_eq!((failed.state, failed.progress.tries), (State::Failed, 1));
    assert!(failed.progress.attempts.last().unwrap().detail.contains("restore them from a backup"), "{failed:?}");
    let get = async |path: &str| api(hub.address(), "GET", path, API_KEY, "").await;
    let path = format!("/events/xhq-sh/order:BAD/{}", key.id);
    // The hub may still have the event in memory, as it was; it hands that out once.
    get(&path).await;
    let reply = get(&path).await;
    assert_eq!((reply.status, &reply.json()["type"]), (500, &json!("urn:tongguan:problem:damaged")));
    let listed = get("/deliveries/failed?endpoint=erp").await;
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(1), "{listed:?}");
    altered(&plan, "UPDATE events SET body = replace(body, '63', '61') WHERE subject = 'order:BAD'");
    let order = json!({"endpoint": "erp", "dry_run": false, "events": [key]}).to_string();
    assert_eq!(api(hub.address(), "POST", "/deliveries/replay", API_KEY, &order).await.status, 200);
    crate::support::until(async || delivery(&hub, "order:BAD", "erp").await.1.state == State::Delivered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_call_is_not_sent_and_has_failed() {
    let desk = Desk::with(Making { every: r#"retry = ["20m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy.first(1));
    let id = desk.command("xhq", "upload", "k", &upload("E")).await;
    desk.attempted(&id, 1).await;
    altered(&desk.plan, "UPDATE events SET body = CAST(body || ' ' AS BLOB) WHERE subject LIKE 'call:%'");
    desk.time.pass(Duration::from_mins(25));
    let sent = desk.xhq.count();
    let store = desk.plan.store();
    sweep(&Courier { context: Context { store, ..desk.hub.context().clone() }, ..desk.courier() }).await;
    assert_eq!(desk.xhq.count(), sent, "nothing is sent");
    let [item] = &events(&desk.hub.context().store).await[..] else { panic!("one call") };
    let call = item.work.call.as_ref().unwrap();
    assert_eq!(call.standing, hub::call::Standing::Failed);
    assert!(call.progress.attempts.last().unwrap().detail.contains("restore them from a backup"), "{call:?}");
}

/// The work of an event with one delivery.
fn work() -> Work {
    Work {
        accepted: 1,
        deliveries: vec![Delivery::new("erp".into(), NOW, NOW.after(Duration::from_mins(1)))],
        ..Work::default()
    }
}

fn is_damaged(loaded: &Result<Option<hub::Record>, StoreError>, key: &EventKey) -> bool {
    matches!(loaded, Err(StoreError::Damaged { event, work: Some(_), .. }) if *event == key.id)
}

/// The stored bytes of an item's attribute.
fn bytes(emulator: &Emulator, sort: &str, name: &str) -> (serde_json::Value, Vec<u8>) {
    let is = |item: &serde_json::Value| item["SK"]["S"].as_str().unwrap().starts_with(sort);
    let item = emulator.items().into_iter().find(is).unwrap();
    let bytes = BASE64_STANDARD.decode(item[name]["B"].as_str().unwrap()).unwrap();
    (item, bytes)
}

#[tokio::test]
async fn every_damaged_byte_in_dynamodb_is_noticed() {
    for (body, sort) in [(Bytes::from(status("S1", 61)), "E#"), (noise(20_000), "B#")] {
        let (store, emulator) = emulated().await;
        let event = event(body);
        assert_eq!(store.admit(&event, &work(), None).await.unwrap(), Admitted::New);
        let (item, whole) = bytes(&emulator, sort, "d");
        // The first names the codec.
        for place in (1..whole.len()).step_by(whole.len() / 50 + 1) {
            let (mut item, mut changed) = (item.clone(), whole.clone());
            changed[place] ^= 1;
            item["d"] = json!({"B": BASE64_STANDARD.encode(changed)});
            emulator.put(&item);
            let loaded = store.load(&event.key, NOW).await;
            // Some changes of a pack unpack to the same bytes.
            let same = loaded.as_ref().is_ok_and(|found| found.as_ref().is_some_and(|found| found.event == event));
            assert!(same || is_damaged(&loaded, &event.key), "byte {place} of {sort}");
        }
        emulator.put(&item);
        assert_eq!(store.load(&event.key, NOW).await.unwrap().unwrap().event, event);
    }
}

#[tokio::test]
async fn damaged_event_in_dynamodb_is_not_delivered() {
    let (store, emulator) = emulated().await;
    let event = event(Bytes::from(status("S1", 61)));
    store.admit(&event, &work(), None).await.unwrap();
    let (mut item, mut changed) = bytes(&emulator, "E#", "d");
    *changed.last_mut().unwrap() ^= 1;
    item["d"] = json!({"B": BASE64_STANDARD.encode(changed)});
    emulator.put(&item);
    let courier = crate::conflicts::alone(store.clone());
    let hint = Hint { key: event.key.clone(), job: Job::Deliver { endpoint: "erp".into(), claim: 0 } };
    assert_eq!(courier::run(&courier, &hint).await.unwrap(), JobOutcome::Attempted(State::Failed));
    let page = store.failed(&Failed::Any, None, 9, NOW).await.unwrap();
    assert_eq!((page.items.len() + page.unreadable, store.ledger(NOW).await.unwrap()[&"xhq-sh".into()].failed), (1, 1));
}
