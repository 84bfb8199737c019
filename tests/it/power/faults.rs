//! A disk that is full, broken or hangs: partners are asked to repeat, and the hub is well again when the disk is.

use futures::future::join_all;
use partners::Partner;
use simulators::Sender;
use simulators::partner::{Next, Try};

use super::between;
use crate::support::load::bodies;
use crate::support::process::Process;
use crate::support::{PUSHING, Plan, erp, hook, ledger, until, within};

const fn suffix(partner: Partner) -> &'static str {
    match partner {
        Partner::Xhq => "single_receipt",
        Partner::TrackingEyes => "customs_status",
        Partner::OneData | Partner::Yanwen => "rates",
    }
}

fn body(partner: Partner, n: usize) -> String {
    match partner {
        Partner::Xhq => format!(r#"{{"action":"single_receipt","orderOutNo":"D{n}"}}"#),
        Partner::TrackingEyes => format!(r#"[{{"blNo":"D{n}"}}]"#),
        Partner::OneData | Partner::Yanwen => format!(r#"{{"batchNo":"D{n}"}}"#),
    }
}

async fn push(process: &Process, partner: Partner, n: usize) -> Try {
    let mut sender = Sender::new(partner, &format!("http://{}", process.address())).unwrap();
    sender.push(&hook(partner, suffix(partner)), "application/json", body(partner, n)).await
}

/// A push is answered in time, and not positively.
async fn refused(process: &Process, partner: Partner, n: usize) {
    let done = push(process, partner, n).await;
    // The sender keeps the partner's deadline: 1datatech has its answer within 500 ms.
    let answer = done.answered.unwrap_or_else(|silence| panic!("{partner}: {silence}"));
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert_ne!(done.verdict, Next::Taken, "{partner}: {text}");
    match partner {
        Partner::Xhq => assert!(answer.status == 503 && text.contains(r#""state":false"#), "{text}"),
        Partner::TrackingEyes => assert!(answer.status == 200 && text.contains(r#""code":500"#), "{text}"),
        Partner::OneData | Partner::Yanwen => assert_eq!(answer.status, 503, "{text}"),
    }
}

/// Pushes while the disk is in trouble, and again when it is not, a few times.
async fn trouble(switch: &str) {
    let erp = erp().await;
    let plan = Plan::new().endpoint("erp", &erp, "");
    let process = Process::start(&plan, &between(&plan)).await.unwrap();
    let switch = plan.folder().join("switches").join(switch);
    for partner in PUSHING {
        assert_eq!(push(&process, partner, 0).await.verdict, Next::Taken);
    }
    within(erp.received(3)).await;
    for round in 1..=2 {
        std::fs::write(&switch, "").unwrap();
        let pushes = PUSHING.into_iter().flat_map(|partner| [(partner, round), (partner, 10 + round)]);
        join_all(pushes.map(|(partner, n)| refused(&process, partner, n))).await;
        std::fs::remove_file(&switch).unwrap();
        for partner in PUSHING {
            // A disk that hung may be busy for a moment with what it was asked before.
            until(async || push(&process, partner, round).await.verdict == Next::Taken).await;
            assert_eq!(push(&process, partner, round).await.verdict, Next::Taken, "the resend of the resend");
        }
    }
    // Those that were sent again are there, each once; those that were not may have been stored behind a negative
    // answer, which asks for nothing else.
    let kept = bodies(&plan.config().data_dir);
    for partner in PUSHING {
        for n in 0..=2 {
            assert!(kept.contains(body(partner, n).as_bytes()), "{partner} {n}");
        }
    }
    within(erp.received(9)).await;
    let store = plan.store();
    let tally = ledger(&store).await;
    assert_eq!(tally.accepted, kept.len() as u64);
    process.kill();
    ledger(&plan.store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_partners_are_asked_to_repeat_until_there_is_space() {
    trouble("full").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_disk_that_cannot_sync_partners_are_asked_to_repeat_until_it_can() {
    trouble("broken").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_disk_that_hangs_partners_are_asked_to_repeat_in_time() {
    trouble("hangs").await;
}
