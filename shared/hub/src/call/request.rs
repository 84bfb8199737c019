//! The request of a call as it is shown: the ERP's bytes with the secrets redacted.

use std::ops::Range;

use partners::json::Kind;
use partners::operation::enclosure::{Enclosure, decode};
use partners::{Hex, Json};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// Longest body that is shown whole, in bytes: a longer one is cut and shown as a string.
const SHOWN: usize = 256 * 1024;

/// Replacement for a secret.
const REDACTED: &str = "[REDACTED]";

/// Endings of the names of secrets, in lower case without `_` and `-`.
const SECRETS: [&str; 8] =
    ["token", "password", "passwd", "secret", "signature", "apikey", "authorization", "credential"];

/// Length of the shortest credential that is searched for within longer texts: a shorter one is part of many words.
const TELLING: usize = 6;

/// The ERP's request; present where one call is read, and in the event of its end. Credentials, values whose name is that of
/// a secret, and the query of a URL are replaced by `[REDACTED]`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub(super) struct Sent {
    /// The request's JSON unchanged; the beginning as a string where it is long.
    #[cfg_attr(feature = "schema", schemars(with = "Value"))]
    body: Body,
    /// Whether `body` is the beginning of a longer one.
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body {
    Json(Box<RawValue>),
    Text(String),
}

/// The file of the request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct File {
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// The file's size in bytes, where its content is in the request, or was uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The SHA-256 digest of the file, where its content is in the request, or was uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[0-9a-f]{64}$")))]
    sha256: Option<String>,
    /// The URL from which the hub fetches the file, without its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Sent {
    /// The request in the payload of a call's record.
    pub(super) fn of(payload: &[u8], credentials: &[(&str, &str)]) -> Option<Self> {
        let whole = Json::parse(payload).ok()?;
        let body = redacted(whole.get("body")?, credentials);
        let truncated = body.len() > SHOWN;
        let body = if truncated {
            let end = body.floor_char_boundary(SHOWN);
            Body::Text(body.get(..end).unwrap_or_default().to_owned())
        } else {
            Body::Json(RawValue::from_string(body).ok()?)
        };
        let file = whole.get("file").and_then(|file| serde_json::from_str::<Enclosure>(file.text()).ok());
        Some(Self { body, truncated, file: file.map(File::of) })
    }
}

/// The whole body in the payload of a call's record, with its secrets redacted.
pub(super) fn body(payload: &[u8], credentials: &[(&str, &str)]) -> Option<String> {
    Some(redacted(Json::parse(payload).ok()?.get("body")?, credentials))
}

impl File {
    fn of(enclosed: Enclosure) -> Self {
        let name = enclosed.name().map(std::borrow::Cow::into_owned);
        let content_type = enclosed.content_type().map(str::to_owned);
        let plain = Self { name, content_type, bytes: None, sha256: None, url: None };
        match enclosed {
            Enclosure::Inline { base64, .. } => {
                let bytes = decode(&base64).unwrap_or_default();
                let sha256 = Hex(&Sha256::digest(&bytes)).to_string();
                Self { bytes: u64::try_from(bytes.len()).ok(), sha256: Some(sha256), ..plain }
            }
            Enclosure::Kept { sha256, bytes, .. } => Self { bytes: Some(bytes), sha256: Some(sha256), ..plain },
            // A call is kept with what it stands for.
            Enclosure::Upload { .. } => plain,
            Enclosure::At { url, .. } => Self { url: Some(unsigned(&url).unwrap_or(url)), ..plain },
        }
    }
}

