//! Requests in progress by key, so that one sender cannot take all places with requests that it is allowed to make.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for the requests of each key. Clones share them. Keys are named by the ids of the configuration, so that there are few.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    most: usize,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<String, Arc<Semaphore>>,
    refused: u64,
}

impl Keys {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.min(Semaphore::MAX_PERMITS), shared: Arc::default() }
    }

    /// A place for a request of a key, until it is dropped; nothing where all of the key's are taken.
    pub(crate) fn begin(&self, name: String) -> Option<OwnedSemaphorePermit> {
        let mut state = self.lock();
        let places = state.places.entry(name).or_insert_with(|| Arc::new(Semaphore::new(self.most)));
        let place = Arc::clone(places).try_acquire_owned().ok();
        state.refused += u64::from(place.is_none());
        place
    }

    /// Requests in progress, and those that were refused so far.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let state = self.lock();
        (state.places.values().map(|places| self.most - places.available_permits()).sum(), state.refused)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_with_its_share_in_progress_takes_no_place_of_others() {
        let keys = Keys::new(2);
        let begin = |name: &str| keys.begin(name.to_owned());
        let (first, second) = (begin("a").unwrap(), begin("a").unwrap());
        assert!(begin("a").is_none());
        let other = begin("b").unwrap();
        assert_eq!(keys.counts(), (3, 1));
        drop(first);
        let third = begin("a").unwrap();
        assert!(begin("a").is_none());
        drop((second, third, other));
        assert_eq!(keys.counts(), (0, 2));
    }
}
