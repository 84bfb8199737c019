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
}

impl Default for Server {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(75),
            connections: 1_024,
            connections_per_address: 256,
            body_budget: 64 * MEGABYTE,
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
    table.close(&[]);
    Some(Server {
        idle_timeout: idle_timeout?,
        connections: connections?,
        connections_per_address: per_address?,
        body_budget: budget?,
    })
}
