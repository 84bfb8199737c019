//! Changes of work: each only over the version it was made from.

use futures::future::join_all;
use hub::Record;
use hub::delivery::State;

use super::{NOW, admit, at, event, event_with, key, loaded, next, noise, pending};
use crate::{Settled, Store};

/// Versions follow one another without gaps.
pub async fn a_change_needs_the_version_before_it(store: impl Store) {
    let (event, first) = (event(1), pending(at(30)));
    admit(&store, &event, &first).await;
    let second = next(&first, State::Failed);
    let third = next(&second, State::Confirmed);
    assert_eq!(store.settle(&event.key, &third).await.unwrap(), Settled::Stale, "it skips a version");
    assert_eq!(store.settle(&event.key, &second).await.unwrap(), Settled::Done);
    assert_eq!(store.settle(&event.key, &next(&first, State::Delivered)).await.unwrap(), Settled::Stale);
    assert_eq!(loaded(&store, &event.key).await.work, second);
    assert_eq!(store.settle(&event.key, &third).await.unwrap(), Settled::Done);
    assert_eq!(store.inspect(&event.key, NOW).await.unwrap().unwrap().work, third);
}

/// However many change one version at once, one of them does, even where they agree.
pub async fn of_many_racing_changes_one_is_stored(store: impl Store) {
    let (event, first) = (event(1), pending(at(30)));
    admit(&store, &event, &first).await;
    let changes: Vec<_> = (0..32)
        .map(|n| {
            let mut work = next(&first, State::Pending);
            work.deliveries[0].progress.due = at(n / 2);
            work
        })
        .collect();
    let results = join_all(changes.iter().map(|work| store.settle(&event.key, work))).await;
    let done: Vec<_> = (0..32).filter(|n| *results[*n].as_ref().unwrap() == Settled::Done).collect();
    assert_eq!(done.len(), 1);
    assert_eq!(loaded(&store, &event.key).await.work, changes[done[0]]);
}

/// Work cannot come into being without its event.
pub async fn a_change_of_nothing_is_stale(store: impl Store) {
    let event = event(1);
    let first = pending(NOW);
    assert_eq!(store.settle(&event.key, &next(&first, State::Failed)).await.unwrap(), Settled::Stale);
    assert_eq!(store.load(&event.key, NOW).await.unwrap(), None);
    assert!(store.due(NOW, 10).await.unwrap().is_empty());
}

/// Its bytes above all, wherever they are kept.
pub async fn a_change_leaves_the_event_alone(store: impl Store) {
    for (id, size) in [(1, 100), (2, 500_000)] {
        let event = event_with(key("xhq-sh", "order:S1", id), NOW, noise(size, 3));
        let first = pending(NOW);
        admit(&store, &event, &first).await;
        let work = next(&first, State::Delivered);
        assert_eq!(store.settle(&event.key, &work).await.unwrap(), Settled::Done);
        assert!(loaded(&store, &event.key).await == Record { event, work });
    }
}
