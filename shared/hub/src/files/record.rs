//! The stored record of an event's files, and its key in the store.

use std::time::Duration;

use bytes::Bytes;
use partners::Hex;
use serde_json::json;

use crate::event::Meta;
use crate::files::{FileHash, Files};
use crate::{Alias, ConnectionId, Event, EventKey, EventType, Record, Subject, Utc, Work, identity};

/// The kind of the subjects under which files are kept: `files:<32 hex digits>`.
pub const SUBJECT: &str = "files";

/// The kind of the aliases that name content: `file:<hash>`.
const CONTENT: &str = "file";

/// Whether files are stored under this kind of subject.
#[must_use]
pub fn is_subject(subject: &Subject) -> bool {
    subject.as_str().strip_prefix(SUBJECT).is_some_and(|rest| rest.starts_with(':'))
}

/// The subject under which the files of a shipment's events are kept. It has a partition of its own: a timeline has events alone.
#[must_use]
pub fn subject(connection: &ConnectionId, shipment: &Subject) -> Subject {
    let own = identity::named(connection, SUBJECT, shipment.as_str());
    Subject::new(SUBJECT, &Hex(&own).to_string())
}

fn key(connection: &ConnectionId, shipment: &Subject, name: &str) -> EventKey {
    let subject = subject(connection, shipment);
    let own = identity::named(connection, SUBJECT, name);
    EventKey { connection: connection.clone(), id: identity::with_prefix(connection, &subject, own), subject }
}

/// Key of the files of an event.
#[must_use]
pub fn of_event(event: &EventKey) -> EventKey {
    key(&event.connection, &event.subject, &event.id.to_string())
}

/// Source of the links.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// An event.
    Event(&'a EventKey, &'a EventType),
    /// The answer of an operation about a shipment.
    Answer {
        /// Its connection.
        connection: &'a ConnectionId,
        /// The shipment.
        shipment: &'a Subject,
        /// `<partner>.<operation>`.
        by: &'a EventType,
    },
}

/// The record of files that were named just now. The same links of the same answer are the same record.
///
/// A version without files reads it as an event that no endpoint wants and that nothing is to be done for: it neither delivers
/// it nor writes it back, and its ledger balances. Engines keep files apart from what else is due, so that such a version does
/// not find them among its work.
#[must_use]
pub fn begun(source: Source<'_>, files: Files, received: Utc, retention: Duration) -> Record {
    let (shipment, key) = match source {
        Source::Event(event, _) => (&event.subject, of_event(event)),
        Source::Answer { connection, shipment, by } => {
            let links: Vec<_> = files.entries.iter().map(|file| file.url.as_str()).collect();
            (shipment, key(connection, shipment, &format!("{by}:{}", links.join("\n"))))
        }
    };
    let body = Bytes::from(json!({"shipment": shipment.as_str()}).to_string());
    let meta = Meta {
        aliases: vec![Alias::from(shipment.as_str())],
        ..Meta::json(EventType::from(SUBJECT), received, received.after(retention), body.len())
    };
    let event = Event { key, meta, body };
    Record { event, work: Work { accepted: 1, files: Some(Box::new(files)), ..Work::default() } }
}

/// The shipment that the files belong to.
#[must_use]
pub fn shipment(meta: &Meta) -> Option<Subject> {
    meta.aliases.first().map(|alias| Subject::from(alias.as_str()))
}

/// The alias by which content names the shipments that it belongs to. As long as one does, the content is kept.
#[must_use]
pub fn content(hash: &FileHash) -> Alias {
    Alias::new(CONTENT, &hash.to_string())
}
