//! Counts of statistics: a row for each connection and step.

use std::collections::BTreeMap;

use hub::statistics::Counts;
use hub::{ConnectionId, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::codec::{json, parse};

/// Adds to a row, within the writer's transaction.
pub(crate) fn add(
    db: &Connection,
    connection: &ConnectionId,
    step: Utc,
    counts: &Counts,
    expires: Utc,
) -> rusqlite::Result<()> {
    let stored = db
        .prepare_cached("SELECT added, latest FROM counts WHERE connection = ?1 AND step = ?2")?
        .query_row(params![connection.as_str(), step.0], |row| read_columns(row, 0))
        .optional()?;
    let mut sum = stored.unwrap_or_default();
    for (name, number) in &counts.added {
        let own = sum.added.entry(name.clone()).or_default();
        *own = own.saturating_add(*number);
    }
    sum.latest.extend(counts.latest.iter().map(|(name, at)| (name.clone(), *at)));
    db.prepare_cached(
        "INSERT OR REPLACE INTO counts (connection, step, expires, added, latest) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![connection.as_str(), step.0, expires.0, json(&sum.added)?, json(&sum.latest)?])?;
    Ok(())
}

pub(crate) fn read(
    db: &Connection,
    connection: &ConnectionId,
    (since, until): (Utc, Utc),
    now: Utc,
) -> rusqlite::Result<Vec<(Utc, Counts)>> {
    db.prepare_cached(
        "SELECT step, added, latest FROM counts
         WHERE connection = ?1 AND step >= ?2 AND step < ?3 AND expires > ?4 ORDER BY step",
    )?
    .query_map(params![connection.as_str(), since.0, until.0, now.0], |row| {
        Ok((Utc(row.get(0)?), read_columns(row, 1)?))
    })?
    .collect()
}

/// Removes up to `limit` expired rows; their number.
pub(crate) fn purge(db: &Connection, now: Utc, limit: usize) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM counts WHERE (connection, step) IN
             (SELECT connection, step FROM counts WHERE expires <= ?1 LIMIT ?2)",
    )?
    .execute(params![now.0, limit])
}

pub(crate) fn read_columns(row: &Row<'_>, first: usize) -> rusqlite::Result<Counts> {
    let added: BTreeMap<String, u64> = parse(row, first)?;
    Ok(Counts { added, latest: parse(row, first + 1)? })
}
