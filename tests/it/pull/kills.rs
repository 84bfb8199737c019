//! `kill -9` of the hub while consumers lease and acknowledge.

use std::collections::BTreeSet;

use hub::delivery::State;
use serde_json::json;

use super::endpoint;
use crate::support::http::{exchange, request};
use crate::support::load::{Load, Seeded};
use crate::support::process::Process;
use crate::support::{API_KEY, Plan, Time, events, ledger, settled};

const KILLS: usize = 12;

/// An answer, where the hub lives to give one.
async fn ask(hub: std::net::SocketAddr, method: &str, path: &str, body: &str) -> Option<serde_json::Value> {
    let headers = format!("authorization: Bearer {API_KEY}\r\n");
    let answer = exchange(hub, request(method, path, &headers, body.as_bytes())).await?;
    (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok()).flatten()
}

/// Leases and acknowledges until the hub is gone; the ids whose acknowledgement was answered.
async fn consume(hub: std::net::SocketAddr) -> BTreeSet<String> {
    let mut acknowledged = BTreeSet::new();
    while let Some(batch) = ask(hub, "GET", "/endpoints/erp/events?wait=1&limit=7", "").await {
        let batch = batch.as_array().unwrap().clone();
        let receipts: Vec<_> = batch.iter().map(|event| event["receipt"].clone()).collect();
        let body = json!({"receipts": receipts}).to_string();
        let Some(told) = ask(hub, "POST", "/endpoints/erp/acknowledge", &body).await else { break };
        for (event, one) in batch.iter().zip(told["receipts"].as_array().unwrap()) {
            assert_eq!(one["state"], "acknowledged");
            assert!(acknowledged.insert(event["id"].as_str().unwrap().to_owned()), "no event is acknowledged twice");
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_hub_keeps_what_it_acknowledged_and_returns_leases() {
    let plan = Plan::new().table(&endpoint("erp", "lease = \"1s\""));
    let folder = plan.config().data_dir;
    let (load, mut moments) = (Load::new(), Seeded(0x1ea5e));
    let mut acknowledged = BTreeSet::new();
    for kill in 0..KILLS {
        let process = Process::start(&plan, &[]).await.unwrap();
        let mut senders = load.begin(process.address());
        let consumers: Vec<_> = (0..2).map(|_| tokio::spawn(consume(process.address()))).collect();
        load.promised(load.count() + 5 + moments.below(60)).await;
        process.kill();
        while senders.join_next().await.is_some() {}
        for consumer in consumers {
            for id in consumer.await.unwrap() {
                assert!(acknowledged.insert(id), "it came again after its acknowledgement, at kill {kill}");
            }
        }
        assert_eq!(load.lost(&folder), 0, "acknowledged to a partner and lost, at kill {kill}");
        let store = plan.store();
        ledger(&store).await;
        for item in events(&store).await {
            let is_done = item.work.deliveries[0].state == State::Delivered;
            assert!(is_done || !acknowledged.contains(&item.key.id.to_string()), "at kill {kill}");
        }
    }
    assert!(acknowledged.len() > KILLS, "{} were acknowledged", acknowledged.len());
    // Whatever consumers had when the hub or they died comes again.
    let time = Time::now();
    time.pass(std::time::Duration::from_mins(2));
    let hub = plan.start_at(&time).await;
    let at = hub.address();
    let consumer = tokio::spawn(consume(at));
    let tally = settled(&hub).await;
    assert_eq!(tally.accepted, tally.delivered);
    hub.stop().await;
    assert!(consumer.await.unwrap().is_disjoint(&acknowledged));
}
