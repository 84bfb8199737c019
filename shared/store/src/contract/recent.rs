//! The list of recent events, and lists that are picked from it.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::join_all;
use hub::call::{Call, Standing};
use hub::delivery::State;
use hub::watch::{self, Watch};
use hub::{ConnectionId, Event, EventKey, Utc, Work};

use super::{KEPT, NOW, admit, at, event_with, every_page, key, next, pending, work};
use crate::{Admitted, Failed, Listing, Numbered, Part, Received, Settled, Source, Store, StoreError, found};

const DAY: i64 = 24 * 3600;

fn received(connections: &[&str], since: i64, until: i64) -> Received {
    let connections = connections.iter().map(|id| ConnectionId::from(*id)).collect();
    Received { connections, since: at(since), until: at(until), calls: false }
}

fn settled() -> Work {
    Work { accepted: 1, ..Work::default() }
}

/// An event of a connection that was received so many seconds after [`NOW`].
fn arrived(connection: &str, id: u32, seconds: i64) -> Event {
    event_with(key(connection, &format!("order:S{}", id % 3), id), at(seconds), Bytes::from_static(b"{}"))
}

/// Every page of the list of recent events.
async fn recent(store: &impl Store, which: &Received, limit: usize, now: Utc) -> Vec<EventKey> {
    every_page(limit, async |from: Option<String>| store.recent(which, from.as_deref(), limit, now).await).await
}

/// Over days and connections, each once, whatever the size of the pages; of equal times too, which the facts of one push have.
pub async fn recent_events_come_newest_first_across_pages(store: impl Store) {
    let times = (0..60).map(|n: i64| n / 4 * 7_000 - 3 * DAY);
    let events: Vec<_> =
        (0..).zip(times).map(|(id, seconds)| arrived(["a", "b"][id as usize % 2], id, seconds)).collect();
    for event in &events {
        assert_eq!(admit(&store, event, &settled()).await, Admitted::New);
    }
    let all: BTreeSet<_> = events.iter().map(|event| event.key.clone()).collect();
    let time = |key: &EventKey| events.iter().find(|event| event.key == *key).unwrap().meta.received;
    for limit in [1, 7, 100] {
        let listed = recent(&store, &received(&["a", "b"], -9 * DAY, DAY), limit, NOW).await;
        assert_eq!(listed.len(), all.len());
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), all);
        assert!(listed.windows(2).all(|pair| time(&pair[0]) >= time(&pair[1])), "{listed:?}");
    }
    let page = store.recent(&received(&["a", "b"], -9 * DAY, DAY), None, 100, NOW).await.unwrap();
    let (first, last) = (page.items.first().unwrap(), events.last().unwrap());
    assert_eq!((first.meta.received, &first.work), (last.meta.received, &settled()));
}

/// From the one time on, and before the other.
pub async fn recent_events_are_those_between_two_times(store: impl Store) {
    let events: Vec<_> = (0..40).map(|id| arrived("a", id, i64::from(id) * 3_600 - DAY)).collect();
    for event in &events {
        admit(&store, event, &settled()).await;
    }
    let between = |since: usize, until: usize| {
        let time = |n: usize| i64::try_from(n).unwrap() * 3_600 - DAY;
        received(&["a"], time(since), time(until))
    };
    for (since, until) in [(0, 40), (3, 4), (5, 31), (39, 40), (0, 1), (7, 7), (38, 90)] {
        let expected: Vec<_> = events[since..until.min(40)].iter().rev().map(|event| event.key.clone()).collect();
        for limit in [1, 3, 100] {
            assert_eq!(recent(&store, &between(since, until), limit, NOW).await, expected, "{since} to {until}");
        }
    }
    let ever = Received { since: Utc(i64::MIN), until: Utc(i64::MAX), ..between(0, 40) };
    let page = store.recent(&ever, None, 5, NOW).await.unwrap();
    assert_eq!(page.items[0].key, events[39].key);
}

/// Others are not read, however many there are.
pub async fn recent_events_are_of_the_connections_asked_for(store: impl Store) {
    let places = ["a", "a-b", "b", "a"];
    let events: Vec<_> = (0..).zip(places).map(|(id, place)| arrived(place, id, i64::from(id))).collect();
    for event in &events {
        admit(&store, event, &settled()).await;
    }
    let listed = async |connections: &[&str]| recent(&store, &received(connections, -9, 99), 2, NOW).await;
    let keys = |of: &[usize]| of.iter().map(|n| events[*n].key.clone()).collect::<Vec<_>>();
    assert_eq!(listed(&["a"]).await, keys(&[3, 0]));
    assert_eq!(listed(&["a-b", "b"]).await, keys(&[2, 1]));
    assert_eq!(listed(&["c"]).await, []);
    assert_eq!(listed(&[]).await, []);
}

