//! The store's verbs. The store is the truth: an event and its deliveries are one item, admitted by one conditional
//! write, and everything else can be redone from it.
//!
//! Two engines keep these promises, and one contract suite (`contract`) holds both to them. Engines only store: they
//! know keys, conditions and SQL, and no rule of the hub. Expired items are filtered on read, so every reading verb takes
//! the time as an argument. Open work (`Work::is_open`) does not expire: its event can be read at any time, whatever its
//! `expires`, which applies again once the work is settled.

mod aside;
mod audit;
#[cfg(feature = "contract")]
pub mod contract;
mod earliest;
mod error;
mod files;
mod filters;
mod flush;
mod in_view;
mod listing;
mod numbered;
mod pulls;
mod received;
mod seed;
mod shipment;
mod stored;
mod timelines;
mod walk;

pub use aside::Aside;
pub use audit::{AuditFilter, AuditPage, MOST_AUDITED, audit_of_all};
pub use earliest::Earliest;
pub use error::{Result, StoreError};
pub use files::files_of;
pub use filters::{Failed, Pending};
pub use flush::flush;
pub use in_view::{LOOKS, in_view, next_in_view};
pub use listing::{Found, LOOKED_AT, Listing, Part, found};
pub use numbered::Numbered;
pub use pulls::LOOK_AGAIN;
pub use received::Received;
pub use seed::seed;
pub use shipment::{Asked, MOST_EVENTS, Shipment, Source, shipment};
pub use stored::{Placed, Stored, StoredPage, whole_seconds};
pub use timelines::{Latest, SUBJECTS, TIMELINE, timelines};

use std::collections::BTreeMap;
use std::time::Duration;

use hub::audit::Entry;
use hub::delivery::Delivery;
use hub::event::Meta;
use hub::identity::Head;
use hub::ledger::Tally;
use hub::progress::Outgoing as _;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, EndpointId, Event, EventId, EventKey, EventType, Record, Subject, Utc, Work};

/// Result of an admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// The event is stored now, durably.
    New,
    /// It was stored before, by another process or by an earlier try of this call whose answer was lost.
    Duplicate,
    /// A chain has another latest event than the link expects; nothing was stored. Read the heads and decide again.
    Moved,
}

/// Moves of chains to an event, stored with it: all of them, or neither they nor the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// At least one; [`MOST_CHAINS`] at the most.
    pub chains: Vec<Chain>,
}

/// Largest number of chains that move with an event.
pub const MOST_CHAINS: usize = hub::call::sequence::MOST_ORDERS;

/// A chain, at the same connection as its events, and its move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The subject that it is kept under.
    pub subject: Subject,
    /// The event type that it is kept under.
    pub kind: EventType,
    /// The latest event when the decision was made.
    pub expected: Option<EventId>,
    /// The chain with the new event as its latest.
    pub head: Head,
    /// Time from which the chain is forgotten.
    pub expires: Utc,
}

impl Link {
    /// The move of the event's own chain, that of its subject and type (`identity::follow`).
    #[must_use]
    pub fn own(event: &Event, expected: Option<EventId>, head: Head) -> Self {
        let Event { key, meta, .. } = event;
        let (subject, kind, expires) = (key.subject.clone(), meta.kind.clone(), meta.expires);
        Self { chains: vec![Chain { subject, kind, expected, head, expires }] }
    }
}

/// Result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is stored, durably.
    Done,
    /// Another change was stored in between, or the item is gone; nothing was stored.
    Stale,
}

/// An event without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Key of the event.
    pub key: EventKey,
    /// Its metadata.
    pub meta: Meta,
    /// Its work, at the version that was read.
    pub work: Work,
}

/// The deliveries of one subject's events to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// Connection of the events.
    pub connection: ConnectionId,
    /// Their subject.
    pub subject: Subject,
    /// Destination of the deliveries.
    pub endpoint: EndpointId,
}

impl Sequence {
    /// The sequence that an event's delivery to an endpoint belongs to.
    #[must_use]
    pub fn of(key: &EventKey, endpoint: &EndpointId) -> Self {
        let EventKey { connection, subject, .. } = key.clone();
        Self { connection, subject, endpoint: endpoint.clone() }
    }

