//! The file that goes with a call: decoded, or fetched afresh at each attempt.
//!
//! An address may be signed, and is a secret then: no text here holds more of it than its origin.

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use outbound::{Kind, Request, Sent, Trust};
use partners::operation::enclosure::{Enclosure, decode, extension, media_type};

/// The most that is fetched, in bytes. Base64 makes a third more of it, which a small function still has room for.
pub(crate) const LARGEST: usize = 20 * 1024 * 1024;

/// First bytes of files with these extensions, so that an error page is never taken for the file, whatever its content type.
const BEGINNINGS: &[(&str, &[&[u8]])] = &[
    ("zip", ZIP),
    ("xlsx", ZIP),
    ("docx", ZIP),
    ("rar", &[b"Rar!\x1a\x07"]),
    ("7z", &[b"7z\xbc\xaf\x27\x1c"]),
    ("pdf", &[b"%PDF-"]),
    ("png", &[b"\x89PNG\r\n\x1a\n"]),
    ("jpg", JPEG),
    ("jpeg", JPEG),
];

/// A file, an archive without any, one of several volumes.
const ZIP: &[&[u8]] = &[b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"];

const JPEG: &[&[u8]] = &[b"\xff\xd8\xff"];

/// Limits of the connection for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Longest duration of a fetch.
    pub(crate) timeout: Duration,
    /// Whether the address may be private or reserved.
    pub(crate) allow_private: bool,
}

/// A file as it goes to the partner.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Obtained {
    /// Its name, without a folder.
    pub(crate) name: String,
    /// Its media type: that of the request, else that of its name's extension, else that of its server.
    pub(crate) content_type: String,
    /// Its content.
    pub(crate) bytes: Bytes,
}

impl Obtained {
    fn new(enclosure: &Enclosure, served_as: Option<&str>, bytes: Bytes) -> Self {
        let name = enclosure.name().map_or_else(|| "file".to_owned(), Into::into);
        let guess = media_type(&name);
        let unknown = media_type("");
        let served_as = served_as.filter(|_| guess == unknown).unwrap_or(guess);
        let content_type = enclosure.content_type().unwrap_or(served_as).to_owned();
        Self { name, content_type, bytes }
    }
}

impl std::fmt::Debug for Obtained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, content_type, bytes } = self;
        f.debug_struct("Obtained")
            .field("name", name)
            .field("content_type", content_type)
            .field("bytes", &bytes.len())
            .finish()
    }
}

/// Reason why there is no file. The partner was not called, so that any operation may be repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct NoFile {
    /// The reason, for the ERP and the operator.
    pub(crate) text: String,
    /// Whether another attempt may succeed.
    pub(crate) worth_repeating: bool,
    /// The wait that the file's server asks for.
    pub(crate) retry_after: Option<Duration>,
    /// It was not asked for at all, because this machine has no descriptor left.
    pub(crate) is_exhausted: bool,
}

impl NoFile {
    const fn for_good(text: String) -> Self {
        Self { text, worth_repeating: false, retry_after: None, is_exhausted: false }
    }

    const fn for_now(text: String, retry_after: Option<Duration>) -> Self {
        Self { text, worth_repeating: true, retry_after, is_exhausted: false }
    }
}

