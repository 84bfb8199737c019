//! Two versions at the same time, as a deployment has them for minutes: each reads what the other stored and queued.
//!
//! `fixtures/last_version` was written by the last version itself: the items of a DynamoDB table, an SQLite database and
//! the messages of a queue, with events in every state, by the configuration beside them. `fixtures/this_version` is what
//! the present one writes, with calls to partners; a release writes it anew, as CONTRIBUTING says.

mod calls;
mod fixtures;
pub(crate) mod last_version;
mod pushes;
mod rollback;
mod version;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hub::delivery::Outcome;
use hub::ledger::Tally;
use hub::progress::Outgoing as _;
use hub::{Alias, EndpointId, Work};
use queue::Hint;
use serde_json::{Value, json};
use store::{Settled, Store};
use store_dynamodb::DynamoStore;
use store_sqlite::SqliteStore;

use self::version::{NOW, Version, receipt, status};
use crate::dynamodb::{Emulator, emulated};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/fixtures")
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// The messages that a version sent about what it stored, each with what it is about.
fn hints(name: &str) -> Vec<(String, Hint)> {
    let messages: Vec<Value> = serde_json::from_str(&fixture(name)).unwrap();
    let read = |message: &Value| {
        let hint = Hint::decode(message["message"].as_str().unwrap()).unwrap();
        (message["of"].as_str().unwrap().to_owned(), hint)
    };
    messages.iter().map(read).collect()
}

/// A table with the items that a version left.
async fn filled(name: &str) -> DynamoStore {
    let (store, emulator) = emulated().await;
    let items: Vec<Value> = serde_json::from_str(&fixture(name)).unwrap();
    for item in items {
        put(&emulator, &item).await;
    }
    store
}

async fn put(emulator: &Emulator, item: &Value) {
    let put = json!({"TableName": "tongguan", "Item": item}).to_string();
    let (status, answer) = emulator.answer("DynamoDB_20120810.PutItem", put.as_bytes()).await;
    assert_eq!(status, 200, "{answer}");
}

/// A copy of the database that a version left.
fn database(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder().join(name), copy.path().join("tongguan.db")).unwrap();
    copy
}

