//! Everything that a store keeps, in terms of no engine, as it is moved from one store to another.

use hub::audit::Entry;
use hub::identity::Head;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, EventType, Record, Subject, Utc};

/// One thing that a store keeps. Leases are not among them: they are the process's that took them. Expiry is in whole seconds, rounded
/// up, but for that of events and entries of the audit trail, which is part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// An event with its work, a call, a watch, or the record of files.
    Event(Box<Record>),
    /// A chain.
    Head {
        /// Its connection.
        connection: ConnectionId,
        /// The subject that it is kept under.
        subject: Subject,
        /// The event type that it is kept under.
        kind: EventType,
        /// Its latest event.
        head: Head,
        /// Time from which it is forgotten.
        expires: Utc,
    },
    /// Another key of a subject.
    Alias {
        /// The key.
        alias: Alias,
        /// The subject's connection.
        connection: ConnectionId,
        /// The subject.
        subject: Subject,
        /// Time from which it is forgotten.
        expires: Utc,
    },
    /// The value of a note. The number of its changes stays behind: it means something to those who change it alone.
    Note {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The counts of a connection in a step.
    Counts {
        /// The connection.
        connection: ConnectionId,
        /// Beginning of the step.
        step: Utc,
        /// The counts.
        counts: Counts,
        /// Time from which they are forgotten.
        expires: Utc,
    },
    /// An entry of the audit trail, as the trail has it. The subjects that it touched have theirs from it.
    Audit(Box<Entry>),
}

/// A page of what a store keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPage {
    /// The things that were read, in an order of the engine's.
    pub items: Vec<Stored>,
    /// Number of further things that cannot be read. The engine logs what they are.
    pub unreadable: usize,
    /// Cursor of the next page; none at the end. A page may be empty and not be the last.
    pub next: Option<String>,
}

/// Result of putting something where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was not there, and is stored now, durably.
    New,
    /// The same is there.
    Same,
    /// Something else is there in its place, and stays.
    Other,
}

impl Placed {
    /// The result where something was in the way.
    #[must_use]
    pub const fn found(is_same: bool) -> Self {
        if is_same { Self::Same } else { Self::Other }
    }
}

/// A time in whole seconds, rounded up, so that nothing is forgotten early.
#[must_use]
pub const fn whole_seconds(at: Utc) -> Utc {
    let more = at.0.rem_euclid(1_000_000);
    if more == 0 { at } else { Utc(at.0.saturating_add(1_000_000 - more)) }
}
