//! Everything that is kept, by pages: table after table, each in the order of its key. And the way back, within the writer's
//! transaction.

use hub::audit::Entry;
use hub::identity::{Head, prefix};
use hub::statistics::Counts;
use hub::{ConnectionId, EventType, Record, Subject, Utc};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use serde_json::Value as Json;
use store::{Admitted, Placed, Stored, StoredPage, whole_seconds};

use crate::codec::{LISTED, json, parse, record};
use crate::{audit, counts, reads, schema, writes};

/// A table, in the order in which they are read. Events are last: so what is put back in this order is known when they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Notes,
    Heads,
    Aliases,
    Counts,
    Audit,
    Events,
}

const TABLES: [Table; 6] = [Table::Notes, Table::Heads, Table::Aliases, Table::Counts, Table::Audit, Table::Events];

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Heads => "heads",
            Self::Aliases => "aliases",
            Self::Counts => "counts",
            Self::Audit => "audit",
            Self::Events => "events",
        }
    }

    fn next(self) -> Option<Self> {
        TABLES.into_iter().skip_while(|table| *table != self).nth(1)
    }

    /// A key before all others.
    fn beginning(self) -> Vec<Json> {
        let text = || Json::from("");
        match self {
            Self::Notes => vec![text()],
            Self::Heads | Self::Aliases => vec![text(), text(), text()],
            Self::Counts => vec![text(), i64::MIN.into()],
            Self::Audit => vec![i64::MIN.into(), i64::MIN.into()],
            Self::Events => vec![i64::MIN.into()],
        }
    }

    /// The rows behind a key, with the columns of the key first. `?1` is the time, `?2` the limit.
    const fn rows(self) -> &'static str {
        match self {
            Self::Notes => "SELECT name, value FROM notes WHERE ?1 = ?1 AND name > ?3 ORDER BY name LIMIT ?2",
            Self::Heads => {
                "SELECT type, connection, subject, head, expires FROM heads
                 WHERE expires > ?1 AND (id_prefix, type, connection, subject) > (?6, ?3, ?4, ?5)
                 ORDER BY id_prefix, type, connection, subject LIMIT ?2"
            }
            Self::Aliases => {
                "SELECT alias, connection, subject, expires FROM aliases
                 WHERE expires > ?1 AND (alias, connection, subject) > (?3, ?4, ?5)
                 ORDER BY alias, connection, subject LIMIT ?2"
            }
            Self::Counts => {
                "SELECT connection, step, added, latest, expires FROM counts
                 WHERE expires > ?1 AND (connection, step) > (?3, ?4) ORDER BY connection, step LIMIT ?2"
            }
            Self::Audit => {
                "SELECT at, id, entry FROM audit
                 WHERE expires > ?1 AND (at, id) > (?3, ?4) ORDER BY at, id LIMIT ?2"
            }
            Self::Events => "",
        }
    }

    fn read(self, row: &Row<'_>) -> rusqlite::Result<Stored> {
        let text = |column| row.get::<_, String>(column);
        let expires = |column| Ok::<_, rusqlite::Error>(whole_seconds(Utc(row.get(column)?)));
        Ok(match self {
            Self::Notes => Stored::Note { name: text(0)?, value: text(1)? },
            Self::Heads => Stored::Head {
                kind: text(0)?.into(),
                connection: text(1)?.into(),
                subject: text(2)?.into(),
                head: parse(row, 3)?,
                expires: expires(4)?,
            },
            Self::Aliases => Stored::Alias {
                alias: text(0)?.as_str().into(),
                connection: text(1)?.into(),
                subject: text(2)?.into(),
                expires: expires(3)?,
            },
            Self::Counts => Stored::Counts {
                connection: text(0)?.into(),
                step: Utc(row.get(1)?),
                counts: counts::read_columns(row, 2)?,
                expires: expires(4)?,
            },
            Self::Audit => Stored::Audit(Box::new(parse(row, 2)?)),
            Self::Events => Stored::Event(Box::new(record(row)?)),
        })
    }
}

