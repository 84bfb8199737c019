//! Watches: due and listed apart from other work.

use std::collections::BTreeSet;
use std::time::Duration;

use hub::delivery::State;
use hub::ledger::Tally;
use hub::watch::{self, Rules, Watch};
use hub::{EventKey, Record, Subject, Utc, Work};

use super::{KEPT, NOW, admit, at, event, pending, work};
use crate::{Admitted, Aside, Pending, Settled, Store};

const RULES: Rules<'_> =
    Rules { silence: Duration::from_mins(1), every: None, until: &[], longest: Duration::from_hours(1) };

/// The watch of a shipment, due at that time.
fn watched(shipment: u32, due: Option<Utc>) -> Record {
    let watch = Watch { due, ..Watch::new("xhq.syn_status".into(), NOW, &RULES) };
    watch::begun(&"xhq-sh".into(), &Subject::new("order", &shipment.to_string()), watch, KEPT)
}

async fn begin(store: &impl Store, record: &Record) -> EventKey {
    assert_eq!(admit(store, &record.event, &record.work).await, Admitted::New);
    record.event.key.clone()
}

fn next(record: &Record, due: Option<Utc>) -> Work {
    let watch = record.work.watch.clone().map(|watch| Watch { due, ..watch });
    Work { version: record.work.version + 1, watch, ..record.work.clone() }
}

/// Neither hides the other, however much of it there is.
pub async fn watches_are_due_apart_from_other_work(store: impl Store) {
    let late = [event(1), event(2)];
    admit(&store, &late[0], &pending(at(-9))).await;
    admit(&store, &late[1], &work([("erp", State::Failed), ("wms", State::Pending)], at(90))).await;
    let (first, second, later) = (watched(1, Some(at(-20))), watched(2, Some(at(-30))), watched(3, Some(at(60))));
    let mut keys = Vec::new();
    for record in [&first, &second, &later] {
        keys.push(begin(&store, record).await);
    }
    assert_eq!(store.due(NOW, 10).await.unwrap(), [late[0].key.clone()]);
    assert_eq!(store.due_aside(Aside::Watches, NOW, 10).await.unwrap(), [keys[1].clone(), keys[0].clone()]);
    assert_eq!(store.due_aside(Aside::Watches, NOW, 1).await.unwrap(), [keys[1].clone()]);
    assert_eq!(store.ahead(NOW, 10).await.unwrap(), [late[1].key.clone()]);
    assert_eq!(store.ahead_aside(Aside::Watches, NOW, 10).await.unwrap(), [keys[2].clone()]);
    assert_eq!(store.ahead_aside(Aside::Watches, at(-21), 10).await.unwrap(), [keys[2].clone(), keys[0].clone()]);
    assert_eq!(store.ahead_aside(Aside::Watches, at(60), 10).await.unwrap(), []);
    let waiting = store.pending(&Pending::At("wms".into()), None, 10, NOW).await.unwrap();
    assert_eq!(waiting.items.len(), 1);

    assert_eq!(store.settle(&keys[1], &next(&second, Some(at(99)))).await.unwrap(), Settled::Done);
    assert_eq!(store.settle(&keys[1], &next(&second, Some(at(98)))).await.unwrap(), Settled::Stale);
    assert_eq!(store.due_aside(Aside::Watches, NOW, 10).await.unwrap(), [keys[0].clone()]);
    assert_eq!(store.due_aside(Aside::Watches, at(99), 10).await.unwrap().len(), 3);
    // The furthest that a time can be.
    assert_eq!(store.settle(&keys[0], &next(&first, Some(Utc(i64::MAX)))).await.unwrap(), Settled::Done);
    assert_eq!(store.ahead_aside(Aside::Watches, at(98), 1).await.unwrap(), [keys[0].clone()]);
    assert_eq!(store.ahead(NOW, 10).await.unwrap(), [late[1].key.clone()]);
    assert_eq!(store.due_aside(Aside::Watches, at(98), 10).await.unwrap(), [keys[2].clone()]);
}

/// No gaps and no repetitions, and nothing of other work.
pub async fn watches_are_listed_across_pages_until_they_end(store: impl Store) {
    admit(&store, &event(1), &pending(at(-9))).await;
    let mut open = BTreeSet::new();
    for n in 0..30 {
        let record = watched(n, Some(at(i64::from(n))));
        let key = begin(&store, &record).await;
        if n % 3 == 0 {
            assert_eq!(store.settle(&key, &next(&record, None)).await.unwrap(), Settled::Done);
        } else {
            open.insert(key);
        }
    }
    for limit in [1, 7, 100] {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let page = store.pending(&Pending::Watches, from.as_deref(), limit, NOW).await.unwrap();
            assert!(page.items.len() <= limit && page.unreadable == 0);
            keys.extend(page.items.into_iter().map(|listed| listed.key));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(keys.len(), open.len());
        assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), open);
    }
}

/// Open, it lasts beyond its own expiry; ended, it expires, and another may begin.
pub async fn watch_of_a_shipment_begins_once_and_is_counted(store: impl Store) {
    let record = watched(1, Some(at(60)));
    let key = begin(&store, &record).await;
    assert_eq!(admit(&store, &record.event, &record.work).await, Admitted::Duplicate);
    let tally = Tally { accepted: 1, watches: 1, ..Tally::default() };
    let long = NOW.after(KEPT * 2);
    for now in [NOW, long] {
        assert_eq!(store.ledger(now).await.unwrap()[&key.connection], tally);
        assert_eq!(store.inspect(&key, now).await.unwrap().unwrap().work, record.work);
    }
    assert_eq!(store.settle(&key, &next(&record, None)).await.unwrap(), Settled::Done);
    assert!(store.inspect(&key, NOW).await.unwrap().is_some() && store.inspect(&key, long).await.unwrap().is_none());
    let mut again = record.clone();
    (again.event.meta.received, again.event.meta.expires) = (long, long.after(KEPT));
    assert_eq!(admit(&store, &again.event, &again.work).await, Admitted::New);
}
