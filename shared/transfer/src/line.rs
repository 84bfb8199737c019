//! The lines of a file.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hub::audit::Entry;
use hub::event::Meta;
use hub::identity::Head;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, Event, EventId, EventKey, EventType, Record, Subject, Utc, Work};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::Stored;

use crate::Kinds;

/// Name of the format.
pub(crate) const EXPORT: &str = "tongguan";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Beginning {
    /// Always [`EXPORT`].
    pub(crate) export: String,
    /// Version of the format.
    pub(crate) version: u32,
    /// Time of the export, in microseconds since 1970. What had expired by then is not in the file.
    pub(crate) at: Utc,
    /// Version of the program that wrote it.
    pub(crate) program: String,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) end: End,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct End {
    /// Numbers of the lines between the beginning and the end.
    #[serde(flatten)]
    pub(crate) kinds: Kinds,
    /// Things that could not be read, and are not in the file.
    pub(crate) unreadable: u64,
    /// The ledger of what is in the file.
    pub(crate) ledger: serde_json::Value,
    /// SHA-256 of all bytes before this line, in hex.
    pub(crate) sha256: String,
}

/// A line between them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Event {
        connection: ConnectionId,
        subject: Subject,
        id: EventId,
        meta: Box<Meta>,
        work: Box<Work>,
        /// The bytes, where they are text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The bytes in base64, where they are not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    Head {
        connection: ConnectionId,
        subject: Subject,
        #[serde(rename = "type")]
        kind: EventType,
        head: Head,
        expires: Utc,
    },
    Alias {
        alias: Alias,
        connection: ConnectionId,
        subject: Subject,
        expires: Utc,
    },
    Note {
        name: String,
        value: String,
    },
    Counts {
        connection: ConnectionId,
        step: Utc,
        added: BTreeMap<String, u64>,
        latest: BTreeMap<String, Utc>,
        expires: Utc,
    },
    Audit(Box<Entry>),
}

/// Reason why a line cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON, or of another shape.
    #[error("it is no line of an export: {0}")]
    Json(#[from] serde_json::Error),
    /// The bytes of an event are missing, there twice, or no base64.
    #[error("the body of an event is neither text nor base64")]
    Body,
}

/// A thing as a line, without its end.
pub(crate) fn print(what: Stored) -> Result<Vec<u8>, serde_json::Error> {
    let line = match what {
        Stored::Event(record) => {
            let Record { event: Event { key, meta, body }, work } = *record;
            let EventKey { connection, subject, id } = key;
            let (body, base64) = match std::str::from_utf8(&body) {
                Ok(text) => (Some(text.to_owned()), None),
                Err(_) => (None, Some(BASE64_STANDARD.encode(&body))),
            };
            Line::Event { connection, subject, id, meta: Box::new(meta), work: Box::new(work), body, base64 }
        }
        Stored::Head { connection, subject, kind, head, expires } => {
            Line::Head { connection, subject, kind, head, expires }
        }
        Stored::Alias { alias, connection, subject, expires } => Line::Alias { alias, connection, subject, expires },
        Stored::Note { name, value } => Line::Note { name, value },
        Stored::Counts { connection, step, counts: Counts { added, latest }, expires } => {
            Line::Counts { connection, step, added, latest, expires }
        }
        Stored::Audit(entry) => Line::Audit(entry),
    };
    serde_json::to_vec(&line)
}

/// The thing of a line.
pub(crate) fn read(line: &[u8]) -> Result<Stored, LineError> {
    Ok(match serde_json::from_slice(line)? {
        Line::Event { connection, subject, id, meta, work, body, base64 } => {
            let body: Bytes = match (body, base64) {
                (Some(text), None) => text.into(),
                (None, Some(bytes)) => BASE64_STANDARD.decode(bytes).map_err(|_| LineError::Body)?.into(),
                (Some(_), Some(_)) | (None, None) => return Err(LineError::Body),
            };
            let event = Event { key: EventKey { connection, subject, id }, meta: *meta, body };
            Stored::Event(Box::new(Record { event, work: *work }))
        }
        Line::Head { connection, subject, kind, head, expires } => {
            Stored::Head { connection, subject, kind, head, expires }
        }
        Line::Alias { alias, connection, subject, expires } => Stored::Alias { alias, connection, subject, expires },
        Line::Note { name, value } => Stored::Note { name, value },
        Line::Counts { connection, step, added, latest, expires } => {
            Stored::Counts { connection, step, counts: Counts { added, latest }, expires }
        }
        Line::Audit(entry) => Stored::Audit(entry),
    })
}

/// A ledger as it stands in the end.
pub(crate) fn ledger(ledger: &crate::Ledger) -> serde_json::Value {
    let lines = crate::counted(ledger).map(|(connection, tally)| {
        // Numbers always print.
        (connection.to_string(), serde_json::to_value(tally).unwrap_or_default())
    });
    serde_json::Value::Object(lines.collect())
}
