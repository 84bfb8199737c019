//! The ERP's API for machines: OpenAPI 3.1.
//!
//! `GET /openapi.json` needs no key: the document is the same for everybody and holds nothing of the configuration. It is the
//! file `openapi.json` beside this crate's manifest. With the feature `schema` the crate derives its content from the partners'
//! table of operations and the types of [`api::contract`]; `cargo xtask generate` writes it, and a test fails where the two
//! differ. No shipped program links `schemars`.

#[cfg(feature = "schema")]
mod document;

#[cfg(feature = "schema")]
pub use document::document;

use api::Router;
use bytes::Bytes;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "openapi";

/// The path of the document.
pub const PATH: &str = "/openapi.json";

/// The document as it is sent.
const DOCUMENT: &str = include_str!("../openapi.json");

/// The route of the function.
#[must_use]
pub fn router<C>() -> Router<C> {
    Router::document(NAME, PATH, || Bytes::from_static(DOCUMENT.as_bytes()))
}
