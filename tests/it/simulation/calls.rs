//! Checker of the calls in a history: it records the ERP's requests, the partners' executions and the states of the calls, and
//! checks each step against the promises of calls.

use std::collections::BTreeMap;

use hub::call::{Account, Call, Decision, Standing, end};
use hub::progress::Progress;
use hub::{Event, EventKey, Record, Work};

use super::checker::Verdict;

/// Matter of a call: its idempotency key, and the number of the file or subscription in its body.
pub(super) type Matter = String;

/// Record of a matter.
#[derive(Debug, Default)]
struct Known {
    /// The partner may be asked twice.
    safe: bool,
    /// Number of times that the partner did it.
    done: u32,
    /// That number at the latest decision to send it again.
    done_before: u32,
    /// Number of times that the ERP had it sent again.
    retries: u32,
    /// Decisions of the ERP.
    asked: Vec<Decision>,
    /// The ERP cancels it.
    cancels: bool,
    /// The partner has refused it for good.
    refused: bool,
}

/// A call as it is stored.
#[derive(Debug)]
struct StoredEvent {
    event: Event,
    call: Call,
    /// Number of calls that were accepted before it.
    accepted: usize,
    /// Earlier calls about its order that were ambiguous and are queued again, each with the last claim of this one that may have
    /// been under way at that moment.
    queued_again: BTreeMap<EventKey, u32>,
    /// Ids of the events of its ends, the latest last.
    told: Vec<String>,
}

impl StoredEvent {
    /// The order that it is about.
    fn order(&self) -> Option<&str> {
        self.event.meta.aliases.iter().map(hub::Alias::as_str).find(|alias| alias.starts_with("order:"))
    }
}

/// The calls of a history.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: BTreeMap<Matter, Known>,
    kept: BTreeMap<EventKey, StoredEvent>,
    /// Number of calls by their end.
    ends: BTreeMap<&'static str, usize>,
}

impl Calls {
    /// The ERP asks for something, perhaps not for the first time.
    pub(super) fn asked(&mut self, matter: &str, safe: bool) {
        self.known.entry(matter.to_owned()).or_default().safe = safe;
    }

    /// Checks that a call is stored before the ERP learns of its acceptance.
    pub(super) fn accepted(&self, id: &str) -> Verdict {
        let stored = self.kept.keys().any(|key| key.id.to_string() == id);
        if stored { Ok(()) } else { Err(format!("the call {id} was accepted before it was stored")) }
    }

    /// The ERP makes a decision about a call, which may never arrive.
    pub(super) fn decided(&mut self, key: &EventKey, decision: Decision) {
        let matter = self.kept.get(key).map(|kept| kept.call.key.clone());
        if let Some(known) = matter.and_then(|matter| self.known.get_mut(&matter)) {
            known.asked.push(decision);
        }
    }

    /// The ERP cancels a call, which may never arrive.
    pub(super) fn cancelled(&mut self, key: &EventKey) {
        let matter = self.kept.get(key).map(|kept| kept.call.key.clone());
        if let Some(known) = matter.and_then(|matter| self.known.get_mut(&matter)) {
            known.cancels = true;
        }
    }

    /// The calls in a state.
    pub(super) fn standing(&self, standing: Standing) -> Vec<EventKey> {
        let own = self.kept.iter().filter(|(_, kept)| kept.call.standing == standing);
        own.map(|(key, _)| key.clone()).collect()
    }

    /// The store took a call, the only one about its matter.
    pub(super) fn admitted(&mut self, event: &Event, call: &Call) -> Verdict {
        if !self.known.contains_key(&call.key) {
            return Err(format!("nobody asked for {}", call.key));
        }
        if self.kept.values().any(|kept| kept.call.key == call.key) {
            return Err(format!("{} is two calls", call.key));
        }
        let kept = StoredEvent {
            event: event.clone(),
            call: call.clone(),
            accepted: self.kept.len(),
            queued_again: BTreeMap::new(),
            told: Vec::new(),
        };
        self.kept.insert(event.key.clone(), kept);
        Ok(())
    }

    /// A request reaches the wire: what must not be done twice was marked before, and no earlier call about its order is queued.
    pub(super) fn sent(&self, matter: &str) -> Verdict {
        let kept = self.kept.values().find(|kept| kept.call.key == matter);
        let (Some(known), Some(own)) = (self.known.get(matter), kept) else {
            return Err(format!("{matter} was sent before it was stored"));
        };
        let call = &own.call;
        let overtaken = self.kept.values().find(|other| {
            let is_ahead = other.order() == own.order() && own.order().is_some() && other.accepted < own.accepted;
            let late = own.queued_again.get(&other.event.key).is_some_and(|last| call.progress.claim <= *last);
            is_ahead && other.call.standing == Standing::Queued && !late
        });
        if let Some(other) = overtaken {
            return Err(format!("{matter} was sent, and {} about the same order is queued before it", other.call.key));
        }
        let marked = call.standing == Standing::Queued && call.sending && call.progress.is_claimed;
        if !known.safe && !marked {
            return Err(format!("{matter} was sent, and nothing says so: {call:?}"));
        }
        Ok(())
    }

