//! A body with a file in it, as forms and most HTTP libraries send one.

mod parameters;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use archive::Draft;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use http::header::{CONTENT_DISPOSITION, HeaderName};
use multer::{Field, Multipart};
use partners::Json;
use partners::operation::Fault;
use partners::operation::enclosure::Enclosure;

use parameters::Parameters;

/// Most parts of a body.
const MOST_PARTS: usize = 100;

/// The part that may hold all fields at once, as JSON.
const BODY: &str = "body";

/// Says how a part's bytes were written. Only what leaves them as they are is read (RFC 7578, 4.7).
const TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

/// Whether a body of this content type is one to be read by [`multipart`].
#[must_use]
pub fn is_multipart(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The fields of a `multipart/form-data` body as the text of a JSON object, and the part that is a file: the one with a
/// file's name.
///
/// Every field is a text, whatever it looks like. Whoever needs numbers or objects sends, in place of the fields, one part
/// `body` of the type `application/json`, which stays as it was printed. Whether the file may go with the operation is for
/// [`Enclosure::check`] to say.
pub async fn multipart(content_type: &str, body: Bytes) -> Result<(String, Option<Enclosure>), Vec<Fault>> {
    let body = stream::iter([Ok::<_, Infallible>(body)]);
    let read = formed(content_type, body, None, usize::MAX).await;
    let Form { text, file } = read.map_err(|why| match why {
        Unformed::Faulty(faults) => faults,
        Unformed::TooLarge | Unformed::Unwritten(_) => vec![broken()],
    })?;
    Ok((text, file.and_then(|file| if let Apart::Within(file) = file { Some(file) } else { None })))
}

/// A body with its file apart.
#[derive(Debug)]
pub struct Form {
    /// The fields, as the text of a JSON object.
    pub text: String,
    /// The part that is a file.
    pub file: Option<Apart>,
}

/// The file of a body.
#[derive(Debug)]
pub enum Apart {
    /// With its content.
    Within(Enclosure),
    /// Its content is in the draft.
    Drafted {
        /// Its name.
        name: String,
        /// Its media type, where the part says it.
        content_type: Option<String>,
    },
}

/// Reason why a body could not be read.
#[derive(Debug)]
pub enum Unformed {
    /// It is not of its form, or broke off.
    Faulty(Vec<Fault>),
    /// Its fields are larger than they may be together, or its file is.
    TooLarge,
    /// Its file could not be written to the disk.
    Unwritten(io::Error),
}

/// [`multipart`] of a body that is too large for memory: the content of its file goes to a draft, of `largest` bytes at the most;
/// the fields may have `fields` bytes together.
pub async fn multipart_apart<B, E>(
    content_type: &str,
    body: B,
    (draft, largest): (&mut Draft, u64),
    fields: usize,
) -> Result<Form, Unformed>
where
    B: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    formed(content_type, Unhurried { body, rests: false }, Some((draft, largest)), fields).await
}

async fn formed<B, E>(
    content_type: &str,
    body: B,
    mut apart: Option<(&mut Draft, u64)>,
    mut fields: usize,
) -> Result<Form, Unformed>
where
    B: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let faulty = || Unformed::Faulty(vec![broken()]);
    let boundary = Parameters::of(content_type.as_bytes()).text("boundary").ok().flatten();
    let boundary = boundary.filter(|text| is_multipart(content_type) && !text.is_empty()).ok_or_else(faulty)?;
    let mut parts = Multipart::new(body, boundary);
    let (mut read, mut count) = (Read::default(), 0);
    while let Some(mut part) = parts.next_field().await.map_err(|_| faulty())? {
        count += 1;
        if count > MOST_PARTS {
            return Err(Unformed::Faulty(vec![fault("", format!("must have at most {MOST_PARTS} parts"))]));
        }
        let head = Head::of(&part);
        match &mut apart {
            Some((draft, largest)) if head.is_file() => {
                let before = draft.bytes();
                while let Some(piece) = part.chunk().await.map_err(|_| faulty())? {
                    draft.write(&piece).await.map_err(Unformed::Unwritten)?;
                    if draft.bytes() > *largest {
                        return Err(Unformed::TooLarge);
                    }
                }
                read.drafted(head, draft.bytes() > before);
            }
            Some(_) | None => {
                let mut content = Vec::new();
                while let Some(piece) = part.chunk().await.map_err(|_| faulty())? {
                    fields = fields.checked_sub(piece.len()).ok_or(Unformed::TooLarge)?;
                    content.extend_from_slice(&piece);
                }
                read.part(head, &content);
            }
        }
    }
    read.done().map_err(Unformed::Faulty)
}

fn broken() -> Fault {
    fault("", "must be multipart/form-data that is complete, its boundary in Content-Type")
}

/// A stream that rests after each piece: its reader takes all pieces that are there before it gives away the first.
struct Unhurried<B> {
    body: B,
    rests: bool,
}