/// Calls are listed with the events, or alone; watches are not.
pub async fn recent_calls_are_listed_alone_too(store: impl Store) {
    let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), NOW, at(9));
    let call = Work { call: Some(Call { standing: Standing::Succeeded, ..call }), ..settled() };
    let called = event_with(key("a", "call:00", 1), at(1), Bytes::new());
    let watch = Watch {
        by: "xhq.syn_status".into(),
        since: at(3),
        due: Some(at(60)),
        news: at(3),
        asked: None,
        reported: None,
        over: None,
        unknown: None,
        ended: None,
    };
    let begun = watch::begun(&"a".into(), &"order:S".into(), watch, KEPT);
    admit(&store, &arrived("a", 0, 0), &settled()).await;
    admit(&store, &called, &call).await;
    admit(&store, &arrived("a", 2, 2), &settled()).await;
    admit(&store, &begun.event, &begun.work).await;
    let all = received(&["a"], -9, 99);
    let calls = Received { calls: true, ..all.clone() };
    for limit in [1, 10] {
        let keys = [arrived("a", 2, 2).key, called.key.clone(), arrived("a", 0, 0).key];
        assert_eq!(recent(&store, &all, limit, NOW).await, keys);
        assert_eq!(recent(&store, &calls, limit, NOW).await, std::slice::from_ref(&called.key));
    }
}

/// An event keeps its place while its work changes, and is listed with its work as it stands.
pub async fn recent_event_keeps_its_place_when_its_work_changes(store: impl Store) {
    let first = pending(at(5));
    let events = [0, 1, 2].map(|id| arrived("a", id, i64::from(id)));
    for event in &events {
        admit(&store, event, &first).await;
    }
    let failed = next(&first, State::Failed);
    let delivered = next(&failed, State::Delivered);
    for work in [&failed, &delivered] {
        assert_eq!(store.settle(&events[1].key, work).await.unwrap(), Settled::Done);
        let page = store.recent(&received(&["a"], -9, 99), None, 10, NOW).await.unwrap();
        let listed: Vec<_> = page.items.iter().map(|item| (&item.key, &item.work)).collect();
        assert_eq!(listed, [(&events[2].key, &first), (&events[1].key, work), (&events[0].key, &first)]);
    }
}

/// Expired events are in no list, open ones in each, and one that is admitted again is listed by its new time.
pub async fn recent_events_expire(store: impl Store) {
    let short = |id, seconds| {
        let mut event = arrived("a", id, seconds);
        event.meta.expires = event.meta.received.after(std::time::Duration::from_mins(1));
        event
    };
    let (gone, open) = (short(1, 0), short(2, 1));
    admit(&store, &gone, &settled()).await;
    admit(&store, &open, &pending(at(9))).await;
    let all = received(&["a"], -9, DAY);
    assert_eq!(recent(&store, &all, 10, at(59)).await, [open.key.clone(), gone.key.clone()]);
    assert_eq!(recent(&store, &all, 10, at(61)).await, std::slice::from_ref(&open.key));
    let again = short(1, 120);
    assert_eq!(again.key, gone.key);
    assert_eq!(admit(&store, &again, &settled()).await, Admitted::New);
    assert_eq!(recent(&store, &all, 1, at(121)).await, [again.key, open.key]);
}

/// A cursor comes from outside and may be anything.
pub async fn recent_cursor_of_another_list_is_refused(store: impl Store) {
    admit(&store, &arrived("a", 1, 0), &settled()).await;
    for cursor in ["", "nonsense", "1:2", "通关", "////", "9999999999999999999999", "0123456789abcde通关"] {
        let refused = store.recent(&received(&["a"], -9, 9), Some(cursor), 10, NOW).await;
        assert!(matches!(refused, Err(StoreError::BadCursor { .. })), "{cursor}: {refused:?}");
    }
}

/// A page that is picked from a list has what is wanted and no more than its limit, and none is skipped between pages.
pub async fn picked_items_are_listed_once_across_pages(store: impl Store) {
    let events: Vec<_> = (0..90).map(|id| arrived("a", id, i64::from(id))).collect();
    let failed = work([("erp", State::Failed)], at(1));
    for events in events.chunks(30) {
        join_all(events.iter().map(|event| admit(&store, event, &failed))).await;
    }
    let subject = |n: u32| format!("order:S{n}");
    let wanted = |item: &crate::Listed| item.key.subject.as_str() == subject(1);
    let expected: BTreeSet<_> =
        events.iter().map(|event| &event.key).filter(|key| key.subject.as_str() == subject(1)).collect();
    let sources = [Source { connection: "a".into(), kinds: &["order"] }];
    let numbered =
        Numbered { keys: vec![subject(1).as_str().into()], sources: &sources, sees: |_: &ConnectionId| true };
    let listings = [
        Listing::Recent(received(&["a"], -9, 999)),
        Listing::Failed(Failed::At("erp".into())),
        Listing::Numbered(numbered),
    ];
    for listing in &listings {
        for limit in [1, 4, 30, 100] {
            let (mut keys, mut from) = (Vec::new(), None::<String>);
            loop {
                let part = Part { from: from.as_deref(), limit, hides: false };
                let page = found(&store, listing, part, wanted, NOW).await.unwrap();
                assert!(page.items.len() <= limit && page.complete);
                keys.extend(page.items.into_iter().map(|item| item.key));
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            assert_eq!(keys.len(), expected.len(), "by {limit}");
            assert_eq!(keys.iter().collect::<BTreeSet<_>>(), expected);
        }
        let part = Part { from: Some("nonsense"), limit: 1, hides: false };
        let refused = found(&store, listing, part, wanted, NOW).await;
        assert!(matches!(refused, Err(StoreError::BadCursor { .. })), "{refused:?}");
    }
}
