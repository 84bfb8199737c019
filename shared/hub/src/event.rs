//! An event and the work it causes, as they are stored: one item.

mod exchange;
mod meta;
mod within;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Standing};
use crate::delivery::{Delivery, State};
use crate::files::Files;
use crate::ledger::Tally;
use crate::progress::{Outgoing as _, Progress};
use crate::routes::Route;
use crate::watch::Watch;
use crate::{ConnectionId, EndpointId, EventKey, EventType, Utc};

pub use exchange::{Exchange, GivenAnswer, MOST_HEADER_BYTES};
pub use meta::{Meta, Pulled};
pub use within::{Only, Within};

/// One business fact in a push. Never changes once it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Key of the event.
    pub key: EventKey,
    /// Its metadata.
    pub meta: Meta,
    /// The bytes as they arrived: the whole body of the push, or of several facts in one push this one's part.
    pub body: Bytes,
}

/// Part of an event's body that is the payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// The JSON document in these bytes of the body (there may be blanks or a byte order mark around it).
    Json(Range<usize>),
    /// The whole body, which was one element of a JSON array that carried several events.
    Element,
    /// The whole body, which is not JSON.
    Opaque,
}

impl Data {
    /// The payload of a body: the partner's JSON untouched, or the body where that is not JSON. One element of an array is an
    /// array of one, which is what its reader expects.
    #[must_use]
    pub fn of<'b>(&self, body: &'b Bytes) -> Cow<'b, [u8]> {
        match self {
            Self::Json(span) => body.get(span.clone()).unwrap_or(body).into(),
            Self::Element => [b"[", &body[..], b"]"].concat().into(),
            Self::Opaque => (&body[..]).into(),
        }
    }
}

impl Event {
    /// The payload ([`Data::of`]; of a form, the JSON in its field).
    #[must_use]
    pub fn data(&self) -> Cow<'_, [u8]> {
        let within = self.meta.within.as_ref().and_then(|within| within.of(&self.body));
        within.map_or_else(|| self.meta.data.of(&self.body), Cow::Owned)
    }
}

/// Deliveries of an event, or a call, with their states. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Number of changes; a change is stored only over the version that it was made from.
    pub version: u64,
    /// Number of accepted deliveries, and one more for a call; or 1 for an event that no endpoint wants, a watch, or files. The ledger compares
    /// the states of the deliveries and calls with it.
    pub accepted: u32,
    /// The subject's aliases are to be written, at the latest then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_by: Option<Utc>,
    /// One for each endpoint that wants the event; of a call, its end.
    pub deliveries: Vec<Delivery>,
    /// The call, where the item is a request of the ERP to a partner: then the body is what it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// The watch, where the item is one of a shipment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// The files, where the item is the record of those of an event or an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Box<Files>>,
}

impl Work {
    /// Due time of what the hub is to do next; nothing where there is nothing to do, or a consumer is waited for alone.
    #[must_use]
    pub fn due(&self) -> Option<Utc> {
        let watch = self.watch.as_ref().and_then(|watch| watch.due);
        let files = self.files.as_deref().and_then(Files::due);
        self.pending().map(|progress| progress.due).chain(self.index_by).chain(watch).chain(files).min()
    }

    /// Whether it is a record of the hub's own, a watch or files, and not the work of an event or a call.
    #[must_use]
    pub const fn is_aside(&self) -> bool {
        self.watch.is_some() || self.files.is_some()
    }

    /// Time since which files were given up, where the item is the record of files.
    #[must_use]
    pub fn lost_since(&self) -> Option<Utc> {
        self.files.as_deref().and_then(Files::lost_since)
    }

    /// Schedules and claims of all that the hub is to attempt.
    pub fn pending(&self) -> impl Iterator<Item = &Progress> {
        let call = self.call.as_ref().and_then(Call::pending);
        self.deliveries.iter().filter(|delivery| !delivery.pull).filter_map(Delivery::pending).chain(call)
    }

