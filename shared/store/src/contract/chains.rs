//! Chains: an event admitted as the successor of the latest one.

use bytes::Bytes;
use futures::future::join_all;
use hub::identity::{self, Content, Head, Repeats, Step};
use hub::{Event, EventId, EventType, Subject, Utc};

use super::{NOW, admit, at, event_with, key, pending};
use crate::{Admitted, Chain, Link, MOST_CHAINS, Store};

const WINDOW: Repeats = Repeats::Within(identity::REPEAT_WINDOW);

fn content(text: &str) -> Content {
    identity::opaque(&"xhq-sh".into(), &"xhq.syn_status".into(), text.as_bytes())
}

/// The event and its link that `text` becomes after `head`.
pub(super) fn successor(head: Option<&Head>, text: &str, now: Utc) -> (Event, Link) {
    let mut key = key("xhq-sh", "order:S1", 0);
    let Step::Next { head: next, .. } =
        identity::follow(head, &key.connection, &key.subject, content(text), now, WINDOW)
    else {
        panic!("{text} is a repetition");
    };
    key.id = next.event;
    let event = event_with(key, next.received, Bytes::from(text.to_owned()));
    let link = Link::own(&event, head.map(|head| head.event), next);
    (event, link)
}

pub(super) async fn head(store: &impl Store, now: Utc) -> Option<Head> {
    let key = key("xhq-sh", "order:S1", 0);
    store.head(&key.connection, &key.subject, &"xhq.syn_status".into(), now).await.unwrap()
}

/// Event and head are stored in one breath, and the head remembers all it was given.
pub async fn a_chain_moves_with_its_event(store: impl Store) {
    let mut latest = None;
    assert_eq!(head(&store, NOW).await, latest);
    for (second, text) in (0..).zip(["61", "63", "61"]) {
        let (event, link) = successor(latest.as_ref(), text, at(second));
        assert_eq!(store.admit(&event, &pending(NOW), Some(&link)).await.unwrap(), Admitted::New);
        latest = head(&store, at(second)).await;
        assert_eq!(latest, Some(link.chains[0].head.clone()));
        assert!(store.load(&event.key, NOW).await.unwrap().is_some());
    }
    let key = key("xhq-sh", "order:S1", 0);
    assert_eq!(store.timeline(&key.connection, &key.subject, NOW).await.unwrap().len(), 3, "heads are no events");
}

/// Neither the event nor the head, whether the chain is longer than expected or shorter.
pub async fn a_wrong_link_stores_nothing(store: impl Store) {
    let (first, link) = successor(None, "61", NOW);
    let (too_early, early_link) = successor(Some(&link.chains[0].head), "63", at(1));
    let moved = store.admit(&too_early, &pending(NOW), Some(&early_link)).await.unwrap();
    assert_eq!((moved, head(&store, NOW).await), (Admitted::Moved, None));
    assert_eq!(store.load(&too_early.key, NOW).await.unwrap(), None);

    store.admit(&first, &pending(NOW), Some(&link)).await.unwrap();
    let (too_late, late_link) = successor(None, "63", at(1));
    let moved = store.admit(&too_late, &pending(NOW), Some(&late_link)).await.unwrap();
    assert_eq!((moved, head(&store, NOW).await), (Admitted::Moved, Some(link.chains[0].head.clone())));
    assert_eq!(store.load(&too_late.key, NOW).await.unwrap(), None);
}

/// Equals that all saw the same predecessor have one id, and meet in one write.
pub async fn of_many_concurrent_equals_in_a_chain_one_is_new(store: impl Store) {
    let (first, link) = successor(None, "61", NOW);
    store.admit(&first, &pending(NOW), Some(&link)).await.unwrap();
    let (event, link) = successor(Some(&link.chains[0].head), "63", at(1));
    let work = pending(NOW);
    let results = join_all((0..32).map(|_| store.admit(&event, &work, Some(&link)))).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results.iter().filter(|result| **result == Admitted::New).count(), 1, "{results:?}");
    assert_eq!(head(&store, NOW).await, Some(link.chains[0].head.clone()));
}

