//! When a circuit closes: what waits for the destination is brought forward, the oldest first, no faster than its lane takes
//! it. What a process leaves undone here is brought forward at the next success, or comes at its own due time.

use std::collections::BTreeMap;
use std::time::Duration;

use hub::breaker::Reopened;
use hub::delivery::Delivery;
use hub::{EventKey, Utc, Work};
use queue::{Destination, Errand, Hint, Queue};
use runtime::config::Endpoint;
use store::{Listed, Pending, Store, StoreError};
use tokio::time::timeout;

use crate::change::change;
use crate::line::Line;
use crate::{Courier, attempt, call};

/// How much of what waits is looked up at once, and for one closing at the most.
const PAGE: usize = 256;
const MOST: usize = 20_000;

/// How many are brought forward before it is looked whether the circuit is still closed.
const CHUNK: usize = 16;

/// How long the lane may take to find room for some of them; the rest is brought forward when some have been delivered.
const ROOM: Duration = Duration::from_secs(20);

/// Something that waits: since when it is known, what it is, and where it is kept.
type Waiting = (Utc, String, EventKey);

/// Brings the deliveries to an endpoint forward that its circuit held back.
pub(crate) async fn endpoint<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    endpoint: &Endpoint,
    line: &Line,
    kind: &str,
    reopened: Reopened,
) {
    let Some(_releasing) = line.releasing(kind) else { return };
    let which = Pending::At(endpoint.id.clone());
    let waits = |listed: &Listed| {
        let delivery = listed.work.delivery(&endpoint.id)?.clone();
        delivery.forwarded(false, courier.context.now())?;
        kind_of(listed)
    };
    let found = found(courier, &which, waits).await;
    let lease = attempt::lease(courier.context.config.sweep_every, endpoint);
    let forward = |work: Work| {
        let now = courier.context.now();
        let delivery = work.delivery(&endpoint.id)?.clone().forwarded(false, now)?;
        Some(work.with(in_hand(delivery, now, lease)))
    };
    let errand = |work: &Work| {
        let delivery = work.delivery(&endpoint.id).filter(|delivery| delivery.in_hand)?;
        Some(Errand::Deliver { endpoint: endpoint.id.clone(), turn: delivery.turn })
    };
    let to = Destination::Endpoint(endpoint.id.clone());
    let steps = Steps { to, longest: attempt::longest(endpoint), forward, errand };
    let waiting = chosen(line, kind, reopened, found);
    if !bring_forward(courier, line, &waiting, &steps).await {
        line.leaves(kind);
    }
}

/// Brings the calls of connections forward that their partner's circuit held back.
pub(crate) async fn calls<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    line: &Line,
    operation: &str,
    reopened: Reopened,
) {
    let Some(_releasing) = line.releasing(operation) else { return };
    let config = &courier.context.config;
    for connection in config.connections.values().filter(|own| line.is(&call::line_name(own))) {
        let which = Pending::Calls(connection.id.clone());
        let waits = |listed: &Listed| {
            let call = listed.work.call.clone()?;
            Some(call.forwarded(false, courier.context.now())?.operation)
        };
        let found = found(courier, &which, waits).await;
        let lease = call::lease(config, &connection.id);
        let forward = |work: Work| {
            let now = courier.context.now();
            let call = work.call.clone()?.forwarded(false, now)?;
            let call = if now < call.due { call } else { call.claimed(now.after(lease), false) };
            Some(Work { call: Some(call), ..work })
        };
        let errand = |work: &Work| {
            let call = work.call.as_ref().filter(|call| call.in_hand)?;
            Some(Errand::Call { turn: call.turn })
        };
        let to = Destination::Connection(connection.id.clone());
        let steps = Steps { to, longest: call::longest(connection, true), forward, errand };
        let waiting = chosen(line, operation, reopened, found);
        if !bring_forward(courier, line, &waiting, &steps).await {
            line.leaves(operation);
        }
    }
}

/// What is sent at once is taken in hand for as long as its attempt may take; what the endpoint asked patience for stays as
/// it is.
fn in_hand(delivery: Delivery, now: Utc, lease: Duration) -> Delivery {
    if now < delivery.due { delivery } else { delivery.claimed(now.after(lease)) }
}

