//! Calls by subject, or by state.
//!
//! A store knows what is due and what failed without looking at everything; what succeeded it knows by its subject only.

use std::time::Duration;

use api::{Caller, Problem, query};
use bytes::Bytes;
use futures::future::try_join_all;
use http::{Request, Response, StatusCode};
use hub::call::{SUBJECT, Standing};
use hub::{Alias, ConnectionId, EventKey, Subject, Utc};
use runtime::Context;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Listed, Store};

use crate::shown;

/// How many calls a page has at the most.
const MOST: usize = 1_000;

/// How much due work is looked through for calls that are queued.
const LOOKED_THROUGH: usize = 10_000;

/// How far ahead a queued call is due at the most, where its connection's schedule has no longer delay: what a partner's
/// `Retry-After` may ask for, and a little.
const AHEAD: Duration = Duration::from_hours(13);

#[derive(Serialize)]
struct Page {
    items: Vec<Box<RawValue>>,
    /// Where the next page begins; nothing at the end.
    next: Option<String>,
}

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    request: &Request<Bytes>,
    caller: Caller<'_>,
) -> Result<Response<Bytes>, Problem> {
    let limit = api::limit(request, MOST)?;
    let state = query(request, "state").map(|state| standing(&state)).transpose()?;
    let connection = query(request, "connection").map(|name| caller.connection(&name)).transpose()?;
    let (subject, from) = (query(request, "subject"), query(request, "from"));
    let of_wanted = |key: &EventKey| {
        connection.as_ref().is_none_or(|connection| key.connection == *connection) && caller.sees(&key.connection)
    };
    let wanted = |listed: &Listed| {
        let call = listed.work.call.as_ref();
        call.is_some_and(|call| state.is_none_or(|state| call.standing == state)) && of_wanted(&listed.key)
    };
    let (items, next) = match (subject, state) {
        (Some(subject), _) => (of_subject(context, &subject).await?, None),
        (None, Some(Standing::Queued)) => (queued(context, of_wanted).await?, None),
        (None, Some(Standing::Failed | Standing::Ambiguous)) => failed(context, from.as_deref(), limit).await?,
        (None, Some(Standing::Succeeded)) => {
            return Err(Problem::field("subject", "must be given: calls that succeeded are found by their subject"));
        }
        (None, None) => {
            // Whatever is open: what is queued stands before the first page of what has stuck.
            let mut items = if from.is_none() { queued(context, of_wanted).await? } else { Vec::new() };
            let (stuck, next) = failed(context, from.as_deref(), limit).await?;
            items.extend(stuck);
            (items, next)
        }
    };
    // All of a page is shown: what was left out of it would be on no page.
    let items = items.iter().filter(|listed| wanted(listed)).map(shown);
    let items = items.map(|shown| shown.map(|text| RawValue::from_string(text).ok()));
    let items: Vec<_> = items.collect::<Result<_, Problem>>()?;
    api::json(StatusCode::OK, &Page { items: items.into_iter().flatten().collect(), next })
}

/// A page of what failed or is ambiguous, and where the next one begins.
async fn failed<S: Store, Q>(
    context: &Context<S, Q>,
    from: Option<&str>,
    limit: usize,
) -> Result<(Vec<Listed>, Option<String>), Problem> {
    let page = context.store.failed(None, from, limit, context.now()).await.map_err(|error| Problem::page(&error))?;
    // Of others it is the telling that failed.
    let stuck = page.items.into_iter().filter(|listed| stands(listed, &[Standing::Failed, Standing::Ambiguous]));
    Ok((stuck.collect(), page.next))
}

/// Whether it is a call in one of these states.
fn stands(listed: &Listed, states: &[Standing]) -> bool {
    listed.work.call.as_ref().is_some_and(|call| states.contains(&call.standing))
}

fn standing(state: &str) -> Result<Standing, Problem> {
    let read = Standing::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(state));
    read.map_err(|_| Problem::field("state", "must be queued, succeeded, failed or ambiguous"))
}

/// The calls of a subject, by any of its business keys, in the order of their acceptance.
async fn of_subject<S: Store, Q>(context: &Context<S, Q>, subject: &str) -> Result<Vec<Listed>, Problem> {
    let (now, alias) = (context.now(), Alias::from(subject));
    let known = context.store.resolve(&alias, now).await.map_err(|error| Problem::store(&error))?;
    let of_call = |subject: &Subject| subject.as_str().starts_with(&format!("{SUBJECT}:"));
    let mut calls: Vec<_> = known.iter().filter(|(_, subject)| of_call(subject)).cloned().collect();
    // A serial that the partner gave leads to the shipment, and that to its calls.
    for (_, shipment) in known.iter().filter(|(_, subject)| !of_call(subject)) {
        let more = context.store.resolve(&Alias::from(shipment.as_str()), now).await;
        calls.extend(more.map_err(|error| Problem::store(&error))?.into_iter().filter(|(_, subject)| of_call(subject)));
    }
    if of_call(&Subject::from(subject)) {
        calls.extend(context.config.connections.keys().map(|id| (id.clone(), Subject::from(subject))));
    }
    calls.sort();
    calls.dedup();
    let timelines = calls.iter().map(|(connection, subject)| timeline(context, connection, subject, now));
    let mut items = try_join_all(timelines).await?.concat();
    items.sort_by_key(|item| (item.meta.received, item.key.id));
    Ok(items)
}

async fn timeline<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &ConnectionId,
    subject: &Subject,
    now: Utc,
) -> Result<Vec<Listed>, Problem> {
    context.store.timeline(connection, subject, now).await.map_err(|error| Problem::store(&error))
}

/// The calls that are queued and wanted by their keys, the longest due first.
async fn queued<S: Store, Q>(
    context: &Context<S, Q>,
    wanted: impl Fn(&EventKey) -> bool,
) -> Result<Vec<Listed>, Problem> {
    let now = context.now();
    let schedules = context.config.connections.values().map(|connection| &connection.schedule);
    let delays = schedules.flat_map(|schedule| (0..schedule.steps()).filter_map(|tries| schedule.delay(tries, 1.0)));
    // What has expired by then is not found, so this is no further than it must be.
    let until = now.after(delays.fold(AHEAD, Duration::max));
    let due = context.store.due(until, LOOKED_THROUGH).await.map_err(|error| Problem::store(&error))?;
    let calls = due.into_iter().filter(|key| key.subject.as_str().starts_with(&format!("{SUBJECT}:")) && wanted(key));
    let looks = calls.take(MOST).map(|key| async move { context.store.inspect(&key, now).await });
    let found = try_join_all(looks).await.map_err(|error| Problem::store(&error))?;
    // Of a call that has ended it is the telling that is due.
    Ok(found.into_iter().flatten().filter(|listed| stands(listed, &[Standing::Queued])).collect())
}
