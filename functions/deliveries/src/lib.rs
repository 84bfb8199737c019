//! The ERP's requests about events and deliveries: list them by filters, list failed ones, show an event or a subject, confirm, replay.
//!
//! | request | answer |
//! |---|---|
//! | `GET /events?connection=&type=&number=&state=&since=&until=&from=&limit=` | events and calls by pages, the newest first |
//! | `GET /deliveries?state=&endpoint=&connection=&type=&number=&since=&until=&from=&limit=` | deliveries by pages |
//! | `GET /deliveries/failed?endpoint=&from=&limit=` | failed deliveries by pages, with `as_of` to confirm with |
//! | `GET /events/<connection>/<subject or alias>` | a subject's events in the order of their reception |
//! | `GET /events/<connection>/<subject>/<id>` | one event with its payload |
//! | `POST /deliveries/confirm` | failed deliveries that have been seen become `confirmed`; with `"dry_run": true` it only tells which |
//! | `POST /deliveries/replay` | deliveries start over, or with `"now": true` those that wait are sent now; without `"dry_run": false` it only tells which |
//! | Lambda Invoke with `{"path":"/deliveries/failed"}`, and `method`, `query`, `body` where needed | `{"status","body"}` of the same |
//!
//! A change that is too long for one request says where to go on: `next`, as a list does. Both are sealed for the key that
//! asked ([`api::Seal`]). A replay leaves out, and names, what the endpoint does not want.
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

pub mod change;
mod changes;
mod lists;
mod view;

pub use view::known;

use std::time::Duration;

use api::contract::{FailedDeliveries, FailedDelivery, ListedEvent, Next, Timeline};
use api::{Caller, MOST_BYTES, Problem, Route, Routed, Router, body, json as answer_json};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::time::Rfc3339;
use hub::{ConnectionId, EndpointId, EventId, EventKey, Role, Utc, call, files};
use queue::Queue;
use store::{Failed, Latest, Listed, Store};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "deliveries";

/// Time by which `as_of` is behind the list. A delivery fails when its attempt ends, and is listed once that is stored: the
/// store is tried for up to eight seconds, its index follows a little later, and the time is another machine's. Confirming
/// until `as_of` must not clear a delivery that was not listed yet.
pub const SETTLING: Duration = Duration::from_secs(30);

/// Number of further pages that are searched for deliveries of an endpoint that is not configured, to tell a removed
/// endpoint from a misspelt one.
const LOOKS: usize = 8;

/// The largest body that is taken, in bytes: a thousand events are named in a quarter of it.
const MAX_BODY: usize = 1024 * 1024;

/// The longest name of a connection, in bytes.
const LONGEST_CONNECTION: usize = 64;

/// Most items of a page.
const MOST: usize = 1_000;

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![
        Route::get("/events", lists::EVENTS, |state: &C, asked| Box::pin(lists::events(state.as_ref(), asked))),
        Route::get("/deliveries", lists::DELIVERIES, |state: &C, asked| {
            Box::pin(lists::deliveries(state.as_ref(), asked))
        }),
        Route::get("/deliveries/failed", &["endpoint", "from", "limit"], |state: &C, asked| {
            Box::pin(failed(state.as_ref(), asked))
        }),
        Route::post("/deliveries/confirm", Role::Operator, |state: &C, asked| {
            Box::pin(async move { changes::confirm(state.as_ref(), asked.caller, body(&asked.request)?).await })
        }),
        Route::post("/deliveries/replay", Role::Operator, |state: &C, asked| {
            Box::pin(async move { changes::replay(state.as_ref(), asked.caller, body(&asked.request)?).await })
        }),
        Route::get("/events/{connection}/{subject}", &[], |state: &C, asked| Box::pin(timeline(state.as_ref(), asked))),
        Route::get("/events/{connection}/{subject}/{id}", &[], |state: &C, asked| {
            Box::pin(event(state.as_ref(), asked))
        }),
    ];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}

async fn event<S: Store, Q>(context: &Context<S, Q>, asked: Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let id = asked.named("id").parse();
    let id: EventId = id.map_err(|_| Problem::field("id", "must be 48 hex digits, in lower case"))?;
    // Events of a connection that is no longer configured are read too.
    let connection = seen(asked.caller, asked.named("connection"))?;
    let key = EventKey { connection, subject: api::subject("subject", asked.named("subject"))?, id };
    let record = context.store.load(&key, context.now()).await.map_err(|error| Problem::store(&error))?;
    let record = record.ok_or_else(|| Problem::missing("there is no such event, or it has expired"))?;
    let account = context.config.account(&record.event.key.connection);
    let EventKey { connection, subject, id } = &record.event.key;
    let audit = context.store.audit_of(connection, subject, context.now()).await;
    let audit = audit.map_err(|error| Problem::store(&error))?.into_iter().filter_map(|mut entry| {
        entry.touched.retain(|touched| touched.key.id == *id);
        if entry.touched.is_empty() { None } else { asked.caller.audited(entry) }
    });
    let files = if context.config.fetches(connection, &record.event.meta.kind) {
        context.store.inspect(&files::record::of_event(&record.event.key), context.now()).await
    } else {
        Ok(None)
    };
    let files = files.map_err(|error| Problem::store(&error))?;
    view::event(&record, &account, files.as_ref(), audit.collect())
}

