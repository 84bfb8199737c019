//! Answers that are JSON.

use std::marker::PhantomData;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::Problem;

/// Most bytes of a list's items. A Lambda function may answer with 6,291,556, and its answer is a text within JSON, in which
/// a quote takes two.
pub const MOST_BYTES: usize = 3_000_000;

/// The JSON of a `T`. It borrows nothing from the value that it was printed from.
#[derive(Debug)]
pub struct Printed<T>(Box<RawValue>, PhantomData<fn(T)>);

impl<T> Serialize for Printed<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Printed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<T>()
    }
}

/// Items of a list, printed.
pub fn printed<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<Vec<Printed<T>>, Problem> {
    let print = |item| to_raw_value(&item).map(|json| Printed(json, PhantomData));
    items.into_iter().map(print).collect::<Result<_, _>>().map_err(unprinted)
}

/// Number of these items, from the first on, that fit in so many bytes.
pub fn fitting<'a, T: 'a>(items: impl IntoIterator<Item = &'a Printed<T>>, bytes: usize) -> usize {
    let sizes = items.into_iter().scan(0, |sum, item| {
        *sum += item.0.get().len() + 1;
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= bytes).count()
}

/// Smaller `limit` for a page whose items do not fit in so many bytes; none where they fit.
#[must_use]
pub fn fewer<T>(items: &[Printed<T>], limit: usize, bytes: usize) -> Option<usize> {
    let fits = fitting(items, bytes);
    (fits < items.len() && limit > 1).then(|| fits.clamp(1, limit - 1))
}

fn unprinted(_: serde_json::Error) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "the answer could not be written")
}

/// An answer that is JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Bytes>, Problem> {
    serde_json::to_vec(body).map(|body| raw(status, body)).map_err(unprinted)
}

/// An answer that was printed as JSON already.
#[must_use]
pub fn raw(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    build(status, "application/json", body)
}

/// An answer that is a zip, to be saved under that name.
#[must_use]
pub fn zip(name: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = build(StatusCode::OK, "application/zip", body);
    let headers = response.headers_mut();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    let name = name.replace(|character| !is_plain(character), "_");
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.extend(disposition.map(|disposition| (CONTENT_DISPOSITION, disposition)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer of another type than `application/json`.
#[must_use]
pub fn answered(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    build(status, content_type, body)
}

pub(crate) fn build(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
