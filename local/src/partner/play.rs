//! `tongguan partner` by itself: simulated partners at the addresses that the configuration calls on this machine.

use std::future::pending;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use config::{Config, Connection};
use futures::future::join_all;
use hub::ConnectionId;
use hub::printable::Word;
use simulators::api::{self, Account, Fault, Running};

#[derive(Debug, Args)]
pub(crate) struct Play {
    /// Simulate only the partners of these connections
    connections: Vec<ConnectionId>,
    /// Process every request and never answer: calls that cannot be repeated become ambiguous
    #[arg(long)]
    drop_answers: bool,
}

/// Simulates the partner until the process is stopped, and prints every request.
pub(crate) async fn run(config: &Config, play: Play) -> anyhow::Result<ExitCode> {
    for id in &play.connections {
        ensure!(config.connections.contains_key(id), "the configuration has no connection {id}");
    }
    let mut played = Vec::new();
    for connection in config.connections.values() {
        let asked = play.connections.contains(&connection.id);
        match address(connection) {
            Some(address) if asked || play.connections.is_empty() => {
                let partner = start(connection, address).await?;
                let _ = say!("{} simulated for {} at {address}", connection.partner, connection.id);
                if play.drop_answers {
                    partner.behave(Fault::DropsAnswer);
                }
                played.push((&connection.id, partner));
            }
            None if asked => {
                let id = &connection.id;
                anyhow::bail!("{id}: its base_url is not plain http at an address of this machine");
            }
            Some(_) | None => {}
        }
    }
    ensure!(!played.is_empty(), "no connection has a base_url of plain http at an address of this machine");
    let _ = say!("These are simulations by the partners' documents: nothing reaches a partner. Ctrl-C ends them.");
    tokio::select! {
        _ = join_all(played.iter().map(|(id, partner)| tell(id, partner))) => {}
        done = tokio::signal::ctrl_c() => done?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Address of the connection's partner, if it is on this machine.
pub(crate) fn address(connection: &Connection) -> Option<SocketAddr> {
    let url = connection.base_url.as_ref().filter(|url| url.scheme() == "http")?;
    let found = url.socket_addrs(|| None).ok()?;
    found.into_iter().find(|address| address.ip().is_loopback())
}

async fn start(connection: &Connection, address: SocketAddr) -> anyhow::Result<Running> {
    let account = Account { credentials: &connection.credentials, paths: &connection.settings.paths };
    let started = api::start(connection.partner, address, telemetry::system_clock(), account).await;
    let played = started.with_context(|| format!("{}: cannot listen on {address}", connection.id))?;
    let url = &played.url;
    let here = connection.base_url.as_ref().map(|url| url.path().trim_end_matches('/'));
    let there = url.splitn(4, '/').nth(3).map_or(String::new(), |path| format!("/{}", path.trim_end_matches('/')));
    ensure!(here == Some(there.as_str()), "{}: the simulated partner is at {url}: set base_url so", connection.id);
    Ok(played)
}

/// Prints every request.
async fn tell(id: &ConnectionId, partner: &Running) {
    for number in 1.. {
        let requests = partner.received(number).await;
        let Some(request) = requests.get(number - 1) else { return pending().await };
        let done = match &request.wrong {
            None if request.processed => "done".to_owned(),
            None => "not done".to_owned(),
            Some(why) => format!("refused: {why}"),
        };
        let answer = request.answered.map_or_else(|| "no answer".to_owned(), |status| format!("answered {status}"));
        let _ = say!("{id}: {} ({} bytes): {done}, {answer}", Word(&request.operation), request.body.len());
    }
}
