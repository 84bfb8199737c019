//! Everything that is kept, read as a whole and put elsewhere.

use std::collections::BTreeMap;

use bytes::Bytes;
use hub::audit::{Action, Entry, Touched};
use hub::call::Call;
use hub::delivery::{Delivery, State};
use hub::identity::{self, Head};
use hub::statistics::Counts;
use hub::{Alias, Event, Record, Utc, Work};

use super::{NOW, admit, at, event, event_with, key, next, noise, pending, work};
use crate::{Chain, Link, Placed, Settled, Store, Stored};

fn head(id: u32) -> Head {
    let content = identity::opaque(&"xhq-sh".into(), &"xhq.syn_status".into(), b"61");
    Head { event: key("xhq-sh", "order:S1", id).id, content, received: NOW, recent: vec![(content, NOW)] }
}

fn record(event: Event, work: Work) -> Stored {
    Stored::Event(Box::new(Record { event, work }))
}

fn entry(at: Utc, id: u64) -> Entry {
    Entry {
        at,
        id,
        expires: super::at(9_000),
        key: "erp".to_owned(),
        role: None,
        action: Action::Replay,
        request: serde_json::json!({"endpoint": "erp"}),
        result: None,
        touched: vec![Touched::event(key("xhq-sh", "order:S1", 1))],
        is_cut: false,
    }
}

/// One of each kind, and of events those that engines keep in ways of their own.
#[must_use]
pub fn one_of_each() -> Vec<Stored> {
    let other = |subject: &str, id, body: Bytes| event_with(key("xhq-bj", subject, id), at(i64::from(id)), body);
    let pulled = |state| Delivery { pull: true, ..Delivery { state, ..Delivery::new("wms".into(), NOW, at(5)) } };
    let call = Call::new("upload".to_owned(), "k1".to_owned(), "d".to_owned(), NOW, at(7));
    let counts = Counts {
        added: BTreeMap::from([("accepted".to_owned(), 9_007_199_254_740_993), ("erp/t1".to_owned(), 2)]),
        latest: BTreeMap::from([("push".to_owned(), at(3))]),
    };
    let mut late = event(8);
    late.meta.expires = at(-5);
    vec![
        Stored::Note { name: "token#1 é".to_owned(), value: "{\"a\":1}".to_owned() },
        Stored::Note { name: "b".to_owned(), value: String::from("x") },
        Stored::Head {
            connection: "xhq-sh".into(),
            subject: "order:S#1".into(),
            kind: "xhq.syn_status".into(),
            head: head(2),
            expires: at(90),
        },
        Stored::Head {
            connection: "xhq-sh".into(),
            subject: "order:S2".into(),
            kind: "xhq.msg_notice".into(),
            head: head(3),
            expires: at(91),
        },
        Stored::Alias {
            alias: Alias::new("bl", "提单#1"),
            connection: "xhq-sh".into(),
            subject: "order:S#1".into(),
            expires: at(92),
        },
        Stored::Alias {
            alias: Alias::new("bl", "提单#1"),
            connection: "xhq-bj".into(),
            subject: "order:S2".into(),
            expires: at(93),
        },
        Stored::Counts { connection: "xhq-sh".into(), step: at(600), counts, expires: at(9_000) },
        Stored::Audit(Box::new(entry(at(1), 7))),
        Stored::Audit(Box::new(entry(at(1), u64::MAX))),
        record(event(1), next(&pending(at(1)), State::Delivered)),
        record(event(2), pending(at(2))),
        record(event(3), next(&next(&pending(at(3)), State::Failed), State::Failed)),
        record(event(4), work([], at(4))),
        record(
            other("order:S5", 5, Bytes::from_static(b"\xff\x00\n{")),
            Work { deliveries: vec![pulled(State::Pending), pulled(State::Delivered)], accepted: 2, ..Work::default() },
        ),
        record(other("call:k1", 6, noise(9_000, 6)), Work { call: Some(call), accepted: 1, ..Work::default() }),
        record(other("order:S7", 7, noise(500_000, 7)), pending(at(60 * 24 * 3600))),
        record(late, pending(at(9))),
    ]
}

