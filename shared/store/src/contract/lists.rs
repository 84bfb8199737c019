//! Lists: what is due, what failed, a subject's timeline, the ledger.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::join_all;
use hub::call::{Call, Cancellation, Standing};
use hub::delivery::State;
use hub::ledger::{Calls, Tally};
use hub::{EventKey, Utc, Work};

use super::{NOW, admit, at, event, event_with, every_page, key, next, pending, work};
use crate::{Failed, Pending, Settled, Store, StoreError};

async fn admit_all(store: &impl Store, works: impl IntoIterator<Item = Work>) -> Vec<EventKey> {
    let items: Vec<_> = (0..).map(event).zip(works).collect();
    join_all(items.iter().map(|(event, work)| admit(store, event, work))).await;
    items.into_iter().map(|(event, _)| event.key).collect()
}

/// Pending deliveries and unwritten aliases alike; what is due later is not there.
pub async fn due_work_comes_longest_due_first(store: impl Store) {
    let index = Work { accepted: 1, index_by: Some(at(-4)), ..Work::default() };
    let delivery_first = Work { index_by: Some(at(-1)), ..pending(at(-5)) };
    let early = pending(Utc(5_000_000));
    let works = [pending(at(-3)), index, pending(at(1)), pending(NOW), delivery_first, early, Work::default()];
    let keys = admit_all(&store, works).await;
    let due = store.due(NOW, 100).await.unwrap();
    assert_eq!(due, [&keys[5], &keys[4], &keys[1], &keys[0], &keys[3]].map(Clone::clone));
    assert_eq!(store.due(at(1), 100).await.unwrap().len(), 6);
}

/// So that a backlog is worked off from its old end.
pub async fn due_work_is_limited_to_the_longest_due(store: impl Store) {
    let keys = admit_all(&store, (0..60).map(|n| pending(at(-n)))).await;
    let due = store.due(NOW, 7).await.unwrap();
    assert_eq!(due, keys.iter().rev().take(7).cloned().collect::<Vec<_>>());
    assert_eq!(store.due(NOW, 1000).await.unwrap().len(), 60);
    assert_eq!(store.due(NOW, 0).await.unwrap(), []);
}

/// Settled work leaves the list, put-off work comes back at its time.
pub async fn settled_work_is_no_longer_due(store: impl Store) {
    let first = pending(at(-1));
    let keys = admit_all(&store, [first.clone(), first.clone(), first.clone()]).await;
    let mut postponed = next(&first, State::Pending);
    postponed.deliveries[0].progress.due = at(60);
    assert_eq!(store.settle(&keys[0], &next(&first, State::Delivered)).await.unwrap(), Settled::Done);
    assert_eq!(store.settle(&keys[1], &postponed).await.unwrap(), Settled::Done);
    assert_eq!(store.due(NOW, 10).await.unwrap(), [keys[2].clone()]);
    assert_eq!(store.due(at(60), 10).await.unwrap(), [keys[2].clone(), keys[1].clone()]);
}

/// Of all that has a due time; an ambiguous call and what is settled have none.
pub async fn work_due_later_comes_furthest_ahead_first(store: impl Store) {
    let failed_too = work([("erp", State::Failed), ("wms", State::Pending)], at(172_800));
    let index = Work { accepted: 1, index_by: Some(at(30)), ..Work::default() };
    let others = [call(Standing::Ambiguous), work([("erp", State::Delivered)], at(99))];
    let works = [pending(at(-3)), pending(at(86_400)), failed_too, index, pending(NOW)].into_iter().chain(others);
    let keys = admit_all(&store, works).await;
    assert_eq!(store.ahead(NOW, 10).await.unwrap(), [&keys[2], &keys[1], &keys[3]].map(Clone::clone));
    assert_eq!(store.ahead(at(30), 10).await.unwrap(), [&keys[2], &keys[1]].map(Clone::clone));
    assert_eq!(store.ahead(NOW, 1).await.unwrap(), [keys[2].clone()]);
    assert_eq!(store.ahead(Utc(0), 1_000_000).await.unwrap().len(), 5);
    assert_eq!(store.ahead(at(172_800), 10).await.unwrap(), []);
}

/// Every page of the failed list; the last one says that it is.
async fn failed(store: &impl Store, which: &Failed, limit: usize) -> Vec<EventKey> {
    every_page(limit, async |from: Option<String>| store.failed(which, from.as_deref(), limit, NOW).await).await
}

fn at_endpoint(endpoint: &str) -> Failed {
    Failed::At(endpoint.into())
}

