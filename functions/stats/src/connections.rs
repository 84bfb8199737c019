//! Connections: their state, and a push as their partner would make it.

use api::contract::Original;
use api::contract::stats::{
    ConnectionTest, ConnectionTested, Connections, HeldToken, ListedConnection, PartnerNames, PushedAction,
};
use api::{Problem, Routed};
use bytes::Bytes;
use callback::examples::{self, Example};
use config::{Connection, Context};
use courier::call::{TokenTimes, token_note};
use courier::line_name;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use hub::Secret;
use hub::action::{Push, Reading};
use hub::audit::{Action, Ended, Touched};
use hub::breaker::{self, CircuitView, Health};
use hub::path::segments;
use hub::time::Rfc3339;
use inbound::count::count;
use inbound::entrance::{PushPath, Unverified};
use inbound::receive::{self, IncomingPush};
use inbound::trail;
use partners::configured::{ALL_ACTIONS, ActionRow};
use partners::title::Title;
use partners::{Json, Partner};
use queue::Queue;
use serde_json::json;
use store::Store;
use tokio::time::Instant;

use crate::statistics::Latest;
use crate::waiting::Waiting;
use crate::{PARALLEL, urls};

pub(crate) async fn list<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let mut waiting = Waiting::default();
    waiting.count_pending(context, caller).await?;
    let seen = context.config.connections.values().filter(|connection| caller.sees(&connection.id));
    let shown: Vec<_> = seen.map(|connection| shown(context, connection, &waiting)).collect();
    let connections = stream::iter(shown).buffered(PARALLEL).try_collect().await?;
    api::json(StatusCode::OK, &Connections { connections, complete: !waiting.is_cut })
}

async fn shown<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &Connection,
    waiting: &Waiting,
) -> Result<ListedConnection, Problem> {
    let (id, now) = (&connection.id, context.now());
    let token = context.store.note(&token_note(id)).await.map_err(|error| Problem::store(&error))?;
    let latest = Latest::read(context, id, |latest| latest.push.is_some()).await?;
    let token = token.and_then(|note| TokenTimes::of(&note, now));
    Ok(ListedConnection {
        id: id.clone(),
        partner: connection.partner.id(),
        names: connection.partner.is_configured().then(|| names(connection.partner)),
        actions: documented(connection).map(|example| pushed(connection, &example)).collect(),
        circuits: circuits(context, &line_name(connection)).await?,
        last_push: latest.push.map(Rfc3339),
        calls_waiting: waiting.calls.get(id).copied().unwrap_or_default(),
        token: token.map(|TokenTimes { obtained, expires }| HeldToken {
            obtained: Rfc3339(obtained),
            expires: Some(Rfc3339(expires)),
        }),
    })
}

/// The names that a described partner's file gives.
fn names(partner: Partner) -> PartnerNames {
    let actions = partner.push_table().into_iter().flat_map(|table| &table.actions);
    let about = partner.described().map(|own| &own.definition().operations);
    PartnerNames {
        partner: Title::of_names(partner.profile().names).into(),
        types: actions.map(|row| (&*row.event_type, Title::of_about(&row.about).into())).collect(),
        operations: about.into_iter().flatten().map(|row| (&*row.name, Title::of_about(&row.about).into())).collect(),
    }
}

/// The circuits of a destination.
pub(crate) async fn circuits<S: Store, Q>(context: &Context<S, Q>, line: &str) -> Result<Vec<CircuitView>, Problem> {
    let note = context.store.note(&breaker::note(line)).await.map_err(|error| Problem::store(&error))?;
    let health = note.map(|note| serde_json::from_str::<Health>(&note.value));
    let health = health.transpose().inspect_err(|error| {
        tracing::error!(line, %error, "the health of a destination cannot be read: it is shown as well");
    });
    Ok(health.ok().flatten().unwrap_or_default().circuits(context.now()))
}

/// The examples of the pushes of a connection's partner.
fn documented(connection: &Connection) -> impl Iterator<Item = Example> {
    let partner = connection.partner;
    let described = partner.push_table().into_iter().flat_map(|table| &table.actions).flat_map(move |row| {
        let suffix = row.suffix.as_deref().unwrap_or(ALL_ACTIONS);
        let own = row.examples.iter();
        own.map(move |own| Example { name: &own.name, partner, suffix, body: own.body.as_bytes() })
    });
    examples::all().into_iter().filter(move |example| example.partner == partner).chain(described)
}

