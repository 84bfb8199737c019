//! Verbs about the file and its disk: space that is given back, new events that are refused while there is none, copies.

use std::path::Path;
use std::sync::atomic::Ordering;

use store::{Result, StoreError};

use super::{FILE, OpenError, SqliteStore};
use crate::backup::{self, CopyError};
use crate::compact::{self, CompactError, Compacted};
use crate::space::{self, Space};

impl SqliteStore {
    /// Sizes of the database file.
    pub async fn space(&self) -> Result<Space> {
        self.list("space", space::space).await
    }

    /// Gives up to `limit` pages that nothing uses back to the file system, apart from some that stay for what comes next.
    /// Returns the sizes afterwards; nothing is done where the file cannot give pages back in steps.
    pub async fn shrink(&self, limit: u64) -> Result<Space> {
        self.write("shrink", move |db| space::shrink(db, limit)).await
    }

    /// Carries over what the write-ahead log has, as far as no reader needs it: the file is then as short as its pages are.
    pub async fn carry(&self) -> Result<()> {
        self.list("carry", |db| db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))).await
    }

    /// Refuses new events from now on, or takes them again. What is stored already is told as a duplicate, and stored work
    /// goes on: its changes need little space.
    pub fn refuse_new(&self, refuse: bool) {
        self.is_refusing.store(refuse, Ordering::Relaxed);
    }

    /// Whether new events are refused.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.is_refusing.load(Ordering::Relaxed)
    }

    /// Refuses new events while more callers than that wait for the writer: an answer that comes late is none.
    pub fn limit_waiting(&self, most: usize) {
        self.most_waiting.store(most, Ordering::Relaxed);
    }

    /// Number of callers that wait for the writer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// Fails where too many wait for the writer.
    pub(super) fn has_room(&self) -> Result<()> {
        let (waiting, most) = (self.waiting(), self.most_waiting.load(Ordering::Relaxed));
        if waiting < most {
            return Ok(());
        }
        let source = format!("{waiting} changes wait for it already: its disk is too slow for them").into();
        Err(StoreError::Unavailable { verb: "admit", source })
    }

    /// Writes the database of a folder anew, without its free pages, while no hub uses it: where that is needed for its space to
    /// be given back in steps and no more than `at_most` bytes are in use, or in any case without a bound.
    pub fn compact(folder: &Path, at_most: Option<u64>) -> std::result::Result<Option<Compacted>, CompactError> {
        let file = folder.join(FILE);
        if file.is_file() { compact::compact(&file, at_most) } else { Ok(None) }
    }

    /// Writes one moment of the store in a folder to the folder `to`, which has none, durably and checked; also while a hub uses it.
    pub fn copy(folder: &Path, to: &Path) -> std::result::Result<(), CopyError> {
        backup::copy(&folder.join(FILE), &to.join(FILE))
    }

    /// Checks that the store in a folder is whole, as far as SQLite can tell.
    pub fn check(folder: &Path) -> std::result::Result<(), CopyError> {
        backup::check(&folder.join(FILE))
    }

    /// Fails where a folder has no store.
    pub fn exists(folder: &Path) -> std::result::Result<(), OpenError> {
        if folder.join(FILE).is_file() { Ok(()) } else { Err(OpenError::Missing(folder.display().to_string())) }
    }
}
