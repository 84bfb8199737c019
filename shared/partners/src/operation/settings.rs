//! A connection's configuration of what its partner's documents lost.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::check::has_value;
use super::{Address, Encoding, Fault, FilePlace, Operation, Place, find, of};
use crate::profile::Setting;
use crate::recipe::{Signature, TokenRequest};
use crate::{Json, Partner};

/// The part of a connection's configuration that says what its partner's documents do not: how it is called, and what some
/// of its pushes are called. Every key may be left out. A partner has some keys and not others ([`Setting`]).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Paths behind the base URL that the documents lost, by the name in [`Address::Configured`]: XHQ's `unfreeze`,
    /// TrackingEyes' `subscribe`.
    pub paths: BTreeMap<String, String>,
    /// Encodings that differ from the tables', by the operation's name. XHQ says "DataForm" without saying whether that
    /// is a urlencoded or a multipart body, and has changed its mind about others.
    pub encodings: BTreeMap<String, Encoding>,
    /// The name of the part that holds the file of a multipart body. XHQ's document lost it; `file` is what is usual.
    pub file_part: String,
    /// The name of the member that holds a file as base64. XHQ's document lost it.
    pub base64_field: Option<String>,
    /// Fields that the partner requires although the tables do not say so, because the documents lost their names: by the
    /// operation's name. A dot leads into an object: `parameter.etd`.
    pub required: BTreeMap<String, Vec<String>>,
    /// The values of XHQ's `action` that mean the fee push (二.6). Its document lost them.
    pub fee_actions: Vec<String>,
    /// Rows of XHQ's answers that its document lost, by the operation's name.
    pub answers: BTreeMap<String, Answers>,
    /// Request for a token of 1datatech.
    pub token: Option<TokenRequest>,
    /// Signature of calls to 1datatech.
    pub signature: Option<Signature>,
}

/// The rows of an operation's answers, each of which a push would bring as well.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// The JSON pointer of the rows.
    pub rows: String,
    /// The action of a row that does not name its own. Without it such a row is kept as unknown.
    pub action: Option<String>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { rows: "/data".to_owned(), action: None }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            paths: BTreeMap::new(),
            encodings: BTreeMap::new(),
            file_part: "file".to_owned(),
            base64_field: None,
            required: BTreeMap::new(),
            fee_actions: Vec::new(),
            answers: BTreeMap::new(),
            token: None,
            signature: None,
        }
    }
}

