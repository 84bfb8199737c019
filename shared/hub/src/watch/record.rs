//! The stored record of a watch, its key in the store, and the event that reports its silence.

use std::time::Duration;

use bytes::Bytes;
use partners::Hex;
use serde_json::{Value, json};

use crate::event::Meta;
use crate::watch::{SILENT, Watch};
use crate::{Alias, ConnectionId, Event, EventKey, EventType, Record, Subject, Utc, Work, identity};

/// The kind of the subjects under which watches are kept: `watch:<32 hex digits>`.
pub const SUBJECT: &str = "watch";

/// Whether watches are stored under this kind of subject.
#[must_use]
pub fn is_subject(subject: &Subject) -> bool {
    subject.as_str().strip_prefix(SUBJECT).is_some_and(|rest| rest.starts_with(':'))
}

/// Key of the watch of a shipment. It has a partition of its own: a timeline has events alone.
#[must_use]
pub fn key(connection: &ConnectionId, shipment: &Subject) -> EventKey {
    let own = identity::named(connection, SUBJECT, shipment.as_str());
    let subject = Subject::new(SUBJECT, &Hex(&own).to_string());
    EventKey { connection: connection.clone(), id: identity::with_prefix(connection, &subject, own), subject }
}

/// The record of a watch of a shipment that has just begun.
///
/// A version without watches reads it as an event that no endpoint wants and that nothing is to be done for: it neither
/// delivers it nor writes it back, and its ledger balances. Engines keep watches apart from what else is due, so that such a
/// version does not find them among its work.
#[must_use]
pub fn begun(connection: &ConnectionId, shipment: &Subject, watch: Watch, retention: Duration) -> Record {
    let body = Bytes::from(json!({"shipment": shipment.as_str()}).to_string());
    let meta = Meta {
        aliases: vec![Alias::from(shipment.as_str())],
        ..Meta::json(EventType::from(SUBJECT), watch.since, watch.since.after(retention), body.len())
    };
    let event = Event { key: key(connection, shipment), meta, body };
    Record { event, work: Work { accepted: 1, watch: Some(watch), ..Work::default() } }
}

/// The shipment that a record watches.
#[must_use]
pub fn shipment(meta: &Meta) -> Option<Subject> {
    meta.aliases.first().map(|alias| Subject::from(alias.as_str()))
}

/// The event that reports the silence of a shipment since the latest news. Its id is that of this silence, so that it is stored
/// once. `asked` is the operation that was asked in vain.
#[must_use]
pub fn silence(
    connection: &ConnectionId,
    shipment: &Subject,
    watch: &Watch,
    asked: Option<&str>,
    retention: Duration,
) -> Event {
    let own = identity::named(connection, SILENT, &format!("{shipment}:{}", watch.news.0));
    let asked = asked.zip(watch.asked).map(|(operation, at)| json!({"operation": operation, "at": at.to_string()}));
    let body = json!({
        "subject": shipment.as_str(),
        "silent_since": watch.news.to_string(),
        "watched_since": watch.since.to_string(),
        "asked": asked.unwrap_or(Value::Null),
    });
    let body = Bytes::from(body.to_string());
    let received = watch.reported.unwrap_or(Utc(0));
    Event {
        key: EventKey {
            connection: connection.clone(),
            id: identity::with_prefix(connection, shipment, own),
            subject: shipment.clone(),
        },
        meta: Meta::json(EventType::from(SILENT), received, received.after(retention), body.len()),
        body,
    }
}
