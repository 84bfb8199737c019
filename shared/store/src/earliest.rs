//! The first of many events, picked while they are read one by one: a subject may have ten thousand.

use hub::order::Place;

use crate::Listed;

/// The first events of those that were offered, in the order of reception.
#[derive(Debug)]
pub struct Earliest {
    limit: usize,
    found: Vec<(Place, Listed)>,
}

impl Earliest {
    /// At most `limit` events.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, found: Vec::new() }
    }

    /// Whether an event at that place would be among the first.
    #[must_use]
    pub fn takes(&self, place: Place) -> bool {
        self.found.len() < self.limit || self.found.last().is_some_and(|(last, _)| place < *last)
    }

    /// Offers an event.
    pub fn offer(&mut self, listed: Listed) {
        let place = Place::of(&listed.key, &listed.meta);
        if self.takes(place) {
            let at = self.found.partition_point(|(other, _)| *other < place);
            self.found.insert(at, (place, listed));
            self.found.truncate(self.limit);
        }
    }

    /// The first of them.
    #[must_use]
    pub fn into_items(self) -> Vec<Listed> {
        self.found.into_iter().map(|(_, listed)| listed).collect()
    }
}
