//! The engine's handle and its verbs.

use std::collections::BTreeMap;
use std::fs::{OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hub::identity::Head;
use hub::ledger::Tally;
use hub::{Alias, ConnectionId, Event, EventId, EventKey, EventType, Record, Subject, Utc, Work, seal};
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};
use store::{Admitted, Failed, Link, Listed, Note, Page, Pending, Result, Settled, Store, StoreError};

use crate::codec::Damage;
use crate::files::Files;
use crate::fresh::Fresh;
use crate::worker::{self, Handle, Shared};
use crate::{folder, reads, schema, writes};

/// The name of the file in the data folder.
const FILE: &str = "tongguan.db";

/// The name of the file by which a hub has the folder to itself.
const LOCK: &str = "hub.lock";
/// A body of more bytes than that takes milliseconds to be sealed.
const LARGE: usize = 64 * 1024;

/// The store in one SQLite file. Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Handle,
    /// Single items, which answers and deliveries wait for.
    items: Handle,
    /// Lists and scans, which may take their time.
    lists: Handle,
    fresh: Arc<Fresh>,
    /// Nothing where the store is only read.
    files: Option<Files>,
    /// No later time is taken for the present where expiry is decided; see [`SqliteStore::trust`].
    horizon: Arc<AtomicI64>,
}

/// An event with its place in the order of admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Grows with every admission.
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

/// Why the store cannot be opened.
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
    /// The file system knows no locks.
    #[error("the data folder {0} cannot be locked: name one on a local disk in data_dir")]
    Unlockable(String, #[source] std::io::Error),
    /// There is no store and none is to be made.
    #[error("there is no store in {0}; has the hub run there?")]
    Missing(String),
    /// SQLite refuses.
    #[error("cannot open the store in {0}{remedy}", remedy = remedy(.1))]
    Database(String, #[source] rusqlite::Error),
    /// Its file is protected from writing.
    #[error("the store in {0} cannot be written: give its files to the user that the hub runs as (chown -R)")]
    ReadOnly(String),
    /// Written by another version of the hub.
    #[error("the store in {0} has schema version {1}, which this version of the hub does not know")]
    Version(String, i64),
    /// No thread.
    #[error("cannot start the store's threads")]
    Thread(#[source] std::io::Error),
}

/// What to do where SQLite cannot open its file.
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
    /// Opens the store in a folder, making both where they are missing. Their files are their owner's alone.
    pub fn open(folder: &Path) -> std::result::Result<Self, OpenError> {
        folder::make(folder).map_err(|error| OpenError::Folder(folder.display().to_string(), error))?;
        let file = folder.join(FILE);
        folder::close_to_others(&file).map_err(|error| OpenError::File(file.display().to_string(), error))?;
        Self::at(folder, OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Locks a folder, which is made where it is missing, for the one hub that may use it, for as long as the file that is
    /// returned lives. Two hubs over one store would each deliver what the other has under way.
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

    /// Opens the store that a hub has made in a folder.
    pub fn existing(folder: &Path) -> std::result::Result<Self, OpenError> {
        if folder.join(FILE).is_file() {
            Self::at(folder, OpenFlags::empty())
        } else {
            Err(OpenError::Missing(folder.display().to_string()))
        }
    }

    /// Opens the store that a hub has made in a folder, to read it. It waits for no lock, whoever writes meanwhile, and writes
    /// nothing; every verb that would is refused.
    pub fn reading(folder: &Path) -> std::result::Result<Self, OpenError> {
        let name = || folder.display().to_string();
        let failed = |error| OpenError::Database(name(), error);
        let file = folder.join(FILE);
        if !file.is_file() {
            return Err(OpenError::Missing(name()));
        }
        let reader = |thread| {
            let db = schema::open_reading(&file).map_err(failed)?;
            schema::check(&db).map_err(failed)?.map_err(|version| OpenError::Version(name(), version))?;
            worker::reader(thread, db).map_err(OpenError::Thread)
        };
        let (items, lists) = (reader("store-items")?, reader("store-lists")?);
        Ok(Self::of((items.clone(), items, lists), None))
    }

    fn of((writer, items, lists): (Handle, Handle, Handle), files: Option<Files>) -> Self {
        Self { writer, items, lists, fresh: Arc::default(), files, horizon: Arc::new(AtomicI64::new(i64::MAX)) }
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

    /// Takes no time later than `until` for the present where expiry is decided, until it is told of another: a clock that
    /// has jumped ahead would end what has not expired.
    pub fn trust(&self, until: Utc) {
        self.horizon.store(until.0, Ordering::Relaxed);
    }

    /// The time by which expiry is decided at `now`.
    fn trusted(&self, now: Utc) -> Utc {
        now.min(Utc(self.horizon.load(Ordering::Relaxed)))
    }

    /// When the event that was admitted last was received.
    pub async fn newest(&self) -> Result<Option<Utc>> {
        self.item("newest", reads::newest).await
    }

    /// The event of that id, whatever it is about.
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

    /// Events with work that is due by then, the first due first, from behind a place in that order on. Each with its
    /// place; without its event where that cannot be read.
    pub async fn due_by(&self, until: Utc, behind: Due, limit: usize) -> Result<Vec<(Due, Option<Listed>)>> {
        self.list("due_by", move |db| reads::due_by(db, until, behind, limit)).await
    }

    /// The connections that ever had an event.
    pub async fn connections(&self) -> Result<Vec<ConnectionId>> {
        self.list("connections", reads::connections).await
    }

    /// Carries the whole log over into the database file, so that a copy of that file alone is a copy of the store. For
    /// a hub that ends; without it nothing is lost.
    pub async fn tidy(&self) -> Result<()> {
        let carried = self.list("tidy", |db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)));
        let busy: i64 = carried.await?;
        if busy == 0 {
            Ok(())
        } else {
            Err(StoreError::Unavailable { verb: "tidy", source: "the store is in use".into() })
        }
    }

    /// Removes up to `limit` expired events; fewer looked at than that are all there are. Open work stays.
    pub async fn purge(&self, now: Utc, limit: usize) -> Result<usize> {
        let now = self.trusted(now);
        self.write("purge", move |db| writes::purge(db, now, limit)).await
    }

    async fn item<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        unwrap(verb, self.items.call(work).await)
    }

    async fn list<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        unwrap(verb, self.lists.call(work).await)
    }

    async fn write<T: Send + 'static>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        unwrap(verb, self.writer.call(work).await)
    }
}

