//! Our answer to 1datatech's pushes: HTTP 200 within 500 ms, the body is not specified (3.3).

use serde_json::json;

use crate::answer::JSON;
use crate::{Answer, Verdict};

pub(super) fn answer(verdict: Verdict, text: &str) -> Answer {
    let kept = verdict.is_kept();
    // A body that cannot be read is kept, and three more copies of it would not read better.
    let positive = kept || verdict == Verdict::Malformed;
    let status = if positive { 200 } else { verdict.status() };
    let message = if kept { "success" } else { text };
    let body = json!({"success": positive, "code": status, "message": message}).to_string();
    Answer { verdict, status, content_type: JSON.into(), body }
}
