//! Check of a push's signature by a recipe.

use std::borrow::Cow;
use std::time::Duration;

use super::{Body, Pointer, body};
use crate::Json;
use crate::recipe::{Case, Digits, Hash, Mix, Unit};

/// Recipe by which pushes are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// Signed parts, in this order.
    pub parts: Vec<SignedPart>,
    /// Separator of two parts.
    pub separator: String,
    /// The hash.
    pub hash: Hash,
    /// The key of an HMAC.
    pub key: Option<SignedPart>,
    /// Notation of the hash.
    pub digits: Digits,
    /// The case of its letters.
    pub case: Case,
    /// Place of the signature.
    pub signature: SignedPart,
    /// Text before the signature, such as `sha256=`.
    pub prefix: String,
    /// A credential without which pushes of a connection are not signed.
    pub unless_missing: Option<String>,
    /// Place and window of the time of sending.
    pub timestamp: Option<Timestamp>,
}

/// A part of a push, or a text, that goes into its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedPart {
    /// The body as it came.
    Body,
    /// The field of a form, decoded.
    Field(String),
    /// A header.
    Header(String),
    /// A query parameter, decoded.
    Query(String),
    /// The scalar at a place of the document, as printed.
    Pointer(Pointer),
    /// The connection's credential of that name.
    Credential(String),
    /// This text.
    Text(String),
    /// The time of sending, as it came.
    Timestamp,
}

impl SignedPart {
    /// The place in the document, where it is one.
    #[must_use]
    pub const fn pointer(&self) -> Option<&Pointer> {
        if let Self::Pointer(pointer) = self { Some(pointer) } else { None }
    }

    fn credential(&self) -> Option<&str> {
        match self {
            Self::Credential(name) => Some(name),
            Self::Body
            | Self::Field(_)
            | Self::Header(_)
            | Self::Query(_)
            | Self::Pointer(_)
            | Self::Text(_)
            | Self::Timestamp => None,
        }
    }
}

/// Place of the time of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Place of the time.
    pub at: SignedPart,
    /// Its unit since 1970 UTC.
    pub unit: Unit,
    /// Longest difference to the hub's clock.
    pub window: Duration,
}

/// A push as its signature is checked.
#[derive(Clone, Copy)]
pub struct Signed<'p> {
    /// The body as it came.
    pub body: &'p [u8],
    /// The query of its address, not yet decoded.
    pub query: &'p str,
    /// The header of a name.
    pub header: &'p (dyn Fn(&str) -> Option<&'p str> + Sync),
    /// The connection's credential of a name.
    pub credential: &'p (dyn Fn(&str) -> Option<&'p str> + Sync),
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: i64,
}

/// Reason why a signature is not taken. Without anything of the push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// A part that is signed, or the signature, is missing.
    Missing,
    /// The signature is another.
    Wrong,
    /// The time of sending is too far from the hub's.
    Late,
    /// The connection lacks a credential of the recipe.
    NoCredential,
}

impl Verify {
    /// The names of the credentials that the recipe needs.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().chain(&self.key).filter_map(SignedPart::credential)
    }

    /// Checks a push. Whether the signature fits takes as long whatever it is.
    pub fn check(&self, table: &Body, push: &Signed<'_>) -> Result<(), Unsigned> {
        if self.unless_missing.as_ref().is_some_and(|name| (push.credential)(name).is_none()) {
            return Ok(());
        }
        let document = self.document(table, push);
        let json = parsed(document.as_deref());
        if let Some(timestamp) = &self.timestamp {
            let text = self.text(json.as_ref(), &timestamp.at, push)?;
            let text = std::str::from_utf8(&text).map_err(|_| Unsigned::Missing)?.trim();
            let sent: i64 = text.parse().map_err(|_| Unsigned::Missing)?;
            let sent = if timestamp.unit == Unit::S { sent.saturating_mul(1000) } else { sent };
            let apart = u128::from(sent.abs_diff(push.now_ms));
            if apart > timestamp.window.as_millis() {
                return Err(Unsigned::Late);
            }
        }
        let expected = self.signed(json.as_ref(), push)?;
        let given = self.text(json.as_ref(), &self.signature, push)?;
        let given = given.trim_ascii().strip_prefix(self.prefix.as_bytes()).ok_or(Unsigned::Wrong)?;
        if is_equal(expected.as_bytes(), given) { Ok(()) } else { Err(Unsigned::Wrong) }
    }

    /// The signature that a push must have.
    pub fn sign(&self, table: &Body, push: &Signed<'_>) -> Result<String, Unsigned> {
        let document = self.document(table, push);
        self.signed(parsed(document.as_deref()).as_ref(), push)
    }

    /// The document of a push, where the recipe looks into it.
    fn document<'p>(&self, table: &Body, push: &Signed<'p>) -> Option<Cow<'p, [u8]>> {
        let of_time = self.timestamp.as_ref().map(|timestamp| &timestamp.at);
        let mut looked_at = self.parts.iter().chain(&self.key).chain([&self.signature]).chain(of_time);
        let looks = looked_at.any(|part| matches!(part, SignedPart::Pointer(_)));
        looks.then(|| body::json(table, push.body).ok()).flatten()
    }

    fn signed(&self, json: Option<&Json<'_>>, push: &Signed<'_>) -> Result<String, Unsigned> {
        let parts: Vec<_> = self.parts.iter().map(|part| self.text(json, part, push)).collect::<Result<_, _>>()?;
        let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
        let key = self.key.as_ref().map(|key| self.text(json, key, push)).transpose()?.unwrap_or_default();
        let mix = Mix { separator: &self.separator, hash: self.hash, digits: self.digits, case: self.case };
        Ok(mix.of(&parts, &key))
    }

    fn text<'t>(
        &'t self,
        json: Option<&Json<'_>>,
        part: &'t SignedPart,
        push: &'t Signed<'_>,
    ) -> Result<Cow<'t, [u8]>, Unsigned> {
        let owned = |text: String| Cow::Owned(text.into_bytes());
        match part {
            SignedPart::Body => Ok(push.body.into()),
            SignedPart::Field(name) => body::field(push.body, name).map(owned).ok_or(Unsigned::Missing),
            SignedPart::Header(name) => (push.header)(name).map(|text| text.as_bytes().into()).ok_or(Unsigned::Missing),
            SignedPart::Query(name) => body::field(push.query.as_bytes(), name).map(owned).ok_or(Unsigned::Missing),
            SignedPart::Pointer(pointer) => {
                let json = json.ok_or(Unsigned::Missing)?;
                pointer.scalar(json).map(owned).ok_or(Unsigned::Missing)
            }
            SignedPart::Credential(name) => {
                (push.credential)(name).map(|text| text.as_bytes().into()).ok_or(Unsigned::NoCredential)
            }
            SignedPart::Text(text) => Ok(text.as_bytes().into()),
            SignedPart::Timestamp => match &self.timestamp {
                Some(Timestamp { at, .. }) if *at != SignedPart::Timestamp => self.text(json, at, push),
                Some(_) | None => Err(Unsigned::Missing),
            },
        }
    }
}

fn parsed(document: Option<&[u8]>) -> Option<Json<'_>> {
    document.and_then(|text| Json::parse(text).ok())
}

/// Whether bytes are equal, in a time that depends on their number alone.
fn is_equal(expected: &[u8], given: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    expected.ct_eq(given).into()
}
