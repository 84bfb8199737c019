//! What the ERP may ask of the hub's own deliveries: list what failed, see an event or a subject, confirm, replay.
//!
//! | request | answer |
//! |---|---|
//! | `GET /deliveries/failed?endpoint=&from=&limit=` | failed deliveries by pages, with `as_of` to confirm with |
//! | `GET /events/<connection>/<subject or alias>` | a subject's events in the order of their reception |
//! | `GET /events/<connection>/<subject>/<id>` | one event with its payload |
//! | `POST /deliveries/confirm` | failed deliveries that have been seen become `confirmed` |
//! | `POST /deliveries/replay` | deliveries start over; without `"dry_run": false` it only tells which |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`. Errors are RFC 9457 problems.

pub mod change;
mod view;

pub use view::known;

use std::time::Duration;

use api::{Caller, Problem, body, caller, json as answer_json, moment, query};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hub::{Alias, ConnectionId, EndpointId, EventId, EventKey, Subject};
use queue::Queue;
use runtime::Context;
use serde::Deserialize;
use serde_json::json;
use store::Store;
use tokio::time::timeout;

use crate::change::{Change, Selection};

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

/// How long the hints of a replay may hold up its answer.
const HINTING: Duration = Duration::from_secs(1);

/// The largest body that is taken, in bytes: a thousand events are named in a quarter of it.
pub const MAX_BODY: usize = 1024 * 1024;

/// How many items a page or a change has at the most.
const MOST: usize = 1_000;

/// Answers one request.
pub async fn handle<S: Store, Q: Queue>(context: &Context<S, Q>, request: Request<Bytes>) -> Response<Bytes> {
    let result = match caller(&context.config, request.headers()) {
        Ok(caller) => route(context, &request, caller).await,
        Err(problem) => Err(problem),
    };
    result.unwrap_or_else(|problem| problem.answer(NAME))
}

async fn route<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    request: &Request<Bytes>,
    caller: Caller<'_>,
) -> Result<Response<Bytes>, Problem> {
    let segments = api::segments(request.uri().path());
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method(), segments.as_slice()) {
        (&Method::GET, ["deliveries", "failed"]) => failed(context, request, caller).await,
        (&Method::POST, ["deliveries", "confirm"]) => {
            let asked: Confirm = body(request)?;
            let cutoff = asked.cutoff.as_deref().map_or(Ok(context.now()), |text| moment("cutoff", text))?;
            let change = Change::Confirm { cutoff };
            let (done, _) = apply(context, caller, change, &asked.endpoint, asked.events, false).await?;
            answer_json(StatusCode::OK, &json!({"confirmed": done.len(), "events": done}))
        }
        (&Method::POST, ["deliveries", "replay"]) => {
            let asked: Replay = body(request)?;
            let (done, hints) =
                apply(context, caller, Change::Replay, &asked.endpoint, asked.events, asked.dry_run).await?;
            // A lane that is full is an ERP that is slow: what finds no room in time is swept.
            if !matches!(timeout(HINTING, context.queue.send(hints, Duration::ZERO)).await, Ok(Ok(()))) {
                tracing::warn!("hints of a replay not sent; the sweeper delivers");
            }
            let replayed = if asked.dry_run { 0 } else { done.len() };
            answer_json(StatusCode::OK, &json!({"dry_run": asked.dry_run, "replayed": replayed, "events": done}))
        }
        (&Method::GET, ["events", connection, subject]) => {
            timeline(context, caller.connection(connection)?, subject).await
        }
        (&Method::GET, ["events", connection, subject, id]) => {
            let id: EventId = id.parse().map_err(|_| Problem::field("id", "must be 48 hex digits"))?;
            let key = EventKey { connection: caller.connection(connection)?, subject: Subject::from(*subject), id };
            let record = context.store.load(&key, context.now()).await.map_err(|error| Problem::store(&error))?;
            let record = record.ok_or_else(|| Problem::missing("there is no such event, or it has expired"))?;
            Ok(api::raw(StatusCode::OK, view::event(&record)))
        }
        (_, ["deliveries", "failed"] | ["events", _, _] | ["events", _, _, _]) => Err(Problem::method("GET")),
        (_, ["deliveries", "confirm" | "replay"]) => Err(Problem::method("POST")),
        _ => Err(Problem::missing("there is no such path")),
    }
}

async fn failed<S: Store, Q>(
    context: &Context<S, Q>,
    request: &Request<Bytes>,
    caller: Caller<'_>,
) -> Result<Response<Bytes>, Problem> {
    let endpoint = query(request, "endpoint").map(EndpointId::from);
    let limit = api::limit(request, MOST)?;
    let now = context.now();
    let from = query(request, "from");
    let page = context.store.failed(endpoint.as_ref(), from.as_deref(), limit, now).await;
    let page = page.map_err(|error| Problem::page(&error))?;
    let items: Vec<_> = page
        .items
        .iter()
        .filter(|item| caller.sees(&item.key.connection))
        .flat_map(|item| view::failures(item, endpoint.as_ref()))
        .collect();
    answer_json(StatusCode::OK, &json!({"as_of": now.to_string(), "items": items, "next": page.next}))
}

async fn timeline<S: Store, Q>(
    context: &Context<S, Q>,
    connection: ConnectionId,
    name: &str,
) -> Result<Response<Bytes>, Problem> {
    let now = context.now();
    let store = |error| Problem::store(&error);
    let mut subjects = vec![Subject::from(name)];
    let known = context.store.resolve(&Alias::from(name), now).await.map_err(store)?;
    subjects.extend(known.into_iter().filter(|(other, _)| *other == connection).map(|(_, subject)| subject));
    subjects.dedup();
    let mut items = Vec::new();
    for subject in &subjects {
        items.extend(context.store.timeline(&connection, subject, now).await.map_err(store)?);
    }
    items.sort_by_key(|item| (item.meta.received, item.key.id));
    let items: Vec<_> = items.iter().map(view::listed).collect();
    answer_json(StatusCode::OK, &json!({"connection": connection, "items": items}))
}

/// What a confirmation asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    endpoint: EndpointId,
    /// The list's `as_of`, so that what is confirmed is what was seen.
    cutoff: Option<String>,
    /// Which; without it every failed delivery of the endpoint.
    events: Option<Vec<EventKey>>,
}

/// What a replay asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    endpoint: EndpointId,
    #[serde(default = "yes")]
    dry_run: bool,
    /// Which; without it every failed delivery of the endpoint.
    events: Option<Vec<EventKey>>,
}

const fn yes() -> bool {
    true
}

async fn apply<S: Store, Q>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    change: Change,
    endpoint: &EndpointId,
    events: Option<Vec<EventKey>>,
    dry_run: bool,
) -> Result<(Vec<EventKey>, Vec<queue::Hint>), Problem> {
    if !context.config.endpoints.contains_key(endpoint) {
        return Err(Problem::field("endpoint", "must be the id of a configured endpoint"));
    }
    let selection = match events {
        Some(events) if events.len() > MOST => return Err(Problem::field("events", "at most 1000 at a time")),
        Some(events) => Selection::These(events.into_iter().filter(|key| caller.sees(&key.connection)).collect()),
        None => Selection::Failed,
    };
    let done = change::apply(context, change, endpoint, selection, dry_run, |key| caller.sees(&key.connection)).await;
    done.map_err(|error| Problem::store(&error))
}
