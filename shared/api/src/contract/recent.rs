//! The lists of events and of deliveries.

use hub::attempt::Attempt;
use hub::call::Standing;
use hub::delivery::{self, State};
use hub::event::Meta;
use hub::time::Rfc3339;
use hub::{Alias, ConnectionId, EndpointId, EventId, EventKey, EventType, Milestone, Subject};
use serde::Serialize;
use store::Listed;

use super::Next;
use crate::answer::Printed;

/// A page of events.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct RecentEvents {
    /// The events and calls. A page may have fewer than `limit`, or none, and not be the last.
    pub events: Vec<Printed<RecentEvent<'static>>>,
    /// The cursor of the next page.
    pub next: Next,
    /// Whether this page and the following ones are all there is. Otherwise `number` names more than one answer looks at.
    pub complete: bool,
}

/// A page of deliveries.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct RecentDeliveries {
    /// The deliveries: those of `limit` events at most. A page may have fewer, or none, and not be the last.
    pub deliveries: Vec<Printed<RecentDelivery<'static>>>,
    /// The cursor of the next page.
    pub next: Next,
    /// Whether this page and the following ones are all there is. Otherwise `number` names more than one answer looks at.
    pub complete: bool,
}

/// An event or a call, without its payload and without its attempts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecentEvent<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    /// `pulled` where the event came in a partner's answer; absent for a push.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    /// The shipment's progress, in one vocabulary across partners; see `Event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    milestone: Option<Milestone>,
    /// Other business keys of the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'a Alias>,
    /// The delivery to each endpoint. The deliveries of a call are those of the event of its end.
    deliveries: Vec<Delivery<'a>>,
    /// Present where it is a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Call<'a>>,
}

/// The event that a delivery is of.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
struct Head<'a> {
    connection: &'a ConnectionId,
    subject: &'a Subject,
    id: EventId,
    /// `<partner>.<action>`, as the partner spells it; of a call `<partner>.<operation>`.
    #[serde(rename = "type")]
    kind: &'a EventType,
    /// The partner's time for it, where its document gives one; else the time at which it was received.
    time: Rfc3339,
    /// The time at which it was received.
    received: Rfc3339,
}

/// A call and its state.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
struct Call<'a> {
    operation: &'a str,
    state: Standing,
}

/// The state of the delivery of one event to one endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
struct Delivery<'a> {
    endpoint: &'a EndpointId,
    state: State,
    /// The number of attempts since it began or was replayed, as far as they are kept.
    tries: u32,
    /// The time of the next attempt, while the delivery is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Rfc3339>,
}

/// One delivery, with the event that it is of.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecentDelivery<'a> {
    event: Head<'a>,
    #[serde(flatten)]
    delivery: Delivery<'a>,
    /// The time at which a settled delivery reached its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Rfc3339>,
    /// The latest attempt, or the latest reason why none could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Last<'a>>,
}

/// An attempt, or the reason for none.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
struct Last<'a> {
    /// The time at which it began.
    at: Rfc3339,
    /// The HTTP status, where there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The beginning of the answer, the error, or the reason for the postponement.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Head<'a> {
    fn of(key: &'a EventKey, meta: &'a Meta) -> Self {
        Self {
            connection: &key.connection,
            subject: &key.subject,
            id: key.id,
            kind: &meta.kind,
            time: Rfc3339(meta.occurred.unwrap_or(meta.received)),
            received: Rfc3339(meta.received),
        }
    }
}

impl<'a> Delivery<'a> {
    fn of(delivery: &'a delivery::Delivery) -> Self {
        let progress = &delivery.progress;
        let made = progress.attempts.iter().filter(|attempt| attempt.postponed == 0).count();
        let due = (delivery.state == State::Pending).then_some(Rfc3339(progress.due));
        let tries = progress.tries.max(u32::try_from(made).unwrap_or(u32::MAX));
        Self { endpoint: &delivery.endpoint, state: delivery.state, tries, due }
    }
}

impl<'a> RecentEvent<'a> {
    /// The event as it is listed.
    #[must_use]
    pub fn of(item: &'a Listed) -> Self {
        let call = item.work.call.as_ref();
        let learned = call.into_iter().flat_map(|call| &call.learned);
        Self {
            head: Head::of(&item.key, &item.meta),
            origin: item.meta.pulled.map(|_| "pulled"),
            milestone: item.meta.milestone,
            aliases: item.meta.aliases.iter().chain(learned).collect(),
            deliveries: item.work.deliveries.iter().map(Delivery::of).collect(),
            call: call.map(|call| Call { operation: &call.operation, state: call.standing }),
        }
    }
}

impl<'a> RecentDelivery<'a> {
    /// The deliveries of an event in a state and to an endpoint, where these are given.
    pub fn all(item: &'a Listed, state: Option<State>, endpoint: Option<&EndpointId>) -> impl Iterator<Item = Self> {
        let wanted = move |delivery: &&delivery::Delivery| {
            state.is_none_or(|state| delivery.state == state)
                && endpoint.is_none_or(|endpoint| delivery.endpoint == *endpoint)
        };
        item.work.deliveries.iter().filter(wanted).map(|delivery| {
            let settled = (delivery.state != State::Pending).then_some(delivery.progress.due);
            Self {
                event: Head::of(&item.key, &item.meta),
                delivery: Delivery::of(delivery),
                since: settled.map(Rfc3339),
                last: delivery.progress.attempts.last().map(Last::of),
            }
        })
    }
}

impl<'a> Last<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        let reason = Some(attempt.detail.as_str()).filter(|reason| !reason.is_empty());
        Self { at: Rfc3339(attempt.at), status: attempt.status, reason }
    }
}
