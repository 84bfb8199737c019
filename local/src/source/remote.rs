//! A hub that is asked over HTTP, with one of its API keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use ::hub::{ConnectionId, Role, Secret};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use config::{Config, Profile};
use http::Method;
use outbound::{Attached, Client, KeepAlive, Request, Sent, Trust};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::{Asked, Problem, Reply};
use crate::exposure::lets_others;
use crate::language;

/// Characters that are encoded in a segment of a path.
const SPECIAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

/// Longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1024 * 1024;

/// Timeout for an answer: a gateway's is half a minute, and a hub on one machine may read a large ledger.
const PATIENCE: Duration = Duration::from_mins(2);

/// A hub.
pub(crate) struct Remote {
    client: Client,
    pub(super) url: Base,
    pub(super) key: Key,
    trust: Trust,
    /// Remedy where it cannot be reached.
    remedy: &'static str,
}

/// An API key, and where it is from.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    secret: Secret,
    pub(super) place: String,
}

/// A URL that paths are appended to. Prints without a slash at its end.
#[derive(Clone, Debug)]
pub(super) struct Base(Url);

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Key {
    /// The key in a file. Warns where others can read it.
    pub(crate) fn in_file(path: &Path) -> anyhow::Result<Self> {
        let secret = config::api_key_in(path).map_err(|error| anyhow::anyhow!("--api-key-file: {error}"))?;
        if lets_others(path, 0o6) {
            tell!("warning: others on this machine can read the key in {}: chmod 600 it", path.display());
        }
        Ok(Self { secret, place: format!("the file {}", path.display()) })
    }

    /// A key of this machine's hub that may see the connection, and has the needed role.
    fn of_config(config: &Config, connection: &ConnectionId, needed: Role) -> anyhow::Result<Self> {
        let sees = |key: &&config::ApiKey| {
            key.role.may(needed) && key.connections.iter().any(|pattern| pattern.matches(connection.as_str()))
        };
        let found = config.api_keys.iter().find(sees).with_context(|| {
            let lacking =
                format!("api_keys: none of them may see {connection} with the role {needed} or a greater one");
            format!("{lacking}, and the hub is asked with one of them")
        })?;
        Ok(Self { secret: found.key.clone(), place: format!("{} in api_keys of the configuration", found.id) })
    }
}

impl Remote {
    fn new(url: Url, key: Key, trust: Trust, remedy: &'static str) -> anyhow::Result<Self> {
        if config::is_readable_on_the_way(&url) {
            tell!("warning: {} is asked without TLS: others on the way can read the API key", Base(url.clone()));
        }
        Ok(Self { client: Client::new(KeepAlive::Brief)?, url: Base(url), key, trust, remedy })
    }

    /// The hub at a URL, with its key.
    pub(crate) fn at(url: Url, key: Key) -> anyhow::Result<Self> {
        Self::new(url, key, Trust::default(), "look at its URL, and whether it runs")
    }

    /// The hub of a profile, with another key where one is given.
    pub(crate) fn of(profile: Profile, key: Option<Key>) -> anyhow::Result<Self> {
        let Profile { url, api_key, trust } = profile;
        let key = key.unwrap_or_else(|| Key { secret: api_key, place: "[hub] in the configuration".to_owned() });
        Self::new(url, key, courier::trust(&trust), "look at url of [hub], and whether it runs")
    }

    /// The hub that runs on this machine, with a key for what is to be done at a connection.
    pub(crate) fn here(config: &Config, connection: &ConnectionId, needed: Role) -> anyhow::Result<Self> {
        let key = Key::of_config(config, connection, needed)?;
        let url = format!("http://{}", reachable(config.listen)).parse()?;
        let remedy =
            "no hub is running there: start one with `tongguan serve`, or say where it is with --listen or --hub";
        // The address is in the configuration, and nothing leaves this machine unless that says so.
        Ok(Self { client: Client::new(KeepAlive::Never)?, url: Base(url), key, trust: Trust::default(), remedy })
    }

    pub(super) async fn ask(&self, asked: &Asked) -> anyhow::Result<Reply> {
        self.ask_for(asked, PATIENCE).await
    }

    /// The problem of an answer that says nothing of what was asked: the key is wrong, or this is no hub.
    pub(crate) fn refusal(&self, reply: &Reply) -> Option<Problem> {
        let problem = || Problem::read(reply.status, &reply.body, Some(self));
        match reply.status {
            200..=299 => None,
            401 | 403 => Some(problem()),
            _ => Some(problem()).filter(|problem| !problem.is_of_hub()),
        }
    }

