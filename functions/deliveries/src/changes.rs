//! The requests that change deliveries: what they ask for, whether it may be asked, and what they are answered with.

use std::collections::BTreeMap;
use std::time::Duration;

use api::contract::{Confirm, Confirmed, EventKeys, Next, Replay, Replayed};
use api::{Caller, Object, Problem, json as answer_json, moment};
use bytes::Bytes;
use config::Context;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Response, StatusCode};
use hub::audit::{Action, Ended, Touched};
use hub::{ConnectionId, EventKey, Subject, Utc};
use inbound::trail;
use queue::Queue;
use serde_json::{Value, json};
use store::Store;
use tokio::time::timeout;

use crate::change::{self, Change, ChangeError, Changed, Order, Selection};
use crate::{LONGEST_CONNECTION, is_listed};

/// Longest time for which the hints of some replays may delay the next ones.
const HINTING: Duration = Duration::from_secs(1);

/// Number of events that are looked up at once.
const AT_ONCE: usize = 16;

/// Failed deliveries that have been seen become confirmed.
pub(crate) async fn confirm<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    asked: Confirm,
) -> Result<Response<Bytes>, Problem> {
    // Left out: all that has failed, by whatever clock.
    let cutoff = asked.cutoff.as_deref().map_or(Ok(Utc(i64::MAX)), |text| moment("cutoff", text))?;
    let (endpoint, dry_run) = (&asked.endpoint, asked.dry_run);
    let selection = selection(asked.events)?;
    let seal = caller.seal(&("POST /deliveries/confirm", endpoint, cutoff, dry_run, named(&selection)));
    let from = seal.opened(asked.from.as_deref(), context.now())?;
    let unknown = caller.endpoint(endpoint).err().filter(|_| from.is_none());
    if from.is_none() {
        known(context, caller, &selection).await?;
    }
    let order = Order { change: Change::Confirm { cutoff }, endpoint, selection, from, dry_run };
    let Changed { events, next, .. } = if dry_run {
        apply(context, caller, &order).await.map_err(|(problem, _)| problem)?
    } else {
        let request = json!({"endpoint": endpoint, "cutoff": asked.cutoff, "events": named_count(&order)});
        audited(context, caller, Action::Confirm, request, &order).await?
    };
    if let Some(unknown) = unknown.filter(|_| events.is_empty() && next.is_none())
        && !is_listed(context, endpoint, None, caller).await?
    {
        return Err(unknown);
    }
    let (next, confirmed) = (Next(seal.sealed(next, context.now())?), if dry_run { 0 } else { events.len() });
    answer_json(StatusCode::OK, &Confirmed { dry_run, confirmed, events, next })
}

/// Deliveries start over, or those that wait are sent now.
pub(crate) async fn replay<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    asked: Replay,
) -> Result<Response<Bytes>, Problem> {
    let (endpoint, dry_run) = (&asked.endpoint, asked.dry_run);
    caller.endpoint(endpoint)?;
    let selection = match asked.events {
        None if asked.now => Selection::Pending,
        events => selection(events)?,
    };
    let seal = caller.seal(&("POST /deliveries/replay", endpoint, asked.now, dry_run, named(&selection)));
    let from = seal.opened(asked.from.as_deref(), context.now())?;
    let begins = from.is_none();
    if begins {
        known(context, caller, &selection).await?;
    }
    let change = if asked.now { Change::SendNow } else { Change::Replay };
    let order = Order { change, endpoint, selection, from, dry_run };
    let Changed { events, unwanted, next } = if dry_run {
        apply(context, caller, &order).await.map_err(|(problem, _)| problem)?
    } else {
        let request = json!({"endpoint": endpoint, "now": asked.now, "events": named_count(&order)});
        audited(context, caller, Action::Replay, request, &order).await?
    };
    // If none of the named events may go to the endpoint, the request's mistake is the endpoint.
    if begins && next.is_none() && !unwanted.is_empty() && named(&order.selection).len() == unwanted.len() {
        let detail =
            "takes none of these events: its `connections` and `types` want others, and it has no delivery of any";
        return Err(Problem::field("endpoint", detail).unconfigured());
    }
    let (next, replayed) = (Next(seal.sealed(next, context.now())?), if dry_run { 0 } else { events.len() });
    answer_json(StatusCode::OK, &Replayed { dry_run, replayed, events, unwanted, next })
}