/// The JSON as it is printed, with each secret value replaced.
fn redacted(json: &Json<'_>, credentials: &[(&str, &str)]) -> String {
    let mut places = Vec::new();
    look(json, None, credentials, &mut places);
    let (text, start) = (json.text(), json.span().start);
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for (span, instead) in places {
        out.push_str(text.get(copied..span.start - start).unwrap_or_default());
        out.push_str(&Value::from(instead).to_string());
        copied = span.end - start;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

/// Collects the spans to replace and their replacements, in order.
fn look(json: &Json<'_>, name: Option<&str>, credentials: &[(&str, &str)], places: &mut Vec<(Range<usize>, String)>) {
    let secret = name.is_some_and(|name| is_secret(name, credentials));
    match json.kind() {
        Kind::Null => {}
        Kind::Object(members) if !secret => {
            for (name, value) in members {
                look(value, Some(name), credentials, places);
            }
        }
        Kind::Array(elements) if !secret => {
            for element in elements {
                look(element, name, credentials, places);
            }
        }
        Kind::String(text) if !secret => {
            let instead = if tells(text, credentials) { Some(REDACTED.to_owned()) } else { within(text, credentials) };
            places.extend(instead.or_else(|| unsigned(text)).map(|instead| (json.span(), instead)));
        }
        Kind::Bool(_) | Kind::Number(_) if !secret => {}
        Kind::Object(_) | Kind::Array(_) | Kind::String(_) | Kind::Bool(_) | Kind::Number(_) => {
            places.push((json.span(), REDACTED.to_owned()));
        }
    }
}

/// The redacted form of a text that is itself JSON; none where it holds no secret.
fn within(text: &str, credentials: &[(&str, &str)]) -> Option<String> {
    text.trim_start().starts_with(['{', '[']).then_some(())?;
    let json = Json::parse(text.as_bytes()).ok()?;
    let shown = redacted(&json, credentials);
    (shown != json.text()).then_some(shown)
}

/// Whether a member of this name holds a secret: a credential of the connection, or a name with one of [`SECRETS`].
fn is_secret(name: &str, credentials: &[(&str, &str)]) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let name = plain(name);
    name == "sign"
        || SECRETS.iter().any(|secret| name.ends_with(secret))
        || credentials.iter().any(|(credential, _)| plain(credential) == name)
}

/// Whether a text is or holds a credential.
fn tells(text: &str, credentials: &[(&str, &str)]) -> bool {
    let mut known = credentials.iter().map(|(_, value)| *value).filter(|value| !value.is_empty());
    known.any(|value| text == value || (value.len() >= TELLING && text.contains(value)))
}

/// A URL without its query and its user, either of which may grant access. None where it has neither.
fn unsigned(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(())?;
    let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?[REDACTED]"));
    let authority = place.find('/').unwrap_or(place.len());
    let user = place.get(..authority)?.rfind('@');
    let place = user.map_or(place, |at| place.get(at + 1..).unwrap_or_default());
    (user.is_some() || !query.is_empty()).then(|| format!("{scheme}://{place}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: [(&str, &str); 3] = [("app_id", "APP-0123456"), ("secret", "hunter2!"), ("code", "AB")];

    fn shown(body: &str) -> String {
        let payload = format!(r#"{{"key":"k","body":{body}}}"#);
        match Sent::of(payload.as_bytes(), &CREDENTIALS).unwrap().body {
            Body::Json(json) => json.get().to_owned(),
            Body::Text(text) => text,
        }
    }

    /// Regression: no view showed the ERP's request.
    #[test]
    fn request_is_shown_as_it_was_printed() {
        let body = r#"{"orderOutNo": "SO-1","n":1.10,"big":1906651379888427008, "a":"\u653e","a":null,"l":[1, true]}"#;
        assert_eq!(shown(body), body);
    }

    #[test]
    fn secrets_of_a_request_are_not_shown() {
        for (body, expected) in [
            (r#"{"appId":"x","n":1}"#, r#"{"appId":"[REDACTED]","n":1}"#),
            (r#"[{"access_token" : {"a":1}}]"#, r#"[{"access_token" : "[REDACTED]"}]"#),
            (r#"{"sign":12,"design":12}"#, r#"{"sign":"[REDACTED]","design":12}"#),
            (r#"{"note":"my hunter2! is"}"#, r#"{"note":"[REDACTED]"}"#),
            (r#"{"note":"ABC","x":"AB"}"#, r#"{"note":"ABC","x":"[REDACTED]"}"#),
            (r#"{"tokens":["a"],"Password":["a","b"]}"#, r#"{"tokens":["a"],"Password":"[REDACTED]"}"#),
            (r#"{"msg":"{\"token\":\"a\"}"}"#, r#"{"msg":"{\"token\":\"[REDACTED]\"}"}"#),
            (r#"{"u":"http://h/1.zip?Signature=s"}"#, r#"{"u":"http://h/1.zip?[REDACTED]"}"#),
            (r#"{"u":"https://me:pw@h:1/a@b"}"#, r#"{"u":"https://h:1/a@b"}"#),
            (r#"{"u":"https://h/a?b"}"#, r#"{"u":"https://h/a?[REDACTED]"}"#),
        ] {
            assert_eq!(shown(body), expected);
        }
    }

    #[test]
    fn file_is_shown_by_name_size_and_digest() {
        let payload = |file: &str| format!(r#"{{"key":"k","body":{{}},"file":{file}}}"#);
        let shown = |file: &str| {
            let sent = Sent::of(payload(file).as_bytes(), &CREDENTIALS).unwrap();
            serde_json::to_value(sent).unwrap()["file"].clone()
        };
        let inline = shown(r#"{"name":"a.zip","content_type":"application/zip","base64":"YWJj"}"#);
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            (&inline["name"], &inline["bytes"], &inline["sha256"]),
            (&"a.zip".into(), &3.into(), &digest.into())
        );
        assert!(inline.get("base64").is_none());
        let at = shown(r#"{"url":"https://h/in/b.zip?signature=s"}"#);
        assert_eq!((&at["name"], &at["url"]), (&"b.zip".into(), &"https://h/in/b.zip?[REDACTED]".into()));
    }

    #[test]
    fn long_request_is_cut() {
        let long = format!(r#"{{"a":"{}"}}"#, "单".repeat(200_000));
        let sent = Sent::of(format!(r#"{{"key":"k","body":{long}}}"#).as_bytes(), &[]).unwrap();
        assert!(sent.truncated && matches!(&sent.body, Body::Text(text) if text.len() <= SHOWN));
    }
}
