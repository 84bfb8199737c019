//! Confirming and replaying, for the ERP's requests and the operator's command line alike.

use hub::{EndpointId, EventKey, Utc, Work};
use queue::{Errand, Hint};
use runtime::Context;
use runtime::receive::hints;
use store::{Settled, Store, StoreError};

/// How often a change is made again over somebody else's.
const AGAIN: usize = 8;

/// What is to be changed.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// What failed until then has been seen.
    Confirm {
        /// What failed later has not.
        cutoff: Utc,
    },
    /// The delivery starts over.
    Replay,
}

/// Which deliveries.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Those of these events.
    These(Vec<EventKey>),
    /// Every failed one.
    Failed,
}

/// Changes the deliveries to an endpoint. Returns the events whose delivery changed, or would in a dry run, and the
/// hints that make replays fast.
pub async fn apply<S: Store, Q>(
    context: &Context<S, Q>,
    change: Change,
    endpoint: &EndpointId,
    selection: Selection,
    dry_run: bool,
    visible: impl Fn(&EventKey) -> bool,
) -> Result<(Vec<EventKey>, Vec<Hint>), StoreError> {
    let keys = match selection {
        Selection::These(keys) => keys,
        Selection::Failed => every_failed(context, endpoint).await?,
    };
    let mut changed = Vec::new();
    let mut errands = Vec::new();
    for key in keys.into_iter().filter(visible) {
        if let Some(work) = one(context, change, endpoint, &key, dry_run).await? {
            // What the event's other deliveries wait for is their own schedule: a replay here must not knock there.
            let own = |hint: &Hint| matches!(&hint.errand, Errand::Deliver { endpoint: to, .. } if to == endpoint);
            errands.extend(hints(&key, &work).into_iter().filter(|hint| !dry_run && own(hint)));
            changed.push(key);
        }
    }
    Ok((changed, errands))
}

async fn every_failed<S: Store, Q>(
    context: &Context<S, Q>,
    endpoint: &EndpointId,
) -> Result<Vec<EventKey>, StoreError> {
    let mut keys = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let page = context.store.failed(Some(endpoint), from.as_deref(), 500, context.now()).await?;
        keys.extend(page.items.into_iter().map(|item| item.key));
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(keys),
        }
    }
}

async fn one<S: Store, Q>(
    context: &Context<S, Q>,
    change: Change,
    endpoint: &EndpointId,
    key: &EventKey,
    dry_run: bool,
) -> Result<Option<Work>, StoreError> {
    for _ in 0..AGAIN {
        let now = context.now();
        let Some(found) = context.store.inspect(key, now).await? else { return Ok(None) };
        let next = match change {
            Change::Confirm { cutoff } => found.work.confirmed(endpoint, cutoff, now),
            Change::Replay => found.work.replayed(endpoint, now),
        };
        let Some(next) = next else { return Ok(None) };
        if dry_run || context.store.settle(key, &next).await? == Settled::Done {
            return Ok(Some(next));
        }
    }
    Ok(None)
}
