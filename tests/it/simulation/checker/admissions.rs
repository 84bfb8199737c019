//! Checks of pushes: an acknowledged one is stored, and a stored event was pushed, once.

use std::collections::BTreeSet;
use std::time::Duration;

use hub::{Event, Utc, Work};

use super::{Checker, Link, Pushed, StoredEvent, Ticket, Verdict};
use crate::simulation::pushes::{CHAINED, Claim, RECOVERED, REPEAT_WINDOW, SILENCE, canonical, wanted};

/// Longest time between the beginning of a push and the time that its event bears, and the most by which that may be ahead
/// of the clock by which it was decided.
const UNSURE: Duration = Duration::from_mins(1);

impl Checker {
    /// A push begins.
    pub(in crate::simulation) fn pushed(&mut self, claims: &[Claim], from: u64, began: Utc) -> Ticket {
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
    pub(in crate::simulation) fn acknowledged(&mut self, ticket: &Ticket, until: u64) -> Verdict {
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
    pub(in crate::simulation) fn admitted(&mut self, event: &Event, work: &Work, at: u64) -> Verdict {
        self.placed(event, work);
        if let Some(call) = &work.call {
            self.tally += work.tally();
            return self.calls.admitted(event, call).and_then(|()| self.balanced());
        }
        if work.is_aside() {
            self.tally += work.tally();
            return self.balanced();
        }
        let data = event.data().into_owned();
        if event.meta.kind.as_str() == hub::watch::SILENT {
            return self.silent(event, work, data);
        }
        if event.meta.kind.as_str() == RECOVERED {
            return self.recovered(event, work, data);
        }
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
        self.keep(id, StoredEvent { key: event.key.clone(), subject, kind, data })?;
        self.tally += work.tally();
        self.balanced()
    }

    /// The store took the event of a silence: no sooner than its time, and for those that want it.
    fn silent(&mut self, event: &Event, work: &Work, data: Vec<u8>) -> Verdict {
        self.tally += work.tally();
        let (kind, subject) = (event.meta.kind.to_string(), event.key.subject.clone());
        let told: serde_json::Value = serde_json::from_slice(&data).unwrap_or_default();
        let since = told["silent_since"].as_str().and_then(Utc::parse).unwrap_or_default();
        if !self.clocks_lie && event.meta.received.since(since) < SILENCE {
            return Err(format!("{subject} is told as silent {:?} after its news", event.meta.received.since(since)));
        }
        if !self.silences.insert((subject.to_string(), since)) {
            return Err(format!("the silence of {subject} since {since} is told twice"));
        }
        let endpoints: Vec<_> = work.deliveries.iter().map(|delivery| delivery.endpoint.as_str()).collect();
        if endpoints != wanted(&kind) {
            return Err(format!("{kind} goes to {endpoints:?}"));
        }
        let key = event.key.clone();
        self.keep(event.key.id.to_string(), StoredEvent { key, subject, kind, data })?;
        self.balanced()
    }
}
