//! Calls to partners in the ERP's own trace, or in one of their own.

use std::time::Duration;

use hub::trace::TraceId;
use simulators::api::Fault;

use super::{collector, named, only, place, spans, table, traceparent};
use crate::calls::{Desk, Making, port, upload};
use crate::support::until;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ROUTE: &str = "POST /calls/{connection}/{operation}";

fn headers(key: &str) -> String {
    format!("idempotency-key: {key}\r\ntraceparent: {CALLER}\r\nprefer: wait=20\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_and_its_end_are_in_the_trace_of_the_erp() {
    let collector = collector().await;
    let desk = Desk::with(Making { last: &table(&collector), ..Making::default() }).await;
    let reply = desk.call("xhq", "upload", &headers("k-1"), &upload("SO-1")).await;
    assert_eq!(reply.status, 200);
    desk.hears("call.succeeded", 1).await;
    let all = spans(&collector, 3).await;
    let (request, call, told) = (only(&all, ROUTE), only(&all, "xhq.upload"), only(&all, "deliver"));
    assert!(all.iter().all(|span| span.trace == CALLER[3..35]), "{all:#?}");
    assert_eq!((request.parent.as_str(), &call.parent, &told.parent), (&CALLER[36..52], &request.id, &request.id));
    assert_eq!((request.kind, call.kind, told.kind), (2, 3, 3));
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    for (span, name, value) in [
        (request, "tongguan.call.id", id.as_str()),
        (request, "http.response.status_code", "200"),
        (call, "tongguan.call.id", &id),
        (call, "tongguan.operation", "upload"),
        (call, "tongguan.state", "succeeded"),
        (call, "tongguan.attempt", "1"),
        (call, "http.response.status_code", "200"),
        (told, "tongguan.event.type", "call.succeeded"),
    ] {
        assert_eq!(span.attribute(name), value, "{name} of {}", span.name);
    }
    assert_eq!(traceparent(&desk.erp.deliveries()[0]), place(told));

    // The same request again, in the trace of its own caller.
    desk.call("xhq", "upload", &headers("k-1").replace("4bf9", "aaaa"), &upload("SO-1")).await;
    let all = spans(&collector, 4).await;
    let again = named(&all, ROUTE).into_iter().find(|span| span.id != request.id).unwrap();
    assert_eq!(
        (&again.trace[..4], again.links.as_slice()),
        ("aaaa", &[(request.trace.clone(), request.id.clone())][..])
    );
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_trace_survives_a_restart() {
    let collector = collector().await;
    let mut desk = Desk::with(Making { last: &table(&collector), ..Making::default() }).await;
    desk.onedata.behave(Fault::Busy);
    let headers = format!("idempotency-key: k-1\r\ntraceparent: {CALLER}\r\n");
    let reply = desk.call("onedata", "port_query_v2", &headers, &port("N1")).await;
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    desk.attempted(&id, 1).await;
    desk.hub.stop().await;
    desk.onedata.recover();
    desk.time.pass(Duration::from_mins(10));
    desk.hub = desk.plan.start_at(&desk.time).await;
    desk.stands(&id, "succeeded").await;
    let all = spans(&collector, 3).await;
    let calls = named(&all, "onedata.port_query_v2");
    assert!(calls.len() >= 2 && calls.iter().all(|span| span.trace == CALLER[3..35]), "{all:#?}");
    assert_eq!((calls[0].error.is_some(), calls.last().unwrap().error.is_some()), (true, false));
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_without_a_caller_has_a_trace_of_its_own() {
    let collector = collector().await;
    let desk = Desk::with(Making { last: &table(&collector), ..Making::default() }).await;
    for (key, header) in [("k-1", String::new()), ("k-2", format!("traceparent: {CALLER}-x\r\n"))] {
        let headers = format!("idempotency-key: {key}\r\n{header}");
        let reply = desk.call("xhq", "upload", &headers, &upload(key)).await;
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        desk.stands(&id, "succeeded").await;
        let trace = TraceId::of(&id.parse().unwrap()).to_string();
        until(async || collector.spans().iter().filter(|span| span.trace == trace).count() == 3).await;
    }
    desk.hub.stop().await;
}

/// The caller's decision counts, whatever the share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_decides_whether_its_trace_is_recorded() {
    let collector = collector().await;
    let last = format!("{}sample = 0.0", table(&collector));
    let desk = Desk::with(Making { last: &last, ..Making::default() }).await;
    desk.call("xhq", "upload", &headers("k-1").replace("b7-01", "b7-00"), &upload("SO-1")).await;
    desk.call("xhq", "upload", &headers("k-2"), &upload("SO-2")).await;
    desk.hears("call.succeeded", 2).await;
    let told: Vec<_> = desk.erp.deliveries().iter().map(traceparent).collect();
    assert!(told.iter().all(|told| told[3..35] == CALLER[3..35]), "{told:?}");
    desk.quiet().await;
    desk.hub.stop().await;
    let all = spans(&collector, 3).await;
    assert_eq!(all.len(), 3, "{all:#?}");
    assert_eq!(told.iter().filter(|told| told.ends_with("-00")).count(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_is_a_request_and_a_question() {
    let collector = collector().await;
    let desk = Desk::with(Making { last: &table(&collector), ..Making::default() }).await;
    let reply = desk.call("xhq", "bghList", &format!("traceparent: {CALLER}\r\n"), "").await;
    assert_eq!(reply.status, 200);
    let all = spans(&collector, 2).await;
    let (request, question) = (only(&all, ROUTE), only(&all, "xhq.bghList"));
    assert_eq!((&request.trace[..], request.parent.as_str()), (&CALLER[3..35], &CALLER[36..52]));
    assert_eq!((&question.trace, &question.parent, question.kind), (&request.trace, &request.id, 3));
    assert_eq!(question.attribute("http.response.status_code"), "200");
    desk.hub.stop().await;
}

/// Partners are strangers, and sign headers of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partner_is_not_told_of_the_trace() {
    let collector = collector().await;
    let desk = Desk::with(Making { last: &table(&collector), ..Making::default() }).await;
    desk.call("xhq", "bghList", &format!("traceparent: {CALLER}\r\n"), "").await;
    desk.call("xhq", "upload", &headers("k-1"), &upload("SO-1")).await;
    let sent = desk.xhq.requests();
    assert!(sent.len() == 2 && sent.iter().all(|request| request.header("traceparent").is_empty()), "{sent:?}");
    desk.hub.stop().await;
}
