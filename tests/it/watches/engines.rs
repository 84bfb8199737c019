//! Watches on either engine, with a clock, a partner and an ERP that the test sets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::partners::Partner;
use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, DeliveryResult, Watched, watch};
use futures::FutureExt as _;
use hub::delivery::Outcome;
use hub::ledger::Tally;
use hub::watch::{End, Watch, key};
use hub::{Subject, Utc};
use inbound::receive::{self, IncomingPush};
use outbound::{Kind, Sent};
use serde_json::{Value, json};
use store::{Pending, Store};
use store_sqlite::SqliteStore;
use tokio::time::Instant;

use crate::dynamodb::emulated;
use crate::support::{RecordedQueue, key as hook_key, secret, verified, within};

const HOUR: Duration = Duration::from_hours(1);
pub(super) const NOW: Utc = Utc(1_790_000_000_000_000);

/// The partner's next answers; nothing where it does not answer.
type Answers = Arc<Mutex<Vec<Option<Value>>>>;

/// One process over a store.
pub(super) struct Side<S> {
    pub(super) courier: Courier<S, RecordedQueue>,
    now: Arc<AtomicI64>,
    answers: Answers,
    asked: Arc<Mutex<Vec<Value>>>,
    told: Arc<Mutex<Vec<Value>>>,
}

/// Connections of three partners, an ERP and these watches.
fn configuration(watches: &str) -> String {
    let connection = |id: &str, partner: &str, more: &str| {
        format!("[[connections]]\nid = \"{id}\"\npartner = \"{partner}\"\nkeys = [\"{}\"]\n{more}\n", hook_key(id))
    };
    [
        "sweep_every = \"1m\"\n".to_owned(),
        connection("xhq", "xhq", "app_id = \"a\""),
        connection("ports", "onedata", "base_url = \"https://onedata.example\"\n[connections.signature]\nparts = [\"body\"]\nhash = \"md5\"\nsend = [{ part = \"signature\", header = \"sign\" }]"),
        format!("[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example\"\nsecrets = [\"{}\"]\n", secret(1)),
        watches.to_owned(),
    ]
    .concat()
}

