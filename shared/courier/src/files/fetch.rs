//! One fetch of a file: through the guard, at each redirect too, with limits on size and time.
//!
//! An address may be signed, and is a secret then: no text here holds more of it than its origin.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use config::Connection;
use http::Method;
use hub::files::{Outcome, State};
use outbound::{Kind, Request, Sent};
use tokio::time::Instant;
use url::Url;

use crate::file::LARGEST;
use crate::{Courier, trust};

/// Longest duration of a fetch, redirects included.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Most redirects that are followed: to `https`, and to a store of files.
const REDIRECTS: usize = 3;

/// Fetched content.
pub(super) struct Content {
    /// The bytes.
    pub(super) bytes: Bytes,
    /// The last segment of its path, decoded.
    pub(super) segment: String,
    /// Where it came from.
    pub(super) origin: String,
}

/// Fetches a file; otherwise what is wrong with it.
pub(super) async fn fetch<S, Q>(
    courier: &Courier<S, Q>,
    url: &str,
    connection: &Connection,
) -> Result<Content, Outcome> {
    let end = Instant::now() + TIMEOUT;
    let mut url = Url::parse(url).map_err(|_| failed(State::Refused, "the link is no URL".to_owned(), false))?;
    for _ in 0..=REDIRECTS {
        let origin = url.origin().ascii_serialization();
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: vec![("accept".into(), "*/*".to_owned())],
            body: Bytes::new(),
            timeout: end.saturating_duration_since(Instant::now()),
            allow_private: connection.allow_private_files,
            trust: trust(&connection.trust),
            repeatable: true,
            // One byte more than the limit, so that a file of exactly that size is accepted.
            limit: LARGEST + 1,
        };
        let sent = (courier.wire)(request).await;
        match target(&url, &sent) {
            Some(target) => url = target,
            None => return read(&url, &origin, sent),
        }
    }
    Err(failed(State::Refused, format!("the link redirects more than {REDIRECTS} times"), true))
}

/// The next address of a redirect.
fn target(from: &Url, sent: &Sent) -> Option<Url> {
    let Sent::Answered { status: 301 | 302 | 303 | 307 | 308, location: Some(location), .. } = sent else {
        return None;
    };
    from.join(location).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// The content that an answer holds, or what is wrong with it.
fn read(url: &Url, origin: &str, sent: Sent) -> Result<Content, Outcome> {
    let no = |why: &str| format!("the file at {origin} could not be fetched: {why}");
    let (why, text, retry_after) = match sent {
        Sent::Answered { status: 200, unreadable: Some(why), .. } => (State::Unreachable, no(&why), None),
        Sent::Answered { status: 200, body, .. } if body.len() > LARGEST => {
            let text = format!("the file at {origin} is larger than {} MiB", LARGEST >> 20);
            return Err(failed(State::TooLarge, text, false));
        }
        Sent::Answered { status: 200, body, .. } => {
            let segment = url.path_segments().and_then(Iterator::last).unwrap_or_default();
            let segment = percent_decoded(segment).into_owned();
            return Ok(Content { bytes: body, segment, origin: origin.to_owned() });
        }
        Sent::Answered { status, retry_after, .. } => {
            let why = match status {
                401 | 403 | 404 | 410 => State::Expired,
                408 | 425 | 429 | 500..=599 => State::Unreachable,
                _ => State::Refused,
            };
            (why, no(&format!("its server answered {status}")), retry_after)
        }
        Sent::Failed { kind, text, .. } => match kind {
            Kind::Refused => {
                let why =
                    "the address is private or reserved; set the connection's allow_private_files where that is meant";
                return Err(failed(State::Refused, no(why), false));
            }
            Kind::Unsendable => return Err(failed(State::Refused, no(&text), false)),
            Kind::Exhausted => return Err(Outcome::Unsent { text: no(&text) }),
            Kind::Resolve | Kind::Connect | Kind::Timeout | Kind::Broken => (State::Unreachable, no(&text), None),
        },
    };
    Err(Outcome::Failed { why, text, repeats: true, retry_after })
}

const fn failed(why: State, text: String, repeats: bool) -> Outcome {
    Outcome::Failed { why, text, repeats, retry_after: None }
}

/// A segment of a path as it is meant, where it is text.
fn percent_decoded(segment: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy()
}
