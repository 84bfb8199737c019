//! Endpoints: their state, and an event that is sent to try one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::contract::stats::{EndpointTested, Endpoints, ListedEndpoint};
use api::{Caller, Problem, Routed};
use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, Parcel};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Response, StatusCode};
use hub::audit::{Action, Ended};
use hub::breaker::CircuitView;
use hub::delivery::{Outcome, asked_note};
use hub::envelope::Format;
use hub::event::Meta;
use hub::order::Order;
use hub::routes::Route;
use hub::time::Rfc3339;
use hub::{ConnectionId, EndpointId, Event, EventId, EventKey, Subject, Utc};
use inbound::trail;
use queue::Queue;
use serde_json::json;
use store::Store;
use tokio::time::Instant;

use crate::PARALLEL;
use crate::connections::circuits;
use crate::statistics::Latest;
use crate::waiting::Waiting;

/// Type of the event of a test. No partner's and no other event of the hub's has it.
const TEST: &str = "tongguan.test";

pub(crate) async fn list<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let mut waiting = Waiting::default();
    waiting.count_pending(context, caller).await?;
    waiting.count_failed(context, caller).await?;
    let latest = latest(context, caller).await?;
    let shown: Vec<_> =
        caller.endpoints().map(|endpoint| shown(context, caller, endpoint, (&waiting, &latest))).collect();
    let endpoints = stream::iter(shown).buffered(PARALLEL).try_collect().await?;
    api::json(StatusCode::OK, &Endpoints { endpoints, complete: !waiting.is_cut })
}

async fn shown<S: Store, Q>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    id: &EndpointId,
    (waiting, latest): (&Waiting, &BTreeMap<EndpointId, Utc>),
) -> Result<ListedEndpoint, Problem> {
    let config = &context.config;
    let (sent, pulled) = (config.endpoints.get(id), config.pulled.get(id));
    let route = config.routes.iter().find(|route| route.endpoint == *id);
    let connections = sources(config, caller, route);
    let mut circuits = circuits(context, id.as_str()).await?;
    circuits.retain(|circuit| is_visible(config, circuit, &connections));
    let count = |of: &BTreeMap<EndpointId, usize>| of.get(id).copied().unwrap_or_default();
    Ok(ListedEndpoint {
        id: id.clone(),
        url: sent.map(|endpoint| endpoint.url.origin().ascii_serialization()),
        pull: pulled.is_some(),
        format: match sent.map_or_else(Format::default, |endpoint| endpoint.format) {
            Format::CloudEvents => "cloudevents",
            Format::Raw => "raw",
        },
        order: match sent.map(|own| own.order).or(pulled.map(|own| own.order)).unwrap_or_default() {
            Order::None => "none",
            Order::Subject => "subject",
        },
        types: route.into_iter().flat_map(|route| &route.types).map(|kind| kind.as_str().to_owned()).collect(),
        connections,
        circuits,
        pending: count(&waiting.pending),
        failed: count(&waiting.failed),
        last_success: latest.get(id).copied().map(Rfc3339),
        last_pull: if pulled.is_some() { asked(context, id).await? } else { None },
    })
}

/// Time at which a consumer last asked at a pull endpoint.
async fn asked<S: Store, Q>(context: &Context<S, Q>, endpoint: &EndpointId) -> Result<Option<Rfc3339>, Problem> {
    let note = context.store.note(&asked_note(endpoint)).await.map_err(|error| Problem::store(&error))?;
    Ok(note.and_then(|note| note.value.parse().ok()).map(|at| Rfc3339(Utc(at))))
}

