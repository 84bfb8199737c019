//! The law of the ledger: accepted = delivered + pending + failed + confirmed + unrouted, and with them the calls:
//! queued + succeeded + failed + ambiguous + cancelled, the watches, and the records of files.

use serde::Serialize;

use crate::attempt::is_zero;
use crate::call::Standing;
use crate::delivery::State;

/// Counts of one connection, in deliveries; an event that no endpoint wants counts as one unrouted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Tally {
    /// Promised when events and calls were accepted.
    pub accepted: u64,
    /// Taken by the ERP.
    pub delivered: u64,
    /// On their way.
    pub pending: u64,
    /// Given up.
    pub failed: u64,
    /// Given up, and confirmed.
    pub confirmed: u64,
    /// Wanted by no endpoint.
    pub unrouted: u64,
    /// The ERP's calls to partners.
    pub calls: Calls,
    /// Watches of shipments, ended or not.
    #[serde(skip_serializing_if = "is_zero")]
    pub watches: u64,
    /// Records of an event's files, whatever became of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub files: u64,
}

/// Counts of one connection, in calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Calls {
    /// To be sent, or to be sent again.
    pub queued: u64,
    /// Taken by the partner.
    pub succeeded: u64,
    /// Refused by the partner, or given up.
    pub failed: u64,
    /// Sent without a usable answer.
    pub ambiguous: u64,
    /// Cancelled before they were sent.
    pub cancelled: u64,
}

impl Tally {
    /// Whether the accepted number equals the sum of all states.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.difference() == 0
    }

    /// Difference between the accepted number and the sum of all states.
    #[must_use]
    pub const fn difference(&self) -> u64 {
        let deliveries = self.delivered + self.pending + self.failed + self.confirmed + self.unrouted;
        self.accepted.abs_diff(deliveries + self.calls.all() + self.watches + self.files)
    }

    /// The count of one state.
    pub const fn of(&mut self, state: State) -> &mut u64 {
        match state {
            State::Pending => &mut self.pending,
            State::Delivered => &mut self.delivered,
            State::Failed => &mut self.failed,
            State::Confirmed => &mut self.confirmed,
        }
    }
}

impl Calls {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.queued + self.succeeded + self.failed + self.ambiguous + self.cancelled
    }

    /// The count of one standing.
    pub const fn of(&mut self, standing: Standing) -> &mut u64 {
        match standing {
            Standing::Queued => &mut self.queued,
            Standing::Succeeded => &mut self.succeeded,
            Standing::Failed => &mut self.failed,
            Standing::Ambiguous => &mut self.ambiguous,
            Standing::Cancelled => &mut self.cancelled,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.pending += other.pending;
        self.failed += other.failed;
        self.confirmed += other.confirmed;
        self.unrouted += other.unrouted;
        self.calls.queued += other.calls.queued;
        self.calls.succeeded += other.calls.succeeded;
        self.calls.failed += other.calls.failed;
        self.calls.ambiguous += other.calls.ambiguous;
        self.calls.cancelled += other.calls.cancelled;
        self.watches += other.watches;
        self.files += other.files;
    }
}
