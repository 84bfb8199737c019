//! Many endpoints of one event that answer at the same moment, in one process and in several on one store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use config::Config;
use config::Context;
use courier::{Courier, DeliveryResult, JobOutcome};
use futures::FutureExt as _;
use futures::future::join_all;
use hub::delivery::{Delivery, Outcome, State};
use hub::{EndpointId, Work};
use queue::{Hint, Job};
use store::{Admitted, Store};
use store_dynamodb::DynamoStore;
use store_sqlite::SqliteStore;
use tokio::sync::Barrier;

use crate::dynamodb::{NOW, emulated, event};
use crate::support::{RecordedQueue, delivering, secret, within};

fn config(endpoints: &[EndpointId]) -> Config {
    let mut text = String::new();
    for id in endpoints {
        let secret = secret(1);
        writeln!(text, "[[endpoints]]\nid = \"{id}\"\nurl = \"https://erp.example/{id}\"\nsecrets = [\"{secret}\"]")
            .unwrap();
    }
    Config::parse(&text).unwrap()
}

/// Number of times that each endpoint got the event.
type Received = Arc<Mutex<BTreeMap<EndpointId, usize>>>;

/// A process whose attempts are all answered when the last of them is under way. Its pauses differ from the others'.
fn process<S: Store>(
    store: S,
    config: &Arc<Config>,
    all: &Arc<Barrier>,
    received: &Received,
    seed: u64,
) -> Courier<S, RecordedQueue> {
    let (all, received, seed) = (Arc::clone(all), Arc::clone(received), AtomicU64::new(seed));
    let answer: courier::Send = Arc::new(move |endpoint, _| {
        *received.lock().unwrap().entry(endpoint.id.clone()).or_default() += 1;
        let all = Arc::clone(&all);
        async move {
            all.wait().await;
            DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() }
        }
        .boxed()
    });
    let random = Arc::new(move || {
        let next = seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        f64::from(u32::try_from(next >> 32).unwrap()) / f64::from(u32::MAX)
    });
    let config = Arc::clone(config);
    let context = Context::new(config, store, RecordedQueue::default(), Arc::new(|| NOW));
    Courier { random, ..delivering(context, answer) }
}

/// A process that knows one endpoint, `erp`, which takes everything.
pub(crate) fn alone<S: Store>(store: S) -> Courier<S, RecordedQueue> {
    process(store, &Arc::new(config(&["erp".into()])), &Arc::new(Barrier::new(1)), &Received::default(), 1)
}

/// Has an event delivered to so many endpoints at once, each by the next of the processes, which have a store each. Returns
/// how often its work was changed.
async fn delivered_at_once<S: Store>(stores: Vec<S>, endpoints: u8) -> u64 {
    let endpoints: Vec<EndpointId> = (0..endpoints).map(|n| format!("e{n:02}").into()).collect();
    let (all, received) = (Arc::new(Barrier::new(endpoints.len())), Received::default());
    let config = Arc::new(config(&endpoints));
    let event = event(Bytes::from_static(b"{}"));
    let due = NOW.after(config.sweep_every);
    let deliveries: Vec<_> = endpoints.iter().map(|id| Delivery::new(id.clone(), NOW, due)).collect();
    let accepted = u32::try_from(deliveries.len()).unwrap();
    let work = Work { accepted, deliveries, ..Work::default() };
    assert_eq!(stores[0].admit(&event, &work, None).await.unwrap(), Admitted::New);
    let processes: Vec<_> =
        stores.iter().zip(1..).map(|(store, seed)| process(store.clone(), &config, &all, &received, seed)).collect();
    let attempts = endpoints.iter().zip(processes.iter().cycle()).map(|(endpoint, process)| {
        let (process, key) = (process.clone(), event.key.clone());
        let hint = Hint { key, job: Job::Deliver { endpoint: endpoint.clone(), claim: 0 } };
        tokio::spawn(async move { courier::run(&process, &hint).await.unwrap() })
    });
    for done in within(join_all(attempts)).await {
        assert_eq!(done.unwrap(), JobOutcome::Attempted(State::Delivered));
    }
    let after = stores[0].inspect(&event.key, NOW).await.unwrap().unwrap().work;
    assert_eq!((after.tally().delivered, after.due()), (accepted.into(), None));
    assert!(received.lock().unwrap().values().all(|times| *times == 1), "{received:?}");
    assert_eq!(received.lock().unwrap().len(), endpoints.len());
    after.version
}

fn opened(folder: &tempfile::TempDir, processes: usize) -> Vec<SqliteStore> {
    (0..processes).map(|_| SqliteStore::open(folder.path()).unwrap()).collect()
}

/// Regression: what was changed by others sixteen times in between was forgotten, and delivered again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_answer_at_once_are_stored_together() {
    for endpoints in [1, 30, 64] {
        let folder = tempfile::tempdir().unwrap();
        let writes = delivered_at_once(opened(&folder, 1), endpoints).await;
        assert!(writes <= u64::from(endpoints.min(30)), "{writes} writes for {endpoints} endpoints");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_forget_no_delivery() {
    for endpoints in [30, 64] {
        let folder = tempfile::tempdir().unwrap();
        let writes = delivered_at_once(opened(&folder, 2), endpoints).await;
        assert!(writes <= u64::from(endpoints), "{writes} writes for {endpoints} endpoints");
    }
}

/// Has it delivered by processes on one table. Returns how often its work was changed, and how many changes were tried.
async fn by(processes: usize, endpoints: u8) -> (u64, usize) {
    let (store, emulator) = emulated().await;
    let stores: Vec<DynamoStore> = vec![store; processes];
    let changes = delivered_at_once(stores, endpoints).await;
    (changes, emulator.seen().iter().filter(|operation| *operation == "UpdateItem").count())
}

#[tokio::test(start_paused = true)]
async fn one_process_stores_an_events_answers_in_few_writes() {
    for (endpoints, most) in [(1, 1), (30, 3), (64, 3)] {
        let (changes, tried) = by(1, endpoints).await;
        assert!(tried <= most, "{changes} changes in {tried} writes for {endpoints} endpoints");
    }
}

#[tokio::test(start_paused = true)]
async fn two_processes_on_one_table_forget_no_delivery() {
    for endpoints in [30, 64] {
        let (changes, tried) = by(2, endpoints).await;
        assert!(tried <= 12, "{changes} changes in {tried} writes for {endpoints} endpoints");
    }
}

/// Each hint is worked on in a process of its own, as the queue starts functions.
#[tokio::test(start_paused = true)]
async fn a_process_for_each_endpoint_forgets_no_delivery() {
    let (changes, tried) = by(30, 30).await;
    assert_eq!(changes, 30);
    assert!(tried <= 30 * 16, "{tried} writes");
}
