//! The events of the ends of calls: each is delivered to each endpoint that wants it, and can be replayed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::api::Fault;
use simulators::erp::Behaviour;

use crate::calls::{Desk, Making, UNSAFE, upload};
use crate::command_line::Operator;
use crate::support::http::api;
use crate::support::{API_KEY, erp};

/// A call of each end, by the type of the event that tells it.
pub(super) async fn one_of_each(desk: &Desk) -> BTreeMap<&'static str, String> {
    let mut ids = BTreeMap::new();
    for (kind, state, fault) in [
        ("call.succeeded", "succeeded", None),
        ("call.failed", "failed", Some(Fault::Refuses)),
        ("call.ambiguous", "ambiguous", Some(Fault::DropsAnswer)),
    ] {
        desk.xhq.recover();
        if let Some(fault) = fault {
            desk.xhq.behave(fault);
        }
        let id = desk.command("xhq", "upload", kind, &upload(kind)).await;
        desk.stands(&id, state).await;
        ids.insert(kind, id);
    }
    ids
}

#[tokio::test]
async fn each_end_event_is_delivered_once_per_matching_endpoint() {
    let other = erp().await;
    let also = Some((&other, "types = [\"call.failed\", \"call.ambiguous\"]"));
    let desk = Desk::with(Making { also, ..Making::default() }).await;
    let ids = one_of_each(&desk).await;
    desk.quiet().await;
    // Long after, and whoever sweeps.
    for _ in 0..3 {
        desk.pass(Duration::from_hours(1)).await;
    }
    for (receiver, kinds) in [
        (&desk.erp, vec!["call.succeeded", "call.failed", "call.ambiguous"]),
        (&other, vec!["call.failed", "call.ambiguous"]),
    ] {
        let mut came = BTreeMap::new();
        for got in receiver.deliveries() {
            assert!(got.signed);
            let event: Value = serde_json::from_slice(&got.body).unwrap();
            let kind = got.kind.clone().unwrap();
            assert_eq!((&event["source"], &event["subject"]), (&"xhq".into(), &format!("order:{kind}").into()));
            assert_eq!(event["data"]["id"], ids[kind.as_str()].as_str());
            // The event's data is the call as the hub's own API shows it, but for who did what with it.
            let mut shown = desk.status(&ids[kind.as_str()]).await;
            assert_eq!(shown.as_object_mut().unwrap().remove("audit").unwrap()[0]["action"], "call");
            assert_eq!(event["data"], shown);
            *came.entry(kind).or_insert(0) += 1;
        }
        assert_eq!(came, kinds.into_iter().map(|kind| (kind.to_owned(), 1)).collect());
    }
    desk.calls().await;
}

#[tokio::test]
async fn end_event_is_retried_until_the_erp_accepts_it() {
    let desk = Desk::new().await;
    desk.erp.behave(Behaviour::Down);
    let id = desk.command("xhq", "upload", "k", &upload("M")).await;
    desk.stands(&id, "succeeded").await;
    for _ in 0..3 {
        desk.pass(Duration::from_mins(15)).await;
    }
    assert_eq!(desk.told("call.succeeded").len(), 0);
    desk.erp.behave(Behaviour::Takes);
    for _ in 0..4 {
        desk.pass(Duration::from_hours(1)).await;
    }
    desk.quiet().await;
    assert_eq!(desk.hears("call.succeeded", 1).await[0]["data"]["id"], id.as_str());
    desk.quiet().await;
    assert_eq!((desk.told("call.succeeded").len(), desk.xhq.count()), (1, 1));
}