    /// Whether such work is of it and pending.
    #[must_use]
    pub fn holds(&self, key: &EventKey, work: &Work) -> bool {
        let own = key.connection == self.connection && key.subject == self.subject;
        own && work.delivery(&self.endpoint).is_some_and(Delivery::is_pending)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<Listed>,
    /// Number of further items that cannot be read. The engine logs their keys.
    pub unreadable: usize,
    /// Cursor of the next page, opaque and printable; none at the end. A page may be empty and not be the last.
    pub next: Option<String>,
}

/// Longest lease.
pub const LONGEST_LEASE: Duration = Duration::from_mins(30);

/// A small named value that several processes share, such as the health of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The value.
    pub value: String,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// The verbs. Cheap to clone; clones share the engine.
pub trait Store: Clone + Send + Sync + 'static {
    /// Stores an event with its work unless its key is there. With a link, only while the head of each of its chains is the
    /// expected one, and the heads move in the same breath. When this returns `New`, the event survives a power cut.
    fn admit(&self, event: &Event, work: &Work, link: Option<&Link>) -> impl Future<Output = Result<Admitted>> + Send;

    /// The latest event of a chain, read consistently; nothing where it has expired.
    fn head(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        kind: &EventType,
        now: Utc,
    ) -> impl Future<Output = Result<Option<Head>>> + Send;

    /// One event with its work and its bytes, read consistently; [`StoreError::Damaged`] where they are not as they were
    /// written.
    fn load(&self, key: &EventKey, now: Utc) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// One event with its work, without its bytes, read consistently.
    fn inspect(&self, key: &EventKey, now: Utc) -> impl Future<Output = Result<Option<Listed>>> + Send;

    /// Puts changed work in place of the version before it (`work.version - 1`).
    fn settle(&self, key: &EventKey, work: &Work) -> impl Future<Output = Result<Settled>> + Send;

    /// Events with work that was due at `now`, roughly in the order of their due times, `limit` at the most; nothing of what is kept
    /// [`Aside`], and perhaps none that are [`Store::pullable`] too. May lag behind the latest writes: read the item itself before acting.
    fn due(&self, now: Utc, limit: usize) -> impl Future<Output = Result<Vec<EventKey>>> + Send;

    /// Events with work that was due at `now`, like [`Store::due`], that wait for a consumer, too: those that it leaves out.
    fn due_pullable(&self, now: Utc, limit: usize) -> impl Future<Output = Result<Vec<EventKey>>> + Send;

