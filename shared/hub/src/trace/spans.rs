//! Spans of a process that wait for a collector.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Span;

/// Most spans that wait: some ten megabytes. Further ones are dropped and counted, for nothing waits for a collector.
pub const MOST_SPANS: usize = 16_384;

/// Spans that wait to be exported. Clones share them. Those of a process that exports none keep none.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<Arc<Mutex<Held>>>);

#[derive(Debug, Default)]
struct Held {
    waiting: VecDeque<Span>,
    exported: u64,
    dropped: u64,
}

impl Spans {
    /// Those of a process that exports them.
    #[must_use]
    pub fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    fn held(&self) -> Option<MutexGuard<'_, Held>> {
        Some(self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this process exports spans.
    #[must_use]
    pub const fn are_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Adds one, or drops it where too many wait.
    pub fn add(&self, span: Span) {
        let Some(mut held) = self.held() else { return };
        if held.waiting.len() < MOST_SPANS {
            held.waiting.push_back(span);
        } else {
            held.dropped += 1;
        }
    }

    /// Takes the oldest, so many at the most.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<Span> {
        let Some(mut held) = self.held() else { return Vec::new() };
        let most = most.min(held.waiting.len());
        held.waiting.drain(..most).collect()
    }

    /// Number of those that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.held().map_or(0, |held| held.waiting.len())
    }

    /// Counts what became of spans that were taken.
    pub fn settle(&self, exported: u64, dropped: u64) {
        if let Some(mut held) = self.held() {
            held.exported += exported;
            held.dropped += dropped;
        }
    }

    /// Numbers of spans that the collector took and that were dropped.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        self.held().map_or((0, 0), |held| (held.exported, held.dropped))
    }
}
