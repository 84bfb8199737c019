//! An endpoint that gets the events of one subject one after another.

use std::time::Duration;

use hub::delivery::{Delivery, State};
use partners::Partner;
use simulators::Erp;
use simulators::erp::{Behaviour, Reply};
use store::{Listed, Store as _};
use tongguan::Hub;

use crate::support::{Plan, Time, courier, erp, ledger, settled, status, sweep, taken, until};

const ORDERED: &str = "order = \"subject\"\nretry = [\"5s\", \"30s\"]";

/// The events of an order, in the order of reception.
async fn line(hub: &Hub, order: &str) -> Vec<Listed> {
    let context = hub.context();
    let subject = format!("order:{order}").as_str().into();
    context.store.timeline(&"xhq-sh".into(), &subject, context.now()).await.unwrap()
}

/// Their deliveries to an endpoint.
async fn deliveries(hub: &Hub, order: &str, endpoint: &str) -> Vec<Delivery> {
    let line = line(hub, order).await;
    line.iter().map(|item| item.work.delivery(&endpoint.into()).unwrap().clone()).collect()
}

/// Waits until they are in these states.
async fn are(hub: &Hub, order: &str, endpoint: &str, states: &[State]) {
    until(async || {
        let now: Vec<_> = deliveries(hub, order, endpoint).await.into_iter().map(|delivery| delivery.state).collect();
        now == states
    })
    .await;
}

/// The ids that an ERP was sent of an order, in that order.
fn sent(erp: &Erp, order: &str) -> Vec<String> {
    let subject = format!("order:{order}");
    let own = erp.deliveries().into_iter().filter(|one| one.subject.as_deref() == Some(&subject));
    own.map(|one| one.id).collect()
}

async fn pushed(hub: &Hub, order: &str, codes: &[u32]) {
    for code in codes {
        taken(hub, Partner::Xhq, "syn_status", status(order, *code)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_event_holds_up_its_own_subject_and_endpoint() {
    let (ordered, other, time) = (erp().await, erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &ordered, ORDERED).endpoint("wms", &other, "").start_at(&time).await;
    ordered.behave(Behaviour::FailsWhere("\"code\":61", Reply::of(422)));
    pushed(&hub, "A", &[61, 63, 81]).await;
    pushed(&hub, "B", &[63, 81]).await;
    are(&hub, "B", "erp", &[State::Delivered; 2]).await;
    are(&hub, "A", "wms", &[State::Delivered; 3]).await;
    until(async || deliveries(&hub, "A", "erp").await.iter().all(|delivery| !delivery.progress.attempts.is_empty()))
        .await;
    assert_eq!(sent(&ordered, "A").len(), 1);

    let (events, waiting) = (line(&hub, "A").await, deliveries(&hub, "A", "erp").await);
    for delivery in &waiting[1..] {
        let [entry] = delivery.progress.attempts.as_slice() else { panic!("{delivery:?}") };
        assert!(entry.postponed > 0 && entry.detail.contains(&events[0].key.id.to_string()), "{entry:?}");
        assert_eq!((delivery.state, delivery.progress.tries), (State::Pending, 0));
    }
    ordered.behave(Behaviour::Takes);
    time.pass(Duration::from_secs(6));
    sweep(&courier(&hub)).await;
    assert_eq!(settled(&hub).await.delivered, 10);
    let ids: Vec<_> = events.iter().map(|event| event.key.id.to_string()).collect();
    assert_eq!(sent(&ordered, "A"), [&ids[0], &ids[0], &ids[1], &ids[2]].map(Clone::clone));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_event_follows_one_that_failed_for_good() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, ORDERED).start_at(&time).await;
    erp.behave(Behaviour::FailsWhere("\"code\":61", Reply::of(422)));
    pushed(&hub, "A", &[61, 63]).await;
    let courier = courier(&hub);
    for attempts in 1..3 {
        until(async || sent(&erp, "A").len() == attempts).await;
        until(async || deliveries(&hub, "A", "erp").await[0].progress.tries as usize == attempts).await;
        time.pass(Duration::from_secs(40));
        sweep(&courier).await;
    }
    are(&hub, "A", "erp", &[State::Failed, State::Delivered]).await;
    assert_eq!(ledger(&hub.context().store).await.failed, 1);
    hub.stop().await;
}

/// Whatever is stored meanwhile: the first event of a burst is sent first, and nothing is sent twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_of_many_subjects_arrive_in_order() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "order = \"subject\"").start().await;
    let orders: Vec<_> = (0..8).map(|n| format!("N{n}")).collect();
    let codes: Vec<_> = (0..25).collect();
    futures::future::join_all(orders.iter().map(|order| pushed(&hub, order, &codes))).await;
    assert_eq!(settled(&hub).await.delivered, 200);
    for order in &orders {
        let ids: Vec<_> = line(&hub, order).await.iter().map(|event| event.key.id.to_string()).collect();
        assert_eq!(sent(&erp, order), ids, "{order}");
    }
    hub.stop().await;
}
