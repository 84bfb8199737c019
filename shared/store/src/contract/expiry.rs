//! Expiry: what is over is gone for every reader, whether or not the engine has removed it yet.

use std::time::Duration;

use bytes::Bytes;
use hub::Record;
use hub::delivery::State;

use super::chains::{head, successor};
use super::{NOW, admit, at, event_with, key, noise, pending, work};
use crate::{Admitted, Failed, Store};

/// Until the moment before, it is there; from its time on, in no list and under no key.
pub async fn expired_events_are_nowhere(store: impl Store) {
    let mixed = work([("erp", State::Failed), ("wms", State::Pending)], NOW);
    let mut event = event_with(key("xhq-sh", "order:S1", 1), NOW, noise(9000, 1));
    event.meta.expires = at(60);
    assert_eq!(admit(&store, &event, &mixed).await, Admitted::New);
    let (connection, subject) = (&event.key.connection, &event.key.subject);
    for (now, count) in [(at(59), 1), (at(60), 0), (at(61), 0)] {
        assert_eq!(store.load(&event.key, now).await.unwrap().iter().count(), count);
        assert_eq!(store.inspect(&event.key, now).await.unwrap().iter().count(), count);
        assert_eq!(store.due(now, 10).await.unwrap().len(), count);
        assert_eq!(store.failed(&Failed::Any, None, 10, now).await.unwrap().items.len(), count);
        assert_eq!(store.timeline(connection, subject, now).await.unwrap().len(), count);
        assert_eq!(store.ledger(now).await.unwrap().values().map(|tally| tally.accepted).sum::<u64>() > 0, count > 0);
    }
}

/// As a new event, with nothing left of the old one.
pub async fn an_expired_event_is_admitted_again(store: impl Store) {
    for (id, size) in [(1, 10), (2, 500_000)] {
        let mut old = event_with(key("xhq-sh", "order:S1", id), NOW, noise(size, 1));
        old.meta.expires = at(60);
        let failed = work([("erp", State::Failed)], NOW);
        assert_eq!(admit(&store, &old, &failed).await, Admitted::New);
        let early = event_with(old.key.clone(), at(59), Bytes::from_static(b"early"));
        assert_eq!(admit(&store, &early, &failed).await, Admitted::Duplicate);
        // The same bytes, and others.
        for (received, body) in [(at(60), old.body.clone()), (at(120), noise(size + 1, 2))] {
            let mut new = event_with(old.key.clone(), received, body);
            new.meta.expires = received.after(Duration::from_mins(1));
            let work = pending(received);
            assert_eq!(admit(&store, &new, &work).await, Admitted::New);
            assert_eq!(admit(&store, &new, &work).await, Admitted::Duplicate);
            assert!(store.load(&new.key, received).await.unwrap() == Some(Record { event: new, work }));
            assert_eq!(store.failed(&Failed::Any, None, 10, received).await.unwrap().items, []);
        }
    }
}

/// The chain begins anew, under the same rule as the very first time.
pub async fn an_expired_head_is_none(store: impl Store) {
    let (mut first, first_link) = successor(None, "61", NOW);
    first.meta.expires = at(60);
    assert_eq!(store.admit(&first, &pending(NOW), Some(&first_link)).await.unwrap(), Admitted::New);
    assert_eq!((head(&store, at(59)).await, head(&store, at(60)).await), (Some(first_link.head.clone()), None));

    let (follower, follower_link) = successor(Some(&first_link.head), "63", at(60));
    let moved = store.admit(&follower, &pending(NOW), Some(&follower_link)).await.unwrap();
    assert_eq!(moved, Admitted::Moved, "its predecessor is gone");

    let (again, again_link) = successor(None, "61", at(60));
    assert_eq!(again.key, first.key);
    assert_eq!(store.admit(&again, &pending(NOW), Some(&again_link)).await.unwrap(), Admitted::New);
    assert_eq!(head(&store, at(61)).await, Some(again_link.head));
}
