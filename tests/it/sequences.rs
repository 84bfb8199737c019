//! Events of one subject at an endpoint with an order, delivered by several processes on one store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, DeliveryResult, JobOutcome};
use futures::FutureExt as _;
use futures::future::join_all;
use hub::delivery::{Delivery, Outcome, State};
use hub::event::Meta;
use hub::{Event, EventId, EventKey, Subject, Work, identity};
use queue::{Hint, Job};
use store::{Admitted, Store};
use store_sqlite::SqliteStore;
use tokio::task::yield_now;

use crate::dynamodb::{NOW, emulated, event};
use crate::support::{RecordedQueue, delivering, secret, until, within};

/// Subjects, and events of each.
const SUBJECTS: u8 = 3;
const EVENTS: u8 = 12;

/// The ERP's view of the deliveries.
#[derive(Debug, Default)]
struct Log {
    /// Subjects with a delivery under way.
    under_way: BTreeSet<Subject>,
    /// The event that is not answered until it is not here any more.
    held: Option<EventId>,
    /// The events of each subject as they came.
    came: BTreeMap<Subject, Vec<EventId>>,
}

fn config() -> Arc<Config> {
    let secret = secret(1);
    let endpoint = "[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example/\"\norder = \"subject\"";
    Arc::new(Config::parse(&format!("{endpoint}\nsecrets = [\"{secret}\"]")).unwrap())
}

fn process<S: Store>(
    store: S,
    config: &Arc<Config>,
    subjects: &Arc<BTreeMap<String, EventKey>>,
    log: &Arc<Mutex<Log>>,
) -> Courier<S, RecordedQueue> {
    let (subjects, log) = (Arc::clone(subjects), Arc::clone(log));
    let send: courier::Send = Arc::new(move |_, parcel| {
        let (key, log) = (subjects[&parcel.id].clone(), Arc::clone(&log));
        async move {
            let alone = log.lock().unwrap().under_way.insert(key.subject.clone());
            assert!(alone, "two of {} at once", key.subject);
            yield_now().await;
            while log.lock().unwrap().held == Some(key.id) {
                yield_now().await;
            }
            let mut log = log.lock().unwrap();
            log.under_way.remove(&key.subject);
            log.came.entry(key.subject).or_default().push(key.id);
            DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() }
        }
        .boxed()
    });
    let context = Context::new(Arc::clone(config), store, RecordedQueue::default(), Arc::new(|| NOW));
    delivering(context, send)
}

/// The `n`th event of a subject, in the order of reception.
fn nth(subject: u8, n: u8) -> Event {
    let base = event(Bytes::from_static(b"{}"));
    let subject = Subject::from(format!("order:S{subject}"));
    let mut id = [0; 24];
    id[..8].copy_from_slice(&identity::prefix(&base.key.connection, &subject));
    // Ids say nothing of time.
    id[23] = n.wrapping_mul(101);
    let meta = Meta { received: NOW.after(Duration::from_millis(n.into())), ..base.meta };
    Event { key: EventKey { subject, id: EventId(id), ..base.key }, meta, body: base.body }
}

async fn admit<S: Store>(store: &S, event: &Event, config: &Config) {
    let deliveries = vec![Delivery::new("erp".into(), NOW, NOW.after(config.sweep_every))];
    let work = Work { accepted: 1, deliveries, ..Work::default() };
    assert_eq!(store.admit(event, &work, None).await.unwrap(), Admitted::New);
}

fn first(event: &Event) -> Hint {
    Hint { key: event.key.clone(), job: Job::Deliver { endpoint: "erp".into(), claim: 0 } }
}

