//! `dispatch`: one hint from the queue, one attempt at a call to a partner.

use courier::{Courier, JobError, JobOutcome};
use queue::{Hint, Queue};
use store::Store;
use tracing::{Span, field};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "dispatch";

/// Runs the job of a hint. A stale hint needs nothing: another process has done its job.
pub async fn handle<S: Store, Q: Queue>(courier: &Courier<S, Q>, hint: Hint) -> Result<(), JobError> {
    let done = courier::run(courier, &hint).await?;
    Span::current().record("done", field::debug(&done));
    match done {
        JobOutcome::Called(_) | JobOutcome::Attempted(_) | JobOutcome::Indexed => {}
        JobOutcome::Postponed => {
            tracing::debug!(
                function = NAME, call = %hint.key.id,
                "postponed: the partner's circuit is open, its rate used up, or the operation not known here"
            );
        }
        JobOutcome::Left => {
            tracing::info!(function = NAME, call = %hint.key.id, "attempt not begun: too little time left in this invocation");
        }
        JobOutcome::Stale => tracing::debug!(function = NAME, call = %hint.key.id, "stale hint"),
    }
    Ok(())
}
