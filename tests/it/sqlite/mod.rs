//! The SQLite engine, each store in a folder of its own: the contract suite, and what its file promises.

use std::cell::RefCell;

use partners::Partner;
use store_sqlite::SqliteStore;
use tempfile::TempDir;

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
