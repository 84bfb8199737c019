//! An attempt at a delivery to one of the ERP's endpoints.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use config::{Config, Endpoint};
use hub::breaker::{AttemptReport, Permit, Reopened};
use hub::delivery::{Delivery, Outcome, State};
use hub::order::Order;
use hub::progress::Outgoing as _;
use hub::signature::SigningKey;
use hub::statistics::Counted;
use hub::{EndpointId, Event, EventKey, Record, Utc, Work};
use queue::Queue;
use store::{Sequence, Store};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::change::change_together;
use crate::claim::Claim;
use crate::index::CallFacts;
use crate::line::Line;
use crate::order::{self, Next, Turn};
use crate::outcome::{Ended, JobError, JobOutcome, Step};
use crate::parcel::{DeliveryResult, Parcel};
use crate::places::Place;
use crate::release::Release;
use crate::target::{Target as _, ToEndpoint, measure};
use crate::times::{self, MARGIN};
use crate::traced::{self, Traced};
use crate::{Courier, index, lack};

/// Reason of a postponement where this process's configuration lacks the endpoint, or the keys to sign for it.
const UNCONFIGURED: &str = "its endpoint is not in the configuration";

/// For how long an job goes on with the deliveries that may pass after its own; then the queue does, so that a subject with
/// many keeps no place and no process that ends.
const FOLLOWING: Duration = Duration::from_secs(3);

/// Attempts a delivery once, where that claim is still the latest; and those that may pass after it, in the order of their subject.
pub(crate) async fn attempt<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    endpoint: &EndpointId,
    claim: u32,
) -> Step<JobOutcome> {
    let target = ToEndpoint { endpoint, config: &courier.context.config };
    let Attempted { done, next, closed } = once(courier, key, target, claim).await?;
    if next.is_some() || closed.is_some() {
        let released = async {
            if let Some(closed) = closed {
                closed.release(courier, target).await;
            }
        };
        Box::pin(async { tokio::join!(released, follow(courier, target, next)) }).await;
    }
    Ok(done)
}

/// Result of an attempt, and what follows from it.
struct Attempted {
    done: JobOutcome,
    /// The delivery that may pass now, in the order of the subject.
    next: Option<Next>,
    closed: Option<Closed>,
}

/// A circuit that an attempt has closed.
struct Closed {
    line: Arc<Line>,
    kind: String,
    reopened: Reopened,
}

impl Closed {
    /// Brings forward what it held back.
    async fn release<S: Store, Q: Queue>(self, courier: &Courier<S, Q>, target: ToEndpoint<'_>) {
        let Self { line, kind, reopened } = self;
        Release { courier, line: &line, kind: &kind, reopened }.deliveries(target).await;
    }
}

/// Attempts the deliveries that may pass, one after another.
async fn follow<S: Store, Q: Queue>(courier: &Courier<S, Q>, target: ToEndpoint<'_>, mut next: Option<Next>) {
    let (began, mut all_closed) = (Instant::now(), Vec::new());
    while let Some(Next { key, claim }) = next {
        if began.elapsed() >= FOLLOWING || courier.patience(target.longest()).is_none() {
            courier.hint(&key, vec![target.job(claim)], courier.now()).await;
            break;
        }
        let (event, connection, endpoint) = (&key.id, &key.connection, target.endpoint);
        let span = traced::next_span(&courier.context, &key, endpoint.as_str());
        let span = span.unwrap_or_else(|| tracing::debug_span!("delivery", %event, %connection, %endpoint, claim));
        next = match once(courier, &key, target, claim).instrument(span).await {
            Ok(Attempted { next, closed, .. }) => {
                all_closed.extend(closed);
                next
            }
            Err(Ended::With(_) | Ended::Behind(_)) => None,
            Err(Ended::Failed(error)) => {
                let error = telemetry::logs::chain(&error);
                tracing::error!(%event, %endpoint, error, "the next delivery of a subject failed; the sweep claims it again");
                None
            }
        };
    }
    for closed in all_closed {
        closed.release(courier, target).await;
    }
}

async fn once<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    target: ToEndpoint<'_>,
    claim: u32,
) -> Step<Attempted> {
    match tried(courier, key, target, claim).await {
        // Given up without an attempt.
        Err(Ended::With(done @ JobOutcome::Attempted(state))) => {
            let (connection, endpoint) = (&key.connection, target.endpoint);
            courier.context.count(&Counted::Delivery { connection, endpoint, state, delay: Duration::ZERO });
            let is_ordered =
                target.config.endpoints.get(target.endpoint).is_some_and(|own| own.order == Order::Subject);
            let of = Sequence::of(key, target.endpoint);
            let next = if is_ordered { Box::pin(order::pass_first(courier, target, &of)).await } else { None };
            Ok(Attempted { done, next, closed: None })
        }
        Err(Ended::Behind(next)) => Ok(Attempted { done: JobOutcome::Postponed, next: Some(next), closed: None }),
        came => came,
    }
}

