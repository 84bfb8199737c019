//! A worker that is killed over a batch, and a message that nobody can work on.

use std::collections::BTreeMap;
use std::time::Duration;

use partners::Partner;
use simulators::erp::Behaviour;
use simulators::pushes;

use super::stage;
use crate::support::{until, within};

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_hours(1);

/// Three waybills make three events and six hints, most of them in one batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_in_the_middle_of_a_batch_repeats_only_what_was_not_recorded() {
    let Some(stage) = stage().await else { return };
    let before = stage.ledger().await;
    let queue = &stage.deployed.queue;
    let usual = stage.visible_again_after(queue, "5").await;
    let waybill = stage.marked(pushes::example("customs_status").unwrap());
    let waybill = waybill.trim_start_matches('[').trim_end_matches(']');
    let numbered = |number: u32| waybill.replacen('{', &format!("{{\"number\":{number},"), 1);
    let body = format!("[{},{},{}]", numbered(1), numbered(2), numbered(3));
    stage.erps[1].behave(Behaviour::Slow(FOR_EVER));
    stage.push(Partner::TrackingEyes, "customs_status", &body).await;
    until(async || {
        let recorded = stage.ledger().await.delivered - before.delivered;
        stage.got(1, &stage.mark).len() == 3 && recorded == 3
    })
    .await;
    stage.kill("deliver");
    let (waiting, taken) = stage.waiting().await;
    assert!(waiting + taken > 3, "of a batch nothing is settled, recorded or not: {waiting}, {taken}");
    stage.erps[1].behave(Behaviour::Takes);
    until(async || stage.ledger().await.delivered - before.delivered == 6).await;
    stage.settled().await;
    stage.visible_again_after(queue, &usual).await;
    assert_eq!(stage.got(0, &stage.mark).len(), 3, "what was recorded as delivered is not delivered again");
    let mut deliveries = BTreeMap::new();
    stage.got(1, &stage.mark).into_iter().for_each(|delivery| *deliveries.entry(delivery.id).or_insert(0) += 1);
    assert_eq!(deliveries.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_hint_ends_as_a_dead_letter_and_holds_nothing_up() {
    let Some(stage) = stage().await else { return };
    let (queues, dead_letters) = ([&stage.deployed.queue, &stage.deployed.calls], &stage.deployed.dead_letters);
    let mut usual = Vec::new();
    for queue in queues {
        usual.push(stage.visible_again_after(queue, "1").await);
        stage.sqs.send_message().queue_url(queue).message_body(format!("no hint {}", stage.mark)).send().await.unwrap();
    }
    let example = pushes::example("rate_push").unwrap();
    stage.push(example.partner, example.suffix, &stage.marked(example)).await;
    until(async || (0..2).all(|erp| stage.got(erp, &stage.mark).len() == 1)).await;
    let mut dead = 0;
    within(async {
        while dead < queues.len() {
            let received =
                stage.sqs.receive_message().queue_url(dead_letters).wait_time_seconds(1).send().await.unwrap();
            for message in received.messages() {
                dead += usize::from(message.body().unwrap().ends_with(&stage.mark));
                let done = stage.sqs.delete_message().queue_url(dead_letters);
                done.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            }
        }
    })
    .await;
    for (queue, usual) in queues.into_iter().zip(usual) {
        stage.visible_again_after(queue, &usual).await;
    }
    stage.settled().await;
    assert!((0..2).all(|erp| stage.got(erp, &stage.mark).len() == 1));
}