impl Settings {
    /// Everything that is wrong with these settings for a connection at that partner, named by their keys.
    #[must_use]
    pub fn validate(&self, partner: Partner) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (profile, rows) = (partner.profile(), || of(partner));
        for (name, path) in &self.paths {
            let key = format!("paths.{name}");
            if !rows().any(|row| matches!(row.address, Address::Configured(key) if key == name)) {
                faults
                    .push(Fault::new(key, format!("{partner} has no operation whose path is configured by this name")));
            } else if !is_path(path) {
                faults.push(Fault::new(key, "must be a path behind the base URL, without ? and #"));
            }
        }
        for (name, encoding) in &self.encodings {
            let key = format!("encodings.{name}");
            match rows().find(|row| row.name == name && profile.has(Setting::Encodings)) {
                None => faults.push(Fault::new(key, "is not an operation whose encoding is open: XHQ's are")),
                Some(row) if row.file == Some(FilePlace::Part) && *encoding != Encoding::Multipart => {
                    faults.push(Fault::new(key, "must be \"multipart\": it carries a file"));
                }
                Some(_) if *encoding == Encoding::Query => {
                    faults.push(Fault::new(key, "must be \"json\", \"form\" or \"multipart\""));
                }
                Some(_) => {}
            }
        }
        for (name, answers) in &self.answers {
            let key = format!("answers.{name}");
            if rows().all(|row| row.name != name || row.brings.is_none()) || !profile.has(Setting::Answers) {
                faults.push(Fault::new(key, "is not an operation whose rows are open: XHQ's actionDataRow is"));
                continue;
            }
            if !answers.rows.starts_with('/') {
                faults.push(Fault::new(format!("{key}.rows"), "must be a JSON pointer such as \"/data/list\""));
            }
            if answers.action.as_ref().is_some_and(|action| action.trim().is_empty()) {
                faults.push(Fault::new(format!("{key}.action"), "must be an action such as \"single_receipt\""));
            }
        }
        for (name, fields) in &self.required {
            let key = format!("required.{name}");
            let Some(row) = find(partner, name) else {
                let known: Vec<_> = rows().map(|row| row.name).collect();
                let remedy = format!("is no operation of {partner}: it offers {}", known.join(", "));
                faults.push(Fault::new(key, remedy));
                continue;
            };
            let put = |name: &String| row.credentials.iter().any(|put| put.place == Place::Body && put.field == name);
            if fields.is_empty() || fields.iter().any(|field| field.split('.').any(|part| part.trim().is_empty())) {
                faults.push(Fault::new(key, "must be names of fields, such as [\"feeId\"]"));
            } else if let Some(name) = fields.iter().find(|name| put(name)) {
                faults.push(Fault::new(key, format!("holds {name}, which comes from the connection: leave it out")));
            }
        }
        if self.file_part.is_empty() {
            faults.push(Fault::new("file_part", "must not be empty"));
        }
        if self.base64_field.as_deref() == Some("") {
            faults.push(Fault::new("base64_field", "must not be empty"));
        }
        if profile.has(Setting::Recipes) {
            faults.extend(self.signature.iter().flat_map(|signature| signature.validate("signature", false)));
            faults.extend(self.token.iter().flat_map(|token| token.validate("token")));
            if self.token.is_none() && self.signature.as_ref().is_some_and(|signature| signature.needs_token(false)) {
                faults.push(Fault::new("token", "must be given: the signature's recipe has a token in it"));
            }
        } else {
            let recipes = [("token", self.token.is_some()), ("signature", self.signature.is_some())];
            for (key, _) in recipes.into_iter().filter(|(_, given)| *given) {
                faults.push(Fault::new(key, format!("is 1datatech's alone: {partner} documents its own")));
            }
        }
        faults
    }

    /// Faults of a body without the fields that are [`Settings::required`] for the operation.
    #[must_use]
    pub fn missing(&self, operation: &Operation<'_>, body: &Json<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        let Some(required) = self.required.get(operation.name) else { return faults };
        let mut look = |body: &Json<'_>, at: &str| {
            for name in required.iter().filter(|name| !is_given(body, name)) {
                let remedy = "must be given: the connection's `required` says that the partner wants it";
                faults.push(Fault::new(format!("{at}{name}"), remedy));
            }
        };
        match body.elements() {
            Some(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    look(element, &format!("[{at}]."));
                }
            }
            None => look(body, ""),
        }
        faults
    }

    /// The names of the credentials that the recipes use: the connection must have each.
    #[must_use]
    pub fn credentials(&self) -> Vec<&str> {
        let signature = self.signature.iter().flat_map(Signature::credentials);
        let mut names: Vec<_> = signature.chain(self.token.iter().flat_map(TokenRequest::credentials)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Whether a member has a value, behind each dot in an object or in a string that holds one.
fn is_given(body: &Json<'_>, path: &str) -> bool {
    match path.split_once('.') {
        Some((head, rest)) => body.within(head, |inner| is_given(inner, rest)).unwrap_or_default(),
        None => body.get(path).is_some_and(has_value),
    }
}

/// Whether it is a path and nothing else: no scheme, no host, no query, no way up.
pub(crate) fn is_path(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\'));
    let host = text.starts_with("//") || text.contains("://");
    !text.is_empty() && plain && !host && text.split('/').all(|part| part != "..")
}
