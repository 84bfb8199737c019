//! A shipment, gathered from the store: keys are resolved step by step ([`hub::shipment::Resolution`]), and the events of each
//! are read.
//!
//! Ids say nothing of time, so every page reads all events ([`Walk`]); a page holds no more of them than it is asked for.

use std::collections::BTreeSet;

use hub::shipment::{Place, Sign};
use hub::{ConnectionId, EventType, Subject, Utc};

use crate::walk::Walk;
use crate::{Listed, Result, Store};

/// The largest number of events of a shipment that are read.
pub const MOST_EVENTS: usize = 20_000;

/// A connection and the kinds of its subjects. A key of another kind is not looked for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The connection.
    pub connection: ConnectionId,
    /// Kinds, such as `order`.
    pub kinds: &'static [&'static str],
}

/// A page of a shipment that is asked for.
#[derive(Clone, Debug)]
pub struct Asked<'a, V> {
    /// The key, or the keys that it may mean.
    pub keys: Vec<Subject>,
    /// Connections where keys are looked for in addition to those that the index names.
    pub sources: &'a [Source],
    /// Whether a connection may be seen. Nothing else is read, and no other connection's subjects decide anything.
    pub sees: V,
    /// The last event of the page before.
    pub after: Option<Place>,
    /// The largest number of events in the page.
    pub limit: usize,
}

/// A page of a shipment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipment {
    /// Its keys, the strongest first.
    pub keys: Vec<Subject>,
    /// Keys that it shares a key or an event with, the strongest first.
    pub related: Vec<Subject>,
    /// Signs of its milestones, in no order.
    pub signs: Vec<Sign>,
    /// The types of its events.
    pub types: BTreeSet<EventType>,
    /// The events and calls of the page, in their order.
    pub items: Vec<Listed>,
    /// Where its events and calls are stored.
    pub subjects: BTreeSet<(ConnectionId, Subject)>,
    /// Whether another page follows.
    pub more: bool,
    /// Number of all events and calls that were read.
    pub events: usize,
    /// Whether that is all there is.
    pub complete: bool,
}

/// A page of the shipment of a key: up to [`hub::shipment::MOST_KEYS`] keys, [`SUBJECTS`](crate::SUBJECTS) subjects and
/// [`MOST_EVENTS`] events are looked at. Each subject is read consistently; the index of keys is written after a push is answered.
pub async fn shipment<S, V>(store: &S, asked: Asked<'_, V>, now: Utc) -> Result<Shipment>
where
    S: Store,
    V: Fn(&ConnectionId) -> bool,
{
    let Asked { keys, sources, sees, after, limit } = asked;
    let mut gathered = Gathered { after, limit, ..Gathered::default() };
    let walk = Walk::over(store, (keys, sources, sees), |item| gathered.add(item), now).await?;
    Ok(gathered.shipment(&walk))
}

/// The page of the events that were read.
#[derive(Debug, Default)]
struct Gathered {
    after: Option<Place>,
    limit: usize,
    items: Vec<Listed>,
    signs: Vec<Sign>,
    types: BTreeSet<EventType>,
    subjects: BTreeSet<(ConnectionId, Subject)>,
}

impl Gathered {
    fn add(&mut self, item: Listed) {
        if !self.types.contains(&item.meta.kind) {
            self.types.insert(item.meta.kind.clone());
        }
        let spot = (item.key.connection.clone(), item.key.subject.clone());
        self.subjects.insert(spot);
        self.signs.extend(Sign::of(&item.key, &item.meta));
        let place = Place::of(&item.key, &item.meta);
        if self.after.is_none_or(|after| place > after) {
            self.items.push(item);
        }
        // One more than the page tells that another follows.
        if self.items.len() > 2 * (self.limit + 1) {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.items.sort_by_key(|item| Place::of(&item.key, &item.meta));
        self.items.truncate(self.limit + 1);
    }

    fn shipment(mut self, walk: &Walk) -> Shipment {
        self.sort();
        let more = self.items.len() > self.limit;
        self.items.truncate(self.limit);
        Shipment {
            keys: walk.resolution.keys(),
            related: walk.resolution.related(),
            signs: self.signs,
            types: self.types,
            items: self.items,
            subjects: self.subjects,
            more,
            events: walk.events,
            complete: walk.is_complete(),
        }
    }
}
