//! Expired events leave the file, in bounded steps, and a full disk or a slow writer refuses new ones.

use std::path::Path;

use bytes::Bytes;
use hub::{Alias, Event, EventId, Subject, Utc, Work};
use rusqlite::Connection;
use store::{Admitted, Store as _, StoreError};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::dynamodb::{NOW, event};
use crate::support::until;

const AFTER: Utc = Utc(i64::MAX / 2);

/// Expired events with their aliases, so many.
async fn filled(folder: &TempDir, count: u16) -> SqliteStore {
    let store = SqliteStore::open(folder.path()).unwrap();
    for n in 0..count {
        let event = numbered(n);
        assert_eq!(store.admit(&event, &Work::default(), None).await.unwrap(), Admitted::New);
        let aliases: Vec<_> = (0..3).map(|k| Alias::new("bl", &format!("{n}-{k}"))).collect();
        let (connection, subject) = (&event.key.connection, &event.key.subject);
        store.alias(&aliases, connection, subject, event.meta.expires).await.unwrap();
    }
    store
}

fn numbered(n: u16) -> Event {
    let mut event = event(Bytes::from(vec![b'x'; 9000]));
    event.key.subject = Subject::new("order", &n.to_string());
    let mut id = [0; 24];
    id[..2].copy_from_slice(&n.to_le_bytes());
    event.key.id = EventId(id);
    event
}

fn length(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("tongguan.db")).unwrap().len()
}

/// Regression: 200,000 expired events left 301 MB of free pages for ever.
#[tokio::test]
async fn space_of_expired_events_leaves_the_file_in_steps() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder, 300).await;
    store.carry().await.unwrap();
    let full = length(folder.path());
    assert!(full > 300 * 9000, "{full}");
    while store.purge(AFTER, 100).await.unwrap() == 100 {}
    let purged = store.space().await.unwrap();
    assert!(purged.is_incremental && purged.excess() > 100, "{purged:?}");
    let step = store.shrink(64).await.unwrap();
    assert_eq!(purged.pages - step.pages, 64, "a step is as large as it may be");
    let mut left = step;
    while left.excess() > 0 {
        left = store.shrink(64).await.unwrap();
    }
    assert_eq!(left.free, 256, "some pages stay for what comes next");
    store.carry().await.unwrap();
    assert_eq!(length(folder.path()), left.pages * left.page_size);
    assert!(length(folder.path()) < full / 2);
    assert_eq!(store.shrink(64).await.unwrap(), left, "nothing more is given back");
    assert_eq!(store.admit(&numbered(1), &Work::default(), None).await.unwrap(), Admitted::New);
}

/// Regression: aliases went at the pace of events, so that those of many keys were left behind for hours.
#[tokio::test]
async fn purge_says_that_aliases_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder, 30).await;
    assert_eq!(store.purge(AFTER, 40).await.unwrap(), 40, "30 events, but 90 aliases");
    while store.purge(AFTER, 40).await.unwrap() == 40 {}
    let db = Connection::open(folder.path().join("tongguan.db")).unwrap();
    let left: i64 = db.query_row("SELECT count(*) FROM aliases", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// A file as versions before made it.
async fn earlier(folder: &TempDir) -> SqliteStore {
    drop(filled(folder, 40).await);
    let db = Connection::open(folder.path().join("tongguan.db")).unwrap();
    db.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(db);
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(!store.space().await.unwrap().is_incremental);
    store
}

#[tokio::test]
async fn file_of_an_earlier_version_is_written_anew_within_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let store = earlier(&folder).await;
    assert_eq!(store.shrink(1000).await.unwrap().excess(), 0, "nothing can be given back in steps");
    drop(store);
    let compact = |most| SqliteStore::compact(folder.path(), most).unwrap();
    assert_eq!(compact(Some(4096)), None, "it has more in use");
    let done = compact(Some(1 << 30)).unwrap();
    assert!(!done.before.is_incremental && done.after.is_incremental, "{done:?}");
    assert_eq!(compact(Some(1 << 30)), None, "once is enough");
    assert!(compact(None).is_some(), "without a bound it is done in any case");
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(store.space().await.unwrap().is_incremental);
    let found = store.find(numbered(7).key.id, NOW).await.unwrap().unwrap();
    assert_eq!(found.event, numbered(7));
}

#[tokio::test]
async fn file_that_is_read_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    drop(earlier(&folder).await);
    let reader = Connection::open(folder.path().join("tongguan.db")).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    let done = SqliteStore::compact(folder.path(), None);
    let count: i64 = reader.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 40, "{done:?}");
    drop(reader);
    assert_eq!(SqliteStore::open(folder.path()).unwrap().ledger(NOW).await.unwrap()[&"xhq-sh".into()].accepted, 0);
}

#[tokio::test]
async fn refusing_store_knows_duplicates_and_settles() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder, 1).await;
    store.refuse_new(true);
    assert_eq!(store.admit(&numbered(0), &Work::default(), None).await.unwrap(), Admitted::Duplicate);
    let error = store.admit(&numbered(1), &Work::default(), None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { verb: "admit", .. }) && error.retryable(), "{error:?}");
    assert!(telemetry::logs::chain(&error).contains("nearly full"));
    let work = Work { version: 1, ..Work::default() };
    assert_eq!(store.settle(&numbered(0).key, &work).await.unwrap(), store::Settled::Done);
    store.refuse_new(false);
    assert_eq!(store.admit(&numbered(1), &Work::default(), None).await.unwrap(), Admitted::New);
}

/// An answer that comes late is none: what would wait behind too many others is refused at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_behind_too_many_others_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(&folder, 1).await;
    store.limit_waiting(1);
    let other = Connection::open(folder.path().join("tongguan.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.admit(&numbered(1), &Work::default(), None).await }
    });
    until(async || store.waiting() == 1).await;
    let error = store.admit(&numbered(2), &Work::default(), None).await.unwrap_err();
    assert!(error.retryable() && telemetry::logs::chain(&error).contains("wait for it already"), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(first.await.unwrap().unwrap(), Admitted::New);
    assert_eq!((store.waiting(), store.admit(&numbered(2), &Work::default(), None).await.unwrap()), (0, Admitted::New));
}