/// Hints of many events are worked on by many processes at once, the last event's first. What admits them is none of these.
async fn delivered<S: Store>(admitting: S, stores: Vec<S>) {
    let (config, log) = (config(), Arc::<Mutex<Log>>::default());
    let events: Vec<_> = (0..EVENTS).rev().flat_map(|n| (0..SUBJECTS).map(move |subject| nth(subject, n))).collect();
    for event in &events {
        admit(&admitting, event, &config).await;
    }
    let subjects = Arc::new(events.iter().map(|event| (event.key.id.to_string(), event.key.clone())).collect());
    let processes: Vec<_> = stores.iter().map(|store| process(store.clone(), &config, &subjects, &log)).collect();
    let mut hints: Vec<Hint> = events.iter().map(first).collect();
    while !hints.is_empty() {
        let runs = hints.into_iter().zip(processes.iter().cycle()).map(|(hint, process)| {
            let process = process.clone();
            tokio::spawn(async move { courier::run(&process, &hint).await })
        });
        for done in within(join_all(runs)).await {
            done.unwrap().unwrap();
        }
        hints = processes
            .iter()
            .flat_map(|process| std::mem::take(&mut *process.context.queue.0.lock().unwrap()))
            .collect();
    }
    for subject in 0..SUBJECTS {
        let expected: Vec<_> = (0..EVENTS).map(|n| nth(subject, n).key).collect();
        let came = log.lock().unwrap().came[&expected[0].subject].clone();
        assert_eq!(came, expected.iter().map(|key| key.id).collect::<Vec<_>>());
    }
    let tally = admitting.ledger(NOW).await.unwrap().remove(&events[0].key.connection).unwrap();
    assert_eq!((tally.delivered, tally.balanced()), (u64::from(SUBJECTS) * u64::from(EVENTS), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_on_one_file_keep_the_order_of_each_subject() {
    for processes in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteStore::open(folder.path()).unwrap();
        delivered(open(), (0..processes).map(|_| open()).collect()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn processes_on_one_table_keep_the_order_of_each_subject() {
    for processes in [1, 3] {
        let (store, _) = emulated().await;
        delivered(store.clone(), vec![store; processes]).await;
    }
}

/// A delivery under way is not overlapped by an earlier event that was stored since it looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_stored_late_waits_for_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let (store, config, log) = (SqliteStore::open(folder.path()).unwrap(), config(), Arc::<Mutex<Log>>::default());
    let (earlier, later) = (nth(0, 1), nth(0, 2));
    let subjects = [&earlier, &later].map(|event| (event.key.id.to_string(), event.key.clone()));
    let process = process(store.clone(), &config, &Arc::new(subjects.into()), &log);
    admit(&store, &later, &config).await;
    log.lock().unwrap().held = Some(later.key.id);
    let (running, hint) = (process.clone(), first(&later));
    let sent = tokio::spawn(async move { courier::run(&running, &hint).await });
    until(async || !log.lock().unwrap().under_way.is_empty()).await;

    admit(&store, &earlier, &config).await;
    assert_eq!(courier::run(&process, &first(&earlier)).await.unwrap(), JobOutcome::Postponed);
    log.lock().unwrap().held = None;
    assert_eq!(within(sent).await.unwrap().unwrap(), JobOutcome::Attempted(State::Delivered));
    let came = log.lock().unwrap().came[&later.key.subject].clone();
    assert_eq!(came, [later.key.id, earlier.key.id], "it follows at once");
}

/// A subject with many events takes no longer than one with few, as far as others notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subject_with_ten_thousand_events_keeps_its_order() {
    const MANY: u32 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let (store, config, log) = (SqliteStore::open(folder.path()).unwrap(), config(), Arc::<Mutex<Log>>::default());
    let of = |n: u32| {
        let base = nth(0, 0);
        let mut id = base.key.id;
        id.0[16..20].copy_from_slice(&n.wrapping_mul(0x9E37_79B1).to_be_bytes());
        let meta = Meta { received: NOW.after(Duration::from_millis(n.into())), ..base.meta };
        Event { key: EventKey { id, ..base.key }, meta, body: base.body }
    };
    let settled = Work { accepted: 1, ..Work::default() };
    let events: Vec<_> = (0..MANY).map(of).collect();
    for events in events.chunks(500) {
        join_all(events.iter().map(|event| store.admit(event, &settled, None))).await;
    }
    let open: Vec<_> = [MANY + 1, MANY, MANY + 2].map(of).to_vec();
    for event in &open {
        admit(&store, event, &config).await;
    }
    let subjects = open.iter().map(|event| (event.key.id.to_string(), event.key.clone()));
    let process = process(store.clone(), &config, &Arc::new(subjects.collect()), &log);
    for (event, done) in open.iter().zip([JobOutcome::Postponed, JobOutcome::Attempted(State::Delivered)]) {
        assert_eq!(courier::run(&process, &first(event)).await.unwrap(), done);
    }
    assert_eq!(courier::run(&process, &first(&open[2])).await.unwrap(), JobOutcome::Attempted(State::Delivered));
    let came = log.lock().unwrap().came[&open[0].key.subject].clone();
    assert_eq!(came, [MANY, MANY + 1, MANY + 2].map(|n| of(n).key.id));
}
