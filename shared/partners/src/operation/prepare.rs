//! One attempt at a call: exactly what goes over the wire.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::encode::{self, Members};
use super::{Address, Credential, Encoding, Fault, FilePlace, HeaderForm, Method, Operation, Place, Settings, table};
use crate::Json;

/// Inputs of one attempt that the core cannot determine itself. Every attempt has its own time and nonce; its result holds them
/// only where the partner wants them.
pub struct Attempt<'a> {
    /// Settings of the connection that complement the tables.
    pub settings: &'a Settings,
    /// The connection's credential of that name.
    pub credentials: &'a (dyn Fn(&str) -> Option<&'a str> + Sync),
    /// The partner's token, where it gives one (see [`super::needs_token`]).
    pub token: Option<&'a str>,
    /// Now, in milliseconds since 1970 UTC.
    pub now_ms: u64,
    /// An unguessable text, new for every attempt.
    pub nonce: &'a str,
    /// An unguessable text of 1 to 70 letters and digits, which parts a multipart body.
    pub boundary: &'a str,
    /// The file that came with the call.
    pub file: Option<File<'a>>,
}

/// A file that goes to the partner, without its content, which is put in while it is sent ([`Slot`]).
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Its name, without a folder.
    pub name: &'a str,
    /// Its media type.
    pub content_type: &'a str,
}

/// Place of the file's content in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Number of the body's bytes before it.
    pub at: usize,
    /// Form in which it is written there.
    pub written: Written,
}

/// Form of a file's content in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Its bytes.
    Plain,
    /// Base64, of the standard alphabet, padded.
    Base64,
    /// The same, with what a form would read otherwise percent-encoded.
    FormBase64,
}

/// One HTTP request, ready to be sent. Its `Debug` shows neither a secret nor the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The HTTP method.
    pub method: Method,
    /// The path behind the base URL; empty where the base URL is the whole address.
    pub path: String,
    /// The query parameters, in their order, not yet encoded.
    pub query: Vec<Pair>,
    /// Headers other than `Content-Type`.
    pub headers: Vec<Pair>,
    /// The `Content-Type`; nothing where there is no body.
    pub content_type: Option<String>,
    /// The very bytes to send, which a signature covers; without the content of a file.
    pub body: Vec<u8>,
    /// Place of the file's content in the body, where a file goes with it.
    pub file: Option<Slot>,
}

/// A query parameter or header.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: String,
    /// Whether the value must not reach a log.
    pub secret: bool,
}

impl Pair {
    pub(crate) fn open(name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), secret: false }
    }

    pub(crate) fn secret(name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), secret: true }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.secret { "[REDACTED]" } else { &self.value };
        write!(f, "{}={value}", self.name)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers)
            .field("content_type", &self.content_type)
            .field("body_bytes", &self.body.len())
            .field("file", &self.file)
            .finish()
    }
}

impl Prepared {
    /// A request with a JSON object as its body; without one where it has no members.
    pub(crate) fn json(method: Method, path: &str, body: serde_json::Map<String, serde_json::Value>) -> Self {
        let body = if body.is_empty() { Vec::new() } else { serde_json::Value::Object(body).to_string().into_bytes() };
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            content_type: (!body.is_empty()).then(|| "application/json".to_owned()),
            body,
            file: None,
        }
    }

    /// The whole address to call. It may hold secrets, so it is not for a log.
    #[must_use]
    pub fn url(&self, base: &str) -> String {
        let mut url = match self.path.trim_start_matches('/') {
            "" => base.to_owned(),
            path => format!("{}/{path}", base.trim_end_matches('/')),
        };
        if !self.query.is_empty() {
            url.push('?');
            url.push_str(&encode::form(self.query.iter().map(|pair| (pair.name.as_ref(), pair.value.as_str()))));
        }
        url
    }
}

