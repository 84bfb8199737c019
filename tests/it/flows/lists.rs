//! Lists and changes that are longer than one answer, and changes of the store while they are read: the functions' own
//! handlers over a store in which all is as the test says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Context;
use deliveries::change::{Change, ChangeError, MOST, Order, Selection, apply};
use futures::future::{join_all, ready};
use hub::call::{self, Call, PartnerAnswer};
use hub::delivery::{Attempt, Delivery, State};
use hub::event::{Data, Meta};
use hub::{ConnectionId, EndpointId, Event, EventKey, EventType, Subject, Utc, Work, identity};
use partners::Partner;
use partners::operation::find;
use serde_json::{Value, json};
use store::{Failed, Settled, Store as _};
use store_sqlite::SqliteStore;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::calls::upload;
use crate::support::{API_KEY, Plan, RecordedQueue, erp, routed};

pub(crate) const NOW: Utc = Utc(1_790_000_000_000_000);

struct Desk {
    context: Context<SqliteStore, RecordedQueue>,
    _plan: Plan,
}

impl Desk {
    async fn new() -> Self {
        let plan = Plan::new().endpoint("erp", &erp().await, "");
        let config = Arc::new(plan.config());
        let store = SqliteStore::open(&config.data_dir).unwrap();
        let context = Context::new(config, store, RecordedQueue::default(), Arc::new(|| NOW));
        Self { context, _plan: plan }
    }

    async fn admit(&self, works: impl IntoIterator<Item = (Event, Work)>) {
        let store = &self.context.store;
        let admit = |(event, work)| async move { store.admit(&event, &work, None).await.unwrap() };
        join_all(works.into_iter().map(admit)).await;
    }

    async fn answer(&self, method: &str, path: &str, body: &Value) -> (u16, Bytes) {
        routed(&self.context, API_KEY, (method, path), body.to_string()).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.answer("GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        assert!(body.len() < 3_100_000, "{path}: {} bytes are more than Lambda may answer with", body.len());
        serde_json::from_slice(&body).unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, said) = self.answer("POST", path, body).await;
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!(status, 200, "{path}: {said}");
        said
    }

    /// Every page of a list.
    async fn pages(&self, path: &str) -> Vec<Value> {
        let mut pages = vec![self.get(path).await];
        while let Some(next) = pages.last().unwrap()["next"].as_str() {
            let page = self.get(&format!("{path}&from={next}")).await;
            pages.push(page);
        }
        pages
    }

    /// A problem about a field.
    async fn refuses(&self, method: &str, path: &str, body: &Value, field: &str) {
        let (status, said) = self.answer(method, path, body).await;
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((status, &said["field"]), (400, &field.into()), "{path}: {said}");
    }
}

fn place() -> ConnectionId {
    "xhq-sh".into()
}

/// An event about that subject, with that work.
fn event(subject: &str, received: Utc, deliveries: Vec<Delivery>) -> (Event, Work) {
    let (connection, subject) = (place(), Subject::from(subject));
    let kind = EventType::from("xhq.syn_status");
    let id = identity::by_content(&connection, &subject, identity::opaque(&connection, &kind, b"x"));
    let meta = Meta {
        content_type: String::new(),
        data: Data::Opaque,
        ..Meta::json(kind, received, NOW.after(Duration::from_hours(90_000)), 0)
    };
    let key = EventKey { connection, subject, id };
    (Event { key, meta, body: Bytes::from_static(b"x") }, Work { accepted: 1, deliveries, ..Work::default() })
}

/// An event whose delivery failed then.
pub(crate) fn failed(subject: &str, endpoint: &str, at: Utc) -> (Event, Work) {
    let delivery = Delivery { state: State::Failed, ..Delivery::new(endpoint.into(), at, at) };
    event(subject, at, vec![delivery])
}

/// A call about an order, changed as the test wants it.
fn called(key: &str, change: impl Fn(Call) -> Call) -> (Event, Work) {
    let (connection, body) = (place(), upload("S"));
    let operation = find(Partner::Xhq, "upload").unwrap();
    let request = call::Request { connection: &connection, operation: &operation, key, body: &body, file: None };
    let record = call::accepted(&request, NOW, Duration::from_secs(30), Duration::from_hours(24)).unwrap();
    let call = record.work.call.clone().map(change);
    (record.event, Work { call, index_by: None, ..record.work })
}

