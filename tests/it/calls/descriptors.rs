//! A machine without free descriptors: calls are postponed, and the partner's circuit stays closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use courier::{Courier, JobOutcome};
use hub::call::Standing;
use outbound::{Kind, Request, Sent};
use queue::{Hint, InProcess, Job};
use simulators::api::Fault;
use store::Store as _;
use store_sqlite::SqliteStore;

use super::*;
use crate::support::events;

/// A courier that can send the first so many requests, and then has no descriptor left.
fn exhausted_after(desk: &Desk, requests: usize) -> Courier<SqliteStore, InProcess> {
    let mut courier = desk.courier();
    let (wire, sent) = (Arc::clone(&courier.wire), Arc::new(AtomicUsize::new(0)));
    courier.wire = Arc::new(move |request: Request| {
        if sent.fetch_add(1, Ordering::SeqCst) < requests {
            return wire(request);
        }
        Box::pin(async { Sent::Failed { kind: Kind::Exhausted, text: "no descriptor left".to_owned(), ms: 0 } })
    });
    courier
}

/// The next idempotency key.
static KEYS: AtomicUsize = AtomicUsize::new(0);

/// Has a command accepted whose hint reaches no worker.
async fn accepted(desk: &Desk, connection: &str, operation: &str, body: &str) -> EventId {
    let event = invocation(connection, operation, KEYS.fetch_add(1, Ordering::SeqCst), body);
    let answer = invoke(&desk.courier_without_queue(), &event).await;
    assert_eq!(answer["status"], 202, "{answer}");
    let stored = events(&desk.hub.context().store).await;
    stored.last().unwrap().key.id
}

/// Attempts the call under its latest claim.
async fn run(desk: &Desk, courier: &Courier<SqliteStore, InProcess>, id: EventId) -> (JobOutcome, hub::call::Call) {
    let (store, now) = (&desk.hub.context().store, desk.hub.context().now());
    let found = store.find(id, now).await.unwrap().unwrap();
    let claim = found.work.call.unwrap().progress.claim;
    let done = courier::run(courier, &Hint { key: found.event.key.clone(), job: Job::Call { claim } }).await.unwrap();
    let call = store.load(&found.event.key, now).await.unwrap().unwrap().work.call.unwrap();
    (done, call)
}

/// Regression: a lack of descriptors used up the steps of the schedule and opened the partner's circuit.
#[tokio::test]
async fn calls_without_a_descriptor_are_postponed() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    let file = r#"{"orderOutNo":"SO-1","file":{"url":"http://127.0.0.1:9/a.zip"}}"#;
    for (connection, operation, body) in [
        ("xhq", "upload", upload("SO-0").as_str()),
        ("xhq", "fileUpload", file),
        ("eyes", "subscribe", r#"[{"blNo":"B"}]"#),
    ] {
        let id = accepted(&desk, connection, operation, body).await;
        let courier = exhausted_after(&desk, 0);
        for _ in 0..20 {
            let (done, call) = run(&desk, &courier, id).await;
            assert_eq!(
                (done, call.standing, call.progress.tries, call.sending),
                (JobOutcome::Postponed, Standing::Queued, 0, false)
            );
            assert!(call.progress.due <= desk.hub.context().now().after(2 * hub::progress::MOMENT), "for a moment");
            desk.time.pass(2 * hub::progress::MOMENT);
        }
        let call = desk.status(&id.to_string()).await;
        assert_eq!(call["attempts"].as_array().unwrap().len(), 1, "{call}");
        assert_eq!(call["attempts"][0]["put_off"], 20);
        let asked = call::invoke(&courier, br#"{"connection":"xhq","operation":"bghList","body":{}}"#).await;
        assert!(lambda::invoked(&asked).contains("503"), "the circuit is closed: {}", lambda::invoked(&asked));
    }
    let (done, _) = run(&desk, &desk.courier(), accepted(&desk, "xhq", "upload", &upload("SO-2")).await).await;
    assert_eq!(done, JobOutcome::Called(Standing::Succeeded));
}

/// Regression: a call whose second request could not be sent stayed marked as being sent, and became ambiguous.
#[tokio::test]
async fn call_that_lacks_something_after_a_spent_token_is_postponed() {
    let desk = Desk::new().await;
    let query = desk.call("eyes", "customs_status_download", "", r#"{"billId":"1"}"#).await;
    assert_eq!(query.status, 200);
    let id = accepted(&desk, "eyes", "subscribe", r#"[{"blNo":"B"}]"#).await;
    desk.eyes.behave(Fault::Code(401, "expired").first(1));
    let (done, call) = run(&desk, &exhausted_after(&desk, 1), id).await;
    assert_eq!((done, call.standing, call.sending), (JobOutcome::Postponed, Standing::Queued, false));
}
