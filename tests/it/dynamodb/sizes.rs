//! Paid units: the size of written items, and the number of requests.

use bytes::Bytes;
use store::Store as _;

use super::emulated;
use super::faults::{event, work};

/// Bytes that no compression makes smaller.
pub(crate) fn noise(len: usize) -> Bytes {
    store::contract::noise(len, 0)
}

/// A receipt of a kilobyte, in XHQ's shape.
fn receipt() -> Bytes {
    let lines: Vec<_> = (0..8)
        .map(|n| {
            format!(
                r#"{{"noticeDate":"2026-05-{:02} 14:2{n}:07","channel":"{}","note":"报关单审结 {}","seqNo":"I20260000{}"}}"#,
                11 + n,
                n * 17 + 3,
                7919 * (n + 3),
                65_537 * (n + 1)
            )
        })
        .collect();
    let body = format!(
        r#"{{"action":"single_receipt","data":{{"orderOutNo":"S2026110700012","entryId":"223120261000045678","billNo":"OOLU2764910530","orderNo":"XHQ202611070001","customMaster":"2231","receipts":[{}]}}}}"#,
        lines.join(",")
    );
    body.into()
}

#[tokio::test]
async fn an_event_of_a_kilobyte_is_one_write_unit() {
    let (store, emulator) = emulated().await;
    let event = event(receipt());
    assert!((900..1100).contains(&event.body.len()), "{}", event.body.len());
    emulator.seen();
    store.admit(&event, &work(), None).await.unwrap();
    assert_eq!(emulator.seen(), ["PutItem"]);
    let sizes = emulator.item_sizes();
    assert!(sizes.len() == 1 && sizes[0] <= 1024, "{sizes:?}");
}

#[tokio::test]
async fn a_large_body_is_written_once_and_not_with_each_change() {
    let (store, emulator) = emulated().await;
    let event = event(noise(800_000));
    store.admit(&event, &work(), None).await.unwrap();
    let sizes = emulator.item_sizes();
    assert_eq!(sizes.len(), 4, "three parts and the event");
    assert!(sizes.iter().all(|size| *size < 400_000));
    assert_eq!(sizes.iter().filter(|size| **size < 1024).count(), 1, "{sizes:?}");
}
