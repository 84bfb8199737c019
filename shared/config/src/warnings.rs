//! Warnings about an accepted configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use hub::address::is_public;
use hub::alert::Cause;
use hub::routes::{Pattern, Route, pushed};
use hub::{ConnectionId, EndpointId, Secret, event_types};
use partners::Partner;
use partners::operation::{self, Operation};
use partners::profile::Setting;
use partners::recipe::Signature;
use url::{Host, Url};

use super::values::{origin, print};
use super::{Config, Connection, Endpoint, Watching, is_readable_on_the_way};

/// Most operations that a warning names.
const NAMED: usize = 5;

pub(super) fn of(config: &Config) -> Vec<String> {
    let mut warnings: Vec<_> = config.noted.iter().map(ToString::to_string).collect();
    of_profile(config, &mut warnings);
    // A document of `[hub]` alone is that of an operator.
    let is_of_hub = config.hub.is_none() || !config.connections.is_empty() || !config.routes.is_empty();
    if config.connections.is_empty() && is_of_hub {
        warnings.push("there are no connections: nothing can be received".to_owned());
    }
    let has_endpoints = !config.routes.is_empty();
    if !has_endpoints && is_of_hub {
        warnings.push("there are no endpoints: events are kept but delivered nowhere".to_owned());
    }
    for connection in config.connections.values() {
        let id = &connection.id;
        of_calls(connection, &mut warnings);
        of_recovery(config, connection, &mut warnings);
        let is_wanted = config.routes.iter().any(|route| wants_of(route, id));
        if !is_wanted && has_endpoints {
            warnings.push(format!("no endpoint wants the events of connection {id}: they are delivered nowhere"));
        }
        for endpoint in wanting(config, id) {
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
        of_endpoint(config, endpoint, &mut warnings);
    }
    for route in &config.routes {
        of_route(config, route, &mut warnings);
    }
    of_duplicates(config, &mut warnings);
    of_watches(config, &mut warnings);
    of_alerts(config, &mut warnings);
    warnings
}

/// A warning about the hub of the operator's commands.
fn of_profile(config: &Config, warnings: &mut Vec<String>) {
    if let Some(hub) = config.hub.as_ref().filter(|hub| is_readable_on_the_way(&hub.url)) {
        warnings.push(format!("hub is at {} without TLS: its api_key can be read on the way", origin(&hub.url)));
    }
}

/// Warnings about alerts that cannot tell what they should, and about their addresses.
fn of_alerts(config: &Config, warnings: &mut Vec<String>) {
    for alert in &config.alerts {
        let id = &alert.rule.id;
        let is_counted = alert.rule.tells(Cause::PushLate) || alert.rule.tells(Cause::PushNotKept);
        if !config.statistics && is_counted {
            warnings.push(format!(
                "alert {id} cannot tell of push_late and push_not_kept without statistics: set statistics = true, or leave them out of causes"
            ));
        }
        if alert.allow_private {
            warnings.push(format!("alert {id} may be sent to private and loopback addresses (allow_private)"));
        } else if alert.url.as_ref().is_some_and(is_plainly_private) {
            warnings.push(format!(
                "alert {id} is sent to a private, loopback or reserved address, so every message fails: set allow_private = true"
            ));
        }
    }
}

/// Warnings about watches that begin with nothing, because an earlier one of the connection has all their types.
fn of_watches(config: &Config, warnings: &mut Vec<String>) {
    for (place, watching) in config.watches.iter().enumerate() {
        let has_all = |earlier: &Watching| {
            let is_same = earlier.connection == watching.connection;
            let has = |own: &Pattern| {
                let own = own.as_str().trim_end_matches('*');
                earlier.types.iter().any(|other| other.matches(own))
            };
            is_same && watching.types.iter().all(has)
        };
        if let Some(earlier) = config.watches.iter().take(place).position(has_all) {
            warnings.push(format!(
                "watches[{place}] never begins: watches[{earlier}] of the same connection has all its types; give both types of their own"
            ));
        }
    }
}

/// Warnings about failed pushes that are confirmed at the partner, and told to no endpoint.
fn of_recovery(config: &Config, connection: &Connection, warnings: &mut Vec<String>) {
    let recovery = connection.recover.as_ref().and(connection.partner.profile().calls.recovery);
    let Some(recovery) = recovery.filter(|_| !config.routes.is_empty()) else { return };
    let kind = recovery.event_type.into();
    if !config.routes.iter().any(|route| route.wants(&connection.id, &kind)) {
        let id = &connection.id;
        warnings.push(format!("no endpoint wants {kind} of connection {id}: what it recovers is delivered nowhere"));
    }
}

fn of_endpoint(config: &Config, endpoint: &Endpoint, warnings: &mut Vec<String>) {
    let (id, origin) = (&endpoint.id, origin(&endpoint.url));
    if config.inbox.is_some_and(|inbox| origin == format!("http://{inbox}")) {
        return;
    }
    if origin == format!("http://{}", config.listen) {
        warnings.push(format!(
            "endpoint {id} is the hub itself at {origin}, which takes no deliveries: give the ERP's url"
        ));
    }
    if endpoint.url.scheme() == "http" {
        warnings.push(format!("endpoint {id} is called at {origin} without TLS: events can be read on the way"));
    }
    if endpoint.allow_private {
        warnings.push(format!("endpoint {id} may be called at private and loopback addresses (allow_private)"));
    } else if is_plainly_private(&endpoint.url) {
        warnings.push(format!(
            "endpoint {id} is at a private, loopback or reserved address, so every delivery to it fails: set \
             allow_private = true"
        ));
    }
}

/// The types of an endpoint that no event of its connections can have.
fn of_route(config: &Config, route: &Route, warnings: &mut Vec<String>) {
    let own = |id: &ConnectionId| route.connections.iter().any(|pattern| pattern.matches(id.as_str()));
    let connections: Vec<_> = config.connections.values().filter(|connection| own(&connection.id)).collect();
    let mut partners: Vec<_> = connections.iter().map(|connection| connection.partner).collect();
    partners.sort_unstable();
    partners.dedup();
    // What takes everything that is pushed misses nothing.
    if partners.is_empty() || pushed(&config.partners).all(|pattern| route.types.contains(&pattern)) {
        return;
    }
    let comes = |pattern: &&Pattern| {
        let text = pattern.as_str();
        let of_partner = |partner: &Partner| {
            let begin = format!("{partner}.");
            text.starts_with(&begin) || event_types::of(*partner).any(|kind| pattern.matches(kind))
        };
        partners.iter().any(of_partner) || event_types::own().any(|kind| pattern.matches(kind))
    };
    let missed: Vec<_> = route.types.iter().filter(|pattern| !comes(pattern)).map(Pattern::as_str).collect();
    let nothing = missed.len() == route.types.len();
    for pattern in missed.into_iter().filter(|pattern| nothing || !pattern.ends_with('*')) {
        let id = &route.endpoint;
        warnings
            .push(format!("endpoint {id} wants {pattern}, which none of its connections sends: it gets no such event"));
    }
}

/// Warnings about duplicates that defeat their purpose.
fn of_duplicates(config: &Config, warnings: &mut Vec<String>) {
    let mut endpoints: BTreeMap<&str, &EndpointId> = BTreeMap::new();
    for endpoint in config.endpoints.values() {
        if let Some(first) = endpoints.insert(endpoint.url.as_str(), &endpoint.id) {
            let id = &endpoint.id;
            warnings
                .push(format!("endpoints {first} and {id} have the same url: what both want is delivered there twice"));
        }
    }
    let mut keys: Vec<(&Secret, &ConnectionId)> = Vec::new();
    for connection in config.connections.values() {
        let id = &connection.id;
        for key in &connection.keys {
            if let Some((_, first)) = keys.iter().find(|(other, _)| other.matches(key.expose())) {
                warnings.push(format!("connections {first} and {id} have a key in common: give each its own"));
            }
            keys.push((key, id));
        }
    }
    for api_key in &config.api_keys {
        if let Some((_, connection)) = keys.iter().find(|(key, _)| key.matches(api_key.key.expose())) {
            let id = &api_key.id;
            warnings
                .push(format!("the api_keys entry {id} is a key of connection {connection}, too: give each its own"));
        }
    }
}

/// Warnings about calls to a connection's partner.
fn of_calls(connection: &Connection, warnings: &mut Vec<String>) {
    let id = &connection.id;
    of_credentials(connection, warnings);
    let private = connection.base_url.as_ref().is_some_and(is_plainly_private);
    if let Some(url) = &connection.base_url {
        if url.scheme() == "http"
            && (!connection.credentials.is_empty() || !connection.unread.is_empty() || is_callable(connection))
        {
            let origin = origin(url);
            warnings.push(format!("connection {id} calls {origin} without TLS: credentials and data can be read"));
        }
        if !connection.allow_private && private {
            warnings.push(format!(
                "connection {id} is called at a private, loopback or reserved address, so every call fails: set \
                 allow_private = true"
            ));
        }
    }
    // If the base URL is such an address, the permission is intended.
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

/// The credentials that a connection lacks, and the operations that cannot be called for want of them.
fn of_credentials(connection: &Connection, warnings: &mut Vec<String>) {
    let (id, partner) = (&connection.id, connection.partner);
    if !is_signed(connection) {
        warnings.push(format!("connection {id} has no signature recipe: it receives, but {partner} cannot be called"));
        return;
    }
    let (mut lacking, mut blocked, mut all) = (BTreeSet::new(), Vec::new(), 0);
    for row in operation::of(partner) {
        let missing: Vec<_> = needed(row).filter(|name| !has(connection, name)).collect();
        if !missing.is_empty() {
            blocked.push(row.name);
        }
        lacking.extend(missing);
        all += 1;
    }
    if blocked.is_empty() {
        return;
    }
    let lacking = lacking.into_iter().collect::<Vec<_>>().join(" and no ");
    let what = match blocked.get(..NAMED) {
        _ if blocked.len() == all => format!("none of {partner}'s operations"),
        Some(named) => format!("{} and {} other operations", named.join(", "), blocked.len() - NAMED),
        None => blocked.join(", "),
    };
    warnings.push(format!(
        "connection {id} has no {lacking}: {what} can{} be called",
        if blocked.len() == all { "" } else { "not" }
    ));
}

/// Names of the credentials that an operation needs: those that it sends, and those that it is signed by.
fn needed(row: &Operation<'_>) -> impl Iterator<Item = &'static str> + use<> {
    let sent = row.credentials.iter().filter(|credential| credential.documented).map(|credential| credential.name);
    let signature = row.told.and_then(|told| told.signature.as_ref());
    sent.chain(signature.into_iter().flat_map(Signature::credentials))
}

fn has(connection: &Connection, name: &str) -> bool {
    connection.credentials.contains_key(name) || connection.unread.contains(name)
}

/// Whether calls to a connection's partner can be signed: where its rules are not public, they are configuration.
fn is_signed(connection: &Connection) -> bool {
    !connection.partner.profile().has(Setting::Recipes) || connection.settings.signature.is_some()
}

/// Whether a connection has what some operation of its partner needs. One that only receives has not.
fn is_callable(connection: &Connection) -> bool {
    let mut rows = operation::of(connection.partner);
    is_signed(connection) && rows.any(|row| needed(row).all(|name| has(connection, name)))
}

/// The endpoints that want something of a connection.
fn wanting<'c>(config: &'c Config, connection: &'c ConnectionId) -> impl Iterator<Item = &'c Endpoint> {
    let wants = move |endpoint: &EndpointId| {
        let mut routes = config.routes.iter().filter(move |route| route.endpoint == *endpoint);
        routes.any(|route| wants_of(route, connection))
    };
    config.endpoints.values().filter(move |endpoint| wants(&endpoint.id))
}

/// Whether a route wants something of a connection.
fn wants_of(route: &Route, connection: &ConnectionId) -> bool {
    route.connections.iter().any(|pattern| pattern.matches(connection.as_str()))
}

/// Longest time that an endpoint's retries take.
fn retries(endpoint: &Endpoint) -> Duration {
    (0..endpoint.schedule.steps()).filter_map(|step| endpoint.schedule.delay(step, 1.0)).sum()
}

/// Whether a URL names an address that is not called unless that is allowed, without a look-up. What a name resolves to
/// is seen when it is called.
fn is_plainly_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(v4)) => !is_public(IpAddr::V4(v4)),
        Some(Host::Ipv6(v6)) => !is_public(IpAddr::V6(v6)),
        None => false,
    }
}
