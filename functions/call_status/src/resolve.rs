//! The ERP's decision about an ambiguous call: it was sent, and its result is unknown.

use std::time::Duration;

use api::Problem;
use api::contract::{Members, Resolution};
use config::Context;
use http::StatusCode;
use hub::call::Decision;
use hub::{EventKey, Work};
use inbound::receive::hints;
use queue::Queue;
use store::{Listed, Settled, Store};
use tokio::time::timeout;

use crate::found;

/// Most tries of a change while other changes are stored in between.
const AGAIN: usize = 8;

/// Longest time for which sending the hint may delay the answer.
const HINTING: Duration = Duration::from_millis(500);

/// Applies a decision. A repetition of the request, because its answer was lost, is answered with the call's present state.
pub(crate) async fn answer<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    key: EventKey,
    by: &str,
    Resolution { decision }: Resolution,
) -> Result<Listed, Problem> {
    for _ in 0..AGAIN {
        let now = context.now();
        let found = found(context, &key).await?;
        let Some(call) = found.work.call.clone() else { return Err(crate::missing()) };
        let standing = call.standing;
        let Some(call) = call.resolved(decision, by, now) else {
            let detail = "only an ambiguous call can be resolved";
            let members = Members { state: Some(standing), ..Members::default() };
            return Err(Problem::new(StatusCode::CONFLICT, "not-ambiguous", detail).with(members));
        };
        let version = found.work.version + 1;
        let work = found.work.with_call(call, &key.connection, &context.config.routes, context.config.sweep_every);
        // A command that was done begins the watch of its shipment, which is written with the aliases.
        let begins_watch =
            decision == Decision::Done && context.config.watching(&key.connection, &found.meta.kind).is_some();
        let index_by = if begins_watch { Some(now) } else { work.index_by };
        let work = Work { version, index_by, ..work };
        if context.store.settle(&key, &work).await.map_err(|error| Problem::store(&error))? == Settled::Done {
            tracing::info!(function = crate::NAME, call = %key.id, connection = %key.connection, by, decision = decision.name(), "resolved");
            let sent = timeout(HINTING, context.queue.send(hints(&key, &work), Duration::ZERO)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::warn!(function = crate::NAME, call = %key.id, "queue message of a resolved call not sent; the sweep sends the call");
            }
            return Ok(Listed { work, ..found });
        }
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the call keeps changing; repeat the request"))
}
