//! The SQLite engine, each store in a folder of its own: the contract suite.

use std::cell::RefCell;

use store_sqlite::SqliteStore;
use tempfile::TempDir;

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
