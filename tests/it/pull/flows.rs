//! Consumers over HTTP, at a hub on one machine.

use std::collections::BTreeSet;
use std::time::Duration;

use hub::delivery::State;
use partners::Partner;
use serde_json::json;
use simulators::erp::{Behaviour, Reply};
use store::Store as _;
use tongguan::Hub;

use super::{all, asked, endpoint, pull, redeem};
use crate::support::http::api;
use crate::support::{API_KEY, Plan, Time, courier, delivery, erp, events, ledger, status, sweep, taken, until};

const LEASE: Duration = Duration::from_mins(1);

/// A hub with the endpoint `erp`, whose time is moved by hand.
async fn hub(more: &str) -> (Hub, Time, Plan) {
    let (plan, time) = (Plan::new().table(&endpoint("erp", more)), Time::now());
    (plan.start_at(&time).await, time, plan)
}

async fn pushed(hub: &Hub, order: &str, codes: &[u32]) {
    for code in codes {
        taken(hub, Partner::Xhq, "syn_status", status(order, *code)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulled_events_are_acknowledged_once_and_counted() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    assert_eq!(pull(at, "").await, Vec::<serde_json::Value>::new());
    pushed(&hub, "A", &[61, 63]).await;
    pushed(&hub, "B", &[61]).await;
    let batch = pull(at, "?limit=10").await;
    let stored: BTreeSet<_> = events(&hub.context().store).await.iter().map(|item| item.key.id.to_string()).collect();
    assert_eq!(all(&batch, "id").into_iter().collect::<BTreeSet<_>>(), stored);
    let times = all(&batch, "time");
    assert!(times.is_sorted(), "the earliest first: {times:?}");
    assert_eq!((&batch[0]["specversion"], &batch[0]["data"]["code"]), (&"1.0".into(), &61.into()));
    assert!(batch[0]["leaseduntil"].as_str().unwrap() > batch[0]["time"].as_str().unwrap());
    assert_eq!(pull(at, "").await.len(), 0, "each is leased");
    assert_eq!(ledger(&hub.context().store).await.pending, 3);

    assert_eq!(redeem(at, "acknowledge", &batch[..2]).await, ["acknowledged"; 2]);
    assert_eq!(redeem(at, "acknowledge", &batch).await, ["acknowledged"; 3], "twice is as once");
    assert_eq!(redeem(at, "release", &batch).await, ["outdated"; 3], "what is done is not given back");
    let tally = ledger(&hub.context().store).await;
    assert_eq!((tally.accepted, tally.delivered), (3, 3));
    let (_, one) = delivery(&hub, "order:B", "erp").await;
    assert_eq!(one.progress.attempts.last().unwrap().detail, "acknowledged by the API key all");

    let shown = api(at, "GET", "/endpoints", API_KEY, "").await.json()["endpoints"][0].clone();
    assert_eq!((&shown["pull"], &shown["pending"], &shown["url"]), (&true.into(), &0.into(), &json!(null)), "{shown}");
    assert!(shown["last_pull"].is_string(), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_of_a_consumer_that_died_goes_to_another() {
    let (hub, time, _plan) = hub("").await;
    let at = hub.address();
    pushed(&hub, "A", &[61]).await;
    let first = pull(at, "").await;
    time.pass(Duration::from_secs(59));
    assert_eq!(pull(at, "").await.len(), 0);
    assert_eq!(sweep(&courier(&hub)).await.taken, 0, "no sweep sends it");
    time.pass(Duration::from_secs(1));
    assert_eq!(sweep(&courier(&hub)).await.taken, 0, "nor after its lease");
    let second = pull(at, "").await;
    assert_eq!((second.len(), &second[0]["id"]), (1, &first[0]["id"]));
    assert_eq!(redeem(at, "acknowledge", &first).await, ["outdated"], "another consumer has it");
    assert_eq!(redeem(at, "release", &first).await, ["outdated"]);
    assert_eq!(delivery(&hub, "order:A", "erp").await.1.state, State::Pending);
    assert_eq!(redeem(at, "acknowledge", &second).await, ["acknowledged"]);
    assert_eq!(redeem(at, "acknowledge", &first).await, ["outdated"]);
    let waits = delivery(&hub, "order:A", "erp").await.1.progress.attempts;
    assert_eq!(waits[0].detail, "leased, and not acknowledged in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_acknowledgement_counts_while_nobody_else_has_it() {
    let (hub, time, _plan) = hub("lease = \"5s\"").await;
    let at = hub.address();
    pushed(&hub, "A", &[61]).await;
    let batch = pull(at, "").await;
    time.pass(LEASE * 60 * 5);
    assert_eq!(redeem(at, "acknowledge", &batch).await, ["acknowledged"]);
    assert_eq!(pull(at, "").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn released_event_comes_again_at_once() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    pushed(&hub, "A", &[61]).await;
    let first = pull(at, "").await;
    assert_eq!(redeem(at, "release", &first).await, ["released"]);
    assert_eq!(redeem(at, "release", &first).await, ["released"]);
    assert_eq!(redeem(at, "acknowledge", &first).await, ["outdated"], "its consumer gave it back");
    let second = pull(at, "").await;
    assert_eq!(second[0]["id"], first[0]["id"]);
    assert_eq!(redeem(at, "release", &first).await, ["outdated"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_consumer_gets_what_comes_and_what_is_released() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    let began = std::time::Instant::now();
    let waiting = tokio::spawn(async move { pull(at, "?wait=20").await });
    // It has asked by then.
    until(async || hub.context().store.note("pull#erp").await.unwrap().is_some()).await;
    pushed(&hub, "A", &[61]).await;
    let first = waiting.await.unwrap();
    assert_eq!(first.len(), 1);
    let waiting = tokio::spawn(async move { pull(at, "?wait=20&limit=1").await });
    assert_eq!(redeem(at, "release", &first).await, ["released"]);
    assert_eq!(waiting.await.unwrap()[0]["id"], first[0]["id"]);
    assert!(began.elapsed() < Duration::from_secs(15), "neither waits for its time");
    assert!(pull(at, "?wait=1").await.is_empty(), "a wait without events ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hub_that_ends_answers_waiting_consumers() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    let waiting = tokio::spawn(async move { pull(at, "?wait=20").await });
    until(async || hub.context().store.note("pull#erp").await.unwrap().is_some()).await;
    let began = std::time::Instant::now();
    hub.stop().await;
    assert!(waiting.await.unwrap().is_empty());
    assert!(began.elapsed() < Duration::from_secs(12));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_at_once_share_without_overlap() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    for order in 0..30 {
        pushed(&hub, &format!("O-{order}"), &[61, 63]).await;
    }
    let consumers = (0..6).map(|n| {
        tokio::spawn(async move {
            let mut own = Vec::new();
            loop {
                let batch = pull(at, &format!("?limit={}", 3 + n)).await;
                if batch.is_empty() {
                    return own;
                }
                own.extend(batch);
            }
        })
    });
    let mut leased = Vec::new();
    for consumer in futures::future::join_all(consumers).await {
        leased.extend(consumer.unwrap());
    }
    let ids: BTreeSet<_> = all(&leased, "id").into_iter().collect();
    assert_eq!((leased.len(), ids.len()), (60, 60));
    assert_eq!(redeem(at, "acknowledge", &leased).await, vec!["acknowledged"; 60]);
    assert_eq!(ledger(&hub.context().store).await.delivered, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordered_subject_is_leased_one_event_after_another() {
    let (hub, time, _plan) = hub("order = \"subject\"").await;
    let at = hub.address();
    pushed(&hub, "A", &[61, 63, 81]).await;
    pushed(&hub, "B", &[61]).await;
    let first = pull(at, "").await;
    let codes =
        |batch: &[serde_json::Value]| -> Vec<_> { batch.iter().map(|event| event["data"]["code"].clone()).collect() };
    assert_eq!((all(&first, "subject"), codes(&first)), (vec!["order:A".into(), "order:B".into()], vec![61.into(); 2]));
    assert_eq!(pull(at, "").await.len(), 0, "the next of A waits");
    assert_eq!(redeem(at, "release", &first[..1]).await, ["released"]);
    let again = pull(at, "").await;
    assert_eq!(codes(&again), [json!(61)]);
    time.pass(LEASE);
    let late = pull(at, "").await;
    assert_eq!(codes(&late), [json!(61), json!(61)], "both leases have ended, and no other of A comes first");
    redeem(at, "acknowledge", &late).await;
    for code in [63, 81] {
        let next = pull(at, "?wait=5").await;
        assert_eq!(codes(&next), [json!(code)]);
        redeem(at, "acknowledge", &next).await;
    }
    assert_eq!(pull(at, "").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_is_limited_in_bytes() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    let large = |n| {
        format!(
            r#"{{"action":"single_receipt","orderOutNo":"L-{n}","paramJson":{{"note":"{}"}}}}"#,
            "x".repeat(1_200_000)
        )
    };
    for n in 0..4 {
        taken(&hub, Partner::Xhq, "single_receipt", large(n)).await;
    }
    let huge = large(9).replace('x', "xxxx").replace("\"note\"", "\"n\"");
    taken(&hub, Partner::Xhq, "single_receipt", huge).await;
    let mut numbers = Vec::new();
    loop {
        let batch = pull(at, "").await;
        if batch.is_empty() {
            break;
        }
        numbers.push(batch.len());
    }
    assert_eq!(numbers, [2, 2, 1], "the largest goes alone");
}

/// An event that goes to an endpoint that is sent to as well: neither waits for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_endpoint_of_an_event_is_tried_apart() {
    let (other, time) = (erp().await, Time::now());
    let plan = Plan::new().table(&endpoint("erp", "")).endpoint("wms", &other, "retry = [\"5s\", \"1h\"]");
    let hub = plan.start_at(&time).await;
    let at = hub.address();
    other.behave(Behaviour::Answers(Reply::of(503)));
    pushed(&hub, "A", &[61]).await;
    crate::support::attempted(&hub, "order:A", "wms", 1).await;
    let batch = pull(at, "").await;
    assert_eq!(batch.len(), 1);
    time.pass(Duration::from_mins(3));
    other.behave(Behaviour::Takes);
    // The queue's hint may be faster than this sweep.
    sweep(&courier(&hub)).await;
    until(async || delivery(&hub, "order:A", "wms").await.1.state == State::Delivered).await;
    assert_eq!(delivery(&hub, "order:A", "erp").await.1.state, State::Pending);
    assert_eq!(redeem(at, "acknowledge", &batch).await, ["acknowledged"]);
    assert_eq!(ledger(&hub.context().store).await.delivered, 2);
}

/// Nothing that is stored for one kind of endpoint is lost to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoint_of_the_other_kind_gets_what_was_pending() {
    let (other, time) = (erp().await, Time::now());
    let pulled = Plan::new().table(&endpoint("erp", ""));
    let hub = pulled.start_at(&time).await;
    pushed(&hub, "A", &[61]).await;
    pull(hub.address(), "").await;
    pushed(&hub, "B", &[61]).await;
    hub.stop().await;

    let sent = pulled.changed(&endpoint("erp", ""), "").endpoint("erp", &other, "retry = [\"1h\"]");
    let hub = sent.start_at(&time).await;
    until(async || ledger(&hub.context().store).await.delivered == 2).await;
    assert_eq!(asked(hub.address(), "").await.status, 409, "it is sent to");
    other.behave(Behaviour::Answers(Reply::of(503)));
    pushed(&hub, "C", &[61]).await;
    crate::support::attempted(&hub, "order:C", "erp", 1).await;
    hub.stop().await;

    let url = other.url();
    let text = format!(
        "url = \"{url}\"\nallow_private = true\nsecrets = [\"{}\"]\nretry = [\"1h\"]",
        crate::support::secret(1)
    );
    let pulled = sent.changed(&text, "pull = true");
    time.pass(Duration::from_hours(2));
    let hub = pulled.start_at(&time).await;
    let batch = pull(hub.address(), "?wait=20").await;
    assert_eq!(all(&batch, "subject"), ["order:C"]);
}

/// As one that is sent to: the ledger tells it, and after an hour it is given up and listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_endpoint_leaves_failed_deliveries() {
    let (hub, time, plan) = hub("").await;
    pushed(&hub, "A", &[61]).await;
    hub.stop().await;
    let plan = plan.changed(&endpoint("erp", ""), "");
    let hub = plan.start_at(&time).await;
    let store = &hub.context().store;
    assert_eq!(ledger(store).await.pending, 1, "a process may not know it yet");
    let courier = courier(&hub);
    for _ in 0..8 {
        time.pass(Duration::from_mins(30));
        sweep(&courier).await;
    }
    until(async || ledger(store).await.failed == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replayed_event_is_pulled_again() {
    let (hub, _, _plan) = hub("").await;
    let at = hub.address();
    pushed(&hub, "A", &[61]).await;
    let batch = pull(at, "").await;
    redeem(at, "acknowledge", &batch).await;
    let event = json!({"connection": "xhq-sh", "subject": "order:A", "id": batch[0]["id"]});
    let body = json!({"endpoint": "erp", "dry_run": false, "events": [event]}).to_string();
    let replayed = api(at, "POST", "/deliveries/replay", API_KEY, &body).await.json();
    assert_eq!(replayed["replayed"], 1, "{replayed}");
    assert_eq!(redeem(at, "acknowledge", &batch).await, ["outdated"], "another delivery of the same event");
    let again = pull(at, "").await;
    assert_eq!(again[0]["id"], batch[0]["id"]);
    let now = json!({"endpoint": "erp", "dry_run": false, "now": true}).to_string();
    let none = api(at, "POST", "/deliveries/replay", API_KEY, &now).await.json();
    assert_eq!(none["replayed"], 0, "nothing of it can be sent: {none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_named() {
    let other = erp().await;
    let plan = Plan::new().table(&endpoint("erp", "")).endpoint("wms", &other, "");
    let hub = plan.start().await;
    let at = hub.address();
    for (query, field) in
        [("?limit=0", "limit"), ("?limit=101", "limit"), ("?wait=21", "wait"), ("?wait=x", "wait"), ("?from=x", "from")]
    {
        let refused = asked(at, query).await.json();
        assert_eq!((&refused["status"], &refused["field"]), (&400.into(), &field.into()), "{refused}");
    }
    let ask = async |method: &str, path: &str, body: &str| api(at, method, path, API_KEY, body).await.json();
    assert_eq!(ask("GET", "/endpoints/gone/events", "").await["status"], 404);
    let sent = ask("GET", "/endpoints/wms/events", "").await;
    assert_eq!(sent["type"], "urn:tongguan:problem:not-pulled");
    let tried = ask("POST", "/endpoints/erp/test", "").await;
    assert_eq!(tried["type"], "urn:tongguan:problem:pulled");
    for body in
        ["", "[]", r#"{"receipts":"x"}"#, r#"{"receipt":["x"]}"#, &json!({"receipts": vec!["x"; 1001]}).to_string()]
    {
        for how in ["acknowledge", "release"] {
            let refused = ask("POST", &format!("/endpoints/erp/{how}"), body).await;
            assert_eq!((&refused["status"], &refused["field"]), (&400.into(), &"body".into()), "{refused}");
        }
    }
    let junk = json!({"receipts": ["", "x", "长", "A".repeat(5_000)]}).to_string();
    let told = ask("POST", "/endpoints/erp/acknowledge", &junk).await;
    assert!(told["receipts"].as_array().unwrap().iter().all(|one| one["state"] == "unknown"), "{told}");
}
