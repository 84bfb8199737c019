//! Threads that own a connection each: one that writes, grouping commits, and some that read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::files::Files;

/// Largest number of jobs in one commit: more would make the first of them wait for the last.
const LARGEST_GROUP: usize = 256;

/// Largest write-ahead log, in pages of 4 KB: then the writer itself moves the rest of it into the database file, and the log
/// starts again. The bound limits the file and the time to open it after a crash.
const LOG_PAGES: u32 = 16_000;

/// After so many writes the carrier is woken.
const WRITES_PER_LOAD: usize = 256;

/// A job on a connection. The result is handed over in `finish`, when it is known whether it holds.
trait Job: Send {
    /// Does the work, again where it was undone. `false` where the database failed.
    fn run(&mut self, db: &Connection) -> bool;
    /// Answers who waits.
    fn finish(self: Box<Self>, failure: Option<&Arc<rusqlite::Error>>);
    /// Whether the caller has stopped waiting, so that the job need not be done.
    fn abandoned(&self) -> bool;
}

/// A failure that several jobs share.
pub(crate) type Shared = Arc<rusqlite::Error>;

struct Task<F, T> {
    work: F,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T, Shared>>,
}

impl<F, T> Job for Task<F, T>
where
    F: Fn(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        self.result.insert((self.work)(db)).is_ok()
    }

    fn finish(self: Box<Self>, failure: Option<&Shared>) {
        let Self { work, result, reply } = *self;
        // What the work shares with its caller is the caller's own when it is answered.
        drop(work);
        let result = match (result, failure) {
            (Some(Err(error)), _) => Err(Arc::new(error)),
            (_, Some(failure)) => Err(Arc::clone(failure)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => return,
        };
        // The caller may have stopped waiting.
        let _ = reply.send(result);
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Hands jobs to a thread. When the last handle is dropped the thread ends.
#[derive(Clone)]
pub(crate) struct Handle {
    jobs: Sender<Box<dyn Job>>,
    waiting: Arc<AtomicUsize>,
}

/// A caller that waits for its job, until this is dropped.
struct Waiting<'h>(&'h AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handle {
    /// Has a job done, again where it was undone with others. `None` where the thread is gone.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<Result<T, Shared>> {
        let (reply, answer) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        self.jobs.send(Box::new(Task { work, result: None, reply })).ok()?;
        answer.await.ok()
    }

    /// Number of callers that wait for their jobs.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// Starts the writer's thread, and the thread that moves the log into the database file, so that no acknowledgement waits for
/// that.
pub(crate) fn writer(db: Connection, carrier: Connection, files: Files) -> rusqlite::Result<std::io::Result<Handle>> {
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    carrier.pragma_update(None, "wal_autocheckpoint", 0)?;
    let (wake, woken) = sync_channel(1);
    let carry = move || {
        while let Ok(()) = woken.recv() {
            if let Err(error) = carrier.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                tracing::warn!(%error, "the log of the store was not carried over; the writer does it");
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("store-carry".to_owned()).spawn(carry) {
        return Ok(Err(error));
    }
    Ok(start("store-write", move |jobs| {
        let mut writes = 0;
        while let Ok(first) = jobs.recv() {
            let group = std::iter::once(first).chain(jobs.try_iter()).take(LARGEST_GROUP);
            writes += write(&db, &files, group.filter(|job| !job.abandoned()));
            if writes >= WRITES_PER_LOAD {
                writes = 0;
                // It may still be at the last load; then it is woken by the next one.
                let _ = wake.try_send(());
            }
        }
    }))
}

/// Runs a group of jobs in one transaction, which costs one sync. Returns their number.
fn write(db: &Connection, files: &Files, jobs: impl Iterator<Item = Box<dyn Job>>) -> usize {
    let mut failure = db.execute_batch("BEGIN IMMEDIATE").err();
    let (mut group, mut is_whole) = (Vec::new(), failure.is_none());
    for mut job in jobs {
        is_whole = is_whole && run(db, &mut *job);
        group.push(job);
    }
    if failure.is_none() && !is_whole {
        failure = each(db, &mut group).err();
    }
    if failure.is_none() {
        failure = db.execute_batch("COMMIT").err();
    }
    if failure.is_none() {
        // A write to a file that is gone counts as not written.
        failure = files.check().err();
    }
    let failure = failure.map(Arc::new);
    if let Some(failure) = &failure {
        tracing::error!(error = %failure, jobs = group.len(), "a group of writes failed");
        if let Err(error) = undo(db) {
            tracing::error!(%error, "the failed writes could not be rolled back");
        }
    }
    let jobs = group.len();
    for job in group {
        job.finish(failure.as_ref());
    }
    jobs
}

/// Does one job of a group. `false` where it has failed and left something to be undone.
fn run(db: &Connection, job: &mut dyn Job) -> bool {
    let before = db.total_changes();
    job.run(db) || db.total_changes() == before && !db.is_autocommit()
}

/// Begins a group again, of which a job has failed: each job has a savepoint now, which costs copies of pages, so that what has
/// failed is undone alone. Fails where the group cannot go on.
fn each(db: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    undo(db)?;
    db.execute_batch("BEGIN IMMEDIATE")?;
    for job in group {
        db.execute_batch("SAVEPOINT job")?;
        if !job.run(db) {
            // Some failures of the disk end the whole transaction; then there is no savepoint to go back to.
            db.execute_batch("ROLLBACK TO job")?;
        }
        db.execute_batch("RELEASE job")?;
    }
    Ok(())
}

/// Undoes a transaction, unless its failure has.
fn undo(db: &Connection) -> rusqlite::Result<()> {
    if db.is_autocommit() { Ok(()) } else { db.execute_batch("ROLLBACK") }
}

/// Starts a thread that reads.
pub(crate) fn reader(name: &str, db: Connection) -> std::io::Result<Handle> {
    start(name, move |jobs| {
        for mut job in jobs {
            if !job.abandoned() {
                job.run(&db);
                job.finish(None);
            }
        }
    })
}

fn start(name: &str, serve: impl FnOnce(Receiver<Box<dyn Job>>) + Send + 'static) -> std::io::Result<Handle> {
    let (sender, jobs) = channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || serve(jobs))?;
    Ok(Handle { jobs: sender, waiting: Arc::default() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::schema;

    fn connected(file: &Path) -> Connection {
        let db = Connection::open(file).unwrap();
        schema::prepare(&db).unwrap();
        db
    }

    /// A write that fails when it has written something, among others that wait for the same commit.
    #[tokio::test]
    async fn a_failed_write_is_undone_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.db");
        let db = connected(&file);
        db.execute_batch("CREATE TABLE own (a INTEGER PRIMARY KEY)").unwrap();
        let handle = writer(db, connected(&file), Files::of(&file)).unwrap().unwrap();
        let (go, gone) = channel::<()>();
        let gone = std::sync::Mutex::new(gone);
        // The others wait for this one, so that they are one group.
        let first = handle.call(move |_| {
            // Nothing the second time.
            let _ = gone.lock().unwrap().recv();
            Ok(())
        });
        let put = |numbers: &'static [i64]| {
            handle.call(move |db| {
                for number in numbers {
                    db.execute("INSERT INTO own (a) VALUES (?1)", [number])?;
                }
                Ok(numbers.len())
            })
        };
        let release = async move { go.send(()).unwrap() };
        let (_, one, twice, none, two, ()) =
            tokio::join!(first, put(&[1]), put(&[2, 2]), put(&[1]), put(&[2, 3]), release);
        assert_eq!(one.unwrap().unwrap(), 1);
        assert!(twice.unwrap().unwrap_err().to_string().contains("UNIQUE"), "it fails at its second row");
        assert!(none.unwrap().is_err());
        assert_eq!(two.unwrap().unwrap(), 2, "what the failed one had written is in nobody's way");
        let kept: Vec<i64> = Connection::open(&file)
            .unwrap()
            .prepare("SELECT a FROM own")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(kept, [1, 2, 3]);
    }
}
