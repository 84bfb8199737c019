//! How a request is read.

use std::borrow::Cow;

use bytes::Bytes;
use http::Request;
use hub::Utc;
use serde::Deserialize;

use crate::Problem;

/// The first parameter of that name in the query; an empty one is none.
#[must_use]
pub fn query<B>(request: &Request<B>, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
}

/// How many items a page is to have: `limit` of the query, from 1 to `most`, 100 where it is not given.
pub fn limit<B>(request: &Request<B>, most: usize) -> Result<usize, Problem> {
    let limit = query(request, "limit").map_or(Ok(100), |text| text.parse::<usize>());
    let limit = limit.ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::field("limit", format!("must be a number from 1 to {most}")))
}

/// The body as JSON of exactly that shape, where the type denies unknown fields. The problem is of the field `body`;
/// which member of it is wrong, the detail says.
pub fn body<'a, T: Deserialize<'a>>(request: &'a Request<Bytes>) -> Result<T, Problem> {
    serde_json::from_slice(request.body()).map_err(|error| Problem::field("body", error.to_string()))
}

/// A time in that field.
pub fn moment(field: impl Into<Cow<'static, str>>, text: &str) -> Result<Utc, Problem> {
    Utc::parse(text).ok_or_else(|| Problem::field(field, "must be a time like 2026-01-31T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_parameter_with_a_value_counts() {
        let request = Request::get("/calls?from=&subject=order%3AF+1&from=x&from=y").body(()).unwrap();
        assert_eq!(query(&request, "subject").as_deref(), Some("order:F 1"));
        assert_eq!(query(&request, "from").as_deref(), Some("x"));
        assert_eq!(query(&request, "limit"), None);
    }
}
