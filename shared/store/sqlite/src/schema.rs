//! The tables. Rows of events are appended, so that their bodies are written once and in order; the states of their
//! deliveries, which change, lie apart.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::files::beside;

/// The version of the schema, kept in `user_version`.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE events (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    connection TEXT NOT NULL,
    subject TEXT NOT NULL,
    expires INTEGER NOT NULL,
    meta TEXT NOT NULL,
    body BLOB NOT NULL
);
-- The first 8 bytes of an id are the subject's, so this index is the de-duplication and the timeline in one.
CREATE UNIQUE INDEX events_id ON events (id);
CREATE INDEX events_expires ON events (expires);
CREATE TABLE work (
    n INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    due INTEGER,
    failed INTEGER NOT NULL,
    work TEXT NOT NULL
);
CREATE INDEX work_due ON work (due) WHERE due IS NOT NULL;
CREATE INDEX work_failed ON work (n) WHERE failed = 1;
CREATE TABLE heads (
    id_prefix BLOB NOT NULL,
    connection TEXT NOT NULL,
    subject TEXT NOT NULL,
    type TEXT NOT NULL,
    expires INTEGER NOT NULL,
    head TEXT NOT NULL,
    PRIMARY KEY (id_prefix, type, connection, subject)
) WITHOUT ROWID;
CREATE INDEX heads_expires ON heads (expires);
CREATE TABLE aliases (
    alias TEXT NOT NULL,
    connection TEXT NOT NULL,
    subject TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (alias, connection, subject)
) WITHOUT ROWID;
CREATE INDEX aliases_expires ON aliases (expires);
CREATE TABLE accepted (connection TEXT PRIMARY KEY, deliveries INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
";

/// Tables that were added since. Each is created where it is missing, without another version: the hub before them does not
/// look at them, and opens the file as before.
const ADDED: &str = "
CREATE TABLE IF NOT EXISTS counts (
    connection TEXT NOT NULL,
    step INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    added TEXT NOT NULL,
    latest TEXT NOT NULL,
    PRIMARY KEY (connection, step)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS counts_expires ON counts (expires);
-- The place of an entry is its time and what tells it from others of that time.
CREATE TABLE IF NOT EXISTS audit (
    at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    key TEXT NOT NULL,
    action TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (at, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS audit_expires ON audit (expires);
CREATE TABLE IF NOT EXISTS audit_touched (
    connection TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (connection, subject, at, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS audit_touched_at ON audit_touched (at, id);
-- Pending deliveries that consumers lease, in the order of admission.
CREATE TABLE IF NOT EXISTS pulls (endpoint TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (endpoint, n)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pulls_n ON pulls (n);
";

/// The last of the [`ADDED`] indexes: where it is, all are.
const LAST_ADDED: &str = "pulls_n";

/// Pragmas of every connection. `synchronous = FULL` syncs the log at each commit: without it a power cut could undo an
/// acknowledged push.
const PRAGMAS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
";

/// Prepares a connection.
pub(crate) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    // Before there is anything in the file; later it would wait for the lock of another program, and change nothing.
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        give_space_back(db)?;
    }
    db.execute_batch(PRAGMAS)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Has free pages of a file given back in steps, from when it is made or written anew.
pub(crate) fn give_space_back(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")
}

/// Pragmas of a read-only connection, which takes no lock that another program's write would wait for.
const READING: &str = "
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
PRAGMA query_only = ON;
";

/// Opens a connection that only reads. On a medium that cannot be written SQLite has no place for the index of the log;
/// where the log is empty, the file alone is the store.
pub(crate) fn open_reading(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(file, flags).and_then(prepare_reading);
    let unwritable = |error: &rusqlite::Error| {
        matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    };
    match opened {
        Err(error) if unwritable(&error) && log_is_empty(file) => {
            let Some(uri) = immutable(file) else { return Err(error) };
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).and_then(prepare_reading)
        }
        opened => opened,
    }
}

fn prepare_reading(db: Connection) -> rusqlite::Result<Connection> {
    db.execute_batch(READING)?;
    db.set_prepared_statement_cache_capacity(64);
    // The first reading shows whether it can be.
    version(&db)?;
    Ok(db)
}

fn log_is_empty(file: &Path) -> bool {
    std::fs::metadata(beside(file, "-wal")).map_or(true, |log| log.len() == 0)
}

/// URI by which SQLite opens a file as immutable.
fn immutable(file: &Path) -> Option<String> {
    let path = file.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Some(format!("file:{path}?immutable=1"))
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// `Err` holds the version found where it is another than this one's.
pub(crate) fn check(db: &Connection) -> rusqlite::Result<Result<(), i64>> {
    version(db).map(|version| if version == VERSION { Ok(()) } else { Err(version) })
}

/// Whether the tables that were added are there.
pub(crate) fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) > 0 FROM sqlite_master WHERE name = ?1", [LAST_ADDED], |row| row.get(0))
}

/// Creates the tables that are missing. `Err` holds the version found where it is another than this one's.
pub(crate) fn create(db: &mut Connection) -> rusqlite::Result<Result<(), i64>> {
    // Without the lock, which another program may hold: the tables are there already but for the very first time.
    match check(db)? {
        Err(0) => {}
        Ok(()) if !is_whole(db)? => {}
        checked => return Ok(checked),
    }
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    match version(&transaction)? {
        VERSION => {
            transaction.execute_batch(ADDED)?;
            transaction.commit()?;
            Ok(Ok(()))
        }
        0 => {
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(ADDED)?;
            transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
            transaction.commit()?;
            Ok(Ok(()))
        }
        other => Ok(Err(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the version before leaves it, which knows nothing of what was added, and finds what it left.
    #[test]
    fn added_tables_keep_the_version_and_what_was_there() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(TABLES).unwrap();
        db.execute_batch("PRAGMA user_version = 1; INSERT INTO notes VALUES ('a', 1, 'b')").unwrap();
        assert!(!is_whole(&db).unwrap());
        for _ in 0..2 {
            create(&mut db).unwrap().unwrap();
            assert!(is_whole(&db).unwrap());
            assert_eq!(version(&db).unwrap(), 1, "the version before opens it");
        }
        let note: String = db.query_row("SELECT value FROM notes WHERE name = 'a'", [], |row| row.get(0)).unwrap();
        assert_eq!(note, "b");
        // What that version has written in the meantime needs nothing of the added tables.
        let added: i64 = db.query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).unwrap();
        assert_eq!(added, 0);
    }

    #[test]
    fn a_file_on_a_medium_that_cannot_be_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a?b#c%20d.db");
        let mut db = Connection::open(&file).unwrap();
        prepare(&db).unwrap();
        create(&mut db).unwrap().unwrap();
        drop(db);
        assert!(log_is_empty(&file));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let db = prepare_reading(Connection::open_with_flags(immutable(&file).unwrap(), flags).unwrap()).unwrap();
        assert_eq!(check(&db).unwrap(), Ok(()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "it leaves nothing beside the file");
    }
}
