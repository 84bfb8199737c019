//! The bytes of a body. What the ERP printed is copied, never printed anew.

use std::borrow::Cow;

use super::{File, Kind, Need, Operation};
use crate::Json;
use crate::json;

/// Members of an object in the order they are sent: name and text.
pub(super) type Members<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The documented members that the ERP left out and the partner expects all the same, with what is sent for them.
pub(super) fn absent<'a>(operation: &Operation<'_>, body: &Json<'_>) -> Members<'a> {
    let text = |need| match need {
        Need::Blank => Some(""),
        Need::Default(text) => Some(text),
        Need::Required | Need::Present | Need::Optional | Need::Filled => None,
    };
    let missing = operation.fields.iter().filter(|field| body.is_object() && body.get(field.name).is_none());
    missing.filter_map(|field| Some((field.name, text(field.need)?.into()))).collect()
}

/// The ERP's JSON with further members before and behind its own. Whole numbers that the partner takes as text are put
/// between quotes, without fraction or exponent; every other byte is the ERP's.
pub(super) fn json(operation: &Operation<'_>, body: &Json<'_>, before: &Members<'_>, behind: &Members<'_>) -> String {
    let Some(inner) = body.text().strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return body.text().to_owned();
    };
    let own = quoted(operation, body, inner);
    let given = |members: &Members<'_>| members.iter().map(|(name, text)| member(name, text)).collect::<Vec<_>>();
    let own = if own.trim_ascii().is_empty() { None } else { Some(own) };
    let all: Vec<_> = given(before).into_iter().chain(own).chain(given(behind)).collect();
    format!("{{{}}}", all.join(","))
}

/// `"name":"text"`.
fn member(name: &str, text: &str) -> String {
    format!("{}:{}", string(name), string(text))
}

/// A JSON string. Nothing is escaped but what must be.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The inside of an object with quotes around the numbers that are sent as text.
fn quoted(operation: &Operation<'_>, body: &Json<'_>, inner: &str) -> String {
    let start = body.span().start + 1;
    let as_text = operation.fields.iter().filter(|field| matches!(field.kind, Kind::WholeText));
    let numbers = as_text.filter_map(|field| body.get(field.name));
    let mut numbers: Vec<_> = numbers.filter(|value| matches!(value.kind(), json::Kind::Number(_))).collect();
    numbers.sort_by_key(|value| value.span().start);
    let (mut text, mut copied) = (String::with_capacity(inner.len() + 2 * numbers.len()), 0);
    for number in numbers {
        let span = number.span();
        text.push_str(inner.get(copied..span.start - start).unwrap_or_default());
        text.push('"');
        text.push_str(number.value().unwrap_or_default());
        text.push('"');
        copied = span.end - start;
    }
    text.push_str(inner.get(copied..).unwrap_or_default());
    text
}

/// The members of an object as fields of a form: a scalar is its text, `null` is blank, and an array or object is its
/// JSON text.
pub(super) fn fields<'a>(body: &'a Json<'_>) -> Members<'a> {
    members(body, |value| value.text().into())
}

/// The members of an object as query parameters: as [`fields`], but an array of scalars is a comma list.
pub(super) fn parameters<'a>(body: &'a Json<'_>) -> Members<'a> {
    members(body, |value| match value.elements() {
        Some(list) if list.iter().all(|element| element.scalar().is_some()) => {
            list.iter().filter_map(Json::scalar).collect::<Vec<_>>().join(",").into()
        }
        Some(_) | None => value.text().into(),
    })
}

fn members<'a, 'j>(body: &'a Json<'j>, nested: impl Fn(&'a Json<'j>) -> Cow<'a, str>) -> Members<'a> {
    let json::Kind::Object(members) = body.kind() else { return Vec::new() };
    let text = |value: &'a Json<'j>| match value.kind() {
        json::Kind::Null => "".into(),
        json::Kind::Array(_) | json::Kind::Object(_) => nested(value),
        json::Kind::Bool(_) | json::Kind::Number(_) | json::Kind::String(_) => {
            value.scalar().unwrap_or_default().into()
        }
    };
    members.iter().map(|(name, value)| (name.as_ref(), text(value))).collect()
}

/// `application/x-www-form-urlencoded` in UTF-8; also what stands behind the `?` of an address. A blank is `%20`, which
/// means the same in both.
pub(crate) fn form<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in members {
        if !text.is_empty() {
            text.push('&');
        }
        percent(name, &mut text);
        text.push('=');
        percent(value, &mut text);
    }
    text
}

fn percent(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(char::from(byte));
        } else {
            let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0').to_ascii_uppercase();
            to.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// `multipart/form-data`: the members, then the file under that part name.
pub(super) fn multipart(boundary: &str, members: &Members<'_>, file: Option<(&str, &File<'_>)>) -> Vec<u8> {
    let mut body = Vec::with_capacity(file.map_or(0, |(_, file)| file.bytes.len()) + 1024);
    let mut part = |head: String, content: &[u8]| {
        body.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    for (name, text) in members {
        part(format!("name=\"{}\"", quotable(name)), text.as_bytes());
    }
    if let Some((name, file)) = file {
        let (name, called, kind) = (quotable(name), quotable(file.name), one_line(file.content_type));
        part(format!("name=\"{name}\"; filename=\"{called}\"\r\nContent-Type: {kind}"), file.bytes);
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// A name between quotes, as browsers write it: what would end it is percent-encoded, UTF-8 stays.
fn quotable(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A header's value: nothing in it starts another header.
fn one_line(value: &str) -> String {
    value.replace(['\r', '\n'], "")
}
