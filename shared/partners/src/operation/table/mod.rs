//! Operations as a partner's file writes them: `[[partners.operations]]`.
//!
//! [`OperationTable`] is the form, [`OperationTable::validate`] names its mistakes, and [`OperationTable::row`] makes the same
//! [`Operation`] of it as the built-in partners have in their tables, so that the steps of a call know no difference. What a
//! row cannot hold as data is read by [`Told`], which a row refers to.

mod answer;
mod enclosed;
mod fields;
mod request;
mod template;
mod told;
mod trial;
mod validate;

#[cfg(test)]
mod tests;

use serde::Deserialize;

pub use answer::AnswerTable;
pub use enclosed::FileTable;
pub use fields::FieldTable;
pub(super) use request::{Beside, request};
pub use template::Template;
pub use told::{Bringing, Success, Told};
pub use validate::Around;

use super::{Address, Credential, Effect, Encoding, HeaderForm, Method, Operation, Place};
use crate::Partner;
use crate::recipe::Signature;

/// One operation of a partner's file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationTable {
    /// The name the ERP calls it by.
    pub name: String,
    /// A sentence about it, for people.
    #[serde(default)]
    pub about: String,
    /// The partner's document and section.
    #[serde(default)]
    pub source: String,
    /// Effect at the partner.
    pub effect: EffectTable,
    /// A command that may be sent again when no answer came: only where the partner's document says so.
    #[serde(default)]
    pub repeatable: bool,
    /// The HTTP method.
    #[serde(default)]
    pub method: Method,
    /// Path behind the base URL; empty where that is the whole address.
    pub path: String,
    /// Encoding of the body on the wire.
    #[serde(default = "json")]
    pub encoding: Encoding,
    /// The form field that holds the ERP's body as one text; the ERP's members are no fields of the form then.
    pub wrap: Option<String>,
    /// The text of the body, or of [`OperationTable::wrap`], with places for the ERP's members: XML, as a rule.
    pub template: Option<String>,
    /// The `Content-Type`, where it is not that of the encoding.
    pub content_type: Option<String>,
    /// Credentials, tokens and texts that the hub adds.
    #[serde(default)]
    pub credentials: Vec<Put>,
    /// The documented fields of the ERP's body.
    #[serde(default)]
    pub fields: Vec<FieldTable>,
    /// Place of the file that must come with the call.
    pub file: Option<FileTable>,
    /// The fields that are business keys, the most specific first.
    #[serde(default)]
    pub keys: Vec<KeyTable>,
    /// Signature of its requests.
    pub signature: Option<Signature>,
    /// How its answers are read.
    pub success: Success,
    /// The push that its answer stands for.
    pub brings: Option<Bringing>,
    /// A body as the ERP gives it.
    pub example: String,
    /// An answer of the partner's, for its simulation.
    pub answer: Option<AnswerTable>,
}

const fn json() -> Encoding {
    Encoding::Json
}

/// Effect of an operation, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectTable {
    /// It only reads.
    Query,
    /// It changes something at the partner.
    Command,
}

/// Something that the hub puts into a request: one place, and one value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// A member beside the ERP's; with [`OperationTable::wrap`] a field of the form beside that.
    pub field: Option<String>,
    /// A member of the ERP's body within [`OperationTable::wrap`].
    pub inside: Option<String>,
    /// A query parameter.
    pub query: Option<String>,
    /// A header.
    pub header: Option<String>,
    /// The connection's credential of this name.
    pub credential: Option<String>,
    /// The partner's token.
    #[serde(default)]
    pub token: bool,
    /// This text.
    pub text: Option<String>,
    /// Text before the value of a header, such as `"Bearer "`.
    #[serde(default)]
    pub prefix: String,
    /// The value of a header is that of HTTP's Basic authentication: the credential is the user, without a password.
    #[serde(default)]
    pub basic: bool,
}

/// A business key of a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyTable {
    /// Its kind, as events have it.
    pub kind: String,
    /// Its field: `num`, `data.attributes.number`, `orders[].no`.
    pub at: String,
}

