//! Checks of the order of a subject at endpoints that ask for it: no later event is sent while an earlier one is pending that was
//! stored when the later one looked, and no two at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use config::Config;
use hub::order::{Order, Place};
use hub::progress::Outgoing as _;
use hub::{ConnectionId, EndpointId, Event, EventKey, Subject, Utc, Work};
use store::{Listed, Sequence};

use super::{Checker, Verdict};

/// How old a look may be when what looked is sent: it is believed for a second, and a store in trouble may take its time.
const LOOK: Duration = Duration::from_secs(90);

type Line = (EndpointId, ConnectionId, Subject);

/// Recorded facts about orders.
#[derive(Debug, Default)]
pub(super) struct Orders {
    ordered: BTreeSet<EndpointId>,
    /// Counts what happens in the store.
    step: u64,
    places: BTreeMap<EventKey, Place>,
    /// Pending deliveries, in order, and since which step.
    pending: BTreeMap<Line, BTreeMap<Place, u64>>,
    /// When an event was last seen to be the first that is pending.
    first: BTreeMap<(EndpointId, EventKey), (u64, Utc)>,
}

fn line(endpoint: &EndpointId, key: &EventKey) -> Line {
    (endpoint.clone(), key.connection.clone(), key.subject.clone())
}

impl Orders {
    pub(super) fn new(config: &Config) -> Self {
        let ordered = config.endpoints.values().filter(|endpoint| endpoint.order == Order::Subject);
        Self { ordered: ordered.map(|endpoint| endpoint.id.clone()).collect(), ..Self::default() }
    }

    fn changed(&mut self, key: &EventKey, work: &Work) {
        self.step += 1;
        let Some(place) = self.places.get(key).copied().filter(|_| work.call.is_none()) else { return };
        for delivery in work.deliveries.iter().filter(|delivery| self.ordered.contains(&delivery.endpoint)) {
            let pending = self.pending.entry(line(&delivery.endpoint, key)).or_default();
            if delivery.is_pending() {
                pending.entry(place).or_insert(self.step);
            } else {
                pending.remove(&place);
            }
        }
    }

    fn sent(&self, key: &EventKey, endpoint: &EndpointId, now: Utc, clocks_lie: bool) -> Verdict {
        let Some(place) = self.places.get(key).filter(|_| self.ordered.contains(endpoint)) else { return Ok(()) };
        let Some(pending) = self.pending.get(&line(endpoint, key)) else { return Ok(()) };
        let looked = self.first.get(&(endpoint.clone(), key.clone()));
        for (earlier, since) in pending.range(..place) {
            let unseen = looked.is_some_and(|(step, at)| step < since && (clocks_lie || now.since(*at) <= LOOK));
            if !unseen {
                return Err(format!(
                    "{} was sent to {endpoint} before {} had ended, looked {looked:?}",
                    key.id, earlier.id
                ));
            }
        }
        Ok(())
    }
}

impl Checker {
    /// The store took an event.
    pub(super) fn placed(&mut self, event: &Event, work: &Work) {
        self.orders.places.insert(event.key.clone(), Place::of(&event.key, &event.meta));
        self.orders.changed(&event.key, work);
    }

    /// The store took a change.
    pub(super) fn ordered(&mut self, key: &EventKey, work: &Work) {
        self.orders.changed(key, work);
    }

    /// The store was asked for what is pending of a sequence.
    pub(in crate::simulation) fn looked(&mut self, of: &Sequence, earliest: &[Listed], now: Utc) {
        self.orders.step += 1;
        if let Some(first) = earliest.first() {
            self.orders.first.insert((of.endpoint.clone(), first.key.clone()), (self.orders.step, now));
        }
    }

    /// An attempt begins.
    pub(super) fn in_order(&self, key: &EventKey, endpoint: &EndpointId, now: Utc) -> Verdict {
        self.orders.sent(key, endpoint, now, self.clocks_lie)
    }
}
