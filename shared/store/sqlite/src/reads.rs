//! Reads, on a connection that never waits for writes.

use std::collections::BTreeMap;

use hub::event::Meta;
use hub::identity::prefix;
use hub::ledger::Tally;
use hub::order::Place;
use hub::{Alias, ConnectionId, EndpointId, EventId, EventKey, Record, Subject, Utc, Work};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use store::{Aside, Earliest, Failed, Listed, Note, Page, Pending, Sequence};

use crate::codec::{LISTED, key, listed, parse, record};
use crate::engine::{Due, Recent};
use crate::writes::{PULLABLE, WATCHES, due_aside as due_time, span};

const TIMELINE: usize = 1_000;

/// The condition on what is there at the time in a parameter: it has not expired, or its work is open. Of `events e JOIN
/// work w`.
fn lives(now: &str) -> String {
    format!("(e.expires > {now} OR w.due IS NOT NULL)")
}

pub(crate) fn load(db: &Connection, wanted: &EventKey, now: Utc) -> rusqlite::Result<Option<Record>> {
    let found = find(db, wanted.id, now)?;
    Ok(found.filter(|record| record.event.key == *wanted))
}

pub(crate) fn find(db: &Connection, id: EventId, now: Utc) -> rusqlite::Result<Option<Record>> {
    db.prepare_cached(&format!(
        "SELECT {LISTED}, e.body FROM events e JOIN work w USING (n) WHERE e.id = ?1 AND {}",
        lives("?2")
    ))?
    .query_row(params![&id.0[..], now.0], record)
    .optional()
}

pub(crate) fn inspect(db: &Connection, wanted: &EventKey, now: Utc) -> rusqlite::Result<Option<Listed>> {
    let found = db
        .prepare_cached(&format!(
            "SELECT {LISTED} FROM events e JOIN work w USING (n) WHERE e.id = ?1 AND {}",
            lives("?2")
        ))?
        .query_row(params![&wanted.id.0[..], now.0], listed)
        .optional()?;
    Ok(found.filter(|found| found.key == *wanted))
}

pub(crate) fn due(db: &Connection, now: Utc, limit: usize) -> rusqlite::Result<Vec<EventKey>> {
    db.prepare_cached(
        "SELECT e.connection, e.subject, e.id FROM work w JOIN events e USING (n)
         WHERE w.due <= ?1 ORDER BY w.due LIMIT ?2",
    )?
    .query_map(params![now.0, limit], key)?
    .collect()
}

/// In the order of admission. Without an endpoint an event may be there several times.
pub(crate) fn pullable(
    db: &Connection,
    endpoint: Option<&EndpointId>,
    limit: usize,
) -> rusqlite::Result<Vec<EventKey>> {
    const KEYS: &str = "SELECT e.connection, e.subject, e.id FROM pulls p JOIN events e USING (n)";
    match endpoint {
        Some(endpoint) => db
            .prepare_cached(&format!("{KEYS} WHERE p.endpoint = ?1 ORDER BY p.n LIMIT ?2"))?
            .query_map(params![endpoint.as_str(), limit], key)?
            .collect(),
        None => db.prepare_cached(&format!("{KEYS} ORDER BY p.n LIMIT ?1"))?.query_map([limit], key)?.collect(),
    }
}

pub(crate) fn due_aside(db: &Connection, of: Aside, now: Utc, limit: usize) -> rusqlite::Result<Vec<EventKey>> {
    db.prepare_cached(
        "SELECT e.connection, e.subject, e.id FROM work w JOIN events e USING (n)
         WHERE w.due BETWEEN ?1 AND ?2 ORDER BY w.due LIMIT ?3",
    )?
    .query_map(params![span(of).0, due_time(of, now), limit], key)?
    .collect()
}

pub(crate) fn due_by(
    db: &Connection,
    until: Utc,
    behind: Due,
    limit: usize,
) -> rusqlite::Result<Vec<(Due, Option<Listed>)>> {
    db.prepare_cached(&format!(
        "SELECT {LISTED}, w.due, w.n FROM work w JOIN events e USING (n)
         WHERE w.due <= ?1 AND (w.due, w.n) > (?2, ?3) ORDER BY w.due, w.n LIMIT ?4"
    ))?
    .query_map(params![until.0, behind.at, behind.n, limit], |row| {
        Ok((Due { at: row.get(5)?, n: row.get(6)? }, listed(row).ok()))
    })?
    .collect()
}

