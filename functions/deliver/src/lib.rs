//! `deliver`: one hint from the queue, one attempt at a delivery.

use courier::{Courier, Done, Undone};
use queue::{Hint, Queue};
use store::Store;
use tracing::{Span, field};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "deliver";

/// Runs the errand of a hint. A hint that is stale is done: somebody else has seen to it.
pub async fn handle<S: Store, Q: Queue>(courier: &Courier<S, Q>, hint: Hint) -> Result<(), Undone> {
    let done = courier::run(courier, &hint).await?;
    Span::current().record("done", field::debug(&done));
    match done {
        Done::Attempted(_) | Done::Called(_) | Done::Indexed => {}
        Done::Postponed => {
            tracing::debug!(function = NAME, event = %hint.key.id, "postponed: the endpoint's circuit is open, it is not known here, or an earlier event of the subject comes first");
        }
        Done::Left => {
            tracing::info!(function = NAME, event = %hint.key.id, "attempt not begun: too little time left in this invocation");
        }
        Done::Stale => tracing::debug!(function = NAME, event = %hint.key.id, "stale hint"),
    }
    Ok(())
}