impl<B: Stream + Unpin> Stream for Unhurried<B> {
    type Item = B::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<B::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.body.poll_next_unpin(context);
        self.rests = next.is_ready();
        next
    }
}

/// Headers of a part.
struct Head {
    name: Option<String>,
    /// Its file's name; nothing where the part is no file.
    file: Result<Option<String>, Fault>,
    content_type: Option<String>,
    /// Its bytes are not written as they are.
    encoded: bool,
}

impl Head {
    fn of(part: &Field<'_>) -> Self {
        let encoding = part.headers().get(TRANSFER_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
        let disposition = part.headers().get(CONTENT_DISPOSITION).map(|value| Parameters::of(value.as_bytes()));
        let disposition = disposition.filter(|disposition| disposition.kind.eq_ignore_ascii_case(b"form-data"));
        let text = |name| disposition.as_ref().map_or(Ok(None), |disposition| disposition.text(name));
        Self {
            name: text("name").ok().flatten(),
            file: text("filename").map_err(|_| fault("file.name", "must be a name in UTF-8")),
            content_type: part.content_type().map(ToString::to_string),
            encoded: encoding.is_some_and(|encoding| !matches!(&encoding[..], b"7bit" | b"8bit" | b"binary")),
        }
    }

    /// Whether it is a file.
    fn is_file(&self) -> bool {
        !self.is_body() && !self.encoded && matches!(self.file, Ok(Some(_)))
    }

    /// Whether it holds all fields. Some libraries name a file for whatever they read from one.
    fn is_body(&self) -> bool {
        let essence = self.content_type.as_deref().and_then(|text| text.split(';').next());
        self.name.as_deref() == Some(BODY)
            && essence.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
    }
}

/// Parts read so far.
#[derive(Default)]
struct Read {
    fields: Vec<(String, String)>,
    body: Option<String>,
    file: Option<Apart>,
    faults: Vec<Fault>,
}

impl Read {
    fn part(&mut self, head: Head, content: &[u8]) {
        let is_body = head.is_body();
        let Head { name, file, content_type, encoded } = head;
        let called = name.as_deref().unwrap_or("file");
        if encoded {
            self.faults.push(fault(called, "must be sent as it is: a Content-Transfer-Encoding is not read"));
            return;
        }
        match (file, name) {
            (_, Some(name)) if is_body => self.text(name, is_body, content),
            (Err(fault), _) => self.faults.push(fault),
            (Ok(Some(_)), _) if content.is_empty() => self.faults.push(fault("file", "is empty")),
            (Ok(Some(_)), _) if self.file.is_some() => {
                self.faults.push(fault("file", "one file goes with a call, and no more"));
            }
            (Ok(Some(name)), _) => self.file = Some(Apart::Within(Enclosure::inline(name, content_type, content))),
            (Ok(None), Some(name)) => self.text(name, is_body, content),
            (Ok(None), None) => self.faults.push(fault("", "every part must have a name in UTF-8")),
        }
    }

    /// A file whose content is in the draft.
    fn drafted(&mut self, head: Head, has_content: bool) {
        let Head { file: Ok(Some(name)), content_type, .. } = head else { return };
        if !has_content {
            self.faults.push(fault("file", "is empty"));
        } else if self.file.is_some() {
            self.faults.push(fault("file", "one file goes with a call, and no more"));
        } else {
            self.file = Some(Apart::Drafted { name, content_type });
        }
    }

    fn text(&mut self, name: String, is_body: bool, content: &[u8]) {
        let given = self.fields.iter().any(|(other, _)| *other == name) || (is_body && self.body.is_some());
        match std::str::from_utf8(content) {
            Err(_) => self.faults.push(fault(name, "must be UTF-8")),
            Ok(_) if given => self.faults.push(fault(name, "must be given once")),
            Ok(text) if is_body => self.body = Some(text.to_owned()),
            Ok(text) => self.fields.push((name, text.to_owned())),
        }
    }

    fn done(self) -> Result<Form, Vec<Fault>> {
        let Self { fields, body, file, mut faults } = self;
        let text = if let Some(body) = body {
            let beside = fields.into_iter().map(|(name, _)| name);
            faults.extend(beside.map(|name| fault(name, "leave it out: the part body holds all fields")));
            match Json::parse(body.as_bytes()) {
                Ok(json) => json.text().to_owned(),
                Err(error) => {
                    faults.push(fault(BODY, error.to_string()));
                    body
                }
            }
        } else {
            let string = |text| serde_json::Value::String(text);
            let members = fields.into_iter().map(|(name, text)| format!("{}:{}", string(name), string(text)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        if faults.is_empty() { Ok(Form { text, file }) } else { Err(faults) }
    }
}

fn fault(field: impl Into<String>, remedy: impl Into<String>) -> Fault {
    Fault { field: field.into(), remedy: remedy.into() }
}
