//! The facts of one look at the store.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Cause, Finding};
use crate::{ConnectionId, EventKey, Utc};

/// Length of an item's mark, in bytes of the digest.
const MARK: usize = 9;

/// Facts of one look. What could not be read is absent, and is no news.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Every destination that is configured and whose health could be read.
    pub circuits: Vec<Circuit>,
    /// Names of the lines whose health could not be read.
    pub unread: Vec<String>,
    /// Deliveries and calls that wait for a decision.
    pub failures: Option<Failures>,
    /// Counts of the statistics, of buckets that are not older than [`super::State::counts_from`].
    pub counts: Option<Vec<Count>>,
    /// Silences that were reported, and files that were given up, since the look before.
    pub reported: Vec<Finding>,
    /// The ledger that was read last.
    pub ledger: Option<Ledger>,
}

/// The circuits of one destination.
#[derive(Clone, Debug)]
pub struct Circuit {
    /// Name of its line.
    pub line: String,
    /// Its name in messages: an endpoint's id, or the origin of a partner's URL.
    pub place: String,
    /// The connections whose events or calls go there.
    pub connections: Vec<ConnectionId>,
    /// Whether one of them is open.
    pub is_open: bool,
    /// The kinds of requests whose circuits are open.
    pub kinds: Vec<String>,
}

/// Deliveries and calls that wait for a decision, as the store lists them.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// The listed ones.
    pub items: Vec<Item>,
    /// Whether the list was read to its end. Otherwise counts tell what the list does not.
    pub is_whole: bool,
}

/// A delivery that failed, or a call that is ambiguous.
#[derive(Clone, Debug)]
pub struct Item {
    /// Digest of its event, endpoint and time, by which it is known at the next look.
    pub mark: String,
    /// Time since which it waits.
    pub since: Utc,
    /// The finding that it is when it is new.
    pub finding: Finding,
}

impl Item {
    /// An item of an event's work.
    #[must_use]
    pub fn new(cause: Cause, key: &EventKey, place: &str, since: Utc) -> Self {
        let digest = Sha256::digest(format!("{}\n{place}\n{}", key.id, since.0));
        let mark = BASE64_URL_SAFE_NO_PAD.encode(digest.iter().copied().take(MARK).collect::<Vec<_>>());
        let finding = Finding {
            cause,
            place: place.to_owned(),
            connections: vec![key.connection.clone()],
            about: Some(key.subject.to_string()),
            count: 1,
            at: since,
        };
        Self { mark, since, finding }
    }
}

/// A count of the statistics within one bucket of time.
#[derive(Clone, Debug)]
pub struct Count {
    /// Beginning of the bucket.
    pub bucket: Utc,
    /// The cause that is counted.
    pub cause: Cause,
    /// The connection or endpoint that it is counted of.
    pub place: String,
    /// The connections that it concerns.
    pub connections: Vec<ConnectionId>,
    /// Number until now.
    pub count: u64,
}

/// The balance of the connections. Stored as JSON in a note: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Time at which it was read.
    pub at: Utc,
    /// Difference from balance of each connection that does not balance.
    pub differences: Vec<(ConnectionId, u64)>,
}

impl Ledger {
    /// Name of the note that holds the one that was read last.
    pub const NOTE: &str = "ledger";
}
