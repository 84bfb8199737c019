//! Cancellation of a queued call that is not being sent.

use std::time::Duration;

use api::Problem;
use api::contract::Members;
use config::Context;
use http::StatusCode;
use hub::call::sequence::orders;
use hub::call::{Call, Standing};
use hub::{EventKey, Work};
use inbound::receive::hints;
use inbound::sequence;
use queue::Queue;
use store::{Listed, Settled, Store};
use tokio::time::timeout;

use crate::found;

/// Number of times that a change is made again over another one.
const AGAIN: usize = 8;

/// Longest time for which the hints hold up the answer.
const HINTING: Duration = Duration::from_millis(500);

/// Cancels a call. A process that begins to send it stores that first: of that change and this one, one is stored.
pub(crate) async fn answer<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    key: EventKey,
    by: &str,
) -> Result<Listed, Problem> {
    for _ in 0..AGAIN {
        let found = found(context, &key).await?;
        let Some(call) = found.work.call.clone() else { return Err(crate::missing()) };
        let refusal = refusal(&call);
        let Some(call) = call.cancelled(by, &found.meta, &context.config.partners, context.now()) else {
            return Err(refusal);
        };
        let version = found.work.version + 1;
        let work = found.work.with_call(call, &key.connection, &context.config.routes, context.config.sweep_every);
        let work = Work { version, ..work };
        if context.store.settle(&key, &work).await.map_err(|error| Problem::store(&error))? == Settled::Done {
            tracing::info!(function = crate::NAME, call = %key.id, connection = %key.connection, by, "a call is cancelled");
            let sent = timeout(HINTING, context.queue.send(hints(&key, &work), Duration::ZERO)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::warn!(function = crate::NAME, call = %key.id, "queue messages of a cancelled call not sent; the sweep delivers its end");
            }
            sequence::release(context, &key, Some(orders(&found.meta).collect())).await;
            return Ok(Listed { work, ..found });
        }
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the call keeps changing; repeat the request"))
}

fn refusal(call: &Call) -> Problem {
    let (kind, detail) = match call.standing {
        Standing::Queued => ("being-sent", "the call is being sent: look at it again, its attempt ends within minutes"),
        Standing::Succeeded => ("not-queued", "the partner has executed the call: undo it with another command"),
        Standing::Failed => ("not-queued", "the call has failed and is not sent any more"),
        Standing::Ambiguous => ("not-queued", "the call was sent and is ambiguous: resolve it"),
        Standing::Cancelled => ("not-queued", "the call is cancelled already"),
    };
    let members = Members { state: Some(call.standing), ..Members::default() };
    Problem::new(StatusCode::CONFLICT, kind, detail).with(members)
}
