//! What a partner's answer brings besides success: data that a push would bring as well, and the partner's own name of
//! the shipment.

use bytes::Bytes;
use hub::Alias;
use inbound::receive::{self, IncomingPush, Lost};
use outbound::Sent;
use partners::{Json, onedata, operation};
use queue::Queue;
use store::Store;

use super::exchange::{Ask, Exchange};
use crate::Courier;

/// Keeps what 1datatech has found for a subscription as the push that it would have sent.
pub(super) async fn keep<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    ask: Ask<'_>,
    exchange: &Exchange,
) -> Result<(), Lost> {
    let Sent::Answered { body, .. } = &exchange.sent else { return Ok(()) };
    let Some(json) = Json::parse(body).ok().filter(|_| ask.operation.name == onedata::PORT_QUERY) else {
        return Ok(());
    };
    for item in onedata::items(&json).iter().filter(|item| item.state == onedata::State::Found) {
        let body = Bytes::from(format!("{{\"data\":[{}]}}", item.json.text()));
        let push = IncomingPush { body, content_type: "application/json".to_owned(), encoding: None };
        receive::keep(&courier.context, &courier.ports, ask.connection, &push).await?;
    }
    Ok(())
}

/// The business keys that the answer gives the subject of a call.
pub(super) fn learned(ask: Ask<'_>, exchange: &Exchange) -> Vec<Alias> {
    let Sent::Answered { body, .. } = &exchange.sent else { return Vec::new() };
    let json = if ask.operation.gives_serial { Json::parse(body).ok() } else { None };
    let learned = json.map(|json| operation::learned(ask.operation, &json)).unwrap_or_default();
    learned.into_iter().map(|(kind, value)| Alias::new(kind, &value)).collect()
}
