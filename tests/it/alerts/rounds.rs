//! Messages over time: storms, receivers that fail, processes that end or run side by side.

use std::sync::atomic::AtomicUsize;

use simulators::robots::Behaviour;

use super::*;
use crate::lambda::logs::Log;

on_both_engines! {
    storm_is_one_message_with_a_count;
    news_of_a_receiver_that_is_down_is_told_with_the_next;
    restart_tells_nothing_twice;
    processes_that_sweep_at_once_tell_once;
    old_failures_are_no_news_of_a_new_alert;
}

async fn storm_is_one_message_with_a_count<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side =
        Side::new(store, &time, &alert("ops", "wecom", &robot, "every = \"5m\"\ncauses = [\"delivery_failed\"]"));
    side.sweep().await;
    for n in 0..200 {
        side.push(&format!("A{n}"), REFUSED).await;
    }
    side.sweep().await;
    assert_eq!(robot.messages().len(), 1);
    assert!(robot.messages()[0].contains("投递失败 200 条"), "{:?}", robot.messages());
    for n in 0..4 {
        time.pass(MINUTE);
        side.push(&format!("B{n}"), REFUSED).await;
        side.sweep().await;
    }
    assert_eq!(robot.messages().len(), 1, "the pause between two messages");
    time.pass(MINUTE);
    side.sweep().await;
    assert!(robot.messages()[1].contains("投递失败 4 条"), "{:?}", robot.messages());
}

async fn news_of_a_receiver_that_is_down_is_told_with_the_next<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(store, &time, &alert("ops", "wecom", &robot, ""));
    side.sweep().await;
    robot.behave(Behaviour::Down);
    side.push("D1", REFUSED).await;
    side.sweep().await;
    robot.behave(Behaviour::Answers(200, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#.to_owned()));
    side.push("D2", REFUSED).await;
    time.pass(5 * MINUTE);
    side.sweep().await;
    assert_eq!((robot.count(), robot.messages().len()), (1, 0));
    robot.behave(Behaviour::Works);
    time.pass(5 * MINUTE);
    side.sweep().await;
    let told = robot.messages();
    assert!(
        told.len() == 1 && ["投递失败 2 条", "order:D1", "order:D2"].iter().all(|part| told[0].contains(part)),
        "{told:?}"
    );
    time.pass(5 * MINUTE);
    side.sweep().await;
    assert_eq!(robot.messages().len(), 1);
}

async fn restart_tells_nothing_twice<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let tables = alert("ops", "wecom", &robot, "");
    let side = Side::new(store, &time, &tables);
    side.sweep().await;
    side.push("R1", REFUSED).await;
    side.sweep().await;
    for _ in 0..3 {
        time.pass(10 * MINUTE);
        side.another(&tables).sweep().await;
    }
    assert_eq!(robot.count(), 1);
    side.push("R2", REFUSED).await;
    side.another(&tables).sweep().await;
    assert!(robot.messages()[1].contains("投递失败 1 条"), "{:?}", robot.messages());
}

async fn processes_that_sweep_at_once_tell_once<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let tables = alert("ops", "wecom", &robot, "");
    let side = Side::new(store, &time, &tables);
    side.sweep().await;
    side.push("P1", REFUSED).await;
    let others = [side.another(&tables), side.another(&tables), side.another(&tables)];
    futures::future::join_all(others.iter().map(Side::sweep)).await;
    assert_eq!(robot.count(), 1, "{:?}", robot.messages());
}

async fn old_failures_are_no_news_of_a_new_alert<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(store, &time, "");
    side.push("O1", REFUSED).await;
    side.sweep().await;
    let told = side.another(&alert("ops", "wecom", &robot, ""));
    told.sweep().await;
    assert_eq!(robot.count(), 0);
    told.push("O2", REFUSED).await;
    told.sweep().await;
    assert!(robot.messages()[0].contains("投递失败 1 条"), "{:?}", robot.messages());
}

/// A receiver that hangs delays the next sweep's end, and no delivery.
#[tokio::test(start_paused = true)]
async fn receiver_that_hangs_delays_no_delivery() {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(crate::dynamodb::emulated().await.0, &time, &alert("ops", "wecom", &robot, ""));
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let mut courier = side.courier.clone();
    courier.wire = Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending().boxed()
    });
    let hung = Side { courier, ..Side::another(&side, "") };
    hung.sweep().await;
    hung.push("H1", REFUSED).await;
    let before = Instant::now();
    hung.sweep().await;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    assert!(before.elapsed() <= Duration::from_secs(15), "{:?}", before.elapsed());
    time.pass(10 * MINUTE);
    side.sweep().await;
    assert_eq!(robot.messages().len(), 1, "the next sweep tells it");
}

/// A function on Lambda that is about to be stopped begins no message.
#[tokio::test]
async fn process_that_ends_soon_tells_nothing() {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(crate::dynamodb::emulated().await.0, &time, &alert("ops", "wecom", &robot, ""));
    side.sweep().await;
    side.push("E1", REFUSED).await;
    let ending = Courier { ends: Some(time.clock()().after(Duration::from_secs(20))), ..side.courier.clone() };
    Box::pin(sweep::handle(&ending)).await.unwrap();
    assert_eq!(robot.count(), 0);
    side.sweep().await;
    assert_eq!(robot.count(), 1);
}

#[tokio::test]
async fn failure_to_send_is_logged_without_secrets() {
    let time = Hand::new();
    let robot = robot(&time, Robot::Dingtalk("token-that-nobody-may-see", Some("SEC-of-another-robot"))).await;
    let secret = "secret = \"SEC-that-nobody-may-see\"";
    let side = Side::new(crate::dynamodb::emulated().await.0, &time, &alert("ops", "dingtalk", &robot, secret));
    side.sweep().await;
    side.push("L1", REFUSED).await;
    let log = Log::default();
    let logging = log.begin("info");
    side.sweep().await;
    drop(logging);
    let lines = log.lines();
    let [line] = &lines.iter().filter(|line| line["alert"] == "ops").collect::<Vec<_>>()[..] else {
        panic!("{lines:?}")
    };
    let why = line["why"].as_str().unwrap();
    assert!(why.starts_with("310000 sign not match: ") && why.contains("加签"), "{line}");
    assert_eq!((&line["level"], &line["kind"]), (&"WARN".into(), &"dingtalk".into()));
    assert!(!lines.iter().any(|line| line.to_string().contains("nobody-may-see")), "{lines:?}");
}
