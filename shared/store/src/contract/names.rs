//! Aliases, leases and notes.

use futures::future::join_all;
use hub::{Alias, ConnectionId, Subject};

use super::{NOW, at};
use crate::{LONGEST_LEASE, Note, Store};

fn place(connection: &str, subject: &str) -> (ConnectionId, Subject) {
    (connection.into(), subject.into())
}

/// One key may be of several subjects, and one subject may have several.
pub async fn an_alias_names_every_subject_that_has_it(store: impl Store) {
    let (bl, box1, box2) = (Alias::new("bl", "提单#1"), Alias::new("container", "1"), Alias::new("container", "11"));
    let (one, two) = (place("xhq-sh", "order:S#1"), place("xhq-bj", "order:S2"));
    assert_eq!(store.resolve(&bl, NOW).await.unwrap(), []);
    store.alias(&[bl.clone(), box1.clone()], &one.0, &one.1, at(60)).await.unwrap();
    store.alias(&[bl.clone(), box2.clone()], &two.0, &two.1, at(60)).await.unwrap();
    store.alias(&[], &two.0, &two.1, at(60)).await.unwrap();
    let mut both = store.resolve(&bl, NOW).await.unwrap();
    both.sort();
    assert_eq!(both, [two.clone(), one.clone()]);
    assert_eq!(store.resolve(&box1, NOW).await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(store.resolve(&box2, NOW).await.unwrap(), std::slice::from_ref(&two));

    let many: Vec<_> = (0..200).map(|n| Alias::new("container", &format!("M{n}"))).collect();
    store.alias(&many, &one.0, &one.1, at(60)).await.unwrap();
    for alias in [&many[0], &many[99], &many[199]] {
        assert_eq!(store.resolve(alias, NOW).await.unwrap(), std::slice::from_ref(&one));
    }
}

/// Repeating prolongs and never shortens; then it is over.
pub async fn an_alias_lasts_as_long_as_its_latest_repetition(store: impl Store) {
    let (alias, (connection, subject)) = (Alias::new("bl", "1"), place("xhq-sh", "order:S1"));
    for until in [60, 120, 90] {
        store.alias(std::slice::from_ref(&alias), &connection, &subject, at(until)).await.unwrap();
    }
    for (now, count) in [(NOW, 1), (at(119), 1), (at(120), 0)] {
        assert_eq!(store.resolve(&alias, now).await.unwrap().len(), count);
    }
    store.alias(std::slice::from_ref(&alias), &connection, &subject, at(240)).await.unwrap();
    assert_eq!(store.resolve(&alias, at(120)).await.unwrap().len(), 1);
}

/// While it lasts; its holder may prolong it or let it go.
pub async fn a_lease_has_one_holder(store: impl Store) {
    let take = async |holder, now, until| store.lease("sweep", holder, at(now), at(until)).await.unwrap();
    assert!(take("a", 0, 10).await);
    assert!(!take("b", 9, 20).await);
    assert!(take("a", 9, 15).await, "prolonged");
    assert!(!take("b", 10, 20).await);
    assert!(take("b", 15, 20).await, "it was over");
    assert!(!take("a", 16, 30).await);
    assert!(take("b", 16, 16).await, "let go");
    assert!(take("a", 16, 30).await);
    assert!(store.lease("other", "b", at(16), at(30)).await.unwrap());
}

/// A process whose clock was two days ahead took it, and its clock was set back.
pub async fn lease_that_lasts_too_long_is_void(store: impl Store) {
    let longest = i64::try_from(LONGEST_LEASE.as_secs()).unwrap();
    for (name, until, taken) in [("a", 172_830, true), ("b", longest + 1, true), ("c", longest, false)] {
        assert!(store.lease(name, "ahead", at(172_800), at(until)).await.unwrap());
        assert_eq!(store.lease(name, "present", NOW, at(10)).await.unwrap(), taken, "{name}");
    }
}

/// However many reach for it at once.
pub async fn of_many_takers_one_has_the_lease(store: impl Store) {
    let takers: Vec<_> = (0..32).map(|n| format!("taker {n}")).collect();
    for now in [0, 10] {
        let results = join_all(takers.iter().map(|taker| store.lease("sweep", taker, at(now), at(now + 10)))).await;
        assert_eq!(results.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
    }
}

/// Over none for the first time, then over the latest version only.
pub async fn a_note_changes_over_the_version_that_was_read(store: impl Store) {
    let note = async |name| store.note(name).await.unwrap().map(|Note { value, version }| (value, version));
    assert_eq!(note("健康:erp").await, None);
    assert!(!store.put_note("健康:erp", "x", 1).await.unwrap(), "there is no version 1");
    assert!(store.put_note("健康:erp", "", 0).await.unwrap());
    assert_eq!(note("健康:erp").await, Some((String::new(), 1)));
    assert!(!store.put_note("健康:erp", "b", 0).await.unwrap());
    assert!(store.put_note("健康:erp", "打开\n", 1).await.unwrap());
    assert!(!store.put_note("健康:erp", "打开\n", 1).await.unwrap(), "equal, but not over what it read");
    assert_eq!(note("健康:erp").await, Some(("打开\n".to_owned(), 2)));
    assert_eq!(note("健康").await, None);
}

/// Even where they all write the same.
pub async fn of_many_writers_one_note_is_kept(store: impl Store) {
    for over in 0..2 {
        let writers = join_all((0..32).map(|_| store.put_note("breaker", "half open", over))).await;
        assert_eq!(writers.into_iter().filter(|kept| *kept.as_ref().unwrap()).count(), 1);
        assert_eq!(store.note("breaker").await.unwrap().unwrap().version, over + 1);
    }
}

/// A name is a name of one kind.
pub async fn notes_and_leases_of_one_name_are_apart(store: impl Store) {
    assert!(store.lease("erp", "a", NOW, at(10)).await.unwrap());
    assert_eq!(store.note("erp").await.unwrap(), None);
    assert!(store.put_note("erp", "b", 0).await.unwrap());
    assert!(!store.lease("erp", "c", at(1), at(10)).await.unwrap());
}
