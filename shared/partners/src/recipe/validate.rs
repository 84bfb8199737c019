//! Mistakes of a recipe, reported at start by their keys.

use std::collections::BTreeSet;

use super::{Case, Digits, Part, Sent, Signature, TokenRequest};
use crate::operation::{Fault, Method, is_path};

impl Signature {
    /// Mistakes of the recipe; each fault begins with `key`. That of a token request has no token in it and may
    /// send nothing by itself.
    #[must_use]
    pub fn validate(&self, key: &str, of_token: bool) -> Vec<Fault> {
        let mut faults = self.faults(key, of_token);
        let fields = self.parts.iter().chain(&self.key).any(|part| matches!(part, Part::Field(_)));
        if fields || self.send.iter().flatten().any(|sent| sent.field.is_some()) {
            let remedy = "has a field in it, which only the file of a partner may have";
            faults.push(Fault::new(key, remedy));
        }
        faults
    }

    /// Mistakes of a recipe of a partner's file, which knows its requests' fields.
    pub(crate) fn faults(&self, key: &str, of_token: bool) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |at: &str, remedy: &str| faults.push(Fault::new(format!("{key}.{at}"), remedy));
        if self.parts.is_empty() {
            wrong("parts", "must name at least one part");
        }
        if self.parts.contains(&Part::Signature) {
            wrong("parts", "must not have the signature in it");
        }
        match (self.hash.is_keyed(), &self.key) {
            (true, None) => wrong("key", "must be given: an hmac has a key"),
            (true, Some(Part::Signature)) => wrong("key", "must not be the signature"),
            (false, Some(_)) => wrong("key", "is for hmac-md5, hmac-sha1 and hmac-sha256: remove it"),
            (true, Some(_)) | (false, None) => {}
        }
        if (self.digits, self.case) == (Digits::Base64, Case::Upper) {
            wrong("case", "is for hex digits: base64 has both cases");
        }
        if of_token && self.needs_token(true) {
            wrong("parts", "must not have the token in it: this request asks for it");
        }
        let (mut names, sent) = (BTreeSet::new(), self.sent(of_token));
        for (at, Sent { part, header, query, field }) in sent.iter().enumerate() {
            let at = format!("send[{at}]");
            match (header.as_ref(), query.as_ref().or(field.as_ref())) {
                _ if query.is_some() && field.is_some() => wrong(&at, "must have either a query or a field"),
                (Some(name), None) if !is_header(name) => wrong(&at, "must be the name of a header"),
                (Some(name), None) if !names.insert(name.to_ascii_lowercase()) => wrong(&at, "is sent twice"),
                (None, Some(name)) if name.is_empty() => wrong(&at, "must be the name of a query parameter"),
                (None, Some(name)) if !names.insert(format!("?{name}")) => wrong(&at, "is sent twice"),
                (Some(_), None) | (None, Some(_)) => {}
                (Some(_), Some(_)) | (None, None) => wrong(&at, "must have one place: a header, a query or a field"),
            }
            if *part == Part::Body {
                wrong(&at, "must not be the body, which is sent anyway");
            }
        }
        if !of_token && !sent.iter().any(|sent| sent.part == Part::Signature) {
            wrong("send", "must send the signature");
        }
        faults
    }
}

impl TokenRequest {
    /// Mistakes of the recipe; each fault begins with `key`.
    #[must_use]
    pub fn validate(&self, key: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |at: &str, remedy: &str| faults.push(Fault::new(format!("{key}.{at}"), remedy));
        if !is_path(&self.path) {
            wrong("path", "must be a path behind the base URL, without ? and #");
        }
        if self.method == Method::Get && !self.body.is_empty() {
            wrong("body", "is not sent by GET: move it into query");
        }
        for (at, pointer) in [("token", Some(&self.token)), ("life", self.life.as_ref())] {
            if pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
                wrong(at, "must be a JSON pointer such as \"/data/token\"");
            }
        }
        if self.life.is_none() && self.life_seconds.is_none() {
            wrong("life", "must be given, or life_seconds: a token is refreshed ahead of its end");
        }
        if self.life_seconds == Some(0) {
            wrong("life_seconds", "must be at least 1");
        }
        let parts = || [("query", &self.query), ("body", &self.body)].into_iter();
        for (at, part) in
            parts().flat_map(|(at, parts)| parts.iter().map(move |(name, part)| (format!("{at}.{name}"), part)))
        {
            match part {
                Part::Token => wrong(&at, "must not be the token: this request asks for it"),
                Part::Body => wrong(&at, "must not be the body"),
                Part::Signature if self.signature.is_none() => wrong(&at, "needs a signature: give token.signature"),
                Part::Field(_) => wrong(&at, "must not be a field: this request has none but these"),
                Part::Nonce | Part::Timestamp | Part::Signature | Part::Credential(_) | Part::Text(_) => {}
            }
        }
        if let Some(signature) = &self.signature {
            if signature.parts.contains(&Part::Body) && self.body.values().any(|part| *part == Part::Signature) {
                wrong(
                    "signature.parts",
                    "must not have the body in it, which has the signature in it: name what is signed, such as { field = \"param\" }",
                );
            }
            let placed = signature.send.iter().flatten().map(|sent| &sent.part);
            let mut placed = placed.chain(self.query.values()).chain(self.body.values());
            if !placed.any(|part| *part == Part::Signature) {
                wrong("signature", "goes nowhere: name it in send, query or body");
            }
            faults.extend(signature.validate(&format!("{key}.signature"), true));
        }
        faults
    }
}

/// Whether a text is a header's name (RFC 9110, 5.6.2).
#[must_use]
pub fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