/// The request of one attempt, or everything that the connection lacks for it. The body was checked when it was accepted,
/// perhaps by an earlier version that took more: what is promised is sent.
pub fn prepare(operation: &Operation<'_>, body: &Json<'_>, attempt: &Attempt<'_>) -> Result<Prepared, Vec<Fault>> {
    let mut faults = Vec::new();
    let path = address(operation, attempt.settings).unwrap_or_else(|fault| {
        faults.push(fault);
        ""
    });
    let Put { before, inside, mut query, headers } = credentials(operation, attempt, &mut faults);
    let mut behind = encode::absent(operation, body);
    file(operation, body, attempt, &mut behind, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }

    if let Some(told) = operation.told {
        let put = table::Beside { before, inside, query, headers, behind };
        let prepared = table::request(operation, told, body, attempt, path, put).map_err(|fault| vec![fault])?;
        let slot = attempt.file.map(|_| slot(operation, operation.encoding, attempt.boundary, &prepared.body));
        return Ok(Prepared { file: slot.transpose().map_err(|fault| vec![fault])?, ..prepared });
    }

    let encoding = attempt.settings.encodings.get(operation.name).copied().unwrap_or(operation.encoding);
    let all = || before.iter().cloned().chain(encode::fields(body)).chain(behind.iter().cloned());
    let (content_type, bytes) = match encoding {
        Encoding::Json => {
            let text = encode::json(operation, body, &before, &behind);
            (Some("application/json".to_owned()), text.into_bytes())
        }
        Encoding::Form => {
            let all: Members<'_> = all().collect();
            let text = encode::form(all.iter().map(|(name, text)| (*name, text.as_ref())));
            (Some("application/x-www-form-urlencoded; charset=UTF-8".to_owned()), text.into_bytes())
        }
        Encoding::Multipart => {
            let part = attempt.file.as_ref().filter(|_| operation.file == Some(FilePlace::Part));
            let part = operation.file_field(attempt.settings).zip(part);
            let bytes = encode::multipart(attempt.boundary, &all().collect(), part);
            (Some(format!("multipart/form-data; boundary={}", attempt.boundary)), bytes)
        }
        Encoding::Query => {
            let own = encode::parameters(body).into_iter().chain(behind.iter().cloned());
            query.extend(own.map(|(name, text)| Pair::open(name.to_owned(), text)));
            (None, Vec::new())
        }
        // A built-in partner that takes XML would need a template.
        Encoding::Xml => (Some("application/xml".to_owned()), body.text().as_bytes().to_vec()),
    };
    let file = attempt.file.map(|_| slot(operation, encoding, attempt.boundary, &bytes)).transpose();
    let (path, file) = (path.to_owned(), file.map_err(|fault| vec![fault])?);
    let prepared = Prepared { method: operation.method, path, query, headers, content_type, body: bytes, file };
    match operation.partner.profile().calls.seal {
        // The body is sealed before the content of the file is put in.
        Some(_) if prepared.file.is_some() => Err(vec![Fault::new(
            "file",
            format!("{} signs its requests, and no file goes with them", operation.partner),
        )]),
        Some(seal) => seal(operation, prepared, attempt).map_err(|fault| vec![fault]),
        None => Ok(prepared),
    }
}

/// The place of a file's content in a body that was written with an empty one in its last member or part.
fn slot(operation: &Operation<'_>, encoding: Encoding, boundary: &str, body: &[u8]) -> Result<Slot, Fault> {
    let in_base64 = operation.file == Some(FilePlace::Base64);
    let (written, behind) = match encoding {
        Encoding::Json => (Written::Base64, b"\"}".to_vec()),
        Encoding::Form => (Written::FormBase64, Vec::new()),
        Encoding::Multipart if in_base64 => (Written::Base64, encode::end(boundary)),
        Encoding::Multipart => (Written::Plain, encode::end(boundary)),
        Encoding::Query | Encoding::Xml => {
            return Err(Fault::new("file", "goes with a body of JSON, a form or its parts alone"));
        }
    };
    let before = body.strip_suffix(&behind[..]).map(<[u8]>::len);
    let at = before.ok_or_else(|| Fault::new("file", "goes with a body that is one JSON object"))?;
    Ok(Slot { at, written })
}

