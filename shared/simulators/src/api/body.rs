//! Reading of multipart bodies (RFC 7578) and of the fields of a body in any encoding.

use bytes::Bytes;
use serde_json::Value;

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name; nothing for a field that is no file.
    pub filename: Option<String>,
    /// The part's own media type.
    pub content_type: Option<String>,
    /// The content.
    pub content: Bytes,
}

/// The parts of a multipart body, or what is wrong with it.
pub(super) fn multipart(content_type: &str, body: &Bytes) -> Result<Vec<Part>, String> {
    let mut parameters = content_type.split(';');
    if !parameters.next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("multipart/form-data")) {
        return Err("the body is not multipart/form-data".to_owned());
    }
    let boundary =
        parameters.find_map(|one| one.trim().strip_prefix("boundary=")).unwrap_or_default().trim_matches('"');
    if boundary.is_empty() || boundary.len() > 70 {
        return Err("the content type names no boundary".to_owned());
    }
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n{opening}");
    let mut rest = body.clone();
    if !rest.starts_with(opening.as_bytes()) {
        return Err("the body does not begin with its boundary".to_owned());
    }
    let _ = rest.split_to(opening.len());
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if !rest.starts_with(b"\r\n") {
            return Err("a boundary does not end its line".to_owned());
        }
        let _ = rest.split_to(2);
        let end = position(&rest, delimiter.as_bytes()).ok_or("the last boundary is missing")?;
        parts.push(part(&rest.split_to(end))?);
        let _ = rest.split_to(delimiter.len());
    }
}

fn part(bytes: &Bytes) -> Result<Part, String> {
    let end = position(bytes, b"\r\n\r\n").ok_or("a part has no end of its headers")?;
    let headers = bytes.slice(..end);
    let headers = std::str::from_utf8(&headers).map_err(|_| "a part's headers are not UTF-8")?;
    let header = |name: &str| {
        let lines = headers.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let disposition = header("content-disposition").ok_or("a part has no content-disposition")?;
    let parameter = |name: &str| {
        let parameters = disposition.split(';').filter_map(|one| one.trim().split_once('='));
        parameters.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
    };
    let encoded = parameter("filename*").and_then(|value| decoded(value.get("utf-8''".len()..)?));
    Ok(Part {
        name: parameter("name").filter(|name| !name.is_empty()).ok_or("a part has no name")?.to_owned(),
        filename: encoded.or_else(|| parameter("filename").map(str::to_owned)),
        content_type: header("content-type").map(str::to_owned),
        content: bytes.slice(end + 4..),
    })
}

/// The text written in percent-encoding (RFC 8187).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(plain).ok()
}

/// Position of the first `part` in `whole`.
pub(super) fn position(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len().max(1)).position(|one| one == part)
}

/// The object's scalar member of that name, as text; nothing where it is missing or blank.
pub(super) fn scalar(object: &Value, name: &str) -> Option<String> {
    let text = match object.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The object in the member of that name: as it is, or as a string that holds its JSON.
pub(super) fn object(whole: &Value, name: &str) -> Option<Value> {
    let member = whole.get(name)?;
    let read = match member {
        Value::String(text) => serde_json::from_str(text).ok()?,
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => member.clone(),
    };
    Some(read).filter(Value::is_object)
}

/// Whether the text is a time of day as the partners write it: `2024-04-22 16:47:56`.
pub(super) fn is_time(text: &str) -> bool {
    text.len() == 19 && jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).is_ok()
}

/// Whether the text is a date: `2024-04-22`.
pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && jiff::civil::Date::strptime("%Y-%m-%d", text).is_ok()
}
