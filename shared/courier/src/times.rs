//! Durations of attempts and of their leases.

use std::time::Duration;

use config::{Config, Connection, Endpoint};
use hub::files::LARGEST;
use hub::schedule::Schedule;
use hub::set_back::Waits;
use hub::{ConnectionId, EndpointId, watch};
use outbound::allowance;
use partners::operation::enclosure::Enclosure;
use partners::operation::needs_token;

use crate::files;

/// Time beyond its timeout that an attempt may take, with what is read before it or stored after it.
pub(crate) const MARGIN: Duration = Duration::from_secs(2);

/// Longest time for which a claimed command waits for its place at its connection's rate; it is postponed for longer ones.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Schedule of destinations that the configuration does not know.
static NO_RETRY: Schedule = Schedule::new(Vec::new());

/// Longest time of an attempt at a delivery, with what is read before and stored after it.
pub(crate) fn delivery(endpoint: &Endpoint) -> Duration {
    endpoint.timeout + 2 * MARGIN
}

/// Longest time of an attempt at a call, with what is read before and stored after it: for the call itself, for its file, and
/// for a token, which another process may be asking for.
pub(crate) fn call(connection: &Connection, file: bool) -> Duration {
    let token = needs_token(connection.partner, &connection.settings);
    connection.timeout * (1 + u32::from(file) + 3 * u32::from(token)) + PATIENCE + 2 * MARGIN
}

/// Longest time that the transfer of a call's file adds to an attempt: to the hub where it is fetched, and to the partner.
pub(crate) fn transfer(file: Option<&Enclosure>) -> Duration {
    match file {
        // As large as a request, at the most.
        None | Some(Enclosure::Inline { .. } | Enclosure::Upload { .. }) => Duration::ZERO,
        Some(Enclosure::Kept { bytes, .. }) => allowance((*bytes).min(LARGEST)),
        Some(Enclosure::At { .. }) => 2 * allowance(LARGEST),
    }
}

/// [`of_connection`] with the longest claim that any of its calls may have: with the largest file.
pub(crate) fn furthest_of_connection<'c>(config: &'c Config, connection: &ConnectionId) -> Waits<'c> {
    let waits = of_connection(config, connection);
    Waits { lease: waits.lease + 2 * allowance(LARGEST), ..waits }
}

/// Lease and schedule of the deliveries to an endpoint.
pub(crate) fn of_endpoint<'c>(config: &'c Config, endpoint: &EndpointId) -> Waits<'c> {
    let every = config.sweep_every;
    config.endpoints.get(endpoint).map_or(Waits { lease: every, schedule: &NO_RETRY }, |endpoint| Waits {
        lease: every.max(delivery(endpoint)),
        schedule: &endpoint.schedule,
    })
}

/// Lease and schedule of the calls of a connection. The lease is for a file, a token and the call, each with its own timeout.
pub(crate) fn of_connection<'c>(config: &'c Config, connection: &ConnectionId) -> Waits<'c> {
    let every = config.sweep_every;
    config.connections.get(connection).map_or(Waits { lease: every, schedule: &NO_RETRY }, |connection| Waits {
        lease: every.max(connection.timeout * 3 + PATIENCE + 2 * MARGIN),
        schedule: &connection.schedule,
    })
}

/// Longest time until a look at a watch is due.
pub(crate) fn longest_watch(config: &Config) -> Duration {
    let waits = config.watches.iter().map(|watching| watching.rules().longest_wait());
    waits.max().unwrap_or_else(|| watch::Rules::NONE.longest_wait())
}

/// Longest lease that a configuration gives.
#[must_use]
pub fn longest_lease(config: &Config) -> Duration {
    let deliveries = config.endpoints.keys().map(|id| of_endpoint(config, id).lease);
    let calls = config.connections.keys().map(|id| furthest_of_connection(config, id).lease);
    let files = config.connections.values().any(|connection| connection.files).then_some(files::LEASE);
    deliveries.chain(calls).chain(files).max().unwrap_or_default().max(config.sweep_every)
}
