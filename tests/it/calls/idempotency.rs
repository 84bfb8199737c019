//! One key, one call: for as long as calls are kept.

use std::time::Duration;

use futures::future::join_all;
use simulators::api::Fault;

use crate::calls::{Desk, Making, UNSAFE, invoke, upload, waybill};
use crate::support::http::Reply;
use crate::support::{until, within};

async fn ask(desk: &Desk, key: &str, body: &str) -> Reply {
    desk.call("xhq", "upload", &format!("idempotency-key: {key}\r\n"), body).await
}

fn id(reply: &Reply) -> String {
    let id = reply.json()["id"].as_str().map(str::to_owned);
    id.unwrap_or_else(|| panic!("{} {}", reply.status, reply.json()))
}

#[tokio::test]
async fn the_same_request_under_the_same_key_is_the_same_call() {
    let desk = Desk::new().await;
    // While it runs,
    desk.xhq.behave(Fault::Holds);
    let first = ask(&desk, "k", &upload("S")).await;
    within(desk.xhq.received(1)).await;
    let second = ask(&desk, "k", &upload("S")).await;
    assert_eq!((second.status, id(&second)), (202, id(&first)));
    assert!(second.head.contains(&format!("location: ../{}", id(&first))));
    until(async || {
        desk.xhq.release();
        desk.status(&id(&first)).await["state"] == "succeeded"
    })
    .await;
    // and when it has ended, as a string in quotes too, and however it is laid out.
    let layouts = [
        upload("S"),
        upload("S").replace("\":", "\" : \n"),
        r#"{"isReload":"","orderOutNo":"\u0053","fileUrl":"http:\/\/files/1.zip"}"#.to_owned(),
    ];
    for body in &layouts {
        for key in ["k", "\"k\""] {
            let reply = ask(&desk, key, body).await;
            assert_eq!((reply.status, &reply.json()["state"]), (200, &"succeeded".into()), "{body}");
            assert_eq!(id(&reply), id(&first));
        }
    }
    assert_eq!((desk.calls().await.len(), desk.xhq.count()), (1, 1));
}