/// A place behind a row of a table.
#[derive(Clone, Debug)]
pub(crate) struct From {
    table: Table,
    key: Vec<Json>,
}

impl From {
    const FIRST: Table = Table::Notes;

    fn beginning(table: Table) -> Self {
        Self { table, key: table.beginning() }
    }

    /// The place that a cursor names; the beginning without one, and nothing where it is of another list.
    pub(crate) fn read(cursor: Option<&str>) -> Option<Self> {
        let Some(cursor) = cursor else { return Some(Self::beginning(Self::FIRST)) };
        let (name, key) = cursor.split_once(':')?;
        let table = TABLES.into_iter().find(|table| table.name() == name)?;
        let key: Vec<Json> = serde_json::from_str(key).ok()?;
        let is_alike = |(a, b): (&Json, &Json)| a.is_string() == b.is_string() && a.is_i64() == b.is_i64();
        let beginning = table.beginning();
        (key.len() == beginning.len() && key.iter().zip(&beginning).all(is_alike)).then_some(Self { table, key })
    }

    /// The parameters of the table's rows behind it.
    fn bounds(&self) -> Vec<Value> {
        let mut bounds: Vec<_> = self.key.iter().map(value).collect();
        if self.table == Table::Heads {
            // The key of the table begins with what is derived from two of its other columns.
            let text = |place: usize| self.key.get(place).and_then(Json::as_str).unwrap_or_default();
            let (connection, subject) = (ConnectionId::from(text(1)), Subject::from(text(2)));
            let is_beginning = self.key == self.table.beginning();
            let first = if is_beginning { Vec::new() } else { prefix(&connection, &subject).to_vec() };
            bounds.push(Value::Blob(first));
        }
        bounds
    }

    fn print(&self) -> String {
        format!("{}:{}", self.table.name(), Json::from(self.key.clone()))
    }
}

fn value(key: &Json) -> Value {
    key.as_i64().map_or_else(|| Value::Text(key.as_str().unwrap_or_default().to_owned()), Value::Integer)
}

/// A page of everything behind a place; see `Store::stored`.
pub(crate) fn page(db: &Connection, from: &From, limit: usize, now: Utc) -> rusqlite::Result<StoredPage> {
    let table = from.table;
    // What an earlier version has made has no such tables.
    let is_there = !matches!(table, Table::Counts | Table::Audit) || schema::is_whole(db)?;
    let events = format!(
        "SELECT {LISTED}, e.body, e.n FROM events e JOIN work w USING (n)
         WHERE e.n > ?3 AND (e.expires > ?1 OR w.due IS NOT NULL) ORDER BY e.n LIMIT ?2"
    );
    let sql = if table == Table::Events { events.as_str() } else { table.rows() };
    let mut page = StoredPage::default();
    let mut last = None;
    let mut number = 0;
    if is_there {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let bounds = [Value::Integer(now.0), Value::Integer(most)].into_iter().chain(from.bounds());
        let mut rows = db.prepare_cached(sql)?;
        let mut rows = rows.query(params_from_iter(bounds))?;
        while let Some(row) = rows.next()? {
            number += 1;
            last = Some(key_of(row, table)?);
            match table.read(row) {
                Ok(stored) => page.items.push(stored),
                Err(error) => {
                    let place = last.as_ref().map(|key| Json::from(key.clone()).to_string());
                    tracing::error!(table = table.name(), place, %error, "something stored cannot be read");
                    page.unreadable += 1;
                }
            }
        }
    }
    let behind = last.filter(|_| number == limit).map(|key| From { table, key });
    page.next = behind.or_else(|| table.next().map(From::beginning)).map(|from| from.print());
    Ok(page)
}

/// The key of a row.
fn key_of(row: &Row<'_>, table: Table) -> rusqlite::Result<Vec<Json>> {
    if table == Table::Events {
        return Ok(vec![row.get::<_, i64>(6)?.into()]);
    }
    let column = |(column, beginning): (usize, Json)| {
        if beginning.is_i64() {
            row.get::<_, i64>(column).map(Json::from)
        } else {
            row.get::<_, String>(column).map(Json::from)
        }
    };
    table.beginning().into_iter().enumerate().map(column).collect()
}

