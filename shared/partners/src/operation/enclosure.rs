//! A file that comes with a call: in the request itself, at an address to fetch it from, or sent ahead of the call.
//!
//! In a JSON body it is the member `file`: `{"name": "a.zip", "base64": "..."}`, `{"url": "https://..."}` or
//! `{"upload": "<id>"}`, each with a `content_type` if need be. It is taken out before the body is kept, and every other byte stays as the ERP printed it.
//! Addresses may be signed, so nothing here prints more of one than its host.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use super::check::has_value;
use super::{Fault, FilePlace, Format, Operation, Settings};
use crate::Json;
use crate::json::Kind;

/// The member of the ERP's body that describes the file.
const MEMBER: &str = "file";

/// The longest name a file may have, in characters.
pub const LONGEST_NAME: usize = 255;

/// Many encoders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Media types of files that are sent to customs, by extension.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("zip", "application/zip"),
    ("rar", "application/vnd.rar"),
    ("7z", "application/x-7z-compressed"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("csv", "text/csv"),
    ("txt", "text/plain"),
    ("xml", "application/xml"),
    ("json", "application/json"),
    ("edi", "application/EDIFACT"),
];

/// A file as the ERP encloses it, in JSON as the ERP writes it. Its `Debug` shows neither content nor path.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Described")]
pub enum Enclosure {
    /// It came with the request.
    Inline {
        /// Its name.
        name: String,
        /// Its media type, where the ERP said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// Its content (see [`decode`]).
        base64: String,
    },
    /// It is to be fetched.
    At {
        /// Its name, where the ERP said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its media type, where the ERP said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// Address of the file: `http` or `https`.
        url: String,
    },
    /// It was sent ahead, as the ERP names it. A call is not kept with it, but with what it stands for.
    Upload {
        /// Its name, where the ERP said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its media type, where the ERP said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// The id that was given for it.
        upload: String,
    },
    /// It is kept by the hub, under the hash of its content. No ERP may name one so: the hash says nothing of whose it is.
    Kept {
        /// Its name.
        name: String,
        /// Its media type, where the ERP said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// SHA-256 of its content: 64 hex digits.
        sha256: String,
        /// Its size in bytes.
        bytes: u64,
    },
}

/// The members of `file`, before it is known whether they go together.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Described {
    name: Option<String>,
    content_type: Option<String>,
    base64: Option<String>,
    url: Option<String>,
    upload: Option<String>,
    sha256: Option<String>,
    bytes: Option<u64>,
}

impl TryFrom<Described> for Enclosure {
    type Error = Fault;

    fn try_from(described: Described) -> Result<Self, Fault> {
        let Described { name, content_type, base64, url, upload, sha256, bytes } = described;
        let named =
            |name: Option<String>| name.ok_or_else(|| Fault::new("file.name", "must be given: the file's name"));
        match (base64, url, upload) {
            (None, None, None) => match sha256.zip(bytes) {
                Some((sha256, bytes)) => Ok(Self::Kept { name: named(name)?, content_type, sha256, bytes }),
                None => {
                    Err(Fault::new("file", "must have base64, the file itself; url, where it is; or upload, its id"))
                }
            },
            (_, _, _) if sha256.is_some() || bytes.is_some() => {
                Err(Fault::new("file", "is described by its content alone where it is kept already"))
            }
            (Some(base64), None, None) => Ok(Self::Inline { name: named(name)?, content_type, base64 }),
            (None, Some(url), None) => Ok(Self::At { name, content_type, url }),
            (None, None, Some(upload)) => Ok(Self::Upload { name, content_type, upload }),
            (Some(_), Some(_), _) => Err(Fault::new("file.url", "leave it out: file.base64 holds the file")),
            (Some(_), None, Some(_)) => Err(Fault::new("file.upload", "leave it out: file.base64 holds the file")),
            (None, Some(_), Some(_)) => Err(Fault::new("file.upload", "leave it out: file.url says where the file is")),
        }
    }
}

impl Enclosure {
    /// A file whose bytes came with the request.
    #[must_use]
    pub fn inline(name: String, content_type: Option<String>, bytes: &[u8]) -> Self {
        Self::Inline { name, content_type, base64: BASE64.encode(bytes) }
    }

