//! Names of things: connections, endpoints, subjects, events.

use std::fmt;
use std::str::FromStr;

use partners::Hex;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, with = "String", description = ""))]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// One account at a partner, `[a-z0-9-]+`.
    ConnectionId
}
name! {
    /// One ERP URL that receives events, `[a-z0-9-]+`.
    EndpointId
}
name! {
    /// Type of an event, `<partner>.<action>` with the action as the partner spells it: `xhq.sendBgh_data`.
    EventType
}
name! {
    /// Subject of an event, `<kind>:<value>`: `order:`, `bl:`, `entry:`, `batch:`, `port:`, ...
    Subject
}
name! {
    /// Another business key of a subject, `<kind>:<value>` as in [`Subject`]: `bl:`, `container:`, `entry:`, `serial:`.
    Alias
}

/// Longest business key that is used unchanged. Longer ones are cut to it and distinguished by a digest, so that they fit into
/// the keys of all stores (DynamoDB: 1,024 bytes in a sort key).
const LONGEST_KEY: usize = 256;

fn business_key(kind: &str, value: &str) -> String {
    if value.len() <= LONGEST_KEY || is_cut(value) {
        return format!("{kind}:{value}");
    }
    let mut end = LONGEST_KEY;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let head = value.get(..end).unwrap_or_default();
    format!("{kind}:{head}~{}", crate::identity::digest(value.as_bytes()))
}

/// Whether a value is one that was cut: its beginning and 16 hex digits of the whole. Then it is not cut again.
fn is_cut(value: &str) -> bool {
    value.rsplit_once('~').is_some_and(|(head, digest)| {
        let hex = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        hex && digest.len() == 16 && (LONGEST_KEY - 3..=LONGEST_KEY).contains(&head.len())
    })
}

/// A key of a query, `<kind>:<value>`: with its value whole, or cut as a subject prints it.
fn named(name: &str) -> String {
    name.split_once(':').map_or_else(|| name.to_owned(), |(kind, value)| business_key(kind, value))
}

impl Subject {
    /// The subject of that name, `<kind>:<value>`, in a query. A long value is cut as it was when it was stored.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(named(name))
    }

    /// The subject of that kind and business key.
    #[must_use]
    pub fn new(kind: &str, value: &str) -> Self {
        Self(business_key(kind, value))
    }
}

impl Subject {
    /// Whether it names no business key but the push itself, by a digest.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.0.starts_with("push:")
    }
}

impl Alias {
    /// The alias of that name, `<kind>:<value>`, in a query. A long value is cut as it was when it was stored.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(named(name))
    }

    /// The alias of that kind and business key.
    #[must_use]
    pub fn new(kind: &str, value: &str) -> Self {
        Self(business_key(kind, value))
    }
}

/// An event's id: 24 bytes, printed as 48 hex digits. The first 8 are derived from connection and subject, so that the
/// events of one subject lie together in a store; the other 16 from what makes the event itself (see `identity`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Id", with = "String", extend("pattern" = "^[0-9a-f]{48}$")))]
#[cfg_attr(feature = "schema", schemars(description = "The id of an event or of a call."))]
pub struct EventId(pub [u8; 24]);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// The text is not 48 hex digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id is 48 hex digits, in lower case")]
pub struct NotAnEventId;

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        let mut bytes = [0; 24];
        if text.len() != 48 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NotAnEventId);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAnEventId)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAnEventId)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Place of an event in the store: the partition `<connection>#<subject>` and the event in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "The three names of an event."))]
pub struct EventKey {
    /// The connection that received the event.
    pub connection: ConnectionId,
    /// The subject that the event is stored under.
    pub subject: Subject,
    /// The id of the event.
    pub id: EventId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_survives_printing() {
        let id = EventId(std::array::from_fn(|i| u8::try_from(i * 10).unwrap()));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("12".parse::<EventId>(), Err(NotAnEventId));
        assert_eq!("长".repeat(16).parse::<EventId>(), Err(NotAnEventId));
        // One spelling for each id: the published pattern has no other.
        assert_eq!("AB".repeat(24).parse::<EventId>(), Err(NotAnEventId));
        assert_eq!("+1".repeat(24).parse::<EventId>(), Err(NotAnEventId));
    }

    #[test]
    fn endless_business_keys_are_cut_but_stay_apart() {
        let (a, b) = ("长".repeat(1000) + "a", "长".repeat(1000) + "b");
        let (a, b) = (Subject::new("order", &a), Subject::new("order", &b));
        assert!(a != b && a.as_str().len() < 400);
    }

    /// Regression: a query by a long key in the partner's spelling found nothing.
    #[test]
    fn a_key_is_named_whole_or_as_it_is_kept() {
        let long = ["x".repeat(256), "x".repeat(257), "长".repeat(90), "a:b~".repeat(100), "y".repeat(10_000)];
        for value in long.iter().map(String::as_str).chain(["1", "", "a:b"]) {
            let kept = Subject::new("order", value);
            assert_eq!(Subject::named(&format!("order:{value}")), kept);
            assert_eq!(Subject::named(kept.as_str()), kept);
            assert_eq!(Alias::named(kept.as_str()), Alias::new("order", value));
        }
        assert_eq!(Subject::named("bare").as_str(), "bare");
        let like = format!("{}~{}", "x".repeat(200), "0".repeat(16 + 60));
        assert_ne!(Subject::named(&format!("order:{like}")).as_str(), format!("order:{like}"));
    }
}
