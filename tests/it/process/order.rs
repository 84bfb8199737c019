//! `kill -9` while events of a subject wait for one another.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hub::Subject;
use partners::Partner;
use simulators::Sender;
use simulators::erp::{Behaviour, Reply};
use simulators::partner::Next;
use tokio::task::JoinSet;

use crate::support::process::Process;
use crate::support::{Plan, erp, events, hook, ledger, status, until};

const KILLS: usize = 8;
const ORDERS: u32 = 4;

/// So many retries that none is used up, though each third attempt fails.
const ORDERED: &str = r#"order = "subject"
timeout = "500ms"
retry = ["50ms", "100ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms", "200ms",
    "200ms", "200ms", "200ms", "200ms"]"#;

/// Pushes statuses of an order, one after another, until one is not taken. Its code, which is not used again.
async fn push(address: SocketAddr, order: String, mut code: u32) -> (String, u32) {
    let mut sender = Sender::new(Partner::Xhq, &format!("http://{address}")).unwrap();
    let path = hook(Partner::Xhq, "syn_status");
    while sender.push(&path, "application/json", status(&order, code)).await.verdict == Next::Taken {
        code += 1;
    }
    (order, code + 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_hub_goes_on_in_the_order_of_each_subject() {
    let erp = erp().await;
    erp.behave(Behaviour::FailsEvery(3, Reply::of(503)));
    let plan = Plan::new().top("sweep_every = \"1s\"").endpoint("erp", &erp, ORDERED);
    let mut orders: Vec<_> = (0..ORDERS).map(|order| (format!("K{order}"), 0)).collect();
    for kill in 0..KILLS {
        let process = Process::start(&plan, &[]).await.unwrap();
        let (address, came) = (process.address(), erp.count());
        let mut partners: JoinSet<_> = orders.drain(..).map(|(order, code)| push(address, order, code)).collect();
        until(async || erp.count() > came + 10 + kill).await;
        process.kill();
        while let Some(next) = partners.join_next().await {
            orders.push(next.unwrap());
        }
        ledger(&plan.store()).await;
    }
    let process = Process::start(&plan, &[]).await.unwrap();
    let store = plan.store();
    until(async || ledger(&store).await.pending == 0).await;
    process.kill();

    let mut stored: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
    for event in events(&store).await {
        stored.entry(event.key.subject).or_default().push(event.key.id.to_string());
    }
    let tally = ledger(&store).await;
    assert_eq!(tally.delivered, stored.values().flatten().count() as u64, "{tally:?}");
    // Repeated attempts at one event are one.
    let mut came: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
    for got in erp.deliveries() {
        let line = came.entry(got.subject.unwrap().as_str().into()).or_default();
        if line.last() != Some(&got.id) {
            line.push(got.id);
        }
    }
    assert_eq!(came, stored);
}
