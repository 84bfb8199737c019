//! The pure steps of a call to a partner, and what a row of its operations is.
//!
//! [`find`] the row, [`check`] the ERP's body against it, [`prepare`] the bytes of one attempt, [`read`] what came back.
//! [`subject`] and [`learned`] say which business keys a call is about. A further operation is a further row in its
//! partner's folder; the steps know encodings, and neither a partner nor an operation by its name: what partners differ in
//! they read from [`crate::Profile::calls`]. A file that comes with a call is described in [`enclosure`].
//!
//! Nothing here performs I/O, reads a clock or draws a random number: time, nonce, boundary, token and credentials come
//! in with each [`Attempt`], and no value here keeps a credential. What a partner's documents lost is not guessed: fields
//! without a name pass through as the ERP gives them, and a path without a name is configuration ([`Settings`]).

mod check;
pub(crate) mod digest;
pub mod document;
pub mod enclosure;
mod encode;
mod field;
mod keys;
mod prepare;
mod read;
mod settings;
pub mod table;
mod token;

#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::Partner;
use crate::configured::Configured;
use crate::pulled::{Answered, Brings, Finding};

pub use check::{Fault, check};
pub(crate) use encode::form;
pub use field::{Field, Format, Kind, Need, Rule};
pub use keys::{learned, subject};
pub use prepare::{Attempt, File, Pair, Prepared, Slot, Written, prepare};
pub(crate) use prepare::{credential, token};
pub use read::{Judgement, LONGEST_TEXT, as_json, read, refuses_credentials};
pub(crate) use settings::is_path;
pub use settings::{Answers, Settings};
pub use table::{OperationTable, Told};
pub use token::{Token, needs_token, read_token, token_request};

/// One row: something a partner offers to be called. The name's lifetime is the ERP's where the row stands for a family
/// of names (see [`find`]).
#[derive(Clone, Copy, Debug)]
pub struct Operation<'n> {
    /// The name the ERP calls it by: the last part of the partner's path, or Yanwen's `method`.
    pub name: &'n str,
    /// The partner that offers it.
    pub partner: Partner,
    /// Effect of the operation, which decides whether it may be repeated.
    pub effect: Effect,
    /// The HTTP method.
    pub method: Method,
    /// Path of the operation.
    pub address: Address,
    /// Encoding of the body on the wire, unless the [`Settings`] say otherwise.
    pub encoding: Encoding,
    /// Shape of the ERP's body.
    pub shape: Shape,
    /// Credentials that the hub adds and that the ERP must not send.
    pub credentials: &'static [Credential],
    /// The documented fields; of an array, each element's. Others pass through as they are.
    pub fields: &'static [Field],
    /// Rules for several fields.
    pub rules: &'static [Rule],
    /// Place of a file that comes with the call.
    pub file: Option<FilePlace>,
    /// Fields that are business keys, the most specific first: the kind as events have it, and the path.
    pub keys: &'static [(&'static str, &'static str)],
    /// The answer's `data` is, or holds, the partner's own serial of the order.
    pub gives_serial: bool,
    /// Finds the data in its answer that a push would bring as well; nothing where it has none.
    pub brings: Option<Brings>,
    /// Its answer names files by links ([`crate::links::of_answer`]).
    pub links: bool,
    /// Caution for readers of a refusal, beyond the partner's text.
    pub caution: Option<&'static str>,
    /// Reason not to use it, where the partner has withdrawn it.
    pub deprecated: Option<&'static str>,
    /// The partner's document and section.
    pub source: &'static str,
    /// A body of documented fields only, as the ERP gives it.
    pub example: &'static str,
    /// The parts that the partner's file tells beyond this; nothing for a built-in partner.
    pub told: Option<&'static Told>,
}

impl<'n> Operation<'n> {
    /// A row of a name and its address: an object as JSON by POST, and nothing else that the hub knows of.
    pub(crate) const fn new(
        partner: Partner,
        name: &'n str,
        address: Address,
        effect: Effect,
        source: &'static str,
    ) -> Self {
        Self {
            name,
            partner,
            effect,
            method: Method::Post,
            address,
            encoding: Encoding::Json,
            shape: Shape::Object,
            credentials: &[],
            fields: &[],
            rules: &[],
            file: None,
            keys: &[],
            gives_serial: false,
            brings: None,
            links: false,
            caution: None,
            deprecated: None,
            source,
            example: "{}",
            told: None,
        }
    }

