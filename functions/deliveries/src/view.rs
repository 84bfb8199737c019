//! Events as the ERP and the operator see them.

use api::Problem;
use api::contract::{Delivery, FoundEvent, KnownEvent, NamedFile};
use bytes::Bytes;
use http::{Response, StatusCode};
use hub::Record;
use hub::audit::EntryView;
use hub::call::{self, Account};
use hub::envelope::CloudEvent;
use hub::time::Rfc3339;
use store::Listed;

/// Everything that is known of an event but its payload, for the operator.
#[must_use]
pub fn known(record: &Record) -> KnownEvent<'_> {
    let Record { event, work } = record;
    KnownEvent::of(&event.key, &event.meta, work, Some(event.body.len()))
}

/// One event as a CloudEvent, the payload untouched, with the states of its deliveries; of a call that has ended, the
/// event that they carry, and of any call nothing of the connection's credentials. With the files that it
/// names, and what keys have done to it.
pub(crate) fn event(
    record: &Record,
    account: &Account<'_>,
    files: Option<&Listed>,
    audit: Vec<EntryView>,
) -> Result<Response<Bytes>, Problem> {
    let call = call::shown(record, account);
    let event = call.as_ref().unwrap_or(&record.event);
    let deliveries = record.work.deliveries.iter().map(Delivery::of).collect();
    let files = files.into_iter().flat_map(NamedFile::all).collect();
    let occurred = event.meta.occurred.map(Rfc3339);
    let data = event.data();
    let event = CloudEvent::of(event, &data);
    api::json(StatusCode::OK, &FoundEvent { occurred, deliveries, event, files, audit })
}
