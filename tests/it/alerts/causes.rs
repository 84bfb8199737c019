//! Each cause is told, once, with what it is about.

use hub::alert::Ledger;
use hub::call::{Call, Standing};
use hub::event::Meta;
use hub::statistics::{Counted, PushResult};
use hub::{Alias, Event, EventId, EventKey, Subject, Work};

use crate::support::Plan;

use super::*;

on_both_engines! {
    failed_delivery_is_told_once_with_its_remedy;
    circuit_is_told_when_it_opens_and_when_it_closes;
    silence_is_told_once;
    ambiguous_call_is_told_with_its_order;
    ledger_is_told_when_its_difference_is_new;
    alert_with_causes_of_its_own_tells_no_other;
    late_and_lost_pushes_are_told_by_their_number;
}

async fn failed_delivery_is_told_once_with_its_remedy<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(store, &time, &alert("ops", "wecom", &robot, "console_url = \"https://hub.example.com\""));
    side.sweep().await;
    assert_eq!(robot.count(), 0, "there is nothing to tell");
    side.push("SO-1", REFUSED).await;
    side.sweep().await;
    let told = robot.messages();
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "通关：投递失败 1 条",
        "erp × 1",
        "order:SO-1",
        "重投",
        "https://hub.example.com/console#/deliveries?state=failed",
    ] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    for _ in 0..5 {
        time.pass(10 * MINUTE);
        side.sweep().await;
    }
    assert_eq!(robot.count(), 1, "it is no news any more");
}

async fn circuit_is_told_when_it_opens_and_when_it_closes<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let causes = "causes = [\"circuit_opened\", \"circuit_closed\"]\nlanguage = \"en\"";
    let side = Side::new(store, &time, &alert("ops", "wecom", &robot, causes).replace("retry = []", ""));
    for n in 0..12 {
        side.push(&format!("C{n}"), Outcome::NoAnswer).await;
    }
    side.sweep().await;
    side.sweep().await;
    let told = robot.messages();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("Circuit open") && told[0].contains("erp") && told[0].contains("xhq.syn_status"),
        "{told:?}"
    );
    *side.outcome.lock().unwrap() = Outcome::Delivered;
    for _ in 0..10 {
        time.pass(10 * MINUTE);
        side.sweep().await;
    }
    let told = robot.messages();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("Circuit closed") && !told[1].contains("Circuit open"), "{told:?}");
}

async fn silence_is_told_once<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let watch = "[[watches]]\nconnection = \"xhq-sh\"\nsilence = \"1h\"\n";
    let side = Side::new(
        store,
        &time,
        &format!("{watch}{}", alert("ops", "wecom", &robot, "console_url = \"https://hub.example.com\"")),
    );
    side.push("S1", Outcome::Delivered).await;
    side.sweep().await;
    for _ in 0..4 {
        time.pass(60 * MINUTE);
        side.sweep().await;
    }
    let told = robot.messages();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("久无新消息 1 票") && told[0].contains("console#/shipments/order%3AS1"), "{told:?}");
}

async fn ambiguous_call_is_told_with_its_order<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(store, &time, &alert("ops", "wecom", &robot, ""));
    side.sweep().await;
    let key = EventKey { connection: "xhq-sh".into(), subject: Subject::from("call:1"), id: EventId([7; 24]) };
    let body = Bytes::from_static(b"{}");
    let meta = Meta {
        aliases: vec![Alias::from("order:SO-9")],
        ..Meta::json("xhq.upload".into(), NOW, NOW.after(60 * 24 * MINUTE), body.len())
    };
    let now = NOW.after(MINUTE);
    let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), now, now);
    let call = Call { standing: Standing::Ambiguous, ..call };
    let work = Work { accepted: 1, call: Some(call), ..Work::default() };
    side.courier.context.store.admit(&Event { key, meta, body }, &work, None).await.unwrap();
    time.pass(MINUTE);
    side.sweep().await;
    let told = robot.messages();
    assert!(
        told.len() == 1 && told[0].contains("调用结果不明 1 个") && told[0].contains("upload order:SO-9"),
        "{told:?}"
    );
}

