//! Exports: all that a store keeps in one file, which a store of any engine takes. The file is lines of JSON in the store's own terms:
//! a beginning with the version of the format, one line for each thing, and an end with the counts, the ledger and a digest, by
//! which a file that was cut off or changed is noticed. docs/production.md has the format.
//!
//! Which store, and where the file is, is the caller's. Nothing is decided here about what is sent: a hub that goes on with an
//! import has to be on hold until the original has stopped.

mod check;
mod export;
mod file;
mod import;
mod kinds;
mod line;

use std::collections::BTreeMap;

use hub::ledger::Tally;
use hub::{ConnectionId, Utc};

pub use check::{Checked, FileError, check};
pub use export::{ExportError, Exported, export};
pub use file::{Opened, export_to, open};
pub use import::{ImportError, Imported, NOTE, State, import, state};
pub use kinds::Kinds;

/// Version of the format.
pub const VERSION: u32 = 1;

/// The counts of each connection.
pub type Ledger = BTreeMap<ConnectionId, Tally>;

/// Whether two ledgers tell the same of all connections that have something.
#[must_use]
pub fn agree(one: &Ledger, other: &Ledger) -> bool {
    counted(one).eq(counted(other))
}

/// The connections of a ledger that have something.
fn counted(ledger: &Ledger) -> impl Iterator<Item = (&ConnectionId, &Tally)> {
    ledger.iter().filter(|(_, tally)| **tally != Tally::default())
}

/// A time without its fraction of a second: no engine tells expiry finer, so that all of them agree on what has expired by then.
const fn in_seconds(at: Utc) -> Utc {
    Utc(at.0 - at.0.rem_euclid(1_000_000))
}
