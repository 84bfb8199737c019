//! One errand: an attempt at a delivery, or the writing of aliases.

use std::time::Duration;

use hub::breaker::Permit;
use hub::delivery::{Delivery, Outcome, State};
use hub::{EndpointId, EventKey, Utc, Work};
use queue::{Errand, Hint, LONGEST_DELAY, Queue};
use runtime::config::Endpoint;
use store::{Listed, Settled, Store, StoreError};
use tokio::time::timeout;

use crate::parcel::{Parcel, Returned};
use crate::{Courier, index};

/// How often a change is made again over somebody else's.
const CHANGES: usize = 16;

/// What an errand came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// An attempt was made; this is where the delivery stands now.
    Attempted(State),
    /// No attempt was made, because the endpoint's circuit is open.
    PutOff,
    /// The aliases are written.
    Indexed,
    /// Somebody else has done it, or it has expired: the hint was stale.
    Stale,
}

/// Why an errand was not finished. Nothing is lost: the work is stored, and the sweeper takes it up.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    /// Nothing was sent.
    #[error("the delivery could not be begun")]
    Before(#[source] StoreError),
    /// It was attempted, and the result could not be stored: it will be attempted again.
    #[error("the result of an attempt could not be stored")]
    After(#[source] StoreError),
}

/// Runs the errand of a hint.
pub async fn run<S, Q>(courier: &Courier<S, Q>, hint: &Hint) -> Result<Done, Undone>
where
    S: Store,
    Q: Queue,
{
    let store = &courier.context.store;
    match &hint.errand {
        Errand::Index => {
            let done = index::errand(store, &hint.key, courier.context.now()).await.map_err(Undone::Before)?;
            Ok(if done { Done::Indexed } else { Done::Stale })
        }
        Errand::Deliver { endpoint, turn } => deliver(courier, &hint.key, endpoint, *turn).await,
    }
}

async fn deliver<S, Q>(courier: &Courier<S, Q>, key: &EventKey, to: &EndpointId, turn: u32) -> Result<Done, Undone>
where
    S: Store,
    Q: Queue,
{
    let context = &courier.context;
    let store = &context.store;
    let Some(mut record) = store.load(key, context.now()).await.map_err(Undone::Before)? else {
        return Ok(Done::Stale);
    };
    let Some(mut delivery) = current(&record.work, to, turn) else { return Ok(Done::Stale) };
    if delivery.is_early(context.now()) {
        return Ok(Done::Stale);
    }
    let Some(endpoint) = context.config.endpoints.get(to) else {
        let returned = Returned {
            outcome: Outcome::Impossible,
            status: None,
            detail: "the endpoint is no longer in the configuration".to_owned(),
        };
        let now = context.now();
        let failed = |delivery: Delivery| {
            delivery.attempted(
                returned.attempt(now, now),
                returned.outcome,
                &hub::schedule::Schedule::new(vec![]),
                now,
                0.0,
            )
        };
        let changed = change(courier, key, record.work, (to, turn), false, failed).await.map_err(Undone::Before)?;
        return Ok(changed.map_or(Done::Stale, |(_, delivery)| Done::Attempted(delivery.state)));
    };

    let line = courier.lines.to(endpoint);
    let place = line.place().await;
    let jitter = (courier.random)();
    let permit = line.permit(store, to, context.now()).await;
    // What is read after all waiting is over decides whether the time of this turn still suffices.
    let now = context.now();
    if let Permit::Wait(reopens) = permit {
        let put_off = |delivery: Delivery| delivery.put_off(reopens, now, jitter);
        let changed = change(courier, key, record.work, (to, turn), false, put_off).await.map_err(Undone::Before)?;
        let Some((_, delivery)) = changed else { return Ok(Done::Stale) };
        tell(courier, key, &delivery).await;
        return Ok(if delivery.state == State::Pending { Done::PutOff } else { Done::Attempted(delivery.state) });
    }
    if now.after(endpoint.timeout + MARGIN) >= delivery.due {
        // The time of this turn may run out during the attempt, and the sweeper would begin another: take a new turn.
        let until = now.after(lease(context.config.sweep_every, endpoint));
        let claim = |delivery: Delivery| delivery.claimed(until);
        let claimed = change(courier, key, record.work, (to, turn), false, claim).await.map_err(Undone::Before)?;
        let Some(claimed) = claimed else { return Ok(Done::Stale) };
        (record.work, delivery) = claimed;
    }
    let turn = delivery.turn;
    let parcel = Parcel::new(&record.event, endpoint, now);
    let unindexed = record.work.index_by.is_some();
    let (returned, indexed) = tokio::join!((courier.send)(endpoint, parcel), async {
        // Aliases that could not be written stay due; they are no reason to hold up the delivery.
        unindexed && index::write(store, &record.event).await.is_ok()
    });
    drop(place);
    let over = context.now();
    line.report(store, to, (permit, key.id, returned.outcome), over).await;
    log(key, to, &returned);
    let attempted = |delivery: Delivery| {
        delivery.attempted(returned.attempt(now, over), returned.outcome, &endpoint.schedule, over, jitter)
    };
    let changed = change(courier, key, record.work, (to, turn), indexed, attempted).await.map_err(Undone::After)?;
    let Some((_, delivery)) = changed else { return Ok(Done::Stale) };
    tell(courier, key, &delivery).await;
    Ok(Done::Attempted(delivery.state))
}

/// How long the queue may take to learn of a retry.
const TELLING: Duration = Duration::from_secs(1);

/// How much longer than its timeout an attempt may take, with what is around it.
const MARGIN: Duration = Duration::from_secs(2);

/// For how long a delivery is taken up.
pub(crate) fn lease(sweep_every: Duration, endpoint: &Endpoint) -> Duration {
    sweep_every.max(endpoint.timeout + 2 * MARGIN)
}

/// The delivery, where it is that turn's.
fn current(work: &Work, to: &EndpointId, turn: u32) -> Option<Delivery> {
    work.delivery(to).filter(|delivery| delivery.is_turn(turn)).cloned()
}

/// Stores what becomes of a delivery. Other deliveries of the event change the same item: then the change is made again
/// on what they left, as long as this delivery is still in the same turn; nothing where it is not.
async fn change<S: Store, Q>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    mut work: Work,
    (to, turn): (&EndpointId, u32),
    indexed: bool,
    next: impl Fn(Delivery) -> Delivery,
) -> Result<Option<(Work, Delivery)>, StoreError> {
    let store = &courier.context.store;
    for _ in 0..CHANGES {
        let Some(delivery) = current(&work, to, turn) else { return Ok(None) };
        let delivery = next(delivery);
        let index_by = if indexed { None } else { work.index_by };
        work = Work { version: work.version + 1, index_by, ..work.with(delivery.clone()) };
        if settled(store, key, &work).await? {
            return Ok(Some((work, delivery)));
        }
        match found(store, key, courier.context.now()).await? {
            Some(found) => work = found.work,
            None => return Ok(None),
        }
    }
    // So many changes in between: the turn's time runs out and the sweeper takes it up.
    Ok(None)
}

