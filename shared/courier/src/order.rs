//! The order of one subject at an endpoint with `order = "subject"`: a delivery is sent once no earlier one of its subject is pending
//! there, and its end lets the next one pass.
//!
//! The store decides, by a consistent look. No end goes unnoticed: a delivery behind another is stored as waiting and then looks
//! again, and the next one is claimed before an end is stored, so that a process that dies in between leaves a claim that ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Endpoint;
use hub::order::{Order, Place, looks_again};
use hub::progress::Outgoing as _;
use hub::{Event, EventId, EventKey, Utc, Work};
use queue::Queue;
use store::{Listed, Sequence, Store, StoreError};

use crate::change::change;
use crate::claim::Claim;
use crate::outcome::{Ended, JobError, JobOutcome, Step};
use crate::target::{Target as _, ToEndpoint};
use crate::{Courier, Lines, lock};

/// For how long a look is believed. What waited longer for a place among the attempts looks again.
const BELIEVED: Duration = Duration::from_secs(1);

/// Deliveries to endpoints with an order that this process is attempting, one of each sequence.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashMap<Sequence, Entry>>);

#[derive(Debug)]
struct Entry {
    event: EventId,
    /// Another delivery of the sequence was found to be behind it.
    is_awaited: bool,
}

impl UnderWay {
    /// The delivery of a sequence that is under way, and that another one waits for from now on.
    fn awaited(&self, of: &Sequence) -> Option<EventId> {
        lock(&self.0).get_mut(of).map(|entry| {
            entry.is_awaited = true;
            entry.event
        })
    }
}

/// A delivery is under way as long as this lives.
#[derive(Debug)]
struct Attempting {
    lines: Arc<Lines>,
    of: Sequence,
    has_ended: bool,
}

impl Attempting {
    /// Begins, unless another delivery of the sequence is under way: that one.
    fn begin(lines: &Arc<Lines>, of: &Sequence, event: EventId) -> Result<Self, EventId> {
        let mut under_way = lock(&lines.ordered.0);
        if let Some(other) = under_way.get_mut(of) {
            other.is_awaited = true;
            return Err(other.event);
        }
        under_way.insert(of.clone(), Entry { event, is_awaited: false });
        Ok(Self { lines: Arc::clone(lines), of: of.clone(), has_ended: false })
    }

    /// Ends, after the result is stored; whether another one may wait for it.
    fn end(mut self) -> bool {
        self.has_ended = true;
        let entry = lock(&self.lines.ordered.0).remove(&self.of);
        !self.lines.is_alone || entry.is_none_or(|entry| entry.is_awaited)
    }
}

impl Drop for Attempting {
    fn drop(&mut self) {
        // Another one may have begun since the end.
        if !self.has_ended {
            lock(&self.lines.ordered.0).remove(&self.of);
        }
    }
}

/// The turn of a delivery in its sequence.
#[derive(Debug)]
pub(crate) struct Turn {
    of: Sequence,
    looked: Utc,
    /// The event after it, as of that look.
    next: Option<EventKey>,
    attempting: Attempting,
}

/// A delivery that may pass, claimed for an attempt.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) key: EventKey,
    pub(crate) claim: u32,
}

/// Result of a look at a sequence.
enum Look {
    /// Nothing comes before the delivery; the event after it.
    Free(Option<EventKey>),
    Behind(Ahead),
}

/// A delivery that another one waits for.
struct Ahead {
    event: EventId,
    /// Time at which the other one looks again.
    until: Utc,
    /// It waits itself, though nothing comes before it: the process that should have let it pass has ended.
    is_forgotten: bool,
}

impl Turn {
    /// Claims the next delivery, where that waits, before the end of this one is stored.
    pub(crate) async fn claim_next<S: Store, Q>(
        &self,
        courier: &Courier<S, Q>,
        target: ToEndpoint<'_>,
    ) -> Option<Next> {
        let key = self.next.as_ref()?;
        let claimed = async {
            let found = courier.context.store.inspect(key, courier.now()).await?;
            match found {
                Some(found) => claim(courier, target, &found.key, found.work).await,
                None => Ok(None),
            }
        };
        claimed.await.unwrap_or_else(|error| left(&self.of, &error))
    }

