//! Bodies of the ERP's requests and of their answers. `/openapi.json` publishes the schemas of these types with their doc
//! comments as descriptions, so the comments are written for its readers.
//!
//! The types decide the form of an answer. The functions decide which items an API key may see.

mod audit;
mod changes;
mod files;
mod known;
mod problem;
pub mod pull;
mod recent;
mod shipments;
pub mod stats;
mod uploads;

use hub::attempt::{Attempt, AttemptView};
use hub::audit::EntryView;
use hub::call::{CallView, Decision, Standing};
use hub::delivery::{self, State};
use hub::envelope::CloudEvent;
use hub::event::{Meta, Work};
use hub::time::Rfc3339;
use hub::{ConnectionId, EndpointId, EventId, EventKey, EventType, Milestone, Subject};
use serde::{Deserialize, Serialize};
use store::Listed;

use crate::answer::Printed;
use crate::request::named;

pub use audit::{Audit, ConfigurationChange, FoundConfiguration, Me};
pub use changes::{Confirm, Confirmed, EventKeys, Replay, Replayed};
pub use files::{FileAddress, FilesPage, ListedFile, NamedFile};
pub use known::KnownEvent;
pub use problem::{Members, Mistake, Original, ProblemBody};
pub use recent::{RecentDeliveries, RecentDelivery, RecentEvent, RecentEvents};
pub use shipments::{ListedShipment, ReachedMilestone, Shipment, Shipments};
pub use uploads::{BegunUpload, NewUpload, Put};

/// The largest number of events that one request may name.
pub const MOST_EVENTS: usize = 1_000;

/// The cursor of the next page: the `from` of the next request, valid for an hour with the same key and the same request; null
/// on the last page. It is encrypted and opaque.
#[derive(Debug, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Next(pub Option<String>);

/// A page of failed deliveries.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct FailedDeliveries {
    /// The `cutoff` that confirms only deliveries in this list: half a minute before the list was read, because a delivery
    /// that has just failed may not be listed yet. Of several pages, use that of the first.
    pub as_of: Rfc3339,
    /// The deliveries, each with its event.
    pub items: Vec<Printed<FailedDelivery<'static>>>,
    /// The cursor of the next page.
    pub next: Next,
}

/// The events of a subject.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Timeline {
    /// The connection of the events.
    pub connection: ConnectionId,
    /// The events, in the order in which they were received.
    pub items: Vec<Printed<ListedEvent<'static>>>,
    /// Whether these are all events. Otherwise they are the latest ones, of 1,000 subjects at most.
    pub complete: bool,
}

/// An event with its payload.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct FoundEvent<'a> {
    /// The partner's time for it, where its document gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred: Option<Rfc3339>,
    /// The delivery to each endpoint.
    pub deliveries: Vec<Delivery<'a>>,
    /// The event as an endpoint receives it.
    pub event: CloudEvent<'a>,
    /// The files that it names by links, where its connection has them fetched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<NamedFile<'a>>,
    /// Entries of the audit trail about its deliveries, latest first.
    pub audit: Vec<EntryView>,
}

/// The fields of an event that all lists show.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
struct EventHead<'a> {
    connection: &'a ConnectionId,
    subject: &'a Subject,
    id: EventId,
    /// `<partner>.<action>`, as the partner spells it.
    #[serde(rename = "type")]
    kind: &'a EventType,
    /// The time at which the event was received.
    received: Rfc3339,
    /// The state of a call; absent for a partner's event. The type of a call is that of its operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Standing>,
}

impl<'a> EventHead<'a> {
    fn of(key: &'a EventKey, meta: &'a Meta, work: &Work) -> Self {
        Self {
            connection: &key.connection,
            subject: &key.subject,
            id: key.id,
            kind: &meta.kind,
            received: Rfc3339(meta.received),
            call: work.call.as_ref().map(|call| call.standing),
        }
    }
}

/// An event without its payload, with its deliveries. The deliveries of a call are those of the event of its end.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListedEvent<'a> {
    #[serde(flatten)]
    head: EventHead<'a>,
    /// The partner's time for it, where its document gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred: Option<Rfc3339>,
    /// The shipment's progress, in one vocabulary across partners; see `Event`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    milestone: Option<Milestone>,
    /// The reason why the payload could not be read.
    malformed: Option<&'a str>,
    /// The delivery to each endpoint.
    deliveries: Vec<Delivery<'a>>,
}

impl<'a> ListedEvent<'a> {
    /// The event as it is listed.
    #[must_use]
    pub fn of(key: &'a EventKey, meta: &'a Meta, work: &'a Work) -> Self {
        Self {
            head: EventHead::of(key, meta, work),
            occurred: meta.occurred.map(Rfc3339),
            milestone: meta.milestone,
            malformed: meta.malformed.as_deref(),
            deliveries: work.deliveries.iter().map(Delivery::of).collect(),
        }
    }
}

/// An event without its payload, with one of its deliveries that failed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedDelivery<'a> {
    #[serde(flatten)]
    head: EventHead<'a>,
    delivery: Delivery<'a>,
}

impl<'a> FailedDelivery<'a> {
    /// The failed deliveries of an event; where an endpoint is given, to that one.
    pub fn all(item: &'a Listed, endpoint: Option<&EndpointId>) -> impl Iterator<Item = Self> {
        let wanted = move |delivery: &&delivery::Delivery| {
            delivery.state == State::Failed && endpoint.is_none_or(|endpoint| delivery.endpoint == *endpoint)
        };
        let one = move |failed| Self {
            head: EventHead::of(&item.key, &item.meta, &item.work),
            delivery: Delivery::of(failed),
        };
        item.work.deliveries.iter().filter(wanted).map(one)
    }
}

/// The delivery of one event to one endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery<'a> {
    endpoint: &'a EndpointId,
    state: State,
    /// The time of the next attempt, while the delivery is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Rfc3339>,
    /// The time at which a settled delivery reached its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Rfc3339>,
    /// The latest attempts, oldest first.
    attempts: Vec<AttemptView<'a>>,
}

impl<'a> Delivery<'a> {
    /// The delivery as it is shown.
    #[must_use]
    pub fn of(delivery: &'a delivery::Delivery) -> Self {
        let time = Some(Rfc3339(delivery.progress.due));
        let (due, at) = if delivery.state == State::Pending { (time, None) } else { (None, time) };
        let attempts = delivery.progress.attempts.iter().map(Attempt::view).collect();
        Self { endpoint: &delivery.endpoint, state: delivery.state, due, at, attempts }
    }
}

/// A page of calls.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Calls {
    /// The calls.
    pub items: Vec<Printed<CallView<'static>>>,
    /// The cursor of the next page.
    pub next: Next,
    /// Whether this page and the following ones are all the calls. Otherwise the answer has the latest calls of a subject, or
    /// the queued calls that are due first.
    pub complete: bool,
}

/// The body of a decision about an ambiguous call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Resolution {
    /// The decision.
    #[serde(deserialize_with = "named")]
    pub decision: Decision,
}

/// The body of a retry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Retry {
    /// Change nothing, and answer the call as it would be after the retry.
    #[serde(default)]
    pub dry_run: bool,
}

/// The body of a cancellation, which has no members and may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {}