/// An equal of the latest event that comes after the repeat window is stored once, however many come at once.
pub async fn of_many_late_equals_of_the_latest_one_is_new(store: impl Store) {
    let (first, link) = successor(None, "61", NOW);
    store.admit(&first, &pending(NOW), Some(&link)).await.unwrap();
    let drafts: Vec<_> = (0..16).map(|n| successor(Some(&link.chains[0].head), "61", at(601 + n))).collect();
    let work = pending(NOW);
    let results = join_all(drafts.iter().map(|(event, link)| store.admit(event, &work, Some(link)))).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results.iter().filter(|result| **result == Admitted::New).count(), 1, "{results:?}");
    assert!(results.iter().all(|result| *result != Admitted::Moved), "{results:?}");
    let timeline = store.timeline(&first.key.connection, &first.key.subject, NOW).await.unwrap();
    assert_eq!(timeline.len(), 2);
}

/// Different successors of one predecessor: one is stored, the others are told to decide again.
pub async fn of_many_different_successors_one_is_new(store: impl Store) {
    let texts: Vec<_> = (0..16).map(|n| n.to_string()).collect();
    let drafts: Vec<_> = texts.iter().map(|text| successor(None, text, NOW)).collect();
    let work = pending(NOW);
    let results = join_all(drafts.iter().map(|(event, link)| store.admit(event, &work, Some(link)))).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    let new: Vec<_> = (0..16).filter(|n| results[*n] == Admitted::New).collect();
    assert_eq!((new.len(), results.iter().filter(|result| **result == Admitted::Moved).count()), (1, 15));
    let winner = &drafts[new[0]];
    assert_eq!(head(&store, NOW).await.as_ref(), Some(&winner.1.chains[0].head));
    let timeline = store.timeline(&winner.0.key.connection, &winner.0.key.subject, NOW).await.unwrap();
    assert_eq!(timeline.into_iter().map(|listed| listed.key).collect::<Vec<_>>(), std::slice::from_ref(&winner.0.key));
}

/// The event decides before the head does: it is stored already, so there is nothing to move.
pub async fn an_event_that_exists_is_a_duplicate_under_any_link(store: impl Store) {
    let (first, first_link) = successor(None, "61", NOW);
    store.admit(&first, &pending(NOW), Some(&first_link)).await.unwrap();
    let (second, second_link) = successor(Some(&first_link.chains[0].head), "63", at(1));
    store.admit(&second, &pending(NOW), Some(&second_link)).await.unwrap();
    for link in [&first_link, &second_link, &Link::own(&first, Some(second.key.id), first_link.chains[0].head.clone())]
    {
        assert_eq!(store.admit(&first, &pending(NOW), Some(link)).await.unwrap(), Admitted::Duplicate);
    }
    assert_eq!(head(&store, NOW).await, Some(second_link.chains[0].head.clone()));
}

/// A chain is of one event type of one subject of one connection.
pub async fn chains_of_other_types_and_subjects_are_apart(store: impl Store) {
    let (event, link) = successor(None, "61", NOW);
    store.admit(&event, &pending(NOW), Some(&link)).await.unwrap();
    let own = &event.key;
    let kind = |kind: &str| EventType::from(kind);
    for (connection, subject, kind) in [
        ("xhq-sh", "order:S1", kind("xhq.msg_notice")),
        ("xhq-sh", "order:S1", kind("xhq.syn_statu")),
        ("xhq-sh", "order:S1", kind("xhq.syn_status2")),
        ("xhq-sh", "order:S", kind("xhq.syn_status")),
        ("xhq-bj", "order:S1", kind("xhq.syn_status")),
    ] {
        assert_eq!(store.head(&connection.into(), &subject.into(), &kind, NOW).await.unwrap(), None);
    }
    assert!(store.head(&own.connection, &own.subject, &event.meta.kind, NOW).await.unwrap().is_some());
    // An event without a link has no part in any chain.
    let alone = super::event(9);
    admit(&store, &alone, &pending(NOW)).await;
    assert_eq!(head(&store, NOW).await, Some(link.chains[0].head.clone()));
}

