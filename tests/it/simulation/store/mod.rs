//! A store in memory that keeps the store's promises, and breaks down as stores do: it errs before a write or after it,
//! throttles, answers late or too late, and lists as due what it listed a while ago.

mod audit;
mod contract;
mod model;
mod stored;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hub::audit::Entry;
use hub::files::FileHash;
use hub::files::record::content;
use hub::identity::Head;
use hub::ledger::Tally;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, EndpointId, Event, EventKey, EventType, Record, Subject, Utc, Work};
use store::{
    Admitted, Aside, AuditFilter, AuditPage, Failed, LOOK_AGAIN, Link, Listed, Note, Page, Pending, Placed, Received,
    Result, Sequence, Settled, Store, StoreError, Stored, StoredPage,
};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::sleep;

pub(super) use model::{Item, Model};

use super::world::World;

/// A store whose writes take this long may outlive the lease of what it writes about.
const LONG: Duration = Duration::from_millis(300);

/// The store of a history; without a world around it, one that never fails.
#[derive(Clone, Default)]
pub(super) struct SimStore {
    model: Arc<Mutex<Model>>,
    world: Option<Arc<World>>,
}

/// Fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is answered.
    Fine,
    /// It errs, and nothing has happened.
    Before,
    /// It errs, and it has happened.
    After,
    /// It takes long. The caller may give up; it happens all the same.
    Slow(Duration),
}

impl SimStore {
    pub(super) fn new(world: &Arc<World>) -> Self {
        Self { model: Arc::default(), world: Some(Arc::clone(world)) }
    }

    /// The stored data, without the verbs.
    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    /// The same data without the world around it: nothing fails.
    pub(super) fn calm(&self) -> Self {
        Self { model: Arc::clone(&self.model), world: None }
    }

    /// A store with the data of some connections alone, that never fails.
    pub(super) fn only(&self, sees: impl Fn(&ConnectionId) -> bool) -> Self {
        Self { model: Arc::new(Mutex::new(self.model().only(sees))), world: None }
    }

    /// Everything that has something to be done, watches and files apart.
    pub(super) fn pending(&self) -> Vec<EventKey> {
        let is_open = |work: &Work| work.due().is_some() || work.pullable().next().is_some();
        let is_pending = |item: &&model::Item| !item.work.is_aside() && is_open(&item.work);
        self.model().items().filter(is_pending).map(|item| item.event.key.clone()).collect()
    }

    /// Number of events of the subject with the most.
    pub(super) fn longest_line(&self) -> u32 {
        let mut lines = BTreeMap::new();
        for item in self.model().items() {
            let key = &item.event.key;
            *lines.entry((key.connection.clone(), key.subject.clone())).or_insert(0) += 1;
        }
        lines.into_values().max().unwrap_or(1)
    }

    fn fate(world: &World, verb: &'static str) -> Fate {
        let now = world.now();
        let fate = world.draw(|random, weather| {
            let throttled = now < weather.throttled_until;
            if throttled || random.chance(weather.store_errors) {
                Fate::Before
            } else if random.chance(weather.store_throttles) {
                weather.throttled_until = now.after(random.ms(500..=5_000));
                Fate::Before
            } else if random.chance(weather.store_losses) {
                Fate::After
            } else if random.chance(weather.store_delays) {
                Fate::Slow(random.ms(100..=12_000))
            } else {
                Fate::Fine
            }
        });
        if fate != Fate::Fine {
            world.tell(&format!("store {verb}: {fate:?}"));
        }
        fate
    }

    /// Marks the events that a fault of the store may harm: the result of an attempt may be lost, or the attempt may last
    /// longer than its lease, and it is made again.
    fn blemish(&self, world: &World, verb: &'static str, key: Option<&EventKey>, fate: Fate) {
        let wronged = match fate {
            Fate::Fine => false,
            Fate::Slow(delay) => delay >= LONG && matches!(verb, "settle" | "inspect" | "note" | "put_note" | "alias"),
            Fate::Before | Fate::After => matches!(verb, "settle" | "inspect"),
        };
        match key {
            _ if !wronged => {}
            Some(key) => world.checker().blemish([key.clone()]),
            // Endpoints' notes and aliases are read and written during attempts, and it may be any.
            None => world.checker().blemish(self.pending()),
        }
    }

    /// The time by which expiry is decided at `now`.
    fn trusted(&self, now: Utc) -> Utc {
        self.world.as_ref().map_or(now, |world| world.trusted(now))
    }

