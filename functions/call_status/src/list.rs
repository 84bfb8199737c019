//! Calls by subject, number, state or time.
//!
//! A store knows what is due and what failed without looking at everything; what succeeded or was cancelled it knows by its subject,
//! or by the time of its acceptance.

use std::collections::BTreeSet;
use std::time::Duration;

use api::contract::{Calls, Next};
use api::{Caller, Filters, MOST_BYTES, Printed, Problem, Routed};
use bytes::Bytes;
use config::{Config, Context};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Response, StatusCode};
use hub::call::{Call, CallView, Standing, is_subject};
use hub::{Alias, ConnectionId, Subject, Utc};
use serde::Deserialize;
use store::{Failed, Latest, Listed, Listing, Part, SUBJECTS, Store, StoreError};

use crate::shown;

/// Most calls of a page.
const MOST: usize = 1_000;

/// Most due items that are searched for queued calls.
const LOOKED_THROUGH: usize = 10_000;

/// Longest time until a queued call is due, where its connection's schedule has no longer delay: the longest `Retry-After`
/// that is obeyed, and a margin.
const AHEAD: Duration = Duration::from_hours(13);

/// Number of calls that are read at once.
const AT_ONCE: usize = 16;

/// The query parameters of `GET /calls`.
pub(crate) const PARAMETERS: &[&str] =
    &["connection", "subject", "number", "operation", "state", "since", "until", "from", "limit"];

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let limit = asked.limit(MOST)?;
    let state = asked.get("state").map(standing).transpose()?;
    let filters = Filters::of(caller, &asked)?;
    let operation = asked.get("operation");
    let subject = asked.get("subject").map(|name| api::subject("subject", name)).transpose()?;
    let from = asked.get("from");
    let (seal, now) = (caller.seal(&("GET /calls", &filters, operation, state)), context.now());
    let sources = caller.sources();
    let numbered = filters.numbered(caller, &sources);
    if numbered.is_some() && subject.is_some() {
        return Err(Problem::field("number", "give either number or subject"));
    }
    let is_one_page = subject.is_some() || (numbered.is_none() && state == Some(Standing::Queued));
    if from.is_some() && is_one_page {
        let detail = "leave it out: the calls of a subject, and those that are queued, are one page";
        return Err(Problem::field("from", detail));
    }
    let from = seal.opened(from, now)?;
    let from = from.as_deref();
    let part = Part { from, limit, hides: caller.is_limited() };
    // These are one page: a limit that is not given cuts nothing off.
    let most = asked.get("limit").map_or(usize::MAX, |_| limit);
    let of_wanted =
        |id: &ConnectionId| filters.connection.as_ref().is_none_or(|wanted| id == wanted) && caller.sees(id);
    let wanted = |listed: &Listed| {
        let fits = |call: &Call| {
            state.is_none_or(|state| call.standing == state)
                && operation.is_none_or(|operation| call.operation == operation)
        };
        listed.work.call.as_ref().is_some_and(fits) && filters.hold(caller, listed)
    };
    let page = match (subject, numbered, state) {
        (Some(subject), _, _) => {
            let found = of_subject(context, &subject, of_wanted).await?;
            let mut items = printed(&context.config, found.items.iter().filter(|listed| wanted(listed)))?;
            // The latest are kept.
            let left_out = items.len() - api::fitting(items.iter().rev(), MOST_BYTES).min(most);
            items.drain(..left_out);
            Calls { items, next: Next(None), complete: found.complete && left_out == 0 }
        }
        (None, Some(numbered), _) => picked(context, &numbered, part, wanted).await?,
        (None, None, Some(Standing::Queued)) => {
            let mut page = queued(context, of_wanted, wanted, MOST_BYTES).await?;
            page.complete &= page.items.len() <= most;
            page.items.truncate(most);
            page
        }
        (None, None, Some(Standing::Failed | Standing::Ambiguous)) => {
            failed(context, from, limit, wanted, MOST_BYTES).await?
        }
        (None, None, Some(Standing::Succeeded | Standing::Cancelled)) => {
            let recent = recent(&filters, caller, now)?;
            picked(context, &recent, part, wanted).await?
        }
        (None, None, None) if filters.has_time() => {
            let recent = recent(&filters, caller, now)?;
            picked(context, &recent, part, wanted).await?
        }
        // All open calls: the queued ones come before the first page of failed and ambiguous ones.
        (None, None, None) if from.is_none() => {
            let mut page = queued(context, of_wanted, wanted, MOST_BYTES / 2).await?;
            let Calls { items, next, .. } = failed(context, None, limit, wanted, MOST_BYTES / 2).await?;
            page.items.extend(items);
            Calls { next, ..page }
        }
        (None, None, None) => failed(context, from, limit, wanted, MOST_BYTES).await?,
    };
    let next = Next(seal.sealed(page.next.0, now)?);
    api::json(StatusCode::OK, &Calls { next, ..page })
}

/// A view of connections, for a list that needs none.
type Everyone = fn(&ConnectionId) -> bool;

