//! Every way in which a partner misbehaves, and what it remembers of it.

use std::time::Duration;

use simulators::api::{Fault, Xhq};
use simulators::erp::Reply;
use tokio::net::TcpStream;

use super::support::{ANY_PORT, Ask, Hands};

const RECALL: &str = r#"{"appId":"APP","orderOutNo":"SO1","hdUserName":"W"}"#;

async fn start() -> Xhq {
    Xhq::start(ANY_PORT, Hands::new().clock(), "APP", "BGH").await.unwrap()
}

fn recall(order: &str) -> Ask {
    Ask::json("/api/docking/recall", RECALL.replace("SO1", order))
}

/// Visible result of one request: the status and the beginning of the body, or nothing.
async fn seen(xhq: &Xhq, order: &str) -> Option<(u16, String)> {
    let told = recall(order).ask(xhq).await?;
    Some((told.status, told.body.chars().take(13).collect()))
}

#[tokio::test]
async fn each_fault_is_seen_and_processed_as_it_says() {
    let xhq = start().await;
    let at = |status, body: &str| Some((status, body.to_owned()));
    let gateway = Reply { body: "bad gateway!!".into(), ..Reply::of(502) };
    let slow = Duration::from_millis(1);
    for (fault, answer, processed) in [
        (Fault::Refuses, at(200, r#"{"code":500,""#), false),
        (Fault::Busy, at(503, r#"{"code":503,""#), false),
        (Fault::Code(777, "不"), at(200, r#"{"code":777,""#), false),
        (Fault::Http(Reply::of(500)), at(500, ""), false),
        (Fault::Drops, None, false),
        (Fault::DropsAnswer, None, true),
        (Fault::Rubbish, at(200, "<!DOCTYPE htm"), false),
        (Fault::GarblesAnswer, at(200, "<!DOCTYPE htm"), true),
        (Fault::ThenHttp(gateway), at(502, "bad gateway!!"), true),
        (Fault::ThenCode(-1, "异"), at(200, r#"{"code":-1,"d"#), true),
        (Fault::Slow(slow), at(200, r#"{"code":200,""#), true),
    ] {
        let before = xhq.count();
        xhq.behave(fault.clone());
        assert_eq!(seen(&xhq, "SO1").await, answer, "{fault:?}");
        let last = xhq.received(before + 1).await.pop().unwrap();
        assert_eq!((last.processed, last.answered), (processed, answer.map(|(status, _)| status)), "{fault:?}");
        assert_eq!((last.wrong, &last.body[..], last.at.seconds()), (None, RECALL.as_bytes(), super::support::NOON));
    }
    xhq.recover();
    assert_eq!(seen(&xhq, "SO1").await, at(200, r#"{"code":200,""#));
    assert_eq!((xhq.processed_count(), xhq.times_processed("recall", RECALL.as_bytes())), (6, 6));
}

#[tokio::test]
async fn invalid_request_is_never_processed() {
    let xhq = start().await;
    for fault in [Fault::DropsAnswer, Fault::GarblesAnswer, Fault::Holds, Fault::Slow(Duration::from_hours(1))] {
        xhq.behave(fault.clone());
        let told = Ask::json("/api/docking/recall", "{}").ask(&xhq).await.unwrap();
        assert_eq!(told.code(), "500", "{fault:?}");
    }
    // A proxy in front of the application checks no rules, but the partner records the violation.
    xhq.behave(Fault::Drops);
    assert!(Ask::json("/api/docking/recall", "{}").ask(&xhq).await.is_none());
    assert_eq!((xhq.processed_count(), xhq.wrongs().len()), (0, 5));
}

#[tokio::test]
async fn retry_after_is_sent() {
    let xhq = start().await;
    xhq.behave(Fault::Http(Reply::of(429).retry_after(30)).first(1));
    let told = recall("SO1").ask(&xhq).await.unwrap();
    assert!(told.status == 429 && told.head.contains("retry-after: 30"), "{told:?}");
    assert_eq!(recall("SO1").ask(&xhq).await.unwrap().status, 200);
}

#[tokio::test]
async fn faults_apply_to_first_each_nth_or_some_requests() {
    let xhq = start().await;
    let statuses = async |orders: &[&str]| {
        let mut statuses = vec![];
        for order in orders {
            statuses.push(recall(order).ask(&xhq).await.map_or(0, |told| told.status));
        }
        xhq.recover();
        statuses
    };
    xhq.behave(Fault::Busy.first(2));
    assert_eq!(statuses(&["A", "B", "A", "B"]).await, [503, 503, 200, 200]);
    xhq.behave(Fault::DropsAnswer.first(2));
    assert_eq!(statuses(&["C", "D", "C", "D"]).await, [0, 0, 200, 200]);
    xhq.behave(Fault::Drops.every(2));
    assert_eq!(statuses(&["E", "F", "G", "H"]).await, [200, 0, 200, 0]);
    xhq.behave(Fault::Busy.wherever("\"J\""));
    xhq.also(Fault::Drops.first(2));
    assert_eq!(statuses(&["J", "I", "J", "I"]).await, [503, 0, 503, 200]);
    xhq.behave(Fault::Busy.always().on("upload"));
    assert_eq!(statuses(&["K"]).await, [200]);
    let done = |order: &str| xhq.times_processed("recall", RECALL.replace("SO1", order).as_bytes());
    assert_eq!((done("C"), done("D"), done("A"), done("J"), xhq.most_processed()), (2, 2, 1, 0, 2));
}

#[tokio::test]
async fn an_answer_is_held_until_it_is_released() {
    let xhq = start().await;
    xhq.behave(Fault::Holds);
    let test = async {
        let done = xhq.processed(1).await;
        assert_eq!((done[0].operation.as_str(), xhq.most_under_way()), ("recall", 1));
        xhq.release();
    };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(10), async {
        tokio::join!(async { recall("SO1").ask(&xhq).await.unwrap().status }, test)
    })
    .await
    .unwrap();
    assert_eq!(answer, 200);
}

#[tokio::test]
async fn stopped_partner_refuses_connections_and_keeps_its_state() {
    let xhq = start().await;
    xhq.behave(Fault::Holds);
    let cut = recall("SO1");
    let (cut, ()) = tokio::join!(cut.ask(&xhq), async {
        xhq.processed(1).await;
        xhq.down().await;
    });
    assert!(cut.is_none());
    let refused = TcpStream::connect(xhq.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    xhq.recover();
    xhq.up().await.unwrap();
    assert_eq!(recall("SO1").ask(&xhq).await.unwrap().status, 200);
    assert_eq!((xhq.times_processed("recall", RECALL.as_bytes()), xhq.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_partner_that_need_not_remember_still_counts() {
    let xhq = start().await;
    xhq.remember(false);
    for _ in 0..3 {
        recall("SO1").ask(&xhq).await.unwrap();
    }
    assert_eq!((xhq.count(), xhq.processed_count(), xhq.requests().len(), xhq.most_processed()), (3, 3, 0, 0));
}
