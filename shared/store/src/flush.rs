//! The counts of a process, on their way to the store.

use futures::future::join_all;
use hub::Utc;
use hub::statistics::{Counters, KEPT};

use crate::{Result, Store};

/// Adds the counts of a process to the store's. Those that could not be added stay with the process for the next time. An
/// addition whose answer was lost, or that is given up on the way, may count twice.
pub async fn flush<S: Store>(store: &S, counters: &Counters, now: Utc) -> Result<()> {
    let adding = counters.take(now).into_iter().map(|(step, connection, figures)| async move {
        store.add_counts(&connection, step, &figures.counts(), step.after(KEPT)).await?;
        counters.stored(step, &connection);
        Ok(())
    });
    // Beside one another: on one machine they are one commit.
    join_all(adding).await.into_iter().collect()
}
