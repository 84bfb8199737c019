//! The file that goes with a call: decoded, fetched afresh in each turn, or read from the archive.
//!
//! An address may be signed, and is a secret then: no text here holds more of it than its origin.

mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use archive::{Archive, ArchiveError, Opened};
use hub::Utc;
use hub::files::{FileHash, begins_as};
use outbound::{Kind, Request, Sent};
use partners::operation::enclosure::{Enclosure, decode, extension, media_type};

use crate::download::{self, Answer, Bounds};

pub(crate) use source::{Source, Unread};

/// A file as it goes to the partner.
#[derive(Clone, Debug)]
pub(crate) struct Obtained {
    /// Its name, without a folder.
    pub(crate) name: String,
    /// Its media type: that of the request, else that of its name's extension, else that of its server.
    pub(crate) content_type: String,
    /// Its content.
    pub(crate) source: Source,
}

impl Obtained {
    fn new(enclosure: &Enclosure, served_as: Option<&str>, source: Source) -> Self {
        let name = enclosure.name().map_or_else(|| "file".to_owned(), Into::into);
        let guess = media_type(&name);
        let unknown = media_type("");
        let served_as = served_as.filter(|_| guess == unknown).unwrap_or(guess);
        let content_type = enclosure.content_type().unwrap_or(served_as).to_owned();
        Self { name, content_type, source }
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

/// The place of this machine's files, and the time.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    /// The archive; nothing where this process has none.
    pub(crate) archive: Option<&'a Arc<dyn Archive>>,
    /// Now.
    pub(crate) now: Utc,
}

/// Obtains the file of a request. `send` is called once where it must be fetched, and never otherwise.
pub(crate) async fn obtain<F, S>(
    enclosure: &Enclosure,
    send: F,
    bounds: &Bounds,
    here: Here<'_>,
) -> Result<Obtained, NoFile>
where
    F: FnOnce(Request) -> S,
    S: Future<Output = Sent>,
{
    let url = match enclosure {
        Enclosure::Inline { base64, .. } => {
            let bytes = decode(base64).map_err(|fault| NoFile::for_good(fault.to_string()))?;
            return Ok(Obtained::new(enclosure, None, Source::Memory(bytes.into())));
        }
        Enclosure::Kept { sha256, bytes, .. } => {
            return Ok(Obtained::new(enclosure, None, kept(sha256, *bytes, here).await?));
        }
        Enclosure::Upload { .. } => return Err(NoFile::for_good("file.upload: stands for no file".to_owned())),
        Enclosure::At { url, .. } => url,
    };
    let url: url::Url = url.parse().map_err(|_| NoFile::for_good("file.url: must be a URL".to_owned()))?;
    let origin = url.origin().ascii_serialization();
    let archive = here.archive.map(|archive| &**archive as &dyn Archive);
    let read = match download::get(url, bounds, archive, send).await {
        Ok(answer) => read(enclosure, answer, bounds),
        // Nothing is wrong with it, and its server need not know.
        Err(error) => Err(NoFile {
            is_exhausted: true,
            ..NoFile::for_now(format!("could not be written to this machine's disk: {error}"), None)
        }),
    };
    read.map_err(|no| NoFile { text: format!("the file at {origin} {}", no.text), ..no })
}

/// The content of an uploaded file, where it is as it came.
async fn kept(sha256: &str, length: u64, here: Here<'_>) -> Result<Source, NoFile> {
    let gone = "the uploaded file is kept no longer: upload it again, and name it in a new call";
    let hash: FileHash = sha256.parse().map_err(|_| NoFile::for_good("file.sha256: is no hash".to_owned()))?;
    let lacking = || NoFile::for_now("this process has no archive of files".to_owned(), None);
    let archive = here.archive.ok_or_else(lacking)?;
    let read = async {
        match archive.open(&hash, here.now).await? {
            Some(Opened::Here(length)) => Ok(Some(length)),
            Some(Opened::At(_)) => Ok(archive.read(&hash, 0..1).await?.map(|piece| piece.whole)),
            None => Ok(None),
        }
    };
    match read.await {
        Ok(Some(whole)) if whole == length => Ok(Source::Kept(Arc::clone(archive), hash, length)),
        Ok(Some(_) | None) => Err(NoFile::for_good(gone.to_owned())),
        Err(error @ ArchiveError::Unavailable { .. }) => Err(NoFile::for_now(telemetry::logs::chain(&error), None)),
        Err(error @ ArchiveError::Damaged(_)) => Err(NoFile::for_good(format!("{error}; then repeat the call"))),
    }
}

/// The file that an answer holds, or what is wrong with it, to be read behind "the file at so-and-so".
fn read(enclosure: &Enclosure, answer: Answer, bounds: &Bounds) -> Result<Obtained, NoFile> {
    let no = |why: &str| format!("could not be fetched: {why}");
    match answer.sent {
        Sent::Answered { status: 200, unreadable: Some(why), .. } => Err(NoFile::for_good(no(&why))),
        Sent::Answered { status: 200, content_type, .. } => {
            let Some(drafted) = answer.content else { return Err(NoFile::for_now(no("it broke off"), None)) };
            let served_as = content_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
            let served_as = served_as.filter(|text| !text.is_empty());
            match bounds.objection(&drafted).or_else(|| objection(enclosure, served_as, &drafted.beginning)) {
                Some(objection) => Err(NoFile::for_good(objection)),
                None => Ok(Obtained::new(enclosure, served_as, Source::Drafted(Arc::new(drafted)))),
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

/// Reason why fetched content that begins so is not the file.
fn objection(enclosure: &Enclosure, served_as: Option<&str>, bytes: &[u8]) -> Option<String> {
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
    let begun = begins_as(&extension, bytes)?;
    (!begun).then(|| format!("does not begin like a .{extension} file; {said}"))
}

fn is_xml(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/xml") || essence.ends_with("+xml")
}

fn starts_with(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.get(..beginning.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(beginning))
}