/// Stores an event with its work unless it is there.
pub(crate) fn put_event(db: &Connection, record: &Record, meta: &str) -> rusqlite::Result<Placed> {
    // Whatever is there is in the way, expired or not.
    match writes::admit(db, (record, meta), None, Utc(i64::MIN), false)? {
        Admitted::New => Ok(Placed::New),
        Admitted::Duplicate | Admitted::Moved => {
            let there = reads::load(db, &record.event.key, Utc(i64::MIN))?;
            Ok(Placed::found(there.as_ref() == Some(record)))
        }
    }
}

/// Stores anything else unless it is there; see `Store::put_stored`.
pub(crate) fn put(db: &Connection, what: &Stored) -> rusqlite::Result<Placed> {
    match what {
        Stored::Event(record) => put_event(db, record, &hub::seal::sealed(&record.event)),
        Stored::Head { connection, subject, kind, head, expires } => {
            put_head(db, (connection, subject, kind), head, *expires)
        }
        Stored::Alias { alias, connection, subject, expires } => {
            let there: Option<i64> = db
                .prepare_cached("SELECT expires FROM aliases WHERE alias = ?1 AND connection = ?2 AND subject = ?3")?
                .query_row(params![alias.as_str(), connection.as_str(), subject.as_str()], |row| row.get(0))
                .optional()?;
            if there.is_some_and(|there| there >= expires.0) {
                return Ok(Placed::Same);
            }
            writes::alias(db, std::slice::from_ref(alias), connection, subject, *expires)?;
            Ok(Placed::New)
        }
        Stored::Note { name, value } => {
            if writes::put_note(db, name, value, 0)? {
                return Ok(Placed::New);
            }
            Ok(Placed::found(reads::note(db, name)?.is_some_and(|there| there.value == *value)))
        }
        Stored::Counts { connection, step, counts, expires } => put_counts(db, connection, *step, counts, *expires),
        Stored::Audit(entry) => put_audit(db, entry),
    }
}

fn put_head(
    db: &Connection,
    (connection, subject, kind): (&ConnectionId, &Subject, &EventType),
    head: &Head,
    expires: Utc,
) -> rusqlite::Result<Placed> {
    if let Some(there) = writes::head(db, connection, subject, kind, Utc(i64::MIN))? {
        return Ok(Placed::found(there == *head));
    }
    db.prepare_cached(
        "INSERT INTO heads (id_prefix, type, connection, subject, expires, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        &prefix(connection, subject)[..],
        kind.as_str(),
        connection.as_str(),
        subject.as_str(),
        expires.0,
        json(head)?,
    ])?;
    Ok(Placed::New)
}

fn put_counts(
    db: &Connection,
    connection: &ConnectionId,
    step: Utc,
    wanted: &Counts,
    expires: Utc,
) -> rusqlite::Result<Placed> {
    let there = counts::read(db, connection, (step, Utc(step.0.saturating_add(1))), Utc(i64::MIN))?;
    if let Some((_, there)) = there.first() {
        return Ok(Placed::found(there == wanted));
    }
    counts::add(db, connection, step, wanted, expires)?;
    Ok(Placed::New)
}

fn put_audit(db: &Connection, entry: &Entry) -> rusqlite::Result<Placed> {
    let there = audit::at(db, entry.place())?;
    if let Some(there) = there {
        return Ok(Placed::found(there == entry.fitted()));
    }
    audit::put(db, entry)?;
    Ok(Placed::New)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_of_another_list_is_refused() {
        for table in TABLES {
            let from = From::beginning(table);
            assert_eq!(From::read(Some(&from.print())).unwrap().print(), from.print());
        }
        for cursor in
            ["", "notes", "notes:", "notes:[]", "notes:[1]", "audit:[\"a\",\"b\"]", "work:[1]", "events:[1,2]"]
        {
            assert!(From::read(Some(cursor)).is_none(), "{cursor}");
        }
    }
}
