//! A copy of the database while the hub runs: one moment of it, whole and checked.

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::folder;
use crate::schema;

/// Failure to copy the database.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// SQLite cannot read the database or write the copy.
    #[error("the database could not be copied")]
    Database(#[from] rusqlite::Error),
    /// The database, or its copy, is damaged.
    #[error("{0} is damaged: {1}")]
    Damaged(String, String),
    /// The copy is of another version of the hub.
    #[error("{0} has schema version {1}, which this version of the hub does not know")]
    Version(String, i64),
    /// The copy cannot be written.
    #[error("{0} could not be written")]
    File(String, #[source] io::Error),
}

/// Writes one moment of a database to a new file, durably, and checks it. A reader of that moment holds up no write; the log
/// grows meanwhile.
pub(crate) fn copy(database: &Path, to: &Path) -> Result<(), CopyError> {
    let failed = |error| CopyError::File(to.display().to_string(), error);
    let name = to.to_str().ok_or_else(|| failed(io::Error::other("its path must be text in UTF-8")))?;
    folder::close_to_others(to).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database, flags)?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.execute("VACUUM INTO ?1", [name])?;
    drop(db);
    check(to)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed)
}

/// Checks that a copy is whole, as far as SQLite can tell. That each event is as it was written is checked when it is read.
pub(crate) fn check(copy: &Path) -> Result<(), CopyError> {
    let name = || copy.display().to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(copy, flags)?;
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(CopyError::Damaged(name(), found));
    }
    schema::check(&db)?.map_err(|version| CopyError::Version(name(), version))
}
