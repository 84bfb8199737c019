//! The list of recent events: rows in the order of admission, backwards. That is the order of reception but for moments, so
//! that a time is found by halving.

use hub::Utc;
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{Listed, Page, Received};

use crate::codec::{LISTED, listed};

/// Number of rows that a page looks at.
const LOOKED_AT: i64 = 10_000;

/// Number of rows by which reception and admission may differ in order.
const SLACK: i64 = 1_000;

/// A page of the events before a row.
pub(crate) fn page(
    db: &Connection,
    which: &Received,
    (from, limit): (Option<i64>, usize),
    now: Utc,
) -> rusqlite::Result<Page> {
    let Some((first, last)) = bounds(db)? else { return Ok(END) };
    let span = (first, last.saturating_add(1));
    let since = received_from(db, which.since, span)?.saturating_sub(SLACK).max(first);
    let before = match from {
        Some(from) => from.min(span.1),
        None => received_from(db, which.until, span)?.saturating_add(SLACK).min(span.1),
    };
    // What is expired leaves gaps.
    let Some(last) = last_before(db, before)? else { return Ok(END) };
    let low = last.saturating_sub(LOOKED_AT - 1).max(since);
    let connections: Vec<_> = which.connections.iter().map(hub::ConnectionId::as_str).collect();
    let rows: Vec<(i64, rusqlite::Result<Listed>)> = db
        .prepare_cached(&format!(
            "SELECT {LISTED}, e.n FROM events e JOIN work w USING (n)
             WHERE e.n BETWEEN ?1 AND ?2 AND (e.expires > ?3 OR w.due IS NOT NULL)
                 AND e.connection IN (SELECT value FROM json_each(?4))
                 AND NOT e.subject BETWEEN 'watch:' AND 'watch;'
                 AND NOT e.subject BETWEEN 'files:' AND 'files;'
                 AND (?5 = 0 OR e.subject BETWEEN 'call:' AND 'call;')
             ORDER BY e.n DESC LIMIT ?6"
        ))?
        .query_map(params![low, last, now.0, crate::codec::json(&connections)?, which.calls, limit], |row| {
            Ok((row.get(5)?, listed(row)))
        })?
        .collect::<Result<_, _>>()?;
    let next = if rows.len() == limit { rows.last().map(|(n, _)| *n) } else { Some(low) };
    let next = next.filter(|next| *next > since).map(|next| next.to_string());
    let mut unreadable = 0;
    let mut left_out = |n: i64, error: &rusqlite::Error| {
        tracing::error!(n, %error, "an item is left out of the list");
        unreadable += 1;
    };
    let items = rows.into_iter().filter_map(|(n, item)| item.inspect_err(|error| left_out(n, error)).ok());
    let items = items.filter(|item| which.names(&item.key) && which.spans(item.meta.received)).collect();
    Ok(Page { items, unreadable, next })
}

const END: Page = Page { items: Vec::new(), unreadable: 0, next: None };

/// The first and the last row.
fn bounds(db: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let bound = |order| {
        let row = db
            .prepare_cached(&format!("SELECT n FROM events ORDER BY n {order} LIMIT 1"))?
            .query_row([], |row| row.get(0));
        row.optional()
    };
    Ok(bound("ASC")?.zip(bound("DESC")?))
}

fn last_before(db: &Connection, before: i64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT n FROM events WHERE n < ?1 ORDER BY n DESC LIMIT 1")?
        .query_row([before], |row| row.get(0))
        .optional()
}

/// A number that no row of a span that was received before a time is above, and no later one below. Rows that cannot be read
/// are passed over.
fn received_from(db: &Connection, time: Utc, (mut low, mut high): (i64, i64)) -> rusqlite::Result<i64> {
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> = db
            .prepare_cached(
                "SELECT n, CASE WHEN json_valid(meta) THEN json_extract(meta, '$.received') END AS received
                 FROM events WHERE n >= ?1 AND n < ?2 AND typeof(received) = 'integer' ORDER BY n LIMIT 1",
            )?
            .query_row([middle, high], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((n, received)) if received < time.0 => low = n.saturating_add(1),
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}
