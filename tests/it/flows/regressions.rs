//! What went wrong once, each named after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use courier::{Courier, Returned};
use hub::delivery::{Outcome, State};
use partners::Partner;

use crate::support::http::{exchange, request};
use crate::support::{Plan, Time, courier, erp, events, settled, status, sweep, taken};

/// A panic in one attempt took along everything the sweep had taken up, at every sweep again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_at_one_event_keeps_no_other_from_being_swept() {
    let (receiver, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &receiver, "");
    let hub = plan.start_at(&time).await;
    receiver.behave(simulators::erp::Behaviour::Down);
    for n in 0..5 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("P{n}"), 61)).await;
    }
    crate::support::until(async || {
        events(&hub.context().store).await.iter().all(|item| item.work.deliveries[0].tries == 1)
    })
    .await;
    let poisoned = events(&hub.context().store).await[2].key.id.to_string();
    let panicked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&panicked);
    let fragile = Courier {
        send: Arc::new(move |_, parcel| {
            let (poisoned, seen) = (parcel.id == poisoned, Arc::clone(&seen));
            Box::pin(async move {
                if poisoned {
                    seen.store(true, Ordering::SeqCst);
                    panic!("as a defect would");
                }
                Returned { outcome: Outcome::Delivered, status: Some(200), detail: String::new() }
            })
        }),
        ..courier(&hub)
    };
    time.pass(Duration::from_mins(1));
    sweep(&fragile).await;
    assert!(panicked.load(Ordering::SeqCst));
    let states = events(&hub.context().store).await;
    let delivered = states.iter().filter(|item| item.work.deliveries[0].state == State::Delivered).count();
    assert_eq!(delivered, 4, "all but the one that panics");
    hub.stop().await;
}

/// A delivery that lost the race for its claim to another endpoint's was left to the sweep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_endpoints_that_claim_at_once_both_go_on() {
    let (a, b, time) = (erp().await, erp().await, Time::now());
    // So short a period leaves no first turn enough time: every delivery takes a new one.
    let plan = Plan::new().top("sweep_every = \"1s\"").endpoint("a", &a, "").endpoint("b", &b, "");
    let hub = plan.start_at(&time).await;
    for n in 0..20 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("R{n}"), 61)).await;
    }
    // Time stands still, so nothing falls due and no sweep can make up for a hint that was dropped.
    let tally = settled(&hub).await;
    assert_eq!((tally.delivered, a.count(), b.count()), (40, 20, 20));
    hub.stop().await;
}

/// Bodies of requests without a key were read whole before anybody looked at the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_key_is_refused_by_its_head() {
    let hub = Plan::new().start().await;
    let announced = request("POST", "/deliveries/replay", "content-length: 6000000\r\n", b"");
    let reply = exchange(hub.address(), announced).await.expect("an answer without a byte of the body");
    assert_eq!(reply.status, 401);
    hub.stop().await;
}