/// The path of an operation behind the base URL.
fn address<'a>(operation: &Operation<'_>, settings: &'a Settings) -> Result<&'a str, Fault> {
    match operation.address {
        Address::Fixed(path) => Ok(path),
        Address::Configured(name) => settings.paths.get(name).map(String::as_str).ok_or_else(|| {
            Fault::new(
                format!("paths.{name}"),
                "the partner's public document lost this path: set it in the connection",
            )
        }),
    }
}

/// The connection's credential of that name, or that it has none.
pub(crate) fn credential<'a>(attempt: &Attempt<'a>, name: &str) -> Result<&'a str, Fault> {
    (attempt.credentials)(name).ok_or_else(|| Fault::new(name, "the connection has none: set it in the configuration"))
}

/// The token, or that there is none yet.
pub(crate) fn token<'a>(attempt: &Attempt<'a>) -> Result<&'a str, Fault> {
    attempt.token.ok_or_else(|| Fault::new("token", "the connection has no token yet: ask the partner for one first"))
}

/// Credentials in the places where the hub puts them.
struct Put<'a> {
    /// Fields beside the ERP's.
    before: Members<'a>,
    /// Members of the ERP's body.
    inside: Members<'a>,
    /// Query parameters.
    query: Vec<Pair>,
    /// Headers.
    headers: Vec<Pair>,
}

/// Credentials that the hub adds, to the ERP's fields and to the address.
fn credentials<'a>(operation: &Operation<'_>, attempt: &Attempt<'a>, faults: &mut Vec<Fault>) -> Put<'a> {
    let mut put = Put { before: Vec::new(), inside: Vec::new(), query: Vec::new(), headers: Vec::new() };
    for Credential { field, name, place, documented } in operation.credentials {
        let found = match place {
            Place::Body | Place::Query | Place::Inside | Place::Header(HeaderForm { token: false, .. }) => {
                credential(attempt, name)
            }
            Place::Token | Place::Header(_) => token(attempt),
            // The signature reads its own credentials.
            Place::Signature => continue,
        };
        match (found, place) {
            (Ok(text), Place::Body) => put.before.push((*field, Cow::Borrowed(text))),
            (Ok(text), Place::Inside) => put.inside.push((*field, Cow::Borrowed(text))),
            (Ok(text), Place::Query | Place::Token | Place::Signature) => put.query.push(Pair::secret(*field, text)),
            (Ok(text), Place::Header(form)) => put.headers.push(Pair::secret(*field, form.value(text))),
            (Err(fault), place) if *documented || matches!(place, Place::Header(_)) => faults.push(fault),
            (Err(_), _) => {}
        }
    }
    put
}

impl HeaderForm {
    /// The header's value.
    fn value(&self, text: &str) -> String {
        if self.basic {
            return format!("Basic {}", BASE64_STANDARD.encode(format!("{text}:")));
        }
        format!("{}{text}", self.prefix)
    }
}

/// Finds the place of the file that came with the call.
fn file<'a>(
    operation: &Operation<'_>,
    body: &Json<'_>,
    attempt: &Attempt<'a>,
    behind: &mut Members<'a>,
    faults: &mut Vec<Fault>,
) {
    match (operation.file, &attempt.file) {
        (Some(FilePlace::Part), Some(_)) | (Some(FilePlace::Base64) | None, None) => {}
        (Some(FilePlace::Part), None) => faults.push(Fault::new("file", "a file must come with the call")),
        (None, Some(_)) => faults.push(Fault::new("file", format!("{} takes no file", operation.name))),
        (Some(FilePlace::Base64), Some(_)) => match operation.file_field(attempt.settings) {
            Some(name) if body.get(name).is_some() => {
                faults.push(Fault::new(name, "leave it out: it is made from the file"));
            }
            // The last member, with room for the content.
            Some(name) => behind.push((name, "".into())),
            None => faults.push(Fault::new(
                "base64_field",
                "the partner's public document lost the name of the field that holds the file: set it in the connection",
            )),
        },
    }
}
