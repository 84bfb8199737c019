//! Metadata of an event.

use partners::pulled::Rows;
use serde::{Deserialize, Serialize};

use super::{Data, Exchange, Within};
use crate::attempt::is_zero;
use crate::milestone::DatedMilestone;
use crate::{Alias, EventType, Milestone, Utc};

/// Metadata of an event. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Type of the event.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Time at which the hub received it.
    pub received: Utc,
    /// Time that the partner gives for it, where its document names such a field and the text can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred: Option<Utc>,
    /// Time after which it may be removed, unless its work is open then ([`Work::is_open`](crate::Work::is_open)).
    pub expires: Utc,
    /// The `Content-Type` of the push, unchanged.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// The `Content-Encoding` of the push, where its bytes are kept in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Part of the body that is the payload.
    pub data: Data,
    /// Payload of a body that is no JSON document and is what its partner sends all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// Progress of the shipment, where the partner's code is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<Milestone>,
    /// Milestones that it lists with their times, where it is a snapshot of all that has happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dated: Vec<DatedMilestone>,
    /// Other business keys of its subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// Number of further keys that are not among the aliases, because there are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keys_left_out: u32,
    /// Deviation from the partner's documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
    /// It may be a late retry of an older equal one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub possible_repeat: bool,
    /// It came in a partner's answer; nothing where it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled: Option<Pulled>,
    /// Headers of the push and the answer to it, where the connection keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Box<Exchange>>,
}

/// Facts of an event that came in an answer. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    /// The rows of a batch that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
}

impl Meta {
    /// The metadata of an event whose whole body is JSON of so many bytes, and of which no more is known.
    #[must_use]
    pub fn json(kind: EventType, received: Utc, expires: Utc, bytes: usize) -> Self {
        Self {
            kind,
            received,
            expires,
            content_type: "application/json".to_owned(),
            encoding: None,
            data: Data::Json(0..bytes),
            within: None,
            milestone: None,
            aliases: Vec::new(),
            keys_left_out: 0,
            malformed: None,
            possible_repeat: false,
            occurred: None,
            dated: Vec::new(),
            pulled: None,
            exchange: None,
        }
    }
}
