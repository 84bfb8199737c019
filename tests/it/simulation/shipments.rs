//! Shipments of a history: what the hub finds under a key is held to everything that is stored, by DESIGN's rule told once more.
//! It knows nothing of how the hub goes from key to key.

use std::collections::BTreeSet;

use hub::call::is_subject;
use hub::shipment::{Place, direction, ladder, milestones};
use hub::{Alias, ConnectionId, EventKey, Milestone, Subject};
use partners::profile::Pushes;
use store::{Asked, Listed, Shipment, Source, shipment};

use super::checker::Verdict;
use super::hub::Hub;
use super::random::Random;
use super::store::{Item, SimStore};
use super::world::World;

/// Number of shipments that are asked for at the end of a history.
const AT_THE_END: usize = 2;

/// More than there are in any history.
const ALL: usize = 1_000;

/// Connections that an API key may see.
const VIEWS: [&[&str]; 7] =
    [&["xhq-sh"], &["te"], &["od"], &["xhq-sh", "te"], &["te", "od"], &["xhq-sh", "od"], &["xhq-sh", "te", "od"]];

type View = &'static [&'static str];

fn sees(view: View, connection: &ConnectionId) -> bool {
    view.contains(&connection.as_str())
}

/// All that is stored at one moment, and what the index knows of keys.
struct Stored {
    items: Vec<Listed>,
    index: Vec<(Subject, ConnectionId, Subject)>,
}

impl Stored {
    fn of(store: &SimStore) -> Self {
        let model = store.model();
        let items = model.items().map(Item::listed).collect();
        let known = |(alias, (connection, subject)): (&Alias, &(ConnectionId, Subject))| {
            (Subject::from(alias.as_str()), connection.clone(), subject.clone())
        };
        Self { items, index: model.index().map(known).collect() }
    }