async fn tried<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    target: ToEndpoint<'_>,
    claim: u32,
) -> Step<Attempted> {
    let (claim, event) = Claim::load(courier, key, target, claim).await?;
    let cleared = cleared(claim, &event).await?;
    let claimed = cleared.claimed().await?;
    let sent = claimed.sent().await;
    sent.settled().await
}

/// A delivery that has a place among those under way to its endpoint, and its circuit's permit.
struct Cleared<'a, S, Q> {
    claim: Claim<'a, S, Q, ToEndpoint<'a>>,
    /// The event that is sent.
    event: Cow<'a, Event>,
    /// The event that the delivery belongs to.
    stored: &'a Event,
    endpoint: &'a Endpoint,
    keys: &'a [SigningKey],
    line: Arc<Line>,
    turn: Option<Turn>,
    place: Option<Place>,
    permit: Permit,
    began: Utc,
    /// In `0.0..1.0`, for the time of its retry.
    jitter: f64,
}

/// A delivery that was sent.
struct Sent<'a, S, Q> {
    claim: Claim<'a, S, Q, ToEndpoint<'a>>,
    endpoint: &'a Endpoint,
    line: Arc<Line>,
    turn: Option<Turn>,
    permit: Permit,
    /// Type of the event that was sent.
    kind: String,
    returned: DeliveryResult,
    traced: Option<Traced>,
    began: Utc,
    over: Utc,
    jitter: f64,
    /// The aliases are written.
    indexed: bool,
}

async fn cleared<'a, S: Store, Q: Queue>(
    claim: Claim<'a, S, Q, ToEndpoint<'a>>,
    stored: &'a Event,
) -> Step<Cleared<'a, S, Q>> {
    let (courier, target) = (claim.courier, claim.target);
    if target.config.pulled.contains_key(target.endpoint) {
        // It was one that is sent to when the delivery was stored.
        let now = courier.now();
        return Err(claim
            .change(|delivery| delivery.redirected(now))
            .await
            .err()
            .unwrap_or(JobOutcome::Postponed.into()));
    }
    let known = target.config.endpoints.get(target.endpoint);
    let Some((endpoint, keys)) = known.and_then(|endpoint| Some((endpoint, endpoint.keys.as_ref()?))) else {
        return Err(claim.unconfigured(UNCONFIGURED).await);
    };
    // One that waits for its turn takes no place from another subject, and no probe from another event.
    let (claim, turn) = order::turn(claim, stored, endpoint).await?;
    let line = courier.lines.to(target.endpoint.as_str(), endpoint.concurrency);
    let Some(place) = courier.in_time(times::delivery(endpoint), line.place()).await else {
        return Err(claim.left().await);
    };
    let (claim, turn) = order::confirmed(claim, turn, stored, endpoint).await?;
    let event = told(target.config, stored, &claim.work).ok_or(JobOutcome::Stale)?;
    let jitter = courier.jitter();
    let (claim, permit) = claim.permitted(&line, event.meta.kind.as_str(), || jitter).await?;
    // Read after all waiting: this time decides whether the lease still suffices.
    let began = courier.now();
    Ok(Cleared { claim, event, stored, endpoint, keys, line, turn, place, permit, began, jitter })
}

impl<'a, S: Store, Q: Queue> Cleared<'a, S, Q> {
    /// Claims the delivery anew where its lease might end during the attempt: the sweep would begin another.
    async fn claimed(mut self) -> Step<Self> {
        if !self.claim.lasts(self.endpoint.timeout + MARGIN) {
            self.claim = self.claim.renewed(Delivery::claimed).await?;
        }
        Ok(self)
    }

    /// Sends the event, once, and writes aliases on the way.
    async fn sent(self) -> Sent<'a, S, Q> {
        let Self { claim, event, stored, endpoint, keys, line, turn, place, permit, began, jitter } = self;
        let (courier, context) = (claim.courier, &claim.courier.context);
        // Signed by a time of its own: the claim may have been stored anew since the attempt began.
        let parcel = Parcel::new(&event, endpoint, keys, courier.now());
        let traced = Traced::delivery(context, (stored, &claim.work), (&claim.item, began));
        let parcel = Parcel { span: traced.as_ref().map(|traced| traced.place), ..parcel };
        let unindexed = claim.work.index_by.is_some();
        let (returned, indexed) = tokio::join!((courier.send)(endpoint, parcel), async {
            // Aliases that could not be written stay due; they are no reason to hold up the delivery.
            unindexed && index::write(context, stored, CallFacts::of(&claim.work)).await.is_ok()
        });
        drop(place);
        let kind = event.meta.kind.to_string();
        Sent {
            claim,
            endpoint,
            line,
            turn,
            permit,
            kind,
            returned,
            traced,
            began,
            over: courier.now(),
            jitter,
            indexed,
        }
    }
}

