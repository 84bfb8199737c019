//! The configuration: one TOML document, checked as a whole before anything starts.

mod alerts;
mod attempts;
mod calls;
mod connections;
mod context;
mod credentials;
mod described;
mod disk;
mod document;
mod encoding;
mod endpoints;
mod keys;

mod patterns;
mod places;
mod profile;
mod reader;
mod recover;
mod secrets;
mod server;
mod shown;
mod sources;
mod traces;
mod trust;
mod values;
mod warnings;
mod watches;

#[cfg(test)]
mod tests;

pub use alerts::{Alert, AlertSecret};
pub use context::{Context, Unconfigured};
pub use credentials::Credentials;
pub use disk::Disk;
pub use keys::{Absent, KEYS, Key, Kind, Text};
pub use profile::{Profile, api_key_in, is_readable_on_the_way};
pub use recover::Recover;
pub use server::Server;
pub use shown::Shown;
pub use sources::Sources;
pub use traces::Traces;
pub use values::{duration, socket_address};
pub use watches::{Asks, Watching};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub::admission::Origin;
use hub::call::Account;
use hub::envelope::Format;
use hub::order::Order;
use hub::printable::Line;
use hub::routes::{Pattern, Route};
use hub::schedule::Schedule;
use hub::signature::SigningKey;
use hub::{ConnectionId, EndpointId, EventType, Role, Secret, event_types};
use ipnet::IpNet;
use partners::Partner;
use partners::answer::Replies;
use partners::operation::Settings;
use url::Url;

/// A checked configuration.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a key of the configuration by itself")]
pub struct Config {
    /// Address at which the local hub listens.
    pub listen: SocketAddr,
    /// Folder of the local hub's data.
    pub data_dir: PathBuf,
    /// Address of an ERP inbox that the local hub runs itself, for trying it out.
    pub inbox: Option<SocketAddr>,
    /// URL at which partners reach the hub.
    pub public_url: Option<Url>,
    /// Address of the local hub's figures for Prometheus.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether the local hub's log is JSON, an object a line.
    pub logs_json: bool,
    /// How pushes, deliveries and calls are traced; nothing where they are not.
    pub traces: Option<Traces>,
    /// Limits of the connections to the local hub's port.
    pub server: Server,
    /// Least free space of the disk with the local hub's data.
    pub disk: Disk,
    /// The hub that the operator's commands ask, in place of the database.
    pub hub: Option<Profile>,
    /// Whether pushes, calls and deliveries are counted for `GET /stats`.
    pub statistics: bool,
    /// Interval of the sweeper. Work whose hint is lost waits that long for it.
    pub sweep_every: Duration,
    /// Whether events can be listed by the time of their reception.
    pub recent_events: bool,
    /// The partners that it describes, in their order.
    pub partners: Vec<Partner>,
    /// The accounts at partners.
    pub connections: BTreeMap<ConnectionId, Connection>,
    /// The ERP URLs that receive events.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// Endpoints at which the ERP's consumers ask for events.
    pub pulled: BTreeMap<EndpointId, PullEndpoint>,
    /// Routes of [`Config::endpoints`] and [`Config::pulled`], in the order of their ids.
    pub routes: Vec<Route>,
    /// Shipments that are watched; of several that fit, the first counts.
    pub watches: Vec<Watching>,
    /// Receivers of alerts.
    pub alerts: Vec<Alert>,
    /// The keys of the ERP's own calls.
    pub api_keys: Vec<ApiKey>,
    /// Whether secrets stand in the document itself.
    pub holds_secrets: bool,
    /// Values of the document that are taken but look like a slip.
    pub noted: Vec<Mistake>,
    /// The document without its secrets.
    pub shown: Shown,
}

