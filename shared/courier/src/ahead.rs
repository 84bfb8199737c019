//! What is due too far ahead is brought back: a clock that was ahead has stored its due times, and was set back.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use hub::schedule::Schedule;
use hub::set_back::Waits;
use hub::{EndpointId, EventKey, Utc, Work};
use queue::{Errand, Queue};
use runtime::config::Config;
use store::{Settled, Store, StoreError};

use crate::change::tell;
use crate::{Courier, attempt, call};

/// How many events are looked at, at the most; beyond that the sweep finds the rest, for it looks at the furthest end.
const MOST: usize = 100_000;

/// How many events of the furthest end a look takes.
const FEW: usize = 256;

/// How many are looked at at once.
const AT_ONCE: usize = 16;

/// For aliases that are to be written, the longest wait.
const INDEXING: Duration = Duration::from_mins(1);

/// Brings back all due times that no wait from now on explains, and tells the queue of them. It looks at everything that
/// has a due time: for the start of a process, and after its clock was set back.
pub async fn bring_back<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<usize, StoreError> {
    look(courier, Utc(0), MOST).await
}

/// The same for the furthest end of what is due: it costs next to nothing where nothing is due later than the longest
/// wait of the configuration.
pub async fn bring_back_furthest<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<usize, StoreError> {
    let config = &courier.context.config;
    let deliveries = config.endpoints.values().map(|endpoint| delivery(config, &endpoint.id).longest());
    let calls = config.connections.keys().map(|id| connection(config, id).longest());
    let unknown = Waits { lease: config.sweep_every, schedule: &Schedule::default() }.longest();
    let longest = deliveries.chain(calls).max().unwrap_or_default().max(unknown);
    look(courier, courier.context.now().after(longest), FEW).await
}

async fn look<S: Store, Q: Queue>(courier: &Courier<S, Q>, after: Utc, most: usize) -> Result<usize, StoreError> {
    let keys = courier.context.store.ahead(after, most).await?;
    let mut ones = stream::iter(keys.into_iter().map(|key| one(courier, key))).buffer_unordered(AT_ONCE);
    let (mut brought, mut failure) = (0, None);
    while let Some(done) = ones.next().await {
        match done {
            Ok(changed) => brought += usize::from(changed),
            Err(error) => failure = Some(error),
        }
    }
    if brought > 0 {
        tracing::warn!(events = brought, "due times that a clock ahead had set were brought back");
    }
    failure.map_or(Ok(brought), Err)
}

/// Brings back what is due of one event, by the item itself; whether there was anything.
async fn one<S: Store, Q: Queue>(courier: &Courier<S, Q>, key: EventKey) -> Result<bool, StoreError> {
    let context = &courier.context;
    let Some(found) = context.store.inspect(&key, context.now()).await? else { return Ok(false) };
    let Some(next) = brought_back(&context.config, &key, &found.work, context.now()) else { return Ok(false) };
    if context.store.settle(&key, &next).await? != Settled::Done {
        // Whoever has changed it meanwhile did so by the present clock, and its other due times the next look finds.
        return Ok(false);
    }
    for delivery in next.deliveries.iter().filter(|delivery| found.work.delivery(&delivery.endpoint) != Some(delivery))
    {
        if !delivery.in_hand {
            let errand = Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn };
            tell(courier, &key, vec![errand], delivery.due).await;
        }
    }
    if let Some(call) = next.call.as_ref().filter(|call| !call.in_hand && found.work.call.as_ref() != Some(call)) {
        tell(courier, &key, vec![Errand::Call { turn: call.turn }], call.due).await;
    }
    Ok(true)
}

/// The work with what is due too far ahead brought back, by what its destinations wait for.
pub(crate) fn brought_back(config: &Config, key: &EventKey, work: &Work, now: Utc) -> Option<Work> {
    let call = connection(config, &key.connection);
    work.brought_back(|endpoint| delivery(config, endpoint), &call, config.sweep_every.max(INDEXING), now)
}

/// The longest that anything is in hand by a configuration.
#[must_use]
pub fn longest_lease(config: &Config) -> Duration {
    let deliveries = config.endpoints.values().map(|endpoint| delivery(config, &endpoint.id).lease);
    let calls = config.connections.keys().map(|id| connection(config, id).lease);
    deliveries.chain(calls).max().unwrap_or_default().max(config.sweep_every)
}

/// The waits of attempts that go to nobody the configuration knows.
fn unknown(config: &Config) -> Waits<'_> {
    static NONE: Schedule = Schedule::new(Vec::new());
    Waits { lease: config.sweep_every, schedule: &NONE }
}

fn delivery<'c>(config: &'c Config, endpoint: &EndpointId) -> Waits<'c> {
    config.endpoints.get(endpoint).map_or_else(
        || unknown(config),
        |endpoint| Waits { lease: attempt::lease(config.sweep_every, endpoint), schedule: &endpoint.schedule },
    )
}

fn connection<'c>(config: &'c Config, id: &hub::ConnectionId) -> Waits<'c> {
    config.connections.get(id).map_or_else(
        || unknown(config),
        |connection| Waits { lease: call::lease(config, id), schedule: &connection.schedule },
    )
}
