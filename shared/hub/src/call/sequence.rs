//! Sequence of the commands about one order at one connection: they are sent one after another, in the order of their acceptance.
//!
//! Each order has a chain whose latest event is the latest accepted command ([`Head`]). A command keeps its nearest predecessor in
//! each of its chains that may still be sent ([`Predecessor`]), and waits while one of those before it is queued. One that has
//! ended, ambiguous included, holds up none; an ambiguous one that is sent again holds up those behind it again.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Call, Standing};
use crate::event::Meta;
use crate::identity::{self, Head};
use crate::progress::Outgoing as _;
use crate::{Alias, EventId, EventType, Record, Subject, Utc};

/// Kind of the business keys that commands are kept in sequence by.
const ORDER: &str = "order:";

/// Event type under which the store keeps the chains of commands.
const CHAIN: &str = "command";

/// Largest number of orders of one command whose sequence it keeps.
pub const MOST_ORDERS: usize = 50;

/// Number of calls of a chain that one search for the one before looks at.
const LOOKS: usize = 64;

/// Number of calls of a chain that one search for the first queued one looks at: all that pile up while a partner is down.
const LOOKS_BEHIND: usize = 1_024;

/// Shortest time for which the latest command of an order is remembered. Commands that wait for one another may be queued for longer
/// than a short retention.
const REMEMBERED: Duration = Duration::from_hours(90 * 24);

/// Longest time until a command that waits is looked at, where no other process has brought it forward.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// The command before another one in the chain of an order. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predecessor {
    /// The order.
    pub order: Subject,
    /// Id of the call.
    pub call: EventId,
    /// Time at which it was accepted. A call of the same id that was accepted at another time is another one: its idempotency key was
    /// used again after it had expired.
    pub accepted: Utc,
}

/// The earlier command that another one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Id of the call.
    pub call: EventId,
    /// Due time of its next attempt; nothing while an attempt may be under way, or where that is not known.
    pub due: Option<Utc>,
}

/// Position of a command behind the earlier ones about its orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The nearest predecessors that may still be sent.
    pub after: Vec<Predecessor>,
    /// The earlier command that it waits for.
    pub waits_for: Option<Earlier>,
}

/// Move of the chain of an order to a command that is to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The order.
    pub order: Subject,
    /// The latest command so far.
    pub expected: Option<EventId>,
    /// The chain with the new command as its latest.
    pub head: Head,
    /// Time until which that is remembered.
    pub expires: Utc,
}

/// Event type under which the chains of commands are kept.
#[must_use]
pub fn chain() -> EventType {
    EventType::from(CHAIN)
}

/// The orders whose sequence a command keeps: those that it names, [`MOST_ORDERS`] at the most.
pub fn orders(meta: &Meta) -> impl Iterator<Item = Subject> {
    let orders = meta.aliases.iter().map(Alias::as_str).filter(|alias| alias.starts_with(ORDER));
    orders.take(MOST_ORDERS).map(Subject::from)
}

/// The record of a command placed behind the latest ones about its orders, and the moves of their chains. `heads` are the chains as
/// they were read at `now`. It is accepted later than each of them.
#[must_use]
pub fn placed(mut record: Record, heads: Vec<(Subject, Option<Head>)>, now: Utc) -> (Record, Vec<Move>) {
    let accepted = heads.iter().map(|(_, head)| identity::later(head.as_ref(), now)).max().unwrap_or(now);
    let event = &mut record.event;
    event.meta.received = accepted;
    let expires = event.meta.expires.max(accepted.after(REMEMBERED));
    let content = identity::opaque(&event.key.connection, &event.meta.kind, &event.body);
    let (mut after, mut moves) = (Vec::new(), Vec::new());
    for (order, latest) in heads {
        let expected = latest.as_ref().map(|latest| latest.event);
        after.extend(latest.map(|latest| Predecessor::latest(order.clone(), &latest)));
        let head = Head { event: event.key.id, content, received: accepted, recent: Vec::new() };
        moves.push(Move { order, expected, head, expires });
    }
    if let Some(call) = &mut record.work.call {
        call.after = after;
    }
    (record, moves)
}

impl Predecessor {
    /// The latest command of a chain.
    #[must_use]
    pub fn latest(order: Subject, head: &Head) -> Self {
        Self { order, call: head.event, accepted: head.received }
    }
}

/// A call that a search has looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its metadata.
    pub meta: &'a Meta,
    /// The call.
    pub call: &'a Call,
}

/// Next step of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Look at this call.
    Look(Predecessor),
    /// The result.
    Found(T),
}

/// A search through the chain of one order, from a call back to those that were accepted before it.
#[derive(Debug)]
struct Walk {
    at: Predecessor,
    looks: usize,
    /// Number of looks at which it ends.
    most: usize,
}

/// Result of a walk so far.
enum Walked {
    /// The call before.
    Before(Predecessor),
    /// There is none.
    Begin,
    /// The walk was cut before this call.
    Cut(Predecessor),
}

