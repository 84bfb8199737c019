//! The promises of a store, kept by the one that the simulation runs on.

use super::SimStore;

async fn make_store() -> SimStore {
    SimStore::default()
}

store::contract_tests!(make_store);