    /// Events with a pending delivery that consumers lease, leased or not, roughly in the order of their reception, `limit` at the most.
    /// An engine may list those of all endpoints for one, and may lag like [`Store::due`]. Other work costs nothing here.
    fn pullable(
        &self,
        endpoint: Option<&EndpointId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EventKey>>> + Send;

    /// A mark of the present, for [`Store::more_pullable`]: taken before a look at [`Store::pullable`], so that nothing falls between.
    fn pull_mark(&self, _endpoint: &EndpointId) -> u64 {
        0
    }

    /// Waits, `at_most` so long, until a consumer may find more at an endpoint than at a mark. An engine that is not told of changes
    /// waits for [`LOOK_AGAIN`]; the end of a lease is told by none. `false` where this process ends: there is nothing to wait for.
    fn more_pullable(&self, endpoint: &EndpointId, mark: u64, at_most: Duration) -> impl Future<Output = bool> + Send;

    /// Watches or files that were due at `now`, like [`Store::due`].
    fn due_aside(&self, of: Aside, now: Utc, limit: usize) -> impl Future<Output = Result<Vec<EventKey>>> + Send;

    /// Events with work that is next due later than `after`, the furthest ahead first, roughly, `limit` at the most; nothing of
    /// what is kept [`Aside`].
    /// May lag like [`Store::due`].
    fn ahead(&self, after: Utc, limit: usize) -> impl Future<Output = Result<Vec<EventKey>>> + Send;

    /// Watches or files that are next due later than `after`, like [`Store::ahead`].
    fn ahead_aside(&self, of: Aside, after: Utc, limit: usize) -> impl Future<Output = Result<Vec<EventKey>>> + Send;

    /// Events of which something has failed, by pages. `from` is the `next` of a page; [`StoreError::BadCursor`] where it
    /// is not.
    fn failed(
        &self,
        which: &Failed,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> impl Future<Output = Result<Page>> + Send;

    /// Events of which something is pending at a destination, due now or later, by pages like those of [`Store::failed`]. May lag
    /// behind the latest writes, and work that changes meanwhile may be listed twice or not at all: look at the item itself before acting.
    fn pending(
        &self,
        which: &Pending,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> impl Future<Output = Result<Page>> + Send;

    /// Events and calls by their reception, the newest first, by pages like those of [`Store::failed`]. A page is a bounded amount
    /// of reading, whatever is stored: it may be empty and not be the last. May lag like [`Store::due`]. Events that were received
    /// while a clock was wrong may be missing between `since` and `until`; and events that were stored without a place in this
    /// list are not in it.
    fn recent(
        &self,
        which: &Received,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> impl Future<Output = Result<Page>> + Send;

    /// The events of a subject in the order of their reception, read consistently; the latest 1,000.
    fn timeline(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        now: Utc,
    ) -> impl Future<Output = Result<Vec<Listed>>> + Send;

    /// All events of a subject by pages like those of [`Store::failed`], each read consistently, in the order of their ids, which
    /// says nothing of time. An event that is admitted meanwhile may be in none of them.
    fn history(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> impl Future<Output = Result<Page>> + Send;

    /// The first pending deliveries of a sequence, in the order of their events' reception and then of their ids, `limit` at
    /// the most; read consistently. Events that cannot be read are left out, because nothing ever ends them; the engine logs
    /// their keys.
    fn earliest(&self, of: &Sequence, limit: usize) -> impl Future<Output = Result<Vec<Listed>>> + Send;

    /// Makes a subject known under other keys until `expires`. Repeating it prolongs it.
    fn alias(
        &self,
        aliases: &[Alias],
        connection: &ConnectionId,
        subject: &Subject,
        expires: Utc,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The subjects known under a key.
    fn resolve(&self, alias: &Alias, now: Utc) -> impl Future<Output = Result<Vec<(ConnectionId, Subject)>>> + Send;

    /// Acquires or prolongs a named lease until `until`; `false` while another holder has it. A lease that would last longer
    /// than [`LONGEST_LEASE`] from `now` is void: its holder's clock was ahead and has been set back since.
    fn lease(&self, name: &str, holder: &str, now: Utc, until: Utc) -> impl Future<Output = Result<bool>> + Send;

    /// A shared note.
    fn note(&self, name: &str) -> impl Future<Output = Result<Option<Note>>> + Send;

    /// Writes a shared note over the version that was read (0: over none); `false` where it has changed since.
    fn put_note(&self, name: &str, value: &str, over: u64) -> impl Future<Output = Result<bool>> + Send;

    /// Writes an entry of the audit trail over the one of its place, and makes it known under each subject that it touched. It
    /// is cut to what an item takes ([`Entry::fitted`]). Repeating it changes nothing.
    fn put_audit(&self, entry: &Entry) -> impl Future<Output = Result<()>> + Send;

    /// The audit trail by pages like those of [`Store::failed`], latest first. A page may have fewer entries than there are.
    fn audit(
        &self,
        filter: &AuditFilter,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> impl Future<Output = Result<AuditPage>> + Send;

    /// The latest [`MOST_AUDITED`] entries that touched a subject, latest first, each with those that it touched of that subject
    /// alone; read consistently.
    fn audit_of(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        now: Utc,
    ) -> impl Future<Output = Result<Vec<Entry>>> + Send;

    /// The ledger of each connection. `accepted` is counted when events are admitted or replayed, the other counts from
    /// the deliveries as they stand, so that a loss shows. What cannot be read is promised and nowhere; the engine logs what
    /// it is.
    fn ledger(&self, now: Utc) -> impl Future<Output = Result<BTreeMap<ConnectionId, Tally>>> + Send;

    /// Adds to the counts of a connection in a step, kept until `expires`. Unlike other writes it is not idempotent: repeated
    /// after an answer was lost, it may count twice.
    fn add_counts(
        &self,
        connection: &ConnectionId,
        step: Utc,
        counts: &Counts,
        expires: Utc,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The counts of a connection by step, from `since` on and before `until`. May lag behind the latest additions.
    fn counts(
        &self,
        connection: &ConnectionId,
        since: Utc,
        until: Utc,
        now: Utc,
    ) -> impl Future<Output = Result<Vec<(Utc, Counts)>>> + Send;

    /// Everything that is kept and not expired, by pages like those of [`Store::failed`], each thing once. Read consistently, but not
    /// at one moment: what changes meanwhile may be there as it was, as it is, or, where it is new or gone, not at all.
    fn stored(&self, from: Option<&str>, limit: usize, now: Utc) -> impl Future<Output = Result<StoredPage>> + Send;

    /// Puts something where another store had it, unless something is there. Repeating it changes nothing. Of a key that is there
    /// the later expiry counts.
    fn put_stored(&self, what: &Stored) -> impl Future<Output = Result<Placed>> + Send;
}
