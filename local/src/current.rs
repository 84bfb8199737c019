//! The courier of the configuration that counts now. A reload puts another in its place; what has begun goes on with the one that
//! it began with.

use std::sync::{Arc, PoisonError, RwLock};

use courier::Courier;

/// The present courier. Clones share it.
pub(crate) struct Current<S, Q>(Arc<RwLock<Arc<Courier<S, Q>>>>);

impl<S, Q> Clone for Current<S, Q> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, Q> Current<S, Q> {
    /// The courier of a hub's start.
    pub(crate) fn new(courier: Arc<Courier<S, Q>>) -> Self {
        Self(Arc::new(RwLock::new(courier)))
    }

    /// The courier for what begins now.
    pub(crate) fn get(&self) -> Arc<Courier<S, Q>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has another courier take over what begins from now on.
    pub(crate) fn set(&self, courier: Arc<Courier<S, Q>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = courier;
    }
}
