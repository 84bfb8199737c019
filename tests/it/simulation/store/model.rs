//! Model of a store without an engine: maps, and the verbs' conditions on them.

use std::collections::BTreeMap;

use hub::identity::Head;
use hub::ledger::Tally;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, EndpointId, Event, EventId, EventKey, EventType, Record, Subject, Utc, Work};
use store::{
    Admitted, Aside, Earliest, Failed, LONGEST_LEASE, Link, Listed, Note, Page, Pending, Received, Sequence, Settled,
    StoreError, Stored, whole_seconds,
};

use super::audit::Trail;

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The event.
    pub(crate) event: Event,
    /// Its work as it stands.
    pub(crate) work: Work,
    /// The order of admission, where the failed list begins its pages.
    number: u64,
    /// Due times of the work, each with the time from which on it held; the index may be read as it was a while ago.
    past: Vec<(Utc, Option<Utc>)>,
}

type Chain = (ConnectionId, Subject, EventType);

/// All there is.
#[derive(Debug, Default)]
pub(crate) struct Model {
    items: BTreeMap<EventKey, Item>,
    heads: BTreeMap<Chain, (Head, Utc)>,
    aliases: BTreeMap<Alias, BTreeMap<(ConnectionId, Subject), Utc>>,
    leases: BTreeMap<String, (String, Utc)>,
    notes: BTreeMap<String, Note>,
    counts: BTreeMap<(ConnectionId, Utc), (Counts, Utc)>,
    pub(crate) audit: Trail,
    admissions: u64,
}

impl Item {
    fn lives(&self, now: Utc) -> bool {
        now < self.event.meta.expires || self.work.is_open()
    }

    pub(crate) fn listed(&self) -> Listed {
        Listed { key: self.event.key.clone(), meta: self.event.meta.clone(), work: self.work.clone() }
    }

    /// Due time as it stood at a time.
    fn due_as_of(&self, then: Utc) -> Option<Utc> {
        self.past.iter().rev().find(|(from, _)| *from <= then).and_then(|(_, due)| *due)
    }
}

impl Model {
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// The subjects that are known under each key.
    pub(crate) fn index(&self) -> impl Iterator<Item = (&Alias, &(ConnectionId, Subject))> {
        self.aliases.iter().flat_map(|(alias, places)| places.keys().map(move |place| (alias, place)))
    }

    /// The items of some connections, and what is known of their keys.
    pub(crate) fn only(&self, sees: impl Fn(&ConnectionId) -> bool) -> Self {
        let mut only = Self::default();
        only.items
            .extend(self.items.iter().filter(|(key, _)| sees(&key.connection)).map(|(k, i)| (k.clone(), i.clone())));
        for (alias, places) in &self.aliases {
            let shown = places.iter().filter(|((connection, _), _)| sees(connection));
            only.aliases.insert(alias.clone(), shown.map(|(place, until)| (place.clone(), *until)).collect());
        }
        only
    }

    pub(crate) fn item(&self, key: &EventKey) -> Option<&Item> {
        self.items.get(key)
    }

    fn living(&self, key: &EventKey, now: Utc) -> Option<&Item> {
        self.items.get(key).filter(|item| item.lives(now))
    }

    pub(crate) fn admit(&mut self, event: &Event, work: &Work, link: Option<&Link>, (now, at): (Utc, Utc)) -> Admitted {
        if self.living(&event.key, now).is_some() {
            return Admitted::Duplicate;
        }
        let chains = link.map(|link| link.chains.as_slice()).unwrap_or_default();
        let key = |chain: &store::Chain| (event.key.connection.clone(), chain.subject.clone(), chain.kind.clone());
        let expected = |chain: &store::Chain| self.head(&key(chain), now).map(|head| head.event) == chain.expected;
        if !chains.iter().all(expected) {
            return Admitted::Moved;
        }
        for chain in chains {
            self.heads.insert(key(chain), (chain.head.clone(), chain.expires));
        }
        self.admissions += 1;
        let past = vec![(at, work.due())];
        let item = Item { event: event.clone(), work: work.clone(), number: self.admissions, past };
        self.items.insert(event.key.clone(), item);
        Admitted::New
    }

