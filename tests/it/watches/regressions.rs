//! Watches beside what cannot be read, and beside due times of a false future, on either engine.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use courier::Watched;
use hub::delivery::{Delivery, State};
use hub::watch::{self, Rules, Watch};
use hub::{ConnectionId, EventKey, Subject, Utc, Work};
use rusqlite::Connection;
use serde_json::json;
use store::{Admitted, Store};
use store_sqlite::SqliteStore;

use super::engines::{NOW, SILENT, Side};
use crate::dynamodb::{Emulator, emulated, event};
use crate::support::status;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const RETENTION: Duration = Duration::from_hours(24 * 30);

/// As many watches as are read at once.
const PAGE: usize = 256;

/// A store whose events can be made unreadable.
enum Engine {
    DynamoDb(Emulator),
    Sqlite(tempfile::TempDir),
}

impl Engine {
    /// Makes the events unreadable whose subject begins like this; their number.
    fn spoil(&self, subject: &str) -> usize {
        match self {
            Self::DynamoDb(emulator) => {
                let begins = |item: &serde_json::Value| {
                    let [partition, sort] = ["PK", "SK"].map(|name| item[name]["S"].as_str().unwrap());
                    partition.split_once('#').is_some_and(|(_, own)| own.starts_with(subject)) && sort.starts_with("E#")
                };
                let items: Vec<_> = emulator.items().into_iter().filter(begins).collect();
                for item in &items {
                    let mut item = item.clone();
                    item["w"] = json!({"B": "B3g="});
                    emulator.put(&item);
                }
                items.len()
            }
            Self::Sqlite(_) => self.alter("UPDATE events SET meta = '{' WHERE subject LIKE ?1 || '%'", subject),
        }
    }

    /// Makes the work of these events unreadable too.
    fn spoil_work(&self, subject: &str) -> usize {
        match self {
            Self::DynamoDb(_) => self.spoil(subject),
            Self::Sqlite(_) => {
                let sql = "UPDATE work SET work = '{' WHERE n IN (SELECT n FROM events WHERE subject LIKE ?1 || '%')";
                self.alter(sql, subject)
            }
        }
    }

    fn alter(&self, sql: &str, subject: &str) -> usize {
        match self {
            Self::DynamoDb(_) => 0,
            Self::Sqlite(folder) => {
                let db = Connection::open(folder.path().join("tongguan.db")).unwrap();
                db.execute(sql, [subject]).unwrap()
            }
        }
    }
}

/// Runs a case on both engines.
macro_rules! on_both_engines {
    ($($case:ident($watches:expr);)*) => {
        $(
            mod $case {
                use super::*;

                #[tokio::test]
                async fn on_dynamodb() {
                    let (store, emulator) = emulated().await;
                    super::$case(Side::new(store, $watches), Engine::DynamoDb(emulator)).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = SqliteStore::open(folder.path()).unwrap();
                    super::$case(Side::new(store, $watches), Engine::Sqlite(folder)).await;
                }
            }
        )*
    };
}

on_both_engines! {
    unreadable_event_keeps_no_silence_from_being_told(SILENT);
    unreadable_watches_hold_up_no_others(SILENT);
    unreadable_work_hides_none_that_is_due(SILENT);
    unreadable_work_hides_no_false_future(SILENT);
    delivery_of_a_false_future_comes_back_beside_long_watches("[[watches]]\nconnection = \"xhq\"\nsilence = \"7d\"\n");
}

/// Begins as many watches as a page holds, each due then.
async fn begin_a_page<S: Store>(side: &Side<S>, due: Utc) {
    let rules = Rules { silence: HOUR, longest: RETENTION, ..Rules::NONE };
    for shipment in 0..PAGE {
        let watch = Watch { due: Some(due), ..Watch::new("xhq.syn_status".into(), NOW, &rules) };
        let subject = Subject::new("order", &format!("P{shipment}"));
        let record = watch::begun(&"xhq".into(), &subject, watch, RETENTION);
        let admitted = side.courier.context.store.admit(&record.event, &record.work, None).await.unwrap();
        assert_eq!(admitted, Admitted::New);
    }
}

/// Regression: a shipment with one unreadable event was looked at again at every sweep, and its silence never told.
async fn unreadable_event_keeps_no_silence_from_being_told<S: Store>(side: Side<S>, engine: Engine) {
    for order in ["S1", "S2"] {
        side.push("xhq", "syn_status", &status(order, 61)).await;
    }
    assert_eq!(engine.spoil("order:S1"), 1);
    side.pass(HOUR);
    assert_eq!(side.look().await, Watched { looked: 2, asked: 0, reported: 2 });
    let told = ["order:S1", "order:S2"].map(|order| (order.to_owned(), 1));
    assert_eq!(side.silences(), BTreeMap::from(told));
    assert_eq!(side.look().await, Watched::default(), "not due again");
}

