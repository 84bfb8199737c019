//! A request, and what came of it.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use url::Url;

use crate::attached::{Attached, Sink};
use crate::coding::{GZIP, gunzipped};
use crate::failure::Kind;
use crate::text::{beginning, text};
use crate::trust::Trust;

/// Most bytes that are read of a receiver's answer: it must be read whole to be JSON.
pub const RECEIPT: usize = 256 * 1024;

/// Most characters of a `Location` that are reported.
const LONGEST_LOCATION: usize = 200;

/// An outgoing HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: Method,
    /// Target of the request: `http` or `https`.
    pub url: Url,
    /// The headers, names in any case. `Host`, `Content-Length`, `Accept-Encoding` and `User-Agent` are written by the
    /// client.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The bytes, sent as they are.
    pub body: Bytes,
    /// Content that goes in between them.
    pub attached: Option<Attached>,
    /// Takes the body of an answer of the status 200, in place of [`Sent::Answered`], which has none then.
    pub sink: Option<Sink>,
    /// Timeout from the first step to the last byte of the answer that is read; longer by the
    /// [`allowance`](crate::allowance) for what is attached, and for what goes into the sink.
    pub timeout: Duration,
    /// Whether the address may be private or reserved.
    pub allow_private: bool,
    /// Accepted certificate authorities.
    pub trust: Trust,
    /// Whether it may arrive twice. Then it goes over a connection that was kept, and over a new one where that one has
    /// ended meanwhile. Otherwise it goes over a new one, which the server cannot have closed already.
    pub repeatable: bool,
    /// Most bytes that are read of the answer; the rest is not waited for.
    pub limit: usize,
}

/// Result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// There was an answer, of whatever status.
    Answered {
        /// The HTTP status; a redirect is an answer like any other.
        status: u16,
        /// The wait that `Retry-After` asks for.
        retry_after: Option<Duration>,
        /// The media type the answer says it is, as it was written; nothing where it is missing.
        content_type: Option<String>,
        /// `Location` as it was written.
        location: Option<String>,
        /// Reason why the body cannot be read, if it cannot: its coding, its charset, its end that is missing.
        unreadable: Option<String>,
        /// The body's first bytes, [`Request::limit`] at the most, without its content coding.
        body: Bytes,
        /// Duration, in milliseconds.
        ms: u64,
    },
    /// There was none.
    Failed {
        /// At which step it ended.
        kind: Kind,
        /// The error, for the operator. Holds neither path nor query of the URL, nor any header's value.
        text: String,
        /// Duration until the error, in milliseconds.
        ms: u64,
    },
}

/// The headers of an answer that mean something here.
pub(crate) struct Headers {
    pub(crate) retry_after: Option<Duration>,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
}

impl Sent {
    /// An answer of a status and a body, and nothing else.
    #[must_use]
    pub const fn answer(status: u16, body: Bytes) -> Self {
        Self::Answered { status, retry_after: None, content_type: None, location: None, unreadable: None, body, ms: 0 }
    }

    /// Duration, in milliseconds.
    #[must_use]
    pub const fn ms(&self) -> u64 {
        match self {
            Self::Answered { ms, .. } | Self::Failed { ms, .. } => *ms,
        }
    }

