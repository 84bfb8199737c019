//! Dependencies of every function.

use std::sync::Arc;

use hub::{Clock, Utc};

use crate::Config;

/// Marks, among the extensions of an answer, a refusal that another configuration may not give: an unknown key, connection
/// or endpoint. Nothing has been done for such a request.
#[derive(Clone, Copy, Debug)]
pub struct Unconfigured;

/// Dependencies of every function: store, queue, configuration and clock.
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
}

impl<S, Q> AsRef<Self> for Context<S, Q> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<S, Q> Context<S, Q> {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Utc {
        (self.clock)()
    }
}
