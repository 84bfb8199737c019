//! Events and their deliveries, as a version leaves them: in every state, with the hints at them.

use std::time::Duration;

use callback::examples;
use hub::delivery::Outcome;
use hub::progress::Outgoing as _;
use queue::Hint;
use store::{Settled, Store};

use super::version::{Version, notice, receipt, status, to};

const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: false };

/// Leaves an event in every state. The hints at them, by the state; some of them are stale by then.
pub(super) async fn left<S: Store>(side: &Version<S>) -> Vec<(&'static str, Hint)> {
    let (store, now) = (&side.context.store, side.context.now());
    let mut left = Vec::new();
    let mut leave = |of, hints: Vec<Hint>| left.extend(hints.into_iter().map(|hint| (of, hint)));
    let xhq = async |function: &str, body: &str| side.push("xhq-sh", function, body).await;
    let deliver = async |outcome, hint| Box::pin(deliver::handle(&side.courier(outcome), hint)).await.unwrap();

    leave("pending", xhq("single_receipt", &receipt("PENDING")).await);
    for of in ["WAITING", "DELIVERED", "FAILED", "CONFIRMED", "INHAND"] {
        let hints = xhq("single_receipt", &receipt(of)).await;
        deliver(Outcome::Delivered, to(&hints, "bi")).await;
        let hint = to(&hints, "erp");
        match of {
            "WAITING" => {
                deliver(REFUSED, hint).await;
                leave("waiting", side.context.queue.take());
            }
            "DELIVERED" => {
                deliver(Outcome::Delivered, hint).await;
                leave("delivered", hints);
            }
            "INHAND" => {
                let mut work = store.inspect(&hint.key, now).await.unwrap().unwrap().work;
                work.version += 1;
                let delivery = work.delivery(&"erp".into()).unwrap().clone();
                let work = work.with(delivery.claimed(now.after(Duration::from_mins(1))));
                assert_eq!(store.settle(&hint.key, &work).await.unwrap(), Settled::Done);
            }
            _ => {
                let key = hint.key.clone();
                deliver(Outcome::Impossible, hint).await;
                if of == "CONFIRMED" {
                    let work = store.inspect(&key, now).await.unwrap().unwrap().work;
                    let confirmed = work.confirmed(&"erp".into(), now, now).unwrap();
                    assert_eq!(store.settle(&key, &confirmed).await.unwrap(), Settled::Done);
                }
            }
        }
    }
    let first = xhq("syn_status", &status("CHAIN", 61)).await;
    deliver(Outcome::Delivered, to(&first, "erp")).await;
    leave("chain", xhq("syn_status", &status("CHAIN", 63)).await);
    let noise = crate::dynamodb::noise(9_000).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let large = receipt("LARGE").replacen('{', &format!("{{\"noise\":\"{noise}\","), 1);
    leave("large", xhq("single_receipt", &large).await);
    leave("malformed", side.push("onedata", "rate_push", "no JSON at all").await);
    let waybill = std::str::from_utf8(examples::find("customs_status").unwrap().body).unwrap();
    leave("unrouted", side.push("eyes", "customs_status", waybill).await);
    // The eleventh finds the circuit open.
    let down = side.courier(Outcome::NoAnswer);
    for number in 0..11 {
        let hints = xhq("msg_notice", &notice(&format!("DOWN{number}"))).await;
        Box::pin(deliver::handle(&down, to(&hints, "down"))).await.unwrap();
        let hints = side.context.queue.take();
        match number {
            0 => leave("down", hints),
            10 => leave("put off", hints),
            _ => {}
        }
    }
    // Its requests must not count in later checks.
    side.sent();
    left
}
