//! Leasing: the first deliveries that no consumer has, as many as fit into an answer.

use std::collections::BTreeSet;
use std::time::Duration;

use config::{Context, PullEndpoint};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use hub::delivery::{Delivery, State};
use hub::envelope::{Format, content};
use hub::order::Order;
use hub::progress::Outgoing as _;
use hub::statistics::Counted;
use hub::{ConnectionId, Event, EventKey, Record, Subject, Utc, Work};
use store::{Sequence, Settled, Store, StoreError};
use telemetry::metrics;

/// Most bytes of an answer's events; a larger one goes alone.
const MOST_BYTES: usize = api::MOST_BYTES;

/// Number of events that are read at once: each body may have 6 MB.
const READ_AT_ONCE: usize = 8;

/// Number of leases of the first round. Where another consumer has most of these, the others are not tried; else each round has twice
/// as many.
const FIRST_ROUND: usize = 16;

/// Number of listed events of the first look. Each further look lists four times as many, because the first may be leased.
const FIRST_LOOK: usize = 128;

/// Most events that are listed for one answer.
const MOST_LISTED: usize = 20_000;

/// Most searches of one request where other consumers lease what it finds.
const SEARCHES: usize = 4;

/// Most tries of a lease while other deliveries of the event change.
const TRIES: usize = 4;

/// Reason for which a damaged event is not handed out.
const DAMAGED: &str =
    "not handed out: the stored bytes are not those that were written; restore them from a backup and repeat it";

/// A leased delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Key of the stored event.
    pub key: EventKey,
    /// Number of the claim that is the lease.
    pub claim: u32,
    /// End of the lease.
    pub until: Utc,
    /// The event as CloudEvents 1.0 in JSON.
    pub event: bytes::Bytes,
}

/// Leased deliveries, and what else was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The deliveries, the earliest first.
    pub leased: Vec<Leased>,
    /// First end of the leases that other consumers have.
    pub next_end: Option<Utc>,
}

/// A delivery that may be leased, with its event as it is handed out.
struct Candidate {
    key: EventKey,
    work: Work,
    received: Utc,
    event: bytes::Bytes,
}

/// Result of a look at one delivery.
enum Look {
    Free(Box<Candidate>),
    /// Another consumer has it until then.
    Leased(Utc),
    /// There is nothing to hand out.
    None,
}

/// Leases up to `limit` deliveries to an endpoint, of the connections that are seen. Where some were leased, a failure of the store is
/// no error: those must reach their consumer.
pub async fn lease<S: Store, Q>(
    context: &Context<S, Q>,
    endpoint: &PullEndpoint,
    limit: usize,
    sees: impl Fn(&ConnectionId) -> bool,
) -> Result<Batch, StoreError> {
    let puller = Puller { context, endpoint };
    let mut batch = Batch::default();
    for _ in 0..SEARCHES {
        let (candidates, next_end) = puller.search(limit, &sees).await?;
        batch.next_end = next_end;
        if candidates.is_empty() {
            break;
        }
        batch.leased = puller.take(candidates).await?;
        if !batch.leased.is_empty() {
            break;
        }
    }
    Ok(batch)
}

struct Puller<'a, S, Q> {
    context: &'a Context<S, Q>,
    endpoint: &'a PullEndpoint,
}

