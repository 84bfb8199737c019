//! Duplicates: the same push twice is one event; a state that returns after a change is another.

use std::time::Duration;

use futures::future::join_all;
use hub::ledger::Tally;
use partners::Partner;
use simulators::partner::Next;
use simulators::pushes;
use tongguan::Hub;

use crate::support::{
    Plan, Time, connection, erp, events, hook, key, ledger, sender, settled, status, taken, until, within,
};

/// So many partners push the same at once; every one of them takes it as delivered.
async fn at_once(hub: &Hub, partner: Partner, suffix: &str, bodies: Vec<Vec<u8>>) {
    let path = hook(partner, suffix);
    let pushes = bodies.into_iter().map(|body| {
        let (mut sender, path) = (sender(hub, partner), path.clone());
        async move { sender.push(&path, "application/json", body).await }
    });
    for done in within(join_all(pushes)).await {
        assert_eq!(done.verdict, Next::Taken, "{:?}", done.answered);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_identical_pushes_are_one_event_after_restart_too() {
    let erp = erp().await;
    let plan = Plan::new().endpoint("erp", &erp, "");
    for _ in 0..3 {
        let hub = plan.start().await;
        at_once(&hub, Partner::Xhq, "single_receipt", vec![pushes::receipt(1); 64]).await;
        within(erp.received(1)).await;
        settled(&hub).await;
        hub.stop().await;
        let store = plan.store();
        assert_eq!((events(&store).await.len(), erp.count()), (1, 1));
        let tally = ledger(&store).await;
        assert_eq!((tally.accepted, tally.delivered), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_identical_statuses_at_once_one_is_an_event() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    for (n, code) in [61, 63, 61, 64].into_iter().enumerate() {
        at_once(&hub, Partner::Xhq, "syn_status", vec![status("S1", code).into(); 64]).await;
        assert_eq!(events(&hub.context().store).await.len(), n + 1);
    }
    assert_eq!(settled(&hub).await.delivered, 4);
    hub.stop().await;
    assert_eq!(erp.count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_statuses_of_one_order_at_once_are_all_kept() {
    let hub = Plan::new().start().await;
    let bodies = (0..32).map(|code| status("S1", code).into()).collect();
    at_once(&hub, Partner::Xhq, "syn_status", bodies).await;
    let kept = hub.context().store.timeline_of("order:S1", &hub).await;
    assert_eq!(kept.len(), 32);
    assert!(kept.is_sorted_by(|a, b| a.meta.received < b.meta.received), "each is later than the one before it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn returning_status_is_an_event_marked_possible_repeat() {
    let erp = erp().await;
    let time = Time::now();
    let hub = Plan::new().endpoint("erp", &erp, "").start_at(&time).await;
    let mut marked = Vec::new();
    for (code, passed) in [(61, 1), (61, 1), (63, 60), (63, 3_600), (61, 30), (61, 86_400), (63, 1), (61, 660)] {
        time.pass(Duration::from_secs(passed));
        let before = erp.count();
        let stored = hub.context().store.timeline_of("order:S1", &hub).await.len();
        taken(&hub, Partner::Xhq, "syn_status", status("S1", code)).await;
        let kept = hub.context().store.timeline_of("order:S1", &hub).await;
        if kept.len() > stored {
            let got = within(erp.received(before + 1)).await.pop().unwrap();
            let latest = kept.last().unwrap();
            assert_eq!(latest.key.id.to_string(), got.id, "the latest is the last of the timeline");
            let text = String::from_utf8_lossy(&got.body).into_owned();
            assert_eq!(text.contains(r#","possiblerepeat":true,"#), latest.meta.possible_repeat);
            marked.push((code, latest.meta.possible_repeat));
        }
    }
    // The third and the fifth came an hour and a day after the latest, which they equal; the others came with another one in
    // between, after more than ten minutes.
    let came = [(61, false), (63, false), (63, true), (61, false), (61, true), (63, false), (61, false)];
    assert_eq!(marked, came);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn possible_repeat_is_marked_within_the_window_only() {
    let time = Time::now();
    let hub = Plan::new().start_at(&time).await;
    for (order, minutes, repeat) in [("S1", 1, true), ("S2", 9, true), ("S3", 11, false)] {
        for (code, passed) in [(61, 0), (61, 0), (63, 0), (61, minutes)] {
            time.pass(Duration::from_mins(passed));
            taken(&hub, Partner::Xhq, "syn_status", status(order, code)).await;
        }
        let kept = hub.context().store.timeline_of(&format!("order:{order}"), &hub).await;
        let repeats: Vec<_> = kept.iter().map(|item| item.meta.possible_repeat).collect();
        assert_eq!(repeats, [false, false, repeat], "{order}");
        let codes: Vec<_> = join_all(kept.iter().map(|item| hub.context().store.code_of(item, &hub))).await;
        assert_eq!(codes, [61, 63, 61], "{order}");
    }
}

/// Regression: an order's message that came again was one event for ever, though it may be a reminder or a second draft.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_message_after_the_window_is_a_marked_event() {
    let time = Time::now();
    let erp = erp().await;
    for (window, rest) in [(600, ""), (3_600, "repeat_window = \"1h\"")] {
        let (id, key) = (connection(Partner::Xhq), key(connection(Partner::Xhq)));
        let account = format!("[[connections]]\nid = \"{id}\"\npartner = \"xhq\"\nkeys = [\"{key}\"]\n{rest}");
        let plan = Plan::bare().table(&account).endpoint("erp", &erp, "");
        let hub = plan.start_at(&time).await;
        let before = erp.count();
        let message = |action: &str| format!(r#"{{"action":"{action}","orderOutNo":"M1","code":61,"msg":"请付款"}}"#);
        for action in ["msg_notice", "syn_status"] {
            for passed in [0, 5, window - 5, 1, window] {
                time.pass(Duration::from_secs(passed));
                at_once(&hub, Partner::Xhq, action, vec![message(action).into(); 8]).await;
            }
        }
        assert_eq!(settled(&hub).await.delivered, 4);
        let kept = hub.context().store.timeline_of("order:M1", &hub).await;
        let repeats: Vec<_> = kept.iter().map(|item| item.meta.possible_repeat).collect();
        assert_eq!(repeats, [false, true, false, true]);
        let got = within(erp.received(before + 4)).await;
        let marked = got[before..].iter().filter(|got| String::from_utf8_lossy(&got.body).contains("possiblerepeat"));
        assert_eq!(marked.count(), 2);
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_with_a_release_notice_is_another_event() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let receipt = |notice: &str| {
        format!(
            r#"{{"action":"single_receipt","orderOutNo":"R1","paramJson":{{"channel":"P","releaseNotice":"{notice}"}}}}"#
        )
    };
    for body in [receipt(""), receipt("https://x/1.pdf"), receipt(""), receipt("https://x/1.pdf")] {
        taken(&hub, Partner::Xhq, "single_receipt", body).await;
    }
    // Neither layout nor the path makes another event.
    let spread = receipt("").replace(',', " ,\n").replace("\"channel\"", "\"\\u0063hannel\"");
    taken(&hub, Partner::Xhq, "", spread).await;
    assert_eq!(hub.context().store.timeline_of("order:R1", &hub).await.len(), 2);
    assert_eq!(settled(&hub).await.delivered, 2);
    hub.stop().await;
    assert_eq!(erp.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waybill_is_one_event_alone_and_in_any_batch() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let waybill = |n: u32| format!(r#"{{"id":{n},"blNo":"BL{n}","customsStatus":"放行"}}"#);
    let batch = |ns: &[u32]| format!("[{}]", ns.iter().map(|n| waybill(*n)).collect::<Vec<_>>().join(","));
    for body in [batch(&[1, 2]), batch(&[2, 3]), batch(&[3]), waybill(1), batch(&[4, 4, 1])] {
        taken(&hub, Partner::TrackingEyes, "customs_status", body).await;
    }
    assert_eq!(events(&hub.context().store).await.len(), 4);
    assert_eq!(settled(&hub).await.delivered, 4);
    hub.stop().await;
    assert_eq!(erp.count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_event_is_news_again_and_the_ledger_balances() {
    let (erp, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &erp, "").top("retention_days = 2").start_at(&time).await;
    let store = &hub.context().store;
    for (days, deliveries) in [(0, 1), (1, 1), (1, 2)] {
        time.pass(Duration::from_hours(24 * days));
        taken(&hub, Partner::Xhq, "single_receipt", pushes::receipt(1)).await;
        // After the repeat window an equal status is news, so it comes only while it is not kept.
        if (days, deliveries) != (1, 1) {
            taken(&hub, Partner::Xhq, "syn_status", status("OLD", 61)).await;
        }
        within(erp.received(2 * deliveries)).await;
        until(async || tally(&hub).await.pending == 0).await;
        let tally = tally(&hub).await;
        assert_eq!((tally.accepted, tally.delivered), (2, 2), "only what is kept counts");
        assert_eq!(store.timeline_of("order:OLD", &hub).await.len(), 1);
    }
    time.pass(Duration::from_hours(49));
    assert!(store.timeline_of("order:OLD", &hub).await.is_empty());
    while store.purge(hub.context().now(), 1).await.unwrap() > 0 {}
    assert_eq!(tally(&hub).await, Tally::default());
    hub.stop().await;
    assert_eq!(erp.count(), 4);
}

/// The ledger of XHQ's connection in the hub's own time.
async fn tally(hub: &Hub) -> Tally {
    let tallies = store::Store::ledger(&hub.context().store, hub.context().now()).await.unwrap();
    let tally = tallies.get(&"xhq-sh".into()).copied().unwrap_or_default();
    assert!(tally.balanced(), "{tally:?}");
    tally
}

/// Reading what is kept about an order of XHQ's connection.
trait Kept {
    async fn timeline_of(&self, subject: &str, hub: &Hub) -> Vec<store::Listed>;
    async fn code_of(&self, item: &store::Listed, hub: &Hub) -> i64;
}

impl<S: store::Store> Kept for S {
    async fn timeline_of(&self, subject: &str, hub: &Hub) -> Vec<store::Listed> {
        self.timeline(&"xhq-sh".into(), &subject.into(), hub.context().now()).await.unwrap()
    }

    async fn code_of(&self, item: &store::Listed, hub: &Hub) -> i64 {
        let record = self.load(&item.key, hub.context().now()).await.unwrap().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&record.event.body).unwrap();
        body["code"].as_i64().unwrap()
    }
}
