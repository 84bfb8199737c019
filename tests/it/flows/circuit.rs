//! An endpoint in trouble is left alone, probed singly, and not stormed when it comes back.

use std::time::Duration;

use hub::breaker::THRESHOLD;
use hub::delivery::{Delivery, State};
use partners::Partner;
use simulators::erp::{Behaviour, Reply};
use tongguan::Hub;

use crate::support::http;
use crate::support::{
    API_KEY, Plan, Time, courier, delivery, erp, events, ledger, settled, status, sweep, taken, until,
};

const TROUBLE: Behaviour = Behaviour::Answers(Reply::of(503));

/// Pushes the `n`th order's status and waits until its delivery was attempted or postponed.
async fn one(hub: &Hub, n: u32) {
    taken(hub, Partner::Xhq, "syn_status", status(&format!("C{n}"), 61)).await;
    until(async || delivery(hub, &format!("order:C{n}"), "erp").await.1.progress.claim > 0).await;
}

/// Waits until no attempt is under way: one whose lease ends while it is would be made twice.
async fn idle(hub: &Hub) {
    let claimed = |delivery: &Delivery| delivery.state == State::Pending && delivery.progress.is_claimed;
    let store = &hub.context().store;
    until(async || !events(store).await.iter().any(|item| item.work.deliveries.iter().any(claimed))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circuit_opens_is_probed_singly_and_closes() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    erp.behave(TROUBLE);
    let threshold = THRESHOLD as usize;
    for n in 0..THRESHOLD {
        one(&hub, n).await;
    }
    assert_eq!(erp.count(), threshold);
    for n in THRESHOLD..3 * THRESHOLD {
        one(&hub, n).await;
    }
    assert_eq!(erp.count(), threshold, "an open circuit lets nothing through");

    // Two other processes sweep at once when everything is due: one probe goes out, and it fails.
    let (a, b) = (courier(&hub), courier(&hub));
    for probes in 1..=3 {
        time.pass(Duration::from_mins(10));
        let _ = tokio::join!(sweep(&a), sweep(&b));
        assert_eq!(erp.count(), threshold + probes, "a single probe at a time");
    }
    let tally = ledger(&hub.context().store).await;
    assert_eq!((tally.pending, tally.failed), (30, 0), "an open circuit uses nobody's retries up");

    // It is well again: the first probe closes the circuit, and then everything goes.
    erp.behave(Behaviour::Takes);
    for _ in 0..10 {
        time.pass(Duration::from_hours(1));
        sweep(&a).await;
        idle(&hub).await;
    }
    assert_eq!(settled(&hub).await.delivered, 30);
    hub.stop().await;
    assert_eq!(erp.count(), threshold + 3 + 30, "each was delivered once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn day_of_outage_ends_in_full_delivery_without_stampede() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "concurrency = 4").start_at(&time).await;
    erp.behave(TROUBLE);
    let carrier = courier(&hub);
    for hour in 0..24 {
        for n in 0..4 {
            taken(&hub, Partner::Xhq, "syn_status", status(&format!("D{hour}-{n}"), 61)).await;
        }
        until(async || {
            events(&hub.context().store).await.iter().all(|item| item.work.deliveries[0].progress.claim > 0)
        })
        .await;
        time.pass(Duration::from_hours(1));
        sweep(&carrier).await;
    }
    assert!(erp.count() < 24 * 4 * 3, "an endpoint in trouble is left alone: {} attempts", erp.count());
    assert_eq!(ledger(&hub.context().store).await.pending, 96, "nothing is lost");
    erp.behave(Behaviour::Takes);
    for _ in 0..48 {
        time.pass(Duration::from_mins(30));
        sweep(&carrier).await;
    }
    let tally = settled(&hub).await;
    assert_eq!((tally.delivered, tally.failed), (96, 0));
    hub.stop().await;
    // The hub and the other process each keep to the endpoint's limit.
    assert!(erp.most_under_way() <= 8, "{} at once", erp.most_under_way());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_circuit_is_nothing_the_partner_notices() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    erp.behave(Behaviour::Down);
    for n in 0..2 * THRESHOLD {
        one(&hub, n).await;
    }
    taken(&hub, Partner::OneData, "rates", r#"{"batchNo":"1"}"#).await;
}

/// Regression: a `Retry-After` of a day left a delivery for twelve hours, and nobody could say otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_ends_any_wait() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    erp.behave(Behaviour::Answers(Reply::of(503).retry_after(86_400)));
    for n in 0..THRESHOLD + 2 {
        one(&hub, n).await;
    }
    let before = erp.count();
    let replay = async |body: &str| {
        let reply = http::api(hub.address(), "POST", "/deliveries/replay", API_KEY, body).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        reply.json()
    };
    let told = replay(r#"{"endpoint":"erp","now":true}"#).await;
    assert_eq!((&told["replayed"], told["events"].as_array().unwrap().len()), (&0.into(), before + 2), "a dry run");
    assert_eq!(erp.count(), before);
    let (_, waiting) = delivery(&hub, &format!("order:C{}", THRESHOLD + 1), "erp").await;
    let [entry] = &waiting.progress.attempts[..] else { panic!("one entry: {waiting:?}") };
    assert!(entry.postponed == 1 && entry.detail.contains("circuit") && waiting.progress.tries == 0, "{waiting:?}");
    erp.behave(Behaviour::Takes);
    let done = replay(r#"{"endpoint":"erp","now":true,"dry_run":false}"#).await;
    assert_eq!(done["replayed"], before + 2);
    let tally = settled(&hub).await;
    assert_eq!((tally.delivered, tally.failed), (u64::from(THRESHOLD) + 2, 0));
    let nothing = replay(r#"{"endpoint":"erp","now":true,"dry_run":false}"#).await;
    assert_eq!(nothing["replayed"], 0);
}
