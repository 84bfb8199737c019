//! Check that the files of the store are still those that were opened. A removed file works on for the process that has it
//! open, and is lost with all its data at the next restart.

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rusqlite::ffi::{Error as Failure, SQLITE_IOERR};

/// The files of a store: the database, its log, and the log's index.
pub(crate) const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The files as they were opened. Clones share what is known of them.
#[derive(Clone)]
pub(crate) struct Files(Arc<[File; SUFFIXES.len()]>);

struct File {
    path: PathBuf,
    /// Nothing until it is seen for the first time.
    identity: OnceLock<(u64, u64)>,
}

impl Files {
    /// The files of a store that is open.
    pub(crate) fn of(database: &Path) -> Self {
        let files = SUFFIXES.map(|suffix| {
            let path = beside(database, suffix);
            File { identity: found(&path).map_or_else(OnceLock::new, OnceLock::from), path }
        });
        Self(Arc::new(files))
    }

    /// Checks that all files are at their paths. Done after a commit, and after a read by which a push counts as known, so that
    /// no positive answer rests on a removed file.
    pub(crate) fn check(&self) -> rusqlite::Result<()> {
        for file in &*self.0 {
            let found = found(&file.path);
            let expected = *file.identity.get_or_init(|| found.unwrap_or_default());
            if found != Some(expected) {
                let path = file.path.display();
                let what = format!(
                    "{path} was removed or replaced while it is in use: what is stored now would be lost; put it back, or \
                     start the hub again"
                );
                return Err(rusqlite::Error::SqliteFailure(Failure::new(SQLITE_IOERR), Some(what)));
            }
        }
        Ok(())
    }
}

fn found(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| identity(&file))
}

/// The path with a suffix at its very end.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(unix)]
fn identity(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

/// Elsewhere a file that is open is not removed.
#[cfg(not(unix))]
const fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
