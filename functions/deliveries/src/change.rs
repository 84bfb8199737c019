//! Confirming and replaying, for the ERP's requests and the operator's command line alike.
//!
//! A gateway waits for half a minute and a list may have any length: a change is made in parts, and its answer says where
//! to continue.

use std::time::Duration;

use config::{Config, Context};
use futures::stream::{self, StreamExt as _};
use hub::delivery::{Delivery, State};
use hub::{EndpointId, EventKey, Utc, Work};
use inbound::receive::hints;
use queue::{Hint, Job};
use store::{Failed, Listed, Pending, Settled, Store, StoreError};
use tokio::time::Instant;

/// Most deliveries that one request changes.
pub const MOST: usize = api::contract::MOST_EVENTS;

/// Time after which a request begins no further batch: well within a gateway's limit, because a batch may be slow too.
const LONGEST: Duration = Duration::from_secs(10);

/// Number of deliveries that are changed between two looks at the clock.
const BATCH: usize = 100;

/// Number of deliveries that are changed at once.
const AT_ONCE: usize = 16;

/// Most tries of a change while other changes are stored in between.
const AGAIN: usize = 8;

/// A change of deliveries.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Confirms failed deliveries.
    Confirm {
        /// Latest time of failure that is confirmed.
        cutoff: Utc,
    },
    /// The delivery starts over.
    Replay,
    /// The wait of the delivery ends, whatever it waits for: it is attempted now.
    SendNow,
}

/// Choice of deliveries.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Those of these events.
    These(Vec<EventKey>),
    /// Every failed one.
    Failed,
    /// Every pending one.
    Pending,
}

/// A change of the deliveries to an endpoint, as it is asked for.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// A change of deliveries.
    pub change: Change,
    /// Endpoint of the deliveries.
    pub endpoint: &'a EndpointId,
    /// Selection of the deliveries.
    pub selection: Selection,
    /// Place at which the change before ended ([`Changed::next`]); nothing at the beginning.
    pub from: Option<String>,
    /// Nothing is to be changed, only told.
    pub dry_run: bool,
}

/// Deliveries that were changed or, in a dry run, would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The events whose delivery changed, or would in a dry run.
    pub events: Vec<EventKey>,
    /// The events that are not replayed because the endpoint does not want them ([`Work::may_go_to`]).
    pub unwanted: Vec<EventKey>,
    /// Place to continue from; nothing where everything has been read.
    pub next: Option<String>,
}

/// Reason why a change was not made, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// `from` is not where a change of this selection left off.
    #[error("the cursor is not one of a change")]
    Place,
    /// The store failed. What was changed until then stays so; the same change may be asked for again.
    #[error("the change ended early: {} deliveries changed before it did", done.len())]
    Store {
        /// The events whose delivery had changed.
        done: Vec<EventKey>,
        /// Failure of the store.
        #[source]
        source: StoreError,
    },
}

impl From<StoreError> for ChangeError {
    fn from(source: StoreError) -> Self {
        Self::Store { done: Vec::new(), source }
    }
}

impl ChangeError {
    /// The failure of a change that had changed these events, besides those that it names itself.
    fn after(self, events: Vec<EventKey>, dry_run: bool) -> Self {
        match self {
            Self::Store { source, .. } if !dry_run => Self::Store { done: events, source },
            Self::Place | Self::Store { .. } => self,
        }
    }
}

/// Changes the deliveries to an endpoint, [`MOST`] of them and for 10 seconds at the most. The hints that make replays
/// fast go to `hint` as soon as what they are of is stored.
pub async fn apply<S: Store, Q, H: Future<Output = ()>>(
    context: &Context<S, Q>,
    order: &Order<'_>,
    visible: impl Fn(&EventKey) -> bool,
    hint: impl Fn(Vec<Hint>) -> H,
) -> Result<Changed, ChangeError> {
    let begun = Instant::now();
    let (mut events, mut unwanted, mut from) = (Vec::new(), Vec::new(), order.from.clone());
    loop {
        let batch = batch(context, order, from.as_deref(), BATCH.min(MOST - events.len())).await;
        let (found, next) = match batch {
            Ok(batch) => batch,
            Err(error) => return Err(error.after(events, order.dry_run)),
        };
        let found = found.into_iter().filter(|(key, _)| visible(key));
        let mut ones = stream::iter(found.map(|(key, work)| one(context, order, key, work))).buffered(AT_ONCE);
        let (mut jobs, mut failure) = (Vec::new(), None);
        while let Some(done) = ones.next().await {
            let (key, work) = match done {
                Ok(One::Changed(key, work)) => (key, work),
                Ok(One::Unwanted(key)) => {
                    unwanted.push(key);
                    continue;
                }
                Ok(One::Left) => continue,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            };
            // The event's other deliveries keep their own schedules: a replay must not send to their endpoints.
            let own = |hint: &Hint| matches!(&hint.job, Job::Deliver { endpoint, .. } if endpoint == order.endpoint);
            jobs.extend(hints(&key, &work).into_iter().filter(own));
            events.push(key);
        }
        drop(ones);
        if !order.dry_run && !jobs.is_empty() {
            hint(jobs).await;
        }
        if let Some(failure) = failure {
            return Err(ChangeError::from(failure).after(events, order.dry_run));
        }
        if next.is_none() || events.len() >= MOST || begun.elapsed() >= LONGEST {
            return Ok(Changed { events, unwanted, next });
        }
        from = next;
    }
}

