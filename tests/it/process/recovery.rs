//! `kill -9` while failed pushes are recovered: while the list is asked for, while its rows are kept, and while they are
//! confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use simulators::api::{FailedNames, Fault, Xhq};
use store::Listed;
use store_sqlite::SqliteStore;

use super::clock::Clock;
use crate::calls::{Desk, Making};
use crate::support::process::Process;
use crate::support::{events, ledger, until};

const RECOVER: &str = "recover = { rows = \"/data\", serial = \"/orderNo\", cutoff = \"/foot/operationTime\" }";

/// Number of rows of the list, and of their serials.
const ROWS: usize = 200;
const SERIALS: usize = 25;

/// The moment of a kill.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The partner is about to answer with the list.
    Asked,
    /// So many rows are kept.
    Kept(usize),
    /// The partner gets the confirmation, and has done nothing yet.
    Confirming,
    /// The partner has confirmed, and nobody hears of it.
    Confirmed,
}

async fn kept(store: &SqliteStore) -> Vec<Listed> {
    let all = events(store).await;
    all.into_iter().filter(|item| item.meta.kind.as_str() == "xhq.failed_push").collect()
}

/// Nothing is off the list that is not kept.
async fn check(xhq: &Xhq, store: &SqliteStore, moment: Moment) {
    let (mut listed, mut found) = (BTreeMap::new(), BTreeMap::new());
    for serial in xhq.listed() {
        *listed.entry(serial).or_insert(0) += 1;
    }
    for item in kept(store).await {
        let serial = item.key.subject.as_str().strip_prefix("serial:").unwrap().to_owned();
        *found.entry(serial).or_insert(0) += 1;
    }
    for serial in (0..SERIALS).map(|serial| format!("A{serial}")) {
        let [listed, found] = [&listed, &found].map(|rows| rows.get(&serial).copied().unwrap_or(0));
        assert!(listed > 0 || found >= ROWS / SERIALS, "{serial} is cleared, {found} rows are kept, at {moment:?}");
    }
    ledger(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_recovery_keeps_each_row_before_it_is_confirmed() {
    let desk = Desk::with(Making { xhq: RECOVER, top: "sweep_every = \"1s\"", ..Making::default() }).await;
    // What was on the list at the start.
    desk.hears("xhq.failed_push", 1).await;
    until(async || desk.xhq.listed().is_empty()).await;
    desk.hub.stop().await;
    let ((clock, variables), store) = (Clock::of(&desk.plan), desk.plan.store());
    let old = kept(&store).await.len();
    let (serial, body) = ("orderNo".to_owned(), Some("content".to_owned()));
    desk.xhq.failed_names(FailedNames { serial, time: Some("failedAt".to_owned()), body });
    for row in 0..ROWS {
        desk.xhq.lose(&format!("A{}", row % SERIALS), &json!({ "row": row }).to_string());
    }
    let mut moments = vec![Moment::Asked, Moment::Kept(1), Moment::Confirming, Moment::Kept(ROWS / 2)];
    moments.extend([Moment::Confirming, Moment::Confirmed]);
    for (kill, moment) in (1..).zip(moments) {
        // The lease of the process that was killed before is over, and a cycle is due.
        desk.time.pass(Duration::from_mins(5));
        clock.is_wrong_by(300 * kill);
        match moment {
            Moment::Asked => desk.xhq.behave(Fault::Holds.always().on("failedPushQuery")),
            Moment::Confirming | Moment::Kept(_) => desk.xhq.behave(Fault::Drops.always().on("failedPushConfirm")),
            Moment::Confirmed => desk.xhq.behave(Fault::Holds.always().on("failedPushConfirm")),
        }
        let requests = |operation| desk.xhq.requests_for(operation).len();
        let before = (requests("failedPushQuery"), requests("failedPushConfirm"));
        let process = Process::start(&desk.plan, &variables).await.unwrap();
        until(async || match moment {
            Moment::Asked => requests("failedPushQuery") > before.0,
            Moment::Kept(rows) => kept(&store).await.len() >= old + rows,
            Moment::Confirming => requests("failedPushConfirm") > before.1,
            Moment::Confirmed => desk.xhq.listed().is_empty(),
        })
        .await;
        process.kill();
        desk.xhq.recover();
        check(&desk.xhq, &store, moment).await;
    }

    // A push that fails later is on the list by itself.
    desk.xhq.lose("A0", r#"{"row":"later"}"#);
    desk.time.pass(Duration::from_mins(5));
    clock.is_wrong_by(300 * 7);
    let process = Process::start(&desk.plan, &variables).await.unwrap();
    until(async || desk.xhq.listed().is_empty() && ledger(&store).await.pending == 0).await;
    process.kill();
    assert_eq!(kept(&store).await.len(), old + ROWS + 1, "each row is one event");
    let told = desk.erp.deliveries().into_iter();
    let told = told.filter_map(|delivery| serde_json::from_slice::<Value>(&delivery.body).ok());
    let told = told.filter(|event| event["type"] == "xhq.failed_push").map(|event| event["id"].to_string());
    assert_eq!(told.collect::<BTreeSet<_>>().len(), old + ROWS + 1);
    assert_eq!(desk.xhq.wrongs(), [] as [String; 0]);
}
