//! A request as the event of a direct Lambda invocation.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use hub::ConnectionId;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::{Position, Url};

use crate::{Object, Problem};

/// Marks a request that was not sent over HTTP and has no key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keyless {
    /// A direct invocation. Made by [`invocation`] alone.
    Invocation,
    /// The command line at the store. Made by [`at_the_store`](crate::at_the_store) alone.
    CommandLine(&'static BTreeSet<ConnectionId>),
}

/// The event of a direct invocation: a request without its headers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    /// `GET` where it is left out, or `POST` where there is a body.
    #[serde(default)]
    method: Option<String>,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
}

/// Reads `{"method", "path", "query", "body"}` as the request that it stands for. The body stays as it was printed. No key is
/// needed: IAM says who may invoke the function.
pub fn invocation(event: &[u8]) -> Result<Request<Bytes>, Problem> {
    let Object(event): Object<Event<'_>> = serde_json::from_slice(event).map_err(|error| {
        let shape = "must be one JSON object of path and, where needed, method, query and body";
        Problem::field("event", format!(r#"{shape}, such as {{"path":"/calls","query":{{"limit":10}}}}: {error}"#))
    })?;
    let body = event.body.map(RawValue::get).filter(|body| *body != "null");
    let method = match &event.method {
        None if body.is_some() => Method::POST,
        None => Method::GET,
        Some(name) => name.to_uppercase().parse().map_err(|_| Problem::field("method", "must be GET or POST"))?,
    };
    let mut request = Request::new(Bytes::copy_from_slice(body.unwrap_or_default().as_bytes()));
    *request.method_mut() = method;
    *request.uri_mut() = uri(&event.path, &event.query)?;
    request.extensions_mut().insert(Keyless::Invocation);
    Ok(request)
}

/// A path, perhaps with a query of its own, and what else is asked for.
fn uri(path: &str, query: &BTreeMap<String, Value>) -> Result<Uri, Problem> {
    let wrong = || Problem::field("path", "must be a path of the API, such as /deliveries/failed");
    let mut url = Url::parse("http://invoked").map_err(|_| wrong())?;
    let (path, own) = path.split_once('?').map_or((path, None), |(path, own)| (path, Some(own)));
    if !path.starts_with('/') {
        return Err(wrong());
    }
    url.set_path(path);
    url.set_query(own.filter(|own| !own.is_empty()));
    for (name, value) in query {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(Problem::field(format!("query.{name}"), "must be a text or a number"));
            }
        };
        url.query_pairs_mut().append_pair(name, &text);
    }
    let place = &url[Position::BeforePath..];
    PathAndQuery::try_from(place).map(Uri::from).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str) -> Result<(String, String, String), String> {
        let request = invocation(event.as_bytes()).map_err(|problem| format!("{problem:?}"))?;
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        Ok((request.method().to_string(), request.uri().to_string(), body))
    }

    fn assert_read(event: &str, method: &str, uri: &str, body: &str) {
        assert_eq!(read(event), Ok((method.to_owned(), uri.to_owned(), body.to_owned())), "{event}");
    }

    #[test]
    fn event_is_read_as_the_request_it_stands_for() {
        let listed = r#"{"path":"/calls?state=failed","query":{"limit":5,"from":null}}"#;
        assert_read(listed, "GET", "/calls?state=failed&limit=5", "");
        assert_read(r#"{"method":"get","path":"/calls","body":null}"#, "GET", "/calls", "");
        let replay = r#"{"endpoint":"erp", "n":1.10}"#;
        let event = format!(r#"{{"path":"/deliveries/replay","body":{replay}}}"#);
        assert_read(&event, "POST", "/deliveries/replay", replay);
        let spelt = "/events/xhq-sh/order:%E9%80%9A%201";
        assert_read(r#"{"path":"/events/xhq-sh/order:通 1"}"#, "GET", spelt, "");
    }

    #[test]
    fn event_of_another_shape_is_a_problem_with_an_example() {
        for (event, said) in [
            ("{}", "path"),
            ("[]", "such as"),
            (r#"["GET","/calls"]"#, "a JSON object"),
            (r#"{"path":"calls"}"#, "/deliveries/failed"),
            (r#"{"path":"/calls","limit":5}"#, "limit"),
            (r#"{"path":"/calls","query":{"limit":[5]}}"#, "query.limit"),
            (r#"{"path":"/calls","method":"GE T"}"#, "method"),
        ] {
            let error = read(event).unwrap_err();
            assert!(error.contains(said), "{event}: {error}");
        }
    }
}
