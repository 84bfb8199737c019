//! The audit trail: two tables, the trail and its entries by subject, written in one transaction.

use hub::audit::{Entry, Place};
use hub::{ConnectionId, Subject, Utc};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{AuditFilter, AuditPage, MOST_AUDITED};

use crate::codec::{json, parse};
use crate::schema;

/// The number of an entry as a column holds it, in the same order.
#[expect(clippy::cast_possible_wrap, reason = "the sign bit is turned, so that the order stays")]
const fn column(id: u64) -> i64 {
    (id ^ (1 << 63)) as i64
}

/// Writes an entry; see `Store::put_audit`.
pub(crate) fn put(db: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let (at, id) = (entry.at.0, column(entry.id));
    db.prepare_cached(
        "INSERT OR REPLACE INTO audit (at, id, expires, key, action, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![at, id, entry.expires.0, entry.key, entry.action.name(), json(&entry.fitted())?])?;
    for (connection, subject) in entry.subjects() {
        let own = entry.about(&connection, &subject).map(|own| json(&own.fitted())).transpose()?;
        db.prepare_cached(
            "INSERT OR REPLACE INTO audit_touched (connection, subject, at, id, entry) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![connection.as_str(), subject.as_str(), at, id, own])?;
    }
    Ok(())
}

/// The entry of a place, expired or not.
pub(crate) fn at(db: &Connection, place: Place) -> rusqlite::Result<Option<Entry>> {
    db.prepare_cached("SELECT entry FROM audit WHERE at = ?1 AND id = ?2")?
        .query_row(params![place.at.0, column(place.id)], entry)
        .optional()
}

/// A page of the trail before a place; see `Store::audit`.
pub(crate) fn page(
    db: &Connection,
    filter: &AuditFilter,
    from: Option<Place>,
    limit: usize,
    now: Utc,
) -> rusqlite::Result<AuditPage> {
    let from = from.unwrap_or(Place { at: filter.until, id: 0 });
    let entries: Vec<Entry> = db
        .prepare_cached(
            "SELECT entry FROM audit
             WHERE (at, id) < (?1, ?2) AND at < ?3 AND at >= ?4 AND expires > ?5
                 AND (?6 IS NULL OR key = ?6) AND (?7 IS NULL OR action = ?7)
             ORDER BY at DESC, id DESC LIMIT ?8",
        )?
        .query_map(
            params![
                from.at.0,
                column(from.id),
                filter.until.0,
                filter.since.0,
                now.0,
                filter.key,
                filter.action.map(hub::audit::Action::name),
                limit.max(1),
            ],
            entry,
        )?
        .collect::<Result<_, _>>()?;
    let next = (entries.len() >= limit.max(1)).then(|| entries.last().map(|last| last.place().to_string())).flatten();
    Ok(AuditPage { entries, next })
}

/// The entries of a subject; see `Store::audit_of`. There are none in a file that a version without them has made.
pub(crate) fn of(
    db: &Connection,
    connection: &ConnectionId,
    subject: &Subject,
    now: Utc,
) -> rusqlite::Result<Vec<Entry>> {
    if !schema::is_whole(db)? {
        return Ok(Vec::new());
    }
    db.prepare_cached(
        "SELECT t.entry FROM audit_touched t JOIN audit a USING (at, id)
         WHERE t.connection = ?1 AND t.subject = ?2 AND a.expires > ?3 ORDER BY t.at DESC, t.id DESC LIMIT ?4",
    )?
    .query_map(params![connection.as_str(), subject.as_str(), now.0, MOST_AUDITED], entry)?
    .collect()
}

/// Removes up to so many entries that have expired; their number.
pub(crate) fn purge(db: &Connection, now: Utc, limit: usize) -> rusqlite::Result<usize> {
    let expired: Vec<(i64, i64)> = db
        .prepare_cached("SELECT at, id FROM audit WHERE expires <= ?1 ORDER BY expires LIMIT ?2")?
        .query_map(params![now.0, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (at, id) in &expired {
        db.prepare_cached("DELETE FROM audit_touched WHERE at = ?1 AND id = ?2")?.execute([at, id])?;
        db.prepare_cached("DELETE FROM audit WHERE at = ?1 AND id = ?2")?.execute([at, id])?;
    }
    Ok(expired.len())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    parse(row, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_keeps_the_order_of_numbers() {
        assert!([0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX].map(column).is_sorted());
    }

    #[test]
    fn expired_entries_are_removed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = Connection::open(folder.path().join("db")).unwrap();
        schema::create(&mut db).unwrap().unwrap();
        let key = hub::EventKey { connection: "a".into(), subject: "order:1".into(), id: hub::EventId([7; 24]) };
        for (at, expires) in [(1, 10), (2, 20)] {
            let entry = Entry {
                at: Utc(at),
                id: 7,
                expires: Utc(expires),
                key: "erp".to_owned(),
                role: None,
                action: hub::audit::Action::Cancel,
                request: serde_json::json!({}),
                result: None,
                touched: vec![hub::audit::Touched::event(key.clone())],
                is_cut: false,
            };
            put(&db, &entry).unwrap();
        }
        purge(&db, Utc(10), 5).unwrap();
        for table in ["audit", "audit_touched"] {
            let left: Vec<i64> = db
                .prepare(&format!("SELECT at FROM {table}"))
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(left, [2], "{table}");
        }
    }
}
