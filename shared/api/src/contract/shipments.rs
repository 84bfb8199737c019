//! Bodies of the answers about shipments.

use hub::audit::EntryView;
use hub::call::Standing;
use hub::delivery::State;
use hub::event::Work;
use hub::shipment::{Direction, Sign};
use hub::time::Rfc3339;
use hub::{ConnectionId, EventId, Milestone, Subject, Utc};
use serde::Serialize;

use super::{ListedEvent, ListedFile, Next};
use crate::answer::Printed;

/// A shipment: everything that belongs to a business key, over all connections that the API key may see.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Shipment {
    /// The business keys of the shipment, the strongest first: `order`, then `bl`, then `entry`, `ciq`, `waybill`, `serial`,
    /// `mawb`, `port` and `batch`, then `container`, `ledger` and `key`.
    pub keys: Vec<Subject>,
    /// Business keys that share a key or an event with the shipment and are not part of it, the strongest first: another order
    /// on the same bill, another bill in the same container.
    pub related: Vec<Subject>,
    /// The direction of the goods, `export` or `import`, where a document tells it.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub direction: Option<Direction>,
    /// The milestone that the shipment is at: the furthest that was reached since the latest rejection or withdrawal. A rejection,
    /// an inspection and the like are it while no later one is known.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub milestone: Option<Milestone>,
    /// Each milestone that was reached, in the order of time.
    pub milestones: Vec<ReachedMilestone>,
    /// Milestones that a later one implies and that no event tells, though a partner of this shipment has a code for it: a push
    /// may be lost.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub missing: Vec<Milestone>,
    /// The events and calls of this page, with their deliveries, in the order of the partner's time, then of reception.
    pub items: Vec<Printed<ListedEvent<'static>>>,
    /// The cursor of the next page.
    pub next: Next,
    /// The files that its events and answers about it name by links, in the order in which they were received, 1,000 at the most; on the
    /// first page only, and where a connection has them fetched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Printed<ListedFile<'static>>>,
    /// Entries of the audit trail about its events and calls, latest first, 100 at the most; on the first page only.
    pub audit: Vec<Printed<EntryView>>,
    /// Whether the shipment is all there. Otherwise it has more than 1,000 keys, 1,000 subjects or 20,000 events, an event with
    /// more keys than the hub keeps, or one that cannot be read.
    pub complete: bool,
}

/// A milestone of a shipment, with the event that says so: of several the first since the latest rejection or withdrawal.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ReachedMilestone {
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    milestone: Milestone,
    /// The partner's time for it, where its document gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred: Option<Rfc3339>,
    /// The time at which the event was received.
    received: Rfc3339,
    connection: ConnectionId,
    subject: Subject,
    id: EventId,
}

impl From<Sign> for ReachedMilestone {
    fn from(sign: Sign) -> Self {
        Self {
            milestone: sign.milestone,
            occurred: sign.occurred.map(Rfc3339),
            received: Rfc3339(sign.received),
            connection: sign.event.connection,
            subject: sign.event.subject,
            id: sign.event.id,
        }
    }
}

/// A page of shipments with unfinished or failed work.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Shipments {
    /// The shipments, each once a page. One with work on several pages is in each of them.
    pub items: Vec<Printed<ListedShipment<'static>>>,
    /// The cursor of the next page. A page may be empty and not the last.
    pub next: Next,
}

/// A shipment with unfinished or failed work, or without news.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ListedShipment<'a> {
    connection: &'a ConnectionId,
    /// The business key that the work is stored under.
    key: &'a Subject,
    /// The number of deliveries in the state that is asked for.
    deliveries: usize,
    /// The number of calls in the state that is asked for; an ambiguous call counts as failed.
    calls: usize,
    /// The time of the next attempt, where `state` is `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Rfc3339>,
    /// The time of the earliest failure, where `state` is `failed`; of the latest news, where it is `quiet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Rfc3339>,
}

impl<'a> ListedShipment<'a> {
    /// A shipment of which no work is counted yet.
    #[must_use]
    pub const fn new(connection: &'a ConnectionId, key: &'a Subject) -> Self {
        Self { connection, key, deliveries: 0, calls: 0, due: None, since: None }
    }

    /// Counts the pending deliveries and the queued call of an event.
    pub fn add_pending(&mut self, work: &Work) {
        let pending = work.deliveries.iter().filter(|delivery| delivery.state == State::Pending);
        self.deliveries += pending.count();
        self.calls += usize::from(work.call.as_ref().is_some_and(|call| call.standing == Standing::Queued));
        let due = work.pending().map(|progress| progress.due);
        self.due = earliest(self.due.map(|due| due.0).into_iter().chain(due));
    }

    /// Counts the failed deliveries and the failed call of an event.
    pub fn add_failed(&mut self, work: &Work) {
        let failed = work.deliveries.iter().filter(|delivery| delivery.state == State::Failed);
        self.deliveries += failed.count();
        let stuck = |standing| matches!(standing, Standing::Failed | Standing::Ambiguous);
        self.calls += usize::from(work.call.as_ref().is_some_and(|call| stuck(call.standing)));
        self.since = earliest(self.since.map(|since| since.0).into_iter().chain(work.failed_since()));
    }

    /// Notes since when a watch has seen no news.
    pub fn add_silence(&mut self, work: &Work) {
        self.since = work.watch.as_ref().map(|watch| Rfc3339(watch.news));
    }
}

fn earliest(times: impl Iterator<Item = Utc>) -> Option<Rfc3339> {
    times.min().map(Rfc3339)
}
