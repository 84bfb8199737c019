//! Acceptance of commands in sequence, and what a command that has ended lets go on. The decisions are `hub::call::sequence`'s.

use std::time::Duration;

use config::Context;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::call::sequence::{self, Ahead, Behind, Position, Predecessor, Seen, Step};
use hub::call::{self, Call};
use hub::{ConnectionId, EventId, EventKey, Record, Subject, Utc, Work};
use queue::{Hint, Job, Queue};
use store::{Admitted, Chain, Link, Listed, Settled, Store, StoreError};
use tokio::time::timeout;

/// Number of decisions about one command after concurrent changes of its chains. Each change is another accepted command, so that
/// it is reached only while that many commands about one order race.
const CHAIN_ATTEMPTS: usize = 64;

/// Number of tries to change a call over changes by other processes.
const CHANGE_ATTEMPTS: usize = 8;

/// Number of chains that are read concurrently.
const PARALLEL: usize = 16;

/// Longest time for which the queue may take the hint of a call that goes on.
const HINTING: Duration = Duration::from_secs(1);

/// Stores a command as the latest about its orders; the record is returned as it was to be stored.
pub async fn accept<S: Store, Q>(context: &Context<S, Q>, record: Record) -> Result<(Admitted, Record), StoreError> {
    let orders: Vec<_> = sequence::orders(&record.event.meta).collect();
    if orders.is_empty() {
        let admitted = context.store.admit(&record.event, &record.work, None).await?;
        return Ok((admitted, record));
    }
    for _ in 0..CHAIN_ATTEMPTS {
        let now = context.now();
        let heads = heads(context, &record.event.key.connection, orders.clone(), now).await?;
        let (mut placed, moves) = sequence::placed(record.clone(), heads, now);
        if let Some(call) = placed.work.call.take() {
            let position = position(&context.store, &placed.event.key.connection, &call, now).await?;
            placed.work.call = Some(call.positioned(&position));
        }
        let chains = moves.into_iter().map(|moved| Chain {
            subject: moved.order,
            kind: sequence::chain(),
            expected: moved.expected,
            head: moved.head,
            expires: moved.expires,
        });
        let link = Link { chains: chains.collect() };
        let admitted = context.store.admit(&placed.event, &placed.work, Some(&link)).await?;
        if admitted != Admitted::Moved {
            return Ok((admitted, placed));
        }
    }
    let source = "other commands about the same order were accepted in between, repeatedly".into();
    Err(StoreError::Unavailable { verb: "admit", source })
}

/// The latest commands about some orders.
async fn heads<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &ConnectionId,
    orders: Vec<Subject>,
    now: Utc,
) -> Result<Vec<(Subject, Option<hub::identity::Head>)>, StoreError> {
    let kind = &sequence::chain();
    let heads = orders.into_iter().map(|order| async move {
        let head = context.store.head(connection, &order, kind, now).await?;
        Ok((order, head))
    });
    stream::iter(heads).buffered(PARALLEL).try_collect().await
}

/// Position of a call behind the earlier ones about its orders, read consistently.
pub async fn position<S: Store>(
    store: &S,
    connection: &ConnectionId,
    call: &Call,
    now: Utc,
) -> Result<Position, StoreError> {
    let mut position = Position::default();
    for nearest in &call.after {
        let (mut search, mut at) = (Ahead::of(nearest.clone()), nearest.clone());
        let place = loop {
            let found = look(store, connection, &at, now).await?;
            match search.next(found.as_ref().and_then(seen)) {
                Step::Look(before) => at = before,
                Step::Found(place) => break place,
            }
        };
        position.add(place);
    }
    Ok(position)
}

async fn look<S: Store>(
    store: &S,
    connection: &ConnectionId,
    at: &Predecessor,
    now: Utc,
) -> Result<Option<Listed>, StoreError> {
    match call::find([connection], at.call) {
        Some(key) => store.inspect(&key, now).await,
        None => Ok(None),
    }
}

fn seen(listed: &Listed) -> Option<Seen<'_>> {
    Some(Seen { meta: &listed.meta, call: listed.work.call.as_ref()? })
}

/// Lets the commands about these orders go on that waited for this one, which has ended; where the orders are not known, they are
/// read. What is left undone, the sweep finds: each command that waits has a due time.
pub async fn release<S: Store, Q: Queue>(context: &Context<S, Q>, ended: &EventKey, orders: Option<Vec<Subject>>) {
    let released = async {
        let orders = if let Some(orders) = orders {
            orders
        } else {
            let found = context.store.inspect(ended, context.now()).await?;
            found.iter().flat_map(|found| sequence::orders(&found.meta)).collect()
        };
        for order in orders {
            if let Some(next) = behind(context, ended, order).await? {
                go_on(context, &next).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = released.await {
        let error = telemetry::logs::chain(&error);
        let (id, connection) = (&ended.id, &ended.connection);
        tracing::warn!(call = %id, %connection, error, "the calls that wait for this one were not looked up; the sweep finds them");
    }
}

/// The first queued command about an order, where this one has ended and is not the latest.
async fn behind<S: Store, Q>(
    context: &Context<S, Q>,
    ended: &EventKey,
    order: Subject,
) -> Result<Option<EventKey>, StoreError> {
    let (store, connection, now) = (&context.store, &ended.connection, context.now());
    let Some(head) = store.head(connection, &order, &sequence::chain(), now).await? else { return Ok(None) };
    let mut at = Predecessor::latest(order, &head);
    let Some(mut search) = Behind::of(at.clone(), ended.id) else { return Ok(None) };
    let first: Option<EventId> = loop {
        let found = look(store, connection, &at, now).await?;
        match search.next(found.as_ref().and_then(seen)) {
            Step::Look(before) => at = before,
            Step::Found(first) => break first,
        }
    };
    Ok(first.and_then(|first| call::find([connection], first)))
}

/// Ends the wait of a call for another one, and hints at its attempt, which finds out whether there is one more to wait for.
async fn go_on<S: Store, Q: Queue>(context: &Context<S, Q>, key: &EventKey) -> Result<(), StoreError> {
    for _ in 0..CHANGE_ATTEMPTS {
        let now = context.now();
        let Some(found) = context.store.inspect(key, now).await? else { return Ok(()) };
        let Some(call) = found.work.call.clone().and_then(|call| call.freed(now)) else { return Ok(()) };
        let hint = Hint { key: key.clone(), job: Job::Call { claim: call.progress.claim } };
        let work = Work { version: found.work.version + 1, call: Some(call), ..found.work };
        if context.store.settle(key, &work).await? == Settled::Done {
            let sent = timeout(HINTING, context.queue.send(vec![hint], Duration::ZERO)).await;
            if !matches!(sent, Ok(Ok(()))) {
                let (id, connection) = (&key.id, &key.connection);
                tracing::debug!(call = %id, %connection, "queue message of a call that waited not sent; the sweep sends the call");
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Lets a call go on that was stored as waiting, where what it waits for has ended in the meantime: that one's end may not have
/// found it waiting.
pub async fn look_again<S: Store, Q: Queue>(context: &Context<S, Q>, key: &EventKey, call: &Call) {
    let looked = async {
        let position = position(&context.store, &key.connection, call, context.now()).await?;
        if position.waits_for.is_none() { go_on(context, key).await } else { Ok(()) }
    };
    if let Err(error) = looked.await {
        let error = telemetry::logs::chain(&error);
        let (id, connection) = (&key.id, &key.connection);
        tracing::warn!(call = %id, %connection, error, "the call that this one waits for was not looked up again; the sweep does it");
    }
}
