//! The law of the ledger: accepted = delivered + pending + failed + confirmed + unrouted.

use serde::Serialize;

use crate::delivery::State;

/// Counts of one connection, in deliveries; an event that no endpoint wants counts as one unrouted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Promised when events were accepted.
    pub accepted: u64,
    /// Taken by the ERP.
    pub delivered: u64,
    /// On their way.
    pub pending: u64,
    /// Given up.
    pub failed: u64,
    /// Given up, and seen by somebody.
    pub confirmed: u64,
    /// Wanted by no endpoint.
    pub unrouted: u64,
}

impl Tally {
    /// Whether nothing was lost and nothing came from nowhere.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        self.accepted == self.delivered + self.pending + self.failed + self.confirmed + self.unrouted
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

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.pending += other.pending;
        self.failed += other.failed;
        self.confirmed += other.confirmed;
        self.unrouted += other.unrouted;
    }
}