/// Regression: as many unreadable watches as are read at once stayed due longest, so that no other was looked at.
async fn unreadable_watches_hold_up_no_others<S: Store>(side: Side<S>, engine: Engine) {
    begin_a_page(&side, NOW).await;
    assert_eq!(engine.spoil("watch:"), PAGE);
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    side.pass(HOUR);
    assert_eq!(side.look().await, Watched { looked: 1, asked: 0, reported: 1 });
    assert_eq!(side.silences(), BTreeMap::from([("order:S1".to_owned(), 1)]));
}

/// Admits events of these subjects that are due then; the keys.
async fn work_due<S: Store>(side: &Side<S>, subjects: impl Iterator<Item = String>, due: Utc) -> Vec<EventKey> {
    let mut keys = Vec::new();
    for subject in subjects {
        let (connection, subject) = (ConnectionId::from("xhq"), Subject::from(subject.as_str()));
        let seen = Watch::new("xhq.syn_status".into(), NOW, &Rules::NONE);
        let key = watch::silence(&connection, &subject, &seen, None, RETENTION).key;
        let event = store::contract::event_with(key, NOW, Bytes::from_static(b"{}"));
        let delivery = Delivery::new("erp".into(), due, due);
        let work = Work { accepted: 1, deliveries: vec![delivery], ..Work::default() };
        assert_eq!(side.courier.context.store.admit(&event, &work, None).await.unwrap(), Admitted::New);
        keys.push(event.key);
    }
    keys
}

/// Regression: as many unreadable items as are read at once were due longest, and no other was ever swept.
async fn unreadable_work_hides_none_that_is_due<S: Store>(side: Side<S>, engine: Engine) {
    work_due(&side, (0..PAGE).map(|n| format!("bad:{n}")), NOW).await;
    assert_eq!(engine.spoil_work("bad:"), PAGE);
    let good = work_due(&side, std::iter::once("good:1".to_owned()), NOW.after(HOUR)).await;
    side.pass(HOUR * 2);
    courier::sweep(&side.courier, Duration::from_secs(20)).await.unwrap();
    let work = side.courier.context.store.inspect(&good[0], NOW).await.unwrap().unwrap().work;
    assert_eq!(work.deliveries[0].state, State::Delivered);
}

/// Regression: as many unreadable items as are examined at once hid the others of a false future; on Lambda one of them ended
/// every sweep.
async fn unreadable_work_hides_no_false_future<S: Store>(side: Side<S>, engine: Engine) {
    work_due(&side, (0..PAGE).map(|n| format!("bad:{n}")), NOW.after(DAY * 90)).await;
    assert_eq!(engine.spoil_work("bad:"), PAGE);
    let good = work_due(&side, std::iter::once("good:1".to_owned()), NOW.after(DAY * 60)).await;
    assert_eq!(courier::bring_back_furthest(&side.courier).await.unwrap(), 1);
    let due = side.courier.context.store.inspect(&good[0], NOW).await.unwrap().unwrap().work.due();
    assert!(due.is_some_and(|due| due <= NOW.after(DAY / 2)), "{due:?}");
}

/// Regression: the sweep left a delivery of a false future until then where a watch may be silent for longer, and where watches
/// were due later still.
async fn delivery_of_a_false_future_comes_back_beside_long_watches<S: Store>(side: Side<S>, _engine: Engine) {
    begin_a_page(&side, NOW.after(DAY * 30)).await;
    let (event, ahead) = (event(Bytes::from_static(b"{}")), NOW.after(DAY * 3));
    let delivery = Delivery::new("erp".into(), ahead, ahead);
    let work = Work { accepted: 1, deliveries: vec![delivery], ..Work::default() };
    let store = &side.courier.context.store;
    assert_eq!(store.admit(&event, &work, None).await.unwrap(), Admitted::New);
    assert_eq!(courier::bring_back_furthest(&side.courier).await.unwrap(), PAGE + 1);
    let due = store.inspect(&event.key, NOW).await.unwrap().unwrap().work.due();
    assert!(due.is_some_and(|due| due <= NOW.after(DAY / 2)), "{due:?}");
    assert_eq!(courier::bring_back_furthest(&side.courier).await.unwrap(), 0);
}