/// The list of calls by the time of their acceptance.
fn recent(filters: &Filters, caller: Caller<'_>, now: Utc) -> Result<Listing<'static, Everyone>, Problem> {
    filters.recent(caller, true, now).map(Listing::Recent)
}

/// A page of the wanted calls of a list of the store: as many as fit.
async fn picked<S: Store, Q, V: Fn(&ConnectionId) -> bool>(
    context: &Context<S, Q>,
    listing: &Listing<'_, V>,
    mut part: Part<'_>,
    wanted: impl Fn(&Listed) -> bool,
) -> Result<Calls, Problem> {
    loop {
        let page = store::found(&context.store, listing, part, &wanted, context.now()).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        let items = printed(&context.config, page.items.iter())?;
        match api::fewer(&items, part.limit, MOST_BYTES) {
            Some(fewer) => part.limit = fewer,
            None => return Ok(Calls { items, next: Next(page.next), complete: page.complete }),
        }
    }
}

/// The calls as they are shown.
fn printed<'a>(
    config: &Config,
    calls: impl Iterator<Item = &'a Listed>,
) -> Result<Vec<Printed<CallView<'static>>>, Problem> {
    api::printed(calls.filter_map(|listed| shown(listed, config)))
}

/// A page of what failed or is ambiguous, and where the next one begins: as many as fit.
async fn failed<S: Store, Q>(
    context: &Context<S, Q>,
    from: Option<&str>,
    mut limit: usize,
    wanted: impl Fn(&Listed) -> bool,
    bytes: usize,
) -> Result<Calls, Problem> {
    loop {
        let (store, now) = (&context.store, context.now());
        let read = |from: Option<String>| async move { store.failed(&Failed::Any, from.as_deref(), limit, now).await };
        // Of others it is the telling that failed.
        let stuck = |listed: &Listed| stands(listed, &[Standing::Failed, Standing::Ambiguous]) && wanted(listed);
        // Other work that failed is no call: what follows is searched for everybody.
        let page = store::in_view(read, from.map(str::to_owned), stuck, true).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        let items = printed(&context.config, page.items.iter())?;
        match api::fewer(&items, limit, bytes) {
            Some(fewer) => limit = fewer,
            None => return Ok(Calls { items, next: Next(page.next), complete: true }),
        }
    }
}

/// Whether it is a call in one of these states.
fn stands(listed: &Listed, states: &[Standing]) -> bool {
    listed.work.call.as_ref().is_some_and(|call| states.contains(&call.standing))
}

fn standing(state: &str) -> Result<Standing, Problem> {
    let read = Standing::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(state));
    read.map_err(|_| Problem::field("state", "must be queued, succeeded, failed, ambiguous or cancelled"))
}

/// The calls of a subject at wanted connections, by any of its business keys, in the order of their acceptance.
async fn of_subject<S: Store, Q>(
    context: &Context<S, Q>,
    named: &Subject,
    wanted: impl Fn(&ConnectionId) -> bool,
) -> Result<Latest, Problem> {
    let (now, store) = (context.now(), |error: StoreError| Problem::store(&error));
    let known = context.store.resolve(&api::alias(named), now).await.map_err(store)?;
    let (mut calls, shipments): (Vec<_>, Vec<_>) = known.into_iter().partition(|(_, subject)| is_subject(subject));
    // A serial that the partner gave leads to the shipment, and that to its calls.
    let shipments: BTreeSet<_> = shipments.into_iter().map(|(_, subject)| Alias::from(subject.as_str())).collect();
    let complete = shipments.len() <= SUBJECTS;
    let looks =
        shipments.into_iter().take(SUBJECTS).map(|alias| async move { context.store.resolve(&alias, now).await });
    let more: Vec<_> = stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await.map_err(store)?;
    calls.extend(more.into_iter().flatten().filter(|(_, subject)| is_subject(subject)));
    if is_subject(named) {
        calls.extend(context.config.connections.keys().map(|id| (id.clone(), named.clone())));
    }
    calls.retain(|(connection, _)| wanted(connection));
    calls.sort();
    calls.dedup();
    let latest = store::timelines(&context.store, calls, now).await.map_err(store)?;
    Ok(Latest { complete: latest.complete && complete, ..latest })
}

/// The wanted calls that are queued at wanted connections, the longest due first: as many as fit.
async fn queued<S: Store, Q>(
    context: &Context<S, Q>,
    of_wanted: impl Fn(&ConnectionId) -> bool,
    wanted: impl Fn(&Listed) -> bool,
    bytes: usize,
) -> Result<Calls, Problem> {
    let now = context.now();
    let schedules = context.config.connections.values().map(|connection| &connection.schedule);
    let delays = schedules.flat_map(|schedule| (0..schedule.steps()).filter_map(|tries| schedule.delay(tries, 1.0)));
    // Calls that expire before this time are not found, so it is no later than necessary.
    let until = now.after(delays.fold(AHEAD, Duration::max));
    let due = context.store.due(until, LOOKED_THROUGH).await.map_err(|error| Problem::store(&error))?;
    let looked_through = due.len() < LOOKED_THROUGH;
    let calls = due.into_iter().filter(|key| is_subject(&key.subject) && of_wanted(&key.connection));
    let mut calls: Vec<_> = calls.take(MOST + 1).collect();
    let listed = calls.len() <= MOST;
    calls.truncate(MOST);
    let looks = calls.into_iter().map(|key| async move { context.store.inspect(&key, now).await });
    let found: Vec<_> =
        stream::iter(looks).buffered(AT_ONCE).try_collect().await.map_err(|error| Problem::store(&error))?;
    // Of a call that has ended it is the telling that is due.
    let mut items = printed(
        &context.config,
        found.iter().flatten().filter(|listed| stands(listed, &[Standing::Queued]) && wanted(listed)),
    )?;
    let fit = api::fitting(&items, bytes);
    let complete = looked_through && listed && fit == items.len();
    items.truncate(fit);
    Ok(Calls { items, next: Next(None), complete })
}
