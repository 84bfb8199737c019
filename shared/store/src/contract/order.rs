//! The order of one subject's deliveries to an endpoint.

use bytes::Bytes;
use futures::future::join_all;
use hub::delivery::{Delivery, State};
use hub::{Event, EventKey, Utc, Work};

use super::{NOW, admit, at, event, event_with, key, next, noise, pending, work};
use crate::{Sequence, Settled, Store};

/// Number of events that are admitted at once.
const AT_ONCE: usize = 16;

/// So many that no engine reads them in one answer.
const MANY: u32 = 1_500;

fn sequence(connection: &str, subject: &str, endpoint: &str) -> Sequence {
    Sequence { connection: connection.into(), subject: subject.into(), endpoint: endpoint.into() }
}

/// The sequence of `order:S1` at `erp`.
async fn earliest(store: &impl Store, limit: usize) -> Vec<EventKey> {
    let found = store.earliest(&sequence("xhq-sh", "order:S1", "erp"), limit).await.unwrap();
    found.into_iter().map(|listed| listed.key).collect()
}

fn received(id: u32, at: Utc) -> Event {
    event_with(key("xhq-sh", "order:S1", id), at, Bytes::from_static(b"{}"))
}

/// Whatever the ids are, and whatever is due first; of those received at the same time by their ids.
pub async fn earliest_deliveries_come_in_the_order_of_reception(store: impl Store) {
    let seconds = [5, 1, 4, 2, 3, 1];
    let mut expected = Vec::new();
    for (id, second) in (0..).zip(seconds) {
        let event = received(id, at(second));
        admit(&store, &event, &pending(at(60 - second))).await;
        expected.push((second, event.key));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, key)| key).collect();
    for limit in [0, 1, 2, 5, 6, 100] {
        assert_eq!(earliest(&store, limit).await, expected[..limit.min(6)], "{limit}");
    }
    let first = store.earliest(&sequence("xhq-sh", "order:S1", "erp"), 1).await.unwrap().remove(0);
    assert_eq!((first.meta.received, &first.work), (at(1), &pending(at(59))));
}

/// Subjects, connections and endpoints whose names begin alike do not mix.
pub async fn a_sequence_is_of_one_subject_and_endpoint(store: impl Store) {
    let places =
        [("xhq", "order:S"), ("xhq", "order:S1"), ("xhq", "order:S1#"), ("xhq-sh", "order:S"), ("xhq", "bl:S")];
    for (id, (connection, subject)) in (0..).zip(places) {
        let event = event_with(key(connection, subject, id), NOW, Bytes::new());
        admit(&store, &event, &work([("erp", State::Pending), ("erp-2", State::Pending)], NOW)).await;
    }
    for (id, (connection, subject)) in (0..).zip(places) {
        for endpoint in ["erp", "erp-2"] {
            let found = store.earliest(&sequence(connection, subject, endpoint), 9).await.unwrap();
            assert_eq!(found.into_iter().map(|listed| listed.key).collect::<Vec<_>>(), [key(connection, subject, id)]);
        }
    }
    for other in [sequence("xhq", "order:S", "er"), sequence("xhq", "order", "erp"), sequence("xh", "order:S", "erp")] {
        assert_eq!(store.earliest(&other, 9).await.unwrap(), []);
    }
}

/// A delivered, failed or confirmed delivery holds nothing up, though the event waits for another endpoint or for its aliases.
pub async fn ended_deliveries_leave_their_sequence(store: impl Store) {
    let states = [State::Delivered, State::Failed, State::Confirmed];
    for (id, state) in (0..).zip(states) {
        admit(&store, &received(id, at(0)), &work([("erp", state)], NOW)).await;
        let elsewhere = work([("erp", state), ("wms", State::Pending)], NOW);
        admit(&store, &received(10 + id, at(0)), &elsewhere).await;
        let indexing = Work { index_by: Some(NOW), ..work([("erp", state)], NOW) };
        admit(&store, &received(20 + id, at(0)), &indexing).await;
    }
    admit(&store, &received(30, at(0)), &Work { accepted: 1, ..Work::default() }).await;
    let mixed = work([("erp", State::Pending), ("wms", State::Failed)], NOW);
    admit(&store, &received(40, at(1)), &mixed).await;
    assert_eq!(earliest(&store, 9).await, [received(40, at(1)).key]);
    let wms = store.earliest(&sequence("xhq-sh", "order:S1", "wms"), 9).await.unwrap();
    assert_eq!(wms.len(), 3);
}

/// The process that has stored the end of a delivery finds the next one, though others store theirs at the same time; and a replay is back at
/// its place.
pub async fn earliest_sees_each_change_at_once(store: impl Store) {
    let events: Vec<_> = (0..40).map(|id| received(id, at(i64::from(id)))).collect();
    let fresh = pending(NOW);
    join_all(events.iter().map(|event| admit(&store, event, &fresh))).await;
    let ends = events.iter().map(async |event| {
        let ended = next(&pending(NOW), State::Delivered);
        assert_eq!(store.settle(&event.key, &ended).await.unwrap(), Settled::Done);
        assert!(!earliest(&store, 100).await.contains(&event.key));
    });
    join_all(ends.skip(1)).await;
    assert_eq!(earliest(&store, 9).await, [events[0].key.clone()]);
    let mut replayed = next(&next(&pending(NOW), State::Delivered), State::Pending);
    replayed.deliveries[0] = Delivery::new("erp".into(), NOW, at(30));
    assert_eq!(store.settle(&events[5].key, &replayed).await.unwrap(), Settled::Done);
    assert_eq!(earliest(&store, 9).await, [events[0].key.clone(), events[5].key.clone()]);
}

/// Of a subject with many events, nearly all of them settled.
pub async fn earliest_of_many_events_is_found(store: impl Store) {
    let open = |id: u32| [777, 3, MANY - 1].contains(&id);
    let large = |id: u32| event_with(key("xhq-sh", "order:S1", id), at(-i64::from(id)), noise(1_500, id.into()));
    let events: Vec<_> = (0..MANY).map(large).collect();
    for (n, events) in events.chunks(AT_ONCE).enumerate() {
        let first = n * AT_ONCE;
        let admissions = events.iter().zip(first..).map(async |(event, id)| {
            let state = if open(u32::try_from(id).unwrap()) { State::Pending } else { State::Delivered };
            admit(&store, event, &work([("erp", state)], NOW)).await;
        });
        join_all(admissions).await;
    }
    let expected = [MANY - 1, 777, 3].map(|id| received(id, NOW).key);
    assert_eq!(earliest(&store, 2).await, expected[..2]);
    assert_eq!(earliest(&store, 9).await, expected);
}

/// Work that is open does not expire, and holds up what comes after it for as long as it is.
pub async fn pending_delivery_outlives_its_event_in_its_sequence(store: impl Store) {
    let mut old = event(1);
    old.meta.expires = at(-1);
    admit(&store, &old, &pending(NOW)).await;
    admit(&store, &received(2, at(1)), &pending(NOW)).await;
    assert_eq!(earliest(&store, 9).await, [old.key.clone(), received(2, at(1)).key]);
    store.settle(&old.key, &next(&pending(NOW), State::Delivered)).await.unwrap();
    assert_eq!(earliest(&store, 9).await, [received(2, at(1)).key]);
}