/// One account at a partner.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a key of the configuration by itself")]
pub struct Connection {
    /// Its name in URLs.
    pub id: ConnectionId,
    /// The partner.
    pub partner: Partner,
    /// The inbound keys; several while rotating.
    pub keys: Vec<Secret>,
    /// The networks pushes may come from; empty for any.
    pub allow_ips: Vec<IpNet>,
    /// Time for which its events are kept.
    pub retention: Duration,
    /// Time within which a push without time or id that equals the latest of its subject and type is a repetition: a second
    /// to 90 days, ten minutes by default.
    pub repeat_window: Duration,
    /// Whether headers and answers of pushes are kept with their events.
    pub evidence: bool,
    /// Base URL of calls to the partner: as configured, or the partner's own of the environment. Neither adds a slash.
    pub base_url: Option<Url>,
    /// The partner's credentials by name: `app_id`, `bgh_id`, `user_id`, `api_token`, `company_code`, `secret`; for
    /// 1datatech, whose authentication its public pages leave out, whatever the configuration calls them.
    pub credentials: BTreeMap<String, Secret>,
    /// The names of further credentials, whose values are in a secret that this process does not read.
    pub unread: BTreeSet<String>,
    /// Timeout of an attempt at a call: at most half of [`Config::sweep_every`]. Fifteen seconds or that half, whichever is
    /// less, by default.
    pub timeout: Duration,
    /// Most calls under way at once.
    pub concurrency: usize,
    /// Schedule of the retries of a call that the partner did not process.
    pub schedule: Schedule,
    /// Rate at which the partner may be called.
    pub rate: Option<Rate>,
    /// Whether [`Connection::base_url`] may be at a private or loopback address.
    pub allow_private: bool,
    /// Whether a file that the ERP or a partner names by its URL may be fetched from a private or loopback address.
    pub allow_private_files: bool,
    /// Accepted certificate authorities for the partner and for servers of files.
    pub trust: Trust,
    /// Settings that the partner's documents lack.
    pub settings: Settings,
    /// Answers to pushes in place of the partner's.
    pub push_answers: Replies,
    /// How failed pushes are recovered, where the partner keeps a list of them.
    pub recover: Option<Recover>,
    /// Whether the files that its events and answers name by links are fetched and kept.
    pub files: bool,
}

impl Connection {
    /// The connection, as far as reading a push of it takes it.
    #[must_use]
    pub fn origin(&self) -> Origin<'_> {
        Origin { connection: &self.id, partner: self.partner, settings: &self.settings }
    }
}

/// Accepted certificate authorities of a server, besides the public ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Those of these authorities, each a certificate in DER.
    pub authorities: Arc<[Vec<u8>]>,
    /// Those of the authorities that the system knows.
    pub system: bool,
}

/// The most calls in any span of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Number of calls: 1 to 10,000.
    pub calls: u32,
    /// Within how long: 100 ms to a day.
    pub per: Duration,
}

/// One ERP URL that receives events.
#[derive(Clone)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// URL that events are posted to.
    pub url: Url,
    /// The keys that sign deliveries; two while rotating. Nothing where some are in a secret that this process does not
    /// read: it cannot deliver then.
    pub keys: Option<Vec<SigningKey>>,
    /// The body it wants.
    pub format: Format,
    /// Schedule of the retries of a failed delivery.
    pub schedule: Schedule,
    /// Whether its address may be private or loopback.
    pub allow_private: bool,
    /// Accepted certificate authorities.
    pub trust: Trust,
    /// Timeout of an attempt: at most half of [`Config::sweep_every`], so that a claim outlives its attempt. Ten seconds or
    /// that half, whichever is less, by default.
    pub timeout: Duration,
    /// Most attempts under way at once.
    pub concurrency: usize,
    /// Whether the events of one subject go out one after another.
    pub order: Order,
}

impl fmt::Debug for Endpoint {
    /// Without the URL's path and query: some receivers keep a token there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("origin", &values::origin(&self.url))
            .field("format", &self.format)
            .field("schedule", &self.schedule)
            .field("allow_private", &self.allow_private)
            .field("timeout", &self.timeout)
            .field("concurrency", &self.concurrency)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

/// An endpoint at which the ERP asks for its events itself (`pull = true`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullEndpoint {
    /// Its name.
    pub id: EndpointId,
    /// Time for an acknowledgement: a second to an hour.
    pub lease: Duration,
    /// Whether the events of one subject are leased one after another.
    pub order: Order,
}

/// A key of the ERP's own calls.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its name in logs.
    pub id: String,
    /// The bearer token.
    pub key: Secret,
    /// The connections it may see and use.
    pub connections: Vec<Pattern>,
    /// Rights at these connections.
    pub role: Role,
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Path of the key: `connections[0].keys`; `syntax` where the text is no TOML, `encoding` where it is no UTF-8,
    /// `document` where it is empty.
    pub key: String,
    /// The mistake and its remedy, as the rest of a sentence that begins with the key. Never holds a secret.
    pub what: String,
    /// The line it is on, from 1; the table's where a key is missing.
    pub line: usize,
}

