//! Filters of the lists of failed and of pending work.

use hub::call::Call;
use hub::delivery::{Delivery, State};
use hub::progress::Outgoing as _;
use hub::{ConnectionId, EndpointId, EventKey, Work};

/// Filter of the list of failed work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// All work that needs attention (`Work::failed_since`).
    Any,
    /// Work that needs a decision or a confirmation (`Work::waits_since`). Other work adds no cost to this list.
    Waiting,
    /// Deliveries to that endpoint.
    At(EndpointId),
    /// Records of files of which some were given up and none is waited for. Other lists do not read them.
    Files,
}

impl Failed {
    /// Whether such work is listed.
    #[must_use]
    pub fn holds(&self, work: &Work) -> bool {
        match self {
            Self::Any => work.has_failed(),
            Self::Waiting => work.waits_since().is_some(),
            Self::Files => work.lost_since().is_some(),
            Self::At(endpoint) => work.delivery(endpoint).is_some_and(|delivery| delivery.state == State::Failed),
        }
    }
}

/// Filter of the list of pending work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Every delivery and call.
    Any,
    /// Deliveries to that endpoint.
    At(EndpointId),
    /// Calls at that connection.
    Calls(ConnectionId),
    /// Watches of every connection that have not ended, silent or not. They are kept apart: other lists do not read them.
    Watches,
    /// Records of files that are waited for. They are kept apart likewise.
    Files,
}

impl Pending {
    /// Whether such work is listed.
    #[must_use]
    pub fn holds(&self, key: &EventKey, work: &Work) -> bool {
        match self {
            Self::Any => work.pending().next().is_some() || work.pullable().next().is_some(),
            Self::At(endpoint) => work.delivery(endpoint).is_some_and(Delivery::is_pending),
            Self::Calls(connection) => {
                key.connection == *connection && work.call.as_ref().is_some_and(Call::is_pending)
            }
            Self::Watches => work.watch.as_ref().is_some_and(|watch| watch.due.is_some()),
            Self::Files => work.files.as_ref().is_some_and(|files| files.due().is_some()),
        }
    }
}
