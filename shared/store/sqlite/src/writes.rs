//! Statements within the writer's transaction.

use hub::identity::{Head, prefix};
use hub::{Alias, ConnectionId, EventKey, EventType, Record, Subject, Utc, Work};
use rusqlite::ffi::{Error as Failure, SQLITE_FULL};
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{Admitted, Aside, Chain, LONGEST_LEASE, Link, Settled};

use crate::audit;
use crate::codec::{json, parse};
use crate::counts;

/// The due time in the table of work that is open and never due by itself: an ambiguous call. What has a due time does
/// not expire.
pub(crate) const NEVER: i64 = i64::MAX;

/// The beginning of the due times of watches in the table, which are this much later than they are: so neither lists of other
/// work nor versions without watches come across them.
pub(crate) const WATCHES: i64 = 1 << 62;

/// The beginning of the due times of what is open for consumers alone: behind all that is due by itself, in the order in which it
/// began to wait.
pub(crate) const PULLABLE: i64 = 1 << 61;

/// The beginning of the due times of files, likewise: no watch is due so late.
pub(crate) const FILES: i64 = WATCHES + (1 << 61);

/// Beginning and end of the due times of what is kept aside, as the table has them.
pub(crate) const fn span(of: Aside) -> (i64, i64) {
    match of {
        Aside::Watches => (WATCHES, FILES),
        Aside::Files => (FILES, NEVER),
    }
}

/// The due time of something that is kept aside, as the table has it.
pub(crate) fn due_aside(of: Aside, due: Utc) -> i64 {
    let (first, end) = span(of);
    first.saturating_add(due.0.max(0)).min(end - 1)
}

/// The due time of some work, as the table has it.
fn due(work: &Work) -> Option<i64> {
    let aside = [Aside::Watches, Aside::Files].into_iter().find(|aside| aside.holds(work));
    if let Some(aside) = aside {
        return work.due().map(|due| due_aside(aside, due));
    }
    let pullable = || work.pullable_since().map(|since| PULLABLE.saturating_add(since.0.max(0)).min(WATCHES - 1));
    work.due().map(|due| due.0).or_else(pullable).or_else(|| work.is_open().then_some(NEVER))
}

/// Lists the pending deliveries of an event that consumers lease.
fn list_pullable(db: &Connection, n: i64, work: &Work) -> rusqlite::Result<()> {
    for delivery in work.pullable() {
        db.prepare_cached("INSERT OR IGNORE INTO pulls (endpoint, n) VALUES (?1, ?2)")?
            .execute(params![delivery.endpoint.as_str(), n])?;
    }
    Ok(())
}

fn unlist_pullable(db: &Connection, n: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM pulls WHERE n = ?1")?.execute([n])?;
    Ok(())
}

/// Whether it is in a list of what has failed: files that were given up are, too.
fn is_listed(work: &Work) -> bool {
    work.has_failed() || work.lost_since().is_some()
}

/// Reason for refusing a new event while there is little space.
const NEARLY_FULL: &str = "the disk is nearly full: nothing new is taken until there is space again; free some";

