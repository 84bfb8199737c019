//! A reading of JSON that keeps how every value was printed.
//!
//! Partners send ids beyond 2^53, prices as text of mixed scale, scalars as string, number or null in turn, and JSON
//! inside JSON strings. `serde_json::Value` would drop `1.10`, large integers and repeated names, so a value here keeps
//! its printed text and every member of an object in its order. What is decided by a number is decided by its value
//! ([`Json::value`]). Lexing and validation are `serde_json`'s.

mod mend;
mod number;
mod parts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

pub use mend::mended;

/// Deepest nesting of a body. The partners' documents nest six levels; every level costs one more scan of its content.
pub const MAX_DEPTH: usize = 64;

/// Most bytes that those scans may read in all. Six megabytes of the partners' own shapes need half of it.
const MOST_SCANNED: usize = 64 * 1024 * 1024;

/// Most values of a body. Six megabytes of the partners' own shapes hold about 350,000.
const MOST_VALUES: usize = 500_000;

/// One JSON value with its printed text.
#[derive(Clone, Debug)]
pub struct Json<'a> {
    text: &'a str,
    start: usize,
    kind: Kind<'a>,
}

/// Kind of a value.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number by its value where that is a whole one: `200.0` and `2e2` are `200`. Any other number is as printed.
    Number(Cow<'a, str>),
    /// A string, its escapes resolved. Half of a surrogate pair is no character, so its escape stays: `\ud83d`.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object: every member in its order, repeated names included. Names are read as strings are.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Reason why a body is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    /// The bytes are not UTF-8, which JSON must be (RFC 8259, 8.1).
    #[error("the body is not UTF-8 (byte {0} is the first that is not); send JSON in UTF-8")]
    Encoding(usize),
    /// There is nothing but white space.
    #[error("the body is empty; send a JSON document")]
    Empty,
    /// The syntax is wrong.
    #[error("the body is not JSON (line {line}, column {column}); send one complete JSON document")]
    Syntax {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault, from 1.
        column: usize,
    },
    /// It nests deeper than [`MAX_DEPTH`], or so deep for its size that reading it would take too long.
    #[error("the JSON nests too deep; {MAX_DEPTH} levels are taken, and fewer in a body of megabytes")]
    TooDeep,
    /// It holds more values than anything the partners send.
    #[error("the JSON holds more than {MOST_VALUES} values; send it in parts")]
    TooMany,
}

impl From<serde_json::Error> for NotJson {
    fn from(error: serde_json::Error) -> Self {
        Self::Syntax { line: error.line(), column: error.column() }
    }
}

impl<'a> Json<'a> {
    /// Reads one JSON document. A byte order mark before it is passed over.
    pub fn parse(body: &'a [u8]) -> Result<Self, NotJson> {
        let text = std::str::from_utf8(body).map_err(|e| NotJson::Encoding(e.valid_up_to()))?;
        let document = text.trim_start_matches('\u{feff}');
        if document.trim_ascii().is_empty() {
            return Err(NotJson::Empty);
        }
        affordable(document)?;
        let raw: &'a RawValue = serde_json::from_str(document)?;
        read(raw.get(), text, 0)
    }

