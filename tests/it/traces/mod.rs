//! Traces: from a push or a call to its last delivery as one, at a collector that reads strictly.

mod calls;
mod failures;
mod process;

use std::time::Duration;

use hub::trace::TraceId;
use partners::Partner;
use simulators::Collector;
use simulators::collector::Collected;
use simulators::erp::{Behaviour, Delivery, Reply};

use crate::support::{
    API_KEY, APP_ID, Plan, Time, attempted, courier, erp, hook, key, push, pushing, secret, settled, status, sweep,
    taken, until, within,
};

const ROUTE: &str = "/hooks/xhq/{connection}/{key}/syn_status";

/// A collector on a port of its own.
async fn collector() -> Collector {
    Collector::start(([127, 0, 0, 1], 0).into()).await.unwrap()
}

/// The table that has spans sent to it.
fn table(collector: &Collector) -> String {
    format!("[traces]\nendpoint = \"{}\"\n", collector.url())
}

/// The spans of a collector that has got so many at least, in the order of their beginnings.
async fn spans(collector: &Collector, number: usize) -> Vec<Collected> {
    until(async || collector.spans().len() >= number).await;
    assert_eq!(collector.mistakes(), Vec::<String>::new());
    let mut spans = collector.spans();
    spans.sort_by_key(|span| span.times);
    spans
}

/// The only span of that name.
fn only<'s>(spans: &'s [Collected], name: &str) -> &'s Collected {
    let found = named(spans, name);
    let [one] = found.as_slice() else { panic!("{} of {name}: {spans:#?}", found.len()) };
    one
}