impl<S: Store, Q> Puller<'_, S, Q> {
    /// The first deliveries that are free, in the order of their events' reception, and the first end of another consumer's lease.
    async fn search(
        &self,
        limit: usize,
        sees: impl Fn(&ConnectionId) -> bool,
    ) -> Result<(Vec<Candidate>, Option<Utc>), StoreError> {
        let (mut found, mut bytes, mut next_end) = (Vec::new(), 0, None::<Utc>);
        let (mut looked, mut subjects) = (BTreeSet::<EventKey>::new(), BTreeSet::<(ConnectionId, Subject)>::new());
        let mut listed = limit.max(FIRST_LOOK);
        'searching: loop {
            let keys = self.context.store.pullable(Some(&self.endpoint.id), listed).await?;
            let is_last = keys.len() < listed || listed >= MOST_LISTED;
            let mut fresh = Vec::new();
            for key in keys {
                let of_subject = (key.connection.clone(), key.subject.clone());
                let is_next = self.endpoint.order == Order::None || subjects.insert(of_subject);
                if sees(&key.connection) && looked.insert(key.clone()) && is_next {
                    fresh.push(key);
                }
            }
            let mut looks = stream::iter(fresh.into_iter().map(|key| self.look(key))).buffered(READ_AT_ONCE);
            while let Some(look) = looks.next().await {
                match look? {
                    Look::Free(candidate) => {
                        bytes += candidate.event.len();
                        if bytes > MOST_BYTES && !found.is_empty() {
                            break 'searching;
                        }
                        found.push(*candidate);
                        if found.len() >= limit {
                            break 'searching;
                        }
                    }
                    Look::Leased(end) => next_end = Some(next_end.map_or(end, |other| other.min(end))),
                    Look::None => {}
                }
            }
            if is_last {
                break;
            }
            listed = (listed * 4).min(MOST_LISTED);
        }
        found.sort_by_key(|candidate| candidate.received);
        Ok((found, next_end))
    }

    /// Looks at a delivery; with an order, at the first one of its subject.
    async fn look(&self, key: EventKey) -> Result<Look, StoreError> {
        let (store, id, now) = (&self.context.store, &self.endpoint.id, self.context.now());
        let key = match self.endpoint.order {
            Order::None => key,
            Order::Subject => {
                let first = store.earliest(&Sequence::of(&key, id), 1).await?.into_iter().next();
                let Some(first) = first else { return Ok(Look::None) };
                if let Some(delivery) = first.work.delivery(id).filter(|own| !self.is_free(own)) {
                    return Ok(Look::Leased(delivery.progress.due));
                }
                first.key
            }
        };
        let record = match store.load(&key, now).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Look::None),
            Err(StoreError::Damaged { work: Some(work), .. }) => {
                self.end_damaged(&key, *work).await;
                return Ok(Look::None);
            }
            Err(error) if error.retryable() => return Err(error),
            Err(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::error!(event = %key.id, error, "an event that cannot be read is not handed out");
                return Ok(Look::None);
            }
        };
        let Some(delivery) = record.work.delivery(id).filter(|own| own.pull && own.is_pending()) else {
            return Ok(Look::None);
        };
        if !self.is_free(delivery) {
            return Ok(Look::Leased(delivery.progress.due));
        }
        let Some(event) = told(self.context, &record) else { return Ok(Look::None) };
        let printed = content(&event, Format::CloudEvents).body;
        let Record { event: Event { meta, .. }, work } = record;
        Ok(Look::Free(Box::new(Candidate { key, work, received: meta.received, event: printed })))
    }

    fn is_free(&self, delivery: &Delivery) -> bool {
        delivery.is_leasable(self.endpoint.lease, self.context.now())
    }

    /// Leases these, in rounds. What another consumer has leased meanwhile is left out.
    async fn take(&self, candidates: Vec<Candidate>) -> Result<Vec<Leased>, StoreError> {
        let (mut leased, mut failure) = (Vec::new(), None);
        let (mut rest, mut round) = (candidates.into_iter(), FIRST_ROUND);
        loop {
            let these: Vec<_> = rest.by_ref().take(round).collect();
            let number = these.len();
            let results = join_all(these.into_iter().map(|candidate| self.lease(candidate))).await;
            let before = leased.len();
            for result in results {
                match result {
                    Ok(one) => leased.extend(one),
                    Err(error) => failure = Some(error),
                }
            }
            let are_mine = 2 * (leased.len() - before) >= number;
            if number < round || failure.is_some() || !are_mine {
                break;
            }
            round *= 2;
        }
        match failure {
            Some(error) if leased.is_empty() => Err(error),
            Some(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::warn!(endpoint = %self.endpoint.id, error, "some deliveries were not leased; they come at a later request");
                Ok(leased)
            }
            None => Ok(leased),
        }
    }

    /// Leases one; nothing where another consumer has it.
    async fn lease(&self, candidate: Candidate) -> Result<Option<Leased>, StoreError> {
        let Candidate { key, mut work, event, .. } = candidate;
        let (store, id) = (&self.context.store, &self.endpoint.id);
        for _ in 0..TRIES {
            let now = self.context.now();
            let Some(delivery) = work.delivery(id).filter(|own| self.is_free(own)) else { return Ok(None) };
            let until = now.after(self.endpoint.lease);
            let next = delivery.clone().leased(until, now);
            let (claim, state) = (next.progress.claim, next.state);
            let changed = Work { version: work.version + 1, ..work.clone() }.with(next.clone());
            if store.settle(&key, &changed).await? == Settled::Done {
                if state != State::Pending {
                    let why = next.progress.attempts.last().map(|last| last.detail.as_str());
                    let (event, subject) = (&key.id, &key.subject);
                    tracing::warn!(%event, %subject, endpoint = %id, why, "a delivery has failed: replay or confirm it");
                    settled(self.context, &key, &next, now);
                    return Ok(None);
                }
                return Ok(Some(Leased { key, claim, until, event }));
            }
            // Another consumer, or another delivery of the event.
            let Some(found) = store.inspect(&key, now).await? else { return Ok(None) };
            work = found.work;
        }
        Ok(None)
    }

    /// Ends a delivery whose event is damaged: it is listed as failed, as those that are sent.
    async fn end_damaged(&self, key: &EventKey, work: Work) {
        let (id, now) = (&self.endpoint.id, self.context.now());
        let Some(delivery) = work.delivery(id).filter(|own| self.is_free(own)) else { return };
        let (event, subject, connection) = (&key.id, &key.subject, &key.connection);
        tracing::error!(%event, %subject, %connection, endpoint = %id, "a stored event is damaged and is not handed out");
        let failed = delivery.clone().given_up(DAMAGED, now);
        let changed = Work { version: work.version + 1, ..work }.with(failed.clone());
        match self.context.store.settle(key, &changed).await {
            Ok(Settled::Done) => settled(self.context, key, &failed, now),
            Ok(Settled::Stale) => {}
            Err(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::warn!(%event, endpoint = %id, error, "that its delivery has failed is not stored; the next request repeats it");
            }
        }
    }
}

/// Counts a delivery that has ended.
pub(crate) fn settled<S, Q>(context: &Context<S, Q>, key: &EventKey, delivery: &Delivery, now: Utc) {
    let delay = if delivery.state == State::Delivered { now.since(delivery.progress.since) } else { Duration::ZERO };
    context.count(&Counted::Delivery {
        connection: &key.connection,
        endpoint: &delivery.endpoint,
        state: delivery.state,
        delay,
    });
    if let Some(sample) = metrics::settled(delivery, now) {
        metrics::emit(now, &sample);
    }
}

/// The event that is handed out: the stored one, or that of how a call ended.
fn told<S, Q>(context: &Context<S, Q>, record: &Record) -> Option<Event> {
    if record.work.call.is_none() {
        return Some(record.event.clone());
    }
    hub::call::end(record, &context.config.account(&record.event.key.connection))
}
