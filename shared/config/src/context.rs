//! Dependencies of every function.

use std::sync::Arc;

use archive::Archive;
use hub::statistics::{Counted, Counters};
use hub::trace::{Place, Span, SpanId, Spans, TraceId};
use hub::{Clock, Utc};

use crate::Config;

/// Marks, among the extensions of an answer, a refusal that another configuration may not give: an unknown key, connection
/// or endpoint. Nothing has been done for such a request.
#[derive(Clone, Copy, Debug)]
pub struct Unconfigured;

/// Dependencies of every function: store, queue, configuration, clock, archive, and the counters of this process.
#[derive(Clone)]
pub struct Context<S, Q> {
    /// The configuration, as checked.
    pub config: Arc<Config>,
    /// The store.
    pub store: S,
    /// The queue.
    pub queue: Q,
    /// The clock.
    pub clock: Clock,
    /// Statistics that are not stored yet; see [`Context::count`].
    pub counters: Counters,
    /// The archive of files; nothing where this process neither fetches nor serves any.
    pub archive: Option<Arc<dyn Archive>>,
    /// Spans that wait to be exported; see [`Context::record`].
    pub spans: Spans,
}

impl<S, Q> AsRef<Self> for Context<S, Q> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<S, Q> Context<S, Q> {
    /// The dependencies of a process that has counted nothing yet.
    pub fn new(config: Arc<Config>, store: S, queue: Q, clock: Clock) -> Self {
        Self { config, store, queue, clock, counters: Counters::default(), archive: None, spans: Spans::default() }
    }

    /// The dependencies with an archive of files.
    #[must_use]
    pub fn with_archive(self, archive: Arc<dyn Archive>) -> Self {
        Self { archive: Some(archive), ..self }
    }

    /// The dependencies of a process that exports spans.
    #[must_use]
    pub fn with_spans(self) -> Self {
        Self { spans: Spans::kept(), ..self }
    }

    /// A span of a trace, of which others may be told; nothing where nothing is traced. `caller` is the span at which the trace begins,
    /// where that is another's.
    #[must_use]
    pub fn place(&self, trace: TraceId, span: SpanId, caller: Option<&Place>) -> Option<Place> {
        let traces = self.config.traces.as_ref()?;
        Some(Place { trace, span, is_sampled: traces.sampling.takes(trace, caller) })
    }

    /// Keeps a span to be exported, where its trace is recorded and this process exports spans.
    pub fn record(&self, place: &Place, span: impl FnOnce() -> Span) {
        let is_exported = || self.config.traces.as_ref().is_some_and(|traces| traces.url.is_some());
        if place.is_sampled && self.spans.are_kept() && is_exported() {
            self.spans.add(span());
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Utc {
        (self.clock)()
    }

    /// Counts something that has just happened, unless the configuration has no statistics.
    pub fn count(&self, counted: &Counted<'_>) {
        if self.config.statistics {
            self.counters.count(self.now(), counted);
        }
    }
}
