//! The archive: content of files, kept under its hash. Two engines keep its promises, a folder on one machine and a bucket of S3,
//! and one contract suite (`contract`) holds both to them.
//!
//! Content is kept whole or not at all, once for each hash. It is never whole in memory: it arrives by a [`Draft`] on this machine's
//! disk, or from elsewhere as an [`Upload`], and is read by ranges. The store's aliases say to which shipments it belongs, and with that
//! who may read it and how long it is kept.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod draft;
mod folder;
mod uploads;

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use hub::Utc;
use hub::files::FileHash;

pub use draft::{Draft, Drafted, PIECE, content_of};
pub use folder::{FOLDER, Folder, UPLOADS};
pub use uploads::{Address, BEGINS_WITHIN, GOOD_FOR, Upload};

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
    /// It is on this machine, so many bytes, which are those of the hash: to be read by ranges.
    Here(u64),
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
    /// Begins to receive content, on this machine's disk.
    fn draft(&self) -> BoxFuture<'_, Result<Draft>>;

    /// Keeps received content under its hash. When this returns it survives a power cut, whole; before, there is nothing of it, or
    /// what was there. Content that is kept again is written anew.
    fn keep(&self, drafted: Drafted, now: Utc) -> BoxFuture<'_, Result<()>>;

    /// [`Archive::keep`] of content that is in memory.
    fn put(&self, hash: FileHash, content: Bytes, now: Utc) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let drafted = async {
                let mut draft = self.draft().await?;
                let written = async {
                    draft.write(&content).await?;
                    draft.finish().await
                };
                written.await.map_err(unwritten)
            };
            let drafted = drafted.await?;
            if drafted.hash == hash { self.keep(drafted, now).await } else { Err(ArchiveError::Damaged(hash)) }
        })
    }

    /// The content of a hash; nothing where none is kept.
    fn open<'a>(&'a self, hash: &'a FileHash, now: Utc) -> BoxFuture<'a, Result<Option<Opened>>>;

    /// The bytes of a range of some content; nothing where none is kept. The range bounds the memory that it takes. One that lies
    /// behind the end has no bytes.
    fn read<'a>(&'a self, hash: &'a FileHash, range: Range<u64>) -> BoxFuture<'a, Result<Option<Piece>>>;

    /// Number of bytes that are best read at once.
    fn step(&self) -> usize {
        PIECE
    }

    /// Address that takes the content of an upload for [`BEGINS_WITHIN`]; nothing where the hub itself takes it.
    fn address<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<Option<Address>>>;

    /// Keeps the content of an upload under its hash, as [`Archive::keep`] does, and leaves the upload as it is. Whether it was there:
    /// it may not have come, or have expired.
    fn adopt<'a>(&'a self, upload: &'a Upload, now: Utc) -> BoxFuture<'a, Result<bool>>;

    /// Stored content behind a hash, in the order of hashes, `limit` at the most.
    fn list<'a>(&'a self, behind: Option<&'a FileHash>, limit: usize) -> BoxFuture<'a, Result<Vec<Stored>>>;

    /// Removes that writing. Whether it was there: content that was written again meanwhile stays.
    fn remove<'a>(&'a self, stored: &'a Stored) -> BoxFuture<'a, Result<bool>>;
}

/// Kept content as the body of an answer: among the extensions of one without a body.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The archive.
    pub archive: Arc<dyn Archive>,
    /// The hash of the content.
    pub hash: FileHash,
    /// Its length in bytes.
    pub length: u64,
}

/// Kept content of that length, from its beginning. A range that cannot be read is read again, twice.
#[must_use]
pub fn content(archive: Arc<dyn Archive>, hash: FileHash, length: u64) -> BoxStream<'static, io::Result<Bytes>> {
    const AGAIN: usize = 2;
    draft::pieces((length, archive.step()), move |range| {
        let archive = Arc::clone(&archive);
        async move {
            let mut read = archive.read(&hash, range.clone()).await;
            for _ in 0..AGAIN {
                if read.is_ok() {
                    break;
                }
                read = archive.read(&hash, range.clone()).await;
            }
            let piece = read.map_err(io::Error::other)?;
            piece.map(|piece| piece.bytes).ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    })
}

/// Content could not be written to this machine's disk.
#[must_use]
pub fn unwritten(error: io::Error) -> ArchiveError {
    ArchiveError::Unavailable { verb: "write a file", source: error.into() }
}
