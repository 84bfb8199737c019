//! Failures of the store's verbs, by whether the same call may succeed later.

use std::error::Error;

use hub::{EventId, Work};

/// Failure of a verb. The message names the verb; the cause is in `source`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine could not be reached, refused for lack of capacity, or did not answer. A write may or may not have
    /// happened; the same write may be repeated.
    #[error("the store is unavailable: {verb}")]
    Unavailable {
        /// The verb that failed.
        verb: &'static str,
        /// Error of the engine.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The caller's place to begin from is not one that this list gave out.
    #[error("the cursor is not one of this list: {verb}")]
    BadCursor {
        /// The verb that failed.
        verb: &'static str,
    },
    /// The engine refused the request for what it is: a missing permission or table, a request that it finds invalid. The
    /// hub or its deployment is at fault, never the caller; repeating it changes nothing.
    #[error("the store refuses the request: {verb}")]
    Refused {
        /// The verb that failed.
        verb: &'static str,
        /// Error of the engine.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Stored data cannot be read.
    #[error("stored data cannot be read: {verb}, {what}")]
    Corrupt {
        /// The verb that failed.
        verb: &'static str,
        /// The item and its defect.
        what: String,
    },
    /// An event differs from what was written: its bytes were damaged or changed ([`hub::seal`]). It must not be delivered or
    /// served.
    #[error("event {event} is damaged, its stored bytes are not those that were written: {verb}")]
    Damaged {
        /// The verb that failed.
        verb: &'static str,
        /// The event.
        event: EventId,
        /// Its work, where that can be read.
        work: Option<Box<Work>>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::BadCursor { .. } | Self::Refused { .. } | Self::Corrupt { .. } | Self::Damaged { .. } => false,
        }
    }
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, StoreError>;
