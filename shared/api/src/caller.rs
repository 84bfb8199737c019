//! Who asks, and what they may see.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use hub::ConnectionId;
use hub::routes::Pattern;
use runtime::config::Config;

use crate::Problem;
use crate::invocation::Invoked;

/// The sender of a request. Made by [`caller`] and [`asking`] alone.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The key's name, for logs.
    pub id: &'c str,
    /// What it may see; without a list, everything.
    connections: Option<&'c [Pattern]>,
}

impl Caller<'_> {
    /// Whether the key may see and use that connection.
    #[must_use]
    pub fn sees(&self, connection: &ConnectionId) -> bool {
        self.connections.is_none_or(|seen| seen.iter().any(|pattern| pattern.matches(connection.as_str())))
    }

    /// The connection of that name. One that the key may not see is as good as absent.
    pub fn connection(&self, name: &str) -> Result<ConnectionId, Problem> {
        let connection = ConnectionId::from(name);
        let found = self.sees(&connection).then_some(connection);
        let missing = "there is no such connection, or the key may not see it";
        found.ok_or_else(|| Problem::missing(missing).unconfigured())
    }
}

/// Who sent `Authorization: Bearer <key>`. Every key is compared, each in constant time.
pub fn caller<'c>(config: &'c Config, headers: &HeaderMap) -> Result<Caller<'c>, Problem> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim());
    let matching = config.api_keys.iter().filter(|key| key.key.matches(token));
    let found = matching.fold(None, |_, key| Some(Caller { id: &key.id, connections: Some(&key.connections) }));
    found.ok_or_else(Problem::unauthorized)
}

/// The sender of a request: by its key, or a direct invocation, which needs none and sees everything.
pub fn asking<'c, B>(config: &'c Config, request: &Request<B>) -> Result<Caller<'c>, Problem> {
    if request.extensions().get::<Invoked>().is_some() {
        return Ok(Caller { id: "invocation", connections: None });
    }
    caller(config, request.headers())
}

/// The answer to a request that nobody may make, told by its head: its body need not be read.
#[must_use]
pub fn refusal(function: &'static str, config: &Config, headers: &HeaderMap) -> Option<Response<Bytes>> {
    caller(config, headers).err().map(|problem| problem.answer(function))
}