/// A change that is told in the audit trail.
async fn audited<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    action: Action,
    request: Value,
    order: &Order<'_>,
) -> Result<Changed, Problem> {
    let begun = trail::begin(context, caller.actor(), action, request).await.map_err(|error| Problem::store(&error))?;
    let (changed, done) = match apply(context, caller, order).await {
        Ok(changed) => {
            let done = changed.events.clone();
            (Ok(changed), done)
        }
        Err((problem, done)) => (Err(problem), done),
    };
    let ended = Ended { changed: Some(done.len()), ..Problem::ended(&changed, StatusCode::OK) };
    begun.end(context, ended, Touched::deliveries(&done, order.endpoint)).await;
    changed
}

/// Number of the events that a change names; nothing where it is of all that are listed.
fn named_count(order: &Order<'_>) -> Option<usize> {
    matches!(order.selection, Selection::These(_)).then(|| named(&order.selection).len())
}

/// The events that are named, if any.
fn named(selection: &Selection) -> &[EventKey] {
    match selection {
        Selection::These(keys) => keys,
        Selection::Failed | Selection::Pending => &[],
    }
}

fn selection(events: Option<EventKeys>) -> Result<Selection, Problem> {
    let Some(EventKeys(events)) = events else { return Ok(Selection::Failed) };
    if events.len() > change::MOST {
        return Err(Problem::field("events", "at most 1000 at a time"));
    }
    let named = |Object(key): Object<EventKey>| EventKey { subject: Subject::named(key.subject.as_str()), ..key };
    let events: Vec<_> = events.into_iter().map(named).collect();
    // No store could hold such a key.
    let too_long = |key: &EventKey| {
        key.connection.as_str().len() > LONGEST_CONNECTION || key.subject.as_str().len() > api::LONGEST_SUBJECT
    };
    match events.iter().position(too_long) {
        Some(at) => Err(Problem::field(format!("events[{at}]"), "is no event: its connection or subject is too long")),
        None => Ok(Selection::These(events)),
    }
}

/// Refuses events of a connection that is not there for the key: it was misspelt. One that is configured no longer is known
/// as long as one of these events is stored.
async fn known<S: Store, Q>(context: &Context<S, Q>, caller: Caller<'_>, selection: &Selection) -> Result<(), Problem> {
    let mut unknown: BTreeMap<ConnectionId, (usize, Vec<EventKey>)> = BTreeMap::new();
    for (at, key) in named(selection).iter().enumerate() {
        if caller.connection(key.connection.as_str()).is_err() {
            unknown.entry(key.connection.clone()).or_insert((at, Vec::new())).1.push(key.clone());
        }
    }
    for (connection, (first, keys)) in unknown {
        if !caller.sees(&connection) || !is_any_stored(context, keys).await? {
            return Err(caller.no_connection_in(format!("events[{first}].connection"), connection.as_str()));
        }
    }
    Ok(())
}

async fn is_any_stored<S: Store, Q>(context: &Context<S, Q>, keys: Vec<EventKey>) -> Result<bool, Problem> {
    let now = context.now();
    let looks = keys.into_iter().map(|key| async move { context.store.inspect(&key, now).await });
    let mut found = stream::iter(looks).buffered(AT_ONCE);
    while let Some(one) = found.try_next().await.map_err(|error| Problem::store(&error))? {
        if one.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes a change; where it fails, with the events that it had changed by then.
async fn apply<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    order: &Order<'_>,
) -> Result<Changed, (Problem, Vec<EventKey>)> {
    let hint = |hints| async move {
        // A lane that is full is an ERP that is slow: what finds no room in time is swept.
        if !matches!(timeout(HINTING, context.queue.send(hints, Duration::ZERO)).await, Ok(Ok(()))) {
            tracing::warn!("queue messages of a replay not sent; the sweep delivers the events");
        }
    };
    let changed = change::apply(context, order, |key| caller.sees(&key.connection), hint).await;
    changed.map_err(|error| match error {
        ChangeError::Place => (Problem::bad_cursor(), Vec::new()),
        ChangeError::Store { done, source } => (Problem::store(&source), done),
    })
}
