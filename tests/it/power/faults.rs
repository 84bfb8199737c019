//! A disk that is full, broken or hangs: partners are asked to repeat, and the hub is well again when the disk is.

use std::collections::HashSet;
use std::path::Path;

use futures::future::join_all;
use partners::Partner;
use simulators::Sender;
use simulators::erp::Behaviour;
use simulators::partner::Next;
use simulators::robots::{Receiver, Robot};

use super::between;
use crate::support::http::{exchange, request};
use crate::support::load::bodies;
use crate::support::process::Process;
use crate::support::pushing::{every, is_answer, push, suffix};
use crate::support::{API_KEY, PUSHING, Plan, erp, hook, in_time, ledger, until, within};

fn body(partner: Partner, n: usize) -> String {
    push(partner, &format!("D{n}"))
}

fn sender(process: &Process, partner: Partner) -> Sender {
    Sender::new(partner, &format!("http://{}", process.address())).unwrap()
}

/// A push is answered in time, and not positively.
async fn refused(process: &Process, partner: Partner, n: usize) {
    let answer = in_time(&mut sender(process, partner), &hook(partner, suffix(partner)), &body(partner, n)).await;
    assert!(is_answer(partner, 503, (answer.status, &answer.body)), "{partner}: {answer:?}");
}

/// A push is taken, if not at once, because a disk that hung may be busy with what it was asked before.
async fn taken(process: &Process, partner: Partner, n: usize) {
    let (mut sender, path) = (sender(process, partner), hook(partner, suffix(partner)));
    until(async || sender.push(&path, "application/json", body(partner, n)).await.verdict == Next::Taken).await;
}

/// Pushes while the disk is in trouble, and again when it is not, a few times.
async fn trouble(switch: &str) {
    let erp = erp().await;
    // An event that was stored behind a negative answer has no hint, so the sweep delivers it.
    let plan = Plan::described().top("sweep_every = \"1s\"").endpoint("erp", &erp, "");
    let process = Process::start(&plan, &between(&plan)).await.unwrap();
    let switch = plan.folder().join("switches").join(switch);
    for partner in every() {
        taken(&process, partner, 0).await;
    }
    within(erp.received(4)).await;
    for round in 1..=2 {
        std::fs::write(&switch, "").unwrap();
        let pushes = every().into_iter().flat_map(|partner| [(partner, round), (partner, 10 + round)]);
        join_all(pushes.map(|(partner, n)| refused(&process, partner, n))).await;
        std::fs::remove_file(&switch).unwrap();
        for partner in every() {
            // The resend, and a resend of that.
            taken(&process, partner, round).await;
            taken(&process, partner, round).await;
        }
    }
    // Those that were sent again are there, each once; those that were not may have been stored behind a negative
    // answer, which asks for nothing else.
    let kept = bodies(&plan.config().data_dir);
    for partner in every() {
        for n in 0..=2 {
            assert!(kept.contains(body(partner, n).as_bytes()), "{partner} {n}");
        }
    }
    let store = plan.store();
    until(async || ledger(&store).await.pending == 0).await;
    let tally = ledger(&store).await;
    assert_eq!((tally.accepted, tally.delivered), (kept.len() as u64, kept.len() as u64));
    let came: HashSet<_> = erp.deliveries().into_iter().map(|got| got.id).collect();
    assert_eq!(came.len(), kept.len());
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_refuses_pushes_until_there_is_space() {
    trouble("full").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_without_sync_refuses_pushes_until_it_syncs() {
    trouble("broken").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_disk_that_hangs_partners_are_asked_to_repeat_in_time() {
    trouble("hangs").await;
}

/// The status of `/ready` and its text.
async fn ready(process: &Process) -> (u16, String) {
    let reply = exchange(process.address(), request("GET", "/ready", "", b"")).await.unwrap();
    (reply.status, String::from_utf8_lossy(&reply.body).into_owned())
}

/// The disk says that it is as full as the name of a switch.
fn switch(plan: &Plan, name: &str) -> impl Fn(bool) + use<> {
    let file = plan.folder().join("switches").join(name);
    move |on| if on { std::fs::write(&file, "").unwrap() } else { remove(&file) }
}

fn remove(file: &Path) {
    std::fs::remove_file(file).unwrap();
}

/// A retry soon, and then another.
const RETRY: &str =
    r#"retry = ["300ms", "300ms", "300ms", "300ms", "300ms", "300ms", "300ms", "300ms", "300ms", "300ms"]"#;

/// It is told at 500 MB, and at 50 MB nothing new is taken, long before a write fails; what is stored is delivered meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_nearly_full_is_told_and_then_refuses_what_is_new() {
    let erp = erp().await;
    let robot = Robot::Wecom("key-that-nobody-may-see");
    let robot = Receiver::start(([127, 0, 0, 1], 0).into(), telemetry::system_clock(), robot).await.unwrap();
    let url = robot.url();
    let alert = format!("[[alerts]]\nid = \"ops\"\nkind = \"wecom\"\nurl = \"{url}\"\nallow_private = true");
    let plan = Plan::new().top("sweep_every = \"1s\"").endpoint("erp", &erp, RETRY).table(&alert);
    let process = Process::start(&plan, &between(&plan)).await.unwrap();
    let (low, little) = (switch(&plan, "low"), switch(&plan, "little"));
    taken(&process, Partner::Xhq, 0).await;
    until(async || ready(&process).await == (200, r#"{"reasons":[],"status":"ready","warnings":[]}"#.to_owned())).await;
    low(true);
    until(async || ready(&process).await.1.contains("nearly full: 500 MB free")).await;
    assert_eq!(ready(&process).await.0, 200, "it does all of its work");
    taken(&process, Partner::Xhq, 1).await;
    until(async || robot.messages().iter().any(|told| told.contains("磁盘将满"))).await;
    erp.behave(Behaviour::Down);
    taken(&process, Partner::Xhq, 2).await;
    little(true);
    until(async || ready(&process).await.0 == 503).await;
    for partner in PUSHING {
        refused(&process, partner, 3).await;
    }
    let key = format!("authorization: Bearer {API_KEY}\r\n");
    let file = exchange(process.address(), request("PUT", "/uploads/any", &key, b"papers")).await.unwrap();
    assert_eq!(file.status, 503, "neither is a file that is sent ahead of a call");
    taken(&process, Partner::Xhq, 2).await;
    erp.behave(Behaviour::Takes);
    within(erp.received(3)).await;
    assert!(process.log().contains("new pushes and calls are refused"), "{}", process.log());
    little(false);
    low(false);
    until(async || ready(&process).await.0 == 200).await;
    for partner in PUSHING {
        taken(&process, partner, 3).await;
    }
    process.kill();
}
