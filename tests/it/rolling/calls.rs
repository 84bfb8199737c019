//! Calls to partners, as a version leaves them: in every state, with the hints at them and at the deliveries that tell
//! their ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use courier::{Courier, Wire};
use futures::FutureExt as _;
use hub::EventKey;
use hub::call::Standing;
use hub::delivery::Outcome;
use outbound::{Kind, Sent};
use queue::{Hint, Job};
use serde_json::Value;
use store::Store;
use store_sqlite::SqliteStore;

use super::version::Version;
use super::{database, filled, folder, hints};
use crate::dynamodb::emulated;
use crate::support::RecordedQueue;

/// The calls, by the state they are left in.
const LEFT: [(&str, Standing); 8] = [
    ("QUEUED", Standing::Queued),
    ("WAITING", Standing::Queued),
    ("BEHIND", Standing::Queued),
    ("SENDING", Standing::Queued),
    ("AMBIGUOUS", Standing::Ambiguous),
    ("SUCCEEDED", Standing::Succeeded),
    ("FAILED", Standing::Failed),
    ("CANCELLED", Standing::Cancelled),
];

/// Number of the calls that have not ended.
const OPEN: usize = 4;

/// Configuration of the fixtures' hub.
const CONFIGURATION: &str = r#"
sweep_every = "1m"

[[connections]]
id = "xhq-sh"
partner = "xhq"
keys = ["xhq-sh-0123456789abcdefghijklmnopqrstuvwxyz"]
app_id = "app"
bgh_id = "bgh"

[[endpoints]]
id = "erp"
url = "https://erp.example.com/events"
secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr"]
types = ["call.*"]

[[api_keys]]
id = "erp"
key = "erp-0123456789abcdefghijklmnopqrstuvwxyz"
"#;

pub(super) fn side<S: Store>(store: S) -> Version<S> {
    Version::by(CONFIGURATION, store)
}

/// A process whose partner answers like this, and the requests that it got.
fn caller<S: Store>(side: &Version<S>, answer: impl Fn() -> Option<Sent> + Send + Sync + 'static) -> Calling<S> {
    let asked = Arc::new(AtomicUsize::new(0));
    let wire: Wire = {
        let asked = Arc::clone(&asked);
        Arc::new(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = answer();
            async move {
                match answer {
                    Some(sent) => sent,
                    None => std::future::pending().await,
                }
            }
            .boxed()
        })
    };
    Calling { courier: Courier { wire, ..side.courier(Outcome::Delivered) }, asked }
}

struct Calling<S> {
    courier: Courier<S, RecordedQueue>,
    asked: Arc<AtomicUsize>,
}