impl Walk {
    /// The call that was looked at; nothing where it is gone, or another one has its id.
    fn seen<'a>(&self, found: Option<Seen<'a>>) -> Option<&'a Call> {
        found.filter(|found| found.meta.received == self.at.accepted).map(|found| found.call)
    }

    /// Goes on to the call before.
    fn back(&mut self, call: &Call) -> Walked {
        self.looks += 1;
        match call.after.iter().find(|before| before.order == self.at.order) {
            None => Walked::Begin,
            Some(before) if self.looks >= self.most => Walked::Cut(before.clone()),
            Some(before) => {
                self.at = before.clone();
                Walked::Before(before.clone())
            }
        }
    }
}

/// The search for the command that another one waits for, in the chain of one order.
#[derive(Debug)]
pub struct Ahead {
    walk: Walk,
    /// The nearest predecessor that is ambiguous: it may be sent again.
    ambiguous: Option<Predecessor>,
}

/// Position in the chain of one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    after: Option<Predecessor>,
    waits_for: Option<Earlier>,
}

impl Ahead {
    /// Begins with the nearest known predecessor.
    #[must_use]
    pub const fn of(nearest: Predecessor) -> Self {
        Self { walk: Walk { at: nearest, looks: 0, most: LOOKS }, ambiguous: None }
    }

    /// Goes on after a look; `found` is nothing where the call is gone.
    pub fn next(&mut self, found: Option<Seen<'_>>) -> Step<Place> {
        let at = self.walk.at.clone();
        let Some(call) = self.walk.seen(found) else { return self.ends() };
        match call.standing {
            Standing::Queued => {
                let due = (!call.progress.is_claimed).then_some(call.progress.due);
                let waits_for = Some(Earlier { call: at.call, due });
                return Step::Found(Place { after: self.ambiguous.take().or(Some(at)), waits_for });
            }
            Standing::Ambiguous => self.ambiguous = self.ambiguous.take().or(Some(at)),
            Standing::Succeeded | Standing::Failed | Standing::Cancelled => {}
        }
        match self.walk.back(call) {
            Walked::Before(before) => Step::Look(before),
            // All that was looked at has ended for good: the next search begins there.
            Walked::Cut(before) if self.ambiguous.is_none() => {
                let waits_for = Some(Earlier { call: before.call, due: None });
                Step::Found(Place { after: Some(before), waits_for })
            }
            // Behind so many ambiguous calls no further one is looked for.
            Walked::Begin | Walked::Cut(_) => self.ends(),
        }
    }

    fn ends(&mut self) -> Step<Place> {
        Step::Found(Place { after: self.ambiguous.take(), waits_for: None })
    }
}

impl Position {
    /// Adds the position in the chain of a further order.
    pub fn add(&mut self, place: Place) {
        self.after.extend(place.after);
        self.waits_for = self.waits_for.or(place.waits_for);
    }
}

/// The search for the command that goes on once another one has ended: the first that is queued, in the chain of one order.
#[derive(Debug)]
pub struct Behind {
    walk: Walk,
    first: Option<Predecessor>,
}

impl Behind {
    /// Begins with the latest command. Nothing where that is the one that has ended.
    #[must_use]
    pub fn of(latest: Predecessor, ended: EventId) -> Option<Self> {
        (latest.call != ended).then_some(Self { walk: Walk { at: latest, looks: 0, most: LOOKS_BEHIND }, first: None })
    }

    /// Goes on after a look; `found` is nothing where the call is gone. Finds nothing where none is queued, or too many are to
    /// know the first one.
    pub fn next(&mut self, found: Option<Seen<'_>>) -> Step<Option<EventId>> {
        let Some(call) = self.walk.seen(found) else { return self.ends() };
        if call.is_pending() {
            self.first = Some(self.walk.at.clone());
        }
        match self.walk.back(call) {
            Walked::Before(before) => Step::Look(before),
            Walked::Begin => self.ends(),
            Walked::Cut(_) => Step::Found(None),
        }
    }

    fn ends(&mut self) -> Step<Option<EventId>> {
        Step::Found(self.first.take().map(|first| first.call))
    }
}

impl Earlier {
    /// Time at which the command that waits is looked at again where no other process has brought it forward: soon after the
    /// attempt that may end the wait.
    fn looked_at(&self, now: Utc, every: Duration) -> Utc {
        let soon = now.after(every);
        let due = self.due.map_or(soon, |due| due.after(every).min(now.after(LONGEST_WAIT)));
        due.max(soon)
    }
}

impl Call {
    /// The call at a position behind others.
    #[must_use]
    pub fn positioned(mut self, position: &Position) -> Self {
        self.after.clone_from(&position.after);
        self.waits_for = position.waits_for.map(|earlier| earlier.call);
        self
    }

    /// The queued call postponed, because it waits for the one before it. It is looked at again after `every` at the soonest, where no
    /// other process brings it forward.
    #[must_use]
    pub fn waiting(self, position: &Position, every: Duration, now: Utc) -> Self {
        let mut call = self.positioned(position);
        if let Some(earlier) = position.waits_for {
            let why = format!("postponed: the earlier call {} about the same order is queued", earlier.call);
            call.sending = false;
            call.progress.wait_turn(earlier.looked_at(now, every), &why, now);
        }
        call
    }

    /// The call with its wait for another one over: due at `now`. Nothing where it does not wait, or an attempt has begun.
    #[must_use]
    pub fn freed(mut self, now: Utc) -> Option<Self> {
        self.waits_for.take()?;
        if !self.is_pending() || self.progress.is_claimed {
            return None;
        }
        self.progress.go_on(now);
        Some(self)
    }
}
