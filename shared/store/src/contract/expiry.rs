//! Expiry: what is over is gone for every reader, whether or not the engine has removed it yet.

use std::time::Duration;

use bytes::Bytes;
use hub::call::{Call, Standing};
use hub::delivery::State;
use hub::ledger::{Calls, Tally};
use hub::{Record, Work};

use super::chains::{head, successor};
use super::{NOW, admit, at, event_with, key, next, noise, work};
use crate::{Admitted, Failed, Settled, Store};

/// Until the moment before, it is there; from its time on, in no list and under no key.
pub async fn expired_events_are_nowhere(store: impl Store) {
    let mixed = work([("erp", State::Failed), ("wms", State::Delivered)], NOW);
    let mut event = event_with(key("xhq-sh", "order:S1", 1), NOW, noise(9000, 1));
    event.meta.expires = at(60);
    assert_eq!(admit(&store, &event, &mixed).await, Admitted::New);
    let (connection, subject) = (&event.key.connection, &event.key.subject);
    for (now, count) in [(at(59), 1), (at(60), 0), (at(61), 0)] {
        assert_eq!(store.load(&event.key, now).await.unwrap().iter().count(), count);
        assert_eq!(store.inspect(&event.key, now).await.unwrap().iter().count(), count);
        assert_eq!(store.failed(&Failed::Any, None, 10, now).await.unwrap().items.len(), count);
        assert_eq!(store.timeline(connection, subject, now).await.unwrap().len(), count);
        assert_eq!(store.ledger(now).await.unwrap().values().map(|tally| tally.accepted).sum::<u64>() > 0, count > 0);
    }
}

/// An expired event is admitted as a new one, with nothing left of the old one.
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
            let work = work([("erp", State::Delivered)], received);
            assert_eq!(admit(&store, &new, &work).await, Admitted::New);
            assert_eq!(admit(&store, &new, &work).await, Admitted::Duplicate);
            assert!(store.load(&new.key, received).await.unwrap() == Some(Record { event: new, work }));
            assert_eq!(store.failed(&Failed::Any, None, 10, received).await.unwrap().items, []);
        }
    }
}

/// Open work is in each list, under its key, and known to a repetition, with its bytes, at any time of the clock.
pub async fn open_work_does_not_expire(store: impl Store) {
    let pending = work([("erp", State::Failed), ("wms", State::Pending)], at(50));
    let call = |standing| {
        let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), NOW, at(50));
        Work { accepted: 1, call: Some(Call { standing, ..call }), ..Work::default() }
    };
    let works = [pending, call(Standing::Queued), call(Standing::Ambiguous)];
    let mut events = Vec::new();
    for (id, work) in (1..).zip(&works) {
        let mut event = event_with(key("xhq-sh", "order:S1", id), NOW, noise(9000, id.into()));
        event.meta.expires = at(60);
        assert_eq!(admit(&store, &event, work).await, Admitted::New);
        events.push(event);
    }
    for now in [59, 60, 7_862_400, 999_999_999].map(at) {
        for (event, work) in events.iter().zip(&works) {
            let record = Record { event: event.clone(), work: work.clone() };
            assert!(store.load(&event.key, now).await.unwrap() == Some(record), "{now}");
            assert_eq!(store.inspect(&event.key, now).await.unwrap().map(|found| found.work).as_ref(), Some(work));
        }
        assert_eq!(store.due(now, 10).await.unwrap().len(), 2);
        assert_eq!(store.failed(&Failed::Any, None, 10, now).await.unwrap().items.len(), 2);
        assert_eq!(store.failed(&Failed::Waiting, None, 10, now).await.unwrap().items.len(), 2);
        let timeline = store.timeline(&"xhq-sh".into(), &"order:S1".into(), now).await.unwrap();
        assert_eq!(timeline.len(), 3);
        let tally = store.ledger(now).await.unwrap()[&"xhq-sh".into()];
        let calls = Calls { queued: 1, ambiguous: 1, ..Calls::default() };
        assert_eq!(tally, Tally { accepted: 4, pending: 1, failed: 1, calls, ..Tally::default() });
    }
    for event in &events {
        let again = event_with(event.key.clone(), at(7_862_400), Bytes::from_static(b"{}"));
        assert_eq!(admit(&store, &again, &works[0]).await, Admitted::Duplicate);
    }
}

/// Closed work expires as if it had never been open, however often and late it was.
pub async fn settled_work_expires_with_its_event(store: impl Store) {
    for (id, size) in [(1, 10), (2, 500_000)] {
        let mut event = event_with(key("xhq-sh", "order:S1", id), NOW, noise(size, 1));
        event.meta.expires = at(60);
        let mut latest = work([("erp", State::Pending)], NOW);
        assert_eq!(admit(&store, &event, &latest).await, Admitted::New);
        for (state, due) in [(State::Failed, 5), (State::Pending, 55), (State::Pending, 99), (State::Delivered, 120)] {
            latest = next(&latest, state);
            latest.deliveries[0].progress.due = at(due);
            assert_eq!(store.settle(&event.key, &latest).await.unwrap(), Settled::Done);
            let lives = state == State::Pending;
            for (now, there) in [(59, true), (60, lives), (7_862_400, lives)] {
                let found = store.load(&event.key, at(now)).await.unwrap();
                assert_eq!(found.is_some(), there, "{state:?} at {now}");
                assert!(found.is_none_or(|found| found.event == event));
            }
        }
        let counted = store.ledger(at(60)).await.unwrap().values().map(|tally| tally.accepted).sum::<u64>();
        assert_eq!(counted, u64::from(id) - 1, "but for the one that was admitted again");
        event.meta.received = at(121);
        event.meta.expires = at(181);
        assert_eq!(admit(&store, &event, &latest).await, Admitted::New);
    }
}

/// The chain begins anew, under the same rule as the very first time.
pub async fn an_expired_head_is_none(store: impl Store) {
    let (mut first, mut first_link) = successor(None, "61", NOW);
    first.meta.expires = at(60);
    first_link.chains[0].expires = at(60);
    assert_eq!(
        store.admit(&first, &work([("erp", State::Delivered)], NOW), Some(&first_link)).await.unwrap(),
        Admitted::New
    );
    assert_eq!(
        (head(&store, at(59)).await, head(&store, at(60)).await),
        (Some(first_link.chains[0].head.clone()), None)
    );

    let (follower, follower_link) = successor(Some(&first_link.chains[0].head), "63", at(60));
    let moved = store.admit(&follower, &work([("erp", State::Delivered)], NOW), Some(&follower_link)).await.unwrap();
    assert_eq!(moved, Admitted::Moved, "its predecessor is gone");

    let (again, again_link) = successor(None, "61", at(60));
    assert_eq!(again.key, first.key);
    assert_eq!(
        store.admit(&again, &work([("erp", State::Delivered)], NOW), Some(&again_link)).await.unwrap(),
        Admitted::New
    );
    assert_eq!(head(&store, at(61)).await, Some(again_link.chains[0].head.clone()));
}
