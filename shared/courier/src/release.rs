//! Release of postponed attempts after a circuit closed: they are brought forward, the oldest first, no faster than the lane of
//! the destination accepts them. The others are brought forward at the next success, or keep their due times.

use std::collections::BTreeMap;
use std::time::Duration;

use hub::breaker::Reopened;
use hub::progress::Outgoing;
use hub::{EventKey, Utc};
use queue::{Hint, Queue};
use store::{Store, StoreError};
use tokio::time::timeout;

use crate::Courier;
use crate::change::change;
use crate::line::Line;
use crate::lines::line_name;
use crate::target::{Target, ToEndpoint, ToPartner};

/// Number of postponed attempts that are looked up at once, and the largest number for one closing.
const PAGE: usize = 256;
const MOST: usize = 20_000;

/// Number of attempts that are brought forward between two checks that the circuit is still closed.
const CHUNK: usize = 16;

/// Longest wait for room in the lane; the other attempts are brought forward after some deliveries.
const ROOM: Duration = Duration::from_secs(20);

/// Something that waits.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    received: Utc,
    kind: String,
    key: EventKey,
}

/// A circuit that has closed for a kind, and what that makes sendable.
pub(crate) struct Release<'a, S, Q> {
    pub(crate) courier: &'a Courier<S, Q>,
    pub(crate) line: &'a Line,
    pub(crate) kind: &'a str,
    pub(crate) reopened: Reopened,
}

impl<S: Store, Q: Queue> Release<'_, S, Q> {
    /// Brings the deliveries to an endpoint forward that its circuit held back.
    pub(crate) async fn deliveries(&self, endpoint: ToEndpoint<'_>) {
        if let Some(_releasing) = self.line.releasing(self.kind) {
            self.waiting(endpoint).await;
        }
    }

    /// Brings the calls of all connections forward that their partner's circuit held back.
    pub(crate) async fn calls(&self) {
        let Some(_releasing) = self.line.releasing(self.kind) else { return };
        let config = &self.courier.context.config;
        for connection in config.connections.values().filter(|own| self.line.is(&line_name(own))) {
            self.waiting(ToPartner { connection: &connection.id, config }).await;
        }
    }

    /// Brings forward what waits for a destination.
    async fn waiting<T: Target>(&self, target: T) {
        let waiting = self.chosen(self.found(target).await);
        if !self.bring_forward(target, &waiting).await {
            self.line.leaves(self.kind);
        }
    }

    /// All postponed attempts, the oldest first, as far as the store answers.
    async fn found<T: Target>(&self, target: T) -> Vec<Waiting> {
        let (courier, which) = (self.courier, target.waiting());
        let (mut found, mut from) = (Vec::new(), None);
        while found.len() < MOST {
            let page = match courier.context.store.pending(&which, from.as_deref(), PAGE, courier.now()).await {
                Ok(page) => page,
                Err(error) => {
                    left(&error);
                    break;
                }
            };
            found.extend(page.items.into_iter().filter_map(|listed| {
                target.find(&listed.work)?.clone().forwarded(false, courier.now())?;
                let kind = target.kind(&listed)?;
                Some(Waiting { received: listed.meta.received, kind, key: listed.key })
            }));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        found.sort();
        found
    }

    /// The attempts to make at once: all without an open circuit of their own, and the newest of each open one, as its probe.
    fn chosen(&self, found: Vec<Waiting>) -> Vec<Waiting> {
        let mut probes: BTreeMap<String, Waiting> = BTreeMap::new();
        let mut chosen = Vec::new();
        for waiting in found {
            if self.reopened == Reopened::Kind && waiting.kind != self.kind {
                continue;
            }
            if self.line.holds_back(&waiting.kind) {
                probes.insert(waiting.kind.clone(), waiting);
            } else {
                chosen.push(waiting);
            }
        }
        let probes = probes.into_values().filter(|probe| probe.kind != self.kind);
        probes.chain(chosen).collect()
    }

    /// Brings forward what may go out; whether all of it was.
    async fn bring_forward<T: Target>(&self, target: T, waiting: &[Waiting]) -> bool {
        let (courier, queue) = (self.courier, &self.courier.context.queue);
        let (lane, mut brought_forward) = (target.lane(), 0);
        for chunk in waiting.chunks(CHUNK) {
            if courier.patience(target.longest()).is_none() {
                tracing::info!(
                    brought_forward,
                    "this process ends: the remaining postponed attempts keep their due times"
                );
                return false;
            }
            // Work that is claimed and then dropped by a full lane would wait for the end of its lease.
            if timeout(ROOM, queue.room(&lane, chunk.len())).await.is_err() {
                tracing::info!(brought_forward, "the lane is full: the remaining postponed attempts follow");
                return false;
            }
            let mut hints = Vec::new();
            for Waiting { kind, key, .. } in chunk {
                if self.line.closed_until(kind, courier.now()).is_some() {
                    continue;
                }
                match self.one(target, key).await {
                    Ok(hint) => hints.extend(hint),
                    Err(error) => {
                        left(&error);
                        return false;
                    }
                }
            }
            if hints.is_empty() {
                continue;
            }
            brought_forward += hints.len();
            if !matches!(timeout(ROOM, queue.send(hints, Duration::ZERO)).await, Ok(Ok(()))) {
                tracing::info!(brought_forward, "the queue does not answer: postponed attempts keep their due times");
                return false;
            }
        }
        if brought_forward > 0 {
            tracing::info!(brought_forward, "attempts postponed by the circuit are sent now");
        }
        true
    }

    /// Brings one forward. What is due at once is claimed for as long as its attempt may take; what the destination asked
    /// patience for is not, and needs no hint.
    async fn one<T: Target>(&self, target: T, key: &EventKey) -> Result<Option<Hint>, StoreError> {
        let courier = self.courier;
        let Some(found) = courier.context.store.inspect(key, courier.now()).await? else { return Ok(None) };
        let lease = target.waits().lease;
        let forward = |work| {
            let now = courier.now();
            let item = target.find(&work)?.clone().forwarded(false, now)?;
            let item = if now < item.progress().due { item } else { item.claimed(now.after(lease)) };
            Some(target.put(work, item))
        };
        let Some(work) = change(courier, key, found.work, forward).await? else { return Ok(None) };
        let claimed = target.find(&work).map(Outgoing::progress).filter(|progress| progress.is_claimed);
        Ok(claimed.map(|progress| Hint { key: key.clone(), job: target.job(progress.claim) }))
    }
}

fn left(error: &StoreError) {
    let error = telemetry::logs::chain(error);
    tracing::warn!(error, "postponed attempts could not all be brought forward; the others keep their due times");
}