/// The push of a body: as it is, or of a described partner in its notation and with its signature.
fn incoming<S, Q>(context: &Context<S, Q>, connection: &Connection, body: Bytes) -> IncomingPush {
    let plain = |body| IncomingPush { body, content_type: "application/json".to_owned(), ..IncomingPush::default() };
    let text = std::str::from_utf8(&body).ok();
    let credential = |name: &str| connection.credentials.get(name).map(Secret::expose);
    let now = context.now().0 / 1000;
    let sample = connection.partner.push_table().zip(text);
    let Some(Ok(sample)) = sample.map(|(table, text)| table.sample(text, &credential, now)) else { return plain(body) };
    let mut headers = HeaderMap::new();
    for (name, value) in sample.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    let content_type = sample.content_type.to_owned();
    IncomingPush { body: sample.body.into(), content_type, encoding: None, headers, query: sample.query }
}

/// An example, with the type of the event that it becomes at this connection.
fn pushed(connection: &Connection, example: &Example) -> PushedAction {
    let unknown = || format!("{}.unknown", connection.partner);
    let rows = connection.partner.push_table().map(|table| table.actions.iter());
    let has = |row: &&ActionRow| row.examples.iter().any(|own| own.name == example.name);
    if let Some(row) = rows.and_then(|mut rows| rows.find(has)) {
        return PushedAction { action: example.name, kind: row.event_type.clone() };
    }
    let action = callback::ACTIONS.into_iter().find(|action| action.suffix == example.suffix);
    let kind = action.zip(Json::parse(example.body).ok()).and_then(|(action, body)| {
        let push = Push { partner: connection.partner, body: &body, settings: &connection.settings };
        match (action.read)(&push) {
            Reading::Facts(facts) => facts.into_iter().next().map(|fact| fact.kind.to_string()),
            Reading::Malformed(_) => None,
        }
    });
    PushedAction { action: example.name, kind: kind.unwrap_or_else(unknown) }
}

/// Pushes an example, or another payload, by the connection's own key: from its path to its answer as the partner would.
pub(crate) async fn test<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    asked: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let connection = urls::named(&context.config, &asked)?;
    let ConnectionTest { action, payload } = api::body(&asked.request)?;
    let example = documented(connection).find(|example| example.name == action);
    let example = example.ok_or_else(|| unknown_action(connection))?;
    let path = urls::path(connection, example.suffix).ok_or_else(|| unknown_action(connection))?;
    let body = payload.map_or(Bytes::from_static(example.body), |payload| payload.get().to_owned().into());
    // Of several networks that pushes may come from, any will do.
    let peer = connection.allow_ips.first().map(ipnet::IpNet::addr);
    let segments = segments(&path);
    let request = json!({"connection": connection.id, "action": action});
    let begun = trail::begin(context, asked.caller.actor(), Action::Test, request).await;
    let begun = begun.map_err(|error| Problem::store(&error))?;
    let arrived = Instant::now();
    let push = Unverified::of(PushPath::of(&segments), &context.config, &Method::POST, peer, &callback::SERVED);
    let verified = push.and_then(|push| push.verify(&context.config));
    let (answer, events) = match verified {
        Ok(verified) => {
            let push = incoming(context, connection, body);
            receive::received(context, verified, push, arrived).await
        }
        Err(refused) => (refused.answer(context.now()), Vec::new()),
    };
    count(context, PushPath::of(&segments), answer.verdict, arrived.elapsed());
    tracing::info!(
        function = crate::NAME, connection = %connection.id, action, by = asked.caller.id, status = answer.status,
        "a connection was tested"
    );
    let touched = events.iter().cloned().map(Touched::event).collect();
    begun.end(context, Ended::with(answer.status), touched).await;
    let tested = ConnectionTested { status: answer.status, body: Original::of(&answer.body), events };
    api::json(StatusCode::OK, &tested)
}

fn unknown_action(connection: &Connection) -> Problem {
    let known: Vec<_> = documented(connection).map(|example| example.name).collect();
    let detail = if known.is_empty() {
        format!("{} pushes nothing", connection.partner)
    } else {
        format!("must be one of {}", known.join(", "))
    };
    Problem::field("action", detail)
}
