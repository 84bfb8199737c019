//! Requests in progress by key, so that one sender cannot take all places with requests that it is allowed to make.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Number of requests in progress of each key. Clones share it. Keys are named by the ids of the configuration, so that there
/// are few.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    most: usize,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    in_progress: HashMap<String, usize>,
    refused: u64,
}

/// One request in progress, until this is dropped.
#[derive(Debug)]
pub(crate) struct InProgress {
    name: String,
    shared: Arc<Mutex<State>>,
}

impl Keys {
    pub(super) fn new(most: usize) -> Self {
        Self { most, shared: Arc::default() }
    }

    /// Begins a request of a key; nothing where it has as many in progress as it may.
    pub(crate) fn begin(&self, name: String) -> Option<InProgress> {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.in_progress.entry(name.clone()).or_default();
        if *count >= self.most {
            state.refused += 1;
            return None;
        }
        *count += 1;
        Some(InProgress { name, shared: Arc::clone(&self.shared) })
    }

    /// Requests in progress, and those that were refused so far.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        (state.in_progress.values().sum(), state.refused)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = state.in_progress.get_mut(&self.name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.in_progress.remove(&self.name);
            }
        }
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
