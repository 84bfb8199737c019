//! Our answer to TrackingEyes' pushes: an integer `code` in the body, or the push is never repeated (报关状态推送接口,
//! note 2). `message` takes 255 characters.

use serde_json::json;

use crate::answer::JSON;
use crate::{Answer, Verdict};

pub(super) fn answer(verdict: Verdict, text: &str) -> Answer {
    let code = if verdict == Verdict::Unavailable { 500 } else { verdict.status() };
    let message = if verdict.is_kept() { "success" } else { text };
    let status = match verdict {
        // Only a body with `code` makes a re-push possible, so a refusal of ours must look like an answer.
        Verdict::Accepted | Verdict::Duplicate | Verdict::Malformed | Verdict::Unavailable => 200,
        Verdict::Unauthorized | Verdict::NotPost | Verdict::TooLarge => verdict.status(),
    };
    Answer { verdict, status, content_type: JSON.into(), body: json!({"code": code, "message": message}).to_string() }
}
