//! The API key of a request, and the connections that it may see.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use config::Config;
use http::Request;
use http::header::AUTHORIZATION;
use http::request::Parts;
use hub::audit::{COMMAND_LINE, Entry, EntryView};
use hub::routes::Pattern;
use hub::shipment::KINDS;
use hub::slip::slip_of;
use hub::{ConnectionId, EndpointId, Role, Secret};
use inbound::trail::Actor;
use partners::Partner;
use partners::profile::Pushes;
use serde::Serialize;
use store::Source;

use crate::invocation::Keyless;
use crate::request::{listed, quoted};
use crate::{Problem, Seal};

/// Name of the sender of a direct invocation, which IAM allows and no key.
pub const INVOCATION: &str = "invocation";

/// The sender of a direct invocation as the audit trail has it.
pub const INVOKER: Actor<'static> = Actor { key: INVOCATION, role: Some(Role::Erp) };

/// The longest time for which a connection may keep its events.
const LONGEST_RETENTION: Duration = Duration::from_hours(3650 * 24);

/// No connections.
const NONE: &BTreeSet<ConnectionId> = &BTreeSet::new();

/// The kinds of the subjects of a connection that is not configured any more: all, because its partner is not known.
static ANY_KIND: LazyLock<Vec<&str>> = LazyLock::new(|| KINDS.iter().map(|(kind, _)| *kind).collect());

/// Marks a request of the command line, which reads the store itself and needs no key. `removed` are the connections that have
/// events in the store and are not configured any more.
#[must_use]
pub fn at_the_store(mut request: Request<Bytes>, removed: &'static BTreeSet<ConnectionId>) -> Request<Bytes> {
    request.extensions_mut().insert(Keyless::CommandLine(removed));
    request
}

/// The sender of a request. Made of a key that is right, of a direct invocation, or of the command line.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'c> {
    /// The key's name, for logs and for what is kept of a decision.
    pub id: &'c str,
    /// The key's role.
    pub role: Role,
    /// Whether there is a role that the audit trail has.
    has_role: bool,
    /// Connections that are seen although they are not configured any more.
    removed: &'c BTreeSet<ConnectionId>,
    /// Connections that it may see; all without a list.
    connections: Option<&'c [Pattern]>,
    /// Secret that its cursors are sealed with; without one, they are sealed with all keys.
    secret: Option<&'c Secret>,
    config: &'c Config,
}

impl<'c> Caller<'c> {
    /// 403 unless the key's role includes that one.
    pub fn may(&self, needed: Role) -> Result<(), Problem> {
        if self.role.may(needed) { Ok(()) } else { Err(Problem::forbidden(self.id, self.role, needed)) }
    }