    /// Pending deliveries that consumers lease, leased or not.
    pub fn pullable(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().filter(|delivery| delivery.pull && delivery.is_pending())
    }

    /// Time since which the first of the [`Work::pullable`] deliveries waits. A lease does not change it.
    #[must_use]
    pub fn pullable_since(&self) -> Option<Utc> {
        self.pullable().map(|delivery| delivery.progress.since).min()
    }

    /// Whether something is unfinished: a pending delivery, a queued or ambiguous call, aliases that are not written. Such
    /// work does not expire, whatever the clock says.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let ambiguous = |call: &Call| call.standing == Standing::Ambiguous;
        self.due().is_some() || self.pullable().next().is_some() || self.call.as_ref().is_some_and(ambiguous)
    }

    /// First due times of the attempts that are overdue at `now`.
    pub fn overdue(&self, now: Utc) -> impl Iterator<Item = Utc> {
        self.pending().map(Progress::overdue_since).filter(move |since| *since <= now)
    }

    /// Time since which it needs attention: a delivery failed and is not confirmed, or a call failed or is ambiguous.
    #[must_use]
    pub fn failed_since(&self) -> Option<Utc> {
        let failed = self.deliveries.iter().filter(|delivery| delivery.state == State::Failed);
        let stuck = |call: &&Call| matches!(call.standing, Standing::Failed | Standing::Ambiguous);
        let call = self.call.as_ref().filter(stuck).map(|call| call.progress.due);
        failed.map(|delivery| delivery.progress.due).chain(call).min()
    }

    /// Time since which it waits for a confirmation or decision: a delivery failed and is not confirmed, or a call is
    /// ambiguous. A failed call is not included: its end event notifies the ERP, and no decision is needed.
    #[must_use]
    pub fn waits_since(&self) -> Option<Utc> {
        let failed = self.deliveries.iter().filter(|delivery| delivery.state == State::Failed);
        let call = self.call.as_ref().filter(|call| call.standing == Standing::Ambiguous).map(|call| call.progress.due);
        failed.map(|delivery| delivery.progress.due).chain(call).min()
    }

    /// Whether it needs attention.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed_since().is_some()
    }

    /// Number of deliveries in each state.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { accepted: u64::from(self.accepted), ..Tally::default() };
        for delivery in &self.deliveries {
            *tally.of(delivery.state) += 1;
        }
        match (&self.call, &self.watch) {
            (Some(call), _) => *tally.calls.of(call.standing) += 1,
            (None, Some(_)) => tally.watches = 1,
            (None, None) if self.files.is_some() => tally.files = 1,
            (None, None) if self.deliveries.is_empty() => tally.unrouted = 1,
            (None, None) => {}
        }
        tally
    }

    /// Number of accepted items: the deliveries, and the call; 1 for an event that no endpoint wants, a watch, or files.
    pub(crate) fn promised(&self) -> u32 {
        let deliveries = u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX);
        deliveries.saturating_add(self.call.is_some().into()).max(1)
    }

    /// The delivery to that endpoint.
    #[must_use]
    pub fn delivery(&self, endpoint: &EndpointId) -> Option<&Delivery> {
        self.deliveries.iter().find(|delivery| delivery.endpoint == *endpoint)
    }

    /// Whether the event may go to an endpoint: it has a delivery of it, or wants events of that kind from that connection.
    /// For a call, the event is that of its end; a call that has not ended has none.
    #[must_use]
    pub fn may_go_to(
        &self,
        endpoint: &EndpointId,
        connection: &ConnectionId,
        kind: &EventType,
        routes: &[Route],
    ) -> bool {
        if self.is_aside() {
            return false;
        }
        let end = self.call.as_ref().map(|call| call.standing.event_type());
        let kind = match end {
            Some(None) => return true,
            Some(Some(end)) => EventType::from(end),
            None => kind.clone(),
        };
        let wants = |route: &Route| route.endpoint == *endpoint && route.wants(connection, &kind);
        self.delivery(endpoint).is_some() || routes.iter().any(wants)
    }

    /// The work with the delivery to an endpoint restarted, or created where there was none. None where the delivery is
    /// pending, where a call has not ended, so that it has no end event, or where it is a watch or files.
    #[must_use]
    pub fn replayed(&self, endpoint: &EndpointId, now: Utc) -> Option<Self> {
        if self.is_aside() || self.call.as_ref().is_some_and(|call| call.standing == Standing::Queued) {
            return None;
        }
        let mut next = Self { version: self.version + 1, ..self.clone() };
        match next.deliveries.iter_mut().find(|delivery| delivery.endpoint == *endpoint) {
            Some(delivery) if delivery.state == State::Pending => return None,
            Some(delivery) => *delivery = delivery.clone().replayed(now),
            None => next.deliveries.push(Delivery::new(endpoint.clone(), now, now)),
        }
        next.accepted = next.promised();
        Some(next)
    }

    /// The work with the wait of the delivery to an endpoint ended by an operator: a retry, a postponed attempt or a `Retry-After`.
    /// Nothing where it does not wait.
    #[must_use]
    pub fn forwarded(&self, endpoint: &EndpointId, now: Utc) -> Option<Self> {
        let delivery = self.delivery(endpoint).filter(|delivery| !delivery.pull)?.clone().forwarded(true, now)?;
        Some(Self { version: self.version + 1, ..self.clone() }.with(delivery))
    }

    /// The work with the failed delivery to an endpoint confirmed. Nothing where it has not failed, or only after
    /// `cutoff`: what failed since the list was read has not been seen.
    #[must_use]
    pub fn confirmed(&self, endpoint: &EndpointId, cutoff: Utc, now: Utc) -> Option<Self> {
        let delivery = self.delivery(endpoint)?;
        let seen = delivery.state == State::Failed && delivery.progress.due <= cutoff;
        let next = Self { version: self.version + 1, ..self.clone() };
        seen.then(|| next.with(delivery.clone().confirmed(now)))
    }

    /// The work with every lease of a process that has ended over at `now`; nothing where there is none. What waits for
    /// its time goes on waiting, and so do the leases of consumers, which are no processes of the hub.
    #[must_use]
    pub fn released(&self, now: Utc) -> Option<Self> {
        let released = |delivery: &Delivery| {
            if delivery.pull { delivery.clone() } else { delivery.clone().released(now) }
        };
        let next = Self {
            version: self.version + 1,
            index_by: self.index_by.map(|due| due.min(now)),
            deliveries: self.deliveries.iter().map(released).collect(),
            call: self.call.clone().map(|call| call.released(now)),
            watch: self.watch.clone(),
            files: self.files.clone(),
            ..*self
        };
        (next.due() != self.due() || next.deliveries != self.deliveries || next.call != self.call).then_some(next)
    }

    /// The work with each pending delivery as its endpoint takes it at `now`: one that was to be sent is leased at a pull endpoint, and
    /// the other way round. Nothing where all are.
    #[must_use]
    pub fn redirected(&self, is_pull: impl Fn(&Delivery) -> bool, now: Utc) -> Option<Self> {
        let mut next = self.clone();
        let misplaced = |delivery: &&mut Delivery| delivery.is_pending() && delivery.pull != is_pull(delivery);
        for delivery in next.deliveries.iter_mut().filter(misplaced) {
            *delivery = delivery.clone().redirected(now);
        }
        (next != *self).then_some(next)
    }

    /// The work with one delivery put in place of the endpoint's present one.
    #[must_use]
    pub fn with(mut self, delivery: Delivery) -> Self {
        if let Some(place) = self.deliveries.iter_mut().find(|other| other.endpoint == delivery.endpoint) {
            *place = delivery;
        }
        self
    }
}

