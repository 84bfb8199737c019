//! Who asks, and what they may see.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Response};
use hub::ConnectionId;
use hub::routes::Pattern;
use runtime::config::Config;

use crate::Problem;

/// The bearer of one of the configuration's `api_keys`. Only [`caller`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The key's name, for logs.
    pub id: &'c str,
    connections: &'c [Pattern],
}

impl Caller<'_> {
    /// Whether the key may see and use that connection.
    #[must_use]
    pub fn sees(&self, connection: &ConnectionId) -> bool {
        self.connections.iter().any(|pattern| pattern.matches(connection.as_str()))
    }

    /// The connection of that name. One that the key may not see is as good as absent.
    pub fn connection(&self, name: &str) -> Result<ConnectionId, Problem> {
        let connection = ConnectionId::from(name);
        let found = self.sees(&connection).then_some(connection);
        found.ok_or_else(|| Problem::missing("there is no such connection, or the key may not see it"))
    }
}

/// Who sent `Authorization: Bearer <key>`. Every key is compared, each in constant time.
pub fn caller<'c>(config: &'c Config, headers: &HeaderMap) -> Result<Caller<'c>, Problem> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim());
    let matching = config.api_keys.iter().filter(|key| key.key.matches(token));
    let found = matching.fold(None, |_, key| Some(Caller { id: &key.id, connections: &key.connections }));
    found.ok_or_else(Problem::unauthorized)
}

/// The answer to a request that nobody may make, told by its head: its body need not be read.
#[must_use]
pub fn refusal(function: &'static str, config: &Config, headers: &HeaderMap) -> Option<Response<Bytes>> {
    caller(config, headers).err().map(|problem| problem.answer(function))
}