    /// The sender as the audit trail has it.
    #[must_use]
    pub const fn actor(&self) -> Actor<'c> {
        Actor { key: self.id, role: if self.has_role { Some(self.role) } else { None } }
    }

    /// An entry of the audit trail as this key may see it, if at all.
    #[must_use]
    pub fn audited(&self, entry: Entry) -> Option<EntryView> {
        if self.is_limited() {
            EntryView::limited(entry, self.id, |connection| self.sees(connection))
        } else {
            Some(EntryView::whole(entry))
        }
    }

    /// Whether the key is limited to some connections, configured or not.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.connections.is_some_and(|seen| !seen.iter().any(|pattern| pattern.as_str() == "*"))
    }

    /// The configured connections that the key may see, in the order of their names.
    pub fn connections(&self) -> impl Iterator<Item = &'c ConnectionId> {
        let (config, caller) = (self.config, *self);
        config.connections.keys().filter(move |connection| caller.sees(connection))
    }

    /// The connections of which it may see what is stored: the configured ones, and to the command line those that are so no
    /// longer.
    pub fn known(&self) -> impl Iterator<Item = &'c ConnectionId> {
        self.connections().chain(self.removed)
    }

    /// Whether the key may see and use that connection.
    #[must_use]
    pub fn sees(&self, connection: &ConnectionId) -> bool {
        self.connections.is_none_or(|seen| seen.iter().any(|pattern| pattern.matches(connection.as_str())))
    }

    /// The configured connection of that name in a path. One that the key may not see counts as absent.
    pub fn connection(&self, name: &str) -> Result<ConnectionId, Problem> {
        let connection = ConnectionId::from(name);
        let is_there = self.config.connections.contains_key(&connection) || self.removed.contains(&connection);
        if self.sees(&connection) && is_there {
            return Ok(connection);
        }
        Err(self.no_connection(name))
    }

    /// The configured connection of that name in the query. What the key may not see is answered as in a path; of the
    /// names that it could see one that nobody has is a mistake.
    pub fn wanted(&self, name: &str) -> Result<ConnectionId, Problem> {
        let visible = self.sees(&ConnectionId::from(name));
        let mistake = |problem| {
            if visible {
                Problem::field("connection", self.unknown("connection", name, &self.names())).unconfigured()
            } else {
                problem
            }
        };
        self.connection(name).map_err(mistake)
    }

    /// Seal of the cursors of a list with these filters.
    #[must_use]
    pub fn seal(&self, list: &impl Serialize) -> Seal {
        match self.secret {
            Some(secret) => Seal::new(std::iter::once(secret), list),
            None => Seal::new(self.config.api_keys.iter().map(|key| &key.key), list),
        }
    }

    /// 400: no connection of the name in that field of a body, as far as this key may know.
    #[must_use]
    pub fn no_connection_in(&self, field: String, name: &str) -> Problem {
        Problem::field(field, self.unknown("connection", name, &self.names())).unconfigured()
    }

    /// 404: no connection of that name, as far as this key may know.
    #[must_use]
    pub fn no_connection(&self, name: &str) -> Problem {
        Problem::missing(&self.unknown("connection", name, &self.names())).unconfigured()
    }

    /// Whether there is a configured endpoint of that name, sent to or pulled, that wants something of a connection that the key may
    /// see.
    pub fn endpoint(&self, name: &EndpointId) -> Result<(), Problem> {
        let names: Vec<_> = self.endpoints().map(EndpointId::as_str).collect();
        if names.contains(&name.as_str()) {
            return Ok(());
        }
        Err(Problem::field("endpoint", self.unknown("endpoint", name.as_str(), &names)).unconfigured())
    }

    /// Whether the endpoint wants something of a configured connection that the key may see.
    fn uses(&self, endpoint: &EndpointId) -> bool {
        let routes = self.config.routes.iter().filter(|route| route.endpoint == *endpoint);
        let mut patterns = routes.flat_map(|route| &route.connections);
        let seen = || self.config.connections.keys().filter(|connection| self.sees(connection));
        patterns.any(|pattern| seen().any(|connection| pattern.matches(connection.as_str())))
    }

    /// The configured endpoints, sent to or pulled, that want something of a connection that the key may see, in the order of their
    /// names.
    pub fn endpoints(&self) -> impl Iterator<Item = &'c EndpointId> {
        let config: &'c Config = self.config;
        config.routes.iter().map(|route| &route.endpoint).filter(|endpoint| self.uses(endpoint))
    }

    /// The configured connections that the key may see.
    fn names(&self) -> Vec<&'c str> {
        self.known().map(ConnectionId::as_str).collect()
    }

    /// The partners that the configuration describes, of which the key may see a connection.
    pub(crate) fn described(&self) -> Vec<Partner> {
        let seen = self.config.connections.values().filter(|connection| self.sees(&connection.id));
        let has = |partner: &&Partner| seen.clone().any(|connection| connection.partner == **partner);
        self.config.partners.iter().filter(has).copied().collect()
    }

    /// The connections that the key may see, with the kinds of the subjects that their partners' pushes are about.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let seen = self.config.connections.iter().filter(|(connection, _)| self.sees(connection));
        let kinds = |pushes: Pushes| pushes.subjects;
        let sources = seen.filter_map(|(connection, settings)| {
            let kinds = settings.partner.profile().pushes.map(kinds)?;
            Some(Source { connection: connection.clone(), kinds })
        });
        let removed = self.removed.iter().map(|id| Source { connection: id.clone(), kinds: &ANY_KIND });
        sources.chain(removed).collect()
    }

    /// Whether the configuration has events listed by time.
    pub(crate) const fn lists_recent(&self) -> bool {
        self.config.recent_events
    }

    /// The configured connections that the key may see, and the longest time for which one keeps its events.
    pub(crate) fn kept(&self) -> (BTreeSet<ConnectionId>, Duration) {
        let seen = self.config.connections.values().filter(|connection| self.sees(&connection.id));
        let longest = seen.clone().map(|connection| connection.retention).max().unwrap_or_default();
        let longest = if self.removed.is_empty() { longest } else { longest.max(LONGEST_RETENTION) };
        (seen.map(|connection| &connection.id).chain(self.removed).cloned().collect(), longest)
    }

    /// Tells nothing but what the key may see, so that what is hidden looks like what is not there.
    fn unknown(&self, kind: &str, name: &str, known: &[&str]) -> String {
        let meant = slip_of(name, known).map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
        let known = if known.is_empty() { "none".to_owned() } else { listed(known) };
        format!("there is no {kind} {}{meant} for {}: it sees {known}", quoted(name), self.id)
    }
}

/// The sender of a request, by its head: `Authorization: Bearer <key>`, of which every key is compared, each in constant
/// time; or a direct invocation or the command line, which need no key and see everything.
pub(crate) fn caller<'c>(config: &'c Config, head: &Parts) -> Result<Caller<'c>, Problem> {
    if let Some(keyless) = head.extensions.get::<Keyless>() {
        let (id, has_role, removed) = match keyless {
            Keyless::Invocation => (INVOCATION, true, NONE),
            Keyless::CommandLine(removed) => (COMMAND_LINE, false, *removed),
        };
        return Ok(Caller { id, role: Role::Erp, has_role, removed, connections: None, secret: None, config });
    }
    let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token.trim());
    let matching = config.api_keys.iter().filter(|key| key.key.matches(token));
    let found = matching.fold(None, |_, key| {
        let (connections, secret) = (Some(key.connections.as_slice()), Some(&key.key));
        Some(Caller { id: &key.id, role: key.role, has_role: true, removed: NONE, connections, secret, config })
    });
    found.ok_or_else(Problem::unauthorized)
}