/// Some of what is selected, the event where it was read already, and where the rest begins.
async fn batch<S: Store, Q>(
    context: &Context<S, Q>,
    order: &Order<'_>,
    from: Option<&str>,
    most: usize,
) -> Result<(Vec<(EventKey, Option<Listed>)>, Option<String>), ChangeError> {
    match &order.selection {
        Selection::These(keys) => {
            let from = from.map_or(Ok(0), str::parse::<usize>).map_err(|_| ChangeError::Place)?;
            let end = keys.len().min(from.saturating_add(most));
            let these = keys.get(from..end).ok_or(ChangeError::Place)?;
            let next = (end < keys.len()).then(|| end.to_string());
            Ok((these.iter().map(|key| (key.clone(), None)).collect(), next))
        }
        Selection::Failed | Selection::Pending => {
            let (endpoint, now) = (order.endpoint.clone(), context.now());
            let page = if matches!(order.selection, Selection::Failed) {
                context.store.failed(&Failed::At(endpoint), from, most, now).await
            } else {
                context.store.pending(&Pending::At(endpoint), from, most, now).await
            };
            let page = page.map_err(|error| {
                if matches!(error, StoreError::BadCursor { .. }) { ChangeError::Place } else { error.into() }
            })?;
            Ok((page.items.into_iter().map(|item| (item.key.clone(), Some(item))).collect(), page.next))
        }
    }
}

/// Result of the change for one event.
enum One {
    /// Its delivery changed.
    Changed(EventKey, Box<Work>),
    /// The endpoint does not want it.
    Unwanted(EventKey),
    /// There is nothing to change.
    Left,
}

/// One delivery changed, from what was read of its event, and from what others leave where they change it meanwhile.
async fn one<S: Store, Q>(
    context: &Context<S, Q>,
    order: &Order<'_>,
    key: EventKey,
    mut known: Option<Listed>,
) -> Result<One, StoreError> {
    for _ in 0..AGAIN {
        let now = context.now();
        let found = match known.take() {
            Some(listed) => Some(listed),
            None => context.store.inspect(&key, now).await?,
        };
        let Some(Listed { work, meta, .. }) = found else { return Ok(One::Left) };
        let routes = &context.config.routes;
        if matches!(order.change, Change::Replay)
            && !work.may_go_to(order.endpoint, &key.connection, &meta.kind, routes)
        {
            return Ok(One::Unwanted(key));
        }
        let Some(next) = next(&context.config, order, &work, now) else { return Ok(One::Left) };
        if order.dry_run || context.store.settle(&key, &next).await? == Settled::Done {
            return Ok(One::Changed(key, Box::new(next)));
        }
    }
    let source =
        format!("event {} was changed by other processes {AGAIN} times in between; repeat the request", key.id).into();
    Err(StoreError::Unavailable { verb: "settle", source })
}

fn next(config: &Config, order: &Order<'_>, work: &Work, now: Utc) -> Option<Work> {
    match (order.change, &order.selection) {
        (Change::Confirm { cutoff }, _) => work.confirmed(order.endpoint, cutoff, now),
        (Change::SendNow, _) => work.forwarded(order.endpoint, now),
        (Change::Replay, Selection::These(_)) => replayed(config, order.endpoint, work, now),
        // It may have been confirmed or delivered since it was listed.
        (Change::Replay, Selection::Failed | Selection::Pending) => {
            let failed = work.delivery(order.endpoint).is_some_and(|delivery| delivery.state == State::Failed);
            failed.then(|| replayed(config, order.endpoint, work, now)).flatten()
        }
    }
}

/// The work with a delivery started over, to be sent or leased as its endpoint is configured now.
fn replayed(config: &Config, endpoint: &EndpointId, work: &Work, now: Utc) -> Option<Work> {
    let is_pull = |delivery: &Delivery| {
        if delivery.endpoint == *endpoint { config.pulled.contains_key(endpoint) } else { delivery.pull }
    };
    let replayed = work.replayed(endpoint, now)?;
    Some(replayed.redirected(is_pull, now).unwrap_or(replayed))
}
