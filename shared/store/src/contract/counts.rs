//! Counts of statistics.

use std::collections::BTreeMap;

use futures::future::join_all;
use hub::statistics::Counts;
use hub::{ConnectionId, Utc};

use super::{NOW, at};
use crate::Store;

fn counts(added: &[(&str, u64)], latest: &[(&str, Utc)]) -> Counts {
    let added = added.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
    Counts { added, latest: latest.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect() }
}

fn connection() -> ConnectionId {
    "xhq-sh".into()
}

/// Nothing that is added beside something else is lost, under whichever names.
pub async fn concurrent_additions_lose_nothing(store: impl Store) {
    let (connection, store) = (connection(), &store);
    let all = join_all((0..40_u64).map(|n| {
        let connection = &connection;
        let added = counts(&[("accepted", n), (["t1", "t2"][usize::from(n % 2 == 0)], 1)], &[]);
        async move { store.add_counts(connection, NOW, &added, at(600)).await }
    }));
    assert!(all.await.into_iter().all(|added| added.is_ok()));
    let read = store.counts(&connection, NOW, at(1), NOW).await.unwrap();
    assert_eq!(read, [(NOW, counts(&[("accepted", 780), ("t1", 20), ("t2", 20)], &[]))]);
}

/// Of one connection, from a time on and before another, the earliest first.
pub async fn counts_are_read_by_connection_and_time(store: impl Store) {
    let one = counts(&[("accepted", 1)], &[]);
    for seconds in [1_200, 0, 600, 1_800] {
        store.add_counts(&connection(), at(seconds), &one, at(9_000)).await.unwrap();
    }
    store.add_counts(&"xhq-sh-2".into(), at(600), &one, at(9_000)).await.unwrap();
    let read = async |since: i64, until: i64| {
        let read = store.counts(&connection(), at(since), at(until), NOW).await.unwrap();
        read.into_iter().map(|(step, _)| (step.0 - NOW.0) / 1_000_000).collect::<Vec<_>>()
    };
    assert_eq!(read(0, 1_801).await, [0, 600, 1_200, 1_800]);
    assert_eq!(read(600, 1_200).await, [600], "the end is not included");
    assert_eq!(read(1, 600).await, Vec::<i64>::new());
    assert_eq!(read(600, 600).await, Vec::<i64>::new());
    assert_eq!(store.counts(&"other".into(), NOW, at(9_000), NOW).await.unwrap(), []);
}

/// Times stay where others are added, and the later addition counts.
pub async fn latest_times_are_those_of_the_later_addition(store: impl Store) {
    let add = async |added: Counts| store.add_counts(&connection(), NOW, &added, at(600)).await.unwrap();
    add(counts(&[("accepted", 1)], &[("push", at(1)), ("erp/", at(2))])).await;
    add(counts(&[("accepted", 1)], &[("push", at(5))])).await;
    add(counts(&[], &[])).await;
    let read = store.counts(&connection(), NOW, at(1), NOW).await.unwrap();
    assert_eq!(read, [(NOW, counts(&[("accepted", 2)], &[("push", at(5)), ("erp/", at(2))]))]);
}

/// Many names, as of many endpoints, and numbers that no float holds.
pub async fn counts_of_many_names_are_exact(store: impl Store) {
    let names: Vec<_> = (0..60).flat_map(|n| (0..9).map(move |t| format!("endpoint-{n:02}-0123456789/t{t}"))).collect();
    let large = 9_007_199_254_740_993;
    let added: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), large)).collect();
    let added = Counts { added, ..Counts::default() };
    for _ in 0..2 {
        store.add_counts(&connection(), NOW, &added, at(600)).await.unwrap();
    }
    let read = store.counts(&connection(), NOW, at(1), NOW).await.unwrap();
    let [(_, read)] = read.as_slice() else { panic!("{} items", read.len()) };
    assert_eq!(read.added.len(), names.len());
    assert!(read.added.values().all(|number| *number == 2 * large));
}

/// From their expiry on, whatever is asked for.
pub async fn expired_counts_are_not_read(store: impl Store) {
    store.add_counts(&connection(), NOW, &counts(&[("accepted", 1)], &[]), at(60)).await.unwrap();
    for (now, found) in [(at(59), 1), (at(60), 0)] {
        assert_eq!(store.counts(&connection(), NOW, at(1), now).await.unwrap().len(), found);
    }
}
