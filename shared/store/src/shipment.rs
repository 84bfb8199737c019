//! A shipment, gathered from the store: keys are resolved step by step ([`hub::shipment::Resolution`]), and the events of each
//! are read.
//!
//! Ids say nothing of time, so every page reads all events; a page holds no more of them than it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::call::is_subject;
use hub::shipment::{Place, Resolution, Sign};
use hub::{Alias, ConnectionId, EventType, Subject, Utc};

use crate::timelines::AT_ONCE;
use crate::{Listed, Page, Result, SUBJECTS, Store};

/// The largest number of events of a shipment that are read.
pub const MOST_EVENTS: usize = 20_000;

/// The number of events that are read at once of one subject.
const PAGE: usize = 1_000;

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

/// A subject at a connection.
type Spot = (ConnectionId, Subject);

/// A page of the shipment of a key: up to [`hub::shipment::MOST_KEYS`] keys, [`SUBJECTS`] subjects and [`MOST_EVENTS`] events are
/// looked at. Each subject is read consistently; the index of keys is written after a push is answered.
pub async fn shipment<S, V>(store: &S, asked: Asked<'_, V>, now: Utc) -> Result<Shipment>
where
    S: Store,
    V: Fn(&ConnectionId) -> bool,
{
    let Asked { keys: named, sources, sees, after, limit } = asked;
    let mut resolution = Resolution::of(named.clone());
    let mut gathered = Gathered { after, limit, ..Gathered::default() };
    let mut places = BTreeMap::<Subject, BTreeSet<ConnectionId>>::new();
    loop {
        let mut calls = Vec::new();
        let keys = resolution.take_open();
        let is_done = keys.is_empty();
        let looks = keys.into_iter().map(|key| async move {
            let known = store.resolve(&Alias::from(key.as_str()), now).await?;
            Ok((key, known))
        });
        let mut looks = stream::iter(looks).buffered(AT_ONCE);
        while let Some((key, known)) = looks.try_next().await? {
            let seen = known.into_iter().filter(|(connection, _)| sees(connection));
            let (found, subjects): (Vec<Spot>, Vec<Spot>) = seen.partition(|(_, subject)| is_subject(subject));
            calls.extend(found.into_iter().map(|spot| (spot, key.clone())));
            for (connection, subject) in &subjects {
                places.entry(subject.clone()).or_default().insert(connection.clone());
            }
            let subjects = subjects.into_iter().map(|(_, subject)| subject);
            if named.contains(&key) {
                resolution.known_under_asked(&key, subjects);
            } else {
                resolution.known(&key, subjects);
            }
        }
        // A place of an earlier key may be known by now.
        let own = resolution.looked_up().flat_map(|key| spots(key, &places, sources));
        let reads = own.map(|spot| (spot.clone(), spot.1)).chain(calls).collect();
        let reads = gathered.unread(reads);
        if is_done && reads.is_empty() {
            return Ok(gathered.shipment(&resolution));
        }
        gathered.read(store, reads, &mut resolution, now).await?;
        resolution.follow();
    }
}

/// Where the events of a key may be.
fn spots<'a>(
    key: &'a Subject,
    places: &BTreeMap<Subject, BTreeSet<ConnectionId>>,
    sources: &'a [Source],
) -> impl Iterator<Item = Spot> + use<'a> {
    let kind = key.as_str().split_once(':').map(|(kind, _)| kind);
    let has = move |source: &&Source| kind.is_some_and(|kind| source.kinds.contains(&kind));
    let known = places.get(key).cloned().unwrap_or_default();
    let probed = sources.iter().filter(has).map(|source| source.connection.clone());
    let connections: BTreeSet<_> = known.into_iter().chain(probed).collect();
    connections.into_iter().map(|connection| (connection, key.clone()))
}

/// The subjects and events read so far.
#[derive(Debug, Default)]
struct Gathered {
    after: Option<Place>,
    limit: usize,
    read: BTreeSet<Spot>,
    items: Vec<Listed>,
    signs: Vec<Sign>,
    types: BTreeSet<EventType>,
    subjects: BTreeSet<Spot>,
    events: usize,
    cut: bool,
}

impl Gathered {
    /// Those of some subjects, each with the key that it was found under, that were not read before and have room.
    fn unread(&mut self, mut reads: Vec<(Spot, Subject)>) -> Vec<(Spot, Subject)> {
        reads.retain(|(spot, _)| {
            let room = self.read.len() < SUBJECTS || self.read.contains(spot);
            self.cut |= !room;
            room && self.read.insert(spot.clone())
        });
        reads
    }

    /// Reads subjects, each with the key that it was found under.
    async fn read<S: Store>(
        &mut self,
        store: &S,
        reads: Vec<(Spot, Subject)>,
        resolution: &mut Resolution,
        now: Utc,
    ) -> Result<()> {
        let firsts = reads.into_iter().map(|(spot, under)| async move {
            let page = store.history(&spot.0, &spot.1, None, PAGE, now).await?;
            Ok((spot, under, page))
        });
        let mut firsts = stream::iter(firsts).buffered(AT_ONCE);
        while let Some((spot, under, mut page)) = firsts.try_next().await? {
            loop {
                let from = page.next.take();
                if !self.take(page, &under, resolution) {
                    self.cut = true;
                    return Ok(());
                }
                let Some(from) = from else { break };
                page = store.history(&spot.0, &spot.1, Some(&from), PAGE, now).await?;
            }
        }
        Ok(())
    }

    /// Takes a page of a subject that was found under a key. `false` where there is no room for all of it.
    fn take(&mut self, page: Page, under: &Subject, resolution: &mut Resolution) -> bool {
        self.cut |= page.unreadable > 0;
        for item in page.items {
            if self.events >= MOST_EVENTS {
                return false;
            }
            let learned = item.work.call.iter().flat_map(|call| &call.learned);
            let keys: Vec<_> =
                item.meta.aliases.iter().chain(learned).map(|alias| Subject::from(alias.as_str())).collect();
            if !is_subject(&item.key.subject) {
                resolution.carried(under, keys);
            } else if !resolution.call(under, keys) {
                continue;
            }
            self.add(item);
        }
        true
    }

    fn add(&mut self, item: Listed) {
        self.events += 1;
        self.cut |= item.meta.keys_left_out > 0;
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

    fn shipment(mut self, resolution: &Resolution) -> Shipment {
        self.sort();
        let more = self.items.len() > self.limit;
        self.items.truncate(self.limit);
        Shipment {
            keys: resolution.keys(),
            related: resolution.related(),
            signs: self.signs,
            types: self.types,
            items: self.items,
            subjects: self.subjects,
            more,
            events: self.events,
            complete: !self.cut && !resolution.is_cut(),
        }
    }
}
