//! The queue makes deliveries fast and is never trusted: a hint names work that is already stored, and what the queue
//! forgets the sweeper finds.
//!
//! Messages are an API between versions of the hub that run side by side: they carry their version and keys only. There
//! has been one version; a second must leave the first readable for a release.

mod in_process;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use hub::call::Call;
use hub::progress::{Outgoing as _, Progress};
use hub::{ConnectionId, EndpointId, EventKey, Work};
use serde::{Deserialize, Serialize};

pub use in_process::{InProcess, Lane, in_process};

/// A hint that a stored event has work to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The event.
    pub key: EventKey,
    /// The job.
    pub job: Job,
}

/// Job of a queue message: an attempt at a delivery or a call of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// One attempt at a delivery.
    Deliver {
        /// Target of the delivery.
        endpoint: EndpointId,
        /// Number of the claim that the hint was sent for; any other makes it stale.
        claim: u32,
    },
    /// One attempt at a call to a partner.
    Call {
        /// Number of the claim that the hint was sent for; any other makes it stale.
        claim: u32,
    },
    /// Write the subject's aliases; there is no delivery that would do it on its way.
    Index,
}

impl Job {
    /// The attempts that are to be made of an event's work, each with its schedule and claim: its deliveries, then its call. What
    /// consumers lease is attempted by no process.
    pub fn pending(work: &Work) -> impl Iterator<Item = (Self, &Progress)> {
        let sent = work.deliveries.iter().filter(|delivery| !delivery.pull);
        let deliveries = sent.filter_map(|delivery| {
            let progress = delivery.pending()?;
            Some((Self::Deliver { endpoint: delivery.endpoint.clone(), claim: progress.claim }, progress))
        });
        let call = work.call.as_ref().and_then(Call::pending);
        deliveries.chain(call.map(|progress| (Self::Call { claim: progress.claim }, progress)))
    }
}

/// Destination of a job. Each has its own lane, so that one that is slow or down delays no other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// An ERP URL.
    Endpoint(EndpointId),
    /// A partner, through a connection.
    Connection(ConnectionId),
    /// The store alone.
    Store,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(id) => write!(f, "endpoint {id}"),
            Self::Connection(id) => write!(f, "connection {id}"),
            Self::Store => f.write_str("store"),
        }
    }
}

/// Version 1 on the wire.
#[derive(Serialize, Deserialize)]
struct MessageV1 {
    v: u32,
    #[serde(flatten)]
    key: EventKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver: Option<DeliverV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<CallV1>,
}

#[derive(Serialize, Deserialize)]
struct DeliverV1 {
    endpoint: EndpointId,
    turn: u32,
}

#[derive(Serialize, Deserialize)]
struct CallV1 {
    turn: u32,
}

/// The version that is written.
const VERSION: u32 = 1;

/// Reason why a message is no hint.
#[derive(Debug, thiserror::Error)]
pub enum NotAHint {
    /// Written by a newer hub.
    #[error("message version {0} is not known to this version of the hub")]
    Version(u32),
    /// Not a message of the hub at all.
    #[error("the message is no hint: {0}")]
    Shape(#[from] serde_json::Error),
}

impl Hint {
    /// Destination of its job.
    #[must_use]
    pub fn destination(&self) -> Destination {
        match &self.job {
            Job::Deliver { endpoint, .. } => Destination::Endpoint(endpoint.clone()),
            Job::Call { .. } => Destination::Connection(self.key.connection.clone()),
            Job::Index => Destination::Store,
        }
    }

    /// The message: `{"v":1,"connection":..,"subject":..,"id":..,"deliver":{"endpoint":..,"turn":..}}`, with
    /// `"call":{"turn":..}` for [`Job::Call`], without either for [`Job::Index`].
    #[must_use]
    pub fn encode(&self) -> String {
        let (deliver, call) = match &self.job {
            Job::Deliver { endpoint, claim } => (Some(DeliverV1 { endpoint: endpoint.clone(), turn: *claim }), None),
            Job::Call { claim } => (None, Some(CallV1 { turn: *claim })),
            Job::Index => (None, None),
        };
        // Strings and integers always print; a failure here would be a defect of serde_json.
        serde_json::to_string(&MessageV1 { v: VERSION, key: self.key.clone(), deliver, call }).unwrap_or_default()
    }