/// A failure is stored after its attempt has ended: by a store that was asked again, into an index that lags. It was not in
/// the list that was read in between, and was confirmed with it.
#[tokio::test]
async fn failure_stored_after_the_list_is_not_confirmed_with_it() {
    let desk = Desk::new().await;
    let ago = |seconds: i64| Utc(NOW.0 - seconds * 1_000_000);
    desk.admit([failed("order:SEEN", "erp", ago(60))]).await;
    let list = desk.get("/deliveries/failed?endpoint=erp").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    desk.admit([failed("order:LATE", "erp", ago(8))]).await;

    let until = json!({"endpoint": "erp", "cutoff": list["as_of"]});
    let confirmed = desk.post("/deliveries/confirm", &until).await;
    assert_eq!((&confirmed["confirmed"], &confirmed["events"][0]["subject"]), (&1.into(), &"order:SEEN".into()));
    // A listed event is confirmed by its name, however late it failed.
    let list = desk.get("/deliveries/failed?endpoint=erp").await;
    assert_eq!(list["items"][0]["subject"], "order:LATE");
    let named = json!({"endpoint": "erp", "events": list["items"]});
    assert_eq!(desk.post("/deliveries/confirm", &named).await["confirmed"], 1);
}

/// Regression: failures at a removed endpoint could be neither confirmed nor removed.
#[tokio::test]
async fn failure_at_a_removed_endpoint_can_be_confirmed() {
    let desk = Desk::new().await;
    desk.admit([failed("order:A", "gone", NOW)]).await;
    assert_eq!(desk.get("/deliveries/failed?endpoint=gone").await["items"].as_array().unwrap().len(), 1);
    let gone = json!({"endpoint": "gone"});
    desk.refuses("POST", "/deliveries/replay", &gone, "endpoint").await;
    assert_eq!(desk.post("/deliveries/confirm", &gone).await["confirmed"], 1);
}

/// An endpoint that was misspelt looked like one without failures.
#[tokio::test]
async fn a_misspelt_endpoint_is_no_empty_list() {
    let desk = Desk::new().await;
    desk.refuses("GET", "/deliveries/failed?endpoint=epr", &Value::Null, "endpoint").await;
    assert_eq!(desk.get("/deliveries/failed?endpoint=erp").await["items"], json!([]));
    // Behind a page of others, too; and there one that is gone is still found.
    desk.admit((0..3).map(|n| failed(&format!("order:{n}"), "erp", NOW))).await;
    desk.refuses("GET", "/deliveries/failed?endpoint=epr&limit=1", &Value::Null, "endpoint").await;
    desk.admit([failed("order:GONE", "gone", NOW)]).await;
    let pages = desk.pages("/deliveries/failed?endpoint=gone&limit=1").await;
    let found: Vec<_> = pages.iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    assert_eq!((found.len(), &found[0]["subject"]), (1, &"order:GONE".into()));
}

/// Only what was on its way was left alone: what the ERP had taken or somebody had confirmed since it was listed was sent
/// to the ERP once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_what_failed_leaves_what_has_been_settled_since() {
    let desk = Desk::new().await;
    desk.admit(["order:A", "order:B"].map(|subject| failed(subject, "erp", NOW))).await;
    let (context, erp) = (&desk.context, EndpointId::from("erp"));
    let confirm = async |key: &EventKey| {
        let work = context.store.inspect(key, NOW).await.unwrap().unwrap().work;
        let work = work.confirmed(&erp, NOW, NOW).unwrap();
        assert_eq!(context.store.settle(key, &work).await.unwrap(), Settled::Done);
    };
    // Between the list and the change, the first is confirmed.
    let between = |key: &EventKey| {
        if key.subject.as_str() == "order:A" {
            block_in_place(|| Handle::current().block_on(confirm(key)));
        }
        true
    };
    let (change, selection) = (Change::Replay, Selection::Failed);
    let order = Order { change, endpoint: &erp, selection, from: None, dry_run: false };
    let changed = apply(context, &order, between, |_| ready(())).await.unwrap();
    let subjects: Vec<_> = changed.events.iter().map(|key| key.subject.as_str()).collect();
    assert_eq!((subjects, changed.next), (vec!["order:B"], None));
}

