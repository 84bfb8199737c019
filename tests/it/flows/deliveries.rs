//! Deliveries to an ERP that is slow, down, misbehaving or removed. Tests set the time and call the sweep, so that nothing
//! waits for the machine's clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use config::Context;
use courier::Courier;
use futures::future::join_all;
use hub::delivery::State;
use hub::progress::UNKNOWN;
use partners::Partner;
use simulators::Erp;
use simulators::erp::{Behaviour, Reply};
use tongguan::Hub;

use crate::support::{
    Plan, Time, attempted, courier, delivery, erp, events, hook, ledger, settled, status, sweep, taken, until,
    verified, within,
};

/// Pushes the statuses of so many orders, `<name>0`, `<name>1`, ...
async fn orders(hub: &Hub, name: &str, count: usize) {
    join_all((0..count).map(|n| taken(hub, Partner::Xhq, "syn_status", status(&format!("{name}{n}"), 61)))).await;
}

/// Number of times that each event came.
fn counts(erp: &Erp) -> HashMap<String, usize> {
    erp.deliveries().into_iter().fold(HashMap::new(), |mut counts, got| {
        *counts.entry(got.id).or_default() += 1;
        counts
    })
}

/// Lets time pass and sweeps until nothing is pending.
async fn drive(hub: &Hub, time: &Time, step: Duration) {
    let courier = courier(hub);
    for _ in 0..50 {
        time.pass(step);
        sweep(&courier).await;
        if ledger(&hub.context().store).await.pending == 0 {
            return;
        }
    }
    panic!("still pending: {:?}", ledger(&hub.context().store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_an_outage_are_delivered_after_it() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    erp.behave(Behaviour::Down);
    orders(&hub, "D", 40).await;
    until(async || {
        let items = events(&hub.context().store).await;
        items.iter().all(|item| item.work.deliveries[0].progress.claim > 0)
    })
    .await;
    assert_eq!((ledger(&hub.context().store).await.pending, erp.count()), (40, 0));
    erp.behave(Behaviour::Takes);
    drive(&hub, &time, Duration::from_secs(40)).await;
    let tally = settled(&hub).await;
    assert_eq!((tally.delivered, tally.failed), (40, 0));
    hub.stop().await;
    assert!(counts(&erp).values().all(|count| *count == 1) && erp.count() == 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_to_a_dead_erp_is_listed_as_failed_with_attempts() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "retry = [\"5s\", \"30s\"]");
    let hub = plan.start_at(&time).await;
    erp.behave(Behaviour::Answers(Reply::of(500)));
    taken(&hub, Partner::Xhq, "syn_status", status("F1", 61)).await;
    attempted(&hub, "order:F1", "erp", 1).await;
    let due = delivery(&hub, "order:F1", "erp").await.1.progress.due;
    let wait = due.since(hub.context().now());
    assert!((4_500..=5_500).contains(&wait.as_millis()), "{wait:?} after the first attempt");
    drive(&hub, &time, Duration::from_secs(40)).await;
    let (_, failed) = delivery(&hub, "order:F1", "erp").await;
    assert_eq!((failed.state, failed.progress.attempts.len(), erp.count()), (State::Failed, 3, 3));
    assert!(failed.progress.attempts.iter().all(|attempt| attempt.status == Some(500)));
    assert_eq!(settled(&hub).await.failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_erp_is_never_asked_more_at_once_than_its_concurrency() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "concurrency = 3").start().await;
    erp.behave(Behaviour::Slow(Duration::from_secs(2)));
    orders(&hub, "S", 30).await;
    until(async || erp.most_under_way() == 3).await;
    erp.behave(Behaviour::Takes);
    within(erp.received(30)).await;
    assert_eq!(settled(&hub).await.delivered, 30);
    hub.stop().await;
    assert_eq!((erp.count(), erp.most_under_way()), (30, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_takes_too_long_is_an_attempt_to_be_repeated() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "timeout = \"50ms\"").start_at(&time).await;
    erp.behave(Behaviour::Slow(Duration::from_mins(10)));
    taken(&hub, Partner::Xhq, "syn_status", status("L1", 61)).await;
    attempted(&hub, "order:L1", "erp", 1).await;
    let (_, late) = delivery(&hub, "order:L1", "erp").await;
    assert_eq!((late.state, late.progress.attempts[0].status), (State::Pending, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_erp_refuses_by_body_and_cloudevents_erp_does_not() {
    let (raw, cloud, time) = (erp().await, erp().await, Time::now());
    let plan = Plan::new().endpoint("raw", &raw, "format = \"raw\"").endpoint("cloud", &cloud, "");
    let hub = plan.start_at(&time).await;
    let no = Behaviour::Answers(Reply::saying(r#"{"state":false,"msg":"未找到订单"}"#));
    raw.behave(no.clone());
    cloud.behave(no);
    taken(&hub, Partner::Xhq, "syn_status", status("R1", 61)).await;
    attempted(&hub, "order:R1", "raw", 1).await;
    attempted(&hub, "order:R1", "cloud", 1).await;
    let (_, refused) = delivery(&hub, "order:R1", "raw").await;
    assert_eq!((refused.state, refused.progress.attempts[0].status), (State::Pending, Some(200)));
    assert!(
        refused.progress.attempts[0].detail.contains("未找到订单"),
        "what it said is kept: {:?}",
        refused.progress.attempts[0]
    );
    assert_eq!(delivery(&hub, "order:R1", "cloud").await.1.state, State::Delivered);
    raw.behave(Behaviour::Answers(Reply::saying(r#"{"state":true,"msg":""}"#)));
    drive(&hub, &time, Duration::from_secs(10)).await;
    assert_eq!((settled(&hub).await.delivered, raw.count(), cloud.count()), (2, 2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_waited_for() {
    for code in [429, 503] {
        let (erp, time) = (erp().await, Time::now());
        let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
        erp.behave(Behaviour::FailsFirst(1, Reply::of(code).retry_after(120)));
        taken(&hub, Partner::Xhq, "syn_status", status("A1", 61)).await;
        attempted(&hub, "order:A1", "erp", 1).await;
        let courier = courier(&hub);
        time.pass(Duration::from_secs(119));
        assert_eq!(sweep(&courier).await.taken, 0, "{code}");
        time.pass(Duration::from_secs(1));
        assert_eq!(sweep(&courier).await.taken, 1, "{code}");
        assert_eq!((settled(&hub).await.delivered, erp.count()), (1, 2), "{code}");
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_event_delays_no_other() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "concurrency = 1").start_at(&time).await;
    erp.behave(Behaviour::FailsWhere("POISON", Reply::of(500)));
    taken(&hub, Partner::Xhq, "syn_status", status("POISON", 61)).await;
    attempted(&hub, "order:POISON", "erp", 1).await;
    // Others of the same order are not held up either.
    let mut sent = 1;
    for round in 0..13 {
        taken(&hub, Partner::Xhq, "msg_notice", status(&format!("W{round}"), round)).await;
        orders(&hub, &format!("P{round}-"), 5).await;
        sent += 6;
        until(async || ledger(&hub.context().store).await.pending <= 1).await;
        assert_eq!(ledger(&hub.context().store).await.delivered, sent - 1, "round {round}");
        time.pass(Duration::from_hours(12));
        sweep(&courier(&hub)).await;
    }
    let (_, poisoned) = delivery(&hub, "order:POISON", "erp").await;
    assert_eq!(poisoned.state, State::Failed, "{poisoned:?}");
    let tally = settled(&hub).await;
    assert_eq!((tally.delivered, tally.failed), (sent - 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_down_keeps_nothing_from_another() {
    let (down, up, time) = (erp().await, erp().await, Time::now());
    let plan = Plan::new().endpoint("down", &down, "retry = [\"5s\"]").endpoint("up", &up, "");
    let hub = plan.start_at(&time).await;
    down.behave(Behaviour::Slow(Duration::from_hours(1)));
    orders(&hub, "E", 60).await;
    within(up.received(60)).await;
    until(async || ledger(&hub.context().store).await.delivered == 60).await;
    assert_eq!(ledger(&hub.context().store).await.pending, 60);
    let ids: Vec<_> = counts(&up).into_values().collect();
    assert_eq!(ids, vec![1; 60]);
    drop(down);
    hub.stop().await;
    let tally = ledger(&plan.store()).await;
    assert_eq!((tally.accepted, tally.delivered), (120, 60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_delivery_to_a_removed_endpoint_fails() {
    let (gone, stays, time) = (erp().await, erp().await, Time::now());
    let plan = Plan::new().endpoint("gone", &gone, "").endpoint("stays", &stays, "");
    let hub = plan.start_at(&time).await;
    gone.behave(Behaviour::Answers(Reply::of(500)));
    taken(&hub, Partner::Xhq, "syn_status", status("G1", 61)).await;
    attempted(&hub, "order:G1", "gone", 1).await;
    attempted(&hub, "order:G1", "stays", 1).await;
    hub.stop().await;

    let mut config = plan.config();
    config.endpoints.remove(&"gone".into());
    config.routes.retain(|route| route.endpoint.as_str() != "gone");
    time.pass(Duration::from_mins(1));
    let hub = Hub::start_at(config, time.clock()).await.unwrap();
    until(async || delivery(&hub, "order:G1", "gone").await.1.progress.claim == 3).await;
    let (_, waits) = delivery(&hub, "order:G1", "gone").await;
    assert_eq!((waits.state, waits.progress.tries), (State::Pending, 1), "another process may know it");
    assert!(waits.progress.attempts.last().unwrap().detail.contains("postponed"), "{waits:?}");
    for _ in 0..2 {
        time.pass(UNKNOWN);
        sweep(&courier(&hub)).await;
    }
    let tally = settled(&hub).await;
    assert_eq!((tally.failed, tally.delivered), (1, 1));
    let (_, failed) = delivery(&hub, "order:G1", "gone").await;
    let last = failed.progress.attempts.last().unwrap();
    assert!(last.detail.contains("configuration"), "{last:?}");
    hub.stop().await;
    assert_eq!((gone.count(), stays.count()), (1, 1));
}

/// A function that had read the configuration before an endpoint was added ended what was for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_without_an_endpoint_leaves_deliveries_to_others() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    erp.behave(Behaviour::Down);
    taken(&hub, Partner::Xhq, "syn_status", status("K1", 61)).await;
    attempted(&hub, "order:K1", "erp", 1).await;
    erp.behave(Behaviour::Takes);
    let knows = courier(&hub);
    let mut config = (*knows.context.config).clone();
    config.endpoints.clear();
    let context = Context { config: Arc::new(config), ..knows.context.clone() };
    let (ignorant, (_, before)) = (Courier { context, ..knows.clone() }, delivery(&hub, "order:K1", "erp").await);
    time.pass(Duration::from_secs(10));
    sweep(&ignorant).await;
    let (_, after) = delivery(&hub, "order:K1", "erp").await;
    let made = after.progress.attempts.iter().filter(|attempt| attempt.postponed == 0).count();
    assert_eq!((after.state, after.progress.tries, made), (State::Pending, before.progress.tries, 1), "{after:?}");
    time.pass(Duration::from_mins(2));
    sweep(&knows).await;
    assert_eq!((settled(&hub).await.delivered, erp.count()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_follow_routes_and_unrouted_ones_are_counted() {
    let (receipts, eyes) = (erp().await, erp().await);
    let plan = Plan::new().endpoint("receipts", &receipts, "types = [\"xhq.single_receipt\", \"xhq.msg_*\"]").endpoint(
        "eyes",
        &eyes,
        "connections = [\"eyes\"]",
    );
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "single_receipt", simulators::pushes::receipt(1)).await;
    taken(&hub, Partner::Xhq, "syn_status", status("N1", 61)).await;
    taken(&hub, Partner::TrackingEyes, "customs_status", r#"[{"blNo":"N1"}]"#).await;
    within(receipts.received(1)).await;
    within(eyes.received(1)).await;
    let tally = settled(&hub).await;
    assert_eq!((tally.accepted, tally.delivered, tally.unrouted), (3, 2, 1));
    hub.stop().await;
    assert_eq!((receipts.count(), eyes.count()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_queue_message_is_delivered_by_the_sweep() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "");
    // The hub of this configuration has no endpoint, so the other one's deliveries are not sent.
    let hub = plan.start_at(&time).await;
    let (queue, forgotten) = queue::in_process([], 1);
    drop(forgotten);
    let context = config::Context { queue, ..hub.context().clone() };
    for n in 0..25 {
        let verified = verified(&context.config, &hook(Partner::Xhq, "syn_status"), syn_status::ACTION);
        let body = status(&format!("Q{n}"), 61).into();
        let push = inbound::receive::IncomingPush { body, ..Default::default() };
        let arrived = tokio::time::Instant::now();
        let answer = inbound::receive::receive(&context, verified, push, arrived).await;
        assert_eq!(answer.status, 200, "a queue that is gone is no reason to refuse");
    }
    assert_eq!(erp.count(), 0);
    let courier = courier(&hub);
    assert_eq!(sweep(&courier).await.taken, 0, "the hint has its time first");
    time.pass(hub.context().config.sweep_every);
    assert_eq!(sweep(&courier).await.taken, 25);
    assert_eq!(settled(&hub).await.delivered, 25);
    hub.stop().await;
    assert_eq!(erp.count(), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erp_that_comes_and_goes_takes_each_event_once() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    erp.behave(Behaviour::FailsEvery(3, Reply::of(502)));
    orders(&hub, "V", 60).await;
    until(async || events(&hub.context().store).await.iter().all(|item| item.work.deliveries[0].progress.claim > 0))
        .await;
    drive(&hub, &time, Duration::from_mins(2)).await;
    assert_eq!(settled(&hub).await.delivered, 60);
    hub.stop().await;
    let took: HashMap<_, _> =
        erp.deliveries().into_iter().filter(|got| got.answered == Some(200)).fold(HashMap::new(), |mut took, got| {
            *took.entry(got.id).or_insert(0) += 1;
            took
        });
    assert!(took.len() == 60 && took.values().all(|count| *count == 1), "{took:?}");
}
