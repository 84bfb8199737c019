//! One errand: an attempt at a delivery or at a call, or the writing of aliases.

use std::borrow::Cow;
use std::time::Duration;

use hub::breaker::{Permit, Tried};
use hub::call::Standing;
use hub::delivery::{Attempt, Delivery, Outcome, State, was_put_off};
use hub::schedule::Schedule;
use hub::{EndpointId, Event, EventKey, Record, Utc, Work};
use queue::{Errand, Hint, Queue};
use runtime::config::{Config, Endpoint};
use runtime::metrics;
use runtime::receive::Lost;
use store::{Store, StoreError};

use crate::change::{change, change_together, leave, tell};
use crate::parcel::{Parcel, Returned};
use crate::{Courier, ahead, call, index, lack, release};

/// What an errand came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// An attempt was made; this is where the delivery stands now.
    Attempted(State),
    /// An attempt was made; this is where the call stands now.
    Called(Standing),
    /// No attempt was made, because the circuit of its destination is open, its turn at the connection's rate comes later, or
    /// this process cannot send it.
    PutOff,
    /// No attempt was made, because it might not have ended in this process's time. It comes again soon.
    Left,
    /// The aliases are written.
    Indexed,
    /// Somebody else has done it, or it has expired: the hint was stale.
    Stale,
}

