//! Checker of a history: it records pushes, answers, writes of the store and deliveries with their times, and checks each step
//! against the hub's promises. It knows nothing of how the hub decides.

mod admissions;
mod changes;
mod lost;
mod order;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use config::Config;
use hub::delivery::State;
use hub::ledger::Tally;
use hub::schedule::Schedule;
use hub::{EndpointId, EventKey, Subject, Utc, Work};

use super::calls::Calls;
use super::files::Desk;
use super::pushes::{CHAINED, Fact};

/// Result of a check: the broken promise, if any.
pub(super) type Verdict = Result<(), String>;

/// Time by which a retry may begin early: its hint may have been timed by another clock.
const CLOCKS: Duration = Duration::from_secs(1);

/// One fact in one push, from its beginning to its answer.
#[derive(Clone, Copy, Debug)]
struct Pushed {
    from: u64,
    /// Beginning.
    began: Utc,
    /// Time of its positive answer.
    until: Option<u64>,
}

/// Record of a fact.
#[derive(Debug, Default)]
struct Known {
    /// The payloads it was pushed as.
    data: BTreeSet<Vec<u8>>,
    pushes: Vec<Pushed>,
    /// Times at which it was stored.
    stored: Vec<u64>,
}

/// One link of a chain.
#[derive(Debug)]
struct Link {
    at: u64,
    content: String,
    received: Utc,
}

/// A stored event.
#[derive(Debug)]
pub(super) struct StoredEvent {
    pub(super) key: EventKey,
    /// Subject in the delivery to the ERP.
    pub(super) subject: Subject,
    pub(super) kind: String,
    pub(super) data: Vec<u8>,
}

/// One event on its way to one endpoint.
#[derive(Debug, Default)]
struct Way {
    /// Beginnings of the attempts since the schedule began.
    attempts: Vec<Utc>,
    /// End of the latest `Retry-After`.
    patience: Utc,
    /// Number of times that the endpoint took it.
    taken: u32,
    /// Number of times that it was started over after it had been delivered.
    again: u32,
    /// Its retry was brought forward: the next attempt uses up no step of the schedule.
    forwarded: bool,
}

/// The recorded facts of a history, and the checks against them.
#[derive(Debug)]
pub(super) struct Checker {
    facts: BTreeMap<Fact, Known>,
    chains: BTreeMap<(String, String), Vec<Link>>,
    kept: BTreeMap<String, StoredEvent>,
    ways: BTreeMap<(String, EndpointId), Way>,
    schedules: BTreeMap<EndpointId, Schedule>,
    /// Something befell these events that allows a second attempt at what was taken.
    blemished: BTreeSet<EventKey>,
    tally: Tally,
    /// Silences that were told: of which subject, and since when.
    silences: BTreeSet<(String, Utc)>,
    /// The ERP's calls.
    pub(super) calls: Calls,
    /// Files that events name.
    pub(super) files: Desk,
    /// Pushes that XHQ gave up.
    pub(super) lost: lost::Lost,
    /// Orders of subjects.
    orders: order::Orders,
    /// Number of pushes that were not acknowledged until the partner gave up.
    refused: usize,
    /// The clock jumps: what was stored later may have been received earlier.
    pub(super) clocks_lie: bool,
    /// Operators replay.
    pub(super) replays: bool,
    /// Operators confirm what failed until then.
    pub(super) confirmed_until: Utc,
}

/// The events of a push that is under way.
pub(super) type Ticket = Vec<(Fact, usize)>;