    /// The file's name: what the ERP said, else the last part of its address's path; nothing where that is none.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Inline { name, .. }
            | Self::Kept { name, .. }
            | Self::At { name: Some(name), .. }
            | Self::Upload { name: Some(name), .. } => Some(name.into()),
            Self::At { name: None, url, .. } => name_in(url).map(Cow::Owned),
            Self::Upload { name: None, .. } => None,
        }
    }

    /// The media type that the ERP said.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        match self {
            Self::Inline { content_type, .. }
            | Self::At { content_type, .. }
            | Self::Upload { content_type, .. }
            | Self::Kept { content_type, .. } => content_type.as_deref(),
        }
    }

    /// Everything that keeps this file from going with that operation, as far as it can be told without fetching it.
    #[must_use]
    pub fn check(&self, operation: &Operation<'_>) -> Vec<Fault> {
        if operation.file.is_none() {
            return vec![Fault::new(MEMBER, format!("{} takes no file", operation.name))];
        }
        let mut faults = Vec::new();
        match self.name() {
            // It may have been given with the upload.
            None if matches!(self, Self::Upload { .. }) => {}
            None => faults.push(Fault::new("file.name", "must be given: the url does not end in a file's name")),
            Some(name) if !is_name(&name) => {
                faults.push(Fault::new(
                    "file.name",
                    "must be a name alone: no folder, at most 255 characters, all printable",
                ));
            }
            Some(_) => {}
        }
        if self.content_type().is_some_and(|text| !is_media_type(text)) {
            faults.push(Fault::new("file.content_type", "must be a media type such as application/zip"));
        }
        match self {
            Self::Inline { base64, .. } => faults.extend(decode(base64).err()),
            Self::At { url, .. } if !Format::Url.fits(url) => {
                faults.push(Fault::new("file.url", "must be an http or https URL, without blanks in it"));
            }
            Self::At { .. } | Self::Upload { .. } | Self::Kept { .. } => {}
        }
        faults
    }
}

impl fmt::Debug for Enclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline { name, content_type, base64 } => f
                .debug_struct("Inline")
                .field("name", name)
                .field("content_type", content_type)
                .field("base64_chars", &base64.len())
                .finish(),
            Self::At { name, content_type, url } => f
                .debug_struct("At")
                .field("name", name)
                .field("content_type", content_type)
                .field("host", &parts(url).map(|(host, _)| host))
                .finish(),
            // The id is as good as the file.
            Self::Upload { name, content_type, .. } => {
                f.debug_struct("Upload").field("name", name).field("content_type", content_type).finish()
            }
            Self::Kept { name, content_type, sha256, bytes } => f
                .debug_struct("Kept")
                .field("name", name)
                .field("content_type", content_type)
                .field("sha256", sha256)
                .field("bytes", bytes)
                .finish(),
        }
    }
}

/// The ERP's body without its member `file`, and the file it describes. Where the operation takes no file the member is
/// the partner's like any other, and so is a `file` that is a text where the partner's own field may have that name.
pub fn take(operation: &Operation<'_>, body: &Json<'_>) -> Result<(String, Option<Enclosure>), Vec<Fault>> {
    let untouched = || Ok((body.text().to_owned(), None));
    let (Some(place), Kind::Object(members)) = (operation.file, body.kind()) else { return untouched() };
    let mut found = members.iter().enumerate().filter(|(_, (name, _))| name == MEMBER);
    let Some((at, (_, value))) = found.next() else { return untouched() };
    if found.next().is_some() {
        return Err(vec![Fault::new(MEMBER, "must be given once")]);
    }
    let Kind::Object(described) = value.kind() else {
        let is_text = matches!(value.kind(), Kind::String(text) if !text.trim().is_empty());
        let remedy = "must be an object with name and base64, with url, or with upload; or a multipart file";
        let own = is_text && place == FilePlace::Base64;
        return if own { untouched() } else { Err(vec![Fault::new(MEMBER, remedy)]) };
    };
    let enclosure = read(described)?;
    let faults = enclosure.check(operation);
    if faults.is_empty() { Ok((without(body, members, at), Some(enclosure))) } else { Err(faults) }
}

