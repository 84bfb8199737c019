//! Events that consumers lease at a pull endpoint, and their receipts.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::CloudEvent;
use super::MOST_EVENTS;

/// An event, leased.
#[cfg(feature = "schema")]
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "LeasedEvent")]
pub struct LeasedEvent<'a> {
    /// The lease's name, by which it is acknowledged or released: opaque, and valid for the endpoint and the API key that leased it.
    pub receipt: String,
    /// The end of the lease. Without an acknowledgement the event comes again after it.
    pub leaseduntil: hub::time::Rfc3339,
    /// The event, as one that is sent.
    #[serde(flatten)]
    pub event: CloudEvent<'a>,
}

/// Leases to acknowledge or to release.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Receipts {
    /// The `receipt` of each event.
    #[serde(deserialize_with = "few")]
    #[cfg_attr(feature = "schema", schemars(length(max = MOST_EVENTS)))]
    pub receipts: Vec<String>,
}

fn few<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let receipts = Vec::<String>::deserialize(from)?;
    if receipts.len() <= MOST_EVENTS {
        return Ok(receipts);
    }
    Err(serde::de::Error::custom(format_args!("must hold at most {MOST_EVENTS} receipts")))
}

/// Receipts and their states, in the order of the request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct RedeemedReceipts {
    /// The receipts.
    pub receipts: Vec<RedeemedReceipt>,
}

/// A receipt and its state.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct RedeemedReceipt {
    /// The receipt.
    pub receipt: String,
    /// Its state.
    pub state: ReceiptState,
}

/// The state of a lease after its receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum ReceiptState {
    /// The event is delivered. So it is when the same receipt comes again.
    Acknowledged,
    /// The event can be leased again.
    Released,
    /// Nothing was changed: the lease is not the latest one, or was ended in another way.
    Outdated,
    /// Nothing was changed: no receipt of this endpoint and API key, or its event has expired.
    Unknown,
}