/// Stores an event unless it is there at `now`; see `Store::admit`. With the event comes what is known of it, sealed. A new one
/// is refused while the disk is nearly full.
pub(crate) fn admit(
    db: &Connection,
    (record, meta): (&Record, &str),
    link: Option<&Link>,
    now: Utc,
    is_refusing: bool,
) -> rusqlite::Result<Admitted> {
    let Record { event, work } = record;
    let id = &event.key.id.0[..];
    let stored: Option<(i64, i64)> = db
        .prepare_cached("SELECT n, expires FROM events WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match stored {
        Some((n, expires)) if expires > now.0 || is_open(db, n)? => return Ok(Admitted::Duplicate),
        _ if is_refusing => {
            return Err(rusqlite::Error::SqliteFailure(Failure::new(SQLITE_FULL), Some(NEARLY_FULL.to_owned())));
        }
        Some((expired, _)) => forget(db, expired)?,
        None => {}
    }
    let chains = link.map(|link| link.chains.as_slice()).unwrap_or_default();
    for chain in chains {
        let present = head(db, &event.key.connection, &chain.subject, &chain.kind, now)?;
        if present.map(|head| head.event) != chain.expected {
            return Ok(Admitted::Moved);
        }
    }
    for chain in chains {
        put_head(db, &event.key.connection, chain)?;
    }
    db.prepare_cached(
        "INSERT INTO events (id, connection, subject, expires, meta, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id,
        event.key.connection.as_str(),
        event.key.subject.as_str(),
        event.meta.expires.0,
        meta,
        &event.body[..],
    ])?;
    let n = db.last_insert_rowid();
    db.prepare_cached("INSERT INTO work (n, version, accepted, due, failed, work) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![n, work.version, work.accepted, due(work), is_listed(work), json(work)?])?;
    list_pullable(db, n, work)?;
    promise(db, &event.key.connection, i64::from(work.accepted))?;
    Ok(Admitted::New)
}

/// The latest event of a chain.
pub(crate) fn head(
    db: &Connection,
    connection: &ConnectionId,
    subject: &Subject,
    kind: &EventType,
    now: Utc,
) -> rusqlite::Result<Option<Head>> {
    db.prepare_cached(
        "SELECT head FROM heads
         WHERE id_prefix = ?1 AND type = ?2 AND connection = ?3 AND subject = ?4 AND expires > ?5",
    )?
    .query_row(
        params![&prefix(connection, subject)[..], kind.as_str(), connection.as_str(), subject.as_str(), now.0],
        |row| parse(row, 0),
    )
    .optional()
}

fn put_head(db: &Connection, connection: &ConnectionId, chain: &Chain) -> rusqlite::Result<()> {
    let Chain { subject, kind, head, expires, expected: _ } = chain;
    db.prepare_cached("INSERT OR REPLACE INTO heads (id_prefix, type, connection, subject, expires, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            &prefix(connection, subject)[..],
            kind.as_str(),
            connection.as_str(),
            subject.as_str(),
            expires.0,
            json(head)?,
        ])?;
    Ok(())
}

/// Puts changed work in place of the version before it; see `Store::settle`.
pub(crate) fn settle(db: &Connection, key: &EventKey, work: &Work) -> rusqlite::Result<Settled> {
    let stored: Option<(i64, u64, u32)> = db
        .prepare_cached(
            "SELECT w.n, w.version, w.accepted FROM events e JOIN work w USING (n)
             WHERE e.id = ?1 AND e.connection = ?2 AND e.subject = ?3",
        )?
        .query_row(params![&key.id.0[..], key.connection.as_str(), key.subject.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((n, version, accepted)) = stored else { return Ok(Settled::Stale) };
    if version + 1 != work.version {
        return Ok(Settled::Stale);
    }
    db.prepare_cached("UPDATE work SET version = ?2, accepted = ?3, due = ?4, failed = ?5, work = ?6 WHERE n = ?1")?
        .execute(params![n, work.version, work.accepted, due(work), is_listed(work), json(work)?])?;
    unlist_pullable(db, n)?;
    list_pullable(db, n, work)?;
    if accepted != work.accepted {
        promise(db, &key.connection, i64::from(work.accepted) - i64::from(accepted))?;
    }
    Ok(Settled::Done)
}

/// Counts promised deliveries, apart from their states, so that a lost delivery shows in the ledger.
fn promise(db: &Connection, connection: &ConnectionId, deliveries: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO accepted (connection, deliveries) VALUES (?1, ?2)
         ON CONFLICT (connection) DO UPDATE SET deliveries = deliveries + excluded.deliveries",
    )?
    .execute(params![connection.as_str(), deliveries])?;
    Ok(())
}

/// Makes a subject known under other keys; see `Store::alias`.
pub(crate) fn alias(
    db: &Connection,
    aliases: &[Alias],
    connection: &ConnectionId,
    subject: &Subject,
    expires: Utc,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO aliases (alias, connection, subject, expires) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET expires = max(expires, excluded.expires)",
    )?;
    for alias in aliases {
        insert.execute(params![alias.as_str(), connection.as_str(), subject.as_str(), expires.0])?;
    }
    Ok(())
}