impl Mistake {
    /// Bytes that are no text in UTF-8.
    fn of_encoding(error: &encoding::NotUtf8) -> Self {
        Self { key: "encoding".to_owned(), what: format!("the file {error}"), line: error.line }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and names of files and variables are the document's: whatever they hold, a mistake is one line.
        write!(f, "{}: {} (line {})", Line(&self.key), Line(&self.what), self.line)
    }
}

impl std::error::Error for Mistake {}

impl Config {
    /// The partner of that id, built in or described by this configuration.
    #[must_use]
    pub fn partner(&self, id: &str) -> Option<Partner> {
        Partner::from_id(id).or_else(|| self.partners.iter().find(|partner| partner.id() == id).copied())
    }

    /// The parts that showing a call of a connection takes: the partners that it describes, and the connection's credentials, which must not
    /// be shown; none of one that is not known.
    #[must_use]
    pub fn account(&self, connection: &ConnectionId) -> Account<'_> {
        let known = self.connections.get(connection).map(|connection| &connection.credentials);
        let credentials = known.into_iter().flatten().map(|(name, value)| (name.as_str(), value.expose())).collect();
        Account { described: &self.partners, credentials }
    }

    /// How a shipment of that connection is watched which an event of that type, or a command, begins to be.
    #[must_use]
    pub fn watching(&self, connection: &ConnectionId, kind: &EventType) -> Option<&Watching> {
        // What the hub tells of a shipment is no news of it, and what a recovered row is about is not documented.
        let is_own = |_: &&Watching| event_types::own().chain(event_types::recovered()).any(|own| own == kind.as_str());
        self.watches.iter().find(|watching| watching.begins_with(connection, kind)).filter(|watching| !is_own(watching))
    }

    /// Whether there is an endpoint of that name, of either kind.
    #[must_use]
    pub fn has_endpoint(&self, id: &EndpointId) -> bool {
        self.endpoints.contains_key(id) || self.pulled.contains_key(id)
    }

    /// Whether events of that type may name files that are to be fetched.
    #[must_use]
    pub fn fetches(&self, connection: &ConnectionId, kind: &EventType) -> bool {
        self.connections.get(connection).is_some_and(|connection| {
            let mut linked = connection.partner.profile().links().iter();
            connection.files && linked.any(|linked| linked.event_type == kind.as_str())
        })
    }

    /// Reads a configuration, with its secrets from the process's environment and file system where it says so. Every
    /// mistake in it is reported, in the order of the document.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        Self::parse_with(text, &Sources::system())
    }

    /// Reads a configuration from the bytes of a file. Bytes in another encoding than UTF-8 are a mistake that names it.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, Vec<Mistake>> {
        Self::parse_bytes_with(bytes, &Sources::system())
    }

    /// Reads a configuration from the bytes of a file, with secrets that come from somewhere else.
    pub fn parse_bytes_with(bytes: &[u8], sources: &Sources<'_>) -> Result<Self, Vec<Mistake>> {
        let text = encoding::decode(bytes).map_err(|error| vec![Mistake::of_encoding(&error)])?;
        Self::parse_with(text, sources)
    }

    /// Reads a configuration whose secrets come from somewhere else.
    pub fn parse_with(text: &str, sources: &Sources<'_>) -> Result<Self, Vec<Mistake>> {
        document::read(text, sources)
    }

    /// Credentials that this process does not read and therefore lacks, each by the name of a connection's credential, of an
    /// endpoint's secrets or of an alert's.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let credentials = self.connections.values().flat_map(|connection| {
            connection.unread.iter().map(move |name| format!("{name} of connection {}", connection.id))
        });
        let endpoints = self.endpoints.values().filter(|endpoint| endpoint.keys.is_none());
        let endpoints = endpoints.map(|endpoint| format!("secrets of endpoint {}", endpoint.id));
        let alerts = self
            .alerts
            .iter()
            .flat_map(|alert| alert.unread().map(move |name| format!("{name} of alert {}", alert.rule.id)));
        credentials.chain(endpoints).chain(alerts).collect()
    }

    /// Warnings about an accepted configuration, each a sentence that names its key. Holds no secrets.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        warnings::of(self)
    }
}
