//! The ERP's API for machines: OpenAPI 3.1.
//!
//! `GET /openapi.json` needs no key: the document is the same for everybody and holds nothing of the configuration. It is the
//! file `openapi.json` beside this crate's manifest. With the feature `schema` the crate writes that file, from the partners'
//! table of operations and the types of [`api::contract`]; a test fails where the two differ. No shipped program
//! links `schemars`.

#[cfg(feature = "schema")]
mod document;

#[cfg(feature = "schema")]
pub use document::document;

use api::{Parameters, Problem};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "openapi";

/// The path it serves, as the gateway's and the local hub's function table have it.
pub const ROUTES: &[(Method, &str)] = &[(Method::GET, "/openapi.json")];

/// The document as it is sent.
const DOCUMENT: &str = include_str!("../openapi.json");

/// Answers one request. Its body need not be read.
#[must_use]
pub fn handle<B>(request: &Request<B>) -> Response<Bytes> {
    if let Err(problem) = Parameters::of(request, &[]) {
        return problem.answer(NAME);
    }
    match *request.method() {
        Method::GET | Method::HEAD => api::raw(StatusCode::OK, DOCUMENT),
        _ => Problem::method("GET, HEAD").answer(NAME),
    }
}