#[tokio::test]
async fn end_event_is_on_the_timeline_and_can_be_replayed() {
    let desk = Desk::new().await;
    let ids = one_of_each(&desk).await;
    desk.quiet().await;
    for (kind, id) in &ids {
        let items = desk.get(&format!("/events/xhq/order:{kind}")).await.json()["items"].clone();
        let [item] = items.as_array().unwrap().as_slice() else { panic!("{items}") };
        let state = kind.trim_start_matches("call.");
        assert_eq!((&item["type"], &item["call"]), (&"xhq.upload".into(), &state.into()));
        assert_eq!(item["id"], id.as_str());
        assert_eq!(item["deliveries"][0]["state"], "delivered");
        let path = format!("/events/xhq/{}/{id}", item["subject"].as_str().unwrap());
        let shown = desk.get(&path).await.json();
        assert_eq!(shown["event"], desk.told(kind)[0], "as it was delivered");
    }
    let failed = &ids["call.failed"];
    let call = desk.status(failed).await;
    let item = desk.get("/events/xhq/order:call.failed").await.json()["items"][0].clone();
    let event = json!({"connection": "xhq", "subject": item["subject"], "id": failed});
    let body = json!({"endpoint": "erp", "dry_run": false, "events": [event]}).to_string();
    // Entries of one instant have no order.
    desk.pass(Duration::from_secs(1)).await;
    let reply = api(desk.hub.address(), "POST", "/deliveries/replay", API_KEY, &body).await;
    assert_eq!((reply.status, &reply.json()["replayed"]), (200, &1.into()), "{}", reply.json());
    let told = desk.hears("call.failed", 2).await;
    assert_eq!(told[0], told[1], "a replay is a repetition: the same id, the same words");
    let again = desk.status(failed).await;
    assert_eq!((&again["state"], &again["attempts"]), (&call["state"], &call["attempts"]));
    let actions: Vec<_> = again["audit"].as_array().unwrap().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["replay", "call"]);
    assert_eq!(desk.xhq.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_counts_calls_too() {
    let desk = Desk::with(Making { every: r#"retry = ["1h"]"#, ..Making::default() }).await;
    one_of_each(&desk).await;
    desk.xhq.behave(Fault::Busy);
    let queued = desk.command("xhq", "upload", "queued", &upload("queued")).await;
    desk.attempted(&queued, 1).await;
    desk.quiet().await;
    let said = Operator::of(&desk.plan, &desk.hub).says("ledger");
    assert!(said.fine, "{said:?}");
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let xhq = lines.iter().find(|line| line["connection"] == "xhq").unwrap();
    assert_eq!(xhq["calls"], json!({"queued": 1, "succeeded": 1, "failed": 1, "ambiguous": 1, "cancelled": 0}));
    // Four calls, and three ends that were told.
    assert_eq!((&xhq["accepted"], &xhq["delivered"], &xhq["balanced"]), (&7.into(), &3.into(), &true.into()));
}

/// Regression: a raw endpoint got the hub's own JSON, could not tell it from a partner's, and refused it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_endpoint_gets_ends_of_calls_only_by_name() {
    let raw = crate::support::erp().await;
    for (types, ends) in [("", 0), ("types = [\"*\"]", 0), ("types = [\"*\", \"call.succeeded\"]", 1)] {
        let before = raw.count();
        let more = format!("format = \"raw\"\n{types}");
        let desk = Desk::with(Making { also: Some((&raw, &more)), ..Making::default() }).await;
        let (connection, operation, body) = UNSAFE[0];
        let id = desk.command(connection, operation, "k", &body("A 单")).await;
        desk.stands(&id, "succeeded").await;
        desk.hears("call.succeeded", 1).await;
        desk.quiet().await;
        let got = raw.deliveries()[before..].to_vec();
        assert_eq!(got.len(), ends, "{types}: {got:?}");
        for delivery in got.iter().chain(&desk.erp.deliveries()) {
            let label = |name: &str| delivery.headers[name].to_str().unwrap().to_owned();
            assert_eq!(label("tongguan-type"), "call.succeeded");
            assert_eq!(label("tongguan-subject"), "order:A%20%E5%8D%95");
            assert_eq!((label("tongguan-source").as_str(), delivery.signed), (connection, true));
        }
        desk.hub.stop().await;
    }
}