impl<S: Store> Side<S> {
    pub(super) fn new(store: S, watches: &str) -> Self {
        let config = Arc::new(Config::parse(&configuration(watches)).unwrap());
        let now = Arc::new(AtomicI64::new(NOW.0));
        let (clock, answers) = (Arc::clone(&now), Answers::default());
        let (asked, told) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::<Mutex<Vec<Value>>>::default());
        let clock = Arc::new(move || Utc(clock.load(Ordering::SeqCst)));
        let context = Context::new(config, store, RecordedQueue::default(), clock);
        let (sent, next, seen) = (Arc::clone(&told), Arc::clone(&answers), Arc::clone(&asked));
        let courier = Courier {
            context,
            lines: Arc::default(),
            random: Arc::new(|| 0.5),
            entropy: courier::system_entropy(),
            send: Arc::new(move |_, parcel| {
                sent.lock().unwrap().push(serde_json::from_slice(&parcel.body).unwrap());
                async { DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() } }
                    .boxed()
            }),
            wire: Arc::new(move |request| {
                seen.lock().unwrap().push(serde_json::from_slice(&request.body).unwrap_or_default());
                let answer = next.lock().unwrap().pop().flatten();
                async move {
                    match answer {
                        Some(answer) => Sent::answer(200, Bytes::from(answer.to_string())),
                        None => Sent::Failed { kind: Kind::Connect, text: "nobody".to_owned(), ms: 1 },
                    }
                }
                .boxed()
            }),
            reader: callback::ACTION,
            ends: None,
        };
        Self { courier, now, answers, asked, told }
    }

    /// Another process over the same store, at the same time.
    fn another(&self) -> Self {
        let Self { courier, now, answers, asked, told } = self;
        let courier = Courier { lines: Arc::default(), ..courier.clone() };
        Self {
            courier,
            now: Arc::clone(now),
            answers: Arc::clone(answers),
            asked: Arc::clone(asked),
            told: Arc::clone(told),
        }
    }

    pub(super) fn pass(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn answers(&self, answer: Option<Value>) {
        self.answers.lock().unwrap().insert(0, answer);
    }

    pub(super) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// A push, delivered at once, so that its watch begins.
    pub(super) async fn push(&self, connection: &str, function: &str, body: &str) {
        let context = &self.courier.context;
        let action = callback::ACTIONS.iter().find(|action| action.name == function).unwrap();
        let partner = if connection == "xhq" { Partner::Xhq } else { Partner::OneData };
        let path = simulators::pushes::path(partner, connection, &hook_key(connection), action.suffix);
        let push = IncomingPush { body: Bytes::from(body.to_owned()), ..IncomingPush::default() };
        let answer = receive::receive(context, verified(&context.config, &path, *action), push, Instant::now()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.work().await;
    }

    /// Does what the queue hints at.
    pub(super) async fn work(&self) {
        loop {
            let hints = std::mem::take(&mut *self.courier.context.queue.0.lock().unwrap());
            if hints.is_empty() {
                return;
            }
            for hint in hints {
                deliver::handle(&self.courier, hint).await.unwrap();
            }
        }
    }

    pub(super) async fn look(&self) -> Watched {
        let watched = within(watch(&self.courier)).await.unwrap();
        self.work().await;
        watched
    }

    pub(super) async fn watch_of(&self, connection: &str, shipment: &str) -> Option<Watch> {
        let key = key(&connection.into(), &Subject::from(shipment));
        let now = self.courier.context.now();
        self.courier.context.store.inspect(&key, now).await.unwrap().and_then(|listed| listed.work.watch)
    }

    /// The silences that the ERP was told of, by subject.
    pub(super) fn silences(&self) -> BTreeMap<String, usize> {
        let told = self.told.lock().unwrap();
        let silent = told.iter().filter(|event| event["type"] == "watch.silent");
        silent.fold(BTreeMap::new(), |mut all, event| {
            *all.entry(event["subject"].as_str().unwrap().to_owned()).or_default() += 1;
            all
        })
    }

    pub(super) async fn tally(&self) -> Tally {
        let ledger = self.courier.context.store.ledger(self.courier.context.now()).await.unwrap();
        assert!(ledger.values().all(Tally::balanced), "{ledger:?}");
        ledger.into_values().fold(Tally::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

pub(super) const SILENT: &str = "[[watches]]\nconnection = \"xhq\"\nsilence = \"1h\"\n";
const PORTS: &str = "[[watches]]\nconnection = \"ports\"\nsilence = \"1h\"\nask = \"port_query_v2\"\nevery = \"6h\"\n";

fn status(order: &str, code: u32) -> String {
    crate::support::status(order, code)
}

fn receipt(order: &str, bill: &str, channel: &str) -> String {
    let order = if order.is_empty() { String::new() } else { format!(r#""orderOutNo":"{order}","#) };
    format!(r#"{{"action":"single_receipt",{order}"billNo":"{bill}","paramJson":{{"channel":"{channel}"}}}}"#)
}

fn port(completed: &str, n: u32) -> Value {
    json!({"subType": 1, "carrierCd": "CNTAO", "subNo": "B1", "resultCode": 2,
           "resultData": {"isCompleted": completed, "n": n}})
}

/// Runs a case on both engines.
macro_rules! on_both_engines {
    ($($case:ident($watches:expr);)*) => {
        $(
            mod $case {
                #[tokio::test]
                async fn on_dynamodb() {
                    super::$case(super::Side::new(super::emulated().await.0, $watches)).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = super::SqliteStore::open(folder.path()).unwrap();
                    super::$case(super::Side::new(store, $watches)).await;
                }
            }
        )*
    };
}

pub(super) use on_both_engines;

on_both_engines! {
    silence_is_reported_once_until_there_is_news(super::SILENT);
    news_is_found_when_the_watch_is_due(super::SILENT);
    news_under_the_bill_alone_counts(super::SILENT);
    partner_is_asked_and_what_it_knows_gets_in(super::PORTS);
    partner_that_does_not_answer_is_silent(super::PORTS);
    look_that_dies_reports_nothing_twice_and_loses_no_watch(super::SILENT);
    processes_that_look_at_once_ask_and_report_once(super::PORTS);
    unwatched_shipments_have_no_watch(super::PORTS);
    watch_that_was_removed_ends(super::SILENT);
    process_that_ends_soon_begins_no_look(super::SILENT);
    due_time_of_a_false_future_is_brought_back(super::SILENT);
}

async fn silence_is_reported_once_until_there_is_news<S: Store>(side: Side<S>) {
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    assert_eq!(side.look().await, Watched::default(), "not due");
    side.pass(HOUR);
    assert_eq!(side.look().await, Watched { looked: 1, asked: 0, reported: 1 });
    for _ in 0..3 {
        side.pass(HOUR);
        assert_eq!(side.look().await.reported, 0);
    }
    assert_eq!(side.silences(), BTreeMap::from([("order:S1".to_owned(), 1)]));
    let listed = side.courier.context.store.pending(&Pending::Watches, None, 9, NOW).await.unwrap();
    assert!(listed.items[0].work.watch.as_ref().unwrap().is_silent());

    side.push("xhq", "syn_status", &status("S1", 63)).await;
    side.pass(HOUR);
    side.look().await;
    assert_eq!(side.silences()["order:S1"], 2, "another silence");
    assert_eq!(side.tally().await, Tally { accepted: 5, delivered: 4, watches: 1, ..Tally::default() });
}

async fn news_is_found_when_the_watch_is_due<S: Store>(side: Side<S>) {
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    let begun = side.watch_of("xhq", "order:S1").await.unwrap();
    assert_eq!(begun.due, Some(NOW.after(HOUR)));
    side.pass(HOUR / 2);
    side.push("xhq", "single_receipt", &receipt("S1", "B1", "L")).await;
    assert_eq!(side.watch_of("xhq", "order:S1").await.unwrap(), begun, "news writes nothing");
    side.pass(HOUR / 2);
    assert_eq!(side.look().await, Watched { looked: 1, asked: 0, reported: 0 });
    assert_eq!(side.watch_of("xhq", "order:S1").await.unwrap().due, Some(NOW.after(HOUR / 2 * 3)));
    side.push("xhq", "single_receipt", &receipt("S1", "B1", "R")).await;
    side.pass(HOUR * 2);
    side.look().await;
    let ended = side.watch_of("xhq", "order:S1").await.unwrap();
    assert_eq!((ended.ended.map(|end| end.why), ended.due), (Some(End::Milestone), None));
    assert_eq!(side.silences(), BTreeMap::new());
}

async fn news_under_the_bill_alone_counts<S: Store>(side: Side<S>) {
    side.push("xhq", "single_receipt", &receipt("S1", "B1", "L")).await;
    side.pass(HOUR / 2);
    side.push("xhq", "single_receipt", &receipt("", "B1", "R")).await;
    side.pass(HOUR / 2);
    side.look().await;
    let ended = side.watch_of("xhq", "order:S1").await.unwrap();
    assert_eq!(ended.ended.map(|end| end.why), Some(End::Milestone));
    assert_eq!(side.silences(), BTreeMap::new());
}

async fn partner_is_asked_and_what_it_knows_gets_in<S: Store>(side: Side<S>) {
    side.push("ports", "port_push", &json!({"data": [port("N", 1)]}).to_string()).await;
    side.pass(HOUR);
    // In vain: reported. Later with news, and at last with the end.
    side.answers(Some(json!({"success": true, "code": 200, "data": []})));
    assert_eq!(side.look().await, Watched { looked: 1, asked: 1, reported: 1 });
    assert_eq!(
        side.asked(),
        [json!([{"subType": 1, "carrierCd": "CNTAO", "subNo": "B1", "importAndExportFlag": "E"}])]
    );
    side.pass(HOUR * 5);
    assert_eq!(side.look().await, Watched::default(), "asked every six hours");
    side.pass(HOUR);
    side.answers(Some(json!({"success": true, "code": 200, "data": [port("N", 2)]})));
    assert_eq!(side.look().await, Watched { looked: 1, asked: 1, reported: 0 });
    assert!(!side.watch_of("ports", "port:CNTAO:1:B1:E").await.unwrap().is_silent());
    side.pass(HOUR);
    side.answers(Some(json!({"success": true, "code": 200, "data": [port("Y", 3)]})));
    side.look().await;
    let ended = side.watch_of("ports", "port:CNTAO:1:B1:E").await.unwrap();
    assert_eq!(ended.ended.map(|end| end.why), Some(End::Complete));
    let told: Vec<_> = side.told.lock().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(told, ["onedata.ports", "watch.silent", "onedata.ports", "onedata.ports"]);
    side.pass(HOUR * 24);
    assert_eq!(side.look().await, Watched::default());
}

async fn partner_that_does_not_answer_is_silent<S: Store>(side: Side<S>) {
    side.push("ports", "port_push", &json!({"data": [port("N", 1)]}).to_string()).await;
    side.pass(HOUR);
    assert_eq!(side.look().await, Watched { looked: 1, asked: 1, reported: 1 });
    assert_eq!(side.silences()["port:CNTAO:1:B1:E"], 1);
}

async fn look_that_dies_reports_nothing_twice_and_loses_no_watch<S: Store>(side: Side<S>) {
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    side.pass(HOUR);
    // Cut off at each await in turn.
    for awaits in 0..200 {
        let mut look = Box::pin(watch(&side.courier));
        let mut polls = 0;
        let ended = std::future::poll_fn(|context| {
            polls += 1;
            if polls > awaits { std::task::Poll::Ready(false) } else { look.as_mut().poll(context).map(|_| true) }
        })
        .await;
        drop(look);
        side.work().await;
        side.pass(Duration::from_secs(1));
        if ended {
            break;
        }
    }
    side.look().await;
    // What was stored and not hinted at is swept.
    side.pass(Duration::from_mins(2));
    within(courier::sweep(&side.courier, Duration::from_mins(1))).await.unwrap();
    assert_eq!(side.silences(), BTreeMap::from([("order:S1".to_owned(), 1)]));
    assert!(side.watch_of("xhq", "order:S1").await.unwrap().due.is_some());
    assert_eq!(side.tally().await, Tally { accepted: 3, delivered: 2, watches: 1, ..Tally::default() });
}

async fn processes_that_look_at_once_ask_and_report_once<S: Store>(side: Side<S>) {
    side.push("ports", "port_push", &json!({"data": [port("N", 1)]}).to_string()).await;
    side.pass(HOUR);
    let others: Vec<_> = (0..4).map(|_| side.another()).collect();
    futures::future::join_all(others.iter().map(Side::look)).await;
    side.work().await;
    assert_eq!((side.asked().len(), side.silences()["port:CNTAO:1:B1:E"]), (1, 1));
    side.tally().await;
}

async fn unwatched_shipments_have_no_watch<S: Store>(side: Side<S>) {
    side.push("xhq", "single_receipt", &receipt("S1", "B1", "L")).await;
    side.push("ports", "rate_push", r#"{"data":[]}"#).await;
    side.pass(HOUR * 24);
    assert_eq!(side.look().await, Watched::default());
    assert_eq!(side.tally().await.watches, 0);
}

async fn watch_that_was_removed_ends<S: Store>(side: Side<S>) {
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    let removed = Side::new(side.courier.context.store.clone(), "");
    for _ in 0..26 {
        removed.pass(HOUR);
        removed.look().await;
    }
    let ended = removed.watch_of("xhq", "order:S1").await.unwrap();
    assert_eq!(ended.ended.map(|end| end.why), Some(End::Unknown));
    assert_eq!(removed.silences(), BTreeMap::new());
}

/// Lambda ends a function at its time, whatever it is doing.
async fn process_that_ends_soon_begins_no_look<S: Store>(side: Side<S>) {
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    side.pass(HOUR);
    let mut ending = side.another();
    ending.courier.ends = Some(side.courier.context.now().after(Duration::from_secs(20)));
    assert_eq!(ending.look().await, Watched::default());
    ending.courier.ends = Some(side.courier.context.now().after(Duration::from_mins(2)));
    assert_eq!(ending.look().await.reported, 1);
}

async fn due_time_of_a_false_future_is_brought_back<S: Store>(side: Side<S>) {
    side.pass(HOUR * 48);
    side.push("xhq", "syn_status", &status("S1", 61)).await;
    side.now.store(NOW.0, Ordering::SeqCst);
    courier::bring_back(&side.courier).await.unwrap();
    let back = side.watch_of("xhq", "order:S1").await.unwrap();
    assert_eq!((back.due, back.news), (Some(NOW.after(HOUR)), NOW));
}
