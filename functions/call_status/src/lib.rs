//! `call_status`: the state of the ERP's calls, and its decisions about ambiguous ones.
//!
//! | request | answer |
//! |---|---|
//! | `GET /calls/<id>` | the call: its state, every attempt that is kept, the partner's answer as it came |
//! | `GET /calls?connection=&subject=&number=&operation=&state=&since=&until=&from=&limit=` | calls by subject, number, state or time; without any of these those that are open: queued, failed or ambiguous |
//! | `POST /calls/<id>/retry`, with `{"dry_run":true}` only to see whether it can be | the queued call that waits, sent now |
//! | `POST /calls/<id>/cancel` | the queued call, cancelled, unless it is being sent |
//! | `POST /calls/<id>/resolve` with `{"decision":"retry"}` or `{"decision":"done"}` | the ambiguous call, sent again or taken for done |
//! | Lambda Invoke with `{"path":"/calls/<id>"}`, and `method`, `query`, `body` where needed | `{"status","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

mod cancel;
mod list;
mod resolve;
mod retry;

use api::contract::{Cancel, Resolution, Retry};
use api::{Caller, Problem, Route, Routed, Router, body};
use bytes::Bytes;
use config::{Config, Context};
use http::{Response, StatusCode};
use hub::audit::{Action, Touched};
use hub::call::{self, Call, CallView, Standing};
use hub::{EventId, EventKey, Role};
use inbound::{sequence, trail};
use queue::Queue;
use serde_json::{Value, json};
use store::{Listed, Store};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "call_status";

/// The largest body that is taken, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// The routes of the function. A gateway wants one name for what may stand in a place: here `name` is a call's id.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![
        Route::get("/calls", list::PARAMETERS, |state: &C, asked| Box::pin(list::answer(state.as_ref(), asked))),
        Route::get("/calls/{name}", &[], |state: &C, asked| Box::pin(one(state.as_ref(), asked))),
        Route::post("/calls/{name}/cancel", Role::Operator, |state: &C, asked| {
            Box::pin(async move {
                let key = key(&asked)?;
                let Cancel {} = if asked.request.body().is_empty() { Cancel {} } else { body(&asked.request)? };
                let (context, by, request) = (state.as_ref(), asked.caller, json!({"call": key.id}));
                let change = cancel::answer(context, key.clone(), by.id);
                audited(context, by, Action::Cancel, request, &key, change).await
            })
        }),
        Route::post("/calls/{name}/resolve", Role::Operator, |state: &C, asked| {
            Box::pin(async move {
                let key = key(&asked)?;
                let asked_for: Resolution = body(&asked.request)?;
                let (context, by) = (state.as_ref(), asked.caller);
                let request = json!({"call": key.id, "decision": asked_for.decision.name()});
                let change = resolve::answer(context, key.clone(), by.id, asked_for);
                audited(context, by, Action::Resolve, request, &key, change).await
            })
        }),
        Route::post("/calls/{name}/retry", Role::Operator, |state: &C, asked| {
            Box::pin(async move {
                let key = key(&asked)?;
                let retry = if asked.request.body().is_empty() { Retry::default() } else { body(&asked.request)? };
                let (context, by, request) = (state.as_ref(), asked.caller, json!({"call": key.id}));
                if retry.dry_run {
                    return answered(&retry::answer(context, key, retry).await?, &context.config);
                }
                let change = retry::answer(context, key.clone(), retry);
                audited(context, by, Action::Retry, request, &key, change).await
            })
        }),
    ];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}

/// The answer to a change of a call, which is told in the audit trail. One that is not there changes nothing.
async fn audited<S: Store, Q>(
    context: &Context<S, Q>,
    by: Caller<'_>,
    action: Action,
    request: Value,
    key: &EventKey,
    change: impl Future<Output = Result<Listed, Problem>>,
) -> Result<Response<Bytes>, Problem> {
    found(context, key).await?;
    let begun = trail::begin(context, by.actor(), action, request).await.map_err(|error| Problem::store(&error))?;
    let changed = change.await;
    let ended = Problem::ended(&changed, StatusCode::OK);
    begun.end(context, ended, vec![Touched::event(key.clone())]).await;
    answered(&changed?, &context.config)
}

async fn one<S: Store, Q>(context: &Context<S, Q>, asked: Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let key = key(&asked)?;
    let mut record = context.store.load(&key, context.now()).await.map_err(|error| Problem::store(&error))?;
    if let Some(call) = record.as_mut().and_then(|record| record.work.call.as_mut())
        && call.standing == Standing::Queued
    {
        // As it is now: the one that it was found to wait for may have ended since, and an ambiguous one may be queued again.
        call.waits_for = waits_for(context, &key, call).await?;
    }
    let whole = record.as_ref().and_then(|record| call::whole(record, &context.config.account(&key.connection)));
    let whole = whole.ok_or_else(missing)?;
    let audit = context.store.audit_of(&key.connection, &key.subject, context.now()).await;
    let audit = audit.map_err(|error| Problem::store(&error))?;
    let audit = audit.into_iter().filter_map(|entry| asked.caller.audited(entry)).collect();
    api::json(StatusCode::OK, &whole.with_audit(audit))
}

/// The earlier call that a queued one waits for.
async fn waits_for<S: Store, Q>(
    context: &Context<S, Q>,
    key: &EventKey,
    call: &Call,
) -> Result<Option<EventId>, Problem> {
    let position = sequence::position(&context.store, &key.connection, call, context.now()).await;
    let position = position.map_err(|error| Problem::store(&error))?;
    Ok(position.waits_for.map(|earlier| earlier.call))
}

/// Key under which the call of an id is stored. A call of a connection that the API key may not see counts as absent.
fn key(asked: &Routed<'_>) -> Result<EventKey, Problem> {
    let id = asked.named("name").parse();
    let id: EventId = id.map_err(|_| Problem::field("id", "must be 48 hex digits, in lower case"))?;
    call::find(asked.caller.known(), id).ok_or_else(|| missing().unconfigured())
}

fn missing() -> Problem {
    Problem::missing("there is no such call, or it has expired")
}

async fn found<S: Store, Q>(context: &Context<S, Q>, key: &EventKey) -> Result<Listed, Problem> {
    let found = context.store.inspect(key, context.now()).await.map_err(|error| Problem::store(&error))?;
    found.ok_or_else(missing)
}

fn shown<'a>(listed: &'a Listed, config: &Config) -> Option<CallView<'a>> {
    listed.work.call.as_ref().map(|call| call::view(&listed.key, &listed.meta, call, &config.partners))
}

fn answered(listed: &Listed, config: &Config) -> Result<Response<Bytes>, Problem> {
    api::json(StatusCode::OK, &shown(listed, config).ok_or_else(missing)?)
}
