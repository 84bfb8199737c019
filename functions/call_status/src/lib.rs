//! `call_status`: what became of the ERP's calls, and what it decides about one that nobody knows the result of.
//!
//! | request | answer |
//! |---|---|
//! | `GET /calls/<id>` | the call: its state, every attempt that is kept, the partner's answer as it came |
//! | `GET /calls?connection=&subject=&state=&from=&limit=` | calls: those of a subject, or those that are open: queued, failed or ambiguous |
//! | `POST /calls/<id>/retry`, with `{"dry_run":true}` only to see whether it can be | the queued call that waits, sent now |
//! | `POST /calls/<id>/resolve` with `{"decision":"retry"}` or `{"decision":"done"}` | the ambiguous call, sent again or taken for done |
//! | Lambda Invoke with `{"path":"/calls/<id>"}`, and `method`, `query`, `body` where needed | `{"status","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

mod list;
mod resolve;
mod retry;

use api::contract::Retry;
use api::{Caller, Parameters, Problem, asking};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hub::call::{self, CallView};
use hub::{EventId, EventKey};
use queue::Queue;
use runtime::Context;
use store::{Listed, Store};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "call_status";

/// The paths it serves, as the gateway's and the local hub's function table have them. A gateway wants one name for what
/// may stand in a place: here it is a call's id.
pub const ROUTES: &[(Method, &str)] = &[
    (Method::GET, "/calls"),
    (Method::GET, "/calls/{name}"),
    (Method::POST, "/calls/{name}/resolve"),
    (Method::POST, "/calls/{name}/retry"),
];

/// The largest body that is taken, in bytes.
pub const MAX_BODY: usize = 16 * 1024;

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
    if segments.len() > 1 {
        Parameters::of(request, &[])?;
    }
    match (request.method(), segments.as_slice()) {
        (&Method::GET, ["calls"]) => list::answer(context, request, caller).await,
        (&Method::GET, ["calls", id]) => {
            let key = key(context, caller, id)?;
            let record = context.store.load(&key, context.now()).await.map_err(|error| Problem::store(&error))?;
            let whole =
                record.as_ref().and_then(|record| call::whole(record, &context.config.credentials(&key.connection)));
            api::json(StatusCode::OK, &whole.ok_or_else(missing)?)
        }
        (&Method::POST, ["calls", id, "resolve"]) => {
            let key = key(context, caller, id)?;
            let listed = resolve::answer(context, key, caller.id, api::body(request)?).await?;
            api::json(StatusCode::OK, &shown(&listed).ok_or_else(missing)?)
        }
        (&Method::POST, ["calls", id, "retry"]) => {
            let key = key(context, caller, id)?;
            let asked = if request.body().is_empty() { Retry::default() } else { api::body(request)? };
            let listed = retry::answer(context, key, asked).await?;
            api::json(StatusCode::OK, &shown(&listed).ok_or_else(missing)?)
        }
        (_, ["calls"] | ["calls", _]) => Err(Problem::method("GET")),
        (_, ["calls", _, "resolve" | "retry"]) => Err(Problem::method("POST")),
        _ => Err(Problem::missing("there is no such path")),
    }
}

/// Where the call of an id is kept. One of a connection that the key may not see is as good as absent.
fn key<S, Q>(context: &Context<S, Q>, caller: Caller<'_>, id: &str) -> Result<EventKey, Problem> {
    let id: EventId = id.parse().map_err(|_| Problem::field("id", "must be 48 hex digits, in lower case"))?;
    let seen = context.config.connections.keys().filter(|connection| caller.sees(connection));
    call::find(seen, id).ok_or_else(|| missing().unconfigured())
}

fn missing() -> Problem {
    Problem::missing("there is no such call, or it has expired")
}

async fn found<S: Store, Q>(context: &Context<S, Q>, key: &EventKey) -> Result<Listed, Problem> {
    let found = context.store.inspect(key, context.now()).await.map_err(|error| Problem::store(&error))?;
    found.ok_or_else(missing)
}

fn shown(listed: &Listed) -> Option<CallView<'_>> {
    listed.work.call.as_ref().map(|call| call::view(&listed.key, &listed.meta, call))
}
