//! `[server]`: how the local hub's port treats connections.

use std::time::Duration;

use super::reader::{Item, Table};

/// Limits of the connections to the local hub's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Longest idle time of a connection between two requests. Proxies keep theirs for a minute and must not find them
    /// closed while they send.
    pub idle_timeout: Duration,
    /// Most connections. A quarter is kept for those that have shown a right key.
    pub connections: usize,
    /// Most connections of one address that have not shown a right key.
    pub connections_per_address: usize,
    /// Most bytes of large bodies in memory at once.
    pub body_budget: usize,
    /// Most requests in progress of one connection's keys, and of one API key.
    pub requests_per_key: usize,
    /// Most changes that wait for the store before new events are refused.
    pub writes_waiting: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(75),
            connections: 1_024,
            connections_per_address: 256,
            body_budget: 64 * MEGABYTE,
            requests_per_key: 256,
            writes_waiting: 4_096,
        }
    }
}

const MEGABYTE: usize = 1024 * 1024;

pub(super) fn read(mut table: Table<'_>) -> Option<Server> {
    let usual = Server::default();
    let idle_timeout = table.or("idle_timeout", usual.idle_timeout, Item::duration);
    let count = |item: &Item<'_>| usize::try_from(item.integer()?).ok();
    let connections = table.or("connections", usual.connections, count);
    let per_address = table.or("connections_per_address", usual.connections_per_address, count);
    let budget = table.or("body_budget_mb", usual.body_budget, |item| Some(count(item)? * MEGABYTE));
    let per_key = table.or("requests_per_key", usual.requests_per_key, count);
    let writes = table.or("writes_waiting", usual.writes_waiting, count);
    table.close(&[]);
    Some(Server {
        idle_timeout: idle_timeout?,
        connections: connections?,
        connections_per_address: per_address?,
        body_budget: budget?,
        requests_per_key: per_key?,
        writes_waiting: writes?,
    })
}