/// Times of the latest delivery to each endpoint, of the connections that the key may see. Each of these is looked at until
/// every endpoint that receives its events has had one.
async fn latest<S: Store, Q>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
) -> Result<BTreeMap<EndpointId, Utc>, Problem> {
    let config = &context.config;
    let seen = config.connections.keys().filter(|id| caller.sees(id));
    let reading: Vec<_> = seen
        .map(|connection| async move {
            let patterns = |route: &&Route| route.connections.iter().any(|one| one.matches(connection.as_str()));
            let receivers: Vec<_> = config.routes.iter().filter(patterns).map(|route| &route.endpoint).collect();
            let are_known = |latest: &Latest| receivers.iter().all(|id| latest.deliveries.contains_key(*id));
            Latest::read(context, connection, are_known).await
        })
        .collect();
    let read: Vec<Latest> = stream::iter(reading).buffered(PARALLEL).try_collect().await?;
    let mut latest = BTreeMap::new();
    for (endpoint, at) in read.into_iter().flat_map(|latest| latest.deliveries) {
        let own = latest.entry(endpoint).or_insert(at);
        *own = at.max(*own);
    }
    Ok(latest)
}

/// The connections that a key may see among those whose events an endpoint receives.
pub(crate) fn sources(config: &Config, caller: Caller<'_>, route: Option<&Route>) -> Vec<ConnectionId> {
    let patterns = route.map(|route| route.connections.as_slice()).unwrap_or_default();
    let wanted = |id: &&ConnectionId| patterns.iter().any(|pattern| pattern.matches(id.as_str()));
    config.connections.keys().filter(wanted).filter(|id| caller.sees(id)).cloned().collect()
}

/// Whether a circuit says nothing of a partner that none of these connections has.
fn is_visible(config: &Config, circuit: &CircuitView, connections: &[ConnectionId]) -> bool {
    let owner = config.partner(circuit.kind.split('.').next().unwrap_or_default());
    let own: BTreeSet<_> =
        connections.iter().filter_map(|id| config.connections.get(id)).map(|own| own.partner.id()).collect();
    owner.is_none_or(|owner| own.contains(owner.id()))
}

/// Sends an event that is neither stored nor counted. It passes by the circuit, so that it can show why that is open, and its
/// result does not count for it.
pub(crate) async fn test<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    asked: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let context = &courier.context;
    let id = EndpointId::from(asked.named("id"));
    asked.caller.endpoint(&id).map_err(|_| {
        Problem::missing("there is no such endpoint, or it receives nothing of the connections that the key may see")
            .unconfigured()
    })?;
    let endpoint = context.config.endpoints.get(&id).ok_or_else(|| {
        let detail = "nothing is sent to this endpoint, so that it cannot be tried: its consumers pull their events";
        Problem::new(StatusCode::CONFLICT, "pulled", detail).unconfigured()
    })?;
    let keys = endpoint.keys.as_ref().ok_or_else(|| {
        let detail = "this process does not have the secrets of the endpoint, so it cannot sign an event for it";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", detail).unconfigured()
    })?;
    let mut event = [0; 24];
    (courier.entropy)(&mut event).map_err(|error| {
        let detail = format!("{error}; repeat the request later");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    })?;
    let entry = trail::begin(context, asked.caller.actor(), Action::Test, json!({"endpoint": id})).await;
    let entry = entry.map_err(|error| Problem::store(&error))?;
    let (began, now) = (Instant::now(), context.now());
    let parcel = Parcel::new(&sample(&id, EventId(event), now), endpoint, keys, now);
    let result = (courier.send)(endpoint, parcel).await;
    let took = began.elapsed();
    let (status, delivered) = (result.status, result.outcome == Outcome::Delivered);
    tracing::info!(
        function = crate::NAME, endpoint = %id, by = asked.caller.id, status, delivered, "an endpoint was tested"
    );
    entry.end(context, Ended::with(StatusCode::OK.as_u16()), Vec::new()).await;
    let said = Some(result.detail).filter(|detail| !detail.is_empty());
    let (answer, reason) = if status.is_some() { (said, None) } else { (None, said) };
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    api::json(StatusCode::OK, &EndpointTested { delivered, status, answer, reason, milliseconds })
}

/// The event of a test.
fn sample(endpoint: &EndpointId, id: EventId, now: Utc) -> Event {
    let body = json!({"endpoint": endpoint, "message": "This is a test. 这是一次测试。"}).to_string();
    let key = EventKey { connection: "tongguan".into(), subject: Subject::new("test", endpoint.as_str()), id };
    let meta = Meta::json(TEST.into(), now, now.after(Duration::from_hours(1)), body.len());
    Event { key, meta, body: body.into() }
}