pub(crate) fn ahead(db: &Connection, after: Utc, limit: usize) -> rusqlite::Result<Vec<EventKey>> {
    furthest(db, after.0, PULLABLE, limit)
}

pub(crate) fn ahead_aside(db: &Connection, of: Aside, after: Utc, limit: usize) -> rusqlite::Result<Vec<EventKey>> {
    furthest(db, due_time(of, after), span(of).1, limit)
}

/// Events by the stored due time, between these two, the latest first.
fn furthest(db: &Connection, after: i64, before: i64, limit: usize) -> rusqlite::Result<Vec<EventKey>> {
    db.prepare_cached(
        "SELECT e.connection, e.subject, e.id FROM work w JOIN events e USING (n)
         WHERE w.due > ?1 AND w.due < ?2 ORDER BY w.due DESC LIMIT ?3",
    )?
    .query_map(params![after, before, limit], key)?
    .collect()
}

pub(crate) fn failed(db: &Connection, which: &Failed, from: i64, limit: usize, now: Utc) -> rusqlite::Result<Page> {
    let rows: Vec<(i64, rusqlite::Result<Listed>)> = db
        .prepare_cached(&format!(
            "SELECT {LISTED}, w.n FROM work w JOIN events e USING (n)
             WHERE w.failed = 1 AND w.n > ?1 AND {} ORDER BY w.n LIMIT ?3",
            lives("?2")
        ))?
        .query_map(params![from, now.0, limit], |row| Ok((row.get(5)?, listed(row))))?
        .collect::<Result<_, _>>()?;
    let next = (rows.len() == limit).then(|| rows.last().map(|(n, _)| n.to_string())).flatten();
    let mut unreadable = 0;
    let mut left_out = |n: i64, error: &rusqlite::Error| {
        tracing::error!(n, %error, "an item is left out of the list");
        unreadable += 1;
    };
    let items = rows.into_iter().filter_map(|(n, item)| item.inspect_err(|error| left_out(n, error)).ok());
    let items = items.filter(|item| which.holds(&item.work)).collect();
    Ok(Page { items, unreadable, next })
}

/// By due time: the index holds nothing but what is to be done.
pub(crate) fn pending(db: &Connection, which: &Pending, (due, n): (i64, i64), limit: usize) -> rusqlite::Result<Page> {
    let (first, last) = match which {
        Pending::Any | Pending::At(_) | Pending::Calls(_) => (i64::MIN, WATCHES),
        Pending::Watches => span(Aside::Watches),
        Pending::Files => span(Aside::Files),
    };
    let rows: Vec<(String, rusqlite::Result<Listed>)> = db
        .prepare_cached(&format!(
            "SELECT {LISTED}, w.due, w.n FROM work w JOIN events e USING (n)
             WHERE w.due >= ?4 AND w.due < ?5 AND (w.due, w.n) > (?1, ?2) ORDER BY w.due, w.n LIMIT ?3"
        ))?
        .query_map(params![due, n, limit, first, last], |row| {
            Ok((format!("{}:{}", row.get::<_, i64>(5)?, row.get::<_, i64>(6)?), listed(row)))
        })?
        .collect::<Result<_, _>>()?;
    let next = (rows.len() == limit).then(|| rows.last().map(|(place, _)| place.clone())).flatten();
    let mut unreadable = 0;
    let mut left_out = |place: &str, error: &rusqlite::Error| {
        tracing::error!(place, %error, "an item is left out of the list");
        unreadable += 1;
    };
    let items = rows.into_iter().filter_map(|(place, item)| item.inspect_err(|error| left_out(&place, error)).ok());
    let items = items.filter(|item| which.holds(&item.key, &item.work)).collect();
    Ok(Page { items, unreadable, next })
}