#[tokio::test]
async fn work_of_the_last_version_in_dynamodb_is_finished() {
    finished(filled("last_version/items.json").await, hints("last_version/messages.json")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_the_last_version_in_sqlite_is_finished() {
    let copy = database("last_version/tongguan.db");
    finished(SqliteStore::existing(copy.path()).unwrap(), hints("last_version/messages.json")).await;
}

#[tokio::test]
async fn work_of_this_version_in_dynamodb_is_finished() {
    finished(filled("this_version/items.json").await, hints("this_version/messages.json")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_this_version_in_sqlite_is_finished() {
    let copy = database("this_version/tongguan.db");
    finished(SqliteStore::existing(copy.path()).unwrap(), hints("this_version/messages.json")).await;
}

#[tokio::test]
async fn work_left_by_this_version_is_finished_by_itself() {
    let (store, _) = emulated().await;
    let left = pushes::left(&Version::new(store.clone())).await;
    finished(store, left.into_iter().map(|(of, hint)| (of.to_owned(), hint)).collect()).await;
}

/// Everything that a version left is finished, by its own messages where they say so, and by the sweep.
async fn finished<S: Store>(store: S, messages: Vec<(String, Hint)>) {
    let side = Version::new(store);
    let before = side.ledger().await;
    let xhq = Tally { accepted: 27, delivered: 7, pending: 18, failed: 1, confirmed: 1, ..Tally::default() };
    assert_eq!(before["xhq-sh"], xhq);
    assert_eq!(before["onedata"], Tally { accepted: 1, pending: 1, ..Tally::default() });
    assert_eq!(before["eyes"], Tally { accepted: 1, unrouted: 1, ..Tally::default() });

    let known = [receipt("PENDING"), receipt("DELIVERED"), receipt("FAILED")].map(|body| ("single_receipt", body));
    for (function, body) in known.into_iter().chain([("syn_status", status("CHAIN", 63))]) {
        assert_eq!(side.push("xhq-sh", function, &body).await, [], "it is known: {body}");
    }
    assert_eq!(side.ledger().await, before);

    let works = side.courier(Outcome::Delivered);
    for (_, hint) in messages {
        Box::pin(deliver::handle(&works, hint)).await.unwrap();
    }
    assert!(side.largest() > 10_000, "the large body goes out whole");
    let by_messages = side.sent();
    assert_eq!(by_messages.len(), 6, "what waits for its time or is done is left alone: {by_messages:?}");

    for _ in 0..4 {
        side.pass(Duration::from_mins(10));
        Box::pin(sweep::handle(&works)).await.unwrap();
    }
    let swept = side.sent();
    // The retry, the claimed delivery, and the eleven behind the circuit.
    assert_eq!(swept.len(), 13, "{swept:?}");
    assert_eq!(by_messages.intersection(&swept).count(), 0, "nothing is told twice");
    let after = side.ledger().await;
    assert_eq!(after["xhq-sh"], Tally { delivered: 25, pending: 0, ..xhq });
    assert_eq!(after["onedata"].delivered, 1);

    let (store, now) = (&side.context.store, side.context.now());
    for (order, kind, value) in [("WAITING", "bl", "OOLU-WAITING"), ("PENDING", "entry", "2233-PENDING")] {
        let found = store.resolve(&Alias::new(kind, value), now).await.unwrap();
        assert_eq!(found, [("xhq-sh".into(), format!("order:{order}").as_str().into())]);
    }
    let page = store.failed(&store::Failed::Any, None, 10, now).await.unwrap();
    let [failed] = page.items.as_slice() else { panic!("{page:?}") };
    let again = failed.work.replayed(&EndpointId::from("erp"), now).unwrap();
    assert_eq!(store.settle(&failed.key, &again).await.unwrap(), Settled::Done);
    sweep::handle(&works).await.unwrap();
    assert_eq!(side.sent(), BTreeSet::from([("erp".to_owned(), failed.key.id.to_string())]));

    assert_eq!(side.push("xhq-sh", "syn_status", &status("CHAIN", 61)).await.len(), 1, "the chain goes on");
    let chain = store.timeline(&"xhq-sh".into(), &"order:CHAIN".into(), now).await.unwrap();
    assert_eq!(chain.len(), 3);
}

/// The last version opens the file of this one: its own tables are there as it makes them, and it looks at no other.
#[test]
fn this_version_only_adds_tables_to_the_database() {
    let schema = |folder: &Path| {
        let db = rusqlite::Connection::open(folder.join("tongguan.db")).unwrap();
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        let mut tables = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").unwrap();
        let tables = tables.query_map([], |row| row.get(0)).unwrap();
        (version, tables.collect::<Result<Vec<String>, _>>().unwrap())
    };
    let (own, last) = (tempfile::tempdir().unwrap(), database("last_version/tongguan.db"));
    let (version, tables) = schema(last.path());
    drop(SqliteStore::open(own.path()).unwrap());
    let made = schema(own.path());
    assert_eq!(made.0, version, "the last version can open it again");
    assert!(tables.iter().all(|table| made.1.contains(table)), "it finds its tables as it has made them");
    // Tables may be added, to a file that is there as to a new one.
    drop(SqliteStore::existing(last.path()).unwrap());
    assert_eq!(schema(last.path()), made);
}

#[test]
fn a_delivery_that_the_last_version_changes_is_still_read_here() {
    let delivery = hub::delivery::Delivery::new("erp".into(), NOW, NOW).claimed(NOW.after(Duration::from_mins(1)));
    let work = Work { accepted: 1, deliveries: vec![delivery], ..Work::default() };
    let theirs: last_version::Work = last_version::read(&serde_json::to_vec(&work).unwrap());
    let back: Work = last_version::read(&serde_json::to_vec(&theirs).unwrap());
    // Its first due time is for the metrics alone.
    let mut expected = work;
    expected.deliveries[0].progress.first_due = None;
    assert_eq!(back, expected);
}

/// A function that is still there when the next version begins to write.
#[tokio::test]
async fn work_of_a_newer_version_stays_and_blocks_nothing() {
    let (store, emulator) = emulated().await;
    let side = Version::new(store);
    let (newer, other) = (receipt("NEWER"), receipt("OTHER"));
    let hints = side.push("xhq-sh", "single_receipt", &newer).await;
    side.push("xhq-sh", "single_receipt", &other).await;
    let stored = || {
        let is = |item: &Value| {
            item["PK"]["S"] == "xhq-sh#order:NEWER" && item["SK"]["S"].as_str().unwrap().starts_with("E#")
        };
        emulator.items().into_iter().find(is).unwrap()
    };
    let mut item = stored();
    let work = last_version::unpack(&BASE64_STANDARD.decode(item["w"]["B"].as_str().unwrap()).unwrap());
    let work = String::from_utf8(work).unwrap().replace("\"pending\"", "\"parked\"");
    assert!(work.contains("parked"), "{work}");
    item["w"]["B"] = BASE64_STANDARD.encode([&[0], work.as_bytes()].concat()).into();
    put(&emulator, &item).await;

    let works = side.courier(Outcome::Delivered);
    for hint in hints {
        assert!(deliver::handle(&works, hint).await.is_err(), "its message comes again");
    }
    side.pass(Duration::from_mins(10));
    sweep::handle(&works).await.unwrap();
    assert_eq!(side.sent().len(), 2, "the other one's deliveries");
    assert_eq!(stored(), item);
}