/// Takes a lease; see `Store::lease`.
pub(crate) fn lease(db: &Connection, name: &str, holder: &str, now: Utc, until: Utc) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?4)
             ON CONFLICT DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE holder = excluded.holder OR until <= ?3 OR until > ?5",
        )?
        .execute(params![name, holder, now.0, until.0, now.after(LONGEST_LEASE).0])?;
    Ok(changed == 1)
}

/// Writes a note over the version that was read; see `Store::put_note`.
pub(crate) fn put_note(db: &Connection, name: &str, value: &str, over: u64) -> rusqlite::Result<bool> {
    let changed = if over == 0 {
        db.prepare_cached("INSERT INTO notes (name, version, value) VALUES (?1, 1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![name, value])?
    } else {
        db.prepare_cached("UPDATE notes SET version = version + 1, value = ?2 WHERE name = ?1 AND version = ?3")?
            .execute(params![name, value, over])?
    };
    Ok(changed == 1)
}

/// Removes up to `limit` expired rows of each kind. Returns the largest number that was looked at of one kind; events whose
/// work is open stay.
pub(crate) fn purge(db: &Connection, now: Utc, limit: usize) -> rusqlite::Result<usize> {
    let expired: Vec<i64> = db
        .prepare_cached(
            "SELECT e.n FROM events e LEFT JOIN work w USING (n)
             WHERE e.expires <= ?1 AND w.due IS NULL ORDER BY e.expires LIMIT ?2",
        )?
        .query_map(params![now.0, limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for n in &expired {
        if is_open(db, *n)? {
            // As an earlier version left it. From here on its due time says so.
            db.prepare_cached("UPDATE work SET due = ?2 WHERE n = ?1")?.execute([*n, NEVER])?;
        } else {
            forget(db, *n)?;
        }
    }
    let aliases = db
        .prepare_cached(
            "DELETE FROM aliases WHERE (alias, connection, subject) IN
             (SELECT alias, connection, subject FROM aliases WHERE expires <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.0, limit])?;
    let heads = db
        .prepare_cached(
            "DELETE FROM heads WHERE (id_prefix, type, connection, subject) IN
             (SELECT id_prefix, type, connection, subject FROM heads WHERE expires <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.0, limit])?;
    let counts = counts::purge(db, now, limit)?;
    let audit = audit::purge(db, now, limit)?;
    Ok([expired.len(), aliases, heads, counts, audit].into_iter().max().unwrap_or_default())
}

/// Whether an event's work is open. An earlier version gave an ambiguous call no due time, so what has failed is read.
fn is_open(db: &Connection, n: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT work, due IS NOT NULL, failed FROM work WHERE n = ?1")?
        .query_row([n], |row| {
            let (is_due, failed) = (row.get::<_, bool>(1)?, row.get::<_, bool>(2)?);
            Ok(is_due || failed && parse::<Work>(row, 0).is_ok_and(|work| work.is_open()))
        })
        .optional()
        .map(Option::unwrap_or_default)
}

/// Removes one event and what was promised for it.
fn forget(db: &Connection, n: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE accepted SET deliveries = deliveries
             - (SELECT accepted FROM work WHERE n = ?1)
         WHERE connection = (SELECT connection FROM events WHERE n = ?1)",
    )?
    .execute([n])?;
    unlist_pullable(db, n)?;
    db.prepare_cached("DELETE FROM work WHERE n = ?1")?.execute([n])?;
    db.prepare_cached("DELETE FROM events WHERE n = ?1")?.execute([n])?;
    Ok(())
}
