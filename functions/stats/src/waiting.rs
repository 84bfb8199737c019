//! Numbers of pending and failed work. The store lists it by its index, so that the numbers cost what the lists cost, and only so
//! much is looked at.

use std::collections::BTreeMap;

use api::{Caller, Problem};
use config::Context;
use hub::call::Call;
use hub::delivery::{Delivery, State};
use hub::progress::Outgoing as _;
use hub::{ConnectionId, EndpointId};
use store::{Failed, Listed, Page, Pending, Store};

/// Number of items of a page of the store.
const PAGE: usize = 1_000;

/// Most pages that are counted.
const PAGES: usize = 10;

/// Numbers of the work that a key may see.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Queued calls by connection.
    pub(crate) calls: BTreeMap<ConnectionId, usize>,
    /// Pending deliveries by endpoint.
    pub(crate) pending: BTreeMap<EndpointId, usize>,
    /// Failed deliveries by endpoint.
    pub(crate) failed: BTreeMap<EndpointId, usize>,
    /// There is more that was not counted.
    pub(crate) is_cut: bool,
}

impl Waiting {
    /// Counts what is pending.
    pub(crate) async fn count_pending<S: Store, Q>(
        &mut self,
        context: &Context<S, Q>,
        caller: Caller<'_>,
    ) -> Result<(), Problem> {
        let mut from = None;
        for _ in 0..PAGES {
            let page = context.store.pending(&Pending::Any, from.as_deref(), PAGE, context.now()).await;
            let Page { items, next, .. } = page.map_err(|error| Problem::store(&error))?;
            for Listed { key, work, .. } in items.into_iter().filter(|item| caller.sees(&item.key.connection)) {
                if work.call.as_ref().is_some_and(Call::is_pending) {
                    *self.calls.entry(key.connection).or_default() += 1;
                }
                for delivery in work.deliveries.into_iter().filter(Delivery::is_pending) {
                    *self.pending.entry(delivery.endpoint).or_default() += 1;
                }
            }
            from = next;
            if from.is_none() {
                return Ok(());
            }
        }
        self.is_cut = true;
        Ok(())
    }

    /// Counts the failed deliveries.
    pub(crate) async fn count_failed<S: Store, Q>(
        &mut self,
        context: &Context<S, Q>,
        caller: Caller<'_>,
    ) -> Result<(), Problem> {
        let mut from = None;
        for _ in 0..PAGES {
            let page = context.store.failed(&Failed::Waiting, from.as_deref(), PAGE, context.now()).await;
            let Page { items, next, .. } = page.map_err(|error| Problem::store(&error))?;
            for item in items.into_iter().filter(|item| caller.sees(&item.key.connection)) {
                let failed = item.work.deliveries.into_iter().filter(|delivery| delivery.state == State::Failed);
                failed.for_each(|delivery| *self.failed.entry(delivery.endpoint).or_default() += 1);
            }
            from = next;
            if from.is_none() {
                return Ok(());
            }
        }
        self.is_cut = true;
        Ok(())
    }
}
