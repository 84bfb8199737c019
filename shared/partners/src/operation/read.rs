//! What became of a call, by the partner's own business code.
//!
//! The HTTP status only counts where the body has no code: a proxy's page, a plain text, nothing at all; where it says
//! that the request was not taken up, which makes a refusal one for now; and where it redirects, for then nobody has
//! looked at the request, whatever the page says. A code is a number to some, told by its value
//! (`200.0` is 200), and a string to others; unknown members of an envelope are left alone.

use std::cmp::Ordering;

use super::{Operation, Settings};
use crate::json::Kind;
use crate::{Json, Partner};

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The partner did it.
    Success,
    /// The partner refused. Asking again changes nothing.
    Refused {
        /// Its code; the HTTP status where the body has none.
        code: String,
        /// Its text as it came.
        text: String,
    },
    /// The partner did not take it up now and may do so later.
    Busy {
        /// Its code; the HTTP status where the body has none.
        code: String,
        /// Its text as it came.
        text: String,
    },
    /// The partner's system failed over it. Whether it was done is not said.
    Exception {
        /// Its code.
        code: String,
        /// Its text as it came.
        text: String,
    },
    /// The token is no longer good: one refresh and one further attempt are worth it.
    TokenExpired {
        /// Its code; the HTTP status where the body has none.
        code: String,
        /// Its text as it came.
        text: String,
    },
    /// There is an answer and it does not tell whether the partner did it. To be treated as no answer at all.
    Unreadable {
        /// The answer as it came, cut to [`LONGEST_TEXT`].
        text: String,
    },
}

/// The most characters of an answer that is not the partner's envelope which a [`Verdict`] repeats.
pub const LONGEST_TEXT: usize = 1_000;

/// What the answer to an operation says. `status` is HTTP's.
#[must_use]
pub fn read(operation: &Operation<'_>, settings: &Settings, status: u16, body: &[u8]) -> Verdict {
    match (judge(operation.partner, settings, status, body), operation.caution) {
        (Verdict::Refused { code, text }, Some(caution)) if !redirects(status) => {
            let text = if text.is_empty() { caution.to_owned() } else { format!("{text} ({caution})") };
            Verdict::Refused { code, text }
        }
        (verdict, _) => verdict,
    }
}

/// Whether a refusal is one of the connection's credentials: 401 or 403 by HTTP or by the partner's code, or Yanwen's plain
/// text about a signature (签名) that is not good.
#[must_use]
pub fn refuses_credentials(partner: Partner, status: u16, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Refused { code, text } | Verdict::TokenExpired { code, text } => {
            let coded = |code: &str| matches!(code, "401" | "403");
            matches!(status, 401 | 403) || coded(code) || (partner == Partner::Yanwen && text.contains("签名"))
        }
        Verdict::Success | Verdict::Busy { .. } | Verdict::Exception { .. } | Verdict::Unreadable { .. } => false,
    }
}

/// What an answer of the partner says, whatever was asked.
pub(super) fn judge(partner: Partner, settings: &Settings, status: u16, body: &[u8]) -> Verdict {
    let expired = settings.token.as_ref().map_or(&[][..], |token| &token.expired);
    let json = Json::parse(body);
    let by_code = json.as_ref().ok().filter(|_| !redirects(status)).and_then(|json| match partner {
        Partner::Xhq => xhq(json),
        Partner::Yanwen => yanwen(json),
        Partner::OneData => onedata(json, expired),
        Partner::TrackingEyes => trackingeyes(json),
    });
    match by_code {
        Some(Verdict::Refused { code, text } | Verdict::Exception { code, text }) if is_for_now(status) => {
            Verdict::Busy { code, text }
        }
        Some(verdict) => verdict,
        None => without_code(partner, expired, status, body, json.is_ok()),
    }
}

