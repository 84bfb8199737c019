//! `deliver`: one hint from the queue, one attempt at a delivery.

use courier::{Courier, JobError, JobOutcome};
use queue::{Hint, Queue};
use store::Store;
use tracing::{Span, field};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "deliver";

/// Runs the job of a hint. A stale hint needs nothing: another process has done its job.
pub async fn handle<S: Store, Q: Queue>(courier: &Courier<S, Q>, hint: Hint) -> Result<(), JobError> {
    let done = courier::run(courier, &hint).await?;
    Span::current().record("done", field::debug(&done));
    match done {
        JobOutcome::Attempted(_) | JobOutcome::Called(_) | JobOutcome::Indexed => {}
        JobOutcome::Postponed => {
            tracing::debug!(function = NAME, event = %hint.key.id, "postponed: the endpoint's circuit is open, it is not known here, or an earlier event of the subject comes first");
        }
        JobOutcome::Left => {
            tracing::info!(function = NAME, event = %hint.key.id, "attempt not begun: too little time left in this invocation");
        }
        JobOutcome::Stale => tracing::debug!(function = NAME, event = %hint.key.id, "stale hint"),
    }
    Ok(())
}