    /// The HTTP status, where there was an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Failed { .. } => None,
        }
    }

    /// The same with a body that is text in UTF-8, from whatever charset; one that is no text is unreadable. `limit` is the
    /// request's: of a body that was cut there an incomplete last character is dropped.
    #[must_use]
    pub fn into_text(mut self, limit: usize) -> Self {
        if let Self::Answered { content_type, unreadable: unreadable @ None, body, .. } = &mut self {
            // Compressed, and not said to be.
            if body.starts_with(GZIP) {
                match gunzipped(body, limit) {
                    Ok(inflated) => *body = inflated,
                    Err(why) => *unreadable = Some(why),
                }
            }
            let read = if body.len() < limit { text } else { beginning };
            match read(content_type.as_deref(), body).map(Cow::into_owned) {
                Some(text) if text.as_bytes() != body => *body = text.into(),
                Some(_) => {}
                None => *unreadable = unreadable.take().or_else(|| Some("it is no text of a known charset".to_owned())),
            }
        }
        self
    }

    /// Target of a redirect, without its possible secrets: user, query and fragment.
    #[must_use]
    pub fn redirected(&self) -> Option<String> {
        let Self::Answered { status: 300..=399, location: Some(location), .. } = self else { return None };
        let bare = location.split(['?', '#']).next().unwrap_or_default();
        let bare =
            match bare.split_once("//").map(|(scheme, rest)| (scheme, rest.split_once('/').unwrap_or((rest, "")))) {
                Some((scheme, (host, path))) if host.contains('@') => {
                    let host = host.rsplit('@').next().unwrap_or_default();
                    format!("{scheme}//{host}/{path}")
                }
                Some(_) | None => bare.to_owned(),
            };
        Some(bare.chars().filter(|c| !c.is_control()).take(LONGEST_LOCATION).collect())
    }

    /// Summary of the attempt for the operator: the error, the target of a redirect, or the beginning of the answer's body,
    /// `limit` characters at most.
    #[must_use]
    pub fn detail(&self, limit: usize) -> String {
        let text = match self {
            Self::Answered { unreadable: Some(why), .. } => format!("the answer cannot be read: {why}"),
            Self::Answered { body, .. } => match self.redirected() {
                Some(to) => format!("it redirects to {to}, which is not followed: set the URL to the final one"),
                None => String::from_utf8_lossy(body).into_owned(),
            },
            Self::Failed { text, .. } => text.clone(),
        };
        text.chars().take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(location: &str) -> Option<String> {
        let location = Some(location.to_owned());
        let answer = Sent::answer(308, Bytes::new());
        let Sent::Answered { status, retry_after, content_type, unreadable, body, ms, .. } = answer else {
            return None;
        };
        Sent::Answered { status, retry_after, content_type, location, unreadable, body, ms }.redirected()
    }

    #[test]
    fn location_is_shown_without_secrets_or_controls() {
        for (location, told) in [
            ("https://partner.example/", "https://partner.example/"),
            ("https://a.example/api/docking/upload?token=s3cret#x", "https://a.example/api/docking/upload"),
            ("https://user:s3cret@a.example/x", "https://a.example/x"),
            ("//user@a.example", "//a.example/"),
            ("/login?next=/a@b", "/login"),
            ("https://a.example/\u{1b}[31mred\r\n", "https://a.example/[31mred"),
        ] {
            assert_eq!(redirect(location).as_deref(), Some(told), "{location}");
        }
        assert_eq!(redirect(&"x".repeat(500)).map(|told| told.len()), Some(LONGEST_LOCATION));
        assert_eq!(Sent::answer(308, Bytes::new()).redirected(), None);
    }

    /// Regression: a page that the limit cut within a character counted as no text, and so as a refusal.
    #[test]
    fn body_cut_at_the_limit_is_read_as_text() {
        let page = Bytes::from_static("<p>页".as_bytes());
        let cut = |limit: usize| Sent::answer(200, page.slice(..limit)).into_text(limit).detail(100);
        assert_eq!([cut(3), cut(4), cut(5), cut(6)], ["<p>", "<p>", "<p>", "<p>页"]);
        let broken_off = Sent::answer(200, page.slice(..4)).into_text(5);
        assert!(broken_off.detail(100).contains("no text"), "it was not the limit: {broken_off:?}");
    }

    #[test]
    fn unmarked_gzip_is_read_as_text() {
        let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xabV\xcaMNOIU\xb2220\xd0Q(\xc8I\xac,.\xc9LO-*V\x02\0";
        let broken = Sent::answer(200, Bytes::from_static(gzip)).into_text(100);
        assert!(matches!(&broken, Sent::Answered { unreadable: Some(why), .. } if why.contains("gzip")), "{broken:?}");
        assert!(broken.detail(100).contains("cannot be read"));
    }
}
