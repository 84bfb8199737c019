//! Checks of changed work: nothing vanishes, and each delivery and call changes as it may.

use std::time::Duration;

use hub::call::{Call, Standing};
use hub::delivery::{Delivery, State};
use hub::progress::Progress;
use hub::{EventKey, Utc, Work};

use super::{Checker, StoredEvent, Verdict};
use crate::simulation::pushes::found;

impl Checker {
    /// The store took a change: nothing vanishes, and every delivery goes where it may from where it was.
    pub(in crate::simulation) fn settled(&mut self, key: &EventKey, before: &Work, after: &Work, now: Utc) -> Verdict {
        self.ordered(key, after);
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
        self.tally.calls.cancelled -= was.calls.cancelled;
        self.tally.watches -= was.watches;
        self.tally.files -= was.files;
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
    fn called(&mut self, key: &EventKey, before: &Work, after: &Work) -> Verdict {
        if let Some((id, told)) = self.calls.changed(key, after)? {
            self.kept_what_it_brought(after)?;
            let (data, kind) = (told.data().into_owned(), told.meta.kind.to_string());
            self.keep(id, StoredEvent { key: key.clone(), subject: told.key.subject, kind, data })?;
            let fresh = |delivery: &Delivery| delivery.state == State::Pending && delivery.progress.tries == 0;
            if !after.delivery(&"erp".into()).is_some_and(fresh) {
                return Err(format!("the end of the call {} is told to nobody", key.id));
            }
            return Ok(());
        }
        let kept = |old: &&Delivery| !after.delivery(&old.endpoint).is_some_and(|new| superseded(old, new));
        before.deliveries.iter().find(kept).map_or(Ok(()), |old| Err(format!("the telling {old:?} vanished")))
    }

    /// Data of the answer to a call is an event before the call has succeeded by it. An operator's word brings nothing.
    fn kept_what_it_brought(&self, after: &Work) -> Verdict {
        let by_answer = |call: &&Call| call.standing == Standing::Succeeded && call.operation == "port_query_v2";
        let Some(call) = after.call.as_ref().filter(by_answer) else { return Ok(()) };
        let (_, claim) = found(&call.key);
        let kept = self.facts.get(&claim.fact).is_some_and(|known| !known.stored.is_empty());
        if kept { Ok(()) } else { Err(format!("{} succeeded, and its answer is not kept", call.key)) }
    }

    fn moved(&mut self, key: &EventKey, old: &Delivery, new: &Delivery, now: Utc) -> Verdict {
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
}

/// A delivery of an end that is no longer one: it stays as it is, or nothing is left to tell.
fn superseded(old: &Delivery, new: &Delivery) -> bool {
    old == new || (old.state == State::Pending && new.state == State::Confirmed)
}
