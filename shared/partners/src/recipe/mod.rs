//! Tokens and signatures as recipes of the configuration: those of 1datatech, whose rules are not public, and those of configured
//! partners. The signature of a push is checked by the same hashes ([`Mix`]).
//!
//! Of 1datatech four headers are documented: `accessToken`, `nonce`, `timestamp` and `sign` (3.2.3), which a recipe sends
//! unless it says otherwise. An invented example, of a rule that is common among such vendors:
//!
//! ```toml
//! [token]                                 # POST /auth/token {"appKey":"...","appSecret":"..."}
//! path = "/auth/token"
//! body = { appKey = { credential = "app_key" }, appSecret = { credential = "app_secret" } }
//! token = "/data/accessToken"             # where it is in the answer (JSON pointer)
//! life = "/data/expiresIn"                # how long it is good
//! life_unit = "seconds"
//! expired = ["401", "40101"]              # business codes (or HTTP statuses) that mean "fetch another"
//!
//! [signature]                             # sign = MD5(app_secret&nonce&timestamp&token&body), upper case
//! parts = [{ credential = "app_secret" }, "nonce", "timestamp", "token", "body"]
//! separator = "&"
//! hash = "md5"                            # md5 | sha1 | sha256 | hmac-md5 | hmac-sha1 | hmac-sha256 (these have a key = { ... })
//! digits = "hex"                          # hex | base64
//! case = "upper"                          # lower | upper
//! timestamp = "ms"                        # ms | s
//! send = [
//!     { part = "token", header = "accessToken" },
//!     { part = "nonce", header = "nonce" },
//!     { part = "timestamp", header = "timestamp" },
//!     { part = "signature", header = "sign" },
//! ]
//! ```
//!
//! With `app_secret` `s3cret`, nonce `n0`, time 1700000000000, token `t0` and body `[]` it signs
//! `s3cret&n0&1700000000000&t0&[]` and sends `sign: 331A69926BABC1C759135C23B5C33C08`.

mod mix;
mod seal;
mod token;
mod validate;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::operation::Method;

pub use mix::Mix;
use seal::Context;

pub(crate) use seal::seal;
pub(crate) use token::{is_expired, token, token_request};
pub use validate::is_header;

/// One part of what is signed or sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The random text of the attempt.
    Nonce,
    /// The time of the attempt, in [`Signature::timestamp`]'s unit.
    Timestamp,
    /// The token.
    Token,
    /// The body as it is sent.
    Body,
    /// Result of the recipe; to be sent, not to be signed.
    Signature,
    /// A field of the request's form, or a member of its JSON, as it is sent; of a partner's file alone.
    Field(String),
    /// The connection's credential of that name.
    Credential(String),
    /// This text. Not for secrets: it is printed.
    Text(String),
}

/// Signature of a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Signed parts, in this order.
    pub parts: Vec<Part>,
    /// Separator of two parts.
    #[serde(default)]
    pub separator: String,
    /// The hash.
    pub hash: Hash,
    /// The key of an HMAC.
    pub key: Option<Part>,
    /// Notation of the hash.
    #[serde(default)]
    pub digits: Digits,
    /// The case of its letters.
    #[serde(default)]
    pub case: Case,
    /// The unit of time since 1970 UTC.
    #[serde(default)]
    pub timestamp: Unit,
    /// Values to send, and their places; by default the four documented headers.
    pub send: Option<Vec<Sent>>,
}

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// HMAC with MD5.
    HmacMd5,
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
}

impl Hash {
    /// Whether it has a key.
    #[must_use]
    pub const fn is_keyed(self) -> bool {
        match self {
            Self::Md5 | Self::Sha1 | Self::Sha256 => false,
            Self::HmacMd5 | Self::HmacSha1 | Self::HmacSha256 => true,
        }
    }
}

/// Notation of a hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digits {
    /// Two hex digits a byte.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// The case of hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// `a` to `f`.
    #[default]
    Lower,
    /// `A` to `F`.
    Upper,
}

/// A unit of time since 1970 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Milliseconds.
    #[default]
    Ms,
    /// Seconds.
    S,
}

/// One part that is sent, as a header, as a query parameter or beside the fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Value that is sent.
    pub part: Part,
    /// In the header of this name.
    pub header: Option<String>,
    /// In the query parameter of this name.
    pub query: Option<String>,
    /// In the field of this name: of the form, or a member of the JSON. Of a partner's file alone.
    pub field: Option<String>,
}

