//! The verbs of [`Store`] over SQLite.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hub::audit::{Entry, Place};
use hub::identity::Head;
use hub::ledger::Tally;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, EndpointId, Event, EventId, EventKey, EventType, Record, Subject, Utc, Work, seal};
use rusqlite::Connection;
use store::{
    Admitted, Aside, AuditFilter, AuditPage, Failed, Link, Listed, Note, Page, Pending, Placed, Received, Result,
    Sequence, Settled, Store, StoreError, Stored, StoredPage,
};

use super::SqliteStore;
use crate::files::Files;
use crate::{audit, counts, reads, recent, stored, writes};

/// Largest body that is sealed on the calling thread, in bytes: a larger one takes milliseconds.
const LARGE: usize = 64 * 1024;

impl Store for SqliteStore {
    async fn admit(&self, event: &Event, work: &Work, link: Option<&Link>) -> Result<Admitted> {
        self.has_room()?;
        let record = Arc::new(Record { event: event.clone(), work: work.clone() });
        let meta = sealed(event).await?;
        let link = link.cloned();
        let (now, is_refusing) = (self.trusted(event.meta.received), self.is_refusing());
        let own = Arc::clone(&record);
        let admit = move |db: &Connection| writes::admit(db, (&own, &meta), link.as_ref(), now, is_refusing);
        let admitted = self.write("admit", admit).await?;
        if admitted == Admitted::New {
            self.pulls.tell(&record.work);
            if record.work.due().is_some() {
                self.recent.put(Arc::unwrap_or_clone(record));
            }
        }
        Ok(admitted)
    }

    async fn head(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        kind: &EventType,
        now: Utc,
    ) -> Result<Option<Head>> {
        let now = self.trusted(now);
        let (connection, subject, kind) = (connection.clone(), subject.clone(), kind.clone());
        let files = self.files.clone();
        let head = move |db: &Connection| {
            let head = writes::head(db, &connection, &subject, &kind, now)?;
            // A push may be answered as stored because of this head, without a write that would check the files.
            files.as_ref().map_or(Ok(()), Files::check)?;
            Ok(head)
        };
        self.item("head", head).await
    }

    async fn load(&self, key: &EventKey, now: Utc) -> Result<Option<Record>> {
        let now = self.trusted(now);
        if let Some(record) =
            self.recent.take(key).filter(|record| record.event.meta.expires > now || record.work.is_open())
        {
            return Ok(Some(record));
        }
        let key = key.clone();
        self.item("load", move |db| reads::load(db, &key, now)).await
    }

    async fn inspect(&self, key: &EventKey, now: Utc) -> Result<Option<Listed>> {
        let now = self.trusted(now);
        let key = key.clone();
        self.item("inspect", move |db| reads::inspect(db, &key, now)).await
    }

    async fn settle(&self, key: &EventKey, work: &Work) -> Result<Settled> {
        self.recent.changing(key);
        let own = (key.clone(), work.clone());
        let settled = self.write("settle", move |db| writes::settle(db, &own.0, &own.1)).await?;
        if settled == Settled::Done {
            self.pulls.tell(work);
            self.recent.settled(key, work);
        }
        Ok(settled)
    }

    async fn due(&self, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.list("due", move |db| reads::due(db, now, limit)).await
    }

    /// Nothing: [`Store::due`] has them.
    async fn due_pullable(&self, _: Utc, _: usize) -> Result<Vec<EventKey>> {
        Ok(Vec::new())
    }

    async fn pullable(&self, endpoint: Option<&EndpointId>, limit: usize) -> Result<Vec<EventKey>> {
        let endpoint = endpoint.cloned();
        self.list("pullable", move |db| reads::pullable(db, endpoint.as_ref(), limit)).await
    }

    fn pull_mark(&self, endpoint: &EndpointId) -> u64 {
        self.pulls.mark(endpoint)
    }

    async fn more_pullable(&self, endpoint: &EndpointId, mark: u64, at_most: Duration) -> bool {
        self.pulls.more(endpoint, mark, at_most).await
    }

    async fn due_aside(&self, of: Aside, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.list("due_aside", move |db| reads::due_aside(db, of, now, limit)).await
    }

    async fn ahead(&self, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.list("ahead", move |db| reads::ahead(db, after, limit)).await
    }

    async fn ahead_aside(&self, of: Aside, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        self.list("ahead_aside", move |db| reads::ahead_aside(db, of, after, limit)).await
    }

    async fn failed(&self, which: &Failed, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        let now = self.trusted(now);
        let which = which.clone();
        let from = from.map_or(Ok(0), str::parse).map_err(|_| StoreError::BadCursor { verb: "failed" })?;
        self.list("failed", move |db| reads::failed(db, &which, from, limit, now)).await
    }

    async fn pending(&self, which: &Pending, from: Option<&str>, limit: usize, _: Utc) -> Result<Page> {
        let which = which.clone();
        let from = from.map_or(Some((i64::MIN, i64::MIN)), |from| {
            let (due, n) = from.split_once(':')?;
            Some((due.parse().ok()?, n.parse().ok()?))
        });
        let from = from.ok_or(StoreError::BadCursor { verb: "pending" })?;
        self.list("pending", move |db| reads::pending(db, &which, from, limit)).await
    }