pub(crate) fn timeline(
    db: &Connection,
    connection: &ConnectionId,
    subject: &Subject,
    now: Utc,
) -> rusqlite::Result<Vec<Listed>> {
    let [first, last] = bounds(connection, subject);
    let mut items: Vec<Listed> = db
        .prepare_cached(&format!(
            "SELECT {LISTED} FROM events e JOIN work w USING (n)
             WHERE e.id BETWEEN ?1 AND ?2 AND e.connection = ?3 AND e.subject = ?4 AND {}",
            lives("?5")
        ))?
        .query_map(params![&first[..], &last[..], connection.as_str(), subject.as_str(), now.0], listed)?
        .collect::<Result<_, _>>()?;
    items.sort_by_key(|item| (item.meta.received, item.key.id));
    items.drain(..items.len().saturating_sub(TIMELINE));
    Ok(items)
}

/// A page of a subject's events after an id.
pub(crate) fn history(
    db: &Connection,
    connection: &ConnectionId,
    subject: &Subject,
    (after, limit): (Option<EventId>, usize),
    now: Utc,
) -> rusqlite::Result<Page> {
    let [_, last] = bounds(connection, subject);
    // A prefix is less than each id that begins with it. A cursor of another subject begins before them all, or behind.
    let before = prefix(connection, subject).to_vec();
    let after = after.map_or_else(Vec::new, |EventId(after)| after.to_vec()).max(before);
    let rows: Vec<(EventId, rusqlite::Result<Listed>)> = db
        .prepare_cached(&format!(
            "SELECT {LISTED} FROM events e JOIN work w USING (n)
             WHERE e.id > ?1 AND e.id <= ?2 AND e.connection = ?3 AND e.subject = ?4 AND {} ORDER BY e.id LIMIT ?6",
            lives("?5")
        ))?
        .query_map(params![&after[..], &last[..], connection.as_str(), subject.as_str(), now.0, limit], |row| {
            Ok((key(row)?.id, listed(row)))
        })?
        .collect::<Result<_, _>>()?;
    let next = (rows.len() == limit).then(|| rows.last().map(|(id, _)| id.to_string())).flatten();
    let mut unreadable = 0;
    let mut left_out = |id: EventId, error: &rusqlite::Error| {
        tracing::error!(%id, %error, "an item is left out of the list");
        unreadable += 1;
    };
    let items = rows.into_iter().filter_map(|(id, item)| item.inspect_err(|error| left_out(id, error)).ok());
    Ok(Page { items: items.collect(), unreadable, next })
}

/// The first and the last id that a subject's events may have.
fn bounds(connection: &ConnectionId, subject: &Subject) -> [[u8; 24]; 2] {
    let prefix = prefix(connection, subject);
    [0, 0xff].map(|rest| {
        let mut bound = [rest; 24];
        bound.iter_mut().zip(prefix).for_each(|(to, from)| *to = from);
        bound
    })
}

/// The part of an event's metadata that orders it.
#[derive(Deserialize)]
struct Received {
    received: Utc,
}

/// By the index of ids alone, but for what is open: the rows of settled events are not read.
pub(crate) fn earliest(db: &Connection, of: &Sequence, limit: usize) -> rusqlite::Result<Vec<Listed>> {
    let [first, last] = bounds(&of.connection, &of.subject);
    let mut earliest = Earliest::new(limit);
    let mut rows = db.prepare_cached(&format!(
        "SELECT {LISTED} FROM events e INDEXED BY events_id CROSS JOIN work w ON w.n = e.n
         WHERE e.id BETWEEN ?1 AND ?2 AND w.due IS NOT NULL"
    ))?;
    let mut rows = rows.query(params![&first[..], &last[..]])?;
    while let Some(row) = rows.next()? {
        let key = key(row)?;
        let place = parse::<Received>(row, 3).map(|meta| Place { received: meta.received, id: key.id });
        if place.as_ref().is_ok_and(|place| !earliest.takes(*place)) {
            continue;
        }
        match place.and_then(|_| listed(row)) {
            Ok(listed) if of.holds(&listed.key, &listed.work) => earliest.offer(listed),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(event = %key.id, %error, "an event that cannot be read is left out of its order");
            }
        }
    }
    Ok(earliest.into_items())
}

