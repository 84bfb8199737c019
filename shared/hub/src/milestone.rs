//! One vocabulary of progress across partners.

pub mod listed;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Utc;

/// Progress of a shipment, mapped from each partner's codes. An unknown code gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// The broker took the order on.
    OrderAccepted,
    /// The declaration documents are drafted.
    Prepared,
    /// A proof draft waits for the customer.
    DraftReview,
    /// The declaration was handed to customs.
    Declared,
    /// Customs took the declaration in.
    Accepted,
    /// Customs closed its review of the documents.
    Reviewed,
    /// Customs inspects the goods.
    UnderInspection,
    /// Duties are due.
    TaxDue,
    /// Customs released the goods.
    Released,
    /// The declaration is closed.
    Cleared,
    /// Customs or the broker sent it back.
    Rejected,
    /// The order was recalled or the declaration deleted.
    Withdrawn,
    /// The goods arrived at the customs area (运抵).
    Arrived,
    /// The goods may pass the gate.
    GateIn,
    /// The vessel left.
    Departed,
}

/// A milestone that a snapshot lists, with the partner's time for it. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedMilestone {
    /// The milestone.
    pub milestone: Milestone,
    /// The time at which all of the snapshot's goods had reached it.
    pub at: Utc,
}

impl Milestone {
    /// Every one, in no order of a shipment's.
    pub const ALL: [Self; 15] = [
        Self::OrderAccepted,
        Self::Prepared,
        Self::DraftReview,
        Self::Declared,
        Self::Accepted,
        Self::Reviewed,
        Self::UnderInspection,
        Self::TaxDue,
        Self::Released,
        Self::Cleared,
        Self::Rejected,
        Self::Withdrawn,
        Self::Arrived,
        Self::GateIn,
        Self::Departed,
    ];

    /// The milestone of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|milestone| milestone.name() == name)
    }

    /// The name in the `milestone` attribute of an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderAccepted => "order_accepted",
            Self::Prepared => "prepared",
            Self::DraftReview => "draft_review",
            Self::Declared => "declared",
            Self::Accepted => "accepted",
            Self::Reviewed => "reviewed",
            Self::UnderInspection => "under_inspection",
            Self::TaxDue => "tax_due",
            Self::Released => "released",
            Self::Cleared => "cleared",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Arrived => "arrived",
            Self::GateIn => "gate_in",
            Self::Departed => "departed",
        }
    }
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