fn named<'s>(spans: &'s [Collected], name: &str) -> Vec<&'s Collected> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The `traceparent` of a delivery; empty where it has none.
fn traceparent(delivery: &Delivery) -> String {
    delivery.headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// The `traceparent` of a span.
fn place(span: &Collected) -> String {
    format!("00-{}-{}-01", span.trace, span.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_and_its_delivery_are_one_trace() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("SO-7", 61)).await;
    let got = within(erp.received(1)).await;
    let spans = spans(&collector, 3).await;
    let (push, admit) = (only(&spans, &format!("POST {ROUTE}")), only(&spans, "store.admit"));
    let deliver = only(&spans, "deliver");
    let id: hub::EventId = got[0].id.parse().unwrap();
    assert!(spans.iter().all(|span| span.trace == TraceId::of(&id).to_string() && span.error.is_none()), "{spans:#?}");
    assert_eq!((push.kind, admit.kind, deliver.kind), (2, 1, 3));
    assert_eq!((push.parent.as_str(), &admit.parent, &deliver.parent), ("", &push.id, &push.id));
    assert!(push.times.0 <= admit.times.0 && admit.times.1 <= push.times.1, "{spans:#?}");
    assert_eq!(traceparent(&got[0]), place(deliver));
    assert!(got[0].signed);
    for (span, name, value) in [
        (push, "http.route", ROUTE),
        (push, "http.request.method", "POST"),
        (push, "http.response.status_code", "200"),
        (push, "tongguan.partner", "xhq"),
        (push, "tongguan.connection", "xhq-sh"),
        (push, "tongguan.verdict", "accepted"),
        (push, "tongguan.event.id", &got[0].id),
        (push, "tongguan.event.type", "xhq.syn_status"),
        (push, "tongguan.admission", "new"),
        (deliver, "tongguan.endpoint", "erp"),
        (deliver, "http.response.status_code", "200"),
        (deliver, "server.address", "127.0.0.1"),
        (deliver, "tongguan.attempt", "1"),
        (deliver, "tongguan.outcome", "delivered"),
        (deliver, "tongguan.state", "delivered"),
        (deliver, "tongguan.event.id", &got[0].id),
    ] {
        assert_eq!(span.attribute(name), value, "{name} of {}", span.name);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repetition_of_a_push_is_in_the_trace_of_the_first() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    for _ in 0..2 {
        taken(&hub, Partner::Xhq, "syn_status", status("SO-7", 61)).await;
    }
    let spans = spans(&collector, 5).await;
    let pushes = named(&spans, &format!("POST {ROUTE}"));
    let [first, second] = pushes.as_slice() else { panic!("{spans:#?}") };
    assert_eq!((first.attribute("tongguan.admission"), second.attribute("tongguan.admission")), ("new", "duplicate"));
    assert_eq!((&second.trace, &second.parent), (&first.trace, &first.id));
    assert_ne!(second.id, first.id);
    hub.stop().await;
    assert_eq!(erp.count(), 1);
}

/// Nothing of a trace is stored: a later run derives it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_over_a_restart_are_in_one_trace() {
    let (erp, collector, time) = (erp().await, collector().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "retry = [\"5s\", \"30s\"]").table(&table(&collector));
    erp.behave(Behaviour::FailsFirst(2, Reply::of(500)));
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("SO-7", 61)).await;
    attempted(&hub, "order:SO-7", "erp", 1).await;
    time.pass(Duration::from_mins(1));
    // As another process does.
    sweep(&courier(&hub)).await;
    attempted(&hub, "order:SO-7", "erp", 2).await;
    hub.stop().await;
    assert_eq!(collector.spans().len(), 4, "the last are exported at the end");
    time.pass(Duration::from_mins(10));
    let hub = plan.start_at(&time).await;
    settled(&hub).await;
    let got = within(erp.received(3)).await;
    let spans = spans(&collector, 5).await;
    let attempts = named(&spans, "deliver");
    let push = only(&spans, &format!("POST {ROUTE}"));
    assert!(attempts.iter().all(|span| span.trace == push.trace && span.parent == push.id), "{spans:#?}");
    let told = |name| attempts.iter().map(|span| span.attribute(name)).collect::<Vec<_>>();
    assert_eq!(told("tongguan.attempt"), ["1", "2", "3"]);
    assert_eq!(told("tongguan.outcome"), ["refused", "refused", "delivered"]);
    assert_eq!(told("http.response.status_code"), ["500", "500", "200"]);
    assert_eq!(told("tongguan.state"), ["pending", "pending", "delivered"]);
    assert_eq!(attempts.iter().map(|span| span.error.is_some()).collect::<Vec<_>>(), [true, true, false]);
    let heads: Vec<_> = got.iter().map(traceparent).collect();
    assert_eq!(heads, attempts.iter().map(|span| place(span)).collect::<Vec<_>>());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_of_two_events_is_two_linked_traces() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&table(&collector)).start().await;
    let one = |bill| pushing::push(Partner::TrackingEyes, bill);
    let (first, second) = (one("B1"), one("B2"));
    let both = format!("[{},{}]", first.trim_matches(['[', ']']), second.trim_matches(['[', ']']));
    taken(&hub, Partner::TrackingEyes, "customs_status", both).await;
    within(erp.received(2)).await;
    let spans = spans(&collector, 6).await;
    let pushes: Vec<_> = spans.iter().filter(|span| span.kind == 2).collect();
    let [a, b] = pushes.as_slice() else { panic!("{spans:#?}") };
    assert_ne!(a.trace, b.trace);
    assert_eq!(a.times, b.times);
    let (first, second) = if a.links.is_empty() { (a, b) } else { (b, a) };
    assert_eq!(second.links, [(first.trace.clone(), first.id.clone())]);
    assert!(pushes.iter().all(|span| span.attribute("tongguan.push.events") == "2"), "{spans:#?}");
    for trace in [&a.trace, &b.trace] {
        assert_eq!(spans.iter().filter(|span| span.trace == **trace).count(), 3, "{spans:#?}");
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_push_is_traced_and_strangers_are_not() {
    let collector = collector().await;
    let hub = Plan::new().table(&table(&collector)).start().await;
    push(&hub, Partner::Xhq, "syn_status", "no json").await;
    let wrong = hook(Partner::Xhq, "syn_status").replace(&key("xhq-sh"), "a-key-that-is-guessed-by-a-stranger");
    let request = crate::support::http::request("POST", &wrong, "", b"{}");
    assert_eq!(crate::support::http::exchange(hub.address(), request).await.unwrap().status, 404);
    hub.stop().await;
    let spans = spans(&collector, 2).await;
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let push = only(&spans, &format!("POST {ROUTE}"));
    assert_eq!(push.attribute("tongguan.verdict"), "malformed");
    assert_eq!(push.attribute("tongguan.event.type"), "xhq.malformed");
    assert_eq!(push.error, None, "it is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsampled_trace_is_told_to_the_erp_and_not_exported() {
    let (erp, collector) = (erp().await, collector().await);
    let hub = Plan::new().endpoint("erp", &erp, "").table(&format!("{}sample = 0.0", table(&collector))).start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("SO-7", 61)).await;
    let got = within(erp.received(1)).await;
    let id: hub::EventId = got[0].id.parse().unwrap();
    let told = traceparent(&got[0]);
    assert!(told.starts_with(&format!("00-{}-", TraceId::of(&id))) && told.ends_with("-00"), "{told}");
    hub.stop().await;
    assert_eq!(collector.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_the_erp_is_still_told() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").table("[traces]").start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("SO-7", 61)).await;
    let got = within(erp.received(1)).await;
    assert!(traceparent(&got[0]).ends_with("-01"));
    assert_eq!((hub.context().spans.waiting(), hub.context().spans.counts()), (0, (0, 0)));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_traced_unless_configured() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("SO-7", 61)).await;
    let got = within(erp.received(1)).await;
    assert!(got[0].headers.get("traceparent").is_none());
    settled(&hub).await;
    assert_eq!((hub.context().spans.waiting(), hub.context().spans.counts()), (0, (0, 0)));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_exported() {
    let (erp, collector) = (erp().await, collector().await);
    // With a path that is a token, as some receivers have.
    let plan = Plan::new()
        .endpoint("erp", &erp, "")
        .changed("/events\"", "/token-that-nobody-may-see?t=that-nobody-may-see\"");
    let hub = plan.table(&format!("{}headers = {{ X-Key = \"collector-key\" }}", table(&collector))).start().await;
    erp.behave(Behaviour::FailsFirst(1, Reply::saying("{\"why\":\"answer-that-nobody-may-see\"}")));
    for partner in crate::support::PUSHING {
        let body = pushing::push_with(partner, "subject-that-nobody-may-see", r#","x":"payload-that-nobody-may-see""#);
        taken(&hub, partner, pushing::suffix(partner), body).await;
    }
    settled(&hub).await;
    hub.stop().await;
    let requests = collector.requests();
    assert!(!requests.is_empty());
    for (headers, body) in requests {
        assert_eq!(headers.get("x-key").unwrap(), "collector-key");
        let text = String::from_utf8(body.to_vec()).unwrap();
        for hidden in ["that-nobody-may-see", API_KEY, APP_ID, &secret(1), "whsec_", "collector-key"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
    assert_eq!(collector.mistakes(), Vec::<String>::new());
}
