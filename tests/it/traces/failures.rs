//! Collectors that fail. Spans are lost and counted; pushes and deliveries are not.

use std::time::{Duration, Instant};

use partners::Partner;
use simulators::collector::Behaviour;
use tongguan::Hub;

use super::{collector, spans, table};
use crate::support::{Plan, erp, settled, status, taken, until, within};

/// Numbers of spans that were exported and dropped.
fn counts(hub: &Hub) -> (u64, u64) {
    hub.context().spans.counts()
}

async fn pushed(hub: &Hub, orders: &[&str]) {
    for order in orders {
        taken(hub, Partner::Xhq, "syn_status", status(order, 61)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusing_collector_costs_spans_and_nothing_else() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    collector.behave(Behaviour::Answers(500, "that-is-no-json"));
    pushed(&hub, &["S1", "S2"]).await;
    assert_eq!(settled(&hub).await.delivered, 2);
    until(async || counts(&hub) == (0, 6)).await;
    collector.behave(Behaviour::Takes);
    pushed(&hub, &["S3"]).await;
    assert_eq!(spans(&collector, 3).await.len(), 3, "those that were refused are not sent again");
    until(async || counts(&hub) == (3, 6)).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_wait_for_a_collector_that_asks_for_patience() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    for behaviour in [Behaviour::Down, Behaviour::Answers(503, "")] {
        collector.behave(behaviour);
        let before = collector.spans().len();
        pushed(&hub, &[if before == 0 { "S1" } else { "S2" }]).await;
        settled(&hub).await;
        until(async || hub.context().spans.waiting() == 0).await;
        assert_eq!((collector.spans().len(), counts(&hub).1), (before, 0));
        collector.behave(Behaviour::Takes);
        spans(&collector, before + 3).await;
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_collector_holds_up_no_push_and_no_end() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    collector.behave(Behaviour::Hangs);
    pushed(&hub, &["S1"]).await;
    until(async || collector.count() == 1).await;
    pushed(&hub, &["S2", "S3"]).await;
    assert_eq!(settled(&hub).await.delivered, 3);
    let began = Instant::now();
    within(hub.stop()).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(collector.spans().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_the_collector_rejects_are_counted() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    let partial = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#;
    collector.behave(Behaviour::Answers(200, partial));
    pushed(&hub, &["S1"]).await;
    settled(&hub).await;
    let mut requests = 0;
    until(async || {
        requests = u64::try_from(collector.count()).unwrap();
        let (exported, dropped) = counts(&hub);
        exported + dropped == 3
    })
    .await;
    assert_eq!(counts(&hub).1, requests);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absent_collector_is_no_reason_not_to_start() {
    let erp = erp().await;
    let gone = collector().await.url();
    let hub = Plan::new().endpoint("erp", &erp, "").table(&format!("[traces]\nendpoint = \"{gone}\"")).start().await;
    pushed(&hub, &["S1"]).await;
    assert_eq!(settled(&hub).await.delivered, 1);
    within(hub.stop()).await;
}
