//! The strings, members and elements of a value, by `serde_json`'s parser.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A string with its escapes resolved.
pub(super) fn string<'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'de, str>, D::Error> {
    Text.deserialize(from)
}

/// Name and text of each member of an object.
pub(super) fn members<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(Cow<'de, str>, &'de str)>, D::Error> {
    from.deserialize_map(Members)
}

/// The text of each element of an array.
pub(super) fn elements<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<&'de str>, D::Error> {
    from.deserialize_seq(Elements)
}

/// Asks for bytes, because `serde_json` gives half of a surrogate pair as bytes alone: in the generalized UTF-8 that
/// encodes it like a character of its own (WTF-8).
struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(std::str::from_utf8(bytes).map_or_else(|_| escaped(bytes).into(), Cow::Borrowed))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(std::str::from_utf8(bytes).map_or_else(|_| escaped(bytes), str::to_owned).into())
    }
}

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_bytes(self)
    }
}

/// WTF-8 as text, each half of a surrogate pair as the escape that prints it.
fn escaped(bytes: &[u8]) -> String {
    let (mut text, mut rest) = (String::with_capacity(bytes.len() + 6), bytes);
    while let Err(error) = std::str::from_utf8(rest) {
        let (whole, broken) = rest.split_at(error.valid_up_to());
        text.push_str(std::str::from_utf8(whole).unwrap_or_default());
        rest = match broken {
            [0xed, middle, last, rest @ ..] => {
                let unit = 0xd000 | (u16::from(*middle) & 0x3f) << 6 | u16::from(*last) & 0x3f;
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{unit:04x}");
                rest
            }
            [_, rest @ ..] => {
                text.push(char::REPLACEMENT_CHARACTER);
                rest
            }
            [] => rest,
        };
    }
    text.push_str(std::str::from_utf8(rest).unwrap_or_default());
    text
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, raw)) = map.next_entry_seed(Text, PhantomData::<&'de RawValue>)? {
            members.push((name, raw.get()));
        }
        Ok(members)
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            elements.push(raw.get());
        }
        Ok(elements)
    }
}