/// Obtains the file of a request. `send` is called once where it must be fetched, and never where the request has its content.
pub(crate) async fn obtain<F, S>(enclosure: &Enclosure, send: F, limits: &Limits) -> Result<Obtained, NoFile>
where
    F: FnOnce(Request) -> S,
    S: Future<Output = Sent>,
{
    let url = match enclosure {
        Enclosure::Inline { base64, .. } => {
            let bytes = decode(base64).map_err(|fault| NoFile::for_good(fault.to_string()))?;
            return Ok(Obtained::new(enclosure, None, bytes.into()));
        }
        Enclosure::At { url, .. } => url,
    };
    let request = Request {
        method: Method::GET,
        url: url.parse().map_err(|_| NoFile::for_good("file.url: must be a URL".to_owned()))?,
        headers: vec![("accept".into(), "*/*".to_owned())],
        body: Bytes::new(),
        timeout: limits.timeout,
        allow_private: limits.allow_private,
        trust: Trust::default(),
        repeatable: true,
        // One byte more than the limit, so that a file of exactly that size is accepted.
        limit: LARGEST + 1,
    };
    let origin = request.url.origin().ascii_serialization();
    let read = read(enclosure, send(request).await);
    read.map_err(|no| NoFile { text: format!("the file at {origin} {}", no.text), ..no })
}

/// The file that an answer holds, or what is wrong with it, to be read behind "the file at so-and-so".
fn read(enclosure: &Enclosure, sent: Sent) -> Result<Obtained, NoFile> {
    let no = |why: &str| format!("could not be fetched: {why}");
    match sent {
        Sent::Answered { status: 200, unreadable: Some(why), .. } => Err(NoFile::for_good(no(&why))),
        Sent::Answered { status: 200, content_type, body, .. } => {
            let served_as = content_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
            let served_as = served_as.filter(|text| !text.is_empty());
            match objection(enclosure, served_as, &body) {
                Some(objection) => Err(NoFile::for_good(objection)),
                None => Ok(Obtained::new(enclosure, served_as, body)),
            }
        }
        // The target is not named: as the address itself, it may hold a signature.
        Sent::Answered { status: 300..=399, .. } => {
            Err(NoFile::for_good(no("the address redirects; give the final one")))
        }
        Sent::Answered { status, retry_after, .. } => {
            let text = no(&format!("its server answered {status}"));
            let passing = matches!(status, 408 | 425 | 429 | 500..=599);
            Err(if passing { NoFile::for_now(text, retry_after) } else { NoFile::for_good(text) })
        }
        Sent::Failed { kind, text, .. } => Err(match kind {
            Kind::Refused => NoFile::for_good(no(
                "the address is private or reserved; set the connection's allow_private_files where that is meant",
            )),
            Kind::Unsendable => NoFile::for_good(no(&text)),
            Kind::Exhausted => NoFile { is_exhausted: true, ..NoFile::for_now(no(&text), None) },
            Kind::Resolve | Kind::Connect | Kind::Timeout | Kind::Broken => NoFile::for_now(no(&text), None),
        }),
    }
}

/// Reason why the fetched bytes are not the file.
fn objection(enclosure: &Enclosure, served_as: Option<&str>, bytes: &[u8]) -> Option<String> {
    if bytes.len() > LARGEST {
        return Some(format!("is larger than {} MiB", LARGEST >> 20));
    }
    if bytes.is_empty() {
        return Some("is empty".to_owned());
    }
    let name = enclosure.name().unwrap_or_default();
    let extension = extension(&name);
    let said = served_as.map_or_else(|| "nothing".to_owned(), |text| text.chars().take(80).collect());
    let said = format!("its server says {said}");
    let begins = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let page = ["text/html", "application/xhtml+xml"];
    if served_as.is_some_and(|text| page.iter().any(|page| text.eq_ignore_ascii_case(page)))
        || (begins.starts_with(b"<") && !is_xml(enclosure.content_type().unwrap_or(media_type(&name))))
        || [&b"<!doctype html"[..], b"<html"].iter().any(|html| starts_with(begins, html))
    {
        return Some(format!("is an HTML page instead of the file; {said}"));
    }
    let (_, known) = BEGINNINGS.iter().find(|(known, _)| *known == extension)?;
    let begun = known.iter().any(|known| begins.starts_with(known));
    (!begun).then(|| format!("does not begin like a .{extension} file; {said}"))
}

fn is_xml(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/xml") || essence.ends_with("+xml")
}

fn starts_with(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.get(..beginning.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(beginning))
}
