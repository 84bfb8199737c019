//! What the ERP may ask of the hub's own deliveries: list what failed, see an event or a subject, confirm, replay.
//!
//! | request | answer |
//! |---|---|
//! | `GET /deliveries/failed?endpoint=&from=&limit=` | failed deliveries by pages, with `as_of` to confirm with |
//! | `GET /events/<connection>/<subject or alias>` | a subject's events in the order of their reception |
//! | `GET /events/<connection>/<subject>/<id>` | one event with its payload |
//! | `POST /deliveries/confirm` | failed deliveries that have been seen become `confirmed` |
//! | `POST /deliveries/replay` | deliveries start over, or with `"now": true` those that wait are sent now; without `"dry_run": false` it only tells which |
//! | Lambda Invoke with `{"path":"/deliveries/failed"}`, and `method`, `query`, `body` where needed | `{"status","body"}` of the same |
//!
//! A change that is too long for one request says where to go on: `next`, as a list does.
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

pub mod change;
mod view;

pub use view::known;

use std::time::Duration;

use api::{Caller, MOST_BYTES, Parameters, Problem, asking, body, given, json as answer_json, moment};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hub::{ConnectionId, EndpointId, EventId, EventKey, Subject, Utc, call};
use queue::Queue;
use runtime::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use store::{Failed, Latest, Store};
use tokio::time::timeout;

use crate::change::{Change, ChangeError, Changed, Order, Selection};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "deliveries";

/// The paths it serves, as the gateway's and the local hub's function table have them.
pub const ROUTES: &[(Method, &str)] = &[
    (Method::GET, "/deliveries/failed"),
    (Method::POST, "/deliveries/confirm"),
    (Method::POST, "/deliveries/replay"),
    (Method::GET, "/events/{connection}/{subject}"),
    (Method::GET, "/events/{connection}/{subject}/{id}"),
];

/// How long the hints of some replays may hold up the next.
const HINTING: Duration = Duration::from_secs(1);

/// How far `as_of` is behind the time of the list. A delivery fails when its attempt ends, and is listed when that is
/// stored: the store is tried for up to eight seconds, its index follows a little later, and the time is another machine's.
/// Confirming until `as_of` must not clear what was on its way into the list.
pub const SETTLING: Duration = Duration::from_secs(30);

/// How many more pages are looked at for the deliveries of an endpoint that is not configured, to tell one that was
/// removed from a name that was misspelt.
const LOOKS: usize = 8;

/// The largest body that is taken, in bytes: a thousand events are named in a quarter of it.
pub const MAX_BODY: usize = 1024 * 1024;

/// The longest name of a connection, in bytes.
const LONGEST_CONNECTION: usize = 64;

/// How many items a page has at the most.
const MOST: usize = 1_000;

/// Answers one request.
pub async fn handle<S: Store, Q: Queue>(context: &Context<S, Q>, request: Request<Bytes>) -> Response<Bytes> {
    let result = match asking(&context.config, &request) {
        Ok(caller) => route(context, &request, caller).await,
        Err(problem) => Err(problem),
    };
    result.unwrap_or_else(|problem| problem.answer(NAME))
}

/// Answers one direct invocation, which says a request in JSON.
pub async fn invoke<S: Store, Q: Queue>(context: &Context<S, Q>, event: &[u8]) -> Response<Bytes> {
    match api::invocation(event) {
        Ok(request) => handle(context, request).await,
        Err(problem) => problem.answer(NAME),
    }
}

async fn route<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    request: &Request<Bytes>,
    caller: Caller<'_>,
) -> Result<Response<Bytes>, Problem> {
    let segments = api::segments(request.uri().path());
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let lists = segments == ["deliveries", "failed"];
    let asked = Parameters::of(request, if lists { &["endpoint", "from", "limit"] } else { &[] })?;
    match (request.method(), segments.as_slice()) {
        (&Method::GET, ["deliveries", "failed"]) => failed(context, &asked, caller).await,
        (&Method::POST, ["deliveries", "confirm"]) => {
            let asked: Confirm = body(request)?;
            // Left out: all that has failed, by whatever clock.
            let cutoff = asked.cutoff.as_deref().map_or(Ok(Utc(i64::MAX)), |text| moment("cutoff", text))?;
            let (endpoint, selection) = (&asked.endpoint, selection(asked.events)?);
            let change = Change::Confirm { cutoff };
            let order = Order { change, endpoint, selection, from: asked.from, dry_run: false };
            let unknown = caller.endpoint(endpoint).err().filter(|_| order.from.is_none());
            let Changed { events, next } = apply(context, caller, &order).await?;
            if let Some(unknown) = unknown.filter(|_| events.is_empty() && next.is_none())
                && !is_listed(context, endpoint, None, caller).await?
            {
                return Err(unknown);
            }
            answer_json(StatusCode::OK, &json!({"confirmed": events.len(), "events": events, "next": next}))
        }
        (&Method::POST, ["deliveries", "replay"]) => {
            let asked: Replay = body(request)?;
            let (endpoint, dry_run) = (&asked.endpoint, asked.dry_run);
            caller.endpoint(endpoint)?;
            let selection = match asked.events {
                None if asked.now => Selection::Pending,
                events => selection(events)?,
            };
            let change = if asked.now { Change::SendNow } else { Change::Replay };
            let order = Order { change, endpoint, selection, from: asked.from, dry_run };
            let Changed { events, next } = apply(context, caller, &order).await?;
            let replayed = if dry_run { 0 } else { events.len() };
            let done = json!({"dry_run": dry_run, "replayed": replayed, "events": events, "next": next});
            answer_json(StatusCode::OK, &done)
        }
        (&Method::GET, ["events", connection, subject]) => timeline(context, caller, connection, subject).await,
        (&Method::GET, ["events", connection, subject, id]) => {
            let id: EventId = id.parse().map_err(|_| Problem::field("id", "must be 48 hex digits"))?;
            // What came through a connection that is configured no longer is read, too.
            let connection = seen(caller, connection)?;
            let key = EventKey { connection, subject: api::subject("subject", subject)?, id };
            let record = context.store.load(&key, context.now()).await.map_err(|error| Problem::store(&error))?;
            let record = record.ok_or_else(|| Problem::missing("there is no such event, or it has expired"))?;
            let credentials = context.config.credentials(&record.event.key.connection);
            Ok(api::raw(StatusCode::OK, view::event(&record, &credentials)))
        }
        (_, ["deliveries", "failed"] | ["events", _, _] | ["events", _, _, _]) => Err(Problem::method("GET")),
        (_, ["deliveries", "confirm" | "replay"]) => Err(Problem::method("POST")),
        _ => Err(Problem::missing("there is no such path")),
    }
}