    pub(crate) fn head(&self, chain: &Chain, now: Utc) -> Option<Head> {
        self.heads.get(chain).filter(|(_, until)| now < *until).map(|(head, _)| head.clone())
    }

    pub(crate) fn load(&self, key: &EventKey, now: Utc) -> Option<Record> {
        self.living(key, now).map(|item| Record { event: item.event.clone(), work: item.work.clone() })
    }

    pub(crate) fn inspect(&self, key: &EventKey, now: Utc) -> Option<Listed> {
        self.living(key, now).map(Item::listed)
    }

    pub(crate) fn settle(&mut self, key: &EventKey, work: &Work, at: Utc) -> Settled {
        match self.items.get_mut(key) {
            Some(item) if item.work.version + 1 == work.version => {
                item.work = work.clone();
                item.past.push((at, work.due()));
                Settled::Done
            }
            Some(_) | None => Settled::Stale,
        }
    }

    /// Work due at `now` in the index as of `then`.
    pub(crate) fn due(&self, now: Utc, then: Option<Utc>, limit: usize) -> Vec<EventKey> {
        let as_of = |item: &Item| then.map_or_else(|| item.work.due(), |then| item.due_as_of(then));
        let living = self.items.values().filter(|item| item.lives(now) && !item.work.is_aside());
        let living = living.filter(|item| item.work.pullable().next().is_none());
        let mut due: Vec<_> =
            living.filter_map(|item| Some((as_of(item).filter(|due| *due <= now)?, &item.event.key))).collect();
        due.sort();
        due.into_iter().take(limit).map(|(_, key)| key.clone()).collect()
    }

    /// Work due at `now` of what consumers lease, which is no other due work.
    pub(crate) fn due_pullable(&self, now: Utc, limit: usize) -> Vec<EventKey> {
        let own = self.items.values().filter(|item| item.work.pullable().next().is_some());
        let mut due: Vec<_> =
            own.filter_map(|item| Some((item.work.due().filter(|due| *due <= now)?, &item.event.key))).collect();
        due.sort();
        due.into_iter().take(limit).map(|(_, key)| key.clone()).collect()
    }

    pub(crate) fn pullable(&self, endpoint: Option<&EndpointId>, limit: usize) -> Vec<EventKey> {
        let is_for = |item: &&Item| {
            item.work.pullable().any(|delivery| endpoint.is_none_or(|endpoint| delivery.endpoint == *endpoint))
        };
        let mut own: Vec<_> = self.items.values().filter(is_for).collect();
        own.sort_by_key(|item| item.number);
        own.into_iter().take(limit).map(|item| item.event.key.clone()).collect()
    }

    pub(crate) fn due_aside(&self, of: Aside, now: Utc, limit: usize) -> Vec<EventKey> {
        let watches = self.items.values().filter(|item| of.holds(&item.work));
        let mut due: Vec<_> =
            watches.filter_map(|item| Some((item.work.due().filter(|due| *due <= now)?, &item.event.key))).collect();
        due.sort();
        due.into_iter().take(limit).map(|(_, key)| key.clone()).collect()
    }

    pub(crate) fn ahead(&self, after: Utc, limit: usize) -> Vec<EventKey> {
        self.furthest(|item| !item.work.is_aside(), after, limit)
    }

    pub(crate) fn ahead_aside(&self, of: Aside, after: Utc, limit: usize) -> Vec<EventKey> {
        self.furthest(|item| of.holds(&item.work), after, limit)
    }

    fn furthest(&self, holds: impl Fn(&&Item) -> bool, after: Utc, limit: usize) -> Vec<EventKey> {
        let own = self.items.values().filter(holds);
        let dues = own.filter_map(|item| Some((item.work.due()?, &item.event.key)));
        let mut dues: Vec<_> = dues.filter(|(due, _)| *due > after).collect();
        dues.sort();
        dues.into_iter().rev().take(limit).map(|(_, key)| key.clone()).collect()
    }