/// Why an errand was not finished. Nothing is lost: the work is stored, and the sweeper takes it up.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    /// Nothing was sent.
    #[error("the attempt could not be begun")]
    Before(#[source] StoreError),
    /// It was attempted, and the result could not be stored: it will be attempted again.
    #[error("the result of an attempt could not be stored")]
    After(#[source] StoreError),
    /// It was attempted, and what the partner found could not be kept: it will be asked again.
    #[error("what the partner found could not be kept")]
    Found(#[source] Lost),
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
        Errand::Call { turn } => call::run(courier, &hint.key, *turn).await,
    }
}

async fn deliver<S, Q>(courier: &Courier<S, Q>, key: &EventKey, to: &EndpointId, turn: u32) -> Result<Done, Undone>
where
    S: Store,
    Q: Queue,
{
    let context = &courier.context;
    let store = &context.store;
    let mut record = match store.load(key, context.now()).await {
        Ok(Some(record)) => record,
        Ok(None) => return Ok(Done::Stale),
        Err(StoreError::Damaged { work: Some(work), .. }) => return damaged(courier, key, *work, (to, turn)).await,
        Err(error) => return Err(Undone::Before(error)),
    };
    let Some(mut delivery) = current(&record.work, to, turn) else { return Ok(Done::Stale) };
    if delivery.is_early(context.now()) {
        return Ok(Done::Stale);
    }
    // Without the keys to sign with, an endpoint is as good as unknown here.
    let known = context.config.endpoints.get(to);
    let Some((endpoint, keys)) = known.and_then(|endpoint| Some((endpoint, endpoint.keys.as_ref()?))) else {
        let (now, jitter) = (context.now(), (courier.random)());
        return unsent(courier, key, record.work, (to, turn), |delivery| delivery.unknown(now, jitter)).await;
    };

    let line = courier.lines.to(to.as_str(), endpoint.concurrency);
    let Some(place) = courier.in_time(longest(endpoint), line.place()).await else {
        return Ok(leave(courier, key, Errand::Deliver { endpoint: to.clone(), turn }).await);
    };
    let jitter = (courier.random)();
    let Some(kind) = told(&context.config, &record).map(|event| event.meta.kind.clone()) else {
        return Ok(Done::Stale);
    };
    let permit = line.permit(store, kind.as_str(), context.now()).await;
    // What is read after all waiting is over decides whether the time of this turn still suffices.
    let now = context.now();
    let permit = match permit {
        Permit::Wait(_) if delivery.at_once => Permit::Go,
        Permit::Wait(reopens) => {
            let since = delivery.owed_since().unwrap_or(now);
            let due = line.rank(kind.as_str(), reopens, &delivery.attempts, now).due(reopens, since, now, jitter);
            let why = format!("put off until {due}: the endpoint has been failing, and its circuit is open");
            let put_off = |delivery: Delivery| delivery.put_off(due, &why, &endpoint.schedule, now);
            return unsent(courier, key, record.work, (to, turn), put_off).await;
        }
        Permit::Go | Permit::Probe => permit,
    };
    if !delivery.in_hand || now.after(endpoint.timeout + MARGIN) >= delivery.due {
        // The time of this turn may run out during the attempt, and the sweeper would begin another: take a new turn.
        let until = now.after(lease(context.config.sweep_every, endpoint));
        let claim = |work| next(work, (to, turn), |delivery| delivery.claimed(until));
        let claimed = change(courier, key, record.work, claim).await.map_err(Undone::Before)?;
        let Some(work) = claimed else { return Ok(Done::Stale) };
        let Some(claimed) = work.delivery(to).cloned() else { return Ok(Done::Stale) };
        record.work = work;
        delivery = claimed;
    }
    let turn = delivery.turn;
    let waited = was_put_off(&delivery.attempts);
    let Some(event) = told(&context.config, &record) else { return Ok(Done::Stale) };
    let parcel = Parcel::new(&event, endpoint, keys, now);
    let unindexed = record.work.index_by.is_some();
    let (returned, indexed) = tokio::join!((courier.send)(endpoint, parcel), async {
        // Aliases that could not be written stay due; they are no reason to hold up the delivery.
        unindexed && index::write(store, &record).await.is_ok()
    });
    drop((place, event));
    let over = context.now();
    let took = over.since(now);
    let tried = Tried { kind: kind.as_str(), event: key.id, outcome: returned.outcome, status: returned.status, took };
    let reopened = line.report(store, permit, &tried, over).await;
    let taken = returned.outcome == Outcome::Delivered;
    let reopened = reopened.or_else(|| if taken { line.owes(kind.as_str(), waited) } else { None });
    // An endpoint that asks for patience gets it; otherwise a probe that failed uses nothing up. One that was not sent is none.
    let other = matches!(returned.outcome, Outcome::Refused { retry_after: Some(_), .. } | Outcome::Unsent);
    let held_back = line.closed_until(kind.as_str(), over).filter(|_| permit == Permit::Probe && !other);
    let held_back = held_back.map(|reopens| line.after_probe(kind.as_str(), reopens, over));
    let (own, schedule, outcome) = (to.clone(), endpoint.schedule.clone(), returned.outcome);
    let attempt = returned.attempt(now, over);
    let attempted = move |mut work: Work| {
        work.index_by = if indexed { None } else { work.index_by };
        next(work, (&own, turn), |delivery| match held_back {
            Some(due) => delivery.probed(attempt.clone(), due, &schedule, over),
            None => delivery.attempted(attempt.clone(), outcome, &schedule, over, jitter),
        })
    };
    let changed = change_together(courier, key, record.work, attempted).await.map_err(Undone::After)?;
    let settled = changed.and_then(|work| work.delivery(to).cloned());
    if let Some(delivery) = &settled {
        log(key, delivery, &returned);
        measure(delivery, over);
        again(courier, key, delivery).await;
    } else {
        let message = "the result of an attempt is not kept: its turn was over, or its event had expired";
        tracing::warn!(event = %key.id, subject = %key.subject, endpoint = %to, lost = ?outcome, message);
    }
    if let Some(reopened) = reopened {
        release::endpoint(courier, endpoint, &line, kind.as_str(), reopened).await;
    }
    Ok(settled.map_or(Done::Stale, |delivery| Done::Attempted(delivery.state)))
}

/// Stores what becomes of a delivery without an attempt.
async fn unsent<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    work: Work,
    (to, turn): (&EndpointId, u32),
    becomes: impl Fn(Delivery) -> Delivery,
) -> Result<Done, Undone> {
    let unsent = |work| next(work, (to, turn), &becomes);
    let changed = change(courier, key, work, unsent).await.map_err(Undone::Before)?;
    let Some(delivery) = changed.and_then(|work| work.delivery(to).cloned()) else { return Ok(Done::Stale) };
    again(courier, key, &delivery).await;
    if delivery.state == State::Pending {
        return Ok(Done::PutOff);
    }
    let why = delivery.attempts.last().map(|last| last.detail.as_str());
    tracing::warn!(event = %key.id, subject = %key.subject, endpoint = %to, why, "a delivery has failed: replay or confirm it");
    measure(&delivery, courier.context.now());
    Ok(Done::Attempted(delivery.state))
}

/// Why what is damaged is not sent.
pub(crate) const DAMAGED: &str =
    "not sent: the stored bytes are not those that were written; restore them from a backup and repeat it";

/// Ends a delivery of an event whose bytes are not those that were received.
async fn damaged<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    work: Work,
    turn: (&EndpointId, u32),
) -> Result<Done, Undone> {
    let now = courier.context.now();
    tracing::error!(event = %key.id, subject = %key.subject, endpoint = %turn.0, "a stored event is damaged and is not delivered");
    let attempt = Attempt { at: now, detail: DAMAGED.to_owned(), ..Attempt::default() };
    let none = Schedule::new(Vec::new());
    let failed = |delivery: Delivery| delivery.attempted(attempt.clone(), Outcome::Impossible, &none, now, 0.0);
    unsent(courier, key, work, turn, failed).await
}

