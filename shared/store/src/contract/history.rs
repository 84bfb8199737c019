//! The whole history of a subject, by pages.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::join_all;
use hub::call::{Call, Standing};
use hub::delivery::State;
use hub::{EventKey, Work};

use super::{KEPT, NOW, admit, at, event, event_with, every_page, key, pending, work};
use crate::{Pending, Store, StoreError};

/// Every page of a subject's history.
async fn history(store: &impl Store, connection: &str, subject: &str, limit: usize) -> Vec<EventKey> {
    let (connection, subject) = (connection.into(), subject.into());
    every_page(limit, async |from: Option<String>| {
        store.history(&connection, &subject, from.as_deref(), limit, NOW).await
    })
    .await
}

/// Subjects and connections whose names begin alike do not mix, whatever the size of the pages.
pub async fn history_has_each_event_of_its_subject_once_across_pages(store: impl Store) {
    let settled = Work { accepted: 1, ..Work::default() };
    let events: Vec<_> = (0..1_050).map(event).collect();
    for events in events.chunks(150) {
        join_all(events.iter().map(|event| admit(&store, event, &settled))).await;
    }
    for (connection, subject) in [("xhq-sh", "order:S"), ("xhq-sh", "order:S11"), ("xhq", "order:S1")] {
        admit(&store, &event_with(key(connection, subject, 7), NOW, Bytes::new()), &settled).await;
    }
    let expected: Vec<_> = events.iter().map(|event| event.key.clone()).collect();
    for limit in [25, 1_000, 5_000] {
        assert_eq!(history(&store, "xhq-sh", "order:S1", limit).await, expected, "in the order of their ids");
    }
    for limit in [1, 2] {
        assert_eq!(history(&store, "xhq", "order:S1", limit).await, [key("xhq", "order:S1", 7)]);
    }
    assert_eq!(history(&store, "xhq", "order:S", 10).await, []);
    let page = store.history(&"xhq-sh".into(), &"order:S1".into(), None, 1, NOW).await.unwrap();
    assert_eq!((&page.items[0].meta, &page.items[0].work), (&events[0].meta, &settled));
}

/// A cursor comes from outside and may be anything.
pub async fn history_cursor_of_another_list_is_refused(store: impl Store) {
    for cursor in ["", "nonsense", "1:2", "通关", "////"] {
        let refused = store.history(&"xhq-sh".into(), &"order:S1".into(), Some(cursor), 10, NOW).await;
        assert!(matches!(refused, Err(StoreError::BadCursor { .. })), "{cursor}: {refused:?}");
    }
}

/// Open work does not expire.
pub async fn expired_events_are_in_no_history(store: impl Store) {
    let gone = at(-1).0 - i64::try_from(KEPT.as_micros()).unwrap();
    let settled = Work { accepted: 1, ..Work::default() };
    for (id, received, work) in [(1, gone, &settled), (2, gone, &pending(NOW)), (3, NOW.0, &settled)] {
        let event = event_with(key("xhq-sh", "order:S1", id), hub::Utc(received), Bytes::new());
        admit(&store, &event, work).await;
    }
    for limit in [1, 10] {
        let ids = [2, 3].map(|id| key("xhq-sh", "order:S1", id));
        assert_eq!(history(&store, "xhq-sh", "order:S1", limit).await, ids);
    }
}

/// Deliveries to any endpoint and calls at any connection, each once.
pub async fn pending_work_of_any_destination_is_listed(store: impl Store) {
    let call = |standing| {
        let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), NOW, at(9));
        Work { accepted: 1, call: Some(Call { standing, ..call }), ..Work::default() }
    };
    let works = [
        pending(at(5)),
        work([("wms", State::Pending)], at(7_000)),
        call(Standing::Queued),
        call(Standing::Failed),
        work([("erp", State::Failed)], NOW),
        Work { accepted: 1, index_by: Some(at(1)), ..Work::default() },
    ];
    let events: Vec<_> = (0..).map(event).take(works.len()).collect();
    for (event, work) in events.iter().zip(&works) {
        admit(&store, event, work).await;
    }
    for limit in [1, 100] {
        let (mut listed, mut from) = (Vec::new(), None);
        loop {
            let page = store.pending(&Pending::Any, from.as_deref(), limit, NOW).await.unwrap();
            listed.extend(page.items.into_iter().map(|item| item.key));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        let expected = events[..3].iter().map(|event| event.key.clone()).collect::<BTreeSet<_>>();
        assert_eq!((listed.len(), listed.into_iter().collect::<BTreeSet<_>>()), (3, expected));
    }
}
