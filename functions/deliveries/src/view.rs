//! Events as the ERP and the operator see them.

use api::Problem;
use api::contract::{Delivery, FoundEvent, ListedEvent, NamedFile};
use bytes::Bytes;
use http::{Response, StatusCode};
use hub::audit::EntryView;
use hub::envelope::CloudEvent;
use hub::event::Pulled;
use hub::time::Rfc3339;
use hub::{Alias, Record};
use serde::Serialize;
use store::Listed;

/// Everything that is known of an event but its payload.
#[derive(Debug, Serialize)]
pub struct KnownEvent<'a> {
    #[serde(flatten)]
    listed: ListedEvent<'a>,
    expires: Rfc3339,
    aliases: &'a [Alias],
    keys_left_out: u32,
    content_type: &'a str,
    possible_repeat: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled: Option<Pulled>,
    bytes: usize,
}

/// Everything that is known of an event but its payload, for the operator.
#[must_use]
pub fn known(record: &Record) -> KnownEvent<'_> {
    let Record { event, work } = record;
    KnownEvent {
        listed: ListedEvent::of(&event.key, &event.meta, work),
        expires: Rfc3339(event.meta.expires),
        aliases: &event.meta.aliases,
        keys_left_out: event.meta.keys_left_out,
        content_type: &event.meta.content_type,
        possible_repeat: event.meta.possible_repeat,
        pulled: event.meta.pulled,
        bytes: event.body.len(),
    }
}

/// One event as a CloudEvent, the payload untouched, with the states of its deliveries; of a call that has ended, the
/// event that they carry, and of any call nothing of the connection's `credentials`. With the files that it
/// names, and what keys have done to it.
pub(crate) fn event(
    record: &Record,
    credentials: &[(&str, &str)],
    files: Option<&Listed>,
    audit: Vec<EntryView>,
) -> Result<Response<Bytes>, Problem> {
    let call = hub::call::shown(record, credentials);
    let event = call.as_ref().unwrap_or(&record.event);
    let deliveries = record.work.deliveries.iter().map(Delivery::of).collect();
    let files = files.into_iter().flat_map(NamedFile::all).collect();
    let occurred = event.meta.occurred.map(Rfc3339);
    let data = event.data();
    let event = CloudEvent::of(event, &data);
    api::json(StatusCode::OK, &FoundEvent { occurred, deliveries, event, files, audit })
}
