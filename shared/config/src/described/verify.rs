//! `[partners.push.verify]`: the signature of a partner's pushes.

use std::cell::Cell;
use std::time::Duration;

use hub::slip::nearest;
use partners::configured::{Body, SignedPart, Timestamp, Verify};
use partners::recipe::{Case, Digits, Hash, Unit, is_header};
use serde::Deserialize;

use super::super::reader::{Item, Table};
use super::pointer;

/// A part as the document writes it: a word, or a table of one key.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Body,
    Timestamp,
    Field(String),
    Header(String),
    Query(String),
    Pointer(String),
    Credential(String),
    Text(String),
}

/// The notation of the body whose signature is checked, where it is known.
struct Around<'b> {
    body: Option<&'b Body>,
    /// Whether it is noted already that it is no form.
    is_noted: Cell<bool>,
}

impl Around<'_> {
    /// Whether the body may be a form. That it is none is noted at the first field of one.
    fn is_form(&self, item: &Item<'_>, instead: &str) -> bool {
        let is_form = matches!(self.body, Some(Body::Form(_) | Body::FormXml(_)) | None);
        if !is_form && !self.is_noted.replace(true) {
            let what =
                format!("is a field of a form, and body is none: use {instead}, or body = {{ form = \"param\" }}");
            item.wrong::<()>(what);
        }
        is_form
    }
}

/// Reads the check of a body's signature.
pub(super) fn read(item: &Item<'_>, body: Option<&Body>, credentials: Option<&[String]>) -> Option<Verify> {
    let mut table = item.table("a table: write [partners.push.verify]")?;
    let around = Around { body, is_noted: Cell::new(false) };
    let part = |item: &Item<'_>| part(item, &around, credentials);
    let parts = table.need("parts", "[\"body\"]").and_then(|item| match item.each(part)? {
        parts if parts.is_empty() => item.wrong("must name at least one part"),
        parts => Some(parts),
    });
    let separator = table.or("separator", String::new(), |item| item.text().map(str::to_owned));
    let hash = table.need("hash", "\"md5\"").and_then(|item| item.deserialize::<Hash>());
    let key = table.or("key", None, |item| part(item).map(Some));
    let digits = table.or("digits", Digits::default(), Item::deserialize);
    let case = table.or("case", Case::default(), Item::deserialize);
    let signature = table.need("signature", "{ header = \"x-signature\" }").and_then(|item| signature(&item, &around));
    let unless_missing = table.or("unless_missing", None, |item| {
        let name = item.text()?;
        known(item, name, credentials).map(Some)
    });
    let timestamp = table.or("timestamp", None, |item| timestamp(item, &around).map(Some));
    let verify = (|| {
        let (signature, prefix) = signature?;
        Some(Verify {
            parts: parts?,
            separator: separator?,
            hash: hash?,
            key: key?,
            digits: digits?,
            case: case?,
            signature,
            prefix,
            unless_missing: unless_missing?,
            timestamp: timestamp?,
        })
    })();
    let mistakes = || item.reading().mistakes.borrow().len();
    let before = mistakes();
    if let Some(verify) = &verify {
        check(&table, verify, body);
    }
    let is_sound = mistakes() == before;
    table.close(&[]);
    // No example is tried by a recipe that cannot be right.
    verify.filter(|_| is_sound)
}

/// Notes what does not fit together.
fn check(table: &Table<'_>, verify: &Verify, body: Option<&Body>) {
    match (verify.hash.is_keyed(), &verify.key) {
        (true, None) => table.mistake("key", "must be given: an hmac has a key".to_owned()),
        (false, Some(_)) => table.mistake("key", "is for hmac-md5, hmac-sha1 and hmac-sha256: remove it".to_owned()),
        (true, Some(_)) | (false, None) => {}
    }
    if (verify.digits, verify.case) == (Digits::Base64, Case::Upper) {
        table.mistake("case", "is for hex digits: base64 has both cases".to_owned());
    }
    let uses_time = verify.parts.contains(&SignedPart::Timestamp);
    if uses_time && verify.timestamp.is_none() {
        table.mistake("timestamp", "must be given: parts has \"timestamp\" in it".to_owned());
    }
    if verify.credentials().next().is_none() {
        let what = "has no credential in it: anybody can make a signature without a secret";
        table.mistake(if verify.hash.is_keyed() { "key" } else { "parts" }, what.to_owned());
    }
    let document = body.and_then(Body::field);
    let signs_body = |part: &SignedPart| match part {
        SignedPart::Body | SignedPart::Pointer(_) => true,
        SignedPart::Field(name) => document.is_none_or(|document| document == name),
        SignedPart::Header(_)
        | SignedPart::Query(_)
        | SignedPart::Credential(_)
        | SignedPart::Text(_)
        | SignedPart::Timestamp => false,
    };
    if !verify.parts.iter().any(signs_body) {
        let instead = document.map_or_else(|| "\"body\"".to_owned(), |name| format!("{{ field = {name:?} }}"));
        let what =
            format!("has nothing of the body in it, so that a signature could be used for another push: add {instead}");
        table.mistake("parts", what);
    }
    if let Some(at) = verify.parts.iter().position(|part| *part == verify.signature) {
        table.mistake(&format!("parts[{at}]"), "is the signature, which cannot be signed itself: remove it".to_owned());
    }
    whole(table, verify, body);
}

