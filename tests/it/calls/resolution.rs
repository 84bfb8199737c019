//! Decisions of the ERP about ambiguous calls: send it again, or take it for done.

use std::time::Duration;

use serde_json::Value;
use simulators::api::Fault;

use crate::calls::{Desk, Making, upload};

/// An ambiguous upload, under that key.
async fn ambiguous(desk: &Desk, key: &str) -> String {
    desk.xhq.behave(Fault::DropsAnswer);
    let id = desk.command("xhq", "upload", key, &upload(key)).await;
    desk.stands(&id, "ambiguous").await;
    desk.xhq.recover();
    id
}

/// The ids under which the ends of a call were told, in their order.
fn ids(desk: &Desk, call: &str) -> Vec<(String, String)> {
    let deliveries = desk.erp.deliveries();
    let events = deliveries.iter().map(|got| (got.id.clone(), serde_json::from_slice::<Value>(&got.body).unwrap()));
    let own = events.filter(|(_, event)| event["data"]["id"] == call);
    own.map(|(id, event)| (event["type"].as_str().unwrap().to_owned(), id)).collect()
}

#[tokio::test]
async fn the_erp_decides_that_it_be_sent_again() {
    let desk = Desk::new().await;
    let id = ambiguous(&desk, "k").await;
    desk.hears("call.ambiguous", 1).await;
    desk.xhq.behave(Fault::GarblesAnswer.first(1));
    let reply = desk.resolve(&id, "retry").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"queued".into()));
    // It is lost again, and told again.
    desk.hears("call.ambiguous", 2).await;
    assert_eq!(desk.resolve(&id, "retry").await.status, 200);
    desk.hears("call.succeeded", 1).await;
    assert_eq!(desk.xhq.processed_count(), 3, "once, and once for each decision");
    let told = ids(&desk, &id);
    let kinds: Vec<_> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["call.ambiguous", "call.ambiguous", "call.succeeded"]);
    let different: std::collections::BTreeSet<_> = told.iter().map(|(_, id)| id).collect();
    assert_eq!(different.len(), 3, "each end has an id of its own: {told:?}");
    desk.calls().await;
}

#[tokio::test]
async fn the_erp_decides_that_it_is_done() {
    let desk = Desk::new().await;
    let id = ambiguous(&desk, "k").await;
    desk.hears("call.ambiguous", 1).await;
    let reply = desk.resolve(&id, "done").await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"succeeded".into()));
    desk.hears("call.succeeded", 1).await;
    desk.quiet().await;
    desk.pass(Duration::from_hours(1)).await;
    assert_eq!(desk.xhq.count(), 1, "what is done is not sent");
    let told = ids(&desk, &id);
    assert_eq!((told[0].0.as_str(), told[1].0.as_str(), told.len()), ("call.ambiguous", "call.succeeded", 2));
    assert_ne!(told[0].1, told[1].1);
}

#[tokio::test]
async fn only_an_ambiguous_call_is_there_to_be_resolved() {
    let desk = Desk::with(Making { every: r#"retry = ["1h"]"#, ..Making::default() }).await;
    let succeeded = desk.command("xhq", "upload", "k-1", &upload("1")).await;
    desk.stands(&succeeded, "succeeded").await;
    desk.xhq.behave(Fault::Refuses);
    let failed = desk.command("xhq", "upload", "k-2", &upload("2")).await;
    desk.stands(&failed, "failed").await;
    desk.xhq.behave(Fault::Busy);
    let queued = desk.command("xhq", "upload", "k-3", &upload("3")).await;
    desk.attempted(&queued, 1).await;
    for (id, state) in [(&succeeded, "succeeded"), (&failed, "failed"), (&queued, "queued")] {
        for decision in ["retry", "done"] {
            let reply = desk.resolve(id, decision).await;
            let problem = reply.json();
            assert_eq!((reply.status, &problem["state"]), (409, &state.into()), "{problem}");
            assert_eq!(problem["type"], "urn:tongguan:problem:not-ambiguous");
        }
        assert_eq!(desk.status(id).await["state"], state);
    }
    assert_eq!(desk.resolve(&queued, "forget").await.status, 400);
    // Regression: arrays, and objects for a name, were read as what they are not: a call was sent or taken for done.
    for (verb, body) in [("resolve", r#"["done"]"#), ("resolve", r#"{"decision":{"done":null}}"#), ("retry", "[]")] {
        let path = format!("/calls/{queued}/{verb}");
        let reply = crate::support::http::api(desk.hub.address(), "POST", &path, crate::support::API_KEY, body).await;
        assert_eq!((reply.status, &reply.json()["field"]), (400, &"body".into()), "{verb} {body}");
    }
    assert_eq!(desk.status(&queued).await["state"], "queued");
    assert_eq!(desk.resolve(&"0".repeat(48), "done").await.status, 404);
    assert_eq!(desk.resolve("nobody", "done").await.status, 400);
}
