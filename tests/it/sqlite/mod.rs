//! The SQLite engine, each store in a folder of its own: the contract suite, and what its file promises.

mod retention;

use std::cell::RefCell;

use bytes::Bytes;
use hub::delivery::{Delivery, State};
use hub::{EventId, Work};
use partners::Partner;
use rusqlite::Connection;
use store::{Admitted, Failed, Store as _};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::dynamodb::{NOW, event};
use crate::support::{Plan, events, status, taken};

thread_local! {
    /// The folder of the store that a test's thread has made; it goes with the thread.
    static FOLDER: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

async fn make_store() -> SqliteStore {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    FOLDER.set(Some(folder));
    store
}

mod contract {
    store::contract_tests!(super::make_store);
}

/// One was enough to hide the whole list and the whole ledger.
#[tokio::test]
async fn unreadable_row_hides_no_other_and_unbalances_the_ledger() {
    let store = make_store().await;
    let delivery = Delivery { state: State::Failed, ..Delivery::new("erp".into(), NOW, NOW) };
    let work = Work { accepted: 1, deliveries: vec![delivery], ..Work::default() };
    for id in 0..3 {
        let mut event = event(Bytes::from_static(b"{}"));
        event.key.id = EventId([id; 24]);
        assert_eq!(store.admit(&event, &work, None).await.unwrap(), Admitted::New);
    }
    let file = FOLDER.with_borrow(|folder| folder.as_ref().unwrap().path().join("tongguan.db"));
    let spoilt = "UPDATE work SET work = '{' WHERE n = (SELECT min(n) FROM work)";
    assert_eq!(Connection::open(file).unwrap().execute(spoilt, []).unwrap(), 1);
    let page = store.failed(&Failed::Any, None, 10, NOW).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable), (2, 1));
    let tally = store.ledger(NOW).await.unwrap()[&"xhq-sh".into()];
    assert_eq!((tally.failed, tally.difference(), tally.balanced()), (2, 1, false));
}

/// Regression: pushes were acknowledged into a file that was removed, and gone after a restart.
#[tokio::test]
async fn write_to_a_removed_file_is_refused() {
    for file in ["tongguan.db", "tongguan.db-wal", "tongguan.db-shm"] {
        let store = make_store().await;
        let file = FOLDER.with_borrow(|folder| folder.as_ref().unwrap().path().join(file));
        let aside = file.with_extension("aside");
        let admit = async |id| {
            let mut event = event(Bytes::from_static(b"{}"));
            event.key.id = EventId([id; 24]);
            store.admit(&event, &Work { accepted: 1, ..Work::default() }, None).await
        };
        assert_eq!(admit(1).await.unwrap(), Admitted::New);
        std::fs::rename(&file, &aside).unwrap();
        let removed = admit(2).await.unwrap_err();
        std::fs::copy(&aside, &file).unwrap();
        let replaced = admit(3).await.unwrap_err();
        for error in [removed, replaced] {
            let told = telemetry::logs::chain(&error);
            assert!(error.retryable() && told.contains("removed or replaced"), "{told}");
        }
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!(admit(4).await.unwrap(), Admitted::New, "it is back");
        assert_eq!(admit(2).await.unwrap(), Admitted::Duplicate, "nothing is stored twice");
    }
}

/// Regression: a repeated message was acknowledged as stored from a file that was removed.
#[tokio::test]
async fn head_in_a_file_that_was_removed_is_refused() {
    let store = make_store().await;
    let event = event(Bytes::from_static(b"{}"));
    let (connection, subject, kind) = (&event.key.connection, &event.key.subject, &event.meta.kind);
    assert!(store.head(connection, subject, kind, NOW).await.is_ok());
    let file = FOLDER.with_borrow(|folder| folder.as_ref().unwrap().path().join("tongguan.db"));
    std::fs::rename(&file, file.with_extension("aside")).unwrap();
    let error = store.head(connection, subject, kind, NOW).await.unwrap_err();
    assert!(error.retryable() && telemetry::logs::chain(&error).contains("removed or replaced"), "{error:?}");
    std::fs::rename(file.with_extension("aside"), &file).unwrap();
    assert!(store.head(connection, subject, kind, NOW).await.is_ok(), "it is back");
}

/// Regression: whoever only looked waited for the lock of another program that wrote, and failed.
#[tokio::test]
async fn a_store_is_read_while_another_program_writes() {
    let written = make_store().await;
    let event = event(Bytes::from_static(b"{}"));
    written.admit(&event, &Work { accepted: 1, ..Work::default() }, None).await.unwrap();
    let folder = FOLDER.with_borrow(|folder| folder.as_ref().unwrap().path().to_owned());
    let other = Connection::open(folder.join("tongguan.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reading = SqliteStore::reading(&folder).unwrap();
    assert_eq!(reading.ledger(NOW).await.unwrap()[&event.key.connection].unrouted, 1);
    assert_eq!(reading.find(event.key.id, NOW).await.unwrap().unwrap().event, event);
    assert!(reading.put_note("x", "y", 0).await.is_err(), "it is for reading alone");
    let existing = SqliteStore::existing(&folder).unwrap();
    assert_eq!(existing.ledger(NOW).await.unwrap().len(), 1);
}

/// An operator copies one file and thinks it is the store.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_graceful_end_the_database_file_alone_is_the_store() {
    let plan = Plan::new();
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    hub.stop().await;
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(plan.config().data_dir.join("tongguan.db"), copy.path().join("tongguan.db")).unwrap();
    let kept = events(&SqliteStore::existing(copy.path()).unwrap()).await;
    assert_eq!(kept.iter().map(|event| event.key.subject.as_str()).collect::<Vec<_>>(), ["order:S1"]);
}

/// Regression: in a folder that others may look into, any user of the machine could read the store, tokens included.
#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_alone_whatever_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let modes = || {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
        files.map(|file| file.permissions().mode() & 0o777).collect::<Vec<_>>()
    };
    let _lock = SqliteStore::lock(folder.path()).unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(store.put_note("a", "b", 0).await.unwrap());
    assert_eq!(modes(), [0o600; 4]);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), PermissionsExt::from_mode(0o644)).unwrap();
    }
    let again = SqliteStore::open(folder.path()).unwrap();
    assert!(again.put_note("a", "c", 1).await.unwrap());
    assert_eq!(modes().into_iter().filter(|mode| *mode == 0o600).count(), 3, "an earlier version has made them so");
}

/// Regression: whatever was wrong with the data folder, it was said to be in use by another hub.
#[tokio::test]
async fn data_folder_problem_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = SqliteStore::lock(&path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains("it is a file"), "{error}");
    }
    std::fs::create_dir(folder.path().join("hub.lock")).unwrap();
    let error = SqliteStore::lock(folder.path()).unwrap_err().to_string();
    assert!(error.contains("hub.lock") && !error.contains("another hub"), "{error}");
    let other = folder.path().join("other");
    let _first = SqliteStore::lock(&other).unwrap();
    assert!(SqliteStore::lock(&other).unwrap_err().to_string().contains("in use by another hub"));
}
