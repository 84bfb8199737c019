//! A store that does not answer in time: each partner gets its retryable negative before its deadline, and the resend is
//! taken once.

use partners::Partner;
use rusqlite::Connection;
use serde_json::Value;
use simulators::partner::Next;

use crate::support::{PUSHING, Plan, erp, events, hook, ledger, sender, settled, within};

const fn suffix(partner: Partner) -> &'static str {
    match partner {
        Partner::Xhq => "single_receipt",
        Partner::TrackingEyes => "customs_status",
        Partner::OneData | Partner::Yanwen => "rates",
    }
}

const fn body(partner: Partner) -> &'static str {
    match partner {
        Partner::Xhq => r#"{"action":"single_receipt","orderOutNo":"L1"}"#,
        Partner::TrackingEyes => r#"[{"blNo":"L1"},{"blNo":"L2"}]"#,
        Partner::OneData | Partner::Yanwen => r#"{"batchNo":"L1"}"#,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_hangs_partners_are_asked_to_repeat_in_time_and_the_resend_is_one_event() {
    let erp = erp().await;
    let plan = Plan::new().endpoint("erp", &erp, "");
    let hub = plan.start().await;
    let another = Connection::open(plan.config().data_dir.join("tongguan.db")).unwrap();
    another.execute_batch("BEGIN IMMEDIATE").unwrap();
    let pushes = PUSHING.map(|partner| {
        let mut sender = sender(&hub, partner);
        async move { sender.push(&hook(partner, suffix(partner)), "application/json", body(partner)).await }
    });
    // The sender keeps the partner's deadline: an answer that comes at all comes in time.
    for (partner, done) in PUSHING.into_iter().zip(within(futures::future::join_all(pushes)).await) {
        let answer = done.answered.unwrap_or_else(|silence| panic!("{partner}: {silence}"));
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        match partner {
            Partner::Xhq => assert_eq!((answer.status, &said["state"]), (503, &false.into())),
            Partner::TrackingEyes => assert_eq!((answer.status, &said["code"]), (200, &500.into())),
            Partner::OneData | Partner::Yanwen => assert_eq!(answer.status, 503),
        }
        assert_ne!(done.verdict, Next::Taken);
    }
    // What stays readable is read while writes hang.
    assert_eq!(ledger(&hub.context().store).await.accepted, 0);

    another.execute_batch("ROLLBACK").unwrap();
    for partner in PUSHING {
        for _ in 0..2 {
            let mut sender = sender(&hub, partner);
            let done = sender.push(&hook(partner, suffix(partner)), "application/json", body(partner)).await;
            assert_eq!(done.verdict, Next::Taken, "{partner}: {:?}", done.answered);
        }
    }
    assert_eq!(events(&hub.context().store).await.len(), 4);
    within(erp.received(4)).await;
    assert_eq!(settled(&hub).await.delivered, 4);
    hub.stop().await;
    assert_eq!(erp.count(), 4);
}
