//! The book of a history: what was pushed, what was answered, what the store took and what the ERP got, each at its
//! time. It knows nothing of how the hub decides, and holds every step to the hub's promises.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use config::Config;
use hub::delivery::{Delivery, State};
use hub::ledger::Tally;
use hub::progress::Progress;
use hub::schedule::Schedule;
use hub::{EndpointId, Event, EventKey, Subject, Utc, Work};

use super::calls::Calls;
use super::pushes::{CHAINED, Claim, Fact, REPEAT_WINDOW, canonical, wanted};

/// The result of holding a promise to what happened: what is broken.
pub(super) type Held = Result<(), String>;

/// How much earlier than its time a retry may begin: its hint may have been timed by another clock.
const CLOCKS: Duration = Duration::from_secs(1);

/// How long a push may take from its beginning to the time that its event bears, and how far that may be ahead of the
/// clock by which it was decided.
const UNSURE: Duration = Duration::from_mins(1);

/// One fact in one push, from its beginning to its answer.
#[derive(Clone, Copy, Debug)]
struct Pushed {
    from: u64,
    /// When it began.
    began: Utc,
    /// When it was answered positively.
    until: Option<u64>,
}

/// What is known of a fact.
#[derive(Debug, Default)]
struct Known {
    /// The payloads it was pushed as.
    data: BTreeSet<Vec<u8>>,
    pushes: Vec<Pushed>,
    /// When it was stored.
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
pub(super) struct Kept {
    pub(super) key: EventKey,
    /// What the ERP is told that it is about.
    pub(super) subject: Subject,
    pub(super) kind: String,
    pub(super) data: Vec<u8>,
}

/// One event on its way to one endpoint.
#[derive(Debug, Default)]
struct Way {
    /// When attempts began, since the schedule did.
    attempts: Vec<Utc>,
    /// Until when the endpoint asked for patience.
    patience: Utc,
    /// How often the endpoint took it.
    taken: u32,
    /// How often it was started over after it had been delivered.
    again: u32,
    /// Its retry was brought forward: the next attempt uses up no step of the schedule.
    forwarded: bool,
}

/// What is true in a history.
#[derive(Debug)]
pub(super) struct Book {
    facts: BTreeMap<Fact, Known>,
    chains: BTreeMap<(String, String), Vec<Link>>,
    kept: BTreeMap<String, Kept>,
    ways: BTreeMap<(String, EndpointId), Way>,
    schedules: BTreeMap<EndpointId, Schedule>,
    /// Something befell these events that allows a second attempt at what was taken.
    blemished: BTreeSet<EventKey>,
    tally: Tally,
    /// The ERP's calls.
    pub(super) calls: Calls,
    /// How often a partner was not acknowledged and gave up.
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

impl Book {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            facts: BTreeMap::new(),
            chains: BTreeMap::new(),
            kept: BTreeMap::new(),
            ways: BTreeMap::new(),
            schedules: config.endpoints.values().map(|e| (e.id.clone(), e.schedule.clone())).collect(),
            blemished: BTreeSet::new(),
            tally: Tally::default(),
            calls: Calls::default(),
            refused: 0,
            clocks_lie: false,
            replays: false,
            confirmed_until: Utc::default(),
        }
    }

    /// A push begins.
    pub(super) fn pushed(&mut self, claims: &[Claim], from: u64, began: Utc) -> Ticket {
        let one = |claim: &Claim| {
            let known = self.facts.entry(claim.fact.clone()).or_default();
            known.data.insert(claim.data.clone());
            known.pushes.push(Pushed { from, began, until: None });
            (claim.fact.clone(), known.pushes.len() - 1)
        };
        claims.iter().map(one).collect()
    }

    /// A push is acknowledged: each of its facts must be stored by now, and of a chain be its latest at some time in
    /// between and no older than the repeat window.
    pub(super) fn acknowledged(&mut self, ticket: &Ticket, until: u64) -> Held {
        for (fact, place) in ticket {
            let Some(known) = self.facts.get_mut(fact) else { continue };
            let pushed = &mut known.pushes[*place];
            pushed.until = Some(until);
            if !known.stored.iter().any(|stored| *stored < until) {
                return Err(format!("{fact:?} was acknowledged before it was stored"));
            }
            let (_, kind, subject, content) = fact;
            if *kind != CHAINED {
                continue;
            }
            let chain = &self.chains[&((*kind).to_owned(), subject.clone())];
            let latest = (0..chain.len()).any(|n| {
                let over = chain.get(n + 1).map_or(u64::MAX, |next| next.at);
                let recent = self.clocks_lie || pushed.began.since(chain[n].received) <= REPEAT_WINDOW;
                chain[n].content == *content && chain[n].at < until && over > pushed.from && recent
            });
            if !latest {
                return Err(format!("{fact:?} was acknowledged, and was at no time of its push the latest and recent"));
            }
        }
        Ok(())
    }