    /// The partner did it.
    pub(super) fn done(&mut self, matter: &str) -> Verdict {
        let known = self.known.entry(matter.to_owned()).or_default();
        known.done += 1;
        if !known.safe && known.done > 1 + known.retries {
            return Err(format!(
                "{matter} was done {} times, and sent again by decision {}",
                known.done, known.retries
            ));
        }
        Ok(())
    }

    /// The partner refused it for good.
    pub(super) fn refused(&mut self, matter: &str) {
        self.known.entry(matter.to_owned()).or_default().refused = true;
    }

    /// The store took a change of a call. Where that ended it, what the ERP is to be told: id, and the event.
    pub(super) fn changed(&mut self, key: &EventKey, after: &Work) -> Result<Option<(String, Event)>, String> {
        let (Some(kept), Some(call)) = (self.kept.get_mut(key), &after.call) else {
            return Err(format!("the call {} vanished", key.id));
        };
        let known = self.known.entry(call.key.clone()).or_default();
        let again = kept.call.standing == Standing::Ambiguous && call.standing == Standing::Queued;
        let place = (kept.order().map(str::to_owned), kept.accepted);
        moved(known, &kept.call, call).map_err(|what| format!("the call {} about {}: {what}", key.id, call.key))?;
        kept.call = call.clone();
        let told = end(&Record { event: kept.event.clone(), work: after.clone() }, &Account::default());
        let told = told.map(|event| (event.key.id.to_string(), event));
        kept.told.extend(told.as_ref().map(|(id, _)| id.clone()));
        if let Some(kind) = call.standing.event_type() {
            *self.ends.entry(kind).or_default() += 1;
        }
        let (order, accepted) = place;
        let behind = |other: &&mut StoredEvent| other.order() == order.as_deref() && other.accepted > accepted;
        for other in self.kept.values_mut().filter(|_| again && order.is_some()).filter(behind) {
            // What has looked at it before goes out.
            other.queued_again.insert(key.clone(), other.call.progress.claim + 1);
        }
        Ok(told)
    }

    /// Id of an item's event for the ERP; of a call, that of its latest end.
    pub(super) fn told(&self, key: &EventKey) -> String {
        self.all_told(key).pop().unwrap_or_default()
    }

    /// Ids of all events of an item for the ERP, the latest last.
    pub(super) fn all_told(&self, key: &EventKey) -> Vec<String> {
        let ends = self.kept.get(key).map(|kept| kept.told.clone()).filter(|told| !told.is_empty());
        ends.unwrap_or_else(|| vec![key.id.to_string()])
    }

    /// Number of calls by their end.
    pub(super) const fn ends(&self) -> &BTreeMap<&'static str, usize> {
        &self.ends
    }

    /// The end: every call has come to one.
    pub(super) fn closed(&self) -> Verdict {
        let open: Vec<_> = self.kept.values().filter(|kept| kept.call.standing == Standing::Queued).collect();
        if open.is_empty() { Ok(()) } else { Err(format!("these calls have no end: {open:?}")) }
    }
}

/// A call goes where it may from where it was.
fn moved(known: &mut Known, old: &Call, new: &Call) -> Verdict {
    // A claim goes on when the clock is set back.
    let (was, is) = (&old.progress, &new.progress);
    let progress = Progress { due: is.due, ..was.clone() };
    let brought_back = is.due < was.due && *new == Call { progress, ..old.clone() };
    if is.claim <= was.claim && !brought_back {
        return Err(format!("claim {} came after claim {}", is.claim, was.claim));
    }
    match (old.standing, new.standing) {
        (Standing::Queued, Standing::Queued) => Ok(()),
        (Standing::Queued, Standing::Succeeded) if known.done > known.done_before => Ok(()),
        (Standing::Queued, Standing::Failed) if !known.safe && known.done > known.done_before => {
            Err("it failed, and the partner has done it".to_owned())
        }
        // Five attempts, as its connection's schedule has it.
        (Standing::Queued, Standing::Failed) if known.refused || old.progress.tries == 4 => Ok(()),
        (Standing::Queued, Standing::Cancelled) if known.cancels && !old.sending => Ok(()),
        (Standing::Queued, Standing::Ambiguous) if !known.safe && old.sending => Ok(()),
        (Standing::Ambiguous, Standing::Succeeded) if known.asked.contains(&Decision::Done) => Ok(()),
        (Standing::Ambiguous, Standing::Queued) if known.asked.contains(&Decision::Retry) => {
            known.retries += 1;
            known.done_before = known.done;
            Ok(())
        }
        (from, to) => Err(format!("{from:?} became {to:?}: {known:?}")),
    }
}