/// All that a store keeps, in an order that engines agree about.
pub async fn everything(store: &impl Store, limit: usize, now: Utc) -> Vec<String> {
    let (mut found, mut from) = (Vec::new(), None::<String>);
    for _ in 0..10_000 {
        let page = store.stored(from.as_deref(), limit, now).await.unwrap();
        assert!(page.items.len() <= limit, "a page of {} over a limit of {limit}", page.items.len());
        assert_eq!(page.unreadable, 0);
        found.extend(page.items.iter().map(|item| format!("{item:?}")));
        from = page.next;
        if from.is_none() {
            found.sort();
            return found;
        }
    }
    panic!("the list has no end");
}

fn printed(items: &[Stored]) -> Vec<String> {
    let mut printed: Vec<_> = items.iter().map(|item| format!("{item:?}")).collect();
    printed.sort();
    printed
}

/// From one store to another, of whichever engine: all that is put is read as it was, each thing once, and a repetition changes
/// nothing.
pub async fn what_is_put_is_read_as_it_was(store: impl Store) {
    let all = one_of_each();
    for placed in [Placed::New, Placed::Same] {
        for item in &all {
            assert_eq!(store.put_stored(item).await.unwrap(), placed, "{item:?}");
        }
    }
    for limit in [1, 4, 1_000] {
        assert_eq!(everything(&store, limit, NOW).await, printed(&all), "by pages of {limit}");
    }
    let mut ledger = store.ledger(NOW).await.unwrap();
    let own = ledger.remove(&"xhq-sh".into()).unwrap();
    assert_eq!((own.accepted, own.delivered, own.pending, own.failed, own.unrouted), (5, 1, 2, 1, 1));
    let other = ledger.remove(&"xhq-bj".into()).unwrap();
    assert_eq!((other.accepted, other.delivered, other.pending, other.calls.queued), (4, 1, 2, 1));
    assert!(own.balanced() && other.balanced());
}

/// Things that the other verbs stored are among everything, as they stored them.
pub async fn everything_is_what_the_other_verbs_store(store: impl Store) {
    let (first, chain) = (event(1), head(1));
    let link = Link {
        chains: vec![Chain {
            subject: "order:S1".into(),
            kind: "xhq.syn_status".into(),
            expected: None,
            head: chain.clone(),
            expires: at(50),
        }],
    };
    store.admit(&first, &pending(at(1)), Some(&link)).await.unwrap();
    let settled = next(&pending(at(1)), State::Delivered);
    assert_eq!(store.settle(&first.key, &settled).await.unwrap(), Settled::Done);
    store.alias(&[Alias::new("bl", "B1")], &"xhq-sh".into(), &"order:S1".into(), at(51)).await.unwrap();
    assert!(store.put_note("n", "v", 0).await.unwrap());
    assert!(store.lease("n", "me", NOW, at(60)).await.unwrap());
    store.put_audit(&entry(at(1), 7)).await.unwrap();
    let more = Counts { added: BTreeMap::from([("accepted".to_owned(), 2)]), ..Counts::default() };
    store.add_counts(&"xhq-sh".into(), at(600), &more, at(52)).await.unwrap();
    let (connection, subject) = ("xhq-sh".into(), "order:S1".into());
    let all = [
        Stored::Note { name: "n".to_owned(), value: "v".to_owned() },
        Stored::Head { connection, subject, kind: "xhq.syn_status".into(), head: chain, expires: at(50) },
        Stored::Alias {
            alias: Alias::new("bl", "B1"),
            connection: "xhq-sh".into(),
            subject: "order:S1".into(),
            expires: at(51),
        },
        Stored::Counts { connection: "xhq-sh".into(), step: at(600), counts: more, expires: at(52) },
        Stored::Audit(Box::new(entry(at(1), 7))),
        record(first, settled),
    ];
    assert_eq!(everything(&store, 2, NOW).await, printed(&all));
}

