//! Events and deliveries as the ERP and the operator see them.

use hub::delivery::State;
use hub::envelope::{self, Format};
use hub::{EndpointId, Record};
use serde_json::{Value, json};
use store::Listed;

/// An event without its payload. Of a call the deliveries are of its end.
pub(crate) fn listed(item: &Listed) -> Value {
    let listed = json!({
        "connection": item.key.connection,
        "subject": item.key.subject,
        "id": item.key.id,
        "type": item.meta.kind,
        "received": item.meta.received.to_string(),
        "milestone": item.meta.milestone,
        "malformed": item.meta.malformed,
        "deliveries": item.work.deliveries.iter().map(delivery).collect::<Vec<_>>(),
    });
    with_call(listed, item)
}

/// Says of a call where it stands: its type is the operation's, which would look like an event of the partner.
fn with_call(mut value: Value, item: &Listed) -> Value {
    if let (Some(call), Some(value)) = (&item.work.call, value.as_object_mut()) {
        value.insert("call".to_owned(), json!(call.standing));
    }
    value
}

/// The failed deliveries of an event, one item each.
pub(crate) fn failures(item: &Listed, endpoint: Option<&EndpointId>) -> Vec<Value> {
    let wanted = item.work.deliveries.iter().filter(|delivery| {
        delivery.state == State::Failed && endpoint.is_none_or(|endpoint| delivery.endpoint == *endpoint)
    });
    let entry = |failed: &hub::delivery::Delivery| {
        let failure = json!({
            "connection": item.key.connection,
            "subject": item.key.subject,
            "id": item.key.id,
            "type": item.meta.kind,
            "received": item.meta.received.to_string(),
            "delivery": delivery(failed),
        });
        with_call(failure, item)
    };
    wanted.map(entry).collect()
}

/// Everything that is known of an event but its payload, for the operator.
#[must_use]
pub fn known(record: &Record) -> Value {
    let Record { event, work } = record;
    let listed = Listed { key: event.key.clone(), meta: event.meta.clone(), work: work.clone() };
    let mut known = self::listed(&listed);
    if let Some(known) = known.as_object_mut() {
        known.insert("expires".to_owned(), json!(event.meta.expires.to_string()));
        known.insert("aliases".to_owned(), json!(event.meta.aliases));
        known.insert("keys_left_out".to_owned(), json!(event.meta.keys_left_out));
        known.insert("content_type".to_owned(), json!(event.meta.content_type));
        known.insert("possible_repeat".to_owned(), json!(event.meta.possible_repeat));
        known.insert("bytes".to_owned(), json!(event.body.len()));
    }
    known
}

/// One event as a CloudEvent, the payload untouched, with the states of its deliveries; of a call that has ended, the
/// event that they carry, and of any call nothing of the connection's `credentials`.
pub(crate) fn event(record: &Record, credentials: &[(&str, &str)]) -> Vec<u8> {
    let deliveries: Value = record.work.deliveries.iter().map(delivery).collect();
    let call = hub::call::shown(record, credentials);
    let event = envelope::content(call.as_ref().unwrap_or(&record.event), Format::CloudEvents).body;
    [b"{\"deliveries\":", deliveries.to_string().as_bytes(), b",\"event\":", &event, b"}"].concat()
}

fn delivery(delivery: &hub::delivery::Delivery) -> Value {
    let attempts: Vec<_> = delivery
        .progress
        .attempts
        .iter()
        .map(|attempt| {
            let at = attempt.at.to_string();
            let mut shown = json!({"at": at, "ms": attempt.ms, "status": attempt.status, "detail": attempt.detail});
            if let (1.., Some(shown)) = (attempt.postponed, shown.as_object_mut()) {
                shown.insert("put_off".to_owned(), json!(attempt.postponed));
            }
            shown
        })
        .collect();
    let at = delivery.progress.due.to_string();
    match delivery.state {
        State::Pending => json!({
            "endpoint": delivery.endpoint, "state": delivery.state, "due": at, "attempts": attempts
        }),
        State::Delivered | State::Failed | State::Confirmed => json!({
            "endpoint": delivery.endpoint, "state": delivery.state, "at": at, "attempts": attempts
        }),
    }
}
