//! The filter of the list of recent events.

use std::collections::BTreeSet;

use hub::call::is_subject;
use hub::files::record;
use hub::{ConnectionId, EventKey, Utc, watch};

/// Events and calls of some connections that were received within a time; no watches, and no files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The connections.
    pub connections: BTreeSet<ConnectionId>,
    /// Earliest time of reception.
    pub since: Utc,
    /// End of the time of reception; itself no longer in it.
    pub until: Utc,
    /// Only calls.
    pub calls: bool,
}

impl Received {
    /// Whether an event with that key is listed, if its time is right.
    #[must_use]
    pub fn names(&self, key: &EventKey) -> bool {
        self.connections.contains(&key.connection)
            && !watch::is_subject(&key.subject)
            && !record::is_subject(&key.subject)
            && (!self.calls || is_subject(&key.subject))
    }

    /// Whether an event that was received then is listed, if its key is.
    #[must_use]
    pub fn spans(&self, received: Utc) -> bool {
        self.since <= received && received < self.until
    }
}
