//! A hub that has no file descriptor left: its deliveries wait for a moment, and count as no failure.

use std::process::Command;

use partners::Partner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::http::request;
use crate::support::process::Process;
use crate::support::{Plan, erp, events, hook, ledger, until, within};

/// Lets a process open that many descriptors from now on; those that are open stay.
fn limit(process: &Process, descriptors: usize) {
    let limit = format!("--nofile={descriptors}:");
    let pid = process.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

/// Regression: a flood of connections left no descriptor, and each attempt without one was a retry used up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_without_a_descriptor_are_postponed() {
    let receiver = erp().await;
    let settings = "timeout = \"1s\"\nretry = [\"1h\"]\ntypes = [\"xhq.single_receipt\"]";
    let plan = Plan::new().endpoint("erp", &receiver, settings);
    let process = Process::start(&plan, &[]).await.unwrap();
    let mut partner = TcpStream::connect(process.address()).await.unwrap();
    let mut push = async |action: &str, order: &str| {
        let body = format!(r#"{{"action":"{action}","orderOutNo":"{order}","code":61}}"#);
        let push = request("POST", &hook(Partner::Xhq, action), "", body.as_bytes());
        let push = String::from_utf8(push).unwrap().replace("connection: close\r\n", "");
        partner.write_all(push.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert!(within(partner.read_buf(&mut answer)).await.unwrap() > 0);
        }
        answer
    };
    // The push's connection is opened before descriptors run out; an event without an endpoint opens none to the ERP.
    assert!(push("syn_status", "S0").await.starts_with(b"HTTP/1.1 200"));
    limit(&process, 3);
    for order in ["S1", "S2"] {
        assert!(push("single_receipt", order).await.starts_with(b"HTTP/1.1 200"));
    }
    let store = plan.store();
    let waiting = async || {
        let items = events(&store).await;
        let deliveries = items.into_iter().flat_map(|item| item.work.deliveries);
        deliveries.filter(|delivery| delivery.progress.was_postponed()).count()
    };
    until(async || waiting().await == 2).await;
    until(async || process.log().contains("no file descriptor left")).await;
    limit(&process, 1_024);
    until(async || ledger(&store).await.delivered == 2).await;
    let items = events(&store).await;
    let mut deliveries = items.iter().flat_map(|item| &item.work.deliveries);
    assert!(deliveries.all(|delivery| delivery.progress.tries == 0), "no retry is used up");
    assert!(!process.log().contains("the circuit is open"), "{}", process.log());
    process.kill();
}
