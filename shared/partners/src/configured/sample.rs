//! An example of a push as its partner would send it: in its notation, with its time and its signature.
//!
//! An example is the document alone. A header, a query parameter or a further field of the form that is signed too is made up, or the
//! credential of its name.

use std::borrow::Cow;

use super::{Body, Pointer, PushTable, Signed, SignedPart, Unsigned, body};
use crate::Json;
use crate::operation::form;
use crate::recipe::Unit;

/// A push of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplePush {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The query of its address, without `?`; mostly empty.
    pub query: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Value of a signed part that no example can hold, where no credential has its name.
const MADE_UP: &str = "example";

/// Values that are put into a push.
#[derive(Default)]
struct Placed {
    fields: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl PushTable {
    /// The push of an example's body at that time, signed with the credentials that a function gives.
    pub fn sample<'c>(
        &self,
        body: &str,
        credential: &(dyn Fn(&str) -> Option<&'c str> + Sync),
        now_ms: i64,
    ) -> Result<SamplePush, Unsigned> {
        let (mut document, mut placed) = (body.to_owned(), Placed::default());
        let unsigned = |name: &String| credential(name).is_none();
        let verify = self.verify.as_ref().filter(|verify| !verify.unless_missing.as_ref().is_some_and(unsigned));
        if let Some(timestamp) = verify.and_then(|verify| verify.timestamp.as_ref()) {
            let time = if timestamp.unit == Unit::S { now_ms / 1000 } else { now_ms };
            placed.put(&timestamp.at, &time.to_string(), &mut document);
        }
        if let Some(verify) = verify {
            for part in verify.parts.iter().chain(&verify.key) {
                if let Some(name) = self.lacks(part, &placed) {
                    placed.put(part, credential(name).unwrap_or(MADE_UP), &mut document);
                }
            }
            let (body, query) = (self.encoded(&document, &placed.fields), query(&placed.query));
            let (headers, own) = (placed.headers.clone(), |name: &str| credential(name));
            let header = |name: &str| {
                let mut own = headers.iter();
                own.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
            };
            let push = Signed { body: &body, query: &query, header: &header, credential: &own, now_ms };
            let signature = format!("{}{}", verify.prefix, verify.sign(&self.body, &push)?);
            placed.put(&verify.signature, &signature, &mut document);
        }
        Ok(SamplePush {
            content_type: match self.body {
                Body::Json => "application/json",
                Body::Xml => "application/xml",
                Body::Form(_) | Body::FormXml(_) => "application/x-www-form-urlencoded",
            },
            body: self.encoded(&document, &placed.fields),
            query: query(&placed.query),
            headers: placed.headers,
        })
    }

    /// The name of a part that stands beside the document, where the push does not have it yet.
    fn lacks<'p>(&self, part: &'p SignedPart, placed: &Placed) -> Option<&'p str> {
        let (name, pairs) = match part {
            SignedPart::Field(name) if self.body.field() == Some(name) => return None,
            SignedPart::Field(name) => (name, &placed.fields),
            SignedPart::Header(name) => (name, &placed.headers),
            SignedPart::Query(name) => (name, &placed.query),
            SignedPart::Body
            | SignedPart::Pointer(_)
            | SignedPart::Credential(_)
            | SignedPart::Text(_)
            | SignedPart::Timestamp => return None,
        };
        (!pairs.iter().any(|(own, _)| own == name)).then_some(name)
    }

    /// The JSON that an example is read as, of a form without the form around it; nothing where it is not of its notation.
    #[must_use]
    pub fn document<'e>(&self, example: &'e str) -> Option<Cow<'e, [u8]>> {
        let notation = match &self.body {
            Body::Json | Body::Form(_) => Body::Json,
            Body::Xml | Body::FormXml(_) => Body::Xml,
        };
        body::json(&notation, example.trim().as_bytes()).ok()
    }

    /// The places of a signature's recipe at which an example has nothing, each by its key in the recipe (`parts[1]`).
    #[must_use]
    pub fn lacking(&self, document: &str) -> Vec<(String, &Pointer)> {
        let Some(verify) = &self.verify else { return Vec::new() };
        let Some(text) = self.document(document) else { return Vec::new() };
        let Ok(json) = Json::parse(&text) else { return Vec::new() };
        let parts = verify.parts.iter().enumerate().map(|(at, part)| (format!("parts[{at}]"), part));
        let of_time = verify.timestamp.iter().map(|timestamp| ("timestamp.pointer".to_owned(), &timestamp.at));
        let others = verify.key.iter().map(|key| ("key".to_owned(), key)).chain(of_time);
        let all = parts.chain(others).chain([("signature.pointer".to_owned(), &verify.signature)]);
        let pointers = all.filter_map(|(key, part)| Some((key, part.pointer()?)));
        pointers.filter(|(_, pointer)| pointer.scalar(&json).is_none()).collect()
    }

    fn encoded(&self, document: &str, fields: &[(String, String)]) -> Vec<u8> {
        match &self.body {
            Body::Json | Body::Xml => document.as_bytes().to_vec(),
            Body::Form(name) | Body::FormXml(name) => {
                let own = [(name.as_str(), document)].into_iter();
                form(own.chain(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))).into_bytes()
            }
        }
    }
}

fn query(pairs: &[(String, String)]) -> String {
    form(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The JSON with a text at the first place that a pointer leads to; nothing where there is none.
fn json_replaced(document: &str, pointer: &Pointer, value: &str) -> Option<String> {
    let mut places = Vec::new();
    pointer.spans(&Json::parse(document.as_bytes()).ok()?, &mut places);
    body::with(document, places.first()?.clone(), &serde_json::Value::from(value).to_string())
}

impl Placed {
    fn put(&mut self, at: &SignedPart, value: &str, document: &mut String) {
        let pair = |name: &String| (name.clone(), value.to_owned());
        match at {
            SignedPart::Field(name) => self.fields.push(pair(name)),
            SignedPart::Header(name) => self.headers.push(pair(name)),
            SignedPart::Query(name) => self.query.push(pair(name)),
            // In the place of what the example has there.
            SignedPart::Pointer(pointer) => {
                let placed = if document.trim_start().starts_with('<') {
                    body::replaced(document, pointer, value)
                } else {
                    json_replaced(document, pointer, value)
                };
                *document = placed.unwrap_or_else(|| std::mem::take(document));
            }
            SignedPart::Body | SignedPart::Credential(_) | SignedPart::Text(_) | SignedPart::Timestamp => {}
        }
    }
}
