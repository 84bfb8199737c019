//! Reading of a request: over HTTP, or as the event of a direct invocation.

use std::time::Duration;

use api::{Object, Problem, Routed, given, is_multipart, multipart, number};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName};
use partners::operation::enclosure::Enclosure;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::traced::caller;
use crate::{OperationRequest, faulty};

/// The longest a result is waited for: a gateway gives up after 29 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// RFC draft: the key under which the ERP asks once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// RFC 7240.
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A body that was too large for memory, in place of its bytes: among the extensions of a request.
#[derive(Clone, Debug)]
pub struct Apart {
    /// Its fields, as the text of a JSON object.
    pub text: String,
    /// Its file, which is an upload now.
    pub file: Option<Enclosure>,
}

/// Reads `POST /calls/<connection>/<operation>`.
pub(crate) async fn read(routed: Routed<'_>) -> Result<OperationRequest, Problem> {
    let (connection, operation) = (routed.named("name").to_owned(), routed.named("operation").to_owned());
    let mut request = routed.request;
    let apart = request.extensions_mut().remove::<Apart>();
    let key = key(request.headers())?;
    let wait = preferred(request.headers());
    let caller = caller(request.headers());
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    // Behind a gateway a stage or a base path may stand before the path: only the client knows its whole.
    let calls = above_connection(request.uri().path());
    let (body, file) = if let Some(Apart { text, file }) = apart {
        (text, file)
    } else if is_multipart(&content_type) {
        multipart(&content_type, request.into_body()).await.map_err(|faults| faulty(&faults))?
    } else {
        (text(request.body())?, None)
    };
    Ok(OperationRequest { connection, operation, key, wait, calls, body, file, caller })
}

/// The way up from a path to what stands before its last two segments, of which the first is the connection.
fn above_connection(path: &str) -> String {
    let mut named = 0;
    let below = path.rsplit('/').take_while(|segment| {
        named += usize::from(!segment.is_empty());
        named < 2
    });
    "../".repeat(below.count())
}

/// The idempotency key. Some clients send it as an RFC 8941 string, in quotes.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Problem::field("Idempotency-Key", "must be given once"));
    }
    let remedy = "must be printable ASCII: percent-encode the rest as UTF-8, such as %E8%AE%A2%E5%8D%95 for 订单; the key is \
                  compared as it is sent";
    let text = line.to_str().ok().filter(|text| !text.contains(char::is_control));
    let text = text.ok_or_else(|| Problem::field("Idempotency-Key", remedy))?.trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    Ok(Some(bare.to_owned()))
}

/// The text of a body, without a byte order mark and the blanks around it.
fn text(body: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Problem::field("body", format!("is not UTF-8 from byte {} on", error.valid_up_to())))?;
    Ok(text.trim_start_matches('\u{feff}').trim().to_owned())
}

/// `wait=N` of `Prefer`, in seconds: the first of all its lines. RFC 7240 has what cannot be read ignored, for it is a
/// preference and no demand.
fn preferred(headers: &HeaderMap) -> Duration {
    let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
    let wait = lines.flat_map(preferences).find_map(|preference| {
        // The text behind a semicolon is a parameter of this preference.
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse().ok())
    });
    wait.flatten().map_or(Duration::ZERO, bounded)
}

/// The preferences of a line. A comma within quotes parts nothing.
fn preferences(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
}

fn bounded(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(LONGEST_WAIT)
}

/// The event of a direct invocation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocation<'a> {
    connection: String,
    operation: String,
    #[serde(default, deserialize_with = "given")]
    idempotency_key: Option<String>,
    #[serde(default, deserialize_with = "number")]
    wait: u64,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "given")]
    file: Option<Object<Enclosure>>,
}

/// Whether an event says a request by its path, as those of other functions do.
pub(crate) fn is_of_path(event: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Path {
        #[serde(rename = "path")]
        _path: String,
    }
    serde_json::from_slice::<Path>(event).is_ok()
}

/// Reads a direct invocation.
pub(crate) fn read_invocation(event: &[u8]) -> Result<OperationRequest, Problem> {
    let invocation: Invocation<'_> = api::read(event, "event")?;
    let Invocation { connection, operation, idempotency_key: key, wait, body, file } = invocation;
    let file = file.map(|Object(file)| file);
    let body = body.map(|body| body.get().to_owned()).unwrap_or_default();
    let (wait, calls) = (bounded(wait), "/calls/".to_owned());
    Ok(OperationRequest { connection, operation, key, wait, calls, body, file, caller: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(lines: &[&str]) -> Duration {
        preferred(&lines.iter().map(|line| (PREFER, line.parse().unwrap())).collect())
    }

    #[test]
    fn the_preferred_wait_is_found_among_others_and_bounded() {
        let ten = Duration::from_secs(10);
        assert_eq!(wait(&["respond-async, wait=10"]), ten);
        assert_eq!(wait(&["wait=90"]), LONGEST_WAIT);
        assert_eq!(wait(&["return=minimal"]), Duration::ZERO);
        assert_eq!(wait(&["wait = \"10\"; strictly"]), ten);
    }

    /// Only the first line and only small letters counted, and a wait that could not be read was a 400.
    #[test]
    fn a_preference_is_read_as_rfc_7240_has_it() {
        let ten = Duration::from_secs(10);
        assert_eq!(wait(&["respond-async", "Wait=10"]), ten, "a second line, in other letters");
        assert_eq!(wait(&["wait=10", "wait=20"]), ten, "the first counts");
        assert_eq!(wait(&["note=\"a, wait=20\", wait=10"]), ten, "what is quoted is no preference");
        assert_eq!(wait(&["note; wait=20, wait=10"]), ten, "a parameter is no preference");
        for unread in ["wait=soon", "wait=-1", "wait=", "wait", "=", ","] {
            assert_eq!(wait(&[unread]), Duration::ZERO, "{unread}");
        }
    }

    #[test]
    fn the_way_up_is_counted_in_slashes() {
        for (path, way) in [
            ("/calls/c/op", "../"),
            ("/calls/c/op/", "../../"),
            ("//calls//c/op", "../"),
            ("/calls/c///op//", "../../../../../"),
        ] {
            assert_eq!(above_connection(path), way, "{path}");
        }
    }

    #[test]
    fn an_invocation_keeps_the_bodys_bytes() {
        let event = br#"{"connection":"c","operation":"upload","idempotency_key":"k","wait":3,"body":{"n": 1.10}}"#;
        let asked = read_invocation(event).unwrap();
        assert_eq!((asked.body.as_str(), asked.wait), (r#"{"n": 1.10}"#, Duration::from_secs(3)));
        assert!(read_invocation(br#"{"connection":"c","operaton":"upload"}"#).is_err());
    }

    /// Regression: arrays were read as the values of the members in the order of the code.
    #[test]
    fn array_is_no_invocation_and_no_file() {
        let file = r#"{"connection":"c","operation":"fileUpload","file":["a.zip",null,"UEs=",null]}"#;
        for (event, field) in [(r#"["c","upload"]"#, ""), (file, "file: ")] {
            let problem = read_invocation(event.as_bytes()).err().map(|problem| serde_json::to_value(problem).unwrap());
            let detail = problem.unwrap()["detail"].as_str().unwrap().to_owned();
            assert!(detail.starts_with(field) && detail.contains("a JSON object"), "{event}: {detail}");
        }
        let file = r#"{"connection":"c","operation":"fileUpload","file":{"name":"a.zip","base64":"UEs="}}"#;
        assert!(read_invocation(file.as_bytes()).unwrap().file.is_some());
    }
}