    /// The name of the part or field that holds the file: that of the partner's file, or of the connection's settings.
    #[must_use]
    pub fn file_field<'a>(&self, settings: &'a Settings) -> Option<&'a str> {
        match (self.told.and_then(|told| told.file.as_deref()), self.file?) {
            (Some(own), _) => Some(own),
            (None, FilePlace::Part) => Some(&settings.file_part),
            (None, FilePlace::Base64) => settings.base64_field.as_deref(),
        }
    }

    /// Whether its answer has data that a push would bring as well.
    #[must_use]
    pub fn brings_events(&self) -> bool {
        self.brings.is_some() || self.told.is_some_and(|told| told.brings.is_some())
    }

    /// Data in an answer that a push would bring as well.
    #[must_use]
    pub fn brought(&self, answered: &Answered<'_>) -> Vec<Finding> {
        let told = self.told.and_then(|told| told.brings.as_ref());
        let told = told.map(|bringing| bringing.find(answered)).unwrap_or_default();
        self.brings.map(|brings| brings(answered)).unwrap_or_default().into_iter().chain(told).collect()
    }
}

/// Effect of an operation at the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Query,
    /// It changes something there.
    Command {
        /// Idempotent at the partner, so that it may be sent again when no answer came. Only where the partner's
        /// document says so; silence counts as no.
        repeatable: bool,
    },
}

impl Effect {
    /// Whether it may be sent again although the partner may have processed it already.
    #[must_use]
    pub const fn repeatable(self) -> bool {
        match self {
            Self::Query => true,
            Self::Command { repeatable } => repeatable,
        }
    }
}

/// The HTTP method of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    #[default]
    Post,
}

impl Method {
    /// The method as HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Path of an operation, relative to the connection's base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// This path; empty where the base URL is all there is.
    Fixed(&'static str),
    /// The document lost the path: it is [`Settings::paths`] of this name.
    Configured(&'static str),
}

/// Encoding of a body on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// `application/json`, the ERP's values as it printed them.
    Json,
    /// `application/x-www-form-urlencoded`; an array or object becomes its JSON text.
    Form,
    /// `multipart/form-data`, with the file as one of its parts.
    Multipart,
    /// No body: every field is a query parameter; an array becomes a comma list.
    Query,
    /// `application/xml`, by a template.
    Xml,
}

/// Shape of the ERP's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One object.
    Object,
    /// An array of objects, at least one.
    Array,
    /// Any encoding: its document is not public.
    Any,
}

/// Place of a file that came with the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// It is a part of the multipart body, and there must be one: see [`Operation::file_field`]. XHQ's document lost its
    /// name.
    Part,
    /// Its base64 is a field of the body: see [`Operation::file_field`]. XHQ's document lost its name.
    Base64,
}

/// Something of the connection that the hub puts into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its name on the wire.
    pub field: &'static str,
    /// Its name in the connection's configuration.
    pub name: &'static str,
    /// Place of the credential.
    pub place: Place,
    /// Whether the operation's document names it. One that is known by analogy alone is put in where the connection has
    /// it, and is not missed where it has not.
    pub documented: bool,
}

/// Place of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A field next to the ERP's.
    Body,
    /// It is a query parameter of the address.
    Query,
    /// It is a query parameter of the address, and not itself but the token it was exchanged for.
    Token,
    /// It goes into the signature and never over the wire.
    Signature,
    /// A member of the ERP's body, within the field that holds that ([`Told::wrap`]).
    Inside,
    /// A header, of that form.
    Header(HeaderForm),
}

/// Form of a header that holds a credential or a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderForm {
    /// Text before the value, such as `Bearer `.
    pub prefix: &'static str,
    /// The credential is the user of HTTP's Basic authentication, without a password.
    pub basic: bool,
    /// It holds the token in place of the credential.
    pub token: bool,
}

/// Every row of every built-in partner, in the order of the documents.
pub fn all() -> impl Iterator<Item = &'static Operation<'static>> {
    Partner::ALL.into_iter().flat_map(of)
}

/// The rows of a partner, in the order of its document.
pub fn of(partner: Partner) -> impl Iterator<Item = &'static Operation<'static>> {
    let table = partner.described().map(Configured::operations).unwrap_or_default();
    partner.profile().calls.operations.iter().copied().flatten().chain(table)
}

/// The operation of that name. Where a partner takes any name of a family ([`crate::profile::Calls::family`]), one that has
/// no row of its own is found too, with a body that is passed on as it is.
#[must_use]
pub fn find(partner: Partner, name: &str) -> Option<Operation<'_>> {
    let row = of(partner).find(|row| row.name == name).copied();
    row.or_else(|| partner.profile().calls.family.and_then(|family| family(name)))
}