    /// The delivery that may pass after an attempt at this one, whose result is stored: the one that was claimed before, or the
    /// first that waits. Where this process alone makes attempts it knows whether one began to wait meanwhile.
    pub(crate) async fn followed_by<S: Store, Q>(
        self,
        courier: &Courier<S, Q>,
        target: ToEndpoint<'_>,
        claimed: Option<Next>,
    ) -> Option<Next> {
        let Self { of, next, attempting, .. } = self;
        let is_awaited = attempting.end() || next.is_some();
        match claimed {
            Some(next) => Some(next),
            None if is_awaited => pass_first(courier, target, &of).await,
            None => None,
        }
    }
}

/// Lets the first delivery of a sequence pass, where that waits for an earlier one: it is claimed for an attempt.
pub(crate) async fn pass_first<S: Store, Q>(
    courier: &Courier<S, Q>,
    target: ToEndpoint<'_>,
    of: &Sequence,
) -> Option<Next> {
    let claimed = async {
        let first = courier.context.store.earliest(of, 1).await?.into_iter().next();
        match first {
            Some(first) => claim(courier, target, &first.key, first.work).await,
            None => Ok(None),
        }
    };
    claimed.await.unwrap_or_else(|error| left(of, &error))
}

/// Claims a delivery that waits for an earlier one; nothing where it does not wait.
async fn claim<S: Store, Q>(
    courier: &Courier<S, Q>,
    target: ToEndpoint<'_>,
    key: &EventKey,
    work: Work,
) -> Result<Option<Next>, StoreError> {
    let lease = target.waits().lease;
    let passes = |work: Work| {
        let now = courier.now();
        let delivery = target.find(&work)?.clone().passed(now)?.claimed(now.after(lease));
        Some(target.put(work, delivery))
    };
    let changed = change(courier, key, work, passes).await?;
    let claim = changed.and_then(|work| Some(target.find(&work)?.progress.claim));
    Ok(claim.map(|claim| Next { key: key.clone(), claim }))
}

fn left<T>(of: &Sequence, error: &StoreError) -> Option<T> {
    let (subject, endpoint, error) = (&of.subject, &of.endpoint, telemetry::logs::chain(error));
    tracing::warn!(%subject, %endpoint, error, "the next delivery of a subject was not brought forward; it comes at its due time");
    None
}

/// Waits for the delivery's turn in its sequence; nothing to wait for where its endpoint has no order, and for the end of a call,
/// which is alone under its subject. One that is behind another is stored as waiting.
pub(crate) async fn turn<'a, S: Store, Q: Queue>(
    delivery: Claim<'a, S, Q, ToEndpoint<'a>>,
    event: &Event,
    endpoint: &Endpoint,
) -> Step<(Claim<'a, S, Q, ToEndpoint<'a>>, Option<Turn>)> {
    if endpoint.order == Order::None || delivery.work.call.is_some() {
        return Ok((delivery, None));
    }
    // Boxed: most endpoints have no order, and each attempt would have room for it.
    let (delivery, turn) = Box::pin(sought(delivery, event)).await?;
    Ok((delivery, Some(turn)))
}