/// Hints at a retry that is due soon, so that it need not wait for the sweep. What the queue does not take is swept.
async fn tell<S, Q: Queue>(courier: &Courier<S, Q>, key: &EventKey, delivery: &Delivery) {
    if delivery.state != State::Pending {
        return;
    }
    let errand = Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn };
    let hint = Hint { key: key.clone(), errand };
    let delay = delivery.due.since(courier.context.now());
    if delay <= LONGEST_DELAY
        && let Ok(Err(error)) = timeout(TELLING, courier.context.queue.send(vec![hint], delay)).await
    {
        tracing::debug!(error = runtime::logs::chain(&error), "a retry is left to the sweep");
    }
}

/// Stores work; once more where the store did not answer, for a result that is not stored is an attempt to be repeated.
async fn settled<S: Store>(store: &S, key: &EventKey, work: &Work) -> Result<bool, StoreError> {
    match store.settle(key, work).await {
        Err(error) if error.retryable() => store.settle(key, work).await.map(|settled| settled == Settled::Done),
        other => other.map(|settled| settled == Settled::Done),
    }
}

/// Reads an item; once more where the store did not answer, for the same reason.
async fn found<S: Store>(store: &S, key: &EventKey, now: Utc) -> Result<Option<Listed>, StoreError> {
    match store.inspect(key, now).await {
        Err(error) if error.retryable() => store.inspect(key, now).await,
        other => other,
    }
}

fn log(key: &EventKey, to: &EndpointId, returned: &Returned) {
    let (event, subject, status) = (key.id, &key.subject, returned.status);
    match returned.outcome {
        Outcome::Delivered => tracing::debug!(%event, %subject, endpoint = %to, status, "delivered"),
        Outcome::Refused { .. } | Outcome::NoAnswer | Outcome::Impossible => {
            // What the ERP answered is kept with the attempt; it may hold what no log should.
            tracing::info!(%event, %subject, endpoint = %to, status, "not delivered");
        }
    }
}

/// What the sweeper makes of an event: the work with everything that is due at `now` taken up, and the hints for it.
pub(crate) fn take_up(
    key: &EventKey,
    work: Work,
    now: Utc,
    lease: impl Fn(&EndpointId) -> Duration,
) -> (Work, Vec<Hint>) {
    let mut hints = Vec::new();
    let mut hint = |errand| hints.push(Hint { key: key.clone(), errand });
    let mut next = Work { version: work.version + 1, ..work };
    for delivery in &mut next.deliveries {
        if delivery.state == State::Pending && delivery.due <= now {
            *delivery = delivery.clone().claimed(now.after(lease(&delivery.endpoint)));
            hint(Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn });
        }
    }
    if next.index_by.is_some_and(|due| due <= now) {
        next.index_by = Some(now.after(Duration::from_mins(1)));
        if hints.is_empty() {
            hints.push(Hint { key: key.clone(), errand: Errand::Index });
        }
    }
    (next, hints)
}
