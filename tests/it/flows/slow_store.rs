//! A store that does not answer in time: each partner gets its retryable negative before its deadline, and the resend is
//! taken once.

use futures::future::join_all;
use partners::Partner;
use rusqlite::Connection;

use crate::support::pushing::{every, is_answer, push, suffix};
use crate::support::{Plan, erp, events, hook, in_time, ledger, sender, settled, taken, within};

fn body(partner: Partner) -> String {
    let one = push(partner, "L1");
    // Of several events each is stored or asked for again.
    if partner == Partner::TrackingEyes { one.replace(']', r#",{"blNo":"L2"}]"#) } else { one }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_store_refuses_pushes_in_time_resend_is_one_event() {
    let erp = erp().await;
    let plan = Plan::described().endpoint("erp", &erp, "");
    let hub = plan.start().await;
    let another = Connection::open(plan.config().data_dir.join("tongguan.db")).unwrap();
    another.execute_batch("BEGIN IMMEDIATE").unwrap();
    join_all(every().map(async |partner| {
        let answer = in_time(&mut sender(&hub, partner), &hook(partner, suffix(partner)), &body(partner)).await;
        assert!(is_answer(partner, 503, (answer.status, &answer.body)), "{partner}: {answer:?}");
    }))
    .await;
    // Reads go on while writes hang.
    assert_eq!(ledger(&hub.context().store).await.accepted, 0);

    another.execute_batch("ROLLBACK").unwrap();
    for partner in every() {
        for _ in 0..2 {
            taken(&hub, partner, suffix(partner), body(partner)).await;
        }
    }
    assert_eq!(events(&hub.context().store).await.len(), 5);
    within(erp.received(5)).await;
    assert_eq!(settled(&hub).await.delivered, 5);
    hub.stop().await;
    assert_eq!(erp.count(), 5);
}
