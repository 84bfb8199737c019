//! An hour without the hub, against the simulated partners.

use std::time::Duration;

use ::partners::Partner;
use hub::ledger::Tally;
use simulators::Sender;
use simulators::api::Fault;
use store::Pending;
use store::Store as _;

use crate::calls::{Desk, Making, port, upload};
use crate::support::http::api;
use crate::support::{API_KEY, hook, ledger, status, until, within};

const HOUR: Duration = Duration::from_hours(1);

const WATCHES: &str = r#"
[[watches]]
connection = "xhq"
types = ["xhq.*"]
silence = "30m"

[[watches]]
connection = "onedata"
silence = "30m"
ask = "port_query_v2"
every = "1h"
"#;

const RECOVER: &str = "recover = { rows = \"/data\", serial = \"/orderNo\", cutoff = \"/foot/operationTime\" }";

/// The shipments that the hub lists as quiet.
async fn quiet(desk: &Desk) -> Vec<String> {
    let page = desk.get("/shipments?state=quiet").await.json();
    let mut keys: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect();
    keys.sort_unstable();
    keys
}

/// Partners push while the hub is down and give up by their own rules; when it is back, what can be asked for arrives within
/// one period, each once, and the rest is told as silence.
#[tokio::test]
async fn hour_without_the_hub_loses_nothing_that_partners_know() {
    let mut desk = Desk::with(Making { xhq: RECOVER, last: WATCHES, ..Making::default() }).await;
    // What was on XHQ's list before is recovered at the start.
    desk.hears("xhq.failed_push", 1).await;
    let path = hook(Partner::Xhq, "").replace("xhq-sh", "xhq");
    let address = desk.hub.address();
    let mut xhq = Sender::new(Partner::Xhq, &format!("http://{address}")).unwrap();
    // An order that is under way, and two subscriptions.
    assert!(desk.xhq.push(&mut xhq, &path, "A1", &status("SO-1", 61)).await);
    for number in ["B1", "B2"] {
        desk.command("onedata", "port_query_v2", &format!("k-{number}"), &port(number)).await;
    }
    desk.hears("call.succeeded", 2).await;
    desk.quiet().await;

    desk.hub.stop().await;
    // XHQ does not repeat and lists it; the data of one subscription comes, and its push is given up.
    assert!(!desk.xhq.push(&mut xhq, &path, "A1", &status("SO-1", 63)).await);
    desk.onedata.arrive("B1");
    let ports = hook(Partner::OneData, "ports");
    let mut onedata = Sender::new(Partner::OneData, &format!("http://{address}")).unwrap();
    let pushed = within(onedata.play(&ports, "application/json", "{}", async |_| {}, |_, _| {})).await;
    assert!(matches!(pushed.verdict, simulators::partner::Next::GivenUp(_)), "{pushed:?}");
    desk.time.pass(HOUR);

    desk.hub = desk.plan.start_at(&desk.time).await;
    let recovered = desk.hears("xhq.failed_push", 2).await;
    assert_eq!(recovered[1]["subject"], "serial:A1");
    let found = desk.hears("onedata.ports", 1).await;
    assert_eq!(found[0]["subject"], "port:CNTAO:1:B1:E");
    let silent = desk.hears("watch.silent", 2).await;
    let mut subjects: Vec<_> = silent.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["order:SO-1", "port:CNTAO:1:B2:E"], "nobody knows more of these");
    desk.quiet().await;
    assert_eq!(quiet(&desk).await, ["order:SO-1", "port:CNTAO:1:B2:E"]);

    // Once each, however often it is looked.
    for _ in 0..4 {
        desk.time.pass(Duration::from_mins(20));
        within(sweep::handle(&desk.courier())).await.unwrap();
    }
    desk.quiet().await;
    for (kind, times) in [("xhq.failed_push", 2), ("onedata.ports", 1)] {
        assert_eq!(desk.told(kind).len(), times, "{kind}");
    }
    assert_eq!(desk.xhq.listed(), [] as [String; 0]);
    let store = &desk.hub.context().store;
    let tally: Tally = ledger(store).await;
    let open = store.pending(&Pending::Watches, None, 99, desk.time.clock()()).await.unwrap().items.len();
    assert_eq!(tally.pending, 0);
    assert!(u64::try_from(open).unwrap() <= tally.watches, "{tally:?}");
    assert_eq!((desk.xhq.wrongs(), desk.onedata.wrongs()), (vec![], vec![]));
    desk.hub.stop().await;
}

/// The keys of the shipments that are watched, each in a subject of its own.
async fn watched(desk: &Desk) -> Vec<String> {
    let store = &desk.hub.context().store;
    let page = store.pending(&Pending::Watches, None, 99, desk.time.clock()()).await.unwrap();
    page.items.iter().map(|item| hub::watch::shipment(&item.meta).unwrap().to_string()).collect()
}

/// Sweeps, a minute apart, until shipments are watched.
async fn sweeps_until_watched(desk: &Desk) -> Vec<String> {
    until(async || {
        desk.time.pass(Duration::from_mins(1));
        within(sweep::handle(&desk.courier())).await.unwrap();
        !watched(desk).await.is_empty()
    })
    .await;
    watched(desk).await
}

/// Regression: aliases were written at the first attempt, and so the watch at none.
#[tokio::test]
async fn command_that_succeeds_at_its_second_attempt_begins_a_watch() {
    let desk = Desk::with(Making { last: WATCHES, ..Making::default() }).await;
    desk.onedata.behave(Fault::Busy.first(1));
    desk.command("onedata", "port_query_v2", "k-1", &port("B1")).await;
    assert_eq!(sweeps_until_watched(&desk).await, ["port:CNTAO:1:B1:E"]);
}

/// Regression: a decision wrote no keys, and so began no watch.
#[tokio::test]
async fn command_that_is_resolved_as_done_begins_a_watch() {
    let last = "[[watches]]\nconnection = \"xhq\"\nsilence = \"30m\"\n";
    let desk = Desk::with(Making { last, ..Making::default() }).await;
    desk.xhq.behave(Fault::DropsAnswer.first(1));
    let id = desk.command("xhq", "upload", "k-1", &upload("SO-1")).await;
    desk.hears("call.ambiguous", 1).await;
    assert_eq!(watched(&desk).await, [] as [String; 0]);
    let path = format!("/calls/{id}/resolve");
    let reply = api(desk.hub.address(), "POST", &path, API_KEY, r#"{"decision":"done"}"#).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(sweeps_until_watched(&desk).await, ["order:SO-1"]);
}