/// Request for a token, and the token's place in the answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The HTTP method, `POST` where it is left out.
    #[serde(default)]
    pub method: Method,
    /// The path behind the base URL.
    pub path: String,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, Part>,
    /// The members of a JSON body, each a string.
    #[serde(default)]
    pub body: BTreeMap<String, Part>,
    /// Signature of the request itself, if it has one. The request sends nothing else of its own unless the recipe says so.
    pub signature: Option<Signature>,
    /// The JSON pointer of the token in the answer.
    pub token: String,
    /// The JSON pointer of the token's life in the answer.
    pub life: Option<String>,
    /// The unit of its life.
    #[serde(default)]
    pub life_unit: LifeUnit,
    /// The life of a token in seconds, where the answer does not tell.
    pub life_seconds: Option<u64>,
    /// The business codes (or HTTP statuses, where there is no code) that mean that the token is no longer good.
    #[serde(default)]
    pub expired: Vec<String>,
}

/// The unit of a token's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifeUnit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    #[default]
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Signature {
    /// Values to send: by default the four headers of 3.2.3; with a token request, none.
    fn sent(&self, of_token: bool) -> Cow<'_, [Sent]> {
        if let Some(sent) = &self.send {
            return sent.into();
        }
        let documented = [
            (Part::Token, "accessToken"),
            (Part::Nonce, "nonce"),
            (Part::Timestamp, "timestamp"),
            (Part::Signature, "sign"),
        ];
        let documented = documented.into_iter().filter(|_| !of_token);
        documented.map(|(part, name)| Sent { part, header: Some(name.to_owned()), query: None, field: None }).collect()
    }

    /// Whether the token is one of what is signed or sent.
    pub(crate) fn needs_token(&self, of_token: bool) -> bool {
        let signed = self.parts.contains(&Part::Token) || self.key.as_ref() == Some(&Part::Token);
        signed || self.sent(of_token).iter().any(|sent| sent.part == Part::Token)
    }

    /// Everything that is signed or sent, each by its key: `parts[0]`, `key`, `send[1].part`.
    pub fn all(&self) -> impl Iterator<Item = (String, &Part)> {
        let parts = self.parts.iter().enumerate().map(|(at, part)| (format!("parts[{at}]"), part));
        let key = self.key.iter().map(|key| ("key".to_owned(), key));
        let sent = self.send.iter().flatten().enumerate();
        parts.chain(key).chain(sent.map(|(at, sent)| (format!("send[{at}].part"), &sent.part)))
    }

    /// The names of the credentials it uses.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        self.parts
            .iter()
            .chain(&self.key)
            .chain(self.send.iter().flatten().map(|sent| &sent.part))
            .filter_map(Part::credential)
    }
}

impl TokenRequest {
    /// The names of the credentials it uses.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        let own = self.query.values().chain(self.body.values()).filter_map(Part::credential);
        own.chain(self.signature.iter().flat_map(Signature::credentials))
    }

    /// Everything that it is made of, each by its key: `body.app_key`, `signature.parts[0]`.
    pub fn parts(&self) -> impl Iterator<Item = (String, &Part)> {
        let of = |at: &'static str, parts: &'_ BTreeMap<String, Part>| {
            parts.keys().map(|name| format!("{at}.{name}")).collect::<Vec<_>>()
        };
        let keys = of("query", &self.query).into_iter().chain(of("body", &self.body));
        let own = keys.zip(self.query.values().chain(self.body.values()));
        own.chain(self.signature.iter().flat_map(Signature::all).map(|(key, part)| (format!("signature.{key}"), part)))
    }
}

impl Part {
    /// Whether its value must not be logged.
    pub(super) const fn is_secret(&self) -> bool {
        match self {
            Self::Token | Self::Body | Self::Signature | Self::Credential(_) | Self::Field(_) => true,
            Self::Nonce | Self::Timestamp | Self::Text(_) => false,
        }
    }

    /// The name of the credential that it is.
    #[must_use]
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::Credential(name) => Some(name),
            Self::Nonce
            | Self::Timestamp
            | Self::Token
            | Self::Body
            | Self::Signature
            | Self::Field(_)
            | Self::Text(_) => None,
        }
    }
}
