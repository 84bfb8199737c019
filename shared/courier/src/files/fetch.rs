//! One fetch of a file: through the guard, at each redirect too, with limits on size and time.
//!
//! An address may be signed, and is a secret then: no text here holds more of it than its origin.

use std::borrow::Cow;
use std::time::Duration;

use archive::{Archive, Drafted};
use config::Connection;
use hub::files::{LARGEST, Outcome, State};
use outbound::{Kind, Sent, allowance};
use tokio::time::Instant;
use url::Url;

use crate::download::{self, Answer, Bounds};
use crate::{Courier, trust};

/// Longest duration of a fetch, redirects included, without the transfer of the content.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest duration of a fetch.
pub(super) const LONGEST: Duration = TIMEOUT.saturating_add(allowance(LARGEST));

/// Most redirects that are followed: to `https`, and to a store of files.
const REDIRECTS: usize = 3;

/// Fetched content.
pub(super) struct Content {
    /// The bytes, on the disk.
    pub(super) drafted: Drafted,
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
    archive: &dyn Archive,
) -> Result<Content, Outcome> {
    let end = Instant::now() + TIMEOUT;
    let mut url = Url::parse(url).map_err(|_| failed(State::Refused, "the link is no URL".to_owned(), false))?;
    for _ in 0..=REDIRECTS {
        let origin = url.origin().ascii_serialization();
        let bounds = Bounds {
            timeout: end.saturating_duration_since(Instant::now()),
            allow_private: connection.allow_private_files,
            trust: trust(&connection.trust),
            largest: LARGEST,
        };
        let answer = download::get(url.clone(), &bounds, Some(archive), |request| (courier.wire)(request)).await;
        let answer = answer.map_err(|error| Outcome::Unsent {
            text: format!("the file at {origin} could not be written to this machine's disk: {error}"),
        })?;
        match target(&url, &answer.sent) {
            Some(target) => url = target,
            None => return read(&url, &origin, answer, &bounds),
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
fn read(url: &Url, origin: &str, answer: Answer, bounds: &Bounds) -> Result<Content, Outcome> {
    let no = |why: &str| format!("the file at {origin} could not be fetched: {why}");
    let (why, text, retry_after) = match answer.sent {
        Sent::Answered { status: 200, unreadable: Some(why), .. } => (State::Unreachable, no(&why), None),
        Sent::Answered { status: 200, .. } => {
            let Some(drafted) = answer.content else { return Err(Outcome::Unsent { text: no("it broke off") }) };
            if let Some(objection) = bounds.objection(&drafted) {
                return Err(failed(State::TooLarge, format!("the file at {origin} {objection}"), false));
            }
            let segment = url.path_segments().and_then(Iterator::last).unwrap_or_default();
            let segment = percent_decoded(segment).into_owned();
            return Ok(Content { drafted, segment, origin: origin.to_owned() });
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
