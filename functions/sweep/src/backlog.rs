//! What is waiting: the sweep sees the store as it is, with what no attempt has touched for lack of a queue, of a place or
//! of a circuit that is closed.

use std::collections::BTreeMap;
use std::time::Duration;

use courier::call::line_name;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::breaker::{self, Health};
use hub::call::Standing;
use hub::delivery::State;
use hub::{ConnectionId, Utc};
use runtime::Context;
use runtime::metrics::{Dimension, Metric, Sample};
use store::{Store, StoreError};

/// How far ahead of its time work is looked at: what was put off or is in hand comes due again within it.
const AHEAD: Duration = Duration::from_mins(8);

/// How much work is counted at the most.
const COUNTED: usize = 10_000;

/// How many events are looked at themselves; of the others it is believed that they wait.
const LOOKED_AT: usize = 256;

/// How many are looked at at once.
const PARALLEL: usize = 16;

/// How many events of the failed list are looked at, and by how many pages at the most.
const FAILURES: usize = 1_000;
const PAGES: usize = 8;

/// What waits of one connection.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    due: u32,
    oldest: Duration,
    failed: u32,
    ambiguous: u32,
}

/// What the metrics are to say of what waits, per connection, and of the circuits, per endpoint and connection.
pub async fn samples<S: Store, Q>(context: &Context<S, Q>) -> Result<Vec<Sample>, StoreError> {
    let now = context.now();
    // What nothing waits for is told of as well, or its last backlog would seem to stay.
    let known = context.config.connections.keys().map(|connection| (connection.clone(), Waiting::default()));
    let mut waiting: BTreeMap<ConnectionId, Waiting> = known.collect();
    look(context, now, &mut waiting).await?;
    count_failed(&context.store, now, &mut waiting).await?;
    let mut samples: Vec<Sample> = waiting
        .iter()
        .map(|(connection, waiting)| {
            let values = vec![
                (Metric::Due, waiting.due.into()),
                (Metric::OldestDue, waiting.oldest.as_secs_f64()),
                (Metric::Failed, waiting.failed.into()),
                (Metric::Ambiguous, waiting.ambiguous.into()),
            ];
            Sample::of(Dimension::Connection, connection, values)
        })
        .collect();
    let endpoints = context.config.endpoints.keys().map(|id| (Dimension::Endpoint, id.to_string(), id.to_string()));
    let connections = context.config.connections.values();
    let partners = connections.map(|to| (Dimension::Connection, to.id.to_string(), line_name(to)));
    for (dimension, of, line) in endpoints.chain(partners) {
        let note = context.store.note(&breaker::note(&line)).await?;
        let health = note.and_then(|note| serde_json::from_str::<Health>(&note.value).ok());
        let open = health.is_some_and(|health| health.is_open());
        samples.push(Sample::of(dimension, &of, vec![(Metric::CircuitsOpen, f64::from(u8::from(open)))]));
    }
    Ok(samples)
}

/// Looks at what is due now or was to be.
async fn look<S: Store, Q>(
    context: &Context<S, Q>,
    now: Utc,
    waiting: &mut BTreeMap<ConnectionId, Waiting>,
) -> Result<(), StoreError> {
    let keys = context.store.due(now.after(AHEAD.max(context.config.sweep_every)), COUNTED).await?;
    let (looked_at, others) = keys.split_at(keys.len().min(LOOKED_AT));
    let found: Vec<_> = stream::iter(looked_at.to_vec())
        .map(|key| async move { context.store.inspect(&key, now).await })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    for listed in found.into_iter().flatten() {
        let entry = waiting.entry(listed.key.connection).or_default();
        for since in listed.work.owed(now) {
            entry.due = entry.due.saturating_add(1);
            entry.oldest = entry.oldest.max(now.since(since));
        }
    }
    for key in others {
        let entry = waiting.entry(key.connection.clone()).or_default();
        entry.due = entry.due.saturating_add(1);
    }
    Ok(())
}

async fn count_failed<S: Store>(
    store: &S,
    now: Utc,
    waiting: &mut BTreeMap<ConnectionId, Waiting>,
) -> Result<(), StoreError> {
    let (mut from, mut counted) = (None, 0);
    for _ in 0..PAGES {
        let page = store.failed(None, from.as_deref(), FAILURES - counted, now).await?;
        counted += page.items.len();
        for listed in page.items {
            let entry = waiting.entry(listed.key.connection).or_default();
            // A call that a partner refused is the ERP's to know, and is told it: only what nobody knows the result of
            // waits for somebody.
            let failed = listed.work.deliveries.iter().any(|delivery| delivery.state == State::Failed);
            let ambiguous = listed.work.call.is_some_and(|call| call.standing == Standing::Ambiguous);
            entry.failed = entry.failed.saturating_add(failed.into());
            entry.ambiguous = entry.ambiguous.saturating_add(ambiguous.into());
        }
        from = page.next;
        if from.is_none() || counted >= FAILURES {
            break;
        }
    }
    Ok(())
}
