//! The lists of events and of deliveries, and the filters that they share with the list of calls.

use api::contract::{RecentDeliveries, RecentEvents};
use serde_json::{Value, json};

use super::derived::Schemas;
use super::parts::{self, answer, given, parameter};

const PROBLEMS: [&str; 7] = ["400", "401", "404", "405", "409", "500", "503"];

/// Order and length of the pages.
const PAGES: &str = "The newest first, by the time at which the hub received them. A page is a bounded amount of work: it may have \
                     fewer items than `limit`, or none, and a `next`. Events that were stored by a version without this list are \
                     found by `number` and by `state` `failed` or `pending` only. With `recent_events = false` in the configuration \
                     so are all; other requests are then a 409 `recent-off`.";

pub(crate) fn events(schemas: &mut Schemas) -> Value {
    let state = chosen(
        &["pending", "failed", "delivered", "confirmed", "unrouted"],
        "Only events with a delivery in this state; `unrouted`: those that no endpoint wants. `failed` and `pending` without `number` \
         come in the order in which failed and pending work is kept, which is not the newest first.",
    );
    let mut parameters = vec![connection(), kind(), number(), state];
    parameters.extend(times());
    parameters.extend([parameter("from"), parameter("limit")]);
    json!({
        "operationId": "list_recent_events",
        "tags": ["events"],
        "summary": "Lists events and calls by time, type, state or number",
        "description": PAGES,
        "parameters": parameters,
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<RecentEvents>()))], &PROBLEMS),
    })
}

pub(crate) fn deliveries(schemas: &mut Schemas) -> Value {
    let state = chosen(
        &["pending", "failed", "delivered", "confirmed"],
        "Only deliveries in this state. `failed` and `pending` without `number` come in the order in which failed and pending work is \
         kept, which is not the newest first.",
    );
    let endpoint = given(
        "query",
        "endpoint",
        "Only deliveries to this endpoint: one that is configured, or that has a delivery in the list.",
        &text(),
    );
    let mut parameters = vec![state, endpoint, connection(), kind(), number()];
    parameters.extend(times());
    parameters.extend([parameter("from"), parameter("limit")]);
    json!({
        "operationId": "list_deliveries",
        "tags": ["deliveries"],
        "summary": "Lists deliveries by state, endpoint, time, type or number",
        "description": format!("The deliveries of `limit` events at most. {PAGES}"),
        "parameters": parameters,
        "responses": parts::responses([("200", answer("A page.", &schemas.answer::<RecentDeliveries>()))], &PROBLEMS),
    })
}

/// A business key.
pub(crate) fn number() -> Value {
    given(
        "query",
        "number",
        "Only what belongs to this business key, as `GET /shipments/{key}` finds it: `order:SO-1`, or a value without a kind, which is \
         tried as each kind. All of it is read for every page.",
        &text(),
    )
}

/// The first and the last time of reception.
pub(crate) fn times() -> [Value; 2] {
    let time = json!({"type": "string", "format": "date-time"});
    [
        given("query", "since", "Only what was received at this time or later.", &time),
        given("query", "until", "Only what was received before this time.", &time),
    ]
}

fn connection() -> Value {
    given("query", "connection", "Only what is of this connection.", &text())
}

fn kind() -> Value {
    given(
        "query",
        "type",
        "Only events of this type, such as `xhq.syn_status`, or of all that begin so: `xhq.*`.",
        &text(),
    )
}

fn chosen(states: &[&str], description: &str) -> Value {
    given("query", "state", description, &json!({"type": "string", "enum": states}))
}

fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}
