//! A broken body, mended so far that its structure can be read.
//!
//! Only for what a broken push is about. Its bytes stay as they came, and nothing that was mended is passed on.

use super::{Json, NotJson};

/// Result of `look` on a body that is invalid JSON only by its characters: bytes that are not UTF-8, which may be GBK, and
/// control characters within strings. Each is replaced by U+FFFD. None where that does not make it JSON.
pub fn mended<R>(body: &[u8], error: &NotJson, look: impl FnOnce(&Json<'_>) -> R) -> Option<R> {
    match error {
        NotJson::Encoding(_) | NotJson::Syntax { .. } => {}
        NotJson::Empty | NotJson::TooDeep | NotJson::TooMany => return None,
    }
    let mut texts = [String::from_utf8_lossy(body).into_owned(), double_bytes(body)].into_iter();
    let text = texts.find_map(|text| {
        let text = without_controls(&text);
        Json::parse(text.as_bytes()).is_ok().then_some(text)
    })?;
    Json::parse(text.as_bytes()).ok().map(|json| look(&json))
}

/// The ASCII of a text whose other characters have two bytes, as in GBK. The second byte may look like ASCII, a backslash
/// among them.
fn double_bytes(body: &[u8]) -> String {
    let (mut text, mut bytes) = (String::with_capacity(body.len()), body.iter().copied().peekable());
    while let Some(byte) = bytes.next() {
        if byte.is_ascii() {
            text.push(char::from(byte));
            continue;
        }
        let second = |byte: &u8| (0x40..=0xfe).contains(byte) && *byte != 0x7f;
        bytes.next_if(second);
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

/// JSON without control characters in its strings.
fn without_controls(text: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let mend = |char: char| {
        let mended = if quoted && char.is_ascii_control() { char::REPLACEMENT_CHARACTER } else { char };
        (quoted, escaped) = match (quoted, char) {
            (true, _) => (escaped || char != '"', !escaped && char == '\\'),
            (false, _) => (char == '"', false),
        };
        mended
    };
    text.chars().map(mend).collect()
}
