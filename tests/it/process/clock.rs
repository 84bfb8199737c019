//! A clock that lies, between a hub and the system (`clock.c`): nothing is lost by it, and nothing waits for the false time.

use std::ffi::OsString;
use std::path::PathBuf;

use partners::Partner;
use simulators::erp::{Behaviour, Reply};

use crate::power::library;
use crate::support::process::Process;
use crate::support::{Plan, answered, erp, events, hook, ledger, until};

/// The clock of a plan's hubs.
pub(super) struct Clock(PathBuf);

impl Clock {
    pub(super) fn of(plan: &Plan) -> (Self, Vec<(&'static str, OsString)>) {
        let clock = Self(plan.folder().join("clock"));
        clock.is_wrong_by(0);
        let variables =
            vec![("LD_PRELOAD", library(plan.folder(), "it/process/clock.c").into()), ("CLOCK_OFF", (&clock.0).into())];
        (clock, variables)
    }

    /// In one step: a concurrent reader sees the old text or the new one.
    pub(super) fn is_wrong_by(&self, seconds: i64) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, seconds.to_string()).unwrap();
        std::fs::rename(next, &self.0).unwrap();
    }
}

const RETRIES: &str =
    "retry = [\"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\", \"2s\"]";

/// A push that is identified by its content, so that a repetition is recognised for as long as events are kept.
async fn push(process: &Process, order: &str) {
    let mut sender = simulators::Sender::new(Partner::Xhq, &format!("http://{}", process.address())).unwrap();
    let (path, body) =
        (hook(Partner::Xhq, "single_receipt"), format!(r#"{{"action":"single_receipt","orderOutNo":"{order}"}}"#));
    let answer = answered(&mut sender, &path, "application/json", body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn attempted(plan: &Plan, order: &str) {
    let (store, subject) = (plan.store(), format!("order:{order}"));
    until(async || {
        let items = events(&store).await;
        items
            .iter()
            .any(|item| item.key.subject.as_str() == subject && !item.work.deliveries[0].progress.attempts.is_empty())
    })
    .await;
}

/// Regression: a reading 91 days ahead removed what waited, and forgot what had been delivered, without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_months_ahead_for_a_moment_loses_nothing() {
    let receiver = erp().await;
    let plan = Plan::new().top("sweep_every = \"2s\"").endpoint("erp", &receiver, RETRIES);
    let (clock, variables) = Clock::of(&plan);
    let process = Process::start(&plan, &variables).await.unwrap();
    push(&process, "DONE").await;
    let store = plan.store();
    until(async || ledger(&store).await.delivered == 1).await;
    receiver.behave(Behaviour::Answers(Reply::of(500)));
    for order in ["A", "B", "C"] {
        push(&process, order).await;
        attempted(&plan, order).await;
    }

    clock.is_wrong_by(7_862_400);
    until(async || process.log().contains("the clock jumped ahead")).await;
    // A known push stays known, and a new one waits like the others.
    push(&process, "DONE").await;
    push(&process, "LATE").await;
    attempted(&plan, "LATE").await;
    clock.is_wrong_by(0);
    until(async || process.log().contains("the clock was set back")).await;
    receiver.behave(Behaviour::Answers(Reply::of(200)));
    until(async || ledger(&store).await.delivered == 5).await;
    push(&process, "DONE").await;
    let tally = ledger(&store).await;
    assert_eq!((tally.accepted, tally.delivered, receiver.count() >= 5), (5, 5, true));
    assert!(process.log().contains("by=7862"), "its size: {}", process.log());
    process.kill();
}

/// Regression: what had failed under a clock two days ahead waited for two days, over a restart too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_of_a_clock_set_back_come_at_their_delay() {
    let receiver = erp().await;
    let plan = Plan::new().top("sweep_every = \"2s\"").endpoint("erp", &receiver, RETRIES);
    let (clock, variables) = Clock::of(&plan);
    clock.is_wrong_by(172_800);
    let process = Process::start(&plan, &variables).await.unwrap();
    receiver.behave(Behaviour::Answers(Reply::of(500)));
    push(&process, "A").await;
    attempted(&plan, "A").await;
    clock.is_wrong_by(0);
    let store = plan.store();
    receiver.behave(Behaviour::Answers(Reply::of(200)));
    until(async || ledger(&store).await.delivered == 1).await;
    assert!(process.log().contains("the clock was set back"), "{}", process.log());

    clock.is_wrong_by(172_800);
    until(async || process.log().contains("the clock jumped ahead")).await;
    receiver.behave(Behaviour::Answers(Reply::of(500)));
    push(&process, "B").await;
    attempted(&plan, "B").await;
    process.kill();
    clock.is_wrong_by(0);
    receiver.behave(Behaviour::Answers(Reply::of(200)));
    let process = Process::start(&plan, &variables).await.unwrap();
    until(async || ledger(&store).await.delivered == 2).await;
    assert!(process.log().contains("than the newest event in the store"), "{}", process.log());
    process.kill();
}
