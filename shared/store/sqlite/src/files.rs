//! Whether the files of the store are still those that were opened. A file that was removed goes on for whoever has it open,
//! and is gone after a restart with everything that was stored in it.

use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// The files of a store: the database, its log, and the log's index.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The files as they were opened.
pub(crate) struct Files([File; SUFFIXES.len()]);

struct File {
    path: PathBuf,
    /// Nothing until it is seen for the first time.
    identity: Option<(u64, u64)>,
}

impl Files {
    /// The files of a store that is open.
    pub(crate) fn of(database: &Path) -> Self {
        Self(SUFFIXES.map(|suffix| {
            let path = beside(database, suffix);
            File { identity: std::fs::metadata(&path).ok().map(|file| identity(&file)), path }
        }))
    }

    /// Whether all are where they were. Asked after a commit, so that what is answered positively is in a file that will be
    /// there.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        for file in &mut self.0 {
            let found = std::fs::metadata(&file.path).ok().map(|file| identity(&file));
            let expected = *file.identity.get_or_insert_with(|| found.unwrap_or_default());
            if found != Some(expected) {
                let path = file.path.display();
                return Err(format!(
                    "{path} was removed or replaced while it is in use: what is stored now would be lost; put it back, or \
                     start the hub again"
                ));
            }
        }
        Ok(())
    }
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
