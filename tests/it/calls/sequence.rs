//! Commands about one order: they reach the partner one after another, in the order in which they were accepted.

use std::time::Duration;

use hub::progress::Outgoing as _;
use hub::{EventId, Work};
use serde_json::Value;
use simulators::api::Fault;
use store::{Settled, Store as _};

use crate::calls::{Desk, Making, upload};
use crate::support::http::{Reply, api};
use crate::support::{API_KEY, until};

/// A recall of that order.
pub(super) fn recall(order: &str) -> String {
    format!(r#"{{"orderOutNo":"{order}","hdUserName":"张三"}}"#)
}

impl Desk {
    /// Requests a change of a call.
    pub(super) async fn ask_of(&self, id: &str, what: &str, body: &str) -> Reply {
        api(self.hub.address(), "POST", &format!("/calls/{id}/{what}"), API_KEY, body).await
    }

    /// The operations that XHQ was asked for, in their order.
    pub(super) fn wire(&self) -> Vec<String> {
        self.xhq.requests().into_iter().map(|request| request.operation).collect()
    }
}

/// A desk whose connections retry three times, each after so long.
async fn desk(retry: &str) -> Desk {
    Desk::with(Making { every: &format!(r#"retry = ["{retry}", "{retry}", "{retry}"]"#), ..Making::default() }).await
}

/// An upload of an order that XHQ was too busy for, and a recall of that order, accepted after it.
async fn upload_and_recall(desk: &Desk) -> (String, String) {
    desk.xhq.behave(Fault::Busy.first(1));
    let first = desk.command("xhq", "upload", "first", &upload("S")).await;
    desk.attempted(&first, 1).await;
    let second = desk.command("xhq", "recall", "second", &recall("S")).await;
    desk.attempted(&second, 1).await;
    (first, second)
}

fn minutes(n: u64) -> Duration {
    Duration::from_mins(n)
}

#[tokio::test]
async fn recall_waits_for_the_upload_that_is_retried() {
    let desk = desk("1m").await;
    let (first, second) = upload_and_recall(&desk).await;
    let call = desk.status(&second).await;
    assert_eq!((&call["state"], &call["waits_for"]), (&"queued".into(), &first.as_str().into()), "{call}");
    let attempts = call["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["put_off"]), (1, &1.into()), "{call}");
    assert!(attempts[0]["detail"].as_str().unwrap().contains(&first), "{call}");
    desk.pass(Duration::from_secs(45)).await;
    assert_eq!(desk.wire(), ["upload"], "neither is sent before its time");
    desk.pass(Duration::from_secs(25)).await;
    let call = desk.stands(&second, "succeeded").await;
    assert_eq!(
        (desk.wire(), &call["waits_for"]),
        (vec!["upload".into(), "upload".into(), "recall".into()], &Value::Null)
    );
    assert_eq!(desk.status(&first).await["state"], "succeeded");
    desk.calls().await;
    desk.hub.stop().await;
}

#[tokio::test]
async fn answer_to_an_accepted_command_says_what_it_waits_for() {
    let desk = desk("1h").await;
    let (first, second) = upload_and_recall(&desk).await;
    let again = desk.call("xhq", "recall", "idempotency-key: second\r\n", &recall("S")).await;
    assert_eq!((again.status, &again.json()["id"]), (202, &second.as_str().into()), "the same key is the same call");
    let third = desk.call("xhq", "upload", "idempotency-key: third\r\n", &upload("S")).await;
    assert_eq!(
        (third.status, &third.json()["waits_for"]),
        (202, &second.as_str().into()),
        "a repetition moves nothing"
    );
    let other = desk.call("xhq", "upload", "idempotency-key: other\r\n", &upload("T")).await;
    assert_eq!(other.json()["waits_for"], Value::Null);
    desk.stands(other.json()["id"].as_str().unwrap(), "succeeded").await;
    // One that names two orders waits for both, and the next one of either waits for it.
    let both = r#"{"billNo":"B","shipName":"S","voyage":"1","iEPort":"洋山","iEPortCode":"2248","packNo":"1","grossWet":"1",
        "lclFlagCode":"1","orders":[{"orderOutNo":"T","newBillNo":"B1"},{"orderOutNo":"S","newBillNo":"B2"}]}"#;
    let both = desk.call("xhq", "lcl_task", "idempotency-key: both\r\n", both).await.json();
    assert_eq!(both["waits_for"], third.json()["id"], "{both}");
    let last = desk.call("xhq", "recall", "idempotency-key: last\r\n", &recall("T")).await.json();
    assert_eq!(last["waits_for"], both["id"], "{last}");
    for list in ["/calls?state=queued", "/calls?subject=order:S&state=queued"] {
        let listed = desk.get(list).await.json();
        let waits = |call: &Value| (call["id"].clone(), call["waits_for"].clone());
        let items: Vec<_> = listed["items"].as_array().unwrap().iter().map(waits).collect();
        assert!(items.contains(&(second.as_str().into(), first.as_str().into())), "{list}: {listed}");
    }
    desk.hub.stop().await;
}

#[tokio::test]
async fn waiting_call_is_not_sent_now_and_goes_with_the_one_before() {
    let desk = desk("6h").await;
    let (first, second) = upload_and_recall(&desk).await;
    for body in ["", r#"{"dry_run":true}"#] {
        let reply = desk.ask_of(&second, "retry", body).await;
        let problem = reply.json();
        assert_eq!((reply.status, &problem["type"]), (409, &"urn:tongguan:problem:waiting".into()));
        assert_eq!((&problem["waits_for"], &problem["state"]), (&first.as_str().into(), &"queued".into()));
    }
    assert_eq!(desk.ask_of(&first, "retry", "").await.status, 200);
    desk.stands(&second, "succeeded").await;
    assert_eq!(desk.wire(), ["upload", "upload", "recall"]);
    desk.hub.stop().await;
}

#[tokio::test]
async fn ambiguous_call_holds_up_none_until_it_is_sent_again() {
    let desk = desk("1m").await;
    desk.xhq.behave(Fault::DropsAnswer.first(1));
    let first = desk.command("xhq", "upload", "first", &upload("S")).await;
    desk.stands(&first, "ambiguous").await;
    desk.xhq.behave(Fault::Busy);
    let second = desk.command("xhq", "recall", "second", &recall("S")).await;
    let call = desk.attempted(&second, 1).await;
    assert_eq!((&call["state"], &call["waits_for"]), (&"queued".into(), &Value::Null), "{call}");
    assert_eq!(desk.resolve(&first, "retry").await.status, 200);
    desk.attempted(&first, 2).await;
    assert_eq!(desk.status(&second).await["waits_for"], first.as_str(), "it waits again");
    desk.xhq.behave(Fault::Busy.always().on("upload"));
    desk.pass(minutes(2)).await;
    desk.attempted(&first, 3).await;
    assert_eq!(desk.wire(), ["upload", "recall", "upload", "upload"]);
    desk.xhq.recover();
    desk.pass(minutes(2)).await;
    desk.stands(&second, "succeeded").await;
    assert_eq!(desk.wire(), ["upload", "recall", "upload", "upload", "upload", "recall"]);
    desk.hub.stop().await;
}

#[tokio::test]
async fn call_behind_a_failed_one_goes_out() {
    let desk = desk("1m").await;
    let (first, second) = upload_and_recall(&desk).await;
    desk.xhq.behave(Fault::Refuses.first(1));
    desk.pass(minutes(2)).await;
    desk.stands(&second, "succeeded").await;
    assert_eq!(desk.status(&first).await["state"], "failed");
    desk.hub.stop().await;
}

/// A process that dies between the end of a call and the forwarding of the one behind it leaves that to the sweep.
#[tokio::test]
async fn sweep_finds_the_call_whose_turn_has_come() {
    let desk = desk("1m").await;
    let (first, second) = upload_and_recall(&desk).await;
    let (store, id): (_, EventId) = (&desk.hub.context().store, first.parse().unwrap());
    let key = hub::call::find([&"xhq".into()], id).unwrap();
    let found = store.inspect(&key, (desk.time.clock())()).await.unwrap().unwrap();
    let call = found.work.call.clone().unwrap().given_up("the process died after this", (desk.time.clock())());
    let work = Work { version: found.work.version + 1, call: Some(call), ..found.work };
    assert_eq!(store.settle(&key, &work).await.unwrap(), Settled::Done);
    assert_eq!(desk.status(&second).await["waits_for"], Value::Null);
    desk.pass(minutes(40)).await;
    desk.stands(&second, "succeeded").await;
    assert_eq!(desk.wire(), ["upload", "recall"]);
    desk.hub.stop().await;
}

#[tokio::test]
async fn long_wait_costs_few_writes_and_no_patience() {
    let desk = desk("6d").await;
    let (first, second) = upload_and_recall(&desk).await;
    for _ in 0..60 {
        desk.pass(minutes(1)).await;
    }
    let put_off = |call: &Value| call["attempts"][0]["put_off"].as_u64().unwrap();
    let looked_at = put_off(&desk.status(&second).await);
    assert!((5..=8).contains(&looked_at), "looked at {looked_at} times within an hour");
    for _ in 0..5 {
        desk.pass(Duration::from_hours(24)).await;
    }
    assert_eq!(desk.status(&second).await["state"], "queued", "longer than a call may wait for a circuit");
    assert_eq!(desk.wire(), ["upload"]);
    desk.pass(Duration::from_hours(48)).await;
    let call = desk.stands(&second, "succeeded").await;
    assert_eq!((call["attempts"].as_array().unwrap().len(), desk.wire().len()), (2, 3), "{call}");
    assert_eq!(desk.status(&first).await["state"], "succeeded");
    desk.hub.stop().await;
}

/// An open circuit holds up the first of an order only by itself, and its closing sends them in their order.
#[tokio::test]
async fn circuit_that_closes_keeps_the_sequence() {
    let desk = desk("1m").await;
    desk.xhq.down().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let (operation, body) = if n % 2 == 0 { ("upload", upload("S")) } else { ("recall", recall("S")) };
        ids.push(desk.command("xhq", operation, &format!("k-{n}"), &body).await);
    }
    for n in 0..12 {
        desk.command("xhq", "upload", &format!("other-{n}"), &upload(&format!("T{n}"))).await;
    }
    desk.attempted(&ids[0], 1).await;
    desk.xhq.up().await.unwrap();
    for _ in 0..10 {
        desk.pass(minutes(1)).await;
    }
    for id in &ids {
        desk.stands(id, "succeeded").await;
    }
    let about = desk.xhq.requests().into_iter().filter(|request| request.json()["orderOutNo"] == "S");
    let about: Vec<_> = about.filter(|request| request.processed).map(|request| request.operation).collect();
    assert_eq!(about, ["upload", "recall", "upload", "recall"]);
    until(async || desk.calls().await.iter().all(|(_, standing)| *standing == hub::call::Standing::Succeeded)).await;
    desk.hub.stop().await;
}