/// A stored event with the work it causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event.
    pub event: Event,
    /// Its work, at the version that was read.
    pub work: Work,
}

#[cfg(test)]
mod changes;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Pattern;

    fn work(state: State) -> Work {
        let delivery = Delivery { state, ..Delivery::new("erp".into(), Utc(5), Utc(5)) };
        Work { version: 3, accepted: 1, deliveries: vec![delivery], ..Work::default() }
    }

    #[test]
    fn a_replay_starts_over_what_is_not_on_its_way() {
        let erp = EndpointId::from("erp");
        assert_eq!(work(State::Pending).replayed(&erp, Utc(9)), None);
        for state in [State::Delivered, State::Failed, State::Confirmed] {
            let next = work(state).replayed(&erp, Utc(9)).unwrap();
            assert_eq!((next.version, next.due(), next.tally().balanced()), (4, Some(Utc(9)), true));
        }
    }

    #[test]
    fn a_replay_to_another_endpoint_is_promised_too() {
        let unrouted = Work { accepted: 1, ..Work::default() };
        let first = unrouted.replayed(&"a".into(), Utc(9)).unwrap();
        let second = first.replayed(&"b".into(), Utc(9)).unwrap();
        assert_eq!((first.accepted, second.accepted), (1, 2));
        assert!(first.tally().balanced() && second.tally().balanced());
    }

    /// A key limited to one connection had its events sent to the endpoint of another, signed with that one's secret.
    #[test]
    fn replay_goes_where_the_event_is_wanted_or_has_been() {
        let pattern = |text: &str| vec![Pattern::new(text.to_owned())];
        let route = |endpoint: &str, connections: &str, types: &str| Route {
            endpoint: endpoint.into(),
            connections: pattern(connections),
            types: pattern(types),
            pull: false,
        };
        let routes = [route("erp-a", "a-*", "xhq.*"), route("erp-b", "b-*", "*"), route("ends", "*", "call.*")];
        let may = |work: &Work, endpoint: &str| {
            work.may_go_to(&endpoint.into(), &"a-1".into(), &"xhq.syn_status".into(), &routes)
        };
        let unrouted = Work { deliveries: Vec::new(), ..work(State::Failed) };
        assert_eq!(["erp-a", "erp-b", "ends", "gone"].map(|to| may(&unrouted, to)), [true, false, false, false]);
        assert!(may(&work(State::Delivered), "erp"), "it is that ERP's own already");
    }

    #[test]
    fn leases_of_an_ended_process_are_over_and_retries_wait() {
        let leased = Delivery::new("a".into(), Utc(5), Utc(30));
        let mut retry = Delivery::new("b".into(), Utc(5), Utc(20));
        retry.progress.is_claimed = false;
        let call =
            Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(5), Utc(40)).claimed_to_send(Utc(60));
        let deliveries = vec![leased, retry];
        let work = Work { version: 3, index_by: Some(Utc(30)), deliveries, call: Some(call), ..Work::default() };
        let next = work.released(Utc(9)).unwrap();
        let due: Vec<_> = next.deliveries.iter().map(|delivery| delivery.progress.due).collect();
        assert_eq!((next.version, next.index_by, due), (4, Some(Utc(9)), vec![Utc(9), Utc(20)]));
        let call = next.call.as_ref().unwrap();
        assert!(call.progress.due == Utc(9) && call.sending, "nobody knows what became of a call that was being sent");
        assert_eq!(next.overdue(Utc(9)).collect::<Vec<_>>(), [Utc(5), Utc(5)], "as long as before");
        assert_eq!(next.released(Utc(9)), None, "there is no lease any more");
    }

    #[test]
    fn only_what_was_seen_is_confirmed() {
        let erp = EndpointId::from("erp");
        assert_eq!(work(State::Failed).confirmed(&erp, Utc(4), Utc(9)), None);
        assert_eq!(work(State::Delivered).confirmed(&erp, Utc(6), Utc(9)), None);
        let next = work(State::Failed).confirmed(&erp, Utc(5), Utc(9)).unwrap();
        assert_eq!((next.deliveries[0].state, next.has_failed()), (State::Confirmed, false));
    }
}