impl<S> Calling<S> {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn said(body: &'static str) -> Sent {
    Sent::answer(200, Bytes::from_static(body.as_bytes()))
}

fn taken() -> Sent {
    said(r#"{"code":200,"msg":"成功","data":"A1"}"#)
}

fn failed(kind: Kind) -> Sent {
    Sent::Failed { kind, text: "as told".to_owned(), ms: 1 }
}

/// The ERP asks for an upload of an order under that key. It is the order of that name, but for the call that waits behind another
/// one. The call's id.
async fn ask<S: Store>(side: &Version<S>, key: &str) -> String {
    let order = if key == "BEHIND" { "WAITING" } else { key };
    let body = format!(r#"{{"fileUrl":"http://files/1.zip","orderOutNo":"{order}","isReload":""}}"#);
    let request = http::Request::post("/calls/xhq-sh/upload")
        .header("authorization", "Bearer erp-0123456789abcdefghijklmnopqrstuvwxyz")
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    let response =
        call::router().handle(&side.courier(Outcome::Delivered), request.body(Bytes::from(body)).unwrap()).await;
    assert!([200, 202].contains(&response.status().as_u16()), "{:?}", response.body());
    let answer: Value = serde_json::from_slice(response.body()).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

/// The ERP cancels a call.
async fn cancel<S: Store>(side: &Version<S>, id: &str) {
    let request = http::Request::post(format!("/calls/{id}/cancel"))
        .header("authorization", "Bearer erp-0123456789abcdefghijklmnopqrstuvwxyz");
    let response = call_status::router().handle(&side.context, request.body(Bytes::new()).unwrap()).await;
    assert_eq!(response.status(), 200, "{:?}", response.body());
}

/// Leaves a call in every state, and returns the hints that no worker has taken, by the call.
pub(super) async fn left<S: Store>(side: &Version<S>) -> Vec<(&'static str, Hint)> {
    let mut left = Vec::new();
    for (order, _) in LEFT {
        let id = ask(side, order).await;
        let [hint] = side.context.queue.take().try_into().unwrap();
        let answer = match order {
            "WAITING" => Some(failed(Kind::Connect)),
            "AMBIGUOUS" => Some(failed(Kind::Timeout)),
            "SUCCEEDED" => Some(taken()),
            "FAILED" => Some(said(r#"{"code":500,"msg":"失败"}"#)),
            _ => None,
        };
        if order == "QUEUED" {
            left.push((order, hint));
            continue;
        }
        if order == "CANCELLED" {
            cancel(side, &id).await;
            left.extend(side.context.queue.take().into_iter().map(|hint| (order, hint)));
            continue;
        }
        let calling = caller(side, move || answer.clone());
        if order == "SENDING" {
            // It dies while it waits for the answer.
            tokio::select! {
                biased;
                done = dispatch::handle(&calling.courier, hint.clone()) => panic!("{done:?}"),
                () = crate::support::until(async || calling.asked() == 1) => {}
            }
            left.push((order, hint));
        } else {
            dispatch::handle(&calling.courier, hint).await.unwrap();
        }
        assert_eq!(calling.asked(), usize::from(order != "BEHIND"), "{order}");
        left.extend(side.context.queue.take().into_iter().map(|hint| (order, hint)));
    }
    left
}

async fn standing<S: Store>(side: &Version<S>, key: &EventKey) -> Standing {
    let found = side.context.store.inspect(key, side.context.now()).await.unwrap().unwrap();
    found.work.call.unwrap().standing
}

/// Finishes the calls that were left: by their hints where there are any, and by the sweep. No command is sent twice, and
/// each end is reported once.
async fn finished<S: Store>(store: S, hints: Vec<(String, Hint)>) {
    let side = side(store);
    let keys: BTreeMap<&str, EventKey> =
        LEFT.into_iter().map(|(order, _)| (order, hub::call::key(&"xhq-sh".into(), order))).collect();
    for (order, expected) in LEFT {
        assert_eq!(standing(&side, &keys[order]).await, expected, "{order}");
        assert_eq!(ask(&side, order).await, keys[order].id.to_string(), "it is known");
    }
    let tally = side.ledger().await["xhq-sh"];
    assert_eq!((tally.accepted, tally.pending), (8 + 4, 4), "the calls, and what tells four ends");
    assert_eq!((tally.calls.cancelled, tally.balanced()), (1, true));
    side.context.queue.take();

    let works = caller(&side, || Some(taken()));
    let mut told = 0;
    for (order, hint) in hints {
        match &hint.job {
            Job::Call { .. } => dispatch::handle(&works.courier, hint).await.unwrap(),
            Job::Deliver { .. } => {
                told += 1;
                deliver::handle(&works.courier, hint).await.unwrap();
            }
            Job::Index => panic!("{order}: {hint:?}"),
        }
    }
    assert_eq!((works.asked(), told), (1, 4), "what waits for its time or was sent already is left alone");
    assert_eq!(standing(&side, &keys["QUEUED"]).await, Standing::Succeeded);
    assert_eq!(side.sent().len(), 4, "the ends that were there");

    for _ in 0..4 {
        side.pass(Duration::from_mins(10));
        sweep::handle(&works.courier).await.unwrap();
    }
    assert_eq!(works.asked(), 3, "what waited is sent, and what was being sent is not sent again");
    let done = ["QUEUED", "WAITING", "BEHIND"].map(|order| (order, Standing::Succeeded));
    let ends = done.into_iter().chain([("SENDING", Standing::Ambiguous)]);
    for (order, expected) in ends.chain(LEFT.into_iter().skip(OPEN)) {
        assert_eq!(standing(&side, &keys[order]).await, expected, "{order}");
    }
    assert_eq!(side.sent().len(), OPEN, "the ends that came since");
    let tally = side.ledger().await["xhq-sh"];
    assert_eq!((tally.accepted, tally.pending), (8 + 8, 0));
}

#[tokio::test]
async fn calls_left_by_this_version_are_finished_by_itself() {
    let (store, _) = emulated().await;
    let left = Box::pin(left(&side(store.clone()))).await;
    Box::pin(finished(store, left.into_iter().map(|(order, hint)| (order.to_owned(), hint)).collect())).await;
}

/// The versions whose fixtures have calls.
fn versions() -> impl Iterator<Item = &'static str> {
    ["last_version", "this_version"].into_iter().filter(|version| folder().join(version).join("calls.json").exists())
}

#[tokio::test]
async fn calls_left_in_dynamodb_are_finished() {
    for version in versions() {
        let store = filled(&format!("{version}/calls.json")).await;
        Box::pin(finished(store, hints(&format!("{version}/call_messages.json")))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_left_in_sqlite_are_finished() {
    for version in versions() {
        let copy = database(&format!("{version}/calls.db"));
        let store = SqliteStore::existing(copy.path()).unwrap();
        Box::pin(finished(store, hints(&format!("{version}/call_messages.json")))).await;
    }
}