/// The turn of a delivery at an endpoint with an order.
async fn sought<'a, S: Store, Q: Queue>(
    mut delivery: Claim<'a, S, Q, ToEndpoint<'a>>,
    event: &Event,
) -> Step<(Claim<'a, S, Q, ToEndpoint<'a>>, Turn)> {
    let (courier, target) = (delivery.courier, delivery.target);
    let seeker = Seeker {
        of: Sequence::of(delivery.key, target.endpoint),
        place: Place::of(&event.key, &event.meta),
        lease: target.waits().lease,
        jitter: courier.jitter(),
    };
    let Seeker { of, place, lease, .. } = &seeker;
    let mut waits_until: Option<Utc> = None;
    loop {
        let looked = courier.now();
        let ahead = match seeker.look(courier).await.map_err(JobError::Before)? {
            Look::Free(next) => {
                if waits_until.take().is_some() {
                    let now = courier.now();
                    delivery = delivery.change(|own| passed(own, now).claimed(now.after(*lease))).await?;
                }
                match Attempting::begin(&courier.lines, of, place.id) {
                    Ok(attempting) => {
                        return Ok((delivery, Turn { of: seeker.of, looked, next, attempting }));
                    }
                    Err(other) => Ahead::under_way(other, courier.now().after(*lease)),
                }
            }
            Look::Behind(ahead) => ahead,
        };
        if waits_until.is_some_and(|until| until <= ahead.until.after(*lease)) {
            let next = if ahead.is_forgotten { pass_first(courier, target, of).await } else { None };
            return Err(next.map_or_else(|| JobOutcome::Postponed.into(), Ended::Behind));
        }
        let now = courier.now();
        delivery = delivery.change(|own| own.waiting_behind(ahead.event, ahead.until, now)).await?;
        waits_until = Some(ahead.until);
    }
}

/// The turn, looked up again where it took long to get a place among the attempts: what was stored meanwhile may come first.
pub(crate) async fn confirmed<'a, S: Store, Q: Queue>(
    delivery: Claim<'a, S, Q, ToEndpoint<'a>>,
    turn: Option<Turn>,
    event: &Event,
    endpoint: &Endpoint,
) -> Step<(Claim<'a, S, Q, ToEndpoint<'a>>, Option<Turn>)> {
    match turn {
        Some(old) if !delivery.courier.now().is_within(BELIEVED, old.looked) => {
            drop(old);
            self::turn(delivery, event, endpoint).await
        }
        turn => Ok((delivery, turn)),
    }
}

fn passed(delivery: hub::delivery::Delivery, now: Utc) -> hub::delivery::Delivery {
    delivery.clone().passed(now).unwrap_or(delivery)
}

/// A delivery that looks for its turn.
struct Seeker {
    of: Sequence,
    place: Place,
    /// Of an attempt.
    lease: Duration,
    /// In `0.0..1.0`, for the time of another look.
    jitter: f64,
}

impl Seeker {
    /// Looks at what comes before it: what is under way in this process, and then what the store says.
    async fn look<S: Store, Q>(&self, courier: &Courier<S, Q>) -> Result<Look, StoreError> {
        let Self { of, place: own, lease, jitter } = self;
        if let Some(other) = courier.lines.ordered.awaited(of) {
            return Ok(Look::Behind(Ahead::under_way(other, courier.now().after(*lease))));
        }
        // Itself and the next one; the first of all where there are others before it.
        let earliest = courier.context.store.earliest(of, 2).await?;
        let place = |listed: &Listed| Place::of(&listed.key, &listed.meta);
        if let Some(first) = earliest.first().filter(|first| place(first) < *own) {
            let progress = first.work.delivery(&of.endpoint).map(|delivery| &delivery.progress);
            let until = progress.map(|progress| looks_again(progress, *lease, courier.now(), *jitter));
            let is_forgotten = progress.is_some_and(|progress| progress.waits_for().is_some());
            let until = until.unwrap_or_else(|| courier.now().after(*lease));
            return Ok(Look::Behind(Ahead { event: first.key.id, until, is_forgotten }));
        }
        Ok(Look::Free(earliest.into_iter().find(|listed| place(listed) > *own).map(|listed| listed.key)))
    }
}

impl Ahead {
    /// A delivery that is under way in this process.
    const fn under_way(event: EventId, until: Utc) -> Self {
        Self { event, until, is_forgotten: false }
    }
}
