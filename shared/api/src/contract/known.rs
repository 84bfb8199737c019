//! Everything that is known of an event but its payload.

use hub::event::{Meta, Pulled, Work};
use hub::time::Rfc3339;
use hub::{Alias, EventKey};
use serde::Serialize;

use super::ListedEvent;

/// Everything that is known of an event but its payload, for the operator.
#[derive(Debug, Serialize)]
pub struct KnownEvent<'a> {
    #[serde(flatten)]
    listed: ListedEvent<'a>,
    expires: Rfc3339,
    aliases: &'a [Alias],
    keys_left_out: u32,
    content_type: &'a str,
    possible_repeat: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled: Option<Pulled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
}

impl<'a> KnownEvent<'a> {
    /// The event with that key, and with the number of bytes of its body where that can be read.
    #[must_use]
    pub fn of(key: &'a EventKey, meta: &'a Meta, work: &'a Work, bytes: Option<usize>) -> Self {
        Self {
            listed: ListedEvent::of(key, meta, work),
            expires: Rfc3339(meta.expires),
            aliases: &meta.aliases,
            keys_left_out: meta.keys_left_out,
            content_type: &meta.content_type,
            possible_repeat: meta.possible_repeat,
            pulled: meta.pulled,
            bytes,
        }
    }
}