/// The work of an event that was put goes on, and its chain, keys, notes and audit trail are found.
pub async fn work_that_is_put_goes_on(store: impl Store) {
    for item in one_of_each() {
        store.put_stored(&item).await.unwrap();
    }
    let due = store.due(at(2), 9).await.unwrap();
    assert_eq!(due, [key("xhq-sh", "order:S1", 2)]);
    let waiting = store.pullable(Some(&"wms".into()), 9).await.unwrap();
    assert_eq!(waiting, [key("xhq-bj", "order:S5", 5)]);
    let taken = next(&pending(at(2)), State::Delivered);
    assert_eq!(store.settle(&due[0], &taken).await.unwrap(), Settled::Done);
    let (connection, subject) = ("xhq-sh".into(), "order:S#1".into());
    let found = store.head(&connection, &subject, &"xhq.syn_status".into(), NOW).await.unwrap();
    assert_eq!(found, Some(head(2)));
    assert_eq!(store.resolve(&Alias::new("bl", "提单#1"), NOW).await.unwrap().len(), 2);
    assert!(store.put_note("b", "y", store.note("b").await.unwrap().unwrap().version).await.unwrap());
    let touched = store.audit_of(&connection, &"order:S1".into(), NOW).await.unwrap();
    assert_eq!(touched.len(), 2);
    // The body of work that is due late is there when its event has expired.
    let late = store.load(&key("xhq-bj", "order:S7", 7), at(200 * 24 * 3600)).await.unwrap().unwrap();
    assert_eq!(late.event.body.len(), 500_000);
}

/// Things that are there stay, whatever is put.
pub async fn what_is_there_stays(store: impl Store) {
    let all = one_of_each();
    for item in &all {
        store.put_stored(item).await.unwrap();
    }
    let changed: Vec<Stored> = all.iter().cloned().filter_map(other).collect();
    assert_eq!(changed.len(), 15);
    for item in &changed {
        assert_eq!(store.put_stored(item).await.unwrap(), Placed::Other, "{item:?}");
    }
    assert_eq!(everything(&store, 100, NOW).await, printed(&all));
}

/// Something else in the place of a thing.
fn other(item: Stored) -> Option<Stored> {
    Some(match item {
        Stored::Event(mut record) => {
            record.work.version += 1;
            Stored::Event(record)
        }
        Stored::Head { connection, subject, kind, head: _, expires } => {
            Stored::Head { connection, subject, kind, head: head(9), expires }
        }
        Stored::Note { name, .. } => Stored::Note { name, value: "other".to_owned() },
        Stored::Counts { connection, step, counts: _, expires } => {
            Stored::Counts { connection, step, counts: Counts::default(), expires }
        }
        Stored::Audit(mut entry) => {
            "other".clone_into(&mut entry.key);
            Stored::Audit(entry)
        }
        // A key that is there lasts as long as the later of the two.
        Stored::Alias { .. } => return None,
    })
}

/// From its expiry on a thing is left out, but for open work.
pub async fn expired_things_are_not_among_everything(store: impl Store) {
    for item in one_of_each() {
        store.put_stored(&item).await.unwrap();
    }
    let left = everything(&store, 100, at(400 * 24 * 3600)).await;
    assert_eq!(left.iter().filter(|item| item.starts_with("Note")).count(), 2);
    let open = left.iter().filter(|item| item.starts_with("Event")).count();
    assert_eq!((left.len(), open), (7, 5), "{left:?}");
}

/// Cursors are a list's own.
pub async fn cursor_of_everything_is_refused_elsewhere(store: impl Store) {
    admit(&store, &event(1), &pending(at(1))).await;
    for cursor in ["", "nonsense", "::", "\u{0}"] {
        let refused = store.stored(Some(cursor), 10, NOW).await;
        assert!(matches!(refused, Err(crate::StoreError::BadCursor { .. })), "{cursor:?}: {refused:?}");
    }
}