    /// One call: something passes before it happens and something after it, so that its caller may die at either.
    async fn call<T: Send + 'static>(
        &self,
        verb: &'static str,
        key: Option<&EventKey>,
        act: impl FnOnce(&mut Model) -> T + Send + 'static,
    ) -> Result<T> {
        let Some(world) = &self.world else {
            yield_now().await;
            return Ok(act(&mut self.model()));
        };
        let unavailable = || StoreError::Unavailable { verb, source: "as the seed has it".into() };
        pass(world).await;
        let fate = Self::fate(world, verb);
        self.blemish(world, verb, key, fate);
        let done = match fate {
            Fate::Before => return Err(unavailable()),
            Fate::Fine | Fate::After => act(&mut self.model()),
            Fate::Slow(delay) => {
                let (done, happened) = oneshot::channel();
                let model = Arc::clone(&self.model);
                world.aside(async move {
                    sleep(delay).await;
                    // The caller may be gone.
                    let _ = done.send(act(&mut model.lock().unwrap()));
                });
                let done = happened.await.map_err(|_| unavailable())?;
                // Attempts that began in the meantime waited for it too.
                self.blemish(world, verb, key, fate);
                done
            }
        };
        pass(world).await;
        if fate == Fate::After { Err(unavailable()) } else { Ok(done) }
    }
}

/// A moment passes.
async fn pass(world: &World) {
    match world.draw(|random, _| random.within(0..=4)) {
        0 | 1 => yield_now().await,
        ms => sleep(Duration::from_millis(ms)).await,
    }
}

impl Store for SimStore {
    async fn admit(&self, event: &Event, work: &Work, link: Option<&Link>) -> Result<Admitted> {
        let (event, work, link, world) = (event.clone(), work.clone(), link.cloned(), self.world.clone());
        let (key, now) = (event.key.clone(), self.trusted(event.meta.received));
        self.call("admit", Some(&key), move |model| {
            let at = world.as_ref().map_or(Utc(0), |world| world.now());
            let admitted = model.admit(&event, &work, link.as_ref(), (now, at));
            if let Some(world) = world.filter(|_| admitted == Admitted::New) {
                world.admitted(&event, &work);
            }
            admitted
        })
        .await
    }

    async fn head(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        kind: &EventType,
        now: Utc,
    ) -> Result<Option<Head>> {
        let now = self.trusted(now);
        let chain = (connection.clone(), subject.clone(), kind.clone());
        self.call("head", None, move |model| model.head(&chain, now)).await
    }

    async fn load(&self, key: &EventKey, now: Utc) -> Result<Option<Record>> {
        let now = self.trusted(now);
        let own = key.clone();
        self.call("load", Some(key), move |model| model.load(&own, now)).await
    }

    async fn inspect(&self, key: &EventKey, now: Utc) -> Result<Option<Listed>> {
        let now = self.trusted(now);
        let own = key.clone();
        self.call("inspect", Some(key), move |model| model.inspect(&own, now)).await
    }

    async fn settle(&self, key: &EventKey, work: &Work) -> Result<Settled> {
        let (own, work, world) = (key.clone(), work.clone(), self.world.clone());
        self.call("settle", Some(key), move |model| {
            let before = model.item(&own).map(|item| item.work.clone());
            let at = world.as_ref().map_or(Utc(0), |world| world.now());
            let settled = model.settle(&own, &work, at);
            if let (Some(world), Some(before), Settled::Done) = (world, before, settled) {
                world.settled(&own, &before, &work);
                if let Some(files) = &work.files {
                    let places = |hash: &FileHash| model.resolve(&content(hash), at);
                    let kept = files.entries.iter().filter_map(|file| file.kept.as_ref());
                    let named = kept.flat_map(|kept| places(&kept.hash).into_iter().map(|place| (kept.hash, place)));
                    let named = named.collect();
                    if let Some(item) = model.item(&own) {
                        world.filed(&item.listed(), before.files.as_deref(), &named);
                    }
                }
            }
            settled
        })
        .await
    }

    async fn due(&self, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        let then = self.world.as_ref().and_then(|world| {
            let lag = world.draw(|random, weather| random.chance(weather.stale_reads).then(|| random.ms(1..=8_000)));
            lag.map(|lag| Utc(now.0.saturating_sub(i64::try_from(lag.as_micros()).unwrap_or_default())))
        });
        self.call("due", None, move |model| model.due(now, then, limit)).await
    }

    async fn due_pullable(&self, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.call("due_pullable", None, move |model| model.due_pullable(now, limit)).await
    }

    async fn pullable(&self, endpoint: Option<&EndpointId>, limit: usize) -> Result<Vec<EventKey>> {
        let endpoint = endpoint.cloned();
        self.call("pullable", None, move |model| model.pullable(endpoint.as_ref(), limit)).await
    }

    async fn more_pullable(&self, _: &EndpointId, _: u64, at_most: Duration) -> bool {
        sleep(at_most.min(LOOK_AGAIN)).await;
        true
    }

    async fn due_aside(&self, of: Aside, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.call("due_aside", None, move |model| model.due_aside(of, now, limit)).await
    }

    async fn ahead(&self, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.call("ahead", None, move |model| model.ahead(after, limit)).await
    }

