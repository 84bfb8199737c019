//! Webhook functions that crash, are killed, stand still or wait for a store: the partner hears in time that it is to
//! push again, and the resend is one event.

use std::process::Command;
use std::time::Duration;

use futures::future::join;
use host::{Bootstraps, Function, Manner, Signal, Spec, Stack};
use partners::Partner;
use serde_json::Value;
use simulators::partner::{Answer, Next};

use super::{is_the_gateways_negative, ledger, path, plan, push, sender, start, taken};
use crate::support::{Plan, status, until, within};

/// Number of pushes of a kind that are all answered in time.
const PUSHES: usize = 30;

/// Before the write and after it; by the kernel for want of memory, and by a panic that nothing contains.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_dies_over_a_push_has_it_pushed_again() {
    // Without statistics: nothing but the push waits for the table.
    let stack = start(Plan::new().top("statistics = false")).await;
    let function = stack.function("syn_status").unwrap();
    taken(&stack, Partner::Xhq, &status("S0", 61)).await;
    let deaths = [(Signal::Kill, Manner::Deaf), (Signal::Kill, Manner::Mute), (Signal::Abort, Manner::Mute)];
    for (kept, (signal, manner)) in (1..).zip(deaths) {
        let body = status(&format!("S{kept}"), 61);
        stack.table.behave(manner);
        let death = async {
            stack.table.leaves_one_waiting().await;
            function.signal(signal).unwrap();
        };
        let (pushed, ()) = within(join(push(&stack, Partner::Xhq, &body), death)).await;
        is_the_gateways_negative(&pushed.answered.unwrap());
        assert!(function.processes().is_empty());
        stack.table.behave(Manner::Prompt);
        assert_eq!(ledger(&stack).await.accepted, if manner == Manner::Mute { kept + 1 } else { kept });
        for _ in 0..2 {
            taken(&stack, Partner::Xhq, &body).await;
        }
        assert_eq!(ledger(&stack).await.accepted, kept + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_function_is_killed_in_time_and_push_is_repeated() {
    let mut plan = plan(Plan::new()).await;
    plan.timeout = Some(Duration::from_secs(2));
    let stack = plan.start().await.unwrap();
    let function = stack.function("syn_status").unwrap();
    taken(&stack, Partner::Xhq, &status("S0", 61)).await;
    let stopped = function.processes();
    function.signal(Signal::Stop).unwrap();
    is_the_gateways_negative(&within(push(&stack, Partner::Xhq, &status("S1", 61))).await.answered.unwrap());
    assert!(function.processes().is_empty(), "{stopped:?}");
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
    assert!(function.processes().is_disjoint(&stopped));
    assert_eq!(ledger(&stack).await.accepted, 2);
}

/// An instance that dies while idle costs no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_instance_that_died_is_replaced() {
    let stack = start(Plan::new()).await;
    let function = stack.function("syn_status").unwrap();
    taken(&stack, Partner::Xhq, &status("S0", 61)).await;
    // Some of them are met while their last threads are on their way out.
    for round in 1..=5 {
        let gone = function.processes();
        function.signal(Signal::Kill).unwrap();
        until(async || gone.iter().all(|pid| is_dead(*pid))).await;
        let pushed = push(&stack, Partner::Xhq, &status(&format!("S{round}"), 61)).await;
        assert_eq!(pushed.verdict, Next::Taken, "{pushed:?}");
        assert!(function.processes().is_disjoint(&gone));
    }
}

/// Its first thread at least has ended.
fn is_dead(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

/// The system cannot be asked for the end of a process some of whose threads are still on their way out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_threads_are_still_ending_is_handed_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = folder.path().join("bootstrap");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/it/host/leaderless.c");
    let done =
        compiler.args(["-Wall", "-Wextra", "-Werror", "-pthread", "-o"]).arg(&bootstrap).arg(source).status().unwrap();
    assert!(done.success());
    let function = Function::new(Spec {
        name: "leaderless".to_owned(),
        bootstrap,
        environment: vec![],
        timeout: Duration::from_secs(30),
        instances: 1,
        log: folder.path().join("log"),
        quota: None,
    });
    for _ in 0..3 {
        let answer = within(function.invoke("{}")).await.unwrap();
        assert!(answer.cold, "it goes to a process that is there");
        until(async || is_dead(answer.pid)).await;
    }
}

/// Answers to pushes of that body, each to an instance that has just been started where they are `cold`. Binaries as they
/// are deployed answer every push before 1datatech's deadline. Other binaries may need longer on a busy machine: of their
/// answers the first that comes in time counts.
async fn said(stack: &Stack, body: &str, cold: bool) -> Vec<Answer> {
    let (partner, function) = (Partner::OneData, stack.function("rate_push").unwrap());
    let deployed = Bootstraps::named().is_some();
    let mut sender = sender(stack, partner);
    let mut answers = Vec::new();
    within(async {
        while answers.len() < if deployed { PUSHES } else { 1 } {
            if cold {
                function.cool();
            }
            match sender.push(&path(partner), "application/json", body.to_owned()).await.answered {
                Ok(answer) => answers.push(answer),
                Err(silence) => assert!(!deployed, "cold: {cold}, after {} pushes: {silence}", answers.len()),
            }
        }
    })
    .await;
    answers
}

/// It is 1datatech's own negative, and not the gateway's.
fn is_1datatechs_negative(answer: &Answer) {
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &said["success"], said.get("state")), (503, &false.into(), None), "{said}");
}

/// 1datatech counts a push as failed after 500 ms; its own negative is there before, and not the gateway's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_store_answers_1datatech_before_its_deadline() {
    let stack = start(Plan::new()).await;
    let partner = Partner::OneData;
    taken(&stack, partner, r#"{"batchNo":"B0"}"#).await;
    for (kept, manner) in (1..).zip([Manner::Late(Duration::from_millis(400)), Manner::Mute, Manner::Deaf]) {
        let body = format!(r#"{{"batchNo":"B{kept}"}}"#);
        stack.table.behave(manner);
        said(&stack, &body, false).await.iter().for_each(is_1datatechs_negative);
        stack.table.behave(Manner::Prompt);
        for _ in 0..2 {
            taken(&stack, partner, &body).await;
        }
        assert_eq!(ledger(&stack).await.accepted, kept + 1);
    }
}

/// A start does not wait for its connections beyond 1datatech's deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_with_slow_store_answers_before_1datatechs_deadline() {
    let stack = start(Plan::new()).await;
    for manner in [Manner::Late(Duration::from_millis(400)), Manner::Mute, Manner::Deaf] {
        stack.table.behave(manner);
        said(&stack, r#"{"batchNo":"B0"}"#, true).await.iter().for_each(is_1datatechs_negative);
    }
}
