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
        let (store, now) = (&context.store, context.now());
        let read = |from: Option<String>| async move { store.pending(&Pending::Any, from.as_deref(), PAGE, now).await };
        let (calls, pending) = (&mut self.calls, &mut self.pending);
        let count = |Listed { key, work, .. }| {
            if work.call.as_ref().is_some_and(Call::is_pending) {
                *calls.entry(key.connection).or_default() += 1;
            }
            for delivery in work.deliveries.into_iter().filter(Delivery::is_pending) {
                *pending.entry(delivery.endpoint).or_default() += 1;
            }
        };
        self.is_cut |= each_seen(read, caller, count).await?;
        Ok(())
    }

    /// Counts the failed deliveries.
    pub(crate) async fn count_failed<S: Store, Q>(
        &mut self,
        context: &Context<S, Q>,
        caller: Caller<'_>,
    ) -> Result<(), Problem> {
        let (store, now) = (&context.store, context.now());
        let read =
            |from: Option<String>| async move { store.failed(&Failed::Waiting, from.as_deref(), PAGE, now).await };
        let count = |Listed { work, .. }| {
            let failed = work.deliveries.into_iter().filter(|delivery| delivery.state == State::Failed);
            failed.for_each(|delivery| *self.failed.entry(delivery.endpoint).or_default() += 1);
        };
        self.is_cut |= each_seen(read, caller, count).await?;
        Ok(())
    }
}

/// Hands each item of a list on that the key may see; whether there are more than are counted.
async fn each_seen<F>(
    read: impl Fn(Option<String>) -> F,
    caller: Caller<'_>,
    mut count: impl FnMut(Listed),
) -> Result<bool, Problem>
where
    F: Future<Output = store::Result<Page>>,
{
    let mut from = None;
    for _ in 0..PAGES {
        let Page { items, next, .. } = read(from).await.map_err(|error| Problem::store(&error))?;
        items.into_iter().filter(|item| caller.sees(&item.key.connection)).for_each(&mut count);
        from = next;
        if from.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