impl OperationTable {
    /// The row of it. It is kept for the life of the process: make one of each content.
    #[must_use]
    pub fn row(&self, partner: Partner) -> Operation<'static> {
        let effect = match self.effect {
            EffectTable::Query => Effect::Query,
            EffectTable::Command => Effect::Command { repeatable: self.repeatable },
        };
        let address = Address::Fixed(kept(&self.path));
        let source = if self.source.is_empty() { kept(&self.about) } else { kept(&self.source) };
        let told: &'static Told = Box::leak(Box::new(self.told()));
        let credentials: Vec<_> = self.credentials.iter().filter_map(Put::row).collect();
        let keys: Vec<_> = self.keys.iter().map(|key| (kept(&key.kind), kept(&key.at))).collect();
        Operation {
            method: self.method,
            encoding: self.encoding,
            credentials: credentials.leak(),
            fields: fields::rows(&self.fields),
            file: self.file.as_ref().and_then(FileTable::place).map(|(place, _)| place),
            keys: keys.leak(),
            told: Some(told),
            example: kept(self.example.trim()),
            ..Operation::new(partner, kept(&self.name), address, effect, source)
        }
    }

    /// The business key that the operation can be asked by, where a body with that alone will do and it may be asked again.
    #[must_use]
    pub fn asked_by(&self) -> Option<&KeyTable> {
        let may_repeat = self.effect == EffectTable::Query || self.repeatable;
        let [key] = self.keys.as_slice() else { return None };
        let is_plain = !key.at.contains(['.', '[']);
        let needs_more =
            self.file.is_some() || self.fields.iter().any(|field| field.name != key.at && field.is_needed());
        (may_repeat && is_plain && !needs_more).then_some(key)
    }

    fn told(&self) -> Told {
        let texts = self.credentials.iter().filter_map(|put| Some((put.place()?, put.text.clone()?)));
        Told {
            wrap: self.wrap.clone(),
            template: self.template.as_deref().map(Template::of),
            content_type: self.content_type.clone(),
            texts: texts.collect(),
            file: self.file.as_ref().and_then(FileTable::place).map(|(_, name)| name.to_owned()),
            signature: self.signature.clone(),
            success: self.success.clone(),
            brings: self.brings.clone(),
            answer: self.answer.as_ref().map(|answer| {
                let (status, body) = answer.parts();
                (status, body.to_owned())
            }),
        }
    }
}

/// Place of a text that the hub adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPlace {
    /// [`Put::field`].
    Field(String),
    /// [`Put::inside`].
    Inside(String),
    /// [`Put::query`].
    Query(String),
    /// [`Put::header`].
    Header(String),
}

impl Put {
    /// The place, where there is exactly one.
    fn place(&self) -> Option<TextPlace> {
        let places = [
            self.field.clone().map(TextPlace::Field),
            self.inside.clone().map(TextPlace::Inside),
            self.query.clone().map(TextPlace::Query),
            self.header.clone().map(TextPlace::Header),
        ];
        let mut given = places.into_iter().flatten();
        let one = given.next()?;
        given.next().is_none().then_some(one)
    }

    /// The row of a credential or token; texts are told apart.
    fn row(&self) -> Option<Credential> {
        let (field, place) = match self.place()? {
            TextPlace::Field(name) => (name, Place::Body),
            TextPlace::Inside(name) => (name, Place::Inside),
            TextPlace::Query(name) if self.token => (name, Place::Token),
            TextPlace::Query(name) => (name, Place::Query),
            TextPlace::Header(name) => {
                let form = HeaderForm { prefix: kept(&self.prefix), basic: self.basic, token: self.token };
                (name, Place::Header(form))
            }
        };
        let name = match &self.credential {
            Some(name) => kept(name),
            None if self.token => "token",
            None => return None,
        };
        Some(Credential { field: kept(&field), name, place, documented: !self.token })
    }
}

/// A text for the life of the process.
pub(super) fn kept(text: &str) -> &'static str {
    text.to_owned().leak()
}
