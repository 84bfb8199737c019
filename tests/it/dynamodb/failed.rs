//! Failed work in the index: settled failures add no cost to the list of waiting work.

use bytes::Bytes;
use futures::future::join_all;
use hub::call::{Call, Standing};
use hub::{Event, EventId, Work};
use serde_json::json;
use store::{Admitted, Failed, Store as _, StoreError};
use store_dynamodb::DynamoStore;

use super::{Emulator, NOW, emulated, event};

/// A store with so many calls that a partner has refused.
async fn refused(count: u8) -> (DynamoStore, Emulator) {
    let (store, emulator) = emulated().await;
    let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), NOW, NOW);
    let call = Some(Call { standing: Standing::Failed, ..call });
    let work = Work { accepted: 1, call, ..Work::default() };
    let event = |n| {
        let event = event(Bytes::from_static(b"{}"));
        Event { key: hub::EventKey { id: EventId([n; 24]), ..event.key }, ..event }
    };
    let events: Vec<_> = (0..count).map(event).collect();
    for admitted in join_all(events.iter().map(|event| store.admit(event, &work, None))).await {
        assert_eq!(admitted.unwrap(), Admitted::New);
    }
    (store, emulator)
}

/// Each minute they were read again, for ninety days, and hid what waits once there were a thousand.
#[tokio::test]
async fn calls_that_failed_are_not_read_for_what_waits() {
    let (store, emulator) = refused(40).await;
    emulator.seen();
    let page = store.failed(&Failed::Waiting, None, 1000, NOW).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    let seen = emulator.seen();
    assert!(seen.iter().all(|operation| operation == "Query"), "{seen:?}");
    assert_eq!(store.failed(&Failed::Any, None, 1000, NOW).await.unwrap().items.len(), 40);
}

/// While both are deployed, and for as long as what the version before wrote lives.
#[tokio::test]
async fn failed_calls_listed_by_the_last_version_do_not_wait() {
    let (store, emulator) = refused(3).await;
    for mut item in emulator.items() {
        let place = item["h"]["S"].as_str().unwrap().replace("G#", "F#");
        item["h"] = json!({"S": place});
        emulator.put(&item);
    }
    assert_eq!(store.failed(&Failed::Waiting, None, 1000, NOW).await.unwrap().items, []);
    assert_eq!(store.failed(&Failed::Any, None, 1000, NOW).await.unwrap().items.len(), 3);
}

/// Regression: a forged cursor was refused by DynamoDB, and told as the hub's own fault.
#[tokio::test]
async fn cursor_of_another_place_is_the_callers_mistake() {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let (store, _emulator) = refused(3).await;
    let forged = |place: &str, partition: &str, sort: &str| {
        BASE64_URL_SAFE_NO_PAD.encode(json!([0, [place, partition, sort]]).to_string())
    };
    for cursor in [
        forged("Z#0", "xhq-sh#order:A", "E#0"),
        forged("D#0", "xhq-sh#order:A", "E#0"),
        forged("", "", ""),
        forged("E#0", "", "E#0"),
        forged("E#0", "xhq-sh#order:A", "H#0"),
    ] {
        let page = store.failed(&Failed::Any, Some(&cursor), 10, NOW).await;
        assert!(matches!(page, Err(StoreError::BadCursor { .. })), "{page:?}");
    }
    let first = store.failed(&Failed::Any, None, 1, NOW).await.unwrap();
    assert!(store.failed(&Failed::Any, first.next.as_deref(), 10, NOW).await.is_ok());
}

/// One was enough to hide the whole list.
#[tokio::test]
async fn unreadable_items_are_skipped_and_counted() {
    let (store, emulator) = refused(3).await;
    emulator.spoil(1);
    let page = store.failed(&Failed::Any, None, 1000, NOW).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable), (2, 1));
}

/// One was enough to hide the whole ledger; but it must not balance over it either.
#[tokio::test]
async fn unreadable_item_unbalances_only_its_ledger_line() {
    let (store, emulator) = refused(3).await;
    emulator.spoil(1);
    let tally = store.ledger(NOW).await.unwrap()[&"xhq-sh".into()];
    assert_eq!((tally.calls.failed, tally.difference(), tally.balanced()), (2, 1, false));
}
