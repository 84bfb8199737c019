//! A worker that is killed over a batch, and a message that no worker can process.

use std::collections::BTreeMap;
use std::time::Duration;

use callback::examples;
use partners::Partner;
use simulators::erp::Behaviour;

use super::stage;
use crate::support::{until, within};

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_hours(1);

/// Three waybills make three events and six hints, most of them in one batch.
pub(super) async fn killed_worker_repeats_only_unrecorded_messages() {
    let stage = stage().await;
    let before = stage.ledger().await.delivered;
    let waybill = stage.marked(&examples::find("customs_status").unwrap());
    let waybill = waybill.trim_start_matches('[').trim_end_matches(']');
    let numbered = |number: u32| waybill.replacen('{', &format!("{{\"number\":{number},"), 1);
    let body = format!("[{},{},{}]", numbered(1), numbered(2), numbered(3));
    stage.erps[1].behave(Behaviour::Slow(FOR_EVER));
    // Longer than it takes until the worker is killed.
    let queues = [&*stage.deployed.queue];
    let killed = stage.while_visible_again_after(&queues, "20", async {
        stage.push(Partner::TrackingEyes, "customs_status", &body).await;
        until(async || stage.got(1, &stage.mark).len() >= 3 && stage.ledger().await.delivered - before >= 3).await;
        assert_eq!((stage.got(1, &stage.mark).len(), stage.ledger().await.delivered - before), (3, 3));
        // Deliveries in progress there stay so.
        stage.erps[1].behave(Behaviour::Takes);
        stage.kill("deliver");
        let (waiting, taken) = stage.waiting().await;
        assert!(waiting + taken > 3, "of a batch nothing is settled, recorded or not: {waiting}, {taken}");
        until(async || stage.ledger().await.delivered - before >= 6).await;
        stage.settled().await;
    });
    Box::pin(killed).await;
    assert_eq!(stage.ledger().await.delivered - before, 6);
    assert_eq!(stage.got(0, &stage.mark).len(), 3, "what was recorded as delivered is not delivered again");
    let mut deliveries = BTreeMap::new();
    stage.got(1, &stage.mark).into_iter().for_each(|delivery| *deliveries.entry(delivery.id).or_insert(0) += 1);
    assert_eq!(deliveries.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

pub(super) async fn what_is_no_hint_ends_as_a_dead_letter_and_what_comes_behind_it_arrives_once() {
    let stage = stage().await;
    let (queues, dead_letters) = ([&*stage.deployed.queue, &stage.deployed.calls], &stage.deployed.dead_letters);
    // Nothing else is on its way, which would come again before it is done.
    let ended = stage.while_visible_again_after(&queues, "1", async {
        for queue in queues {
            let body = format!("no hint {}", stage.mark);
            stage.sqs.send_message().queue_url(queue).message_body(body).send().await.unwrap();
        }
        let mut dead = 0;
        within(async {
            while dead < queues.len() {
                let received = stage.sqs.receive_message().queue_url(dead_letters).wait_time_seconds(1);
                for message in received.send().await.unwrap().messages() {
                    dead += usize::from(message.body().unwrap().ends_with(&stage.mark));
                    let done = stage.sqs.delete_message().queue_url(dead_letters);
                    done.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(dead, queues.len());
    });
    Box::pin(ended).await;
    let example = examples::find("rate_push").unwrap();
    stage.push(example.partner, example.suffix, &stage.marked(&example)).await;
    until(async || (0..2).all(|erp| !stage.got(erp, &stage.mark).is_empty())).await;
    stage.settled().await;
    assert!((0..2).all(|erp| stage.got(erp, &stage.mark).len() == 1));
}