/// The type of what the endpoint is sent: the event's own, or that of how a call ended.
fn kind_of(listed: &Listed) -> Option<String> {
    match &listed.work.call {
        Some(call) => call.standing.event_type().map(ToOwned::to_owned),
        None => Some(listed.meta.kind.to_string()),
    }
}

/// All that waits, as far as the store tells.
async fn found<S: Store, Q>(
    courier: &Courier<S, Q>,
    which: &Pending,
    waits: impl Fn(&Listed) -> Option<String>,
) -> Vec<Waiting> {
    let (mut found, mut from) = (Vec::new(), None);
    while found.len() < MOST {
        let page = courier.context.store.pending(which, from.as_deref(), PAGE, courier.context.now()).await;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                untold(&error);
                break;
            }
        };
        let waiting =
            page.items.into_iter().filter_map(|listed| Some((listed.meta.received, waits(&listed)?, listed.key)));
        found.extend(waiting);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    found.sort();
    found
}

fn untold(error: &StoreError) {
    let error = runtime::logs::chain(error);
    tracing::warn!(error, "not all that waits is brought forward; it comes at its due time");
}

/// What goes out at once: what nothing holds back, and of what a circuit of its own holds back the newest, as its probe.
fn chosen(line: &Line, kind: &str, reopened: Reopened, found: Vec<Waiting>) -> Vec<Waiting> {
    let mut probes: BTreeMap<String, Waiting> = BTreeMap::new();
    let mut chosen = Vec::new();
    for waiting in found {
        let own = &waiting.1;
        if reopened == Reopened::Kind && own != kind {
            continue;
        }
        if line.holds_back(own) {
            probes.insert(own.clone(), waiting);
        } else {
            chosen.push(waiting);
        }
    }
    let probes = probes.into_values().filter(|(_, own, _)| own != kind);
    probes.chain(chosen).collect()
}

/// How work is brought forward.
struct Steps<F, E> {
    /// Whose lane it goes to.
    to: Destination,
    /// How long an attempt may take.
    longest: Duration,
    /// The work with its delivery or call taken in hand; nothing where it does not wait.
    forward: F,
    /// What is to be done about it then.
    errand: E,
}

/// Brings forward what may go out; whether all of it was.
async fn bring_forward<S, Q, F, E>(
    courier: &Courier<S, Q>,
    line: &Line,
    waiting: &[Waiting],
    steps: &Steps<F, E>,
) -> bool
where
    S: Store,
    Q: Queue,
    F: Fn(Work) -> Option<Work>,
    E: Fn(&Work) -> Option<Errand>,
{
    let (queue, mut brought_forward) = (&courier.context.queue, 0);
    for chunk in waiting.chunks(CHUNK) {
        if courier.patience(steps.longest).is_none() {
            tracing::info!(brought_forward, "this process ends: the rest of what waited comes at its due time");
            return false;
        }
        // What is taken in hand and then forgotten by a full lane would wait for the end of its lease.
        if timeout(ROOM, queue.room(&steps.to, chunk.len())).await.is_err() {
            tracing::info!(brought_forward, "the lane is full: the rest of what waited follows");
            return false;
        }
        let mut hints = Vec::new();
        for (_, kind, key) in chunk {
            if line.closed_until(kind, courier.context.now()).is_some() {
                continue;
            }
            match one(courier, key, steps).await {
                Ok(hint) => hints.extend(hint),
                Err(error) => {
                    untold(&error);
                    return false;
                }
            }
        }
        if hints.is_empty() {
            continue;
        }
        brought_forward += hints.len();
        if !matches!(timeout(ROOM, queue.send(hints, Duration::ZERO)).await, Ok(Ok(()))) {
            tracing::info!(brought_forward, "the queue does not answer: what waited comes at its due time");
            return false;
        }
    }
    if brought_forward > 0 {
        tracing::info!(brought_forward, "what waited for the circuit goes out");
    }
    true
}

async fn one<S, Q, F, E>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    steps: &Steps<F, E>,
) -> Result<Option<Hint>, StoreError>
where
    S: Store,
    F: Fn(Work) -> Option<Work>,
    E: Fn(&Work) -> Option<Errand>,
{
    let Some(found) = courier.context.store.inspect(key, courier.context.now()).await? else { return Ok(None) };
    let changed = change(courier, key, found.work, &steps.forward).await?;
    Ok(changed.and_then(|work| (steps.errand)(&work)).map(|errand| Hint { key: key.clone(), errand }))
}
