//! What a configuration accepts but its operator should know.

use std::time::Duration;

use hub::{ConnectionId, EndpointId};
use partners::Partner;
use partners::operation::{self, Credential};
use url::{Host, Url};

use super::values::{origin, print};
use super::{Config, Connection, Endpoint};

pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.connections.is_empty() {
        warnings.push("there are no connections: nothing can be received".to_owned());
    }
    if config.endpoints.is_empty() {
        warnings.push("there are no endpoints: events are kept but delivered nowhere".to_owned());
    }
    for connection in config.connections.values() {
        let id = &connection.id;
        of_calls(connection, &mut warnings);
        let wanting: Vec<_> = wanting(config, id).collect();
        if wanting.is_empty() && !config.endpoints.is_empty() {
            warnings.push(format!("no endpoint wants the events of connection {id}: they are delivered nowhere"));
        }
        for endpoint in wanting {
            let span = retries(endpoint);
            if span >= connection.retention {
                warnings.push(format!(
                    "events of connection {id} expire after {} but endpoint {} retries for {}: raise retention_days",
                    print(connection.retention),
                    endpoint.id,
                    print(Duration::from_secs(span.as_secs()))
                ));
            }
        }
    }
    for endpoint in config.endpoints.values() {
        let (id, origin) = (&endpoint.id, origin(&endpoint.url));
        if config.inbox.is_some_and(|inbox| origin == format!("http://{inbox}")) {
            continue;
        }
        if endpoint.url.scheme() == "http" {
            warnings.push(format!("endpoint {id} is called at {origin} without TLS: events can be read on the way"));
        }
        if endpoint.allow_private {
            warnings.push(format!("endpoint {id} may be called at private and loopback addresses (allow_private)"));
        } else if is_plainly_private(&endpoint.url) {
            warnings.push(format!(
                "endpoint {id} is at a private address, so every delivery to it fails: set allow_private = true"
            ));
        }
    }
    for route in &config.routes {
        for pattern in &route.connections {
            if !config.connections.keys().any(|id| pattern.matches(id.as_str())) && !config.connections.is_empty() {
                let endpoint = &route.endpoint;
                warnings.push(format!("endpoint {endpoint} has a pattern in connections that fits none of them"));
            }
        }
    }
    warnings
}

/// What is to be known about calls to a connection's partner.
fn of_calls(connection: &Connection, warnings: &mut Vec<String>) {
    let id = &connection.id;
    let private = connection.base_url.as_ref().is_some_and(is_plainly_private);
    if let Some(url) = &connection.base_url {
        if url.scheme() == "http" && (!connection.credentials.is_empty() || is_callable(connection)) {
            let origin = origin(url);
            warnings.push(format!("connection {id} calls {origin} without TLS: credentials and data can be read"));
        }
        if !connection.allow_private && private {
            warnings.push(format!(
                "connection {id} is called at a private address, so every call fails: set allow_private = true"
            ));
        }
    }
    // Where the base URL is such an address, it is what was meant.
    if connection.allow_private && !private {
        warnings.push(format!("connection {id} may be called at private and loopback addresses (allow_private)"));
    }
    if connection.allow_private_files {
        warnings.push(format!(
            "files for connection {id} may be fetched from private and loopback addresses (allow_private_files): whoever \
             holds an API key can have the hub read its network"
        ));
    }
}

/// Whether a connection has what some operation of its partner needs. One that only receives has not.
fn is_callable(connection: &Connection) -> bool {
    let partner = connection.partner;
    let has = |credential: &Credential| !credential.documented || connection.credentials.contains_key(credential.name);
    let signed = partner != Partner::OneData || connection.settings.signature.is_some();
    signed && operation::all().any(|row| row.partner == partner && row.credentials.iter().all(has))
}

/// The endpoints that want something of a connection.
fn wanting<'c>(config: &'c Config, connection: &'c ConnectionId) -> impl Iterator<Item = &'c Endpoint> {
    let wants = move |endpoint: &EndpointId| {
        let mut routes = config.routes.iter().filter(move |route| route.endpoint == *endpoint);
        routes.any(|route| route.connections.iter().any(|pattern| pattern.matches(connection.as_str())))
    };
    config.endpoints.values().filter(move |endpoint| wants(&endpoint.id))
}

/// How long an endpoint's retries go on at the most.
fn retries(endpoint: &Endpoint) -> Duration {
    (0..endpoint.schedule.steps()).filter_map(|step| endpoint.schedule.delay(step, 1.0)).sum()
}

/// Whether a URL names a private address without a look-up. What a name resolves to is seen when it is called.
fn is_plainly_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        Some(Host::Ipv6(v6)) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified()
        }
        None => false,
    }
}