/// Notes a part that is signed as a whole and holds the signature.
fn whole(table: &Table<'_>, verify: &Verify, body: Option<&Body>) {
    let document = body.and_then(Body::field);
    let holds = |part: &SignedPart| match (part, &verify.signature) {
        (SignedPart::Body, SignedPart::Field(_) | SignedPart::Pointer(_)) => true,
        (SignedPart::Field(name), SignedPart::Pointer(_)) => document == Some(name),
        _ => false,
    };
    let Some(at) = verify.parts.iter().position(holds) else { return };
    let instead = if verify.signature.pointer().is_some() {
        "{ pointer = \"/data\" }".to_owned()
    } else {
        format!("{{ field = {:?} }}", document.map_or("param", String::as_str))
    };
    let what = format!(
        "holds the signature itself, so that it cannot be signed as a whole: name what is signed, such as {instead}"
    );
    table.mistake(&format!("parts[{at}]"), what);
}

fn part(item: &Item<'_>, around: &Around<'_>, credentials: Option<&[String]>) -> Option<SignedPart> {
    let part = match item.deserialize::<Written>()? {
        Written::Body => SignedPart::Body,
        Written::Timestamp => SignedPart::Timestamp,
        Written::Field(name) => SignedPart::Field(name),
        Written::Header(name) => SignedPart::Header(header(item, &name)?),
        Written::Query(name) => SignedPart::Query(name),
        Written::Pointer(text) => {
            SignedPart::Pointer(partners::configured::Pointer::parse(&text).map_or_else(|what| item.wrong(what), Some)?)
        }
        Written::Credential(name) => SignedPart::Credential(known(item, &name, credentials)?),
        Written::Text(text) => SignedPart::Text(text),
    };
    if matches!(part, SignedPart::Field(_)) && !around.is_form(item, "{ pointer = \"/...\" }") {
        return None;
    }
    Some(part)
}

/// The name of a header.
fn header(item: &Item<'_>, name: &str) -> Option<String> {
    if is_header(name) {
        return Some(name.to_ascii_lowercase());
    }
    item.wrong("must be the name of a header such as \"X-Signature\"")
}

/// A credential that the partner has.
fn known(item: &Item<'_>, name: &str, credentials: Option<&[String]>) -> Option<String> {
    // Where the list has a mistake, that is noted there.
    let Some(credentials) = credentials else { return Some(name.to_owned()) };
    if credentials.iter().any(|known| known == name) {
        return Some(name.to_owned());
    }
    match nearest(name, credentials.iter().map(String::as_str)) {
        Some(meant) => {
            item.wrong(format!("names the credential {name}, which credentials lacks: did you mean {meant}?"))
        }
        None => item.wrong(format!("names the credential {name}, which credentials lacks: add it there")),
    }
}

/// The place of a signature, and the text before it.
fn signature(item: &Item<'_>, around: &Around<'_>) -> Option<(SignedPart, String)> {
    let mut table = item.table("a table such as { header = \"x-signature\", prefix = \"sha256=\" }")?;
    let place = place(&mut table, item, around);
    let prefix = table.or("prefix", String::new(), |item| item.text().map(str::to_owned));
    table.close(&[]);
    Some((place?, prefix?))
}

/// One of `field`, `header`, `query` and `pointer`.
fn place(table: &mut Table<'_>, item: &Item<'_>, around: &Around<'_>) -> Option<SignedPart> {
    let text = |item: Item<'_>| super::text(&item);
    let field = table.get("field");
    if let Some(field) = &field
        && !around.is_form(field, "pointer = \"/...\"")
    {
        return None;
    }
    let found: Vec<_> = [
        field.map(|item| text(item).map(SignedPart::Field)),
        table.get("header").map(|item| header(&item, item.text()?).map(SignedPart::Header)),
        table.get("query").map(|item| text(item).map(SignedPart::Query)),
        table.get("pointer").map(|item| pointer(&item).map(SignedPart::Pointer)),
    ]
    .into_iter()
    .flatten()
    .collect();
    match <[_; 1]>::try_from(found) {
        Ok([place]) => place,
        Err(_) => item.wrong("must have one of field, header, query and pointer"),
    }
}

fn timestamp(item: &Item<'_>, around: &Around<'_>) -> Option<Timestamp> {
    const WINDOW: Duration = Duration::from_mins(5);
    let mut table = item.table("a table such as { header = \"x-timestamp\", unit = \"s\", window = \"5m\" }")?;
    let at = place(&mut table, item, around);
    let unit = table.or("unit", Unit::S, Item::deserialize);
    let window = table.or("window", WINDOW, Item::duration);
    table.close(&[]);
    Some(Timestamp { at: at?, unit: unit?, window: window? })
}
