//! Events as the ERP and the operator see them.

use api::Problem;
use api::contract::{Delivery, FoundEvent, KnownEvent};
use bytes::Bytes;
use http::{Response, StatusCode};
use hub::Record;
use hub::audit::EntryView;
use hub::envelope::CloudEvent;
use hub::time::Rfc3339;

/// Everything that is known of an event but its payload, for the operator.
#[must_use]
pub fn known(record: &Record) -> KnownEvent<'_> {
    let Record { event, work } = record;
    KnownEvent::of(&event.key, &event.meta, work, Some(event.body.len()))
}

/// One event as a CloudEvent, the payload untouched, with the states of its deliveries; of a call that has ended, the
/// event that they carry, and of any call nothing of the connection's `credentials`. With what keys have done to it.
pub(crate) fn event(
    record: &Record,
    credentials: &[(&str, &str)],
    audit: Vec<EntryView>,
) -> Result<Response<Bytes>, Problem> {
    let call = hub::call::shown(record, credentials);
    let event = call.as_ref().unwrap_or(&record.event);
    let deliveries = record.work.deliveries.iter().map(Delivery::of).collect();
    let occurred = event.meta.occurred.map(Rfc3339);
    let data = event.data();
    let event = CloudEvent::of(event, &data);
    api::json(StatusCode::OK, &FoundEvent { occurred, deliveries, event, audit })
}