async fn failed<S: Store, Q>(
    context: &Context<S, Q>,
    asked: &Parameters,
    caller: Caller<'_>,
) -> Result<Response<Bytes>, Problem> {
    let endpoint = asked.get("endpoint").map(EndpointId::from);
    let unknown = endpoint.as_ref().and_then(|endpoint| caller.endpoint(endpoint).err());
    let mut limit = asked.limit(MOST)?;
    let now = context.now();
    let which = endpoint.clone().map_or(Failed::Waiting, Failed::At);
    let from = asked.get("from");
    loop {
        let page = context.store.failed(&which, from, limit, now).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        let seen = page.items.iter().filter(|item| caller.sees(&item.key.connection));
        let items = api::printed(seen.flat_map(|item| view::failures(item, endpoint.as_ref())))?;
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
        let listed = Failures { as_of: as_of.to_string(), items, next: page.next };
        return answer_json(StatusCode::OK, &listed);
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

/// A page of what failed.
#[derive(Serialize)]
struct Failures {
    as_of: String,
    items: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// The connection of that name, configured or no longer, where the key may see it.
fn seen(caller: Caller<'_>, name: &str) -> Result<ConnectionId, Problem> {
    let connection = ConnectionId::from(name);
    let visible = caller.sees(&connection) && name.len() <= LONGEST_CONNECTION;
    if visible { Ok(connection) } else { Err(caller.no_connection(name)) }
}

async fn timeline<S: Store, Q>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    connection: &str,
    name: &str,
) -> Result<Response<Bytes>, Problem> {
    let (named, connection) = (api::subject("subject", name)?, seen(caller, connection)?);
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
    let mut items = api::printed(items.iter().map(view::listed))?;
    let left_out = items.len() - api::fitting(items.iter().rev(), MOST_BYTES);
    complete &= left_out == 0;
    items.drain(..left_out);
    answer_json(StatusCode::OK, &Timeline { connection, items, complete })
}

/// What is known about a subject, the latest of it where that is too much.
#[derive(Serialize)]
struct Timeline {
    connection: ConnectionId,
    items: Vec<Box<RawValue>>,
    /// Whether that is all there is.
    complete: bool,
}

/// What a confirmation asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    endpoint: EndpointId,
    /// The list's `as_of`, so that what is confirmed is what was seen.
    #[serde(default, deserialize_with = "given")]
    cutoff: Option<String>,
    /// Which; without it every failed delivery of the endpoint.
    #[serde(default, deserialize_with = "given")]
    events: Option<Vec<EventKey>>,
    /// The `next` of the answer before.
    #[serde(default, deserialize_with = "given")]
    from: Option<String>,
}

/// What a replay asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    endpoint: EndpointId,
    #[serde(default = "yes")]
    dry_run: bool,
    /// Those that wait for a retry, for a circuit or because the endpoint asked for patience are sent now.
    #[serde(default)]
    now: bool,
    /// Which; without it every failed delivery of the endpoint, or with `now` every pending one.
    #[serde(default, deserialize_with = "given")]
    events: Option<Vec<EventKey>>,
    /// The `next` of the answer before.
    #[serde(default, deserialize_with = "given")]
    from: Option<String>,
}

const fn yes() -> bool {
    true
}

fn selection(events: Option<Vec<EventKey>>) -> Result<Selection, Problem> {
    match events {
        Some(events) if events.len() > change::MOST => Err(Problem::field("events", "at most 1000 at a time")),
        Some(events) => {
            let named = |key: EventKey| EventKey { subject: Subject::named(key.subject.as_str()), ..key };
            let events: Vec<_> = events.into_iter().map(named).collect();
            // No store could hold such a key.
            let too_long = |key: &EventKey| {
                key.connection.as_str().len() > LONGEST_CONNECTION || key.subject.as_str().len() > api::LONGEST_SUBJECT
            };
            let detail = "is no event: its connection or subject is too long";
            let wrong = events.iter().position(too_long);
            wrong.map_or(Ok(Selection::These(events)), |at| Err(Problem::field(format!("events[{at}]"), detail)))
        }
        None => Ok(Selection::Failed),
    }
}

async fn apply<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    order: &Order<'_>,
) -> Result<Changed, Problem> {
    let hint = |hints| async move {
        // A lane that is full is an ERP that is slow: what finds no room in time is swept.
        if !matches!(timeout(HINTING, context.queue.send(hints, Duration::ZERO)).await, Ok(Ok(()))) {
            tracing::warn!("hints of a replay not sent; the sweeper delivers");
        }
    };
    let changed = change::apply(context, order, |key| caller.sees(&key.connection), hint).await;
    changed.map_err(|error| match error {
        ChangeError::Place => Problem::field("from", "must be the `next` of the same change"),
        ChangeError::Store(error) => Problem::store(&error),
    })
}
