//! Our answer to XHQ's pushes: `state` and `msg` (二.1 出参).

use serde_json::json;

use crate::answer::JSON;
use crate::{Answer, Verdict};

pub(super) fn answer(verdict: Verdict, text: &str) -> Answer {
    let kept = verdict.is_kept();
    let body = json!({"state": kept, "msg": if kept { "" } else { text }}).to_string();
    Answer { verdict, status: verdict.status(), content_type: JSON.into(), body }
}
