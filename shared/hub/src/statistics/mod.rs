//! Statistics: how many pushes, calls and deliveries there were in each ten minutes, and how long they took.
//!
//! Each process counts in memory ([`Counters`]), and adds its counts to the store's now and then. A count says how often, never of
//! what: the figures of a connection, with those of its deliveries by endpoint, so that who may see the connection may see them.

mod counters;
mod figures;
mod histogram;

use std::collections::BTreeMap;
use std::time::Duration;

use partners::answer::Verdict;

use crate::Utc;

pub use counters::{Counters, FLUSHED};
pub use figures::{CallFigures, ConnectionFigures, Counted, EndpointFigures, PushFigures};
pub use histogram::{DELAY, Histogram, Scale, TOOK};

/// Length of the time that one count is of.
pub const STEP: Duration = Duration::from_mins(10);

/// Time for which counts are kept.
pub const KEPT: Duration = Duration::from_hours(35 * 24);

/// Beginning of the step that a time is in. Steps begin at the same times everywhere.
#[must_use]
pub fn step(at: Utc) -> Utc {
    let length = i64::try_from(STEP.as_micros()).unwrap_or(i64::MAX);
    Utc(at.0.saturating_sub(at.0.rem_euclid(length)))
}

/// Counts of one connection in one step, by name, as stores add them up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Numbers to add, each to that of its name.
    pub added: BTreeMap<String, u64>,
    /// Times at which something happened for the latest time. Of several that are added at once any may stay.
    pub latest: BTreeMap<String, Utc>,
}

/// Result of a push, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// Kept just now, be it as documented or not.
    Accepted,
    /// Kept before.
    Duplicate,
    /// Turned away: its key, its address, its method, its size.
    Refused,
    /// Not kept: the partner is to repeat it.
    NotKept,
}

impl PushResult {
    /// The result that an answer with this verdict tells.
    #[must_use]
    pub const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted | Verdict::Malformed => Self::Accepted,
            Verdict::Duplicate => Self::Duplicate,
            Verdict::Unauthorized | Verdict::NotPost | Verdict::TooLarge => Self::Refused,
            Verdict::Unavailable => Self::NotKept,
        }
    }
}

#[cfg(test)]
mod tests;