/// The fault of a call that lacks the file which must come with it. An ERP that knows the name of the partner's base64
/// field may fill that itself.
#[must_use]
pub fn missing(operation: &Operation<'_>, body: &Json<'_>, settings: &Settings) -> Option<Fault> {
    if operation.file? == FilePlace::Base64 {
        let own = [Some(MEMBER), operation.file_field(settings)].into_iter().flatten();
        let given = own.filter_map(|name| Some((name, body.get(name)?)));
        let mut filled = given.filter(|(_, value)| has_value(value));
        if let Some((name, value)) = filled.next() {
            let is_text = matches!(value.kind(), Kind::String(_));
            return (!is_text).then(|| Fault::new(name, "must be the file in base64, as a text"));
        }
    }
    let remedy = "a file must come with the call: an object with name and base64, with url, or with upload; or the file of a form";
    Some(Fault::new(MEMBER, remedy))
}

/// The bytes of a file. The alphabet is the standard one; padding may be missing, and the line breaks and blanks that
/// encoders of mails put in mean nothing.
pub fn decode(base64: &str) -> Result<Vec<u8>, Fault> {
    let blank = |byte: u8| byte.is_ascii_whitespace();
    let decoded = if base64.bytes().any(blank) {
        BASE64.decode(base64.bytes().filter(|byte| !blank(*byte)).collect::<Vec<_>>())
    } else {
        BASE64.decode(base64)
    };
    let remedy = "must be the file in base64, of the standard alphabet (+ and /), without anything before it";
    decoded.ok().filter(|bytes| !bytes.is_empty()).ok_or_else(|| Fault::new("file.base64", remedy))
}

/// The media type that a file of this name most likely has.
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    let extension = extension(name);
    let known = MEDIA_TYPES.iter().find(|(known, _)| *known == extension);
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// Extension of a name, in lower case.
#[must_use]
pub fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// Reads the members of `file`. `""` is no value.
fn read(members: &[(Cow<'_, str>, Json<'_>)]) -> Result<Enclosure, Vec<Fault>> {
    let (mut described, mut faults) = (Described::default(), Vec::new());
    for (name, value) in members {
        let slot = match name.as_ref() {
            "name" => &mut described.name,
            "content_type" => &mut described.content_type,
            "base64" => &mut described.base64,
            "url" => &mut described.url,
            "upload" => &mut described.upload,
            _ => {
                let remedy = "is not known here: name, content_type, base64, url and upload are";
                faults.push(Fault::new(format!("file.{name}"), remedy));
                continue;
            }
        };
        match value.kind() {
            Kind::String(text) => *slot = Some(text.clone().into_owned()).filter(|text| !text.is_empty()),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => {
                faults.push(Fault::new(format!("file.{name}"), "must be a text"));
            }
        }
    }
    if faults.is_empty() { Enclosure::try_from(described).map_err(|fault| vec![fault]) } else { Err(faults) }
}

/// The object without one of its members and the comma that goes with it.
fn without(body: &Json<'_>, members: &[(Cow<'_, str>, Json<'_>)], at: usize) -> String {
    let (text, start) = (body.text(), body.span().start);
    let end_of = |at: usize| members.get(at).map_or(1, |(_, value)| value.span().end - start);
    let behind = text.get(end_of(at)..).unwrap_or_default();
    let (from, behind) = match at.checked_sub(1) {
        Some(before) => (end_of(before), behind),
        None => (1, behind.trim_ascii_start().strip_prefix(',').unwrap_or(behind)),
    };
    [text.get(..from).unwrap_or_default(), behind].concat()
}

/// Host and port of an `http` or `https` URL, and its path; nothing where it is none.
fn parts(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let whole = !url.contains(|char: char| char.is_whitespace() || char.is_control());
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find(['/', '\\']).map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or_default();
    (known && whole && !host.is_empty()).then_some((host, path))
}

/// The name that an address ends in.
fn name_in(url: &str) -> Option<String> {
    let (_, path) = parts(url)?;
    let name = percent_decoded(path.rsplit(['/', '\\']).next()?)?;
    is_name(&name).then_some(name)
}

fn percent_decoded(text: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    loop {
        rest = match rest {
            [] => return String::from_utf8(bytes).ok(),
            [b'%', high, low, tail @ ..] => {
                bytes.push((digit(*high)? << 4) | digit(*low)?);
                tail
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        };
    }
}

/// Whether it names a file and no place: nothing in it leads into another folder or another line.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = !name.contains(|char: char| matches!(char, '/' | '\\') || char.is_control());
    let named = name.contains(|char: char| char != '.' && !char.is_whitespace());
    plain && named && name.chars().count() <= LONGEST_NAME
}

/// Whether it is `type/subtype`, with or without parameters, that can stand in a header.
#[must_use]
pub fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    printable && essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}