/// No gaps and no repetitions, whatever the size of the pages.
pub async fn failed_deliveries_are_listed_once_across_pages(store: impl Store) {
    let state = |n| if n % 3 == 0 { State::Failed } else { State::Delivered };
    let keys = admit_all(&store, (0..70).map(|n| work([("erp", state(n))], at(n / 10)))).await;
    let expected: BTreeSet<_> = keys.into_iter().step_by(3).collect();
    for limit in [1, 5, 100] {
        let listed = failed(&store, &Failed::Any, limit).await;
        assert_eq!(listed.len(), expected.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

/// An event is listed for the endpoint it failed at, not for another it has.
pub async fn failed_deliveries_are_listed_by_endpoint(store: impl Store) {
    let both = work([("erp", State::Failed), ("wms", State::Failed)], NOW);
    let erp = work([("erp", State::Failed), ("wms", State::Delivered)], NOW);
    let wms = work([("erp", State::Confirmed), ("wms", State::Failed)], NOW);
    let keys = admit_all(&store, [both, erp, wms]).await;
    let listed = async |which: &Failed| failed(&store, which, 10).await.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(listed(&at_endpoint("erp")).await, BTreeSet::from([keys[0].clone(), keys[1].clone()]));
    assert_eq!(listed(&at_endpoint("wms")).await, BTreeSet::from([keys[0].clone(), keys[2].clone()]));
    assert_eq!(listed(&at_endpoint("er")).await, BTreeSet::new());
    assert_eq!(listed(&Failed::Any).await.len(), 3);
}

/// One endpoint's failure and another's retry are both to be found, and what is listed is the work as it stands.
pub async fn failed_and_pending_work_is_in_both_lists(store: impl Store) {
    let mixed = work([("erp", State::Failed), ("wms", State::Pending)], at(-1));
    let keys = admit_all(&store, [mixed.clone(), pending(at(-2)), work([("erp", State::Failed)], at(-3))]).await;
    assert_eq!(store.due(NOW, 10).await.unwrap(), [keys[1].clone(), keys[0].clone()]);
    let page = store.failed(&Failed::Any, None, 10, NOW).await.unwrap();
    let listed = page.items.iter().find(|listed| listed.key == keys[0]).unwrap();
    assert_eq!((&listed.work, &listed.meta), (&mixed, &event(0).meta));
    assert_eq!(failed(&store, &Failed::Any, 1).await.len(), 2);
    assert_eq!(store.due(NOW, 1).await.unwrap(), [keys[1].clone()]);
}

/// Work that was confirmed or delivered needs no attention.
pub async fn confirmed_and_delivered_work_is_in_no_list(store: impl Store) {
    let first = work([("erp", State::Failed)], NOW);
    let keys = admit_all(&store, [first.clone(), first.clone()]).await;
    store.settle(&keys[0], &next(&first, State::Confirmed)).await.unwrap();
    store.settle(&keys[1], &next(&first, State::Delivered)).await.unwrap();
    assert_eq!(failed(&store, &Failed::Any, 10).await, []);
    assert_eq!(store.due(at(999), 10).await.unwrap(), []);
}

/// A cursor comes from outside and may be anything; that is the caller's mistake and no outage.
pub async fn foreign_cursor_is_refused(store: impl Store) {
    for cursor in ["", "nonsense", "通关", "////", "9999999999999999999999"] {
        let refused = store.failed(&Failed::Any, Some(cursor), 10, NOW).await;
        assert!(matches!(refused, Err(StoreError::BadCursor { .. })), "{cursor}: {refused:?}");
    }
}

/// By the time of reception, whatever the ids are.
pub async fn a_timeline_is_in_the_order_of_reception(store: impl Store) {
    let received = [5, 1, 4, 2, 3];
    for (id, second) in (0..).zip(received) {
        let event = event_with(key("xhq-sh", "order:S1", id), at(second), Bytes::from_static(b"{}"));
        admit(&store, &event, &pending(NOW)).await;
    }
    let timeline = store.timeline(&"xhq-sh".into(), &"order:S1".into(), at(9)).await.unwrap();
    assert_eq!(timeline.iter().map(|listed| listed.meta.received).collect::<Vec<_>>(), [1, 2, 3, 4, 5].map(at));
    assert_eq!((&timeline[0].key, &timeline[0].work), (&key("xhq-sh", "order:S1", 1), &pending(NOW)));
}

/// Subjects and connections whose names begin alike do not mix.
pub async fn a_timeline_is_of_one_subject_and_connection(store: impl Store) {
    let places =
        [("xhq", "order:S"), ("xhq", "order:S1"), ("xhq", "order:S1#"), ("xhq-sh", "order:S"), ("xhq", "bl:S")];
    for (id, (connection, subject)) in (0..).zip(places) {
        admit(&store, &event_with(key(connection, subject, id), NOW, Bytes::new()), &pending(NOW)).await;
    }
    for (id, (connection, subject)) in (0..).zip(places) {
        let timeline = store.timeline(&connection.into(), &subject.into(), NOW).await.unwrap();
        let keys: Vec<_> = timeline.into_iter().map(|listed| listed.key).collect();
        assert_eq!(keys, [key(connection, subject, id)]);
    }
    assert_eq!(store.timeline(&"xhq".into(), &"order".into(), NOW).await.unwrap(), []);
}

/// The latest are what anybody looks for.
pub async fn a_timeline_keeps_the_latest_thousand(store: impl Store) {
    let events: Vec<_> = (0..1005)
        .map(|id| event_with(key("xhq-sh", "order:S1", id), at(-i64::from(id)), Bytes::from_static(b"{}")))
        .collect();
    let work = Work { accepted: 1, ..Work::default() };
    for events in events.chunks(100) {
        join_all(events.iter().map(|event| admit(&store, event, &work))).await;
    }
    let timeline = store.timeline(&"xhq-sh".into(), &"order:S1".into(), NOW).await.unwrap();
    assert_eq!(timeline.len(), 1000);
    assert_eq!((timeline[0].meta.received, timeline[999].meta.received), (at(-999), NOW));
}

/// States as they stand, by connection, counted in deliveries.
pub async fn the_ledger_counts_deliveries_by_connection(store: impl Store) {
    assert!(store.ledger(NOW).await.unwrap().is_empty());
    let places = [
        ("a", work([("erp", State::Delivered), ("wms", State::Pending)], NOW)),
        ("a", work([("erp", State::Failed), ("wms", State::Confirmed)], NOW)),
        ("a", Work { accepted: 1, ..Work::default() }),
        ("a-b", pending(NOW)),
    ];
    for (id, (connection, work)) in (0..).zip(places) {
        let event = event_with(key(connection, "order:S1", id), NOW, Bytes::new());
        admit(&store, &event, &work).await;
        admit(&store, &event, &work).await;
    }
    let ledger = store.ledger(NOW).await.unwrap();
    let a = Tally { accepted: 5, delivered: 1, pending: 1, failed: 1, confirmed: 1, unrouted: 1, ..Tally::default() };
    let b = Tally { accepted: 1, pending: 1, ..Tally::default() };
    assert_eq!(ledger.into_iter().collect::<Vec<_>>(), [("a".into(), a), ("a-b".into(), b)]);
}

/// A delivery that is added later is promised later; one that is lost shows.
pub async fn a_replay_changes_what_was_accepted(store: impl Store) {
    let (event, first) = (event(1), work([("erp", State::Failed)], NOW));
    admit(&store, &event, &first).await;
    let mut replayed = work([("erp", State::Delivered), ("wms", State::Pending)], NOW);
    replayed.version = 1;
    store.settle(&event.key, &replayed).await.unwrap();
    let tally = store.ledger(NOW).await.unwrap()[&event.key.connection];
    assert_eq!((tally.accepted, tally.delivered, tally.pending, tally.balanced()), (2, 1, 1, true));

    let mut lost = replayed.clone();
    lost.version = 2;
    lost.deliveries.truncate(1);
    store.settle(&event.key, &lost).await.unwrap();
    assert!(!store.ledger(NOW).await.unwrap()[&event.key.connection].balanced());
}

fn call(standing: Standing) -> Work {
    let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), NOW, at(-1));
    let cancelled = standing == Standing::Cancelled;
    let cancellation = cancelled.then(|| Cancellation { at: at(-1), by: "erp".to_owned() });
    Work { accepted: 1, call: Some(Call { standing, cancellation, ..call }), ..Work::default() }
}

/// A call that was refused waits for nobody, however many there are, until telling of it fails too.
pub async fn waiting_work_excludes_failed_calls(store: impl Store) {
    let telling = |state| Work { call: call(Standing::Failed).call, ..work([("erp", state)], at(-2)) };
    let refused = (0..30).map(|_| call(Standing::Failed));
    let others =
        [call(Standing::Ambiguous), telling(State::Failed), telling(State::Pending), telling(State::Delivered)];
    let keys = admit_all(&store, refused.chain(others)).await;
    for limit in [1, 7, 100] {
        let waiting = failed(&store, &Failed::Waiting, limit).await;
        assert_eq!(waiting.len(), 2);
        assert_eq!(waiting.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([keys[30].clone(), keys[31].clone()]));
        assert_eq!(failed(&store, &Failed::Any, limit).await.len(), 34);
    }
    let mut confirmed = telling(State::Confirmed);
    confirmed.version = 1;
    store.settle(&keys[31], &confirmed).await.unwrap();
    assert_eq!(failed(&store, &Failed::Waiting, 9).await, [keys[30].clone()]);
    assert_eq!(failed(&store, &Failed::Any, 9).await.len(), 34);
    assert_eq!(store.due(NOW, 99).await.unwrap(), [keys[32].clone()]);
}

/// A call that is queued is due, one that failed or is ambiguous is listed, a cancelled one is neither, and the ledger counts each, with the deliveries
/// that tell how it ended.
pub async fn calls_are_due_stuck_and_counted_like_deliveries(store: impl Store) {
    let standings = [Standing::Queued, Standing::Succeeded, Standing::Failed, Standing::Ambiguous, Standing::Cancelled];
    let told = Work { accepted: 2, ..work([("erp", State::Pending)], at(-2)) };
    let told = Work { call: call(Standing::Ambiguous).call, ..told };
    let keys = admit_all(&store, standings.map(call).into_iter().chain([told])).await;
    assert_eq!(store.due(NOW, 10).await.unwrap(), [keys[5].clone(), keys[0].clone()]);
    let stuck: BTreeSet<_> = failed(&store, &Failed::Any, 2).await.into_iter().collect();
    assert_eq!(stuck, BTreeSet::from([keys[2].clone(), keys[3].clone(), keys[5].clone()]));
    assert_eq!(failed(&store, &at_endpoint("erp"), 10).await, []);
    let tally = store.ledger(NOW).await.unwrap()[&keys[0].connection];
    let calls = Calls { queued: 1, succeeded: 1, failed: 1, ambiguous: 2, cancelled: 1 };
    assert_eq!(tally, Tally { accepted: 7, pending: 1, calls, ..Tally::default() });
    assert!(tally.balanced());
}

/// Every page of what is pending at a destination.
async fn pending_at(store: &impl Store, which: &Pending, limit: usize) -> Vec<EventKey> {
    every_page(limit, async |from: Option<String>| store.pending(which, from.as_deref(), limit, NOW).await).await
}

/// Due or not, each once, whatever the size of the pages.
pub async fn pending_work_is_listed_by_destination_across_pages(store: impl Store) {
    let waits = |n: i64| work([(["erp", "wms"][usize::from(n % 3 == 0)], State::Pending)], at(n / 4 * 900 - 3_000));
    let mixed = work([("erp", State::Failed), ("wms", State::Pending)], at(50_000));
    let works = (0..60).map(waits).chain([mixed, call(Standing::Queued), call(Standing::Ambiguous)]);
    let keys = admit_all(&store, works).await;
    let wms: BTreeSet<_> = keys[..61].iter().step_by(3).cloned().collect();
    let erp: BTreeSet<_> = keys[..60].iter().filter(|key| !wms.contains(key)).cloned().collect();
    for limit in [1, 7, 100] {
        for (endpoint, expected) in [("erp", &erp), ("wms", &wms)] {
            let listed = pending_at(&store, &Pending::At(endpoint.into()), limit).await;
            assert_eq!(listed.len(), expected.len(), "{endpoint}");
            assert_eq!(&listed.into_iter().collect::<BTreeSet<_>>(), expected);
        }
        let calls = pending_at(&store, &Pending::Calls(keys[0].connection.clone()), limit).await;
        assert_eq!(calls, [keys[61].clone()]);
    }
    assert_eq!(pending_at(&store, &Pending::Calls("another".into()), 9).await, []);
    let page = store.pending(&Pending::At("wms".into()), None, 100, NOW).await.unwrap();
    let listed = page.items.iter().find(|listed| listed.key == keys[60]).unwrap();
    assert_eq!(listed.work.deliveries[1].progress.due, at(50_000));
}

/// Settled work has no due time.
pub async fn settled_work_is_not_pending(store: impl Store) {
    let first = pending(at(60));
    let keys = admit_all(&store, [first.clone(), first.clone()]).await;
    store.settle(&keys[0], &next(&first, State::Delivered)).await.unwrap();
    let which = Pending::At("erp".into());
    assert_eq!(pending_at(&store, &which, 9).await, [keys[1].clone()]);
}

/// A cursor comes from outside and may be anything.
pub async fn a_pending_cursor_of_another_list_is_refused(store: impl Store) {
    for cursor in ["", "nonsense", "1:", "通关", "////"] {
        let refused = store.pending(&Pending::At("erp".into()), Some(cursor), 10, NOW).await;
        assert!(matches!(refused, Err(StoreError::BadCursor { .. })), "{cursor}: {refused:?}");
    }
}
