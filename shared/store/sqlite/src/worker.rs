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
    /// Does the work. `false` where the database failed, which undoes this job.
    fn run(&mut self, db: &Connection) -> bool;
    /// Answers who waits.
    fn finish(self: Box<Self>, failure: Option<&Arc<rusqlite::Error>>);
    /// Whether the caller has stopped waiting, so that the job need not be done.
    fn abandoned(&self) -> bool;
}

/// A failure that several jobs share.
pub(crate) type Shared = Arc<rusqlite::Error>;

struct Task<F, T> {
    work: Option<F>,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T, Shared>>,
}

impl<F, T> Job for Task<F, T>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, db: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(db));
        matches!(self.result, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, failure: Option<&Shared>) {
        let result = match (self.result, failure) {
            (Some(Err(error)), _) => Err(Arc::new(error)),
            (_, Some(failure)) => Err(Arc::clone(failure)),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => return,
        };
        // The caller may have stopped waiting.
        let _ = self.reply.send(result);
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
    /// Has a job done. `None` where the thread is gone.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<Result<T, Shared>> {
        let (reply, answer) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        self.jobs.send(Box::new(Task { work: Some(work), result: None, reply })).ok()?;
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

/// Runs a group of jobs in one transaction, which costs one sync. Each has a savepoint, so that a failed one does not affect
/// the others. Returns their number.
fn write(db: &Connection, files: &Files, jobs: impl Iterator<Item = Box<dyn Job>>) -> usize {
    let mut failure = db.execute_batch("BEGIN IMMEDIATE").err();
    let mut group = Vec::new();
    for mut job in jobs {
        if failure.is_none() {
            failure = run(db, &mut *job).err();
        }
        group.push(job);
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
        if !db.is_autocommit()
            && let Err(error) = db.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the failed writes could not be rolled back");
        }
    }
    let jobs = group.len();
    for job in group {
        job.finish(failure.as_ref());
    }
    jobs
}

/// Does one job of a group. Fails where the group cannot go on.
fn run(db: &Connection, job: &mut dyn Job) -> rusqlite::Result<()> {
    db.prepare_cached("SAVEPOINT job")?.execute([])?;
    if !job.run(db) {
        // Some failures of the disk end the whole transaction; then there is no savepoint to go back to.
        db.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    db.prepare_cached("RELEASE job")?.execute([])?;
    Ok(())
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
