//! `[server]`: how the local hub's port treats connections.

use std::time::Duration;

use super::reader::Table;

/// How the local hub's port treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// How long a connection may be idle between two requests. Proxies keep theirs for a minute and must not find them
    /// closed while they send.
    pub idle_timeout: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self { idle_timeout: Duration::from_secs(75) }
    }
}

pub(super) fn read(mut table: Table<'_>) -> Option<Server> {
    let usual = Server::default();
    let idle_timeout = table
        .or("idle_timeout", usual.idle_timeout, |item| item.duration(Duration::from_secs(1)..=Duration::from_hours(1)));
    table.close(&[]);
    Some(Server { idle_timeout: idle_timeout? })
}
