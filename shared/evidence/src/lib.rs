//! Evidence files: zips of all that is known of a shipment, with a manifest by which a later change is found.
//!
//! A long shipment is several files, its parts. Each holds, in this order: `README.txt`, [`ABOUT`] with the facts of the part, the
//! entries, and [`MANIFEST`], which lists all entries before it with their digests. The digests form a chain, which begins with the
//! head of the part before, so that the last head stands for every byte of every part:
//!
//! `chain = sha256(chain of the entry before, or head of the part before, or 32 zero bytes | path | sha256 of the entry)`
//!
//! A chain is no signature: who changes an entry can compute a new one. It proves something where the head is known from elsewhere.
//!
//! Pure: bytes in, bytes out.

pub mod contents;
mod manifest;
mod order;
mod pack;
mod part;
mod parts;
mod unpack;

pub use contents::{ContentFinding, Contents};
pub use manifest::{About, Digest, FORMAT, Manifest, Row};
pub use pack::{File, Pack, PackError};
pub use part::{Finding, Part};
pub use parts::{SetFinding, together};
pub use unpack::{MOST_ENTRIES, MOST_FILE, MOST_UNPACKED, Refused};

/// Name of the entry with the facts of a part.
pub const ABOUT: &str = "evidence.json";

/// Name of the list of entries.
pub const MANIFEST: &str = "manifest.json";

/// Name of the explanation.
pub const README: &str = "README.txt";

#[cfg(test)]
mod tests;