/// What an answer without a business code says.
fn without_code(partner: Partner, expired: &[String], status: u16, body: &[u8], is_json: bool) -> Verdict {
    let whole = String::from_utf8_lossy(body);
    let text: String = whole.trim().chars().take(LONGEST_TEXT).collect();
    let text = if text.is_empty() { format!("HTTP {status} without a body") } else { text };
    // Yanwen refuses a signature in plain Chinese text. A page of markup is somebody else's.
    let plain = partner == Partner::Yanwen && !is_json && !text.starts_with('<');
    by_status(partner, expired, status, plain && !whole.trim().is_empty(), text)
}

/// Whether the HTTP status says that the request was not taken up, and may be later.
const fn is_for_now(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 503)
}

/// Whether the address redirects the request itself, so that nothing was done there. 303 (See Other) redirects to the result
/// of what was done (RFC 9110 15.4.4).
const fn redirects(status: u16) -> bool {
    matches!(status, 301 | 302 | 307 | 308)
}

/// The last resort: the HTTP status of an answer without a business code.
fn by_status(partner: Partner, expired: &[String], status: u16, plain: bool, text: String) -> Verdict {
    let code = status.to_string();
    match status {
        401 if partner == Partner::TrackingEyes => Verdict::TokenExpired { code, text },
        _ if expired.contains(&code) => Verdict::TokenExpired { code, text },
        _ if is_for_now(status) => Verdict::Busy { code, text },
        400..=499 => Verdict::Refused { code, text },
        _ if redirects(status) => Verdict::Refused { code, text },
        200..=299 if plain => Verdict::Refused { code, text },
        // A gateway that gave up or a server that broke off may have done it.
        _ => Verdict::Unreadable { text },
    }
}

fn refused(code: &str, text: &str) -> Verdict {
    Verdict::Refused { code: code.to_owned(), text: text.to_owned() }
}

/// `code`, `msg`: 200 is success, anything else is not (一, 出参).
fn xhq(json: &Json<'_>) -> Option<Verdict> {
    let code = json.field("code")?;
    Some(if code == "200" { Verdict::Success } else { refused(code, json.field("msg").unwrap_or_default()) })
}

/// `success`, `code`, `message`: success is both `true` and 0; above 0 it failed (失败), below 0 is a system exception
/// (系统异常), which does not say what had been done before it (s3.mawb.create, 响应).
fn yanwen(json: &Json<'_>) -> Option<Verdict> {
    let code = json.field("code").unwrap_or_default();
    let text = json.field("message").unwrap_or_default();
    match (json.field("success"), json.get("code").and_then(sign)) {
        (_, Some(Ordering::Less)) => Some(Verdict::Exception { code: code.to_owned(), text: text.to_owned() }),
        (Some("true"), Some(Ordering::Equal)) => Some(Verdict::Success),
        (_, Some(Ordering::Greater)) | (Some("false"), _) => Some(refused(code, text)),
        (_, None) if !code.is_empty() => Some(refused(code, text)),
        (_, Some(Ordering::Equal) | None) => None,
    }
}

/// How a number compares with 0; of a text, one that is a whole number.
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

/// `success`, `code`, `message`, `data` as in the examples of 3.2.3. The rate query's answer (3.2) is documented without
/// them, by its `resultData`.
fn onedata(json: &Json<'_>, expired: &[String]) -> Option<Verdict> {
    let code = json.field("code");
    let text = json.field("message").unwrap_or_default();
    if let Some(code) = code.filter(|code| expired.iter().any(|expired| expired == code)) {
        return Some(Verdict::TokenExpired { code: code.to_owned(), text: text.to_owned() });
    }
    match (json.field("success"), code) {
        (Some("true") | None, Some("200")) | (Some("true"), None) => Some(Verdict::Success),
        (None, None) => json.get("resultData").map(|_| Verdict::Success),
        (_, code) => Some(refused(code.unwrap_or_default(), text)),
    }
}

/// `code`, `message`: 200 is success, 401 a token that is not good (the vendor's subscriptions say so), any other is not.
fn trackingeyes(json: &Json<'_>) -> Option<Verdict> {
    let code = json.field("code")?;
    let text = json.field("message").unwrap_or_default();
    Some(match code {
        "200" => Verdict::Success,
        "401" => Verdict::TokenExpired { code: code.to_owned(), text: text.to_owned() },
        _ => refused(code, text),
    })
}
