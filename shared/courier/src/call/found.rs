//! Data of a partner's answer besides success: data that a push would bring as well, and the partner's own name of the
//! shipment.

use hub::Alias;
use inbound::receive::{self, Lost};
use outbound::Sent;
use partners::{Json, operation};
use queue::Queue;
use store::Store;

use super::exchange::{Ask, Exchange};
use crate::Courier;

/// Keeps the data that an answer brings as if the partner had pushed it.
pub(super) async fn keep<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    ask: Ask<'_>,
    exchange: &Exchange,
) -> Result<(), Lost> {
    let (Some(brings), Sent::Answered { body, .. }) = (ask.operation.brings, &exchange.sent) else { return Ok(()) };
    let findings = Json::parse(body).map(|answer| brings(&answer)).unwrap_or_default();
    for finding in findings {
        // Boxed: most answers bring nothing, and each attempt would have room for it.
        Box::pin(receive::keep(&courier.context, ask.connection, finding)).await?;
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
