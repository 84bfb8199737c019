//! Answers that are JSON.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::Problem;

/// How many bytes the items of a list may have. A Lambda function may answer with 6,291,556, and there the answer is a
/// text within JSON, in which a quote takes two.
pub const MOST_BYTES: usize = 3_000_000;

/// Items of a list, printed.
pub fn printed<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<Vec<Box<RawValue>>, Problem> {
    items.into_iter().map(|item| to_raw_value(&item)).collect::<Result<_, _>>().map_err(unprinted)
}

/// How many of these items fit in so many bytes, from the first on.
pub fn fitting<'a>(items: impl IntoIterator<Item = &'a Box<RawValue>>, bytes: usize) -> usize {
    let sizes = items.into_iter().scan(0, |sum, item| {
        *sum += item.get().len() + 1;
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= bytes).count()
}

/// How many items a page should have instead of `limit`, where these, which it has, do not fit in so many bytes.
#[must_use]
pub fn fewer(items: &[Box<RawValue>], limit: usize, bytes: usize) -> Option<usize> {
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

pub(crate) fn build(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