impl Checker {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            facts: BTreeMap::new(),
            chains: BTreeMap::new(),
            kept: BTreeMap::new(),
            ways: BTreeMap::new(),
            schedules: config.endpoints.values().map(|e| (e.id.clone(), e.schedule.clone())).collect(),
            blemished: BTreeSet::new(),
            tally: Tally::default(),
            silences: BTreeSet::new(),
            calls: Calls::default(),
            files: Desk::default(),
            lost: lost::Lost::default(),
            orders: order::Orders::new(config),
            refused: 0,
            clocks_lie: false,
            replays: false,
            confirmed_until: Utc::default(),
        }
    }

    fn keep(&mut self, id: String, kept: StoredEvent) -> Verdict {
        match self.kept.insert(id, kept) {
            Some(kept) => Err(format!("two events have the id of {kept:?}")),
            None => Ok(()),
        }
    }

    fn balanced(&self) -> Verdict {
        if self.tally.balanced() { Ok(()) } else { Err(format!("the ledger does not balance: {:?}", self.tally)) }
    }

    /// An attempt begins at an endpoint; returns what is attempted.
    pub(super) fn attempted(&mut self, id: &str, endpoint: &EndpointId, now: Utc) -> Result<&StoredEvent, String> {
        let kept = self.kept.get(id).ok_or_else(|| format!("{id} was sent to {endpoint} and is not stored"))?;
        self.in_order(&kept.key, endpoint, now)?;
        let way = self.ways.entry((id.to_owned(), endpoint.clone())).or_default();
        let schedule = &self.schedules[endpoint];
        if std::mem::take(&mut way.forwarded) {
            return Ok(kept);
        }
        if let (Some(last), false) = (way.attempts.last(), self.blemished.contains(&kept.key)) {
            let step =
                u32::try_from(way.attempts.len() - 1).unwrap_or(u32::MAX).min(schedule.steps().saturating_sub(1));
            let least = schedule.delay(step, 0.0).unwrap_or_default();
            let gap = now.since(*last);
            if gap + CLOCKS < least {
                return Err(format!("{id} was sent to {endpoint} again after {gap:?}, the schedule says {least:?}"));
            }
            if now.after(CLOCKS) < way.patience {
                return Err(format!("{id} was sent to {endpoint} again before {}, as it had asked", way.patience));
            }
        }
        way.attempts.push(now);
        Ok(kept)
    }

    /// An endpoint asked not to be sent an event again before then.
    pub(super) fn asked(&mut self, id: &str, endpoint: &EndpointId, until: Utc) {
        self.ways.entry((id.to_owned(), endpoint.clone())).or_default().patience = until;
    }

    /// An endpoint took an event.
    pub(super) fn taken(&mut self, id: &str, endpoint: &EndpointId) {
        self.ways.entry((id.to_owned(), endpoint.clone())).or_default().taken += 1;
    }

    /// A fault befell these events that allows a second attempt.
    pub(super) fn blemish(&mut self, keys: impl IntoIterator<Item = EventKey>) {
        self.blemished.extend(keys);
    }

    /// A fault befell an event, known by its id.
    pub(super) fn blemish_id(&mut self, id: &str) {
        let key = self.kept.get(id).map(|kept| kept.key.clone());
        self.blemish(key);
    }

    /// Some stored event.
    pub(super) fn some(&self, place: impl FnOnce(usize) -> usize) -> Option<EventKey> {
        (!self.kept.is_empty()).then(|| self.kept.values().nth(place(self.kept.len())).map(|kept| kept.key.clone()))?
    }

    /// A partner was not acknowledged and gave up.
    pub(super) const fn refused(&mut self) {
        self.refused += 1;
    }

    /// Number of pushes that were not acknowledged until the partner gave up.
    pub(super) const fn refusals(&self) -> usize {
        self.refused
    }

    /// Number of stored events.
    pub(super) fn events(&self) -> usize {
        self.kept.len()
    }

    /// The counts as they follow from every change.
    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// The end: every stored event came from a push of its own, and what was delivered was taken as often as it may be.
    pub(super) fn closed<'w>(&self, works: impl Iterator<Item = (&'w EventKey, &'w Work)>) -> Verdict {
        // A repetition that the clock moved out of the window is news, and says that it may be none.
        let told_apart = |fact: &Fact| fact.1 != CHAINED || !self.clocks_lie;
        for (fact, known) in self.facts.iter().filter(|(fact, _)| told_apart(fact)) {
            let mut pushes: Vec<_> = known.pushes.clone();
            pushes.sort_by_key(|pushed| pushed.until.unwrap_or(u64::MAX));
            for stored in &known.stored {
                let cause = pushes.iter().position(|p| p.from < *stored && *stored < p.until.unwrap_or(u64::MAX));
                let cause = cause.ok_or_else(|| format!("{fact:?} was stored more often than it was pushed"))?;
                pushes.remove(cause);
            }
        }
        for (key, work) in works {
            for delivery in &work.deliveries {
                // An endpoint that a call was replayed to is told of no later end by itself.
                let mut told = self.calls.all_told(key).into_iter().rev();
                let way = told.find_map(|id| self.ways.get(&(id, delivery.endpoint.clone())));
                let (taken, again) = way.map_or((0, 0), |way| (way.taken, way.again));
                let delivered = u32::from(delivery.state == State::Delivered);
                if taken < delivered || (taken != delivered + again && !self.blemished.contains(key)) {
                    let state = delivery.state;
                    return Err(format!(
                        "{} is {state:?} at {} and was taken {taken} times",
                        key.id, delivery.endpoint
                    ));
                }
            }
        }
        // The end event of a call before it was sent again was delivered once too, or not in time.
        for ((id, endpoint), way) in &self.ways {
            let blemished = self.kept.get(id).is_none_or(|kept| self.blemished.contains(&kept.key));
            if !blemished && way.taken > 1 + way.again {
                return Err(format!("{id} was taken {} times by {endpoint}", way.taken));
            }
        }
        self.lost.closed()?;
        self.calls.closed()
    }

    /// Number of events that had no fault.
    pub(super) fn unblemished(&self) -> usize {
        self.kept.values().filter(|kept| !self.blemished.contains(&kept.key)).count()
    }
}
