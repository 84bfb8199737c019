//! Deliveries whose endpoint takes them in another way than when they were stored: its `pull` was changed, or it was removed. The
//! sweep looks for those that no consumer asks for any more; what is due is looked at by its own attempt.

use std::time::Duration;

use config::Config;
use futures::stream::{self, StreamExt as _};
use hub::delivery::Delivery;
use hub::progress::UNKNOWN;
use hub::{EventKey, Utc, Work};
use store::{Settled, Store, StoreError};

use crate::Courier;

/// Interval of the search, where there are consumers or deliveries for them.
const EVERY: Duration = Duration::from_hours(1);

/// Most events that are looked at for one search, the earliest first.
const MOST: usize = 10_000;

/// Number of events that are looked at at once.
const AT_ONCE: usize = 16;

/// Whether a pending delivery is leased at its endpoint. One whose endpoint this process does not know stays as it is.
pub(crate) fn is_pull(config: &Config, delivery: &Delivery) -> bool {
    let Delivery { endpoint, pull, .. } = delivery;
    config.pulled.contains_key(endpoint) || (*pull && !config.endpoints.contains_key(endpoint))
}

/// The same once the endpoint has been unknown for as long as one that is sent to: its deliveries are to be sent, and are given up like
/// others without a configuration.
fn is_still_pull(config: &Config, delivery: &Delivery, now: Utc) -> bool {
    let is_known = config.pulled.contains_key(&delivery.endpoint);
    is_pull(config, delivery) && (is_known || now.since(delivery.progress.since) < UNKNOWN)
}

/// Makes what waits for consumers of an endpoint that is sent to, or is gone, due for the sweep. A failure is logged: the next search
/// repeats it.
pub(crate) async fn left_over<S: Store, Q>(courier: &Courier<S, Q>) {
    let now = courier.now();
    if !courier.lines.is_time_to_redirect(EVERY, !courier.context.config.pulled.is_empty(), now) {
        return;
    }
    match Box::pin(search(courier, now)).await {
        Ok(0) => {}
        Ok(events) => {
            tracing::warn!(
                events,
                "deliveries for consumers are sent or given up: theirs is no pull endpoint any more"
            );
        }
        Err(error) => {
            let error = telemetry::logs::chain(&error);
            tracing::error!(
                error,
                "deliveries of former pull endpoints could not be looked for; it is done in an hour"
            );
        }
    }
}

/// Looks at what waits for consumers; the number of events that were changed.
async fn search<S: Store, Q>(courier: &Courier<S, Q>, now: Utc) -> Result<usize, StoreError> {
    let keys = courier.context.store.pullable(None, MOST).await?;
    courier.lines.note_pullable(!keys.is_empty());
    let ones = keys.into_iter().map(|key| one(courier, key, now));
    let mut ones = stream::iter(ones).buffer_unordered(AT_ONCE);
    let (mut changed, mut failure) = (0, None);
    while let Some(one) = ones.next().await {
        match one {
            Ok(is_changed) => changed += usize::from(is_changed),
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(changed), Err)
}

async fn one<S: Store, Q>(courier: &Courier<S, Q>, key: EventKey, now: Utc) -> Result<bool, StoreError> {
    let (store, config) = (&courier.context.store, &courier.context.config);
    let Some(found) = store.inspect(&key, now).await? else { return Ok(false) };
    let Some(next) = found.work.redirected(|delivery| is_still_pull(config, delivery, now), now) else {
        return Ok(false);
    };
    // A process that changes it meanwhile leaves it to the next search.
    Ok(store.settle(&key, &Work { version: found.work.version + 1, ..next }).await? == Settled::Done)
}