    /// The store took an event: once for each fact, of a chain not twice in a row within the repeat
    /// window, and as it was pushed.
    pub(super) fn admitted(&mut self, event: &Event, work: &Work, at: u64) -> Held {
        if let Some(call) = &work.call {
            self.tally += work.tally();
            return self.calls.admitted(event, call).and_then(|()| self.balanced());
        }
        let data = event.data().into_owned();
        let (kind, subject) = (event.meta.kind.to_string(), event.key.subject.to_string());
        let found = self.facts.iter_mut().find(|((connection, k, s, content), _)| {
            *connection == event.key.connection.as_str() && *k == kind && *s == subject && *content == canonical(&data)
        });
        let Some((fact, known)) = found else { return Err(format!("{kind} {subject} was never pushed")) };
        if !known.data.contains(&data) {
            return Err(format!("{fact:?} is not stored as it was pushed"));
        }
        known.stored.push(at);
        if kind == CHAINED {
            let chain = self.chains.entry((kind.clone(), subject)).or_default();
            let (content, received) = (fact.3.clone(), event.meta.received);
            if let Some(last) = chain.last() {
                let again = last.content == content && received.since(last.received) + UNSURE <= REPEAT_WINDOW;
                if again && !self.clocks_lie {
                    return Err(format!("{fact:?} was stored twice in a row within the window"));
                }
                if last.received >= received && !self.clocks_lie {
                    return Err(format!("{fact:?} was received before its predecessor"));
                }
            }
            let equal = |within: Duration| {
                let recent = |link: &Link| received.since(link.received) <= within;
                chain.iter().any(|link| link.content == content && recent(link))
            };
            let again = chain.last().is_some_and(|last| last.content == content);
            let marked = event.meta.possible_repeat;
            let right = if marked {
                again || equal(REPEAT_WINDOW + UNSURE)
            } else {
                !again && !equal(REPEAT_WINDOW.saturating_sub(UNSURE))
            };
            if !right && !self.clocks_lie {
                return Err(format!("{fact:?}: possiblerepeat is {marked}"));
            }
            chain.push(Link { at, content, received });
        } else if known.stored.len() > 1 {
            return Err(format!("{fact:?} was stored twice"));
        }
        let endpoints: BTreeSet<_> = work.deliveries.iter().map(|delivery| delivery.endpoint.as_str()).collect();
        if endpoints != wanted(&kind).iter().copied().collect() {
            return Err(format!("{kind} goes to {endpoints:?}"));
        }
        let (id, subject) = (event.key.id.to_string(), event.key.subject.clone());
        self.keep(id, Kept { key: event.key.clone(), subject, kind, data })?;
        self.tally += work.tally();
        self.balanced()
    }

    fn keep(&mut self, id: String, kept: Kept) -> Held {
        match self.kept.insert(id, kept) {
            Some(kept) => Err(format!("two events have the id of {kept:?}")),
            None => Ok(()),
        }
    }

    fn balanced(&self) -> Held {
        if self.tally.balanced() { Ok(()) } else { Err(format!("the ledger does not balance: {:?}", self.tally)) }
    }

    /// The store took a change: nothing vanishes, and every delivery goes where it may from where it was.
    pub(super) fn settled(&mut self, key: &EventKey, before: &Work, after: &Work, now: Utc) -> Held {
        let (was, is) = (before.tally(), after.tally());
        self.tally += is;
        self.tally.accepted -= was.accepted;
        self.tally.delivered -= was.delivered;
        self.tally.pending -= was.pending;
        self.tally.failed -= was.failed;
        self.tally.confirmed -= was.confirmed;
        self.tally.unrouted -= was.unrouted;
        self.tally.calls.queued -= was.calls.queued;
        self.tally.calls.succeeded -= was.calls.succeeded;
        self.tally.calls.failed -= was.calls.failed;
        self.tally.calls.ambiguous -= was.calls.ambiguous;
        self.balanced()?;
        if before.call != after.call {
            return self.called(key, before, after);
        }
        for old in &before.deliveries {
            let Some(new) = after.delivery(&old.endpoint) else {
                return Err(format!("the delivery of {} to {} vanished", key.id, old.endpoint));
            };
            if old != new {
                self.moved(key, old, new, now).map_err(|what| format!("{} to {}: {what}", key.id, old.endpoint))?;
            }
        }
        if after.deliveries.len() > before.deliveries.len() && !self.replays {
            return Err(format!("{} got a delivery that nobody asked for", key.id));
        }
        Ok(())
    }