    async fn ahead_aside(&self, of: Aside, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.call("ahead_aside", None, move |model| model.ahead_aside(of, after, limit)).await
    }

    async fn failed(&self, which: &Failed, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        let now = self.trusted(now);
        let (which, from) = (which.clone(), from.map(ToOwned::to_owned));
        self.call("failed", None, move |model| model.failed(&which, from.as_deref(), limit, now)).await?
    }

    async fn pending(&self, which: &Pending, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        let (which, from) = (which.clone(), from.map(ToOwned::to_owned));
        self.call("pending", None, move |model| model.pending(&which, from.as_deref(), limit, now)).await?
    }

    async fn recent(&self, which: &Received, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        let now = self.trusted(now);
        let (which, from) = (which.clone(), from.map(ToOwned::to_owned));
        self.call("recent", None, move |model| model.recent(&which, from.as_deref(), limit, now)).await?
    }

    async fn timeline(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Listed>> {
        let now = self.trusted(now);
        let (connection, subject) = (connection.clone(), subject.clone());
        self.call("timeline", None, move |model| model.timeline(&connection, &subject, now)).await
    }

    async fn history(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> Result<Page> {
        let now = self.trusted(now);
        let (connection, subject, from) = (connection.clone(), subject.clone(), from.map(ToOwned::to_owned));
        self.call("history", None, move |model| model.history(&(connection, subject), from.as_deref(), limit, now))
            .await?
    }

    async fn earliest(&self, of: &Sequence, limit: usize) -> Result<Vec<Listed>> {
        let (own, world) = (of.clone(), self.world.clone());
        self.call("earliest", None, move |model| {
            let earliest = model.earliest(&own, limit);
            if let Some(world) = world {
                world.looked(&own, &earliest);
            }
            earliest
        })
        .await
    }

    async fn alias(&self, aliases: &[Alias], connection: &ConnectionId, subject: &Subject, expires: Utc) -> Result<()> {
        let (aliases, place) = (aliases.to_vec(), (connection.clone(), subject.clone()));
        let world = self.world.clone();
        self.call("alias", None, move |model| {
            model.alias(&aliases, &place, expires);
            if let Some(world) = world {
                let held = world.checker().files.named(&aliases);
                world.hold(held);
            }
        })
        .await
    }

    async fn resolve(&self, alias: &Alias, now: Utc) -> Result<Vec<(ConnectionId, Subject)>> {
        let now = self.trusted(now);
        let alias = alias.clone();
        self.call("resolve", None, move |model| model.resolve(&alias, now)).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Utc, until: Utc) -> Result<bool> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.call("lease", None, move |model| model.lease(&name, &holder, now, until)).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>> {
        let name = name.to_owned();
        self.call("note", None, move |model| model.note(&name)).await
    }

    async fn put_note(&self, name: &str, value: &str, over: u64) -> Result<bool> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.call("put_note", None, move |model| model.put_note(&name, &value, over)).await
    }

    async fn put_audit(&self, entry: &Entry) -> Result<()> {
        let entry = entry.clone();
        self.call("put_audit", None, move |model| model.audit.put(&entry)).await
    }

    async fn audit(&self, filter: &AuditFilter, from: Option<&str>, limit: usize, now: Utc) -> Result<AuditPage> {
        let (filter, from) = (filter.clone(), from.map(ToOwned::to_owned));
        self.call("audit", None, move |model| model.audit.page(&filter, from.as_deref(), limit, now)).await?
    }

    async fn audit_of(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Entry>> {
        let (connection, subject) = (connection.clone(), subject.clone());
        self.call("audit_of", None, move |model| model.audit.of(&connection, &subject, now)).await
    }

    async fn ledger(&self, now: Utc) -> Result<BTreeMap<ConnectionId, Tally>> {
        let now = self.trusted(now);
        self.call("ledger", None, move |model| model.ledger(now)).await
    }

    async fn add_counts(&self, connection: &ConnectionId, step: Utc, counts: &Counts, expires: Utc) -> Result<()> {
        let (place, counts) = ((connection.clone(), step), counts.clone());
        self.call("add_counts", None, move |model| model.add_counts(place, &counts, expires)).await
    }

    async fn counts(&self, connection: &ConnectionId, since: Utc, until: Utc, now: Utc) -> Result<Vec<(Utc, Counts)>> {
        let connection = connection.clone();
        self.call("counts", None, move |model| model.counts(&connection, since, until, now)).await
    }

    async fn stored(&self, from: Option<&str>, limit: usize, now: Utc) -> Result<StoredPage> {
        let (now, from) = (self.trusted(now), from.map(ToOwned::to_owned));
        self.call("stored", None, move |model| stored::page(model, from.as_deref(), limit, now)).await?
    }

    async fn put_stored(&self, what: &Stored) -> Result<Placed> {
        let what = what.clone();
        self.call("put_stored", None, move |model| stored::put(model, &what)).await
    }
}