async fn ledger_is_told_when_its_difference_is_new<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(store, &time, &alert("ops", "wecom", &robot, ""));
    let context = &side.courier.context;
    side.push("S1", Outcome::Delivered).await;
    ledger::handle(&context.store, context.now()).await.unwrap();
    assert!(!ledger::is_due(&context.store, 60 * MINUTE, context.now()).await.unwrap());
    side.sweep().await;
    assert_eq!(robot.count(), 0, "it balances");
    time.pass(60 * MINUTE);
    assert!(ledger::is_due(&context.store, 60 * MINUTE, context.now()).await.unwrap());
    // A loss, as the ledger would find it.
    let note = context.store.note(Ledger::NOTE).await.unwrap().unwrap();
    let lost = Ledger { at: context.now(), differences: vec![("xhq-sh".into(), 3)] };
    assert!(context.store.put_note(Ledger::NOTE, &serde_json::to_string(&lost).unwrap(), note.version).await.unwrap());
    for _ in 0..3 {
        side.sweep().await;
        time.pass(10 * MINUTE);
    }
    let told = robot.messages();
    assert!(told.len() == 1 && told[0].contains("账本不平 3 条") && told[0].contains("xhq-sh × 3"), "{told:?}");
}

async fn alert_with_causes_of_its_own_tells_no_other<S: Store>(store: S) {
    let time = Hand::new();
    let (failures, others) = (wecom(&time).await, wecom(&time).await);
    let tables = [
        alert("failures", "wecom", &failures, "causes = [\"delivery_failed\"]\nconnections = [\"xhq-*\"]"),
        alert("others", "wecom", &others, "causes = [\"silence\", \"call_ambiguous\"]"),
    ];
    let side = Side::new(store, &time, &tables.concat());
    side.sweep().await;
    side.push("SO-1", REFUSED).await;
    side.sweep().await;
    assert_eq!((failures.count(), others.count()), (1, 0));
}

async fn late_and_lost_pushes_are_told_by_their_number<S: Store>(store: S) {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let side = Side::new(store, &time, &alert("ops", "wecom", &robot, ""));
    let context = &side.courier.context;
    let answer = async |result, ms: u64, times: usize| {
        let took = Some((Duration::from_millis(ms), Duration::from_secs(5)));
        for _ in 0..times {
            context.counters.count(context.now(), &Counted::Push { connection: &"xhq-sh".into(), result, took });
        }
        store::flush(&context.store, &context.counters, context.now()).await.unwrap();
    };
    answer(PushResult::NotKept, 10, 3).await;
    side.sweep().await;
    assert_eq!(robot.count(), 0, "what was before is no news");
    answer(PushResult::NotKept, 10, 2).await;
    answer(PushResult::Accepted, 6_000, 4).await;
    answer(PushResult::Accepted, 10, 9).await;
    side.sweep().await;
    let told = robot.messages();
    assert!(
        told.len() == 1 && told[0].contains("应答推送超时 4 次") && told[0].contains("推送未能保存 2 次"),
        "{told:?}"
    );
    for _ in 0..8 {
        time.pass(10 * MINUTE);
        side.sweep().await;
    }
    assert_eq!(robot.count(), 1);
    answer(PushResult::NotKept, 10, 1).await;
    time.pass(MINUTE);
    side.sweep().await;
    assert!(robot.messages()[1].contains("推送未能保存 1 次"), "{:?}", robot.messages());
}

/// On one machine nobody else reads the ledger; a read is of every event, so that it is made for alerts alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hub_on_one_machine_reads_the_ledger_for_alerts() {
    let time = Hand::new();
    let robot = wecom(&time).await;
    for (causes, is_read) in [("[\"ledger_unbalanced\"]", true), ("[\"silence\"]", false)] {
        let plan = Plan::new().table(&alert("ops", "wecom", &robot, &format!("causes = {causes}")));
        let hub = plan.start().await;
        within(hub.first_sweep()).await;
        let note = hub.context().store.note(Ledger::NOTE).await.unwrap();
        assert_eq!(note.is_some(), is_read, "{causes}");
        hub.stop().await;
    }
}