/// The event and its link that follow the commands which are the latest about these orders.
async fn command(store: &impl Store, id: u32, orders: &[&str], until: Utc) -> (Event, Link) {
    let event = event_with(key("xhq-sh", &format!("call:{id}"), id), NOW, Bytes::from_static(b"{}"));
    let mut chains = Vec::new();
    for order in orders {
        let (subject, kind) = (Subject::from(*order), EventType::from("command"));
        let latest = store.head(&event.key.connection, &subject, &kind, NOW).await.unwrap();
        let head = Head { event: event.key.id, content: content("61"), received: at(id.into()), recent: Vec::new() };
        chains.push(Chain { subject, kind, expected: latest.map(|latest| latest.event), head, expires: until });
    }
    (event, Link { chains })
}

/// Latest commands about some orders.
async fn latest(store: &impl Store, orders: &[&str], now: Utc) -> Vec<Option<EventId>> {
    let mut latest = Vec::new();
    for order in orders {
        let head = store.head(&"xhq-sh".into(), &Subject::from(*order), &EventType::from("command"), now).await;
        latest.push(head.unwrap().map(|head| head.event));
    }
    latest
}

/// The chains need not be those of the event's own subject and type, nor expire with it.
pub async fn chains_of_other_subjects_move_with_an_event(store: impl Store) {
    const ORDERS: [&str; 3] = ["order:S1", "order:S2", "order:S3"];
    let (first, link) = command(&store, 1, &ORDERS[..2], at(90)).await;
    assert_eq!(store.admit(&first, &pending(NOW), Some(&link)).await.unwrap(), Admitted::New);
    let (second, link) = command(&store, 2, &ORDERS[1..], at(60)).await;
    assert_eq!(store.admit(&second, &pending(NOW), Some(&link)).await.unwrap(), Admitted::New);
    let (first, second) = (Some(first.key.id), Some(second.key.id));
    assert_eq!(latest(&store, &ORDERS, NOW).await, [first, second, second]);
    assert_eq!(latest(&store, &ORDERS, at(60)).await, [first, None, None], "each is forgotten at its own time");
    assert_eq!(head(&store, NOW).await, None, "a chain of another type is another one");
}

/// Where one chain has moved, nothing is stored: not the event, and no other chain.
pub async fn chains_move_together_or_not_at_all(store: impl Store) {
    const ORDERS: [&str; 2] = ["order:S1", "order:S2"];
    let (both, both_link) = command(&store, 1, &ORDERS, at(90)).await;
    for order in ORDERS {
        let (one, link) = command(&store, if order == ORDERS[0] { 2 } else { 3 }, &[order], at(90)).await;
        assert_eq!(store.admit(&one, &pending(NOW), Some(&link)).await.unwrap(), Admitted::New);
        let before = latest(&store, &ORDERS, NOW).await;
        assert_eq!(store.admit(&both, &pending(NOW), Some(&both_link)).await.unwrap(), Admitted::Moved);
        assert_eq!(store.load(&both.key, NOW).await.unwrap(), None);
        assert_eq!(latest(&store, &ORDERS, NOW).await, before);
    }
    let (both, link) = command(&store, 1, &ORDERS, at(90)).await;
    assert_eq!(store.admit(&both, &pending(NOW), Some(&link)).await.unwrap(), Admitted::New);
    assert_eq!(store.admit(&both, &pending(NOW), Some(&both_link)).await.unwrap(), Admitted::Duplicate);
    assert_eq!(latest(&store, &ORDERS, NOW).await, [Some(both.key.id); 2]);
}

/// Of commands that saw the same latest ones, one is accepted; as many chains move at once as may.
pub async fn of_many_concurrent_moves_of_many_chains_one_is_stored(store: impl Store) {
    let names: Vec<_> = (0..MOST_CHAINS).map(|n| format!("order:{n}")).collect();
    let orders: Vec<_> = names.iter().map(String::as_str).collect();
    let mut drafts = Vec::new();
    for n in 0..8 {
        drafts.push(command(&store, n, &orders, at(90)).await);
    }
    let work = pending(NOW);
    let results = join_all(drafts.iter().map(|(event, link)| store.admit(event, &work, Some(link)))).await;
    let new: Vec<_> = (0..8).filter(|n| *results[*n].as_ref().unwrap() == Admitted::New).collect();
    assert_eq!(new.len(), 1, "{results:?}");
    assert_eq!(latest(&store, &orders, NOW).await, vec![Some(drafts[new[0]].0.key.id); MOST_CHAINS]);
}
