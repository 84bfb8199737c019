//! `kill -9` while calls are accepted, sent and told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::call::Standing;
use serde_json::Value;
use simulators::api::Fault;
use tokio::task::JoinSet;

use crate::calls::{Desk, SAFE, UNSAFE};
use crate::support::http::{exchange, request};
use crate::support::load::Seeded;
use crate::support::process::Process;
use crate::support::{API_KEY, ledger, until};

const KILLS: usize = 10;

/// Commands whose numbers are never the same, and the ids of those that were accepted.
#[derive(Clone, Default)]
struct Load(Arc<(AtomicU64, Mutex<BTreeSet<String>>)>);

impl Load {
    fn accepted(&self) -> BTreeSet<String> {
        self.0.1.lock().unwrap().clone()
    }

    /// Six of the ERP's threads call until there is no answer.
    fn begin(&self, address: SocketAddr) -> JoinSet<()> {
        let mut threads = JoinSet::new();
        for _ in 0..6 {
            let load = self.clone();
            threads.spawn(async move { while load.one(address).await.is_some() {} });
        }
        threads
    }

    /// One call, in three that the partner may see twice.
    async fn one(&self, address: SocketAddr) -> Option<()> {
        let n = self.0.0.fetch_add(1, Ordering::Relaxed);
        let (connection, operation, body) = if n.is_multiple_of(3) { SAFE } else { UNSAFE[0] };
        let headers = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: k-{n}\r\n");
        let path = format!("/calls/{connection}/{operation}");
        let reply = exchange(address, request("POST", &path, &headers, body(&format!("C{n}")).as_bytes())).await?;
        assert_eq!(reply.status, 202, "{reply:?}");
        self.0.1.lock().unwrap().insert(reply.json()["id"].as_str().unwrap().to_owned());
        Some(())
    }
}

/// Number of times that a partner did what each order or subscription asks for.
fn done(desk: &Desk) -> BTreeMap<String, usize> {
    let requests = [desk.xhq.requests(), desk.onedata.requests()].concat();
    let processed = requests.iter().filter(|request| request.processed);
    let number = |body: Value| body["orderOutNo"].as_str().or(body[0]["subNo"].as_str()).map(str::to_owned);
    processed.filter_map(|request| number(request.json())).fold(BTreeMap::new(), |mut done, number| {
        *done.entry(number).or_default() += 1;
        done
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_killed_at_any_moment_has_one_end_and_runs_once() {
    let mut desk = Desk::new().await;
    desk.hub.stop().await;
    // Slow enough that there is always something under way.
    desk.xhq.behave(Fault::Slow(Duration::from_millis(30)));
    desk.onedata.behave(Fault::Slow(Duration::from_millis(30)));
    let (load, mut moments) = (Load::default(), Seeded(0xCA11));
    for _ in 0..KILLS {
        let process = Process::start(&desk.plan, &[]).await.unwrap();
        let mut threads = load.begin(process.address());
        let enough = load.accepted().len() + moments.below(40);
        until(async || load.accepted().len() >= enough).await;
        process.kill();
        while let Some(ended) = threads.join_next().await {
            ended.unwrap();
        }
        ledger(&desk.plan.store()).await;
    }

    // Long after, a hub takes up what is left.
    desk.xhq.recover();
    desk.onedata.recover();
    desk.time.pass(Duration::from_mins(30));
    desk.hub = desk.plan.start_at(&desk.time).await;
    until(async || desk.calls().await.iter().all(|(_, standing)| *standing != Standing::Queued)).await;
    desk.quiet().await;
    let stored = desk.calls().await;
    let ids: BTreeSet<_> = stored.iter().map(|(id, _)| id.to_string()).collect();
    assert!(load.accepted().len() > KILLS && ids.is_superset(&load.accepted()), "accepted and lost");

    let done = done(&desk);
    let mut told: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for got in desk.erp.deliveries() {
        let event: Value = serde_json::from_slice(&got.body).unwrap();
        let call = event["data"]["id"].as_str().unwrap().to_owned();
        told.entry(call).or_default().insert((got.kind.unwrap(), got.id));
    }
    for id in &ids {
        let call = desk.status(id).await;
        let number = call["idempotency_key"].as_str().unwrap().replace("k-", "C");
        let (times, state) = (done.get(&number).copied().unwrap_or_default(), call["state"].as_str().unwrap());
        let safe = call["connection"] == SAFE.0;
        assert!(state == "succeeded" || (state == "ambiguous" && !safe), "nobody refused anything: {call}");
        assert!(times <= 1 || safe, "{number} was done {times} times: {call}");
        assert!(times >= 1 || state != "succeeded", "{number} was never done: {call}");
        let ends: Vec<_> = told[id].iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(ends, [format!("call.{state}")], "one end, under one id: {:?}", told[id]);
    }
}
