//! The engine's handle: opening the store, and the verbs that only this engine has. `verbs` has those of [`store::Store`].

mod space;
mod verbs;

use std::fs::{OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use hub::{ConnectionId, EventId, Record, Utc};
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};
use store::{Listed, Result, StoreError};

use crate::codec::Damage;
use crate::files::Files;
use crate::pulls::Pulls;
use crate::recent_records::RecentRecords;
use crate::worker::{self, Handle, Shared};
use crate::{folder, reads, schema, writes};

/// The name of the file in the data folder.
pub const FILE: &str = "tongguan.db";

/// The name of the lock file, by which one hub at a time uses the folder.
const LOCK: &str = "hub.lock";
/// The store in one SQLite file. Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Handle,
    /// Reader of single items, for which answers and deliveries wait.
    items: Handle,
    /// Reader of lists and scans, which may be slow.
    lists: Handle,
    recent: Arc<RecentRecords>,
    pulls: Arc<Pulls>,
    /// None where the store is opened for reading.
    files: Option<Files>,
    /// Latest time at which expiry is decided; see [`SqliteStore::trust`].
    horizon: Arc<AtomicI64>,
    /// Whether new events are refused, because the disk is nearly full.
    is_refusing: Arc<AtomicBool>,
    /// Most callers that may wait for the writer before new events are refused.
    most_waiting: Arc<AtomicUsize>,
}

/// An event with its place in the order of admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Number of the admission, which grows with each.
    pub position: i64,
    /// The event.
    pub item: Listed,
}

/// The place of an event in the order in which work is due. The default is before all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub(crate) at: i64,
    pub(crate) n: i64,
}

impl Default for Due {
    fn default() -> Self {
        Self { at: i64::MIN, n: i64::MIN }
    }
}

/// Failure to open the store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made.
    #[error("cannot make the data folder {0}: {trouble}", trouble = folder::trouble(.1))]
    Folder(String, std::io::Error),
    /// A file cannot be written in the folder.
    #[error("cannot write {0}: {trouble}", trouble = folder::trouble(.1))]
    File(String, std::io::Error),
    /// Another hub uses the folder.
    #[error("the data folder {0} is in use by another hub")]
    Busy(String),
    /// The file system has no locks.
    #[error("the data folder {0} cannot be locked: name one on a local disk in data_dir")]
    Unlockable(String, #[source] std::io::Error),
    /// The store does not exist and is not to be created.
    #[error("there is no store in {0}; has the hub run there?")]
    Missing(String),
    /// SQLite cannot open it.
    #[error("cannot open the store in {0}{remedy}", remedy = remedy(.1))]
    Database(String, #[source] rusqlite::Error),
    /// Its file is read-only.
    #[error("the store in {0} cannot be written: give its files to the user that the hub runs as (chown -R)")]
    ReadOnly(String),
    /// Written by another version of the hub.
    #[error("the store in {0} has schema version {1}, which this version of the hub does not know")]
    Version(String, i64),
    /// A thread cannot be started.
    #[error("cannot start the store's threads")]
    Thread(#[source] std::io::Error),
}

/// Remedy where SQLite cannot open its file.
fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            ": the hub's user must be able to write the folder and its files (chown -R)"
        }
        Some(ErrorCode::DiskFull) => ": free space on its disk",
        _ => "",
    }
}

