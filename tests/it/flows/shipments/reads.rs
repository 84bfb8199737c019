//! Reads of the store for a shipment, and its pages.

use futures::future::join_all;
use hub::event::Meta;
use hub::{Alias, ConnectionId, Event, EventKey, Utc, identity};
use serde_json::json;
use store::Store as _;
use store_sqlite::SqliteStore;

use super::{Desk, KEY_A, members, receipt, texts};
use crate::dynamodb::emulated;
use crate::flows::lists;
use crate::support::API_KEY;

/// Each once and in their order, in pages of what is asked for.
#[tokio::test]
async fn ten_thousand_events_are_read_by_pages() {
    const COUNT: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(SqliteStore::open(folder.path()).unwrap());
    let (event, work) = lists::failed("order:J1", "erp", lists::NOW);
    let connection = ConnectionId::from("xhq-a");
    let events: Vec<_> = (0..COUNT)
        .map(|n| {
            let kind = &event.meta.kind;
            let content = identity::opaque(&connection, kind, n.to_string().as_bytes());
            let id = identity::by_content(&connection, &event.key.subject, content);
            let key = EventKey { connection: connection.clone(), id, ..event.key.clone() };
            let occurred = Some(Utc(i64::try_from(n * 7_919 % COUNT).unwrap()));
            Event { key, meta: Meta { occurred, ..event.meta.clone() }, body: event.body.clone() }
        })
        .collect();
    for events in events.chunks(500) {
        join_all(events.iter().map(|event| desk.context.store.admit(event, &work, None))).await;
    }
    let (mut times, mut from, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = desk.get(&format!("/shipments/order:J1?limit=1000&from={from}")).await;
        assert_eq!((page["items"].as_array().unwrap().len(), &page["complete"]), (1_000, &json!(true)));
        times.extend(members(&page["items"], "occurred").into_iter().map(ToOwned::to_owned));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut from);
    }
    assert_eq!((pages, times.len()), (10, COUNT));
    assert!(times.is_sorted_by(|one, other| one < other), "each once");
}

/// No key is looked for at a connection that is not configured, so the index alone names its subjects.
#[tokio::test]
async fn subject_at_a_removed_connection_is_found_by_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(SqliteStore::open(folder.path()).unwrap());
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("B"), None, "L", "10:00:00")).await;
    let (event, work) = lists::failed("order:J1", "erp", lists::NOW);
    let aliases = vec![Alias::new("bl", "B"), Alias::new("entry", "E")];
    let (connection, subject) = (ConnectionId::from("gone"), event.key.subject.clone());
    let id = identity::by_content(&connection, &subject, identity::opaque(&connection, &event.meta.kind, b"x"));
    let gone = EventKey { connection, subject, id };
    let event = Event { key: gone.clone(), meta: Meta { aliases: aliases.clone(), ..event.meta }, body: event.body };
    desk.context.store.admit(&event, &work, None).await.unwrap();
    desk.context.store.alias(&aliases, &gone.connection, &gone.subject, event.meta.expires).await.unwrap();
    for key in ["order:J1", "bl:B", "entry:E"] {
        let found = desk.get(&format!("/shipments/{key}")).await;
        assert_eq!(texts(&found["keys"]), ["order:J1", "bl:B", "entry:E"], "{key}");
        assert_eq!(found["items"].as_array().unwrap().len(), 2, "{key}");
    }
}

/// One partition of the index for each key, and its subjects at the connections whose partners have such keys and that the API key
/// may see.
#[tokio::test]
async fn one_partition_is_read_for_each_key_and_each_subject() {
    let (store, emulator) = emulated().await;
    let desk = Desk::new(store);
    desk.push("xhq-a", "single_receipt", &receipt(Some("J1"), Some("JB1"), Some("E"), "L", "10:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(None, Some("JB1"), None, "P", "11:00:00")).await;
    desk.push("xhq-a", "single_receipt", &receipt(Some("J2"), Some("JB2"), None, "L", "10:00:00")).await;
    for (key, connections) in [(API_KEY, &["xhq-a", "xhq-b"][..]), (KEY_A, &["xhq-a"])] {
        emulator.seen();
        assert_eq!(desk.ask(key, "/shipments/bl:JB1").await.0, 200);
        let seen = emulator.seen_whole();
        assert!(seen.iter().all(|request| request.operation == "Query"), "{seen:?}");
        let mut read: Vec<_> = seen.into_iter().flat_map(|request| request.partitions).collect();
        read.sort_unstable();
        let others: &[&str] = if key == API_KEY { &["eyes", "ports"] } else { &["ports"] };
        let mut expected = Vec::new();
        for subject in ["order:J1", "bl:JB1", "entry:E"] {
            expected.push(format!("K#{subject}"));
            expected.extend(connections.iter().map(|connection| format!("{connection}#{subject}")));
            if subject != "order:J1" {
                expected.extend(others.iter().map(|connection| format!("{connection}#{subject}")));
            }
        }
        // The audit trail lies beside the events, and is read where there are some.
        expected.extend(["xhq-a#order:J1", "xhq-a#bl:JB1"].map(str::to_owned));
        expected.sort_unstable();
        assert_eq!(read, expected);
    }
}