/// What is known of an event with its seal; on another thread where that takes long.
async fn sealed(event: &Event) -> Result<String> {
    if event.body.len() <= LARGE {
        return Ok(seal::sealed(event));
    }
    let event = event.clone();
    let sealed = tokio::task::spawn_blocking(move || seal::sealed(&event)).await;
    sealed.map_err(|error| StoreError::Unavailable { verb: "admit", source: error.into() })
}

/// Names the verb in a failure and says whether it is worth repeating.
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

impl Store for SqliteStore {
    async fn admit(&self, event: &Event, work: &Work, link: Option<&Link>) -> Result<Admitted> {
        let record = Record { event: event.clone(), work: work.clone() };
        let meta = sealed(event).await?;
        let link = link.cloned();
        let fresh = Arc::clone(&self.fresh);
        let now = self.trusted(event.meta.received);
        let (admitted, record) = self
            .write("admit", move |db| {
                let admitted = writes::admit(db, &record, &meta, link.as_ref(), now)?;
                Ok((admitted, record))
            })
            .await?;
        if admitted == Admitted::New && record.work.due().is_some() {
            fresh.put(record);
        }
        Ok(admitted)
    }

    async fn head(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        kind: &EventType,
        now: Utc,
    ) -> Result<Option<Head>> {
        let now = self.trusted(now);
        let (connection, subject, kind) = (connection.clone(), subject.clone(), kind.clone());
        let files = self.files.clone();
        let head = move |db: &Connection| {
            let head = writes::head(db, &connection, &subject, &kind, now)?;
            // By what it says a push may be answered as stored, and nothing is written then.
            files.map_or(Ok(()), |files| files.check())?;
            Ok(head)
        };
        self.item("head", head).await
    }

