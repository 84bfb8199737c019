//! Yanwen's answers to calls.

use std::cmp::Ordering;

use crate::Json;
use crate::json::Kind;
use crate::operation::Judgement;

/// `success`, `code`, `message`: success is both `true` and 0; above 0 it failed (失败), below 0 is a system exception
/// (系统异常), which does not say what had been done before it (s3.mawb.create, 响应).
pub(super) fn judge(json: &Json<'_>) -> Option<Judgement> {
    let code = json.field("code").unwrap_or_default();
    let text = json.field("message").unwrap_or_default();
    match (json.field("success"), json.get("code").and_then(sign)) {
        (_, Some(Ordering::Less)) => Some(Judgement::Exception { code: code.to_owned(), text: text.to_owned() }),
        (Some("true"), Some(Ordering::Equal)) => Some(Judgement::Success),
        (_, Some(Ordering::Greater)) | (Some("false"), _) => Some(Judgement::refused(code, text)),
        (_, None) if !code.is_empty() => Some(Judgement::refused(code, text)),
        (_, Some(Ordering::Equal) | None) => None,
    }
}

/// Sign of a number; of a text, the sign of the whole number in it.
fn sign(json: &Json<'_>) -> Option<Ordering> {
    let number = match json.kind() {
        Kind::Number(number) => number.as_ref(),
        Kind::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !whole {
                return None;
            }
            if digits.bytes().all(|byte| byte == b'0') { "0" } else { text }
        }
        Kind::Null | Kind::Bool(_) | Kind::Array(_) | Kind::Object(_) => return None,
    };
    Some(match number {
        "0" => Ordering::Equal,
        negative if negative.starts_with('-') => Ordering::Less,
        _ => Ordering::Greater,
    })
}
