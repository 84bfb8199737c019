//! A queued call that waits, for a retry, for a circuit, for its turn or because the partner asked for patience, is sent now.

use std::time::Duration;

use api::Problem;
use api::contract::{Members, Retry};
use config::Context;
use http::StatusCode;
use hub::call::{Call, Standing};
use hub::progress::Outgoing as _;
use hub::{EventId, EventKey, Work};
use queue::{Hint, Job, Queue};
use store::{Listed, Settled, Store};
use tokio::time::timeout;

use crate::found;

/// Most tries of a change while other changes are stored in between.
const AGAIN: usize = 8;

/// Longest time for which sending the hint may delay the answer.
const HINTING: Duration = Duration::from_millis(500);

/// Ends the wait of a call. Asked for again while the call is being sent, it is refused: nothing is sent twice by it.
pub(crate) async fn answer<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    key: EventKey,
    Retry { dry_run }: Retry,
) -> Result<Listed, Problem> {
    for _ in 0..AGAIN {
        let found = found(context, &key).await?;
        let Some(call) = found.work.call.clone() else { return Err(crate::missing()) };
        if call.standing == Standing::Queued
            && let Some(earlier) = crate::waits_for(context, &key, &call).await?
        {
            return Err(waiting(earlier));
        }
        let refusal = refusal(&call);
        let Some(call) = call.forwarded(true, context.now()) else { return Err(refusal) };
        let claim = call.progress.claim;
        let work = Work { version: found.work.version + 1, call: Some(call), ..found.work };
        if dry_run {
            return Ok(Listed { work, ..found });
        }
        if context.store.settle(&key, &work).await.map_err(|error| Problem::store(&error))? == Settled::Done {
            tracing::info!(function = crate::NAME, call = %key.id, connection = %key.connection, "a queued call is sent now");
            let hint = Hint { key: key.clone(), job: Job::Call { claim } };
            let sent = timeout(HINTING, context.queue.send(vec![hint], Duration::ZERO)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::warn!(function = crate::NAME, call = %key.id, "queue message of a retried call not sent; the sweep sends the call");
            }
            return Ok(Listed { work, ..found });
        }
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the call keeps changing; repeat the request"))
}

/// One that waits for an earlier one goes on when that has ended, and never before.
fn waiting(earlier: EventId) -> Problem {
    let detail = "the call waits for an earlier one about the same order: send or cancel that one";
    let (state, waits_for) = (Some(Standing::Queued), Some(earlier));
    Problem::new(StatusCode::CONFLICT, "waiting", detail).with(Members { state, waits_for, ..Members::default() })
}

fn refusal(call: &Call) -> Problem {
    let (kind, detail) = if call.standing == Standing::Queued {
        ("being-sent", "the call is being sent, or is about to be")
    } else {
        ("not-queued", "only a queued call can be sent now")
    };
    let members = Members { state: Some(call.standing), ..Members::default() };
    Problem::new(StatusCode::CONFLICT, kind, detail).with(members)
}