    async fn recent(&self, which: &Received, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        let now = self.trusted(now);
        let which = which.clone();
        let from = from.map(str::parse).transpose().map_err(|_| StoreError::BadCursor { verb: "recent" })?;
        self.list("recent", move |db| recent::page(db, &which, (from, limit.max(1)), now)).await
    }

    async fn timeline(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Listed>> {
        let now = self.trusted(now);
        let (connection, subject) = (connection.clone(), subject.clone());
        self.list("timeline", move |db| reads::timeline(db, &connection, &subject, now)).await
    }

    async fn history(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> Result<Page> {
        const VERB: &str = "history";
        let now = self.trusted(now);
        let after = from.map(str::parse::<EventId>).transpose().map_err(|_| StoreError::BadCursor { verb: VERB })?;
        let (connection, subject) = (connection.clone(), subject.clone());
        self.list(VERB, move |db| reads::history(db, &connection, &subject, (after, limit), now)).await
    }

    async fn earliest(&self, of: &Sequence, limit: usize) -> Result<Vec<Listed>> {
        let of = of.clone();
        self.item("earliest", move |db| reads::earliest(db, &of, limit)).await
    }

    async fn alias(&self, aliases: &[Alias], connection: &ConnectionId, subject: &Subject, expires: Utc) -> Result<()> {
        let (aliases, connection, subject) = (aliases.to_vec(), connection.clone(), subject.clone());
        self.write("alias", move |db| writes::alias(db, &aliases, &connection, &subject, expires)).await
    }

    async fn resolve(&self, alias: &Alias, now: Utc) -> Result<Vec<(ConnectionId, Subject)>> {
        let now = self.trusted(now);
        let alias = alias.clone();
        self.list("resolve", move |db| reads::resolve(db, &alias, now)).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Utc, until: Utc) -> Result<bool> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write("lease", move |db| writes::lease(db, &name, &holder, now, until)).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>> {
        let name = name.to_owned();
        self.item("note", move |db| reads::note(db, &name)).await
    }

    async fn put_note(&self, name: &str, value: &str, over: u64) -> Result<bool> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write("put_note", move |db| writes::put_note(db, &name, &value, over)).await
    }

    async fn put_audit(&self, entry: &Entry) -> Result<()> {
        let entry = entry.clone();
        self.write("put_audit", move |db| audit::put(db, &entry)).await
    }

    async fn audit(&self, filter: &AuditFilter, from: Option<&str>, limit: usize, now: Utc) -> Result<AuditPage> {
        const VERB: &str = "audit";
        let now = self.trusted(now);
        let from = from.map(str::parse::<Place>).transpose().map_err(|()| StoreError::BadCursor { verb: VERB })?;
        let filter = filter.clone();
        self.list(VERB, move |db| audit::page(db, &filter, from, limit, now)).await
    }

    async fn audit_of(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Entry>> {
        let now = self.trusted(now);
        let (connection, subject) = (connection.clone(), subject.clone());
        self.list("audit_of", move |db| audit::of(db, &connection, &subject, now)).await
    }

    async fn ledger(&self, now: Utc) -> Result<BTreeMap<ConnectionId, Tally>> {
        let now = self.trusted(now);
        self.list("ledger", move |db| reads::ledger(db, now)).await
    }

    async fn add_counts(&self, connection: &ConnectionId, step: Utc, counts: &Counts, expires: Utc) -> Result<()> {
        let (connection, counts) = (connection.clone(), counts.clone());
        self.write("add_counts", move |db| counts::add(db, &connection, step, &counts, expires)).await
    }

    async fn counts(&self, connection: &ConnectionId, since: Utc, until: Utc, now: Utc) -> Result<Vec<(Utc, Counts)>> {
        let (connection, now) = (connection.clone(), self.trusted(now));
        self.list("counts", move |db| counts::read(db, &connection, (since, until), now)).await
    }

    async fn stored(&self, from: Option<&str>, limit: usize, now: Utc) -> Result<StoredPage> {
        const VERB: &str = "stored";
        let now = self.trusted(now);
        let from = stored::From::read(from).ok_or(StoreError::BadCursor { verb: VERB })?;
        self.list(VERB, move |db| stored::page(db, &from, limit.max(1), now)).await
    }

    async fn put_stored(&self, what: &Stored) -> Result<Placed> {
        const VERB: &str = "put_stored";
        if let Stored::Event(record) = what {
            let (meta, record) = (sealed(&record.event).await?, record.clone());
            return self.write(VERB, move |db| stored::put_event(db, &record, &meta)).await;
        }
        let what = what.clone();
        self.write(VERB, move |db| stored::put(db, &what)).await
    }
}

/// The event's metadata with its seal, computed on another thread where the body is large.
async fn sealed(event: &Event) -> Result<String> {
    if event.body.len() <= LARGE {
        return Ok(seal::sealed(event));
    }
    let event = event.clone();
    let sealed = tokio::task::spawn_blocking(move || seal::sealed(&event)).await;
    sealed.map_err(|error| StoreError::Unavailable { verb: "admit", source: error.into() })
}
