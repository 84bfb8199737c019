//! The ERP's API for machines: OpenAPI 3.1.
//!
//! `GET /openapi.json` needs no key: the document is the same for everybody and holds nothing of the configuration. It is the
//! file `openapi.json` beside this crate's manifest. With the feature `schema` the crate writes that file, from the partners'
//! table of operations and the types of [`api::contract`]; a test fails where the two differ. So no shipped program links what
//! derives a schema.

#[cfg(feature = "schema")]
mod calls;
#[cfg(feature = "schema")]
mod components;
#[cfg(feature = "schema")]
mod deliveries;
#[cfg(feature = "schema")]
mod derived;
#[cfg(feature = "schema")]
mod document;
#[cfg(feature = "schema")]
mod field;
#[cfg(feature = "schema")]
mod operations;
#[cfg(feature = "schema")]
mod parts;

#[cfg(feature = "schema")]
pub use document::document;

use api::Router;
use bytes::Bytes;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "openapi";

/// The path of the document.
pub const PATH: &str = "/openapi.json";

/// The document as it is sent.
pub const PRINTED: &str = include_str!("../openapi.json");

/// The route of the function.
#[must_use]
pub fn router<C>() -> Router<C> {
    Router::document(NAME, PATH, || Bytes::from_static(PRINTED.as_bytes()))
}
