//! Senders that do not wait for an answer, paths in any spelling, and what a defect and a restart leave behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use config::Context;
use courier::Courier;
use hub::Utc;
use hub::delivery::State;
use inbound::receive::{self, IncomingPush};
use outbound::KeepAlive;
use partners::Partner;
use queue::Job;
use serde_json::{Value, json};
use store::Store as _;
use store_sqlite::SqliteStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tongguan::Hub;

use crate::support::http::{api, exchange, hang_up, request};
use crate::support::{
    API_KEY, PUSHING, Plan, RecordedQueue, Time, connection, delivery, erp, events, hook, key, pushing, settled,
    status, taken, until, verified, within,
};

/// Regression: a sender that closed after its last byte lost its push where the close was seen before the push was kept,
/// and the hint of one that was kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_kept_and_delivered_though_its_sender_has_closed() {
    let (receiver, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &receiver, "").start_at(&time).await;
    for n in 0..30 {
        let size = if n % 2 == 0 { 10 } else { 100_000 };
        let (order, note) = (format!("C{n}"), "x".repeat(size));
        let body = format!(r#"{{"action":"syn_status","orderOutNo":"{order}","code":61,"msg":"{note}"}}"#);
        let push = request("POST", &hook(Partner::Xhq, "syn_status"), "", body.as_bytes());
        hang_up(hub.address(), &push).await;
    }
    // Time stands still, so no sweep makes up for a hint that was lost.
    until(async || events(&hub.context().store).await.len() == 30).await;
    assert_eq!((settled(&hub).await.delivered, receiver.count()), (30, 30));
}

