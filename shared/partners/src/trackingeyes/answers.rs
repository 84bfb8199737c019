//! TrackingEyes' answers to calls, and its token (OAuth), which is good for two hours.

use std::time::Duration;

use crate::Json;
use crate::operation::{Attempt, Fault, Judgement, Method, Prepared, Settings, Token, credential};

const LIFE: Duration = Duration::from_hours(2);

/// `code`, `message`: 200 is success, any other is not.
pub(super) fn judge(json: &Json<'_>) -> Option<Judgement> {
    let code = json.field("code")?;
    let text = json.field("message").unwrap_or_default();
    Some(if code == "200" { Judgement::Success } else { Judgement::refused(code, text) })
}

/// `POST /api/auth/authorization` with `companyCode` and `secret`.
pub(super) fn token_request(attempt: &Attempt<'_>) -> Result<Option<Prepared>, Fault> {
    let mut body = serde_json::Map::new();
    body.insert("companyCode".to_owned(), credential(attempt, "company_code")?.into());
    body.insert("secret".to_owned(), credential(attempt, "secret")?.into());
    Ok(Some(Prepared::json(Method::Post, "/api/auth/authorization", body)))
}

/// `result`, where `code` is 200.
pub(super) fn token(json: &Json<'_>, _: &Settings) -> Option<Token> {
    let text = json.field("result").filter(|_| json.field("code") == Some("200"))?;
    Some(Token::new(text, LIFE))
}
