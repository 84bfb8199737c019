//! The work that an ended process has left.

use queue::{Job, Queue};
use store::{Listed, Store, StoreError};

use crate::Courier;

/// Takes over an event's work where the process that held its leases has certainly ended: what it had claimed is due now, for
/// the next sweep, and what waits for its time is hinted at again. Says whether anything was claimed.
pub async fn resume<S: Store, Q: Queue>(courier: &Courier<S, Q>, found: &Listed) -> Result<bool, StoreError> {
    let (key, now) = (&found.key, courier.now());
    let released = found.work.released(now);
    if let Some(work) = &released {
        // Another process that changes it meanwhile, as a replay does, hints at it too.
        courier.context.store.settle(key, work).await?;
    }
    for (job, progress) in Job::pending(&found.work) {
        if !progress.is_claimed && now < progress.due {
            courier.hint(key, vec![job], progress.due).await;
        }
    }
    Ok(released.is_some())
}
