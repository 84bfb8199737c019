//! `pull`: endpoints that an ERP behind a firewall reads. Consumers lease deliveries and settle each by its receipt.
//!
//! | request | answer |
//! |---|---|
//! | `GET /endpoints/<id>/events?limit=&wait=` | leased deliveries as a CloudEvents batch, each event with its `receipt` |
//! | `POST /endpoints/<id>/acknowledge` with `{"receipts"}` | the deliveries are delivered; each receipt's `state` |
//! | `POST /endpoints/<id>/release` with `{"receipts"}` | the deliveries can be leased again at once; each receipt's `state` |
//! | Lambda Invoke with `{"path":"/endpoints/erp/events"}`, and `method`, `query`, `body` where needed | `{"status","body"}` of the same |
//!
//! A lease is the claim of a delivery, stored over the version that was read, so that of two consumers one has it. Nothing is kept of
//! a consumer but that: one that dies leaves a lease that ends. A receipt is sealed for the API key that leased it ([`api::Seal`]).
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

pub mod batch;
pub mod receipt;

use std::time::Duration;

use api::contract::pull::{Receipts, RedeemedReceipt, RedeemedReceipts};
use api::{Problem, Route, Routed, Router, body, json as answer_json};
use bytes::Bytes;
use config::{Context, PullEndpoint};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Response, StatusCode};
use hub::delivery::asked_note;
use hub::{EndpointId, Role, Utc};
use queue::Queue;
use store::{Store, StoreError};
use tokio::time::Instant;

use crate::batch::{Batch, Leased};
use crate::receipt::{How, Receipt};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "pull";

/// Most events of an answer.
const MOST: usize = 100;

/// Longest wait for events, in seconds: the gateway gives up after 29.
const LONGEST_WAIT: usize = 20;

/// The largest body that is taken, in bytes: the receipts of ten answers.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// Shortest pause between two looks of one request.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);

/// Number of receipts that are redeemed at once.
const AT_ONCE: usize = 32;

/// Interval of the notes of when consumers asked last.
const NOTED: Duration = Duration::from_mins(1);

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![
        Route::get("/endpoints/{id}/events", &["limit", "wait"], |state: &C, asked| {
            Box::pin(events(state.as_ref(), asked))
        })
        .needs(Role::Erp),
        Route::post("/endpoints/{id}/acknowledge", Role::Erp, |state: &C, asked| {
            Box::pin(redeem(state.as_ref(), asked, How::Acknowledge))
        }),
        Route::post("/endpoints/{id}/release", Role::Erp, |state: &C, asked| {
            Box::pin(redeem(state.as_ref(), asked, How::Release))
        }),
    ];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}

/// The pull endpoint of a path, as far as the key may know it.
fn endpoint<'c, S, Q>(context: &'c Context<S, Q>, asked: &Routed<'_>) -> Result<&'c PullEndpoint, Problem> {
    let id = EndpointId::from(asked.named("id"));
    if asked.caller.endpoint(&id).is_err() {
        let detail = "there is no such endpoint, or it receives nothing of the connections that the key may see";
        return Err(Problem::missing(detail).unconfigured());
    }
    context.config.pulled.get(&id).ok_or_else(|| {
        let detail =
            "events are sent to this endpoint, so that it cannot be pulled: its configuration has no `pull = true`";
        Problem::new(StatusCode::CONFLICT, "not-pulled", detail).unconfigured()
    })
}

/// Leases deliveries, as soon as there are some.
async fn events<S: Store, Q>(context: &Context<S, Q>, asked: Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let (limit, wait) = (asked.query.limit(MOST)?, asked.query.seconds("wait", LONGEST_WAIT)?);
    let (endpoint, caller) = (endpoint(context, &asked)?, asked.caller);
    let (store, until) = (&context.store, Instant::now() + wait);
    if let Err(error) = note(context, &endpoint.id).await {
        let error = telemetry::logs::chain(&error);
        tracing::warn!(endpoint = %endpoint.id, error, "when consumers asked last is not stored; it is at the next request");
    }
    let batch = loop {
        let mark = store.pull_mark(&endpoint.id);
        let batch = batch::lease(context, endpoint, limit, |connection| caller.sees(connection)).await;
        let batch = batch.map_err(|error| Problem::store(&error))?;
        let left = until.saturating_duration_since(Instant::now());
        if !batch.leased.is_empty() || left.is_zero() {
            break batch;
        }
        // A lease that ends is told by nobody.
        let end = batch.next_end.map_or(left, |end| end.since(context.now()).max(SHORTEST_PAUSE));
        if !store.more_pullable(&endpoint.id, mark, left.min(end)).await {
            break batch;
        }
    };
    let Batch { leased, .. } = batch;
    let seal = caller.seal(&("pull", &endpoint.id));
    let mut text = b"[".to_vec();
    for Leased { key, claim, until, event } in &leased {
        let receipt = Receipt { key: key.clone(), claim: *claim }.sealed(&seal, context.now())?;
        if text.len() > 1 {
            text.push(b',');
        }
        let own = format!("{{\"receipt\":\"{receipt}\",\"leaseduntil\":\"{until}\",");
        text.extend_from_slice(own.as_bytes());
        text.extend_from_slice(event.get(1..).unwrap_or_default());
    }
    text.push(b']');
    tracing::debug!(function = NAME, endpoint = %endpoint.id, by = caller.id, events = leased.len(), "leased");
    Ok(api::answered(StatusCode::OK, "application/cloudevents-batch+json", text))
}

/// Redeems receipts, each by itself.
async fn redeem<S: Store, Q>(context: &Context<S, Q>, asked: Routed<'_>, how: How) -> Result<Response<Bytes>, Problem> {
    let endpoint = &endpoint(context, &asked)?.id;
    let (caller, Receipts { receipts }) = (asked.caller, body(&asked.request)?);
    let seal = &caller.seal(&("pull", endpoint));
    let ones = receipts.into_iter().map(|receipt| async move {
        let known = Receipt::opened(seal, &receipt).filter(|known| caller.sees(&known.key.connection));
        let state = receipt::redeem(context, endpoint, known.as_ref(), how, caller.id).await?;
        Ok::<_, StoreError>(RedeemedReceipt { receipt, state })
    });
    let receipts: Vec<_> =
        stream::iter(ones).buffered(AT_ONCE).try_collect().await.map_err(|error| Problem::store(&error))?;
    answer_json(StatusCode::OK, &RedeemedReceipts { receipts })
}

/// Notes that consumers ask at an endpoint, once a minute at the most.
async fn note<S: Store, Q>(context: &Context<S, Q>, endpoint: &EndpointId) -> Result<(), StoreError> {
    let (name, now) = (asked_note(endpoint), context.now());
    let before = context.store.note(&name).await?;
    let at = before.as_ref().and_then(|note| note.value.parse().ok()).map(Utc);
    if !at.is_some_and(|at| now.is_within(NOTED, at)) {
        // Another process that notes it meanwhile notes the same.
        context.store.put_note(&name, &now.0.to_string(), before.map_or(0, |note| note.version)).await?;
    }
    Ok(())
}
