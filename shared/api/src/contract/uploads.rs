//! Files that are sent ahead of the calls that name them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::request::{given, number};

/// A file that is to be sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct NewUpload {
    /// The file's name, without a folder.
    pub name: String,
    /// Its media type. Without one it is that of the name's extension.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub content_type: Option<String>,
    /// Its size in bytes, 104857600 at the most.
    #[serde(deserialize_with = "number")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 104_857_600)))]
    pub bytes: u64,
    /// The SHA-256 digest of its content, which what comes is held against: 64 hex digits.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9A-Fa-f]{64}$")))]
    pub sha256: String,
}

/// An upload, and where its content goes.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct BegunUpload {
    /// The `file.upload` of a call with the same API key.
    pub id: String,
    /// The request that sends the content.
    pub put: Put,
    /// Time until which a call may name it.
    pub expires: hub::time::Rfc3339,
}

/// The request that sends the content of an upload as its body. Without an answer it may be repeated.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Put {
    /// `PUT`.
    pub method: &'static str,
    /// Where it goes: a URL, to which it goes without an API key; or a path relative to the URL of this request, to which it goes
    /// with the same API key.
    pub url: String,
    /// Headers that it must have.
    pub headers: BTreeMap<&'static str, String>,
    /// Time until which it must begin.
    pub expires: hub::time::Rfc3339,
}