    /// Asks, and waits so long for the answer.
    pub(crate) async fn ask_for(&self, asked: &Asked, timeout: Duration) -> anyhow::Result<Reply> {
        let mut headers: Vec<(Cow<'static, str>, String)> = vec![
            ("authorization".into(), format!("Bearer {}", self.key.secret.expose())),
            ("accept-language".into(), language::of_user().to_owned()),
        ];
        headers.extend(asked.headers.iter().map(|(name, value)| ((*name).into(), value.clone())));
        self.sent(Request {
            method: asked.method.clone(),
            url: url(&self.url.0, asked),
            headers,
            body: asked.body.clone(),
            attached: None,
            sink: None,
            timeout,
            allow_private: true,
            trust: self.trust.clone(),
            repeatable: asked.method == Method::GET,
            limit: LONGEST,
        })
        .await
    }

    /// Puts content where the hub has said that it goes: to itself, with the key, or elsewhere without it.
    pub(crate) async fn put(
        &self,
        to: &str,
        headers: BTreeMap<String, String>,
        content: Attached,
    ) -> anyhow::Result<Reply> {
        let elsewhere = Url::parse(to).ok();
        let url = match &elsewhere {
            Some(url) => url.clone(),
            None => url(&self.url.0, &Asked::get(&to.split('/').collect::<Vec<_>>())),
        };
        let key = elsewhere.is_none().then(|| ("authorization".into(), format!("Bearer {}", self.key.secret.expose())));
        // The client writes the length itself.
        let headers = headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        self.sent(Request {
            method: Method::PUT,
            url,
            headers: headers.map(|(name, value)| (name.into(), value)).chain(key).collect(),
            body: Bytes::new(),
            attached: Some(content),
            sink: None,
            timeout: PATIENCE,
            allow_private: true,
            trust: self.trust.clone(),
            repeatable: false,
            limit: LONGEST,
        })
        .await
    }

    async fn sent(&self, request: Request) -> anyhow::Result<Reply> {
        match self.client.send(request).await {
            Sent::Answered { status, body, .. } if body.len() < LONGEST => Ok(Reply { status, body }),
            Sent::Answered { .. } => bail!("the answer of {} is larger than 64 MB", self.url),
            Sent::Failed { kind, text, .. } => {
                use outbound::Kind;
                let remedy = match kind {
                    Kind::Connect | Kind::Resolve => format!("; {}", self.remedy),
                    Kind::Unsendable | Kind::Refused | Kind::Exhausted | Kind::Timeout | Kind::Broken => String::new(),
                };
                bail!("the hub at {} cannot be asked: {text}{remedy}", self.url)
            }
        }
    }
}

/// The URL of a request below a base.
pub(super) fn url(base: &Url, asked: &Asked) -> Url {
    let mut url = base.clone();
    // By hand: `Url` leaves line breaks and tabs out, and business keys may hold some.
    let path = asked.path.iter().map(|segment| utf8_percent_encode(segment, SPECIAL).to_string());
    let path: Vec<_> = std::iter::once(base.path().trim_end_matches('/').to_owned()).chain(path).collect();
    url.set_path(&path.join("/"));
    if !asked.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&asked.query);
    }
    url
}

/// Address of a hub on this machine that listens on that address.
pub(crate) fn reachable(listen: std::net::SocketAddr) -> std::net::SocketAddr {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    std::net::SocketAddr::new(ip, listen.port())
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

    #[test]
    fn path_goes_behind_the_one_of_the_url() {
        for base in ["https://x.example.com/prod", "https://x.example.com/prod/"] {
            let asked =
                Asked::get(&["events", "xhq-sh", "order:通/1\n%"]).with("limit", Some(5)).with("from", None::<String>);
            let found = url(&base.parse().unwrap(), &asked);
            assert_eq!(found.as_str(), "https://x.example.com/prod/events/xhq-sh/order:%E9%80%9A%2F1%0A%25?limit=5");
            assert_eq!(Base(base.parse().unwrap()).to_string(), "https://x.example.com/prod");
        }
        let root = url(&"http://127.0.0.1:8787".parse().unwrap(), &Asked::get(&["ledger"]));
        assert_eq!(root.as_str(), "http://127.0.0.1:8787/ledger");
    }
}
