//! The configuration without its secrets, as far as a key may see it.

use api::contract::{ConfigurationChange, FoundConfiguration};
use api::{Caller, Problem};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::routes::Pattern;
use hub::time::Rfc3339;
use hub::{ConnectionId, EndpointId};
use inbound::configured;
use serde_json::{Map, Value};
use store::Store;

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
) -> Result<Response<Bytes>, Problem> {
    let known = configured::known(&context.store).await.map_err(|error| Problem::store(&error))?;
    let config = &context.config;
    let (version, whole) = (config.shown.version(), &config.shown.file);
    let file = if caller.is_limited() { limited(whole, caller) } else { whole.clone() };
    let warnings = if caller.is_limited() { Vec::new() } else { config.warnings() };
    let known = known.unwrap_or_default();
    let since = (known.version == version).then_some(Rfc3339(known.since));
    let changes = known.changes.into_iter().filter_map(|change| {
        let mut keys = change.keys;
        keys.retain(|key| !caller.is_limited() || is_of(key, &file));
        (!keys.is_empty()).then_some(ConfigurationChange { at: Rfc3339(change.at), keys })
    });
    let changes = changes.collect();
    api::json(StatusCode::OK, &FoundConfiguration { version, since, file, warnings, changes })
}

/// The document without other tenants' tables: those connections, endpoints, watches and keys that the key may see, and what
/// stands at the top. A list that is not known here is left out.
fn limited(whole: &Value, caller: Caller<'_>) -> Value {
    let members = whole.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let Value::Array(tables) = value else { return Some((name.clone(), value.clone())) };
        let kept = tables.iter().filter_map(Value::as_object).filter(|table| is_seen(name, table, caller));
        let kept: Vec<_> = kept.map(|table| only_seen(table, caller)).collect();
        (!kept.is_empty()).then(|| (name.clone(), kept.into()))
    });
    Value::Object(members.collect())
}

/// Whether a key may see a table of the list of that name.
fn is_seen(list: &str, table: &Map<String, Value>, caller: Caller<'_>) -> bool {
    let text = |name: &str| table.get(name).and_then(Value::as_str).unwrap_or_default();
    match list {
        "connections" => caller.connection(text("id")).is_ok(),
        "endpoints" => caller.endpoint(&EndpointId::from(text("id"))).is_ok(),
        "watches" => caller.connection(text("connection")).is_ok(),
        "api_keys" => text("id") == caller.id,
        _ => false,
    }
}

/// A table without the patterns of its `connections` that fit none that the key may see.
fn only_seen(table: &Map<String, Value>, caller: Caller<'_>) -> Value {
    let mut table = table.clone();
    if let Some(Value::Array(patterns)) = table.get_mut("connections") {
        patterns.retain(|pattern| {
            let pattern = Pattern::new(pattern.as_str().unwrap_or_default().to_owned());
            caller.connections().map(ConnectionId::as_str).any(|connection| pattern.matches(connection))
        });
    }
    Value::Object(table)
}

/// Whether a changed key is of what is left of the document. One that was removed is of nothing, but for what stands at the top.
fn is_of(key: &str, file: &Value) -> bool {
    let mut parts = key.splitn(3, '.');
    let (list, id) = (parts.next().unwrap_or_default(), parts.next());
    match (file.get(list), id) {
        (Some(Value::Array(tables)), Some(id)) => tables.iter().any(|table| table["id"] == id),
        (Some(Value::Array(_)), None) | (None, Some(_)) => false,
        (Some(_), _) => true,
        (None, None) => !list.contains('['),
    }
}