impl SqliteStore {
    /// Opens the store in a folder, creating both where they are missing. Only the owner can access their files.
    pub fn open(folder: &Path) -> std::result::Result<Self, OpenError> {
        folder::make(folder).map_err(|error| OpenError::Folder(folder.display().to_string(), error))?;
        let file = folder.join(FILE);
        folder::close_to_others(&file).map_err(|error| OpenError::File(file.display().to_string(), error))?;
        Self::at(folder, OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Locks a folder, created where it is missing, for one hub while the returned file lives. Two hubs over one store would
    /// each deliver the attempts that the other has in progress.
    pub fn lock(folder: &Path) -> std::result::Result<std::fs::File, OpenError> {
        let name = || folder.display().to_string();
        folder::make(folder).map_err(|error| OpenError::Folder(name(), error))?;
        let path = folder.join(LOCK);
        let file = folder::private(&path, OpenOptions::new().create(true).truncate(true));
        let file = file.map_err(|error| OpenError::File(path.display().to_string(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::Busy(name())),
            Err(TryLockError::Error(error)) => Err(OpenError::Unlockable(name(), error)),
        }
    }

    /// Opens the existing store in a folder.
    pub fn existing(folder: &Path) -> std::result::Result<Self, OpenError> {
        Self::exists(folder)?;
        Self::at(folder, OpenFlags::empty())
    }

    /// Opens the existing store in a folder for reading. It waits for no lock of a concurrent writer, and refuses every verb
    /// that writes.
    pub fn reading(folder: &Path) -> std::result::Result<Self, OpenError> {
        let name = || folder.display().to_string();
        let failed = |error| OpenError::Database(name(), error);
        let file = folder.join(FILE);
        Self::exists(folder)?;
        let reader = |thread| {
            let db = schema::open_reading(&file).map_err(failed)?;
            schema::check(&db).map_err(failed)?.map_err(|version| OpenError::Version(name(), version))?;
            worker::reader(thread, db).map_err(OpenError::Thread)
        };
        let (items, lists) = (reader("store-items")?, reader("store-lists")?);
        Ok(Self::of((items.clone(), items, lists), None))
    }

    fn of((writer, items, lists): (Handle, Handle, Handle), files: Option<Files>) -> Self {
        let horizon = Arc::new(AtomicI64::new(i64::MAX));
        let (recent, pulls, is_refusing) = (Arc::default(), Arc::default(), Arc::default());
        let most_waiting = Arc::new(AtomicUsize::new(usize::MAX));
        Self { writer, items, lists, recent, pulls, files, horizon, is_refusing, most_waiting }
    }

    fn at(folder: &Path, create: OpenFlags) -> std::result::Result<Self, OpenError> {
        let name = || folder.display().to_string();
        let failed = |error| OpenError::Database(name(), error);
        let file = folder.join(FILE);
        let connect = || {
            // Each connection belongs to one thread, so SQLite's own locking would be paid for nothing.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
            let db = Connection::open_with_flags(&file, flags)?;
            schema::prepare(&db)?;
            Ok(db)
        };
        let mut db = connect().map_err(failed)?;
        // SQLite opens a file that is protected from writing all the same.
        if db.is_readonly(MAIN_DB).map_err(failed)? {
            return Err(OpenError::ReadOnly(name()));
        }
        schema::create(&mut db).map_err(failed)?.map_err(|version| OpenError::Version(name(), version))?;
        let reader = |name| worker::reader(name, connect().map_err(failed)?).map_err(OpenError::Thread);
        let (items, lists) = (reader("store-items")?, reader("store-lists")?);
        let carrier = connect().map_err(failed)?;
        let files = Files::of(&file);
        let writer = worker::writer(db, carrier, files.clone()).map_err(failed)?.map_err(OpenError::Thread)?;
        Ok(Self::of((writer, items, lists), Some(files)))
    }

    /// Decides expiry by no time later than `until`, until the next call: a clock that jumped ahead would remove events that
    /// have not expired.
    pub fn trust(&self, until: Utc) {
        self.horizon.store(until.0, Ordering::Relaxed);
    }

    /// The time by which expiry is decided at `now`.
    fn trusted(&self, now: Utc) -> Utc {
        now.min(Utc(self.horizon.load(Ordering::Relaxed)))
    }

    /// Ends the waits of consumers, those that begin later too: the process ends.
    pub fn end_waits(&self) {
        self.pulls.end();
    }

    /// Time at which the latest admitted event was received.
    pub async fn newest(&self) -> Result<Option<Utc>> {
        self.item("newest", reads::newest).await
    }

    /// The event of that id, of any subject.
    pub async fn find(&self, id: EventId, now: Utc) -> Result<Option<Record>> {
        let now = self.trusted(now);
        self.item("find", move |db| reads::find(db, id, now)).await
    }

    /// Events admitted after a position, in the order of admission.
    pub async fn after(&self, position: i64, limit: usize, now: Utc) -> Result<Vec<Recent>> {
        let now = self.trusted(now);
        self.list("after", move |db| reads::recent(db, position, limit, now)).await
    }

    /// Events admitted before a position, the latest first.
    pub async fn before(&self, position: i64, limit: usize, now: Utc) -> Result<Vec<Recent>> {
        let now = self.trusted(now);
        self.list("before", move |db| reads::latest(db, position, limit, now)).await
    }

    /// Events with work due by `until`, in the order of their due times, after the place `behind`. Each with its place; without
    /// its event where that cannot be read.
    pub async fn due_by(&self, until: Utc, behind: Due, limit: usize) -> Result<Vec<(Due, Option<Listed>)>> {
        self.list("due_by", move |db| reads::due_by(db, until, behind, limit)).await
    }

    /// The connections of all events that were ever admitted.
    pub async fn connections(&self) -> Result<Vec<ConnectionId>> {
        self.list("connections", reads::connections).await
    }

    /// Moves the whole write-ahead log into the database file, so that a copy of that file alone is a copy of the store. A hub
    /// does so when it ends; nothing is lost without it.
    pub async fn tidy(&self) -> Result<()> {
        let carried = self.list("tidy", |db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)));
        let busy: i64 = carried.await?;
        if busy == 0 {
            Ok(())
        } else {
            Err(StoreError::Unavailable { verb: "tidy", source: "the store is in use".into() })
        }
    }

    /// Removes up to `limit` expired rows of each kind (events, other keys of subjects, chains, statistics, audit entries) and
    /// returns how many it examined of the most frequent one: fewer than `limit` are all. Open work stays.
    pub async fn purge(&self, now: Utc, limit: usize) -> Result<usize> {
        let now = self.trusted(now);
        self.write("purge", move |db| writes::purge(db, now, limit)).await
    }

    async fn item<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        unwrap(verb, self.items.call(work).await)
    }

    async fn list<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        unwrap(verb, self.lists.call(work).await)
    }

    async fn write<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        unwrap(verb, self.writer.call(work).await)
    }
}

/// Converts a thread's answer; a failure names the verb, and its kind decides whether a retry may succeed.
fn unwrap<T>(verb: &'static str, answer: Option<std::result::Result<T, Shared>>) -> Result<T> {
    let Some(result) = answer else {
        return Err(StoreError::Unavailable { verb, source: "the store's thread has ended".into() });
    };
    result.map_err(|error| {
        if let rusqlite::Error::FromSqlConversionFailure(_, _, source) = &*error
            && let Some(Damage { event, work }) = source.downcast_ref::<Damage>()
        {
            return StoreError::Damaged { verb, event: *event, work: work.clone() };
        }
        let unreadable =
            matches!(&*error, rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..));
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { verb, what: error.to_string() }
            }
            // `Unknown` is SQLite's plain error: a table or column that is not there, a statement that it cannot read.
            Some(ErrorCode::TooBig | ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::ApiMisuse) => {
                StoreError::Refused { verb, source: Box::new(error) }
            }
            None if unreadable => StoreError::Corrupt { verb, what: error.to_string() },
            Some(_) | None => StoreError::Unavailable { verb, source: Box::new(error) },
        }
    })
}
