//! The events and calls of a business key in the order of their reception, the newest first.

use std::cmp::Reverse;

use hub::order::Place;
use hub::{ConnectionId, Subject, Utc};

use crate::walk::Walk;
use crate::{Listed, Result, Source, Store};

/// The events and calls that are found under a business key, as [`shipment`](crate::shipment()) finds them.
#[derive(Clone, Debug)]
pub struct Numbered<'a, V> {
    /// The key, or the keys that it may mean.
    pub keys: Vec<Subject>,
    /// Connections where keys are looked for in addition to those that the index names.
    pub sources: &'a [Source],
    /// Whether a connection may be seen. Nothing else is read.
    pub sees: V,
}

/// A page of them.
pub(crate) struct Newest {
    pub(crate) items: Vec<Listed>,
    /// Whether another page follows.
    pub(crate) more: bool,
    /// Whether everything was read.
    pub(crate) complete: bool,
}

impl<V: Fn(&ConnectionId) -> bool> Numbered<'_, V> {
    /// The newest that are wanted, before a place where one is given.
    pub(crate) async fn newest<S: Store>(
        &self,
        store: &S,
        (before, limit): (Option<Place>, usize),
        wanted: impl Fn(&Listed) -> bool,
        now: Utc,
    ) -> Result<Newest> {
        let mut items: Vec<Listed> = Vec::new();
        let place = |item: &Listed| Reverse(Place::of(&item.key, &item.meta));
        let take = |item: Listed| {
            let is_before = before.is_none_or(|before| Place::of(&item.key, &item.meta) < before);
            if is_before && wanted(&item) {
                items.push(item);
            }
            // One more than the page tells that another follows.
            if items.len() > 2 * (limit + 1) {
                items.sort_by_key(place);
                items.truncate(limit + 1);
            }
        };
        let walk = Walk::over(store, (self.keys.clone(), self.sources, &self.sees), take, now).await?;
        items.sort_by_key(place);
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Newest { items, more, complete: walk.is_complete() })
    }
}
