//! Mistakes of an operation's table, each by its key.

use super::{Bringing, EffectTable, OperationTable, Put, fields};
use crate::operation::{Encoding, Fault, Method, is_path};

use crate::recipe::{Part, Sent, is_header};

/// The rest of the partner's file, for the references of an operation to it.
#[derive(Clone, Copy)]
pub struct Around<'p> {
    /// The names of the partner's credentials; nothing where they could not be read.
    pub credentials: Option<&'p [String]>,
    /// The names of its pushes' actions; nothing where its pushes could not be read.
    pub actions: Option<&'p [&'p str]>,
    /// The kinds of business keys that the hub knows.
    pub kinds: &'p [&'p str],
    /// Whether the partner gives tokens.
    pub has_token: bool,
}

impl OperationTable {
    /// Everything that is wrong with it; each fault's key is within the table: `fields[0].name`.
    #[must_use]
    pub fn validate(&self, around: Around<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.request(&mut faults);
        self.puts(around, &mut faults);
        self.template_faults(around, &mut faults);
        self.file_faults(&mut faults);
        fields::each(&self.fields, "", &mut faults);
        self.signature_faults(around, &mut faults);
        self.answer_faults(around, &mut faults);
        for (at, key) in self.keys.iter().enumerate() {
            if !around.kinds.contains(&key.kind.as_str()) {
                let known = around.kinds.join(", ");
                faults.push(Fault::new(format!("keys[{at}].kind"), format!("must be a kind of key: {known}")));
            }
            if key.at.is_empty() || key.at.starts_with('/') {
                let remedy = "must be a field of the ERP's body such as \"num\" or \"data.no\"";
                faults.push(Fault::new(format!("keys[{at}].at"), remedy));
            }
        }
        for fault in &mut faults {
            fault.field = fault.field.trim_start_matches('.').to_owned();
        }
        faults
    }

    fn request(&self, faults: &mut Vec<Fault>) {
        let mut wrong = |at: &str, remedy: &str| faults.push(Fault::new(at, remedy));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if self.name.is_empty() || !self.name.chars().all(plain) {
            wrong("name", "must be of letters, digits, _, - and .: the ERP calls it by this name");
        }
        if !self.path.is_empty() && !is_path(&self.path) {
            wrong("path", "must be a path behind the base URL, without ? and #; \"\" where that is the whole address");
        }
        if self.repeatable && self.effect == EffectTable::Query {
            wrong("repeatable", "is of commands: a query may always be repeated");
        }
        let has_body = matches!(self.encoding, Encoding::Json | Encoding::Form | Encoding::Multipart | Encoding::Xml);
        if self.method == Method::Get && has_body {
            wrong("encoding", "must be \"query\": GET has no body");
        }
        if self.wrap.is_some() && !matches!(self.encoding, Encoding::Form | Encoding::Multipart | Encoding::Query) {
            wrong("wrap", "is a field of a form: give encoding = \"form\"");
        }
        if self.template.is_some() && self.wrap.is_none() && self.encoding != Encoding::Xml {
            wrong("template", "is the body of encoding = \"xml\", or the text of wrap");
        }
        if self.encoding == Encoding::Xml && self.template.is_none() {
            wrong("template", "must be given: the body in XML, with {name} for the ERP's members");
        }
        if self.content_type.as_ref().is_some_and(|kind| !kind.contains('/') || kind.contains(['\r', '\n'])) {
            wrong("content_type", "must be a media type such as \"application/json\"");
        }
        if self.content_type.is_some() && self.encoding == Encoding::Multipart {
            wrong("content_type", "must be left out: that of a multipart body has its boundary in it");
        }
    }

    fn puts(&self, around: Around<'_>, faults: &mut Vec<Fault>) {
        for (at, put) in self.credentials.iter().enumerate() {
            let mut wrong = |remedy: &str| faults.push(Fault::new(format!("credentials[{at}]"), remedy));
            if put.place().is_none() {
                wrong("must have one place: field, inside, query or header");
            }
            let values = [put.credential.is_some(), put.token, put.text.is_some()];
            if values.iter().filter(|given| **given).count() != 1 {
                wrong("must have one value: credential, token = true or text");
            }
            if put.inside.is_some() && self.wrap.is_none() {
                wrong("is inside nothing: give wrap, or field in place of inside");
            }
            if put.inside.is_some() && self.template.is_some() {
                wrong("is inside a template: write {credential.name} there");
            }
            if put.token && put.header.is_none() && put.query.is_none() {
                wrong("puts the token into the body: it goes into a header or query");
            }
            if put.token && !around.has_token {
                wrong("needs a token: give [partners.token]");
            }
            if put.header.is_none() && (put.basic || !put.prefix.is_empty()) {
                wrong("has a prefix or basic, which are of a header");
            }
            if put.header.as_ref().is_some_and(|name| !is_header(name)) {
                wrong("must be the name of a header");
            }
            Self::known(put.credential.as_deref(), &format!("credentials[{at}].credential"), around, faults);
        }
    }

