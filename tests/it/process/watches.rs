//! `kill -9` while a partner is asked about a watched shipment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use simulators::api::Fault;
use store::{Pending, Store as _};

use super::clock::Clock;
use crate::calls::{Desk, Making, port};
use crate::support::process::Process;
use crate::support::{events, ledger, until};

const WATCH: &str = r#"
[[watches]]
connection = "onedata"
silence = "30m"
ask = "port_query_v2"
every = "1h"
"#;

/// Number of kills while the partner has the question.
const KILLS: usize = 4;

/// Longer than a watch is left alone that is being asked about, or that had to wait for another question.
const LEASE: Duration = Duration::from_mins(6);

/// The ids and subjects of what the ERP got of a type.
fn told(desk: &[simulators::erp::Delivery], kind: &str) -> BTreeSet<(String, String)> {
    let events = desk.iter().filter_map(|delivery| serde_json::from_slice::<Value>(&delivery.body).ok());
    let own = events.filter(|event| event["type"] == kind);
    own.map(|event| (event["id"].to_string(), event["subject"].as_str().unwrap_or_default().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_question_is_asked_again_and_its_answer_kept_once() {
    let desk = Desk::with(Making { top: "sweep_every = \"1s\"", last: WATCH, ..Making::default() }).await;
    for number in ["B1", "B2"] {
        desk.command("onedata", "port_query_v2", &format!("k-{number}"), &port(number)).await;
    }
    desk.hears("call.succeeded", 2).await;
    let store = desk.plan.store();
    let now = desk.time.clock()();
    until(async || store.pending(&Pending::Watches, None, 9, now).await.unwrap().items.len() == 2).await;
    desk.quiet().await;
    desk.hub.stop().await;
    // The data of one comes and is pushed to nobody; of the other there is none.
    desk.onedata.arrive("B1");
    let (clock, variables) = Clock::of(&desk.plan);
    let mut ahead = Duration::ZERO;
    let mut passes = |time: Duration| {
        ahead += time;
        desk.time.pass(time);
        clock.is_wrong_by(i64::try_from(ahead.as_secs()).unwrap());
    };
    passes(Duration::from_mins(31));
    let asked = || desk.onedata.requests_for("port_query").len();
    for _ in 0..KILLS {
        desk.onedata.behave(Fault::Holds.always().on("port_query"));
        let before = asked();
        let process = Process::start(&desk.plan, &variables).await.unwrap();
        until(async || asked() > before).await;
        process.kill();
        desk.onedata.recover();
        ledger(&store).await;
        // Others leave a watch alone that is being asked about, for a while.
        passes(LEASE);
    }
    let found = async || events(&store).await.iter().filter(|item| item.meta.kind.as_str() == "onedata.ports").count();
    assert_eq!(found().await, 0, "no question was answered");

    // Killed once more when the answer is kept: the watch may not know it yet.
    let process = Process::start(&desk.plan, &variables).await.unwrap();
    until(async || found().await == 1).await;
    process.kill();
    passes(LEASE);
    let process = Process::start(&desk.plan, &variables).await.unwrap();
    until(async || !told(&desk.erp.deliveries(), "watch.silent").is_empty()).await;
    until(async || ledger(&store).await.pending == 0).await;
    process.kill();
    assert_eq!(found().await, 1);
    let subjects =
        |kind| told(&desk.erp.deliveries(), kind).into_iter().map(|(_, subject)| subject).collect::<Vec<_>>();
    assert_eq!(subjects("onedata.ports"), ["port:CNTAO:1:B1:E"], "once");
    assert_eq!(subjects("watch.silent"), ["port:CNTAO:1:B2:E"], "of which there is nothing");
    assert_eq!(desk.onedata.wrongs(), [] as [String; 0]);
}
