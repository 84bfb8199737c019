//! Rows to values and back.

use bytes::Bytes;
use hub::event::Meta;
use hub::{Event, EventId, EventKey, Record, Work, seal};
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::Listed;

/// The columns that [`listed`] reads, of `events e JOIN work w USING (n)`.
pub(crate) const LISTED: &str = "e.connection, e.subject, e.id, e.meta, w.work";

/// JSON for a column. What is stored here always prints.
pub(crate) fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// JSON from a column.
pub(crate) fn parse<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The key in columns `connection, subject, id` from 0.
pub(crate) fn key(row: &Row<'_>) -> rusqlite::Result<EventKey> {
    let id = row.get_ref(2)?.as_blob()?;
    let id =
        EventId(id.try_into().map_err(|_| FromSqlError::InvalidBlobSize { expected_size: 24, blob_size: id.len() })?);
    Ok(EventKey { connection: row.get::<_, String>(0)?.into(), subject: row.get::<_, String>(1)?.into(), id })
}

/// The columns [`LISTED`].
pub(crate) fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed { key: key(row)?, meta: parse::<Meta>(row, 3)?, work: parse::<Work>(row, 4)? })
}

/// The columns [`LISTED`] and the body, checked against the event's seal.
pub(crate) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let key = key(row)?;
    // A body that was repaired by hand may be stored as a text.
    let (meta, body) = (row.get_ref(3)?.as_bytes(), row.get_ref(5)?.as_bytes());
    let (Ok(meta), Ok(body)) = (meta, body) else { return Err(damage(row, &key)) };
    if !seal::is_intact(&key, meta, body) {
        return Err(damage(row, &key));
    }
    let body = Bytes::copy_from_slice(body);
    let Listed { key, meta, work } = listed(row)?;
    Ok(Record { event: Event { key, meta, body }, work })
}

fn damage(row: &Row<'_>, key: &EventKey) -> rusqlite::Error {
    let damage = Damage { event: key.id, work: parse::<Work>(row, 4).ok().map(Box::new) };
    rusqlite::Error::FromSqlConversionFailure(5, Type::Blob, Box::new(damage))
}

/// An event whose seal is broken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("event {event} is not as it was written")]
pub(crate) struct Damage {
    pub(crate) event: EventId,
    pub(crate) work: Option<Box<Work>>,
}
