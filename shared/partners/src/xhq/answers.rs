//! XHQ's answers to calls.

use crate::Json;
use crate::json::Kind;
use crate::operation::Judgement;
use crate::profile::Key;

/// `code`, `msg`: 200 is success, anything else is not (一, 出参).
pub(super) fn judge(json: &Json<'_>) -> Option<Judgement> {
    let code = json.field("code")?;
    let text = json.field("msg").unwrap_or_default();
    Some(if code == "200" { Judgement::Success } else { Judgement::refused(code, text) })
}

/// The serial (`serial`) that the upload gives an order, in whose terms chapter 六 and 二.5 speak of it.
pub(super) fn serial(answer: &Json<'_>) -> Option<Key> {
    let data = answer.get("data");
    let alone = match data.map(Json::kind) {
        Some(Kind::String(text)) => Some(text.trim()).filter(|text| can_be_serial(text)),
        Some(Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_)) | None => None,
    };
    let serial = alone.map(str::to_owned).or_else(|| {
        // Whether `data` is the serial or holds it is not documented.
        let mut found = Vec::new();
        data.and_then(|data| data.inside(|data| serials(data, &mut found)))?;
        found.sort_unstable();
        found.dedup();
        if found.len() == 1 { found.pop() } else { None }
    });
    serial.map(|serial| ("serial", serial))
}

/// Whether a text that stands alone can be a serial: one word with a number in it. No form is documented, and a word of
/// praise in its place would be everybody's key.
fn can_be_serial(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    word && text.len() <= 64 && text.bytes().filter(u8::is_ascii_digit).count() >= 6
}

/// `A` and 17 digits, as in every sample of XHQ's serials.
fn is_serial(text: &str) -> bool {
    text.strip_prefix('A').is_some_and(|digits| digits.len() == 17 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn serials(json: &Json<'_>, found: &mut Vec<String>) {
    match json.kind() {
        Kind::String(text) if is_serial(text.trim()) => found.push(text.trim().to_owned()),
        Kind::Array(elements) => elements.iter().for_each(|element| serials(element, found)),
        Kind::Object(members) => members.iter().for_each(|(_, member)| serials(member, found)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {}
    }
}
