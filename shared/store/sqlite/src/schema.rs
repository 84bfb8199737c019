//! The tables. Rows of events are appended, so that their bodies are written once and in order; the states of their
//! deliveries, which change, lie apart.

use rusqlite::Connection;

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

/// What every connection needs. `synchronous = FULL` syncs the log at each commit: without it a power cut could take
/// back what was acknowledged.
const PRAGMAS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
";

/// Prepares a connection.
pub(crate) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(PRAGMAS)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Creates the tables where there are none. `Err` holds the version found where it is another than this one's.
pub(crate) fn create(db: &mut Connection) -> rusqlite::Result<Result<(), i64>> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        VERSION => Ok(Ok(())),
        0 => {
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
            transaction.commit()?;
            Ok(Ok(()))
        }
        other => Ok(Err(other)),
    }
}