/// Counts a delivery that an attempt at `now` has settled.
fn measure(delivery: &Delivery, now: Utc) {
    if let Some(sample) = metrics::settled(delivery, now) {
        metrics::emit(now, &sample);
    }
}

/// How much longer than its timeout an attempt may take, with what is around it.
pub(crate) const MARGIN: Duration = Duration::from_secs(2);

/// How long an attempt may take, with what is read before and stored after it.
pub(crate) fn longest(endpoint: &Endpoint) -> Duration {
    endpoint.timeout + 2 * MARGIN
}

/// For how long a delivery is taken up.
pub(crate) fn lease(sweep_every: Duration, endpoint: &Endpoint) -> Duration {
    sweep_every.max(longest(endpoint))
}

/// What the ERP is told: the event itself, or of a call how it ended.
fn told<'r>(config: &Config, record: &'r Record) -> Option<Cow<'r, Event>> {
    if record.work.call.is_some() {
        return hub::call::end(record, &config.credentials(&record.event.key.connection)).map(Cow::Owned);
    }
    Some(Cow::Borrowed(&record.event))
}

/// The delivery, where it is that turn's.
fn current(work: &Work, to: &EndpointId, turn: u32) -> Option<Delivery> {
    work.delivery(to).filter(|delivery| delivery.is_turn(turn)).cloned()
}

/// The work with its delivery changed, where that is still in the same turn.
fn next(work: Work, (to, turn): (&EndpointId, u32), next: impl Fn(Delivery) -> Delivery) -> Option<Work> {
    let delivery = next(current(&work, to, turn)?);
    Some(work.with(delivery))
}

/// Hints at a retry that is due soon.
async fn again<S, Q: Queue>(courier: &Courier<S, Q>, key: &EventKey, delivery: &Delivery) {
    if delivery.state == State::Pending {
        let errand = Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn };
        tell(courier, key, vec![errand], delivery.due).await;
    }
}

/// What the ERP answered is kept with the attempt; it may hold what no log should. The reason is the status, that the body
/// takes it back, or why there was no answer.
fn log(key: &EventKey, delivery: &Delivery, returned: &Returned) {
    let (event, subject, endpoint, status) = (key.id, &key.subject, &delivery.endpoint, returned.status);
    let why = match status {
        Some(status @ 200..=299) => format!("answered with status {status}, and its body says no or cannot be read"),
        Some(status) => format!("answered with status {status}"),
        None => returned.detail.clone(),
    };
    match (returned.outcome, delivery.state) {
        (Outcome::Delivered, _) => tracing::debug!(%event, %subject, %endpoint, status, "delivered"),
        (Outcome::Unsent, State::Pending) => lack::tell(&why),
        (_, State::Failed) => {
            let attempts = delivery.tries.saturating_add(1);
            tracing::warn!(%event, %subject, %endpoint, status, why, attempts, "a delivery has failed for good: replay or confirm it");
        }
        (_, State::Pending | State::Delivered | State::Confirmed) => {
            tracing::info!(%event, %subject, %endpoint, status, why, due = %delivery.due, "not delivered yet");
        }
    }
}

/// What the sweeper makes of an event: the work with everything that is due at `now` taken up, and the hints for it;
/// nothing where nothing is due.
pub(crate) fn take_up(config: &Config, key: &EventKey, work: Work, now: Utc) -> Option<(Work, Vec<Hint>)> {
    let version = work.version + 1;
    // What else there is of it is looked at on the way: its due time is hidden behind the one that has come.
    let brought_back = ahead::brought_back(config, key, &work, now);
    let work = brought_back.unwrap_or(work);
    let mut errands = Vec::new();
    let (mut next, mut changed) = call::take_up(config, key, work, now, &mut errands);
    for delivery in &mut next.deliveries {
        if delivery.state == State::Pending && delivery.due <= now {
            let every = config.sweep_every;
            let lease = config.endpoints.get(&delivery.endpoint).map_or(every, |endpoint| lease(every, endpoint));
            *delivery = delivery.clone().claimed(now.after(lease));
            errands.push(Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn });
        }
    }
    if next.index_by.is_some_and(|due| due <= now) {
        next.index_by = Some(now.after(Duration::from_mins(1)));
        if errands.is_empty() {
            errands.push(Errand::Index);
        }
    }
    changed |= !errands.is_empty();
    next.version = version;
    let hints = errands.into_iter().map(|errand| Hint { key: key.clone(), errand }).collect();
    changed.then_some((next, hints))
}