impl<S: Store, Q: Queue> Sent<'_, S, Q> {
    /// Reports the result to the circuit, stores it, and lets the next delivery of the subject pass.
    async fn settled(self) -> Step<Attempted> {
        let Self { claim, endpoint, line, turn, permit, kind, returned, traced, began, over, jitter, indexed } = self;
        let Claim { courier, key, target, work, item } = claim;
        let outcome = returned.outcome;
        let tried =
            AttemptReport { kind: &kind, event: key.id, outcome, status: returned.status, took: over.since(began) };
        let reopened = line.report(&courier.context.store, permit, &tried, over).await;
        let taken = outcome == Outcome::Delivered;
        let waited = item.progress.was_postponed();
        let reopened = reopened.or_else(|| if taken { line.owes(&kind, waited) } else { None });
        // An endpoint that asks for patience gets it; otherwise a probe that failed uses nothing up. One that was not sent is none.
        let other = matches!(outcome, Outcome::Refused { retry_after: Some(_), .. } | Outcome::Unsent);
        let next_probe = if permit == Permit::Probe && !other { line.next_probe(&kind, over) } else { None };
        let (schedule, attempt) = (endpoint.schedule.clone(), returned.attempt(began, over));
        let (to, number) = (target.endpoint.clone(), item.progress.claim);
        let attempted = move |mut work: Work| {
            work.index_by = if indexed { None } else { work.index_by };
            let delivery = work.delivery(&to).filter(|delivery| delivery.is_current(number))?.clone();
            let attempt = attempt.clone();
            let delivery = match next_probe {
                Some(due) => delivery.probed(attempt, due, &schedule, over),
                None => delivery.attempted(attempt, outcome, &schedule, over, jitter),
            };
            Some(work.with(delivery))
        };
        let ends = |work: &Work| attempted(work.clone())?.delivery(target.endpoint).map(|after| !after.is_pending());
        let claimed = match &turn {
            Some(turn) if ends(&work) == Some(true) => Box::pin(turn.claim_next(courier, target)).await,
            Some(_) | None => None,
        };
        let changed = change_together(courier, key, work, attempted).await.map_err(JobError::After)?;
        let settled = changed.and_then(|work| Some((work.delivery(target.endpoint)?.clone(), work)));
        if let Some(traced) = traced {
            let after = settled.as_ref().map(|(after, _)| after);
            traced.delivered(&courier.context, (key, &kind, endpoint), (&returned, after), (began, over));
        }
        let done = if let Some((item, work)) = settled {
            log(key, &item, &returned);
            measure(&item, over);
            count(courier, key, &item, over);
            let state = item.state;
            Claim { courier, key, target, work, item }.hint_next().await;
            JobOutcome::Attempted(state)
        } else {
            let message = "the result of an attempt is not kept: its claim was over, or its event had expired";
            tracing::warn!(event = %key.id, subject = %key.subject, endpoint = %target.endpoint, lost = ?outcome, message);
            JobOutcome::Stale
        };
        let claimed = claimed.filter(|_| done != JobOutcome::Stale);
        let next = match turn {
            Some(turn) => Box::pin(turn.followed_by(courier, target, claimed)).await,
            None => None,
        };
        let closed = reopened.map(|reopened| Closed { line, kind, reopened });
        Ok(Attempted { done, next, closed })
    }
}

/// Counts a delivery that an attempt has settled.
fn count<S, Q>(courier: &Courier<S, Q>, key: &EventKey, delivery: &Delivery, now: Utc) {
    courier.context.count(&Counted::Delivery {
        connection: &key.connection,
        endpoint: &delivery.endpoint,
        state: delivery.state,
        delay: now.since(delivery.progress.since),
    });
}

/// The event that the ERP is sent: the stored one, or that of how a call ended.
fn told<'a>(config: &Config, event: &'a Event, work: &Work) -> Option<Cow<'a, Event>> {
    if work.call.is_none() {
        return Some(Cow::Borrowed(event));
    }
    let record = Record { event: event.clone(), work: work.clone() };
    hub::call::end(&record, &config.account(&event.key.connection)).map(Cow::Owned)
}

/// Logs an attempt. The endpoint's answer is kept with it and may hold what no log should: the reason here is the status, that
/// the body takes it back, or why there was no answer.
fn log(key: &EventKey, delivery: &Delivery, returned: &DeliveryResult) {
    let (event, subject, endpoint, status) = (key.id, &key.subject, &delivery.endpoint, returned.status);
    let why = match status {
        Some(status @ 200..=299) => {
            format!("answered with status {status}, and its body refuses the event or cannot be read")
        }
        Some(status) => format!("answered with status {status}"),
        None => returned.detail.clone(),
    };
    match (returned.outcome, delivery.state) {
        (Outcome::Delivered, _) => tracing::debug!(%event, %subject, %endpoint, status, "delivered"),
        (Outcome::Unsent, State::Pending) => lack::tell(&why),
        (_, State::Failed) => {
            let attempts = delivery.progress.tries.saturating_add(1);
            tracing::warn!(%event, %subject, %endpoint, status, why, attempts, "a delivery has failed for good: replay or confirm it");
        }
        (_, State::Pending | State::Delivered | State::Confirmed) => {
            let due = delivery.progress.due;
            tracing::info!(%event, %subject, %endpoint, status, why, %due, "a delivery has not succeeded yet");
        }
    }
}