    fn known(name: Option<&str>, key: &str, around: Around<'_>, faults: &mut Vec<Fault>) {
        let Some(known) = around.credentials else { return };
        if let Some(name) = name.filter(|name| !known.iter().any(|known| known == name)) {
            let known = known.join(", ");
            faults.push(Fault::new(key, format!("{name:?} is none of the partner's credentials ({known})")));
        }
    }

    fn template_faults(&self, around: Around<'_>, faults: &mut Vec<Fault>) {
        let Some(template) = self.template.as_deref().map(super::Template::of) else { return };
        for name in template.credentials() {
            Self::known(Some(name), "template", around, faults);
        }
        for name in template.fields().filter(|name| !self.fields.iter().any(|field| field.name == *name)) {
            let remedy = format!("has {{{name}}}, which is no field: list it in fields, or write the brace twice");
            faults.push(Fault::new("template", remedy));
        }
    }

    fn signature_faults(&self, around: Around<'_>, faults: &mut Vec<Fault>) {
        let Some(signature) = &self.signature else { return };
        if signature.send.is_none() {
            let remedy =
                "must be given: where the signature goes, such as [{ part = \"signature\", field = \"sign\" }]";
            faults.push(Fault::new("signature.send", remedy));
            return;
        }
        faults.extend(signature.faults("signature", false));
        for (key, part) in signature.all() {
            Self::known(part.credential(), &format!("signature.{key}"), around, faults);
        }
        if signature.needs_token(false) && !around.has_token {
            faults.push(Fault::new("signature", "has the token in it: give [partners.token]"));
        }
        let signs_body = signature.parts.iter().chain(&signature.key).any(|part| *part == Part::Body);
        let sends_in_body = |sent: &Sent| sent.field.is_some() && self.encoding != Encoding::Query;
        if signs_body && signature.send.iter().flatten().any(sends_in_body) {
            faults.push(Fault::new("signature.parts", "must not have the body in it, which has the signature in it: name what is signed, such as { field = \"param\" }"));
        }
        let own = |name: &str| {
            let put = |put: &Put| put.field.as_deref() == Some(name);
            self.wrap.as_deref() == Some(name)
                || self.credentials.iter().any(put)
                || (self.wrap.is_none() && self.fields.iter().any(|field| field.name == name))
        };
        for (key, part) in signature.all() {
            if let Part::Field(name) = part
                && !own(name)
            {
                let remedy =
                    format!("is the field {name:?}, which the request has not: list it in fields, or correct its name");
                faults.push(Fault::new(format!("signature.{key}"), remedy));
            }
        }
    }

    fn answer_faults(&self, around: Around<'_>, faults: &mut Vec<Fault>) {
        let success = &self.success;
        let mut wrong = |at: &str, remedy: String| faults.push(Fault::new(at, remedy));
        match (&success.at, success.is.is_empty(), success.http.is_empty()) {
            (Some(_), true, _) => wrong("success.is", "must hold the values that say yes".to_owned()),
            (None, false, _) => wrong("success.at", "must be given: where the values of is stand".to_owned()),
            (None, true, true) => {
                let remedy = "must say how an answer says yes: at and is, or http = [200]";
                wrong("success", remedy.to_owned());
            }
            _ => {}
        }
        for (at, place) in [("at", &success.at), ("code", &success.code), ("text", &success.text)] {
            if place.as_ref().is_some_and(|place| !place.is_empty() && !place.starts_with('/')) {
                wrong(&format!("success.{at}"), "must be a JSON pointer such as \"/data/code\"".to_owned());
            }
        }
        if success.http.iter().any(|status| !(200..300).contains(status)) {
            wrong("success.http", "must hold statuses from 200 to 299".to_owned());
        }
        if let Some(Bringing { action, at, .. }) = &self.brings {
            if let Some(known) = around.actions.filter(|known| !known.contains(&action.as_str())) {
                let known = known.join(", ");
                wrong("brings.action", format!("must be one of the partner's actions: {known}"));
            }
            if !at.is_empty() && !at.starts_with('/') {
                wrong(
                    "brings.at",
                    "must be a JSON pointer such as \"/data\"; leave it out for the whole answer".to_owned(),
                );
            }
        }
    }
}
