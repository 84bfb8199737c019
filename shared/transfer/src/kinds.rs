//! Numbers of things by their kind.

use std::fmt;

use serde::{Deserialize, Serialize};
use store::Stored;

/// Numbers of things, as they stand in the end of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// Events, calls, watches and records of files.
    pub events: u64,
    /// Chains.
    pub heads: u64,
    /// Other keys of subjects.
    pub aliases: u64,
    /// Notes.
    pub notes: u64,
    /// Steps of statistics.
    pub counts: u64,
    /// Entries of the audit trail.
    pub audit: u64,
}

impl Kinds {
    pub(crate) fn add(&mut self, what: &Stored) {
        let own = match what {
            Stored::Event(_) => &mut self.events,
            Stored::Head { .. } => &mut self.heads,
            Stored::Alias { .. } => &mut self.aliases,
            Stored::Note { .. } => &mut self.notes,
            Stored::Counts { .. } => &mut self.counts,
            Stored::Audit(_) => &mut self.audit,
        };
        *own = own.saturating_add(1);
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.events + self.heads + self.aliases + self.notes + self.counts + self.audit
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, heads, aliases, notes, counts, audit } = self;
        write!(
            f,
            "{events} events and calls, {heads} chains, {aliases} keys, {notes} notes, {counts} steps of statistics, {audit} \
             entries of the audit trail"
        )
    }
}
