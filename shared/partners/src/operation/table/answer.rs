//! An answer of a partner, as a file writes it: a text, or a table.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// An answer of the partner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerTable {
    /// A body, with HTTP's 200.
    Body(String),
    /// A body and its status.
    Full {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}

impl AnswerTable {
    /// Status and body.
    #[must_use]
    pub fn parts(&self) -> (u16, &str) {
        match self {
            Self::Body(body) => (200, body.trim()),
            Self::Full { status, body } => (*status, body.trim()),
        }
    }
}

/// By hand, because an enum without tags says of a slip within the table only that nothing fits.
impl<'de> Deserialize<'de> for AnswerTable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Written)
    }
}

struct Written;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    status: u16,
    body: String,
}

impl<'de> Visitor<'de> for Written {
    type Value = AnswerTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table such as { status = 200, body = '...' }")
    }

    fn visit_str<E: Error>(self, body: &str) -> Result<AnswerTable, E> {
        Ok(AnswerTable::Body(body.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AnswerTable, A::Error> {
        let Full { status, body } = Full::deserialize(MapAccessDeserializer::new(map))?;
        Ok(AnswerTable::Full { status, body })
    }
}
