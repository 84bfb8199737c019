//! Confirmations and replays.

use hub::{EndpointId, EventKey};
use serde::{Deserialize, Serialize};

use super::Next;
use crate::request::{Object, given};

/// The events to change; by default every failed delivery of the endpoint. The key must be able to see the connection of each:
/// one that is configured, or that has one of these events stored.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventKeys(
    #[cfg_attr(feature = "schema", schemars(with = "Vec<EventKey>", length(max = super::MOST_EVENTS)))]
    pub  Vec<Object<EventKey>>,
);

/// The body of a confirmation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Confirm {
    /// The id of an endpoint, which need not be configured any longer.
    pub endpoint: EndpointId,
    /// The time up to which failures are confirmed, such as the list's `as_of`; by default now.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub cutoff: Option<String>,
    /// The events to confirm.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "EventKeys"))]
    pub events: Option<EventKeys>,
    /// Change nothing, and answer which deliveries would be confirmed.
    #[serde(default)]
    pub dry_run: bool,
    /// The `next` of the previous answer, where that did not change all. It is valid for an hour, with the same key and
    /// otherwise the same members.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub from: Option<String>,
}

/// The answer to a confirmation.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Confirmed {
    /// Whether this was a dry run, which changes nothing.
    pub dry_run: bool,
    /// The number of deliveries that were confirmed; 0 in a dry run.
    pub confirmed: usize,
    /// The events whose delivery was confirmed or, in a dry run, would be.
    pub events: Vec<EventKey>,
    /// The cursor of the remaining deliveries; null where none remain.
    pub next: Next,
}

/// The body of a replay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Replay {
    /// The id of a configured endpoint. Events that do not match its `connections` and `types`, and that it has no delivery of,
    /// are not replayed: `unwanted` lists them. Where none of `events` matches, the answer is a 400.
    pub endpoint: EndpointId,
    /// Change nothing, and answer which deliveries would be replayed; by default true.
    #[serde(default = "yes")]
    pub dry_run: bool,
    /// Send pending deliveries now, whether they wait for a retry, for an open circuit or for the endpoint's `Retry-After`.
    /// Without `events`, all pending deliveries of the endpoint. Settled deliveries stay unchanged.
    #[serde(default)]
    pub now: bool,
    /// The events to replay.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "EventKeys"))]
    pub events: Option<EventKeys>,
    /// The `next` of the previous answer, where that did not change all. It is valid for an hour, with the same key and
    /// otherwise the same members.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub from: Option<String>,
}

const fn yes() -> bool {
    true
}

/// The answer to a replay.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Replayed {
    /// Whether this was a dry run, which changes nothing.
    pub dry_run: bool,
    /// The number of deliveries that were restarted or, with `now`, are sent now; 0 in a dry run.
    pub replayed: usize,
    /// The events whose delivery was restarted or, in a dry run, would be.
    pub events: Vec<EventKey>,
    /// The members of `events` that do not match the endpoint and that it has no delivery of. They were skipped.
    pub unwanted: Vec<EventKey>,
    /// The cursor of the remaining deliveries; null where none remain.
    pub next: Next,
}