    async fn load(&self, key: &EventKey, now: Utc) -> Result<Option<Record>> {
        let now = self.trusted(now);
        if let Some(record) =
            self.fresh.take(key).filter(|record| record.event.meta.expires > now || record.work.is_open())
        {
            return Ok(Some(record));
        }
        let key = key.clone();
        self.item("load", move |db| reads::load(db, &key, now)).await
    }

    async fn inspect(&self, key: &EventKey, now: Utc) -> Result<Option<Listed>> {
        let now = self.trusted(now);
        let key = key.clone();
        self.item("inspect", move |db| reads::inspect(db, &key, now)).await
    }

    async fn settle(&self, key: &EventKey, work: &Work) -> Result<Settled> {
        self.fresh.changing(key);
        let fresh = Arc::clone(&self.fresh);
        let (key, work) = (key.clone(), work.clone());
        let settle = move |db: &Connection| Ok((writes::settle(db, &key, &work)?, key, work));
        let (settled, key, work) = self.write("settle", settle).await?;
        if settled == Settled::Done {
            fresh.settled(&key, &work);
        }
        Ok(settled)
    }

    async fn due(&self, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.list("due", move |db| reads::due(db, now, limit)).await
    }

    async fn ahead(&self, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.list("ahead", move |db| reads::ahead(db, after, limit)).await
    }

    async fn failed(&self, which: &Failed, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        let now = self.trusted(now);
        let which = which.clone();
        let from = from.map_or(Ok(0), str::parse).map_err(|_| StoreError::BadCursor { verb: "failed" })?;
        self.list("failed", move |db| reads::failed(db, &which, from, limit, now)).await
    }

    async fn pending(&self, which: &Pending, from: Option<&str>, limit: usize, _: Utc) -> Result<Page> {
        let which = which.clone();
        let from = from.map_or(Some((i64::MIN, i64::MIN)), |from| {
            let (due, n) = from.split_once(':')?;
            Some((due.parse().ok()?, n.parse().ok()?))
        });
        let from = from.ok_or(StoreError::BadCursor { verb: "pending" })?;
        self.list("pending", move |db| reads::pending(db, &which, from, limit)).await
    }

    async fn timeline(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Listed>> {
        let now = self.trusted(now);
        let (connection, subject) = (connection.clone(), subject.clone());
        self.list("timeline", move |db| reads::timeline(db, &connection, &subject, now)).await
    }

    async fn alias(&self, aliases: &[Alias], connection: &ConnectionId, subject: &Subject, expires: Utc) -> Result<()> {
        let (aliases, connection, subject) = (aliases.to_vec(), connection.clone(), subject.clone());
        self.write("alias", move |db| writes::alias(db, &aliases, &connection, &subject, expires)).await
    }

    async fn resolve(&self, alias: &Alias, now: Utc) -> Result<Vec<(ConnectionId, Subject)>> {
        let now = self.trusted(now);
        let alias = alias.clone();
        self.list("resolve", move |db| reads::resolve(db, &alias, now)).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Utc, until: Utc) -> Result<bool> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write("lease", move |db| writes::lease(db, &name, &holder, now, until)).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>> {
        let name = name.to_owned();
        self.item("note", move |db| reads::note(db, &name)).await
    }

    async fn put_note(&self, name: &str, value: &str, over: u64) -> Result<bool> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write("put_note", move |db| writes::put_note(db, &name, &value, over)).await
    }

    async fn ledger(&self, now: Utc) -> Result<BTreeMap<ConnectionId, Tally>> {
        let now = self.trusted(now);
        self.list("ledger", move |db| reads::ledger(db, now)).await
    }
}
