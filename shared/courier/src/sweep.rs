//! The sweep: claims what is due without a hint. It needs no queue: it makes the attempts itself, and only what is more than
//! it can do in its time goes out as hints.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use config::Context;
use futures::FutureExt as _;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use hub::call::Call;
use hub::clock::JUMP;
use hub::event::Data;
use hub::progress::Outgoing as _;
use hub::statistics::Counted;
use hub::{EventKey, Utc, Work};
use inbound::sequence;
use queue::{Destination, Hint, Queue};
use store::{Settled, Store, StoreError};
use tokio::time::{Instant, timeout};

use crate::{Courier, due, redirect, times};

/// Number of due events that are looked up at once.
const PAGE: usize = 256;

/// Events that are claimed at once.
const TAKERS: usize = 32;

/// For how many timeouts of a destination the sweep keeps at what is due to it, before it looks further. One that hangs
/// cannot hold the sweep for longer.
const ROUNDS: u32 = 2;

/// A body of more bytes than that is large. While its event is under way it is in memory several times over.
const LARGE: usize = 256 * 1024;

/// Number of concurrent attempts with large bodies per destination: those of many destinations must fit into the memory of a
/// small function.
const FEW: usize = 2;

/// Time limit for sending messages to the queue: a queue that does not answer must not block the sweep.
const HANDING: Duration = Duration::from_secs(5);

/// Result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepResult {
    /// Jobs that it claimed.
    pub taken: usize,
    /// Of these, run by itself.
    pub run: usize,
    /// Of these, handed to the queue.
    pub handed: usize,
}

/// Scheduling lane of a job: its destination's, and another one there for large bodies.
type Lane = (Destination, bool);

/// Claims all due work and attempts it, for at most `budget`, and only while enough time for an attempt is left.
pub async fn sweep<S, Q>(courier: &Courier<S, Q>, budget: Duration) -> Result<SweepResult, StoreError>
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
    let (mut swept, mut unreadable) = (SweepResult::default(), BTreeSet::new());
    redirect::left_over(courier).await;
    loop {
        let now = context.now();
        // A clock that jumps ahead meanwhile makes leases look over that are not.
        let has_jumped = now.since(started) >= began.elapsed() + JUMP;
        // Those that cannot be read stay due longest, and must not hide what is due behind them.
        let wanted = PAGE + unreadable.len();
        let (due, is_last) = if has_jumped { (Vec::new(), true) } else { found(context, now, wanted).await? };
        let due: Vec<_> = due.into_iter().filter(|key| !unreadable.contains(key)).collect();
        let each: Vec<_> =
            stream::iter(due).map(|key| take(courier, key, now)).buffer_unordered(TAKERS).collect().await;
        let mut taken: Vec<(Utc, Lane, Hint)> = Vec::new();
        for one in each {
            match one {
                Ok(hints) => taken.extend(hints),
                Err(Unreadable(key)) => _ = unreadable.insert(key),
            }
        }
        // In the order in which they were received, whatever the order in which they were claimed.
        taken.sort_by(|(one, _, first), (other, _, second)| (one, &first.key).cmp(&(other, &second.key)));
        let taken: Vec<_> = taken.into_iter().map(|(_, lane, hint)| (lane, hint)).collect();
        swept.taken += taken.len();
        let surplus = carry(courier, taken).await;
        swept.handed += surplus.len();
        hand_over(courier, surplus).await;
        if is_last || began.elapsed() >= budget {
            swept.run = swept.taken - swept.handed;
            return Ok(swept);
        }
    }
}

/// Events with due work, and whether these are all. Where consumers lease deliveries, some of it is listed apart.
async fn found<S: Store, Q>(
    context: &Context<S, Q>,
    now: Utc,
    wanted: usize,
) -> Result<(Vec<EventKey>, bool), StoreError> {
    let mut due = context.store.due(now, wanted).await?;
    let mut is_last = due.len() < wanted;
    if !context.config.pulled.is_empty() {
        let more = context.store.due_pullable(now, wanted).await?;
        is_last &= more.len() < wanted;
        due.extend(more);
    }
    Ok((due, is_last))
}

/// Claims the due work of one event. The index lags behind the item, so the item decides, by its version.
async fn take<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: EventKey,
    now: Utc,
) -> Result<Vec<(Utc, Lane, Hint)>, Unreadable> {
    let context = &courier.context;
    let result = async {
        let found = context.store.inspect(&key, now).await;
        let (work, meta) = match found {
            Ok(Some(found)) => (found.work, Some(found.meta)),
            Ok(None) => return Ok(vec![]),
            Err(unread @ StoreError::Corrupt { .. }) => match context.store.load(&key, now).await {
                // Its attempt ends it.
                Err(StoreError::Damaged { work: Some(work), .. }) => (*work, None),
                _ => return Err(unread),
            },
            Err(error) => return Err(error),
        };
        let received = meta.as_ref().map_or(now, |meta| meta.received);
        let large = meta.as_ref().is_some_and(|meta| is_large(&meta.data));
        let was_queued = is_queued(&work);
        let taken = due::claim(&context.config, &key, work, now, context.now());
        let Some((work, hints)) = taken else { return Ok(vec![]) };
        if context.store.settle(&key, &work).await? != Settled::Done {
            return Ok(vec![]);
        }
        if was_queued && !is_queued(&work) {
            if let Some(call) = &work.call {
                context.count(&Counted::Call { connection: &key.connection, standing: call.standing });
            }
            let orders = meta.map(|meta| hub::call::sequence::orders(&meta).collect());
            Box::pin(sequence::release(context, &key, orders)).await;
        }
        Ok(hints.into_iter().map(|hint| (received, (hint.destination(), large), hint)).collect())
    };
    result.await.or_else(|error: StoreError| {
        let text = telemetry::logs::chain(&error);
        tracing::error!(event = %key.id, error = text, "due work could not be claimed; the next sweep repeats it");
        if error.retryable() { Ok(vec![]) } else { Err(Unreadable(key)) }
    })
}

/// An item that cannot be claimed whenever it is tried: it cannot be read.
#[derive(Debug)]
struct Unreadable(EventKey);

/// Whether it is a call that is to be sent.
fn is_queued(work: &Work) -> bool {
    work.call.as_ref().is_some_and(Call::is_pending)
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

/// Runs jobs, as many at once as each destination has places, and returns those that there was no time for. Each
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
        // An attempt that begins before the last of these timeouts ends within it.
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
                    tracing::error!(event = %hint.key.id, error, "a job of the sweep failed");
                }
                Err(_) => tracing::error!(event = %hint.key.id, "a job of the sweep panicked"),
            }
            None
        });
        stream::iter(run).buffer_unordered(places).filter_map(std::future::ready).collect::<Vec<_>>()
    });
    join_all(lanes).await.into_iter().flatten().collect()
}

/// Sends jobs to the queue, so that another process can do them.
async fn hand_over<S, Q: Queue>(courier: &Courier<S, Q>, surplus: Vec<Hint>) {
    if surplus.is_empty() {
        return;
    }
    match timeout(HANDING, courier.context.queue.send(surplus, Duration::ZERO)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = telemetry::logs::chain(&error);
            tracing::warn!(error, "surplus jobs of the sweep could not be queued; the next sweep claims them");
        }
        Err(_) => {
            tracing::warn!("the queue did not accept the sweep's surplus jobs in time; the next sweep claims them");
        }
    }
}