    /// The value as it was printed.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Position of the value in the bytes it was parsed from.
    #[must_use]
    pub const fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Kind of the value.
    #[must_use]
    pub const fn kind(&self) -> &Kind<'a> {
        &self.kind
    }

    /// The elements, where the value is an array.
    #[must_use]
    pub fn elements(&self) -> Option<&[Json<'a>]> {
        match &self.kind {
            Kind::Array(elements) => Some(elements),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Object(_) => None,
        }
    }

    /// Whether the value is an object.
    #[must_use]
    pub const fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// The member of that exact name; of several, the last, as most readers have it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        match &self.kind {
            Kind::Object(members) => members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Array(_) => None,
        }
    }

    /// One step of a pointer: the member of that exact name, or the element at that place.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Json<'a>> {
        match &self.kind {
            Kind::Array(elements) => elements.get(name.parse::<usize>().ok()?),
            Kind::Object(_) => self.get(name),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => None,
        }
    }

    /// Whether the value is a string that is no Unicode text, because half of a surrogate pair is in it.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        let surrogates = self.text.contains("\\ud") || self.text.contains("\\uD");
        surrogates && matches!(self.kind, Kind::String(_)) && serde_json::from_str::<Cow<'_, str>>(self.text).is_err()
    }

    /// A scalar's text: a string's content, a number as printed, `true` or `false`. Nothing for null, array, object.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Number(_) => Some(self.text),
            Kind::String(_) | Kind::Null | Kind::Bool(_) | Kind::Array(_) | Kind::Object(_) => self.value(),
        }
    }

    /// A scalar's text with a whole number by its value, however it is printed: `200.0` and `2e2` are `200`. Codes, flags
    /// and keys are compared by it. A string that holds a number is text.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) | Kind::Number(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Null | Kind::Array(_) | Kind::Object(_) => None,
        }
    }

    /// The [`Json::value`] of the scalar member of that name, without the blanks around it; `""` means "no value" to every
    /// partner, so it is nothing here.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.get(name)?.value().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The value at a JSON pointer (RFC 6901) that leads somewhere.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Json<'a>> {
        let mut parts = pointer.strip_prefix('/')?.split('/');
        parts.try_fold(self, |json, part| json.step(&part.replace("~1", "/").replace("~0", "~")))
    }

    /// The members of an array member; none for null, a missing member or another type.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Json<'a>] {
        self.get(name).and_then(Json::elements).unwrap_or_default()
    }

    /// Looks into a member that the partner sends as an object or as a JSON string that holds one.
    pub fn within<R>(&self, name: &str, look: impl FnOnce(&Json<'_>) -> R) -> Option<R> {
        self.get(name)?.inside(look)
    }

    /// Looks into a value that is an object or a JSON string that holds one. A string that is no JSON for its control
    /// characters alone is [`mended`] for that.
    pub fn inside<R>(&self, look: impl FnOnce(&Json<'_>) -> R) -> Option<R> {
        let Kind::String(text) = &self.kind else { return self.inside_strictly(look) };
        match Json::parse(text.as_bytes()) {
            Ok(inner) => inner.is_object().then(|| look(&inner)),
            Err(error) => mended(text.as_bytes(), &error, |inner| inner.is_object().then(|| look(inner))).flatten(),
        }
    }

    /// Looks into a value that is an object or a JSON string that holds one as others read it, too.
    pub fn inside_strictly<R>(&self, look: impl FnOnce(&Json<'_>) -> R) -> Option<R> {
        match &self.kind {
            Kind::Object(_) => Some(look(self)),
            Kind::String(text) => Json::parse(text.as_bytes()).ok().filter(Json::is_object).map(|inner| look(&inner)),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) => None,
        }
    }
}

/// Refuses what would cost too much to read, in one pass over the bytes and before anything is built of them.
fn affordable(document: &str) -> Result<(), NotJson> {
    let (mut depth, mut scanned, mut values, mut quoted, mut escaped) = (0_usize, 0_usize, 1_usize, false, false);
    for byte in document.bytes() {
        scanned += depth;
        if quoted {
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH || scanned > MOST_SCANNED {
            return Err(NotJson::TooDeep);
        }
        if values > MOST_VALUES {
            return Err(NotJson::TooMany);
        }
    }
    Ok(())
}

/// Reads the value printed as `text`, a slice of `whole`.
fn read<'a>(text: &'a str, whole: &'a str, depth: usize) -> Result<Json<'a>, NotJson> {
    let start = text.as_ptr() as usize - whole.as_ptr() as usize;
    let mut parser = serde_json::Deserializer::from_str(text);
    let kind = match text.as_bytes().first() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(NotJson::TooDeep),
        Some(b'{') => {
            let members = parts::members(&mut parser)?.into_iter();
            let members = members.map(|(name, raw)| Ok((name, read(raw, whole, depth + 1)?)));
            Kind::Object(members.collect::<Result<_, NotJson>>()?)
        }
        Some(b'[') => {
            let elements = parts::elements(&mut parser)?.into_iter();
            Kind::Array(elements.map(|raw| read(raw, whole, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Kind::String(parts::string(&mut parser)?),
        Some(b't') => Kind::Bool(true),
        Some(b'f') => Kind::Bool(false),
        Some(b'n') => Kind::Null,
        _ => Kind::Number(number::by_value(text)),
    };
    Ok(Json { text, start, kind })
}

/// Declares the typed view of an object: a struct of documented scalar fields, each with the name on the wire (and the
/// names it also goes by, after `|`). Its `of` reads every field as [`Json::field`] does, so that a string, a number (by
/// its value) and a boolean are all taken, and `""`, `null` and a missing member are nothing. Members that are not named
/// are left alone.
#[macro_export]
macro_rules! view {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $wire:literal $(| $also:literal)*,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        $vis struct $name<'a> {
            $($(#[$field_doc])* $vis $field: Option<&'a str>,)*
        }

        impl<'a> $name<'a> {
            /// The documented scalar fields of the object; nothing where a field has no value.
            #[must_use]
            $vis fn of(json: &'a $crate::Json<'_>) -> Self {
                Self { $($field: json.field($wire)$(.or_else(|| json.field($also)))*,)* }
            }
        }
    };
}
