//! The ERP's side of the hub's port, for the commands that ask a hub that runs.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use config::{ApiKey, Config};
use http::Method;
use hub::{ConnectionId, Role};
use outbound::{Client, KeepAlive, Kind, Request, Sent, Trust};

use crate::{indent, out};

/// Longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1024 * 1024;

/// The hub's answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Prints it, indented where it is JSON. The exit code has the result, even if the output's reader has gone.
    pub(crate) fn print(&self) -> std::io::Result<()> {
        out::unless_closed(indent::print(&String::from_utf8_lossy(&self.body)))
    }
}

/// A key of the configuration that may see the connection and has the needed role.
pub(crate) fn key<'c>(config: &'c Config, connection: &ConnectionId, needed: Role) -> anyhow::Result<&'c ApiKey> {
    let sees = |key: &&ApiKey| {
        key.role.may(needed) && key.connections.iter().any(|pattern| pattern.matches(connection.as_str()))
    };
    let found = config.api_keys.iter().find(sees);
    found.with_context(|| {
        let lacking = format!("api_keys: none of them may see {connection} with the role {needed} or a greater one");
        format!("{lacking}, and the hub is asked with one of them")
    })
}

/// Asks the hub that runs.
pub(crate) async fn ask(
    config: &Config,
    key: &ApiKey,
    (method, path): (Method, &str),
    mut headers: Vec<(Cow<'static, str>, String)>,
    body: Bytes,
    timeout: Duration,
) -> anyhow::Result<Reply> {
    let address = reachable(config.listen);
    headers.push(("authorization".into(), format!("Bearer {}", key.key.expose())));
    let request = Request {
        method,
        url: format!("http://{address}{path}").parse()?,
        headers,
        body,
        timeout,
        allow_private: true,
        trust: Trust::default(),
        repeatable: false,
        limit: LONGEST,
    };
    match Client::new(KeepAlive::Never)?.send(request).await {
        Sent::Answered { status, body, .. } => Ok(Reply { status, body }),
        Sent::Failed { kind: Kind::Connect, .. } => {
            bail!("no hub is running at {address}: start one with `tongguan serve`, or say where it is with --listen")
        }
        Sent::Failed { text, .. } => bail!("the hub at {address} gave no answer: {text}"),
    }
}

/// Address of a hub on this machine that listens on that address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_listens_everywhere_is_found_here() {
        let found = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(found("0.0.0.0:8787"), "127.0.0.1:8787");
        assert_eq!(found("[::]:1"), "[::1]:1");
        assert_eq!(found("10.0.0.1:2"), "10.0.0.1:2");
    }
}
