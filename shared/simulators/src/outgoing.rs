//! A push of a partner that a file describes, as it goes over the wire: in its notation, and signed by its recipe.

use partners::configured::{Body, PushTable, Signed, SignedPart, Unsigned};
use partners::recipe::Unit;

/// A push, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The query of its address, encoded; empty for none.
    pub query: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Outgoing {
    /// The path with the query behind it.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        if self.query.is_empty() { path.to_owned() } else { format!("{path}?{}", self.query) }
    }

    /// The push of a document, at that time in milliseconds since 1970 UTC. `credential` are those of the connection; the error is that
    /// one of the recipe is missing.
    pub fn of<'c>(
        table: &PushTable,
        document: &[u8],
        credential: &(dyn Fn(&str) -> Option<&'c str> + Sync),
        now_ms: i64,
    ) -> Result<Self, Unsigned> {
        let (content_type, body) = match &table.body {
            Body::Json => ("application/json", document.to_vec()),
            Body::Xml => ("application/xml; charset=UTF-8", document.to_vec()),
            Body::Form(field) | Body::FormXml(field) => {
                ("application/x-www-form-urlencoded; charset=UTF-8", pair(field, &String::from_utf8_lossy(document)).into_bytes())
            }
        };
        let mut push = Self { content_type, headers: Vec::new(), query: String::new(), body };
        let Some(verify) = &table.verify else { return Ok(push) };
        if verify.unless_missing.as_ref().is_some_and(|name| credential(name).is_none()) {
            return Ok(push);
        }
        if let Some(timestamp) = &verify.timestamp {
            let now = if timestamp.unit == Unit::S { now_ms.div_euclid(1000) } else { now_ms };
            push.put(&timestamp.at, &now.to_string());
        }
        let signature = {
            let Self { headers, query, body, .. } = &push;
            let header = |name: &str| {
                let found = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            let credential = |name: &str| credential(name);
            let signed = Signed { body, query, header: &header, credential: &credential, now_ms };
            verify.sign(&table.body, &signed)?
        };
        push.put(&verify.signature, &format!("{}{signature}", verify.prefix));
        Ok(push)
    }

    /// Puts a text into a place of the push. A place in its document stays as the document has it.
    fn put(&mut self, place: &SignedPart, text: &str) {
        match place {
            SignedPart::Header(name) => self.headers.push((name.clone(), text.to_owned())),
            SignedPart::Query(name) => {
                let before = if self.query.is_empty() { "" } else { "&" };
                self.query.push_str(before);
                self.query.push_str(&pair(name, text));
            }
            SignedPart::Field(name) => {
                self.body.push(b'&');
                self.body.extend(pair(name, text).into_bytes());
            }
            SignedPart::Body
            | SignedPart::Pointer(_)
            | SignedPart::Credential(_)
            | SignedPart::Text(_)
            | SignedPart::Timestamp => {}
        }
    }
}

fn pair(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}
