//! `kill -9` while calls are accepted, sent and told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::Utc;
use hub::call::Standing;
use serde_json::Value;
use simulators::api::Fault;
use tokio::task::JoinSet;

use crate::calls::{Desk, SAFE, UNSAFE, upload};
use crate::support::http::{exchange, request};
use crate::support::load::Seeded;
use crate::support::process::Process;
use crate::support::{API_KEY, events, ledger, until};

const KILLS: usize = 10;

/// Number of orders that the uploads are about.
const ORDERS: u64 = 16;

/// An upload of the file of that number. Several are about one order.
fn file(number: u64) -> String {
    upload(&format!("O{}", number % ORDERS)).replace("files/1.zip", &format!("files/C{number}"))
}

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
        let (connection, operation, body) = if n.is_multiple_of(3) {
            (SAFE.0, SAFE.1, SAFE.2(&format!("C{n}")))
        } else {
            (UNSAFE[0].0, UNSAFE[0].1, file(n))
        };
        let headers = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: k-{n}\r\n");
        let path = format!("/calls/{connection}/{operation}");
        let reply = exchange(address, request("POST", &path, &headers, body.as_bytes())).await?;
        assert_eq!(reply.status, 202, "{reply:?}");
        self.0.1.lock().unwrap().insert(reply.json()["id"].as_str().unwrap().to_owned());
        Some(())
    }
}

/// The number of an upload's file.
fn number_of(body: &Value) -> Option<&str> {
    body["fileUrl"].as_str().and_then(|url| url.strip_prefix("http://files/"))
}

/// Number of times that a partner did what each upload or subscription asks for.
fn done(desk: &Desk) -> BTreeMap<String, usize> {
    let requests = [desk.xhq.requests(), desk.onedata.requests()].concat();
    let processed = requests.iter().filter(|request| request.processed);
    let number = |body: Value| number_of(&body).or(body[0]["subNo"].as_str()).map(str::to_owned);
    processed.filter_map(|request| number(request.json())).fold(BTreeMap::new(), |mut done, number| {
        *done.entry(number).or_default() += 1;
        done
    })
}

/// Uploads of one order reached the partner in the order in which they were accepted.
async fn in_sequence(desk: &Desk) {
    let mut accepted: BTreeMap<String, Utc> = BTreeMap::new();
    for item in events(&desk.hub.context().store).await {
        let key = item.work.call.map(|call| call.key.replace("k-", "C"));
        accepted.extend(key.map(|key| (key, item.meta.received)));
    }
    let mut latest: BTreeMap<String, (Utc, String)> = BTreeMap::new();
    for request in desk.xhq.requests() {
        let body = request.json();
        let (order, number) = (body["orderOutNo"].as_str().unwrap().to_owned(), number_of(&body).unwrap().to_owned());
        let at = (accepted[&number], number);
        assert!(latest.get(&order).is_none_or(|before| *before <= at), "{at:?} of {order} came after {latest:?}");
        latest.insert(order, at);
    }
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

    in_sequence(&desk).await;
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