    /// The store took a change of a call: where that ended it, its end and its telling are one change.
    fn called(&mut self, key: &EventKey, before: &Work, after: &Work) -> Held {
        if let Some((id, told)) = self.calls.changed(key, after)? {
            let (data, kind) = (told.data().into_owned(), told.meta.kind.to_string());
            self.keep(id, Kept { key: key.clone(), subject: told.key.subject, kind, data })?;
            let fresh = |delivery: &Delivery| delivery.state == State::Pending && delivery.progress.tries == 0;
            if !after.delivery(&"erp".into()).is_some_and(fresh) {
                return Err(format!("the end of the call {} is told to nobody", key.id));
            }
            return Ok(());
        }
        let kept = |old: &&Delivery| !after.delivery(&old.endpoint).is_some_and(|new| superseded(old, new));
        before.deliveries.iter().find(kept).map_or(Ok(()), |old| Err(format!("the telling {old:?} vanished")))
    }

    fn moved(&mut self, key: &EventKey, old: &Delivery, new: &Delivery, now: Utc) -> Held {
        let way = self.ways.entry((self.calls.told(key), old.endpoint.clone())).or_default();
        // A claim goes on when the clock is set back.
        let (was, is) = (&old.progress, &new.progress);
        let progress = Progress { due: is.due, ..was.clone() };
        let brought_back = self.clocks_lie && is.due < was.due && *new == Delivery { progress, ..old.clone() };
        if is.claim <= was.claim && !brought_back {
            return Err(format!("claim {} came after claim {}", is.claim, was.claim));
        }
        match (old.state, new.state) {
            (State::Pending, State::Delivered) if way.taken == 0 => Err("delivered, but never taken".to_owned()),
            (State::Pending, State::Pending) => {
                way.forwarded |= is.brought_forward.is_some() && was.brought_forward.is_none();
                if is.at_once {
                    way.patience = Utc::default();
                }
                let last = is.attempts.last();
                let attempted = last.is_some_and(|last| last.postponed == 0) && last != was.attempts.last();
                if attempted && is.first_due.is_some() && !is.is_claimed {
                    // A probe that failed for the endpoint's sake.
                    way.attempts.pop();
                }
                Ok(())
            }
            (State::Pending, State::Delivered) => Ok(()),
            (State::Pending, State::Failed) => {
                let schedule = &self.schedules[&old.endpoint];
                let least: Duration = (0..schedule.steps()).filter_map(|tries| schedule.delay(tries, 0.0)).sum();
                let took = now.since(is.since);
                let early = took < least && !self.blemished.contains(key);
                if way.attempts.is_empty() || early {
                    return Err(format!("given up after {took:?} and {} attempts", way.attempts.len()));
                }
                Ok(())
            }
            (State::Failed, State::Confirmed) if was.due <= self.confirmed_until => Ok(()),
            (State::Delivered | State::Failed | State::Confirmed, State::Pending) if self.replays => {
                way.again += u32::from(old.state == State::Delivered);
                way.attempts.clear();
                way.patience = Utc::default();
                Ok(())
            }
            (from, to) => Err(format!("{from:?} became {to:?}")),
        }
    }

    /// An attempt begins at an endpoint; returns what is attempted.
    pub(super) fn attempted(&mut self, id: &str, endpoint: &EndpointId, now: Utc) -> Result<&Kept, String> {
        let kept = self.kept.get(id).ok_or_else(|| format!("{id} was sent to {endpoint} and is not stored"))?;
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

    /// How often that happened.
    pub(super) const fn refusals(&self) -> usize {
        self.refused
    }

    /// How many events are stored.
    pub(super) fn events(&self) -> usize {
        self.kept.len()
    }

    /// The counts as they follow from every change.
    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// The end: every stored event came from a push of its own, and what was delivered was taken as often as it may be.
    pub(super) fn closed<'w>(&self, works: impl Iterator<Item = (&'w EventKey, &'w Work)>) -> Held {
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
        // What was told of a call before it was sent again was told once, too, or not in time.
        for ((id, endpoint), way) in &self.ways {
            let blemished = self.kept.get(id).is_none_or(|kept| self.blemished.contains(&kept.key));
            if !blemished && way.taken > 1 + way.again {
                return Err(format!("{id} was taken {} times by {endpoint}", way.taken));
            }
        }
        self.calls.closed()
    }

    /// How many events no fault befell.
    pub(super) fn unblemished(&self) -> usize {
        self.kept.values().filter(|kept| !self.blemished.contains(&kept.key)).count()
    }
}

/// A delivery of an end that is no longer one: it stays as it is, or nothing is left to tell.
fn superseded(old: &Delivery, new: &Delivery) -> bool {
    old == new || (old.state == State::Pending && new.state == State::Confirmed)
}