/// Regression: a sender that closed its half got no answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_closes_its_half_gets_its_answer() {
    let hub = Plan::new().start().await;
    let push = request("POST", &hook(Partner::Xhq, "syn_status"), "", status("H1", 61).as_bytes());
    let list = request("GET", "/deliveries/failed", &format!("authorization: Bearer {API_KEY}\r\n"), b"");
    for (bytes, said) in [(push, r#""state":true"#), (list, r#""items":[]"#)] {
        let mut stream = TcpStream::connect(hub.address()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(said), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_made_though_the_erp_has_closed() {
    let receiver = erp().await;
    let hub = Plan::new().endpoint("erp", &receiver, "").start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("R1", 61)).await;
    assert_eq!(settled(&hub).await.delivered, 1);
    let (key, _) = delivery(&hub, "order:R1", "erp").await;
    let event = json!({"connection": key.connection, "subject": key.subject, "id": key.id});
    let replay = json!({"endpoint": "erp", "events": [event], "dry_run": false}).to_string();
    let head = format!("authorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\n");
    hang_up(hub.address(), &request("POST", "/deliveries/replay", &head, replay.as_bytes())).await;
    within(receiver.received(2)).await;
}

/// Regression: trailing and doubled slashes and encoded characters that need no encoding were 404, and nothing was kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_taken_in_every_spelling_of_its_path() {
    let hub = Plan::new().start().await;
    let mut kept = 0;
    for partner in PUSHING {
        let plain = hook(partner, "");
        let doubled = plain.replace('/', "//");
        let encoded = plain.replace('-', "%2D").replace('e', "%65");
        let suffix = if partner == Partner::Xhq { "/syn%5fstatus/" } else { "/" };
        for path in [format!("{plain}/"), doubled, encoded, format!("{plain}{suffix}"), format!("/base{plain}?x=1")] {
            kept += 1;
            let order = format!("P{kept}");
            let body = if partner == Partner::Xhq { status(&order, 61) } else { pushing::push(partner, &order) };
            let reply = exchange(hub.address(), request("POST", &path, "", body.as_bytes())).await.unwrap();
            assert_eq!(reply.status, 200, "{partner}: {path}");
        }
    }
    assert_eq!(events(&hub.context().store).await.len(), kept);
    let (id, key) = (connection(Partner::Xhq), key(connection(Partner::Xhq)));
    for path in [
        format!("/hooks/xhq/{id}/{key}/../{key}"),
        format!("/hooks/xhq/./{id}/{key}"),
        format!("/hooks/xhq/{id}%2F{key}/syn_status"),
        format!("/hooks%2Fxhq/{id}/{key}/syn_status"),
        format!("/hooks/xhq/{id}//syn_status"),
    ] {
        let reply = exchange(hub.address(), request("POST", &path, "", status("N", 61).as_bytes())).await.unwrap();
        assert_eq!((reply.status, &reply.json()["state"]), (404, &Value::Bool(false)), "{path}");
    }
    assert_eq!(events(&hub.context().store).await.len(), kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erp_is_answered_in_every_spelling_of_its_path() {
    let hub = Plan::new().start().await;
    let body = r#"{"action":"syn_status","orderOutNo":"A/1","code":61,"msg":""}"#;
    taken(&hub, Partner::Xhq, "syn_status", body).await;
    for path in [
        "/events/xhq-sh/order%3AA%2F1",
        "/events/xhq-sh/order:A%2F1/",
        "//events//xhq%2Dsh/order:A%2f1",
        "/base/events/xhq-sh/order:A%2F1",
        "/deliveries/failed/",
        "//deliveries//failed",
        "/calls/",
        "/openapi.json/",
        "//health",
    ] {
        let reply = api(hub.address(), "GET", path, API_KEY, "").await;
        assert_eq!(reply.status, 200, "{path}");
        if path.contains("order") {
            assert_eq!(reply.json()["items"].as_array().unwrap().len(), 1, "{path}");
        }
    }
    assert_eq!(api(hub.address(), "GET", "/deliveries/../health", API_KEY, "").await.status, 404);
}

/// Regression: a defect on a path of the ERP was answered in the partners' envelope.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_answered_in_the_form_of_the_path() {
    let (time, broken) = (Time::now(), Arc::new(AtomicBool::new(false)));
    let (clock, is_broken) = (time.clock(), Arc::clone(&broken));
    let clock = Arc::new(move || -> Utc {
        assert!(!is_broken.load(Ordering::SeqCst), "as a defect would");
        clock()
    });
    let plan = Plan::new();
    let hub = Hub::start_at(plan.config(), clock).await.unwrap();
    broken.store(true, Ordering::SeqCst);
    for path in ["/deliveries/failed", "/calls?state=queued", "/events/xhq-sh/order:1"] {
        let reply = api(hub.address(), "GET", path, API_KEY, "").await;
        assert!(reply.head.contains("content-type: application/problem+json"), "{path}: {}", reply.head);
        assert_eq!((reply.status, &reply.json()["type"]), (500, &json!("urn:tongguan:problem:unavailable")), "{path}");
    }
    let push = request("POST", &hook(Partner::Xhq, "syn_status"), "", status("B1", 61).as_bytes());
    let reply = exchange(hub.address(), push).await.unwrap();
    assert_eq!((reply.status, &reply.json()["state"]), (503, &Value::Bool(false)));
    broken.store(false, Ordering::SeqCst);
    taken(&hub, Partner::Xhq, "syn_status", status("B1", 61)).await;
}

/// Regression: what a hub had in hand when it ended waited for the end of its lease, thirty seconds after the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claimed_work_is_delivered_at_the_next_start() {
    let (receiver, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &receiver, "");
    let hub = plan.start_at(&time).await;
    // Admitted by a hub whose hints come to nothing.
    let context = contexts(&hub);
    let verified = verified(&context.config, &hook(Partner::Xhq, "syn_status"), syn_status::ACTION);
    let body = status("L1", 61).into();
    let push = IncomingPush { body, ..IncomingPush::default() };
    receive::receive(&context, verified, push, Instant::now()).await;
    assert_eq!(context.queue.0.lock().unwrap().len(), 1);
    hub.stop().await;
    assert_eq!(receiver.count(), 0);
    let hub = plan.start_at(&time).await;
    assert_eq!((settled(&hub).await.delivered, receiver.count()), (1, 1), "without a moment passing");
}

fn contexts(hub: &Hub) -> Context<SqliteStore, RecordedQueue> {
    let Context { config, store, clock, .. } = hub.context().clone();
    Context::new(config, store, RecordedQueue::default(), clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_an_earlier_run_waited_for_is_hinted_at_again() {
    let (receiver, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &receiver, "retry = [\"20s\", \"20m\"]").start_at(&time).await;
    let later = Courier::new(contexts(&hub), KeepAlive::Brief, callback::ACTION).unwrap();
    receiver.behave(simulators::erp::Behaviour::Down);
    taken(&hub, Partner::Xhq, "syn_status", status("T1", 61)).await;
    crate::support::attempted(&hub, "order:T1", "erp", 1).await;
    let (key, waiting) = delivery(&hub, "order:T1", "erp").await;
    assert_eq!(waiting.state, State::Pending);
    let found = hub.context().store.inspect(&key, hub.context().now()).await.unwrap().unwrap();
    assert!(!courier::resume(&later, &found).await.unwrap(), "nothing of it is in hand");
    let hints = later.context.queue.0.lock().unwrap().clone();
    let jobs: Vec<_> = hints.into_iter().map(|hint| hint.job).collect();
    assert_eq!(jobs, [Job::Deliver { endpoint: "erp".into(), claim: waiting.progress.claim }]);
}
