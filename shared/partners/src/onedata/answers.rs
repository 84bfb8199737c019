//! 1datatech's answers to calls.

use crate::Json;
use crate::operation::Judgement;

/// `success`, `code`, `message`, `data` as in the examples of 3.2.3. The rate query's answer (3.2) is documented without
/// them, by its `resultData`.
pub(super) fn judge(json: &Json<'_>) -> Option<Judgement> {
    match (json.field("success"), json.field("code")) {
        (Some("true") | None, Some("200")) | (Some("true"), None) => Some(Judgement::Success),
        (None, None) => json.get("resultData").map(|_| Judgement::Success),
        (_, code) => Some(Judgement::refused(code.unwrap_or_default(), json.field("message").unwrap_or_default())),
    }
}
