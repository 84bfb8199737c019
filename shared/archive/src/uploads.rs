//! Files that are sent ahead of the call that names them.

use std::time::Duration;

use hub::files::FileHash;

/// Time for which the address of an upload is good: the transfer must begin within it.
pub const BEGINS_WITHIN: Duration = Duration::from_mins(15);

/// Time for which an upload may be named by a call.
pub const GOOD_FOR: Duration = Duration::from_hours(24);

/// A file that is sent ahead. Both hash and size are held against what comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name in the archive: 32 hex digits, which nobody can guess.
    pub id: String,
    /// Hash of its content.
    pub hash: FileHash,
    /// Its size in bytes.
    pub bytes: u64,
}

/// An address that takes the content of an upload by `PUT`, and needs no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The URL.
    pub url: String,
    /// Headers without which it takes nothing.
    pub headers: Vec<(&'static str, String)>,
}
