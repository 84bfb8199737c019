//! Workers that are killed, messages that are no hints, hints that are lost.

use std::collections::BTreeMap;
use std::time::Duration;

use host::Signal;
use partners::Partner;
use simulators::erp::Behaviour;

use super::{hinted, ledger, start, taken};
use crate::support::{Plan, erp, status, until, within};

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_worker_repeats_only_unrecorded_messages() {
    let (quick, slow) = (erp().await, erp().await);
    slow.behave(Behaviour::Slow(FOR_EVER));
    let stack = start(Plan::new().endpoint("quick", &quick, "").endpoint("slow", &slow, "")).await;
    hinted(&stack, 6).await;
    let queue = stack.queue("deliver").unwrap();
    let deliver = stack.function("deliver").unwrap();
    let _feed = stack.feed("deliver").unwrap();
    until(async || slow.count() == 3 && ledger(&stack).await.delivered == 3).await;
    deliver.signal(Signal::Kill).unwrap();
    until(async || deliver.processes().is_empty()).await;
    assert_eq!((queue.waiting(), queue.received()), (6, 6), "one batch, of which nothing is settled");

    slow.behave(Behaviour::Takes);
    queue.show_all();
    until(async || ledger(&stack).await.delivered == 6).await;
    until(async || queue.waiting() == 0).await;
    assert_eq!(quick.count(), 3, "what was recorded as delivered is not delivered again");
    let mut deliveries = BTreeMap::new();
    slow.deliveries().into_iter().for_each(|delivery| *deliveries.entry(delivery.id).or_insert(0) += 1);
    assert_eq!(deliveries.into_values().collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!((queue.received(), queue.dead()), (12, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_message_is_repeated_alone_until_dead_letter() {
    let erp = erp().await;
    let stack = start(Plan::new().endpoint("erp", &erp, "")).await;
    hinted(&stack, 1).await;
    let queue = stack.queue("deliver").unwrap();
    queue.send("hello", Duration::ZERO);
    let _feed = stack.feed("deliver").unwrap();
    until(async || queue.waiting() == 1).await;
    assert_eq!(ledger(&stack).await.delivered, 1);
    let mut received = queue.received();
    assert_eq!(received, 2);
    while queue.dead().is_empty() {
        queue.show_all();
        until(async || queue.received() > received || !queue.dead().is_empty()).await;
        received = queue.received();
    }
    assert_eq!((received, queue.dead()), (1 + 5, vec!["hello".to_owned()]));
    assert_eq!((erp.count(), queue.waiting()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_queue_the_scheduled_sweep_delivers() {
    let erp = erp().await;
    let plan = Plan::new().top("sweep_every = \"1s\"").endpoint("erp", &erp, "timeout = \"500ms\"");
    let stack = start(plan).await;
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
    let sweep = stack.function("sweep").unwrap();
    until(async || {
        sweep.invoke(host::schedule().to_string()).await.unwrap();
        ledger(&stack).await.delivered == 1
    })
    .await;
    within(erp.received(1)).await;
    assert_eq!(erp.count(), 1);
}