pub(crate) fn resolve(db: &Connection, alias: &Alias, now: Utc) -> rusqlite::Result<Vec<(ConnectionId, Subject)>> {
    db.prepare_cached("SELECT connection, subject FROM aliases WHERE alias = ?1 AND expires > ?2")?
        .query_map(params![alias.as_str(), now.0], |row| {
            Ok((row.get::<_, String>(0)?.into(), row.get::<_, String>(1)?.into()))
        })?
        .collect()
}

pub(crate) fn note(db: &Connection, name: &str) -> rusqlite::Result<Option<Note>> {
    db.prepare_cached("SELECT value, version FROM notes WHERE name = ?1")?
        .query_row([name], |row| Ok(Note { value: row.get(0)?, version: row.get(1)? }))
        .optional()
}

/// Time at which the latest admitted event was received.
pub(crate) fn newest(db: &Connection) -> rusqlite::Result<Option<Utc>> {
    db.prepare_cached("SELECT meta FROM events ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok(parse::<Meta>(row, 0)?.received))
        .optional()
}

/// One snapshot: the promises and the states are read in one transaction.
pub(crate) fn ledger(db: &Connection, now: Utc) -> rusqlite::Result<BTreeMap<ConnectionId, Tally>> {
    let snapshot = db.unchecked_transaction()?;
    let mut tallies: BTreeMap<ConnectionId, Tally> = BTreeMap::new();
    let mut expired: BTreeMap<ConnectionId, u64> = BTreeMap::new();
    {
        let mut rows = snapshot
            .prepare_cached("SELECT e.connection, w.work, e.expires FROM events e LEFT JOIN work w USING (n)")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let connection = ConnectionId::from(row.get_ref(0)?.as_str()?);
            // An event whose work is gone was promised and is nowhere: the ledger must not balance over it.
            if row.get_ref(1)? == ValueRef::Null {
                continue;
            }
            // Nor may it over one that cannot be read.
            let work = parse::<Work>(row, 1);
            let work = work.inspect_err(|error| tracing::error!(%connection, %error, "the ledger cannot balance"));
            let Ok(work) = work else { continue };
            let tally = work.tally();
            if row.get::<_, i64>(2)? > now.0 || work.is_open() {
                *tallies.entry(connection).or_default() += Tally { accepted: 0, ..tally };
            } else {
                *expired.entry(connection).or_default() += tally.accepted;
            }
        }
    }
    let mut totals = snapshot.prepare_cached("SELECT connection, deliveries FROM accepted")?;
    let mut totals = totals.query([])?;
    while let Some(row) = totals.next()? {
        let connection = ConnectionId::from(row.get_ref(0)?.as_str()?);
        let gone = expired.get(&connection).copied().unwrap_or_default();
        let promised: u64 = row.get(1)?;
        tallies.entry(connection).or_default().accepted = promised.saturating_sub(gone);
    }
    Ok(tallies)
}

pub(crate) fn recent(db: &Connection, after: i64, limit: usize, now: Utc) -> rusqlite::Result<Vec<Recent>> {
    db.prepare_cached(&format!(
        "SELECT {LISTED}, e.n FROM events e JOIN work w USING (n)
         WHERE e.n > ?1 AND {} ORDER BY e.n LIMIT ?3",
        lives("?2")
    ))?
    .query_map(params![after, now.0, limit], |row| Ok(Recent { position: row.get(5)?, item: listed(row)? }))?
    .collect()
}

pub(crate) fn latest(db: &Connection, before: i64, limit: usize, now: Utc) -> rusqlite::Result<Vec<Recent>> {
    db.prepare_cached(&format!(
        "SELECT {LISTED}, e.n FROM events e JOIN work w USING (n)
         WHERE e.n < ?1 AND {} ORDER BY e.n DESC LIMIT ?3",
        lives("?2")
    ))?
    .query_map(params![before, now.0, limit], |row| Ok(Recent { position: row.get(5)?, item: listed(row)? }))?
    .collect()
}

pub(crate) fn connections(db: &Connection) -> rusqlite::Result<Vec<ConnectionId>> {
    db.prepare_cached("SELECT connection FROM accepted")?
        .query_map([], |row| Ok(row.get::<_, String>(0)?.into()))?
        .collect()
}