    /// Every key that something is stored about.
    fn keys(&self) -> Vec<Subject> {
        let own = self.items.iter().filter(|item| item.work.watch.is_none());
        own.flat_map(keys).filter(|key| weight(key).is_some()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Items about a subject at the connections in view.
    fn about<'s>(&'s self, subject: &'s Subject, view: View) -> impl Iterator<Item = &'s Listed> {
        self.items.iter().filter(move |item| item.key.subject == *subject && sees(view, &item.key.connection))
    }

    /// The least that must be there: the key's own subject, those that have it as an alias, and the subjects named by the weaker keys
    /// that their events carry.
    fn least(&self, asked: &Subject, view: View) -> BTreeSet<EventKey> {
        let known = self.index.iter().filter(|(key, connection, _)| key == asked && sees(view, connection));
        let mut least = BTreeSet::new();
        for owner in std::iter::once(asked).chain(known.map(|(_, _, subject)| subject)) {
            let own: Vec<_> = self.about(owner, view).collect();
            least.extend(own.iter().map(|item| item.key.clone()));
            // What belongs to the key may belong to others too: what it names may be theirs.
            if is_subject(owner) || weight(owner) < weight(asked) || (weight(owner) == weight(asked) && owner != asked)
            {
                continue;
            }
            let named = own.iter().flat_map(|item| keys(item)).filter(|key| weight(key) < weight(owner));
            least.extend(named.flat_map(|key| self.about(&key, view).map(|item| item.key.clone()).collect::<Vec<_>>()));
        }
        least
    }

    /// The keys that events in view and the index lead to from one, in whatever direction and however far. The answer to a call
    /// may be in the index before it is in the call.
    fn reached(&self, asked: &Subject, view: View) -> BTreeSet<Subject> {
        let mut reached = BTreeSet::from([asked.clone()]);
        let events = self.items.iter().filter(|item| sees(view, &item.key.connection)).map(keys);
        let known = self.index.iter().filter(|(_, connection, _)| sees(view, connection));
        let mut links: Vec<_> =
            events.chain(known.map(|(key, _, subject)| vec![key.clone(), subject.clone()])).collect();
        loop {
            let before = reached.len();
            links.retain(|link| {
                let leads = link.iter().any(|key| reached.contains(key));
                if leads {
                    reached.extend(link.iter().cloned());
                }
                !leads
            });
            if reached.len() == before {
                return reached;
            }
        }
    }

    /// A shipment has all that must be there.
    fn whole(&self, asked: &Subject, view: View, found: &Shipment) -> Verdict {
        let has = |key: &EventKey| found.items.iter().any(|item| item.key == *key);
        let lacking: Vec<_> = self.least(asked, view).into_iter().filter(|key| !has(key)).collect();
        if lacking.is_empty() { Ok(()) } else { Err(format!("it lacks {lacking:?}")) }
    }

    /// A shipment has each event once, nothing that may not be seen, and nothing of others.
    fn sound(&self, asked: &Subject, view: View, found: &Shipment) -> Verdict {
        let mut listed = BTreeSet::new();
        let reached = self.reached(asked, view);
        for item in &found.items {
            let EventKey { connection, subject, .. } = &item.key;
            if !listed.insert(&item.key) {
                return Err(format!("{} is listed twice", item.key.id));
            }
            if !sees(view, connection) {
                return Err(format!("{} of {connection} is shown", item.key.id));
            }
            if item.work.watch.is_some() || !keys(item).iter().any(|key| reached.contains(key)) {
                return Err(format!("{} about {subject} has nothing to do with it", item.key.id));
            }
            let is_call = is_subject(subject);
            let other =
                weight(asked) == weight(&"order:".into()) && weight(subject) == weight(asked) && subject != asked;
            if !is_call && (other || found.related.contains(subject)) {
                return Err(format!("{} of another shipment, {subject}, is merged", item.key.id));
            }
        }
        let hidden = |key: &&Subject| !reached.contains(*key) || (*key == asked && found.items.is_empty());
        match found.keys.iter().chain(&found.related).find(hidden) {
            Some(key) => Err(format!("{key} is named, which nothing in view names")),
            None if found.related.iter().any(|key| found.keys.contains(key)) => {
                Err("a key is its own and another's".to_owned())
            }
            None if found.more || !found.complete || found.events != found.items.len() => {
                Err(format!("{} of {} are shown", found.items.len(), found.events))
            }
            None => climbed(found),
        }
    }
}

/// The keys of an item: its subject, and all others that it names.
fn keys(item: &Listed) -> Vec<Subject> {
    let learned = item.work.call.iter().flat_map(|call| &call.learned);
    let named = item.meta.aliases.iter().chain(learned).map(|alias| Subject::from(alias.as_str()));
    std::iter::once(item.key.subject.clone()).chain(named).collect()
}

/// DESIGN: `order` is stronger than `bl`, that than the papers, and these than `container`.
fn weight(key: &Subject) -> Option<u8> {
    match key.as_str().split_once(':')?.0 {
        "order" => Some(3),
        "bl" => Some(2),
        "entry" | "ciq" | "waybill" | "serial" | "mawb" | "port" | "batch" => Some(1),
        "container" => Some(0),
        _ => None,
    }
}

/// The milestones are those that the events tell.
fn climbed(found: &Shipment) -> Verdict {
    let direction = direction(&found.keys, &found.types);
    let reached = milestones(ladder(direction), found.signs.clone(), &found.types);
    let tells = |item: &&Listed, milestone: Milestone| {
        item.meta.milestone == Some(milestone) || item.meta.dated.iter().any(|dated| dated.milestone == milestone)
    };
    let is_told = |milestone: Milestone| found.items.iter().any(|item| tells(&item, milestone));
    let named: Vec<_> = reached.reached.iter().map(|sign| sign.milestone).collect();
    let untold = reached
        .reached
        .iter()
        .find(|sign| !found.items.iter().any(|item| item.key == sign.event && tells(&item, sign.milestone)));
    let left_out = found.items.iter().find(|item| {
        let dated = item.meta.dated.iter().map(|dated| dated.milestone);
        item.meta.milestone.into_iter().chain(dated).any(|milestone| !named.contains(&milestone))
    });
    let set_back = is_told(Milestone::Rejected) || is_told(Milestone::Withdrawn);
    let at = reached.current;
    if let Some(sign) = untold {
        Err(format!("nothing tells {sign:?}"))
    } else if let Some(item) = left_out {
        Err(format!("the milestone of {} is left out", item.key.id))
    } else if at.is_some_and(|at| !named.contains(&at)) || at.is_none() != named.is_empty() {
        Err(format!("it is at {at:?}, of {named:?}"))
    } else if is_told(Milestone::Cleared) && !set_back && at != Some(Milestone::Cleared) {
        Err(format!("it is cleared, and at {at:?}"))
    } else if reached.missing.iter().any(|missing| is_told(*missing)) {
        Err(format!("{:?} are missing, of {named:?}", reached.missing))
    } else {
        Ok(())
    }
}

/// The shipment of a key, as the function asks for it.
async fn asked(
    store: &SimStore,
    world: &World,
    key: &Subject,
    view: View,
    (after, limit): (Option<Place>, usize),
) -> store::Result<Shipment> {
    let shown = world.config.connections.iter().filter(|(connection, _)| sees(view, connection));
    let kinds = |pushes: Pushes| pushes.subjects;
    let sources: Vec<_> = shown
        .filter_map(|(connection, settings)| {
            let kinds = settings.partner.profile().pushes.map(kinds)?;
            Some(Source { connection: connection.clone(), kinds })
        })
        .collect();
    let sees = |connection: &ConnectionId| sees(view, connection);
    let asked = Asked { keys: vec![key.clone()], sources: &sources, sees, after, limit };
    shipment(store, asked, world.now()).await
}

/// Asks for a shipment while things happen to it: what was stored and known before is there.
pub(super) async fn ask(hub: &Hub) {
    let (world, before) = (&hub.world, Stored::of(&hub.store));
    let (chosen, view) = world.draw(|random, _| (random.next(), VIEWS[random.place(VIEWS.len())]));
    let keys = before.keys();
    if keys.is_empty() {
        return;
    }
    let key = &keys[usize::try_from(chosen % keys.len() as u64).unwrap_or_default()];
    let found = asked(&hub.store, world, key, view, (None, ALL)).await;
    world.tell(&format!("shipment {key} for {view:?}: {:?}", found.as_ref().map(|found| found.events).ok()));
    // A store that fails is no shipment that lacks something.
    let Ok(found) = found else { return };
    let held = before.whole(key, view, &found).and_then(|()| Stored::of(&hub.store).sound(key, view, &found));
    world.hold(held.map_err(|what| format!("the shipment {key} for {view:?}: {what}")));
}

/// Some shipments at the end: each is whole, is the same by pages, and shows of a connection that is out of view not even that
/// it is there.
pub(super) async fn judge(hub: &Hub, random: &mut Random) {
    let (world, stored, store) = (&hub.world, Stored::of(&hub.store), hub.store.calm());
    let keys = stored.keys();
    for _ in 0..AT_THE_END.min(keys.len()) {
        let (key, view) = (&keys[random.place(keys.len())], VIEWS[random.place(VIEWS.len())]);
        let held = one(&stored, &store, world, key, view).await;
        world.hold(held.map_err(|what| format!("the shipment {key} for {view:?}: {what}")));
    }
}

async fn one(stored: &Stored, store: &SimStore, world: &World, key: &Subject, view: View) -> Verdict {
    let all = (None, ALL);
    let failed = |error| format!("{error}");
    let found = asked(store, world, key, view, all).await.map_err(failed)?;
    stored.whole(key, view, &found)?;
    stored.sound(key, view, &found)?;
    let alone = store.only(|connection| sees(view, connection));
    let alone = asked(&alone, world, key, view, all).await.map_err(failed)?;
    if alone != found {
        return Err(format!("with the others away it is {alone:?}, and with them {found:?}"));
    }
    let (mut items, mut after) = (Vec::new(), None);
    let limit = found.items.len().div_ceil(2).max(1);
    loop {
        let page = asked(store, world, key, view, (after, limit)).await.map_err(failed)?;
        items.extend(page.items);
        after = items.last().map(|last: &Listed| Place::of(&last.key, &last.meta));
        if !page.more {
            break;
        }
    }
    if items == found.items { Ok(()) } else { Err("its pages are not the whole".to_owned()) }
}