/// A key in Chinese was taken for none at all.
#[tokio::test]
async fn a_key_that_cannot_be_read_is_not_a_missing_one() {
    let desk = Desk::new().await;
    let problem = ask(&desk, "订单一", &upload("S")).await.json();
    assert_eq!((&problem["status"], &problem["field"]), (&400.into(), &"Idempotency-Key".into()));
    assert!(problem["detail"].as_str().unwrap().contains("ASCII"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_that_ask_at_once_get_one_call() {
    let desk = Desk::new().await;
    for (connection, operation, body) in UNSAFE {
        let body = body("A");
        let headers = "idempotency-key: k\r\nprefer: wait=20\r\n";
        let replies = within(join_all((0..64).map(|_| desk.call(connection, operation, headers, &body)))).await;
        assert!(replies.iter().all(|reply| reply.status == 200 && id(reply) == id(&replies[0])), "{replies:?}");
        assert_eq!(desk.partner(connection).count(), 1);
    }
    assert_eq!(desk.calls().await.len(), UNSAFE.len());
    assert_eq!(desk.hears("call.succeeded", 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_requests_that_take_one_key_at_once_one_is_refused() {
    let desk = Desk::new().await;
    let bodies: Vec<_> = (0..16).map(|n| upload(&format!("R{n}"))).collect();
    let replies = within(join_all(bodies.iter().map(|body| ask(&desk, "k", body)))).await;
    let taken: Vec<_> = replies.iter().filter(|reply| reply.status != 409).collect();
    assert_eq!(taken.len(), 1, "{replies:?}");
    desk.stands(&id(taken[0]), "succeeded").await;
    assert_eq!(desk.xhq.count(), 1);
}

#[tokio::test]
async fn other_request_with_same_key_is_refused_with_both_digests() {
    let desk = Desk::new().await;
    let first = id(&ask(&desk, "k", &upload("A")).await);
    let mut digests = Vec::new();
    // A value that is printed otherwise is another value.
    for body in [upload("B"), upload("A").replace("\"isReload\":\"\"", "\"isReload\":\"\",\"n\":1.10")] {
        let reply = ask(&desk, "k", &body).await;
        let problem = reply.json();
        assert_eq!((reply.status, &problem["type"]), (409, &"urn:tongguan:problem:idempotency-conflict".into()));
        assert_eq!(problem["call"], first.as_str());
        let digest = |name: &str| problem[name].as_str().unwrap().to_owned();
        assert_ne!(digest("digest"), digest("stored_digest"));
        digests.push((digest("digest"), digest("stored_digest")));
    }
    assert_ne!(digests[0].0, digests[1].0);
    assert_eq!(digests[0].1, digests[1].1);
    // Another operation is another request too.
    let reply = desk.call("xhq", "recall", "idempotency-key: k\r\n", r#"{"orderOutNo":"A","hdUserName":"U"}"#).await;
    assert_eq!(reply.status, 409, "{}", reply.json());
    desk.stands(&first, "succeeded").await;
    assert_eq!((desk.calls().await.len(), desk.xhq.count()), (1, 1));
}

#[tokio::test]
async fn a_key_must_be_there_and_be_a_key() {
    let desk = Desk::new().await;
    let long = "k".repeat(256);
    for headers in ["", "idempotency-key:\r\n", "idempotency-key: \"\"\r\n", &format!("idempotency-key: {long}\r\n")] {
        let reply = desk.call("xhq", "upload", headers, &upload("K")).await;
        let problem = reply.json();
        assert_eq!((reply.status, &problem["field"]), (400, &"Idempotency-Key".into()), "{headers} {problem}");
        assert_eq!(problem["type"], "urn:tongguan:problem:invalid-request");
    }
    let event = r#"{"connection":"xhq","operation":"upload","idempotency_key":"a\u0007b","body":BODY}"#;
    let invoked = invoke(&desk.courier(), &event.replace("BODY", &upload("K"))).await;
    assert_eq!((&invoked["status"], &invoked["body"]["field"]), (&400.into(), &"Idempotency-Key".into()));
    assert!(desk.calls().await.is_empty() && desk.xhq.count() == 0);
    // The longest there may be, and in any script, as JSON brings it.
    assert_eq!(ask(&desk, &"k".repeat(255), &upload("K")).await.status, 202);
    let event = event.replace("a\\u0007b", &"钥".repeat(255)).replace("BODY", &upload("K"));
    let invoked = invoke(&desk.courier(), &event).await;
    assert_eq!(invoked["status"], 202, "{invoked}");
    // A query needs none.
    assert_eq!(desk.call("xhq", "bghList", "", "").await.status, 200);
}

#[tokio::test]
async fn keys_are_each_connections_own() {
    let desk = Desk::new().await;
    let xhq = desk.command("xhq", "upload", "k", &upload("A")).await;
    let yanwen = desk.command("yanwen", "s3.mawb.create", "k", &waybill("A")).await;
    assert_ne!(xhq, yanwen);
    desk.stands(&xhq, "succeeded").await;
    desk.stands(&yanwen, "succeeded").await;
    assert_eq!((desk.xhq.count(), desk.yanwen.count()), (1, 1));
}

#[tokio::test]
async fn a_key_outlives_the_process() {
    let mut desk = Desk::new().await;
    let first = desk.command("xhq", "upload", "k", &upload("A")).await;
    desk.stands(&first, "succeeded").await;
    desk.hears("call.succeeded", 1).await;
    desk.hub.stop().await;
    desk.hub = desk.plan.start_at(&desk.time).await;
    let reply = ask(&desk, "k", &upload("A")).await;
    assert_eq!((reply.status, id(&reply)), (200, first));
    assert_eq!(ask(&desk, "k", &upload("B")).await.status, 409);
    assert_eq!(desk.xhq.count(), 1);
}

#[tokio::test]
async fn a_key_holds_for_as_long_as_calls_are_kept() {
    let desk = Desk::with(Making { top: "retention_days = 30", ..Making::default() }).await;
    let first = desk.command("xhq", "upload", "k", &upload("A")).await;
    desk.stands(&first, "succeeded").await;
    desk.time.pass(Duration::from_hours(30 * 24 - 1));
    assert_eq!(desk.command("xhq", "upload", "k", &upload("A")).await, first);
    assert_eq!(ask(&desk, "k", &upload("B")).await.status, 409);
    assert_eq!(desk.xhq.count(), 1);
    desk.time.pass(Duration::from_hours(1));
    assert_eq!(desk.get(&format!("/calls/{first}")).await.status, 404, "it has expired");
    let anew = ask(&desk, "k", &upload("B")).await;
    assert_eq!(anew.status, 202, "{}", anew.json());
    desk.stands(&id(&anew), "succeeded").await;
    assert_eq!(desk.xhq.count(), 2);
}

/// Regression: a key in another script was refused without a word on how to send it.
#[tokio::test]
async fn key_in_another_script_is_percent_encoded() {
    let desk = Desk::new().await;
    for (headers, remedy) in [
        ("idempotency-key: 订单-1\r\n", "percent-encode"),
        ("idempotency-key: a\tb\r\n", "percent-encode"),
        ("idempotency-key: a\r\nidempotency-key: b\r\n", "once"),
    ] {
        let problem = desk.call("xhq", "upload", headers, &upload("K")).await.json();
        assert_eq!(problem["field"], "Idempotency-Key", "{headers}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(remedy), "{headers}: {problem}");
    }
    let problem = ask(&desk, &"k".repeat(300), &upload("K")).await.json();
    assert!(problem["detail"].as_str().unwrap().contains("not 300"), "{problem}");
    let reply = ask(&desk, "%E8%AE%A2%E5%8D%95-1", &upload("K")).await;
    assert_eq!((reply.status, &reply.json()["idempotency_key"]), (202, &"%E8%AE%A2%E5%8D%95-1".into()));
    desk.stands(&id(&reply), "succeeded").await;
}
