//! Removal of what has expired, and of the space that it leaves in the database file: a bounded piece of it in each sweep.

use config::Context;
use store::StoreError;
use store_sqlite::SqliteStore;

/// Number of expired rows of a kind that are removed in one commit.
const ROWS: usize = 500;

/// Most such commits in one sweep: 50,000 events.
const REMOVALS: usize = 100;

/// Number of pages that are given back in one commit: half a megabyte. Pushes that come meanwhile wait for one such commit at
/// the most.
const PAGES: u64 = 128;

/// Most such commits in one sweep: 64 MB.
const SHRINKS: usize = 128;

/// Removes what has expired, and gives its space back. The rest is left to the next sweep. Whether the store did it.
pub(crate) async fn remove<Q>(context: &Context<SqliteStore, Q>) -> bool {
    match try_remove(context).await {
        Ok(()) => true,
        Err(error) => {
            let error = telemetry::logs::chain(&error);
            tracing::error!(error, "expired events could not be removed; the next sweep repeats it");
            false
        }
    }
}

async fn try_remove<Q>(context: &Context<SqliteStore, Q>) -> Result<(), StoreError> {
    for _ in 0..REMOVALS {
        if context.store.purge(context.now(), ROWS).await? < ROWS {
            break;
        }
    }
    let before = context.store.space().await?;
    let mut left = before;
    for _ in 0..SHRINKS {
        if left.excess() == 0 {
            break;
        }
        left = context.store.shrink(PAGES).await?;
    }
    if left.pages < before.pages {
        context.store.carry().await?;
        let megabytes = (before.pages - left.pages) * left.page_size / (1024 * 1024);
        tracing::debug!(megabytes, "space of expired events was given back to the disk");
    }
    Ok(())
}