    /// Reads a message of this version; there has been none before it.
    pub fn decode(text: &str) -> Result<Self, NotAHint> {
        #[derive(Deserialize)]
        struct Versioned {
            v: u32,
        }
        let Versioned { v } = serde_json::from_str(text)?;
        if v != VERSION {
            return Err(NotAHint::Version(v));
        }
        let MessageV1 { v: _, key, deliver, call } = serde_json::from_str(text)?;
        let job = match (deliver, call) {
            (Some(DeliverV1 { endpoint, turn: claim }), _) => Job::Deliver { endpoint, claim },
            (None, Some(CallV1 { turn: claim })) => Job::Call { claim },
            (None, None) => Job::Index,
        };
        Ok(Self { key, job })
    }
}

/// Reason why hints were not sent. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue is full of hints that wait for their time.
    #[error("too many hints wait for their time")]
    Full,
    /// The receiver has ended.
    #[error("the queue is closed")]
    Closed,
    /// The queue could not be reached or refused.
    #[error("the queue is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// The longest a hint may be under way: SQS takes no more. Work that is due later is found by the sweeper.
pub const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// A queue of hints.
pub trait Queue: Clone + Send + Sync + 'static {
    /// Longest time for which sending hints may delay the answer to a partner.
    const HOLDS_UP: Duration;

    /// Sends hints about work that is stored, to arrive no earlier than after `delay`, [`LONGEST_DELAY`] at the most. May
    /// wait for room; the caller says for how long.
    fn send(&self, hints: Vec<Hint>, delay: Duration) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Waits until so many hints that go to a destination at once find room; the caller says for how long.
    fn room(&self, _to: &Destination, _hints: usize) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

#[cfg(test)]
mod tests {
    use hub::{EventId, Subject};

    use super::*;

    fn hint(job: Job) -> Hint {
        let key = EventKey { connection: "xhq-sh".into(), subject: Subject::new("order", "S1"), id: EventId([1; 24]) };
        Hint { key, job }
    }

    #[test]
    fn hints_survive_the_wire() {
        for job in [Job::Index, Job::Deliver { endpoint: "erp".into(), claim: 3 }, Job::Call { claim: 2 }] {
            let hint = hint(job);
            assert_eq!(Hint::decode(&hint.encode()).unwrap(), hint);
        }
    }

    /// This text is an API: a hub of the next version must still read it.
    #[test]
    fn the_message_of_version_1() {
        let text = format!(
            r#"{{"v":1,"connection":"xhq-sh","subject":"order:S1","id":"{}","deliver":{{"endpoint":"erp","turn":3}}}}"#,
            "01".repeat(24)
        );
        let expected = hint(Job::Deliver { endpoint: "erp".into(), claim: 3 });
        assert_eq!((Hint::decode(&text).unwrap(), expected.encode()), (expected, text));
        let text = format!(
            r#"{{"v":1,"connection":"xhq-sh","subject":"order:S1","id":"{}","call":{{"turn":2}}}}"#,
            "01".repeat(24)
        );
        let expected = hint(Job::Call { claim: 2 });
        assert_eq!((Hint::decode(&text).unwrap(), expected.encode()), (expected, text));
    }

    #[test]
    fn message_that_is_no_hint_is_an_error() {
        assert!(matches!(Hint::decode(r#"{"v":2,"new":true}"#), Err(NotAHint::Version(2))));
        assert!(matches!(Hint::decode("hello"), Err(NotAHint::Shape(_))));
        assert!(matches!(Hint::decode(r#"{"v":1}"#), Err(NotAHint::Shape(_))));
    }
}