async fn failed<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let endpoint = asked.get("endpoint").map(EndpointId::from);
    let unknown = endpoint.as_ref().and_then(|endpoint| caller.endpoint(endpoint).err());
    let mut limit = asked.limit(MOST)?;
    let now = context.now();
    let which = endpoint.clone().map_or(Failed::Waiting, Failed::At);
    let seal = caller.seal(&("GET /deliveries/failed", &endpoint));
    let from = seal.opened(asked.get("from"), now)?;
    loop {
        let (store, which) = (&context.store, &which);
        let read = |from: Option<String>| async move { store.failed(which, from.as_deref(), limit, now).await };
        let sees = |item: &Listed| caller.sees(&item.key.connection);
        let page = store::in_view(read, from.clone(), sees, caller.is_limited()).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        let rows = page.items.iter().flat_map(|item| FailedDelivery::all(item, endpoint.as_ref()));
        let items = api::printed(rows)?;
        if let Some(fewer) = api::fewer(&items, limit, MOST_BYTES) {
            limit = fewer;
            continue;
        }
        if let (Some(endpoint), Some(unknown)) =
            (endpoint.as_ref().filter(|_| from.is_none() && items.is_empty()), unknown)
            && !(page.next.is_some() && is_listed(context, endpoint, page.next.clone(), caller).await?)
        {
            return Err(unknown);
        }
        let as_of = Utc(now.0.saturating_sub(i64::try_from(SETTLING.as_micros()).unwrap_or_default()));
        let next = Next(seal.sealed(page.next, now)?);
        return answer_json(StatusCode::OK, &FailedDeliveries { as_of: Rfc3339(as_of), items, next });
    }
}

/// Whether something may be listed for an endpoint from there on.
async fn is_listed<S: Store, Q>(
    context: &Context<S, Q>,
    endpoint: &EndpointId,
    mut from: Option<String>,
    caller: Caller<'_>,
) -> Result<bool, Problem> {
    let which = Failed::At(endpoint.clone());
    for _ in 0..LOOKS {
        let page = context.store.failed(&which, from.as_deref(), MOST, context.now()).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        if page.items.iter().any(|item| caller.sees(&item.key.connection)) {
            return Ok(true);
        }
        from = page.next;
        if from.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The connection of that name, configured or no longer, where the key may see it.
fn seen(caller: Caller<'_>, name: &str) -> Result<ConnectionId, Problem> {
    let connection = ConnectionId::from(name);
    let visible = caller.sees(&connection) && name.len() <= LONGEST_CONNECTION;
    if visible { Ok(connection) } else { Err(caller.no_connection(name)) }
}

async fn timeline<S: Store, Q>(context: &Context<S, Q>, asked: Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let caller = asked.caller;
    let (named, connection) =
        (api::subject("subject", asked.named("subject"))?, seen(caller, asked.named("connection"))?);
    let now = context.now();
    let store = |error| Problem::store(&error);
    let known = context.store.resolve(&api::alias(&named), now).await.map_err(store)?;
    let known = known.into_iter().filter(|(other, subject)| *other == connection && *subject != named);
    // Each call is a subject of its own: where there are too many, the shipments stand before them.
    let (calls, shipments): (Vec<_>, Vec<_>) = known.partition(|(_, subject)| call::is_subject(subject));
    let subjects: Vec<_> = std::iter::once((connection.clone(), named)).chain(shipments).chain(calls).collect();
    let Latest { items, mut complete } = store::timelines(&context.store, subjects, now).await.map_err(store)?;
    if items.is_empty() {
        caller.connection(connection.as_str())?;
    }
    let mut items = api::printed(items.iter().map(|item| ListedEvent::of(&item.key, &item.meta, &item.work)))?;
    let left_out = items.len() - api::fitting(items.iter().rev(), MOST_BYTES);
    complete &= left_out == 0;
    items.drain(..left_out);
    answer_json(StatusCode::OK, &Timeline { connection, items, complete })
}