/// Ten thousand failures were one request, which the gateway gave up on, and hints went out at its end or never.
#[tokio::test]
async fn large_change_takes_several_requests() {
    let desk = Desk::new().await;
    let count = MOST + 150;
    desk.admit((0..count).map(|n| failed(&format!("order:{n}"), "erp", NOW))).await;
    let walk = async |path: &str, mut body: Value| {
        let mut parts = Vec::new();
        loop {
            let part = desk.post(path, &body).await;
            parts.push(part["events"].as_array().unwrap().len());
            if part["next"].is_null() {
                return parts;
            }
            body["from"] = part["next"].clone();
        }
    };
    assert_eq!(walk("/deliveries/replay", json!({"endpoint": "erp"})).await, [MOST, 150]);
    assert!(desk.context.queue.0.lock().unwrap().is_empty(), "a dry run");
    assert_eq!(walk("/deliveries/replay", json!({"endpoint": "erp", "dry_run": false})).await, [MOST, 150]);
    assert_eq!(desk.context.queue.0.lock().unwrap().len(), count);
    assert_eq!(walk("/deliveries/confirm", json!({"endpoint": "erp"})).await, [0], "none has failed any more");

    desk.admit((0..count).map(|n| failed(&format!("entry:{n}"), "erp", NOW))).await;
    assert_eq!(walk("/deliveries/confirm", json!({"endpoint": "erp"})).await, [MOST, 150]);
    for wrong in [json!({"endpoint": "erp", "from": "nowhere"}), json!({"endpoint": "erp", "events": [], "from": "7"})]
    {
        desk.refuses("POST", "/deliveries/replay", &wrong, "from").await;
    }
}

/// The store may be slow: time bounds a request, too.
#[tokio::test(start_paused = true)]
async fn a_change_that_takes_long_says_where_to_go_on() {
    let desk = Desk::new().await;
    desk.admit((0..250).map(|n| failed(&format!("order:{n}"), "erp", NOW))).await;
    let keys = desk
        .context
        .store
        .failed(&Failed::Waiting, None, 250, NOW)
        .await
        .unwrap()
        .items
        .into_iter()
        .map(|item| item.key);
    for selection in [Selection::Failed, Selection::These(keys.collect())] {
        let endpoint = &"erp".into();
        let mut order = Order { change: Change::Replay, endpoint, selection, from: None, dry_run: false };
        let slow = |_| tokio::time::sleep(Duration::from_secs(6));
        let mut parts = Vec::new();
        loop {
            let changed = apply(&desk.context, &order, |_| true, slow).await.unwrap();
            parts.push(changed.events.len());
            order.from = changed.next;
            if order.from.is_none() {
                break;
            }
        }
        assert_eq!(parts, [200, 50]);
        order.from = Some("nowhere".to_owned());
        let refused = apply(&desk.context, &order, |_| true, slow).await;
        assert!(matches!(refused, Err(ChangeError::Place)));
        // Fail them again.
        assert_eq!(desk.context.store.failed(&Failed::Waiting, None, 1, NOW).await.unwrap().items, []);
        for key in desk.context.store.due(NOW, 250).await.unwrap() {
            let work = desk.context.store.inspect(&key, NOW).await.unwrap().unwrap().work;
            let delivery = Delivery { state: State::Delivered, ..work.deliveries[0].clone() };
            let work = Work { version: work.version + 1, ..work }.with(delivery);
            desk.context.store.settle(&key, &work).await.unwrap();
        }
    }
}

