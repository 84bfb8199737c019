//! The partners' APIs, played: [`Xhq`], [`Yanwen`], [`OneData`] and [`TrackingEyes`] are HTTP servers that hold their
//! callers to the rules of the partners' documents, remember everything, and behave as well or as badly as told.
//!
//! Their common part is [`Api`]: each of them is one, with its own rules and switches on top. The rules are
//! written from the documents once more and share nothing with the hub's own, so that a mistake in one of them shows.
//! A rule that no document states is not checked, unless the caller would otherwise not be known at all. Each partner's
//! module ends in a `SCRIPT`, which says how it is started and how it reads the answers to its own pushes.

mod behaviour;
mod body;
mod configured;
mod message;
mod onedata;
mod server;
mod tokens;
mod trackingeyes;
mod xhq;
mod yanwen;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use hub::{Secret, Utc};
use partners::Partner;

pub use behaviour::{Behaviour, Fault};
pub use body::Part;
pub use message::Received;
pub use onedata::{OneData, OneDataRules, Signed};
pub use server::Api;
pub use trackingeyes::TrackingEyes;
pub use xhq::{FILE, FailedNames, Xhq};
pub use yanwen::Yanwen;

use crate::partner::{Answer, Next};

/// Clock of a partner: a function, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> Utc + Send + Sync>;

/// The operation under which a request for a token is recorded.
pub const TOKEN: &str = "token";

/// Connections that call the simulated partners, without keys: one for each, at an address of its own on this machine.
pub const DEMO: &str = include_str!("../../demo.toml");

/// The account that a simulated partner knows its caller by.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The credentials by their names in the configuration.
    pub credentials: &'a BTreeMap<String, Secret>,
    /// The paths that the partner's document lost, by their names in the configuration.
    pub paths: &'a BTreeMap<String, String>,
}

impl Account<'_> {
    fn credential(&self, name: &str) -> &str {
        self.credentials.get(name).map_or("", Secret::expose)
    }
}

/// A simulated partner that runs, whichever it is. An [`Api`].
pub struct Running {
    api: Box<dyn Deref<Target = Api> + Send + Sync>,
    /// Its base URL.
    pub url: String,
}

impl Running {
    fn new(api: impl Deref<Target = Api> + Send + Sync + 'static, url: String) -> Self {
        Self { api: Box::new(api), url }
    }
}

impl Deref for Running {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// Starts the partner for one account. Port 0 lets the system choose.
pub async fn start(partner: Partner, address: SocketAddr, clock: Clock, account: Account<'_>) -> io::Result<Running> {
    match (script(partner), partner.described()) {
        (Some(script), _) => (script.start)(address, clock, account).await,
        (None, Some(own)) => configured::start(own, address, clock, account).await,
        (None, None) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The start of a simulated partner, and its reading of the hub's answers.
pub(crate) struct Script {
    /// The partner's reading of an answer to its push: see [`crate::partner::after`].
    pub(crate) after: fn(u32, Option<&Answer>) -> Next,
    start: for<'a> fn(SocketAddr, Clock, Account<'a>) -> Starting<'a>,
}

type Starting<'a> = Pin<Box<dyn Future<Output = io::Result<Running>> + Send + 'a>>;

/// The script of a built-in partner.
pub(crate) const fn script(partner: Partner) -> Option<&'static Script> {
    match partner {
        Partner::Xhq => Some(&xhq::SCRIPT),
        Partner::TrackingEyes => Some(&trackingeyes::SCRIPT),
        Partner::OneData => Some(&onedata::SCRIPT),
        Partner::Yanwen => Some(&yanwen::SCRIPT),
        Partner::Configured(_) => None,
    }
}
