//! The archive: content of files, kept under its hash. Two engines keep its promises, a folder on one machine and a bucket of S3,
//! and one contract suite (`contract`) holds both to them.
//!
//! Content is kept whole or not at all, once for each hash. Who may read it, and how long it is kept, is not decided here: the
//! store's aliases say to which shipments it belongs.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod folder;

use std::error::Error;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;
use hub::Utc;
use hub::files::FileHash;

pub use folder::{FOLDER, Folder};

/// A verb of the archive failed. Its display holds no address.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The medium does not answer, or refuses: the verb may be repeated.
    #[error("the archive of files cannot {verb}")]
    Unavailable {
        /// The verb.
        verb: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Stored content is not what its hash says.
    #[error("the stored file {0} is damaged: restore it from a backup, or remove it and have its link fetched again")]
    Damaged(FileHash),
}

/// Result of a verb.
pub type Result<T> = std::result::Result<T, ArchiveError>;

/// Stored content, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its hash.
    pub hash: FileHash,
    /// Time of its latest [`Archive::put`].
    pub written: Utc,
    /// Name of that writing: another one of the same content has another.
    pub writing: String,
}

/// Content as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Its bytes, which are those of the hash.
    Content(Bytes),
    /// An address at which anybody gets it for a few minutes, as an attachment. Nothing is there where it is not kept.
    At(String),
}

/// A part of stored content. Nothing is checked of it: who needs the whole to be that of its hash computes the hash on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The bytes of the range, as far as the content has them.
    pub bytes: Bytes,
    /// Length of the whole content in bytes.
    pub whole: u64,
}

/// The verbs.
pub trait Archive: fmt::Debug + Send + Sync {
    /// Keeps content under its hash. When this returns it survives a power cut, whole; before, there is nothing of it, or what was
    /// there. Repeating it writes it anew.
    fn put(&self, hash: FileHash, content: Bytes, now: Utc) -> BoxFuture<'_, Result<()>>;

    /// The content of a hash; nothing where none is kept.
    fn open<'a>(&'a self, hash: &'a FileHash, now: Utc) -> BoxFuture<'a, Result<Option<Opened>>>;

    /// The bytes of a range of some content; nothing where none is kept. The range bounds the memory that it takes. One that lies
    /// behind the end has no bytes.
    fn read<'a>(&'a self, hash: &'a FileHash, range: Range<u64>) -> BoxFuture<'a, Result<Option<Piece>>>;

    /// Stored content behind a hash, in the order of hashes, `limit` at the most.
    fn list<'a>(&'a self, behind: Option<&'a FileHash>, limit: usize) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// Removes that writing. Whether it was there: content that was written again meanwhile stays.
    fn remove<'a>(&'a self, stored: &'a Stored) -> BoxFuture<'a, Result<bool>>;
}
