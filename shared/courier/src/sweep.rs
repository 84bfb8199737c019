//! The sweep: claims what is due without a hint. It needs no queue: it makes the attempts itself, and only what is more than
//! it can do in its time goes out as hints.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use hub::clock::JUMP;
use hub::event::Data;
use hub::{EventKey, Utc};
use queue::{Destination, Hint, Queue};
use store::{Settled, Store, StoreError};
use tokio::time::{Instant, timeout};

use crate::{Courier, due, times};

/// How many due events are looked up at once.
const PAGE: usize = 256;

/// Events that are claimed at once.
const TAKERS: usize = 32;

/// For how many timeouts of a destination the sweep keeps at what is due to it, before it looks further. One that hangs
/// cannot hold the sweep for longer.
const ROUNDS: u32 = 2;

/// A body of more bytes than that is large. While its event is under way it is in memory several times over.
const LARGE: usize = 256 * 1024;

/// How many events with large bodies are under way to a destination at once: what is due to many destinations at a time must
/// have room in a small function.
const FEW: usize = 2;

/// How long handing over to the queue may take. A queue that does not answer must not hold the sweep either.
const HANDING: Duration = Duration::from_secs(5);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Errands it took up.
    pub taken: usize,
    /// Of these, run by itself.
    pub run: usize,
    /// Of these, handed to the queue.
    pub handed: usize,
}

/// Scheduling lane of an errand: its destination's, and another one there for large bodies.
type Lane = (Destination, bool);

/// Takes up everything that is due, for at most `budget`, and for no longer than leaves an attempt its time.
pub async fn sweep<S, Q>(courier: &Courier<S, Q>, budget: Duration) -> Result<Swept, StoreError>
where
    S: Store,
    Q: Queue,
{
    let context = &courier.context;
    let (began, started) = (Instant::now(), context.now());
    let deliveries = context.config.endpoints.values().map(times::delivery);
    let calls = context.config.connections.values().map(|connection| times::call(connection, true));
    let longest = deliveries.chain(calls).max().unwrap_or_default();
    let budget = courier.patience(longest).unwrap_or_default().min(budget);
    let mut swept = Swept::default();
    loop {
        let now = context.now();
        // A clock that jumps ahead meanwhile makes leases look over that are not.
        let has_jumped = now.since(started) >= began.elapsed() + JUMP;
        let due = if has_jumped { Vec::new() } else { context.store.due(now, PAGE).await? };
        let page = due.len();
        let taken: Vec<Vec<(Utc, Lane, Hint)>> =
            stream::iter(due).map(|key| take(courier, key, now)).buffer_unordered(TAKERS).collect().await;
        let mut taken: Vec<_> = taken.into_iter().flatten().collect();
        // In the order in which they came in, whatever the order in which they were claimed.
        taken.sort_by(|(one, _, first), (other, _, second)| (one, &first.key).cmp(&(other, &second.key)));
        let taken: Vec<_> = taken.into_iter().map(|(_, lane, hint)| (lane, hint)).collect();
        swept.taken += taken.len();
        let surplus = carry(courier, taken).await;
        swept.handed += surplus.len();
        hand_over(courier, surplus).await;
        if page < PAGE || began.elapsed() >= budget {
            swept.run = swept.taken - swept.handed;
            return Ok(swept);
        }
    }
}

/// Takes up what is due of one event. The index lags behind the item, so the item decides, by its version.
async fn take<S: Store, Q>(courier: &Courier<S, Q>, key: EventKey, now: Utc) -> Vec<(Utc, Lane, Hint)> {
    let context = &courier.context;
    let result = async {
        let found = context.store.inspect(&key, now).await;
        let (work, received, large) = match found {
            Ok(Some(found)) => (found.work, found.meta.received, is_large(&found.meta.data)),
            Ok(None) => return Ok(vec![]),
            Err(unread @ StoreError::Corrupt { .. }) => match context.store.load(&key, now).await {
                // Its attempt ends it.
                Err(StoreError::Damaged { work: Some(work), .. }) => (*work, now, false),
                _ => return Err(unread),
            },
            Err(error) => return Err(error),
        };
        let taken = due::claim(&context.config, &key, work, now);
        let Some((work, hints)) = taken else { return Ok(vec![]) };
        let settled = context.store.settle(&key, &work).await?;
        let hints = if settled == Settled::Done { hints } else { vec![] };
        Ok(hints.into_iter().map(|hint| (received, (hint.destination(), large), hint)).collect())
    };
    result.await.unwrap_or_else(|error: StoreError| {
        let error = telemetry::logs::chain(&error);
        tracing::error!(event = %key.id, error, "due work could not be claimed; the next sweep tries again");
        vec![]
    })
}

/// Whether the body that holds such a payload is large, as far as that is known without it.
const fn is_large(data: &Data) -> bool {
    match data {
        Data::Json(span) => span.end > LARGE,
        // Those of one push are together no larger than a push.
        Data::Element => false,
        Data::Opaque => true,
    }
}

/// Runs errands, as many at once as each destination has places, and returns those that there was no time for. Each
/// destination has its own time: one that hangs holds up no other's.
async fn carry<S: Store, Q: Queue>(courier: &Courier<S, Q>, taken: Vec<(Lane, Hint)>) -> Vec<Hint> {
    let context = &courier.context;
    let mut lanes: BTreeMap<Lane, Vec<Hint>> = BTreeMap::new();
    for (lane, hint) in taken {
        lanes.entry(lane).or_default().push(hint);
    }
    let lanes = lanes.into_iter().map(|((to, large), hints)| {
        let config = &context.config;
        let limits = match &to {
            Destination::Endpoint(id) => config.endpoints.get(id).map(|to| (to.concurrency, to.timeout)),
            Destination::Connection(id) => config.connections.get(id).map(|to| (to.concurrency, to.timeout)),
            Destination::Store => None,
        };
        let places = limits.map_or(TAKERS, |(concurrency, _)| concurrency).min(if large { FEW } else { usize::MAX });
        // What is begun in the last of these timeouts ends within it.
        let until = limits.map(|(_, timeout)| Instant::now() + timeout * (ROUNDS - 1));
        let run = hints.into_iter().map(move |hint| async move {
            if until.is_some_and(|until| Instant::now() > until) {
                return Some(hint);
            }
            // A panic must not take along what else was claimed: it would meet the same panic at every sweep.
            match AssertUnwindSafe(crate::run(courier, &hint)).catch_unwind().await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    let error = telemetry::logs::chain(&error);
                    tracing::error!(event = %hint.key.id, error, "errand not finished");
                }
                Err(_) => tracing::error!(event = %hint.key.id, "an errand panicked"),
            }
            None
        });
        stream::iter(run).buffer_unordered(places).filter_map(std::future::ready).collect::<Vec<_>>()
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

/// Hands errands over to the queue, where somebody else may have the time.
async fn hand_over<S, Q: Queue>(courier: &Courier<S, Q>, surplus: Vec<Hint>) {
    if surplus.is_empty() {
        return;
    }
    match timeout(HANDING, courier.context.queue.send(surplus, Duration::ZERO)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = telemetry::logs::chain(&error);
            tracing::warn!(error, "surplus of the sweep not handed over; the next sweep takes it up");
        }
        Err(_) => tracing::warn!("the queue took too long; the next sweep claims what was for it"),
    }
}