/// Each call about a bill is a subject of its own: they were read one after the other, however many there were.
#[tokio::test]
async fn timeline_of_a_bill_is_bounded_and_marked_incomplete() {
    let desk = Desk::new().await;
    let expires = NOW.after(Duration::from_hours(24));
    let known = async |subject: &str| {
        desk.context.store.alias(&["bl:B".into()], &place(), &subject.into(), expires).await.unwrap();
    };
    desk.admit([event("order:S", NOW, Vec::new())]).await;
    known("order:S").await;
    let at = |n: usize| NOW.after(Duration::from_secs(n as u64 + 1));
    let subject = |n: usize| format!("call:{n:032x}");
    desk.admit((0..10).map(|n| event(&subject(n), at(n), Vec::new()))).await;
    join_all((0..10).map(|n| async move { known(&subject(n)).await })).await;
    let all = desk.get("/events/xhq-sh/bl:B").await;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["complete"]), (11, &true.into()));
    assert_eq!(all["items"][0]["subject"], "order:S", "in the order of their reception");

    desk.admit((10..1_100).map(|n| event(&subject(n), at(n), Vec::new()))).await;
    join_all((10..1_100).map(|n| async move { known(&subject(n)).await })).await;
    let some = desk.get("/events/xhq-sh/bl:B").await;
    let items = some["items"].as_array().unwrap();
    // The bill itself is a subject, too, about which there is nothing.
    assert_eq!((items.len(), &some["complete"]), (999, &false.into()));
    assert_eq!(items[0]["subject"], "order:S", "the shipment is not lost among its calls");
}

/// Among ten thousand other things that are due, a queued call was not found, and the list looked complete.
#[tokio::test]
async fn a_list_of_queued_calls_says_when_it_is_not_all_of_them() {
    let desk = Desk::new().await;
    desk.admit([called("k", |mut call| {
        call.progress.due = NOW.after(Duration::from_hours(2));
        call
    })])
    .await;
    let list = desk.get("/calls?state=queued").await;
    assert_eq!((list["items"].as_array().unwrap().len(), &list["complete"]), (1, &true.into()));
    let due = NOW.after(Duration::from_hours(1));
    let waits = |n: usize| event(&format!("order:{n}"), NOW, vec![Delivery::new("erp".into(), NOW, due)]);
    desk.admit((0..10_000).map(waits)).await;
    for path in ["/calls?state=queued", "/calls"] {
        let list = desk.get(path).await;
        assert_eq!((&list["items"], &list["complete"]), (&json!([]), &false.into()), "{path}");
    }
}

/// A page of a thousand calls, with 64 KB of an answer each, was ten times what Lambda may answer with.
#[tokio::test]
async fn a_page_is_no_larger_than_lambda_may_answer_with() {
    let desk = Desk::new().await;
    let body = "\"".repeat(32 * 1024);
    let answered = |call: Call| Call {
        answer: Some(PartnerAnswer { status: 200, body: body.clone(), truncated: false }),
        ..call.claimed_to_send(NOW).interrupted(NOW)
    };
    desk.admit((0..120).map(|n| called(&n.to_string(), answered))).await;
    let attempt = Attempt { at: NOW, ms: 1, status: Some(500), detail: "\"".repeat(512), ..Attempt::default() };
    let attempts = |mut delivery: Delivery| {
        delivery.progress.attempts = vec![attempt.clone(); 10];
        delivery
    };
    let long = (0..500).map(|n| failed(&format!("order:{n}"), "erp", NOW));
    let long = long.map(|(event, work)| (event, work.clone().with(attempts(work.deliveries[0].clone()))));
    desk.admit(long).await;
    for (path, count) in
        [("/calls?state=ambiguous&limit=1000", 120), ("/deliveries/failed?limit=1000", 500), ("/calls?limit=1000", 120)]
    {
        let pages = desk.pages(path).await;
        let ids: Vec<_> =
            pages.iter().flat_map(|page| page["items"].as_array().unwrap()).map(|item| &item["id"]).collect();
        assert_eq!(ids.len(), count, "{path}");
        assert!(pages.len() > 1, "{path}");
    }
    // Where there are no pages, it says that it is not all.
    for n in 0..120 {
        let (event, _) = called(&n.to_string(), answered);
        let (connection, subject) = (&event.key.connection, &event.key.subject);
        desk.context.store.alias(&["order:S".into()], connection, subject, event.meta.expires).await.unwrap();
    }
    let list = desk.get("/calls?subject=order:S").await;
    assert_eq!(list["complete"], false);
    assert!(list["items"].as_array().unwrap().len() > 20);
}
