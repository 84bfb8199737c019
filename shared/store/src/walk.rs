//! The reading of everything that belongs to some business keys: keys are resolved step by step, and the events of each are
//! read and handed on.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::call::is_subject;
use hub::shipment::Resolution;
use hub::{Alias, ConnectionId, Subject, Utc};

use crate::timelines::AT_ONCE;
use crate::{Listed, MOST_EVENTS, Page, Result, SUBJECTS, Source, Store};

/// The number of events that are read at once of one subject.
const PAGE: usize = 1_000;

/// A subject at a connection.
type Spot = (ConnectionId, Subject);

/// A reading of the events of some keys: what is known of the keys, and how much was read.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) resolution: Resolution,
    /// Number of all events and calls that were read.
    pub(crate) events: usize,
    read: BTreeSet<Spot>,
    cut: bool,
}

impl Walk {
    /// Hands every event and call of a shipment on, up to [`MOST_EVENTS`] of them, in no order. It is asked for by the keys that
    /// its name may mean, the connections where they are looked for besides those that the index names, and whether a connection
    /// may be seen.
    pub(crate) async fn over<S: Store>(
        store: &S,
        (named, sources, sees): (Vec<Subject>, &[Source], impl Fn(&ConnectionId) -> bool),
        mut each: impl FnMut(Listed),
        now: Utc,
    ) -> Result<Self> {
        let mut walk = Self { resolution: Resolution::of(named.clone()), events: 0, read: BTreeSet::new(), cut: false };
        let mut places = BTreeMap::<Subject, BTreeSet<ConnectionId>>::new();
        loop {
            let mut calls = Vec::new();
            let keys = walk.resolution.take_open();
            let is_done = keys.is_empty();
            let looks = keys.into_iter().map(|key| async move {
                let known = store.resolve(&Alias::from(key.as_str()), now).await?;
                Ok((key, known))
            });
            let mut looks = stream::iter(looks).buffered(AT_ONCE);
            while let Some((key, known)) = looks.try_next().await? {
                let visible = known.into_iter().filter(|(connection, _)| sees(connection));
                let (found, subjects): (Vec<Spot>, Vec<Spot>) = visible.partition(|(_, subject)| is_subject(subject));
                calls.extend(found.into_iter().map(|spot| (spot, key.clone())));
                for (connection, subject) in &subjects {
                    places.entry(subject.clone()).or_default().insert(connection.clone());
                }
                let subjects = subjects.into_iter().map(|(_, subject)| subject);
                if named.contains(&key) {
                    walk.resolution.known_under_asked(&key, subjects);
                } else {
                    walk.resolution.known(&key, subjects);
                }
            }
            // A place of an earlier key may be known by now.
            let own = walk.resolution.looked_up().flat_map(|key| spots(key, &places, sources));
            let reads = own.map(|spot| (spot.clone(), spot.1)).chain(calls).collect();
            let reads = walk.unread(reads);
            if is_done && reads.is_empty() {
                return Ok(walk);
            }
            walk.read(store, reads, &mut each, now).await?;
            walk.resolution.follow();
        }
    }

    /// Whether that is all there is.
    pub(crate) fn is_complete(&self) -> bool {
        !self.cut && !self.resolution.is_cut()
    }

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
        each: &mut impl FnMut(Listed),
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
                if !self.take(page, &under, each) {
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
    fn take(&mut self, page: Page, under: &Subject, each: &mut impl FnMut(Listed)) -> bool {
        self.cut |= page.unreadable > 0;
        for item in page.items {
            if self.events >= MOST_EVENTS {
                return false;
            }
            let learned = item.work.call.iter().flat_map(|call| &call.learned);
            let keys: Vec<_> =
                item.meta.aliases.iter().chain(learned).map(|alias| Subject::from(alias.as_str())).collect();
            if !is_subject(&item.key.subject) {
                self.resolution.carried(under, keys);
            } else if !self.resolution.call(under, keys) {
                continue;
            }
            self.events += 1;
            self.cut |= item.meta.keys_left_out > 0;
            each(item);
        }
        true
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