    pub(crate) fn failed(&self, which: &Failed, from: Option<&str>, limit: usize, now: Utc) -> store::Result<Page> {
        self.page("failed", |item| which.holds(&item.work), from, limit, now)
    }

    fn page(
        &self,
        verb: &'static str,
        holds: impl Fn(&&Item) -> bool,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> store::Result<Page> {
        let number = |text: &str| text.strip_prefix('@').and_then(|number| number.parse::<u64>().ok());
        let refused = || StoreError::BadCursor { verb };
        let after = from.map_or(Ok(0), |text| number(text).ok_or_else(refused))?;
        let mut found: Vec<_> = self.items.values().filter(|item| item.lives(now) && item.number > after).collect();
        found.retain(|item| holds(item));
        found.sort_by_key(|item| item.number);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|item| format!("@{}", item.number));
        Ok(Page { items: found.into_iter().map(Item::listed).collect(), unreadable: 0, next })
    }

    pub(crate) fn pending(&self, which: &Pending, from: Option<&str>, limit: usize, now: Utc) -> store::Result<Page> {
        let holds = |item: &&Item| which.holds(&item.event.key, &item.work);
        self.page("pending", holds, from, limit, now)
    }

    pub(crate) fn recent(&self, which: &Received, from: Option<&str>, limit: usize, now: Utc) -> store::Result<Page> {
        let before = from.map(str::parse::<u64>).transpose().map_err(|_| StoreError::BadCursor { verb: "recent" })?;
        let mut found: Vec<_> = self.items.values().filter(|item| item.lives(now)).collect();
        found.retain(|item| which.names(&item.event.key) && which.spans(item.event.meta.received));
        found.retain(|item| before.is_none_or(|before| item.number < before));
        found.sort_by_key(|item| std::cmp::Reverse(item.number));
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|item| item.number.to_string());
        Ok(Page { items: found.into_iter().map(Item::listed).collect(), unreadable: 0, next })
    }

    pub(crate) fn timeline(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Vec<Listed> {
        let own = |item: &&Item| item.event.key.connection == *connection && item.event.key.subject == *subject;
        let mut items: Vec<_> = self.items.values().filter(own).filter(|item| item.lives(now)).collect();
        items.sort_by_key(|item| (item.event.meta.received, item.event.key.id));
        items.iter().skip(items.len().saturating_sub(1000)).map(|item| item.listed()).collect()
    }

    pub(crate) fn history(
        &self,
        place: &(ConnectionId, Subject),
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> store::Result<Page> {
        let after = from.map(str::parse::<EventId>).transpose();
        let after = after.map_err(|_| StoreError::BadCursor { verb: "history" })?;
        let own = |item: &&Item| item.event.key.connection == place.0 && item.event.key.subject == place.1;
        let mut items: Vec<_> = self.items.values().filter(own).filter(|item| item.lives(now)).collect();
        items.retain(|item| after.is_none_or(|after| item.event.key.id > after));
        items.sort_by_key(|item| item.event.key.id);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|item| item.event.key.id.to_string());
        Ok(Page { items: items.into_iter().map(Item::listed).collect(), unreadable: 0, next })
    }

    pub(crate) fn earliest(&self, of: &Sequence, limit: usize) -> Vec<Listed> {
        let mut earliest = Earliest::new(limit);
        let items = self.items.values().filter(|item| of.holds(&item.event.key, &item.work));
        items.for_each(|item| earliest.offer(item.listed()));
        earliest.into_items()
    }

    pub(crate) fn alias(&mut self, aliases: &[Alias], place: &(ConnectionId, Subject), expires: Utc) {
        for alias in aliases {
            let until = self.aliases.entry(alias.clone()).or_default().entry(place.clone()).or_insert(expires);
            *until = expires.max(*until);
        }
    }

    pub(crate) fn resolve(&self, alias: &Alias, now: Utc) -> Vec<(ConnectionId, Subject)> {
        let places = self.aliases.get(alias).into_iter().flatten();
        places.filter(|(_, until)| now < **until).map(|(place, _)| place.clone()).collect()
    }

    pub(crate) fn lease(&mut self, name: &str, holder: &str, now: Utc, until: Utc) -> bool {
        let lasts = |until: Utc| now < until && until <= now.after(LONGEST_LEASE);
        let taken = self.leases.get(name).is_some_and(|(other, until)| other != holder && lasts(*until));
        if !taken {
            self.leases.insert(name.to_owned(), (holder.to_owned(), until));
        }
        !taken
    }

    pub(crate) fn note(&self, name: &str) -> Option<Note> {
        self.notes.get(name).cloned()
    }

    pub(crate) fn put_note(&mut self, name: &str, value: &str, over: u64) -> bool {
        let fits = self.notes.get(name).map_or(0, |note| note.version) == over;
        if fits {
            self.notes.insert(name.to_owned(), Note { value: value.to_owned(), version: over + 1 });
        }
        fits
    }

    pub(super) fn put_head(&mut self, chain: Chain, head: Head, expires: Utc) {
        self.heads.insert(chain, (head, expires));
    }

    /// Everything that lives, in terms of no engine.
    pub(super) fn everything(&self, now: Utc) -> Vec<Stored> {
        let notes =
            self.notes.iter().map(|(name, note)| Stored::Note { name: name.clone(), value: note.value.clone() });
        let heads = self.heads.iter().filter(|(_, (_, expires))| now < *expires);
        let heads = heads.map(|((connection, subject, kind), (head, expires))| Stored::Head {
            connection: connection.clone(),
            subject: subject.clone(),
            kind: kind.clone(),
            head: head.clone(),
            expires: whole_seconds(*expires),
        });
        let aliases = self.aliases.iter().flat_map(|(alias, places)| places.iter().map(move |place| (alias, place)));
        let aliases = aliases.filter(|(_, (_, expires))| now < **expires);
        let aliases = aliases.map(|(alias, ((connection, subject), expires))| Stored::Alias {
            alias: alias.clone(),
            connection: connection.clone(),
            subject: subject.clone(),
            expires: whole_seconds(*expires),
        });
        let counts = self.counts.iter().filter(|(_, (_, expires))| now < *expires);
        let counts = counts.map(|((connection, step), (counts, expires))| Stored::Counts {
            connection: connection.clone(),
            step: *step,
            counts: counts.clone(),
            expires: whole_seconds(*expires),
        });
        let audit = self.audit.living(now).map(|entry| Stored::Audit(Box::new(entry)));
        let events = self
            .items
            .values()
            .filter(|item| item.lives(now))
            .map(|item| Stored::Event(Box::new(Record { event: item.event.clone(), work: item.work.clone() })));
        notes.chain(heads).chain(aliases).chain(counts).chain(audit).chain(events).collect()
    }

    pub(crate) fn add_counts(&mut self, place: (ConnectionId, Utc), counts: &Counts, expires: Utc) {
        let (own, until) = self.counts.entry(place).or_default();
        for (name, number) in &counts.added {
            *own.added.entry(name.clone()).or_default() += number;
        }
        own.latest.extend(counts.latest.clone());
        *until = expires;
    }

    pub(crate) fn counts(&self, connection: &ConnectionId, since: Utc, until: Utc, now: Utc) -> Vec<(Utc, Counts)> {
        let own = self.counts.iter().filter(|((of, step), _)| of == connection && since <= *step && *step < until);
        let living = own.filter(|(_, (_, expires))| now < *expires);
        living.map(|((_, step), (counts, _))| (*step, counts.clone())).collect()
    }

    pub(crate) fn ledger(&self, now: Utc) -> BTreeMap<ConnectionId, Tally> {
        let mut ledger: BTreeMap<_, Tally> = BTreeMap::new();
        for item in self.items.values().filter(|item| item.lives(now)) {
            *ledger.entry(item.event.key.connection.clone()).or_default() += item.work.tally();
        }
        ledger
    }
}
