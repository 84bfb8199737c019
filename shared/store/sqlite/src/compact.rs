//! A database file written anew without its free pages, while no hub uses it.
//!
//! Files of versions before `auto_vacuum` need it once. SQLite's own `VACUUM` does it in one transaction: a process that dies
//! leaves the file as it was, and a command that opens it meanwhile waits.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::schema;
use crate::space::{Space, space};

/// Failure to write the file anew. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// SQLite cannot do it, most likely for lack of space.
    #[error("the database could not be written anew and is as it was; the disk must have twice its bytes in use free")]
    Database(#[from] rusqlite::Error),
    /// Another process reads the database.
    #[error("another program uses the database: end it, and try again")]
    Busy,
}

/// Sizes before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Sizes of the file before.
    pub before: Space,
    /// Sizes of the file now.
    pub after: Space,
}

/// Writes the database anew where that is needed for its space to be given back in steps and it has no more than `at_most`
/// bytes in use; nothing otherwise. Without a bound it is written anew in any case.
pub(crate) fn compact(file: &Path, at_most: Option<u64>) -> Result<Option<Compacted>, CompactError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    schema::prepare(&db)?;
    let before = space(&db)?;
    if at_most.is_some_and(|most| before.is_incremental || before.pages == 0 || before.used_bytes() > most) {
        return Ok(None);
    }
    schema::give_space_back(&db)?;
    // The copy that it makes is as large as the data: on the data's disk, and not in memory.
    if let Some(folder) = file.parent().and_then(Path::to_str).filter(|folder| !folder.is_empty()) {
        db.pragma_update(None, "temp_store_directory", folder)?;
    }
    db.execute_batch("PRAGMA temp_store = FILE; VACUUM")?;
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy != 0 {
        return Err(CompactError::Busy);
    }
    Ok(Some(Compacted { before, after: space(&db)? }))
}
