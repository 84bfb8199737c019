//! Result of a call, by the partner's own business code.
//!
//! The HTTP status only counts where the body has no code: a proxy's page, a plain text, nothing at all; where it says
//! that the request was not taken up, which makes a refusal one for now; and where it redirects, for then nobody has
//! looked at the request, whatever the page says. A code is a number to some, told by its value
//! (`200.0` is 200), and a string to others; unknown members of an envelope are left alone.

use std::borrow::Cow;

use super::{Operation, Settings, Told};
use crate::{Json, Partner, configured};

/// Judgement of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
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

impl Judgement {
    pub(crate) fn refused(code: &str, text: &str) -> Self {
        Self::Refused { code: code.to_owned(), text: text.to_owned() }
    }
}

/// The most characters of an answer that is not the partner's envelope which a [`Judgement`] repeats.
pub const LONGEST_TEXT: usize = 1_000;

/// Judges the answer to an operation. `status` is HTTP's.
#[must_use]
pub fn read(operation: &Operation<'_>, settings: &Settings, status: u16, body: &[u8]) -> Judgement {
    let judged = match operation.told {
        Some(told) => judge_told(operation.partner, told, status, body),
        None => judge(operation.partner, settings, status, body),
    };
    match (judged, operation.caution) {
        (Judgement::Refused { code, text }, Some(caution)) if !redirects(status) => {
            let text = if text.is_empty() { caution.to_owned() } else { format!("{text} ({caution})") };
            Judgement::Refused { code, text }
        }
        (verdict, _) => verdict,
    }
}

/// Whether a refusal is one of the connection's credentials: 401 or 403 by HTTP or by the partner's code, or a text with
/// the partner's word for them ([`crate::profile::Calls::credentials_word`]).
#[must_use]
pub fn refuses_credentials(partner: Partner, status: u16, verdict: &Judgement) -> bool {
    match verdict {
        Judgement::Refused { code, text } | Judgement::TokenExpired { code, text } => {
            let word = partner.profile().calls.credentials_word;
            let coded = |code: &str| matches!(code, "401" | "403");
            matches!(status, 401 | 403) || coded(code) || word.is_some_and(|word| text.contains(word))
        }
        Judgement::Success | Judgement::Busy { .. } | Judgement::Exception { .. } | Judgement::Unreadable { .. } => {
            false
        }
    }
}

/// The JSON that an answer of a configured partner is read as: an XML document as the JSON of its elements.
#[must_use]
pub fn as_json(body: &[u8]) -> Cow<'_, [u8]> {
    let begins = body.trim_ascii_start().strip_prefix("\u{feff}".as_bytes()).unwrap_or(body.trim_ascii_start());
    match begins.first() {
        Some(b'<') => configured::json(&configured::Body::Xml, begins).unwrap_or(Cow::Borrowed(body)),
        Some(_) | None => Cow::Borrowed(body),
    }
}

/// Judges an answer by a file: its place and codes, then the HTTP status.
fn judge_told(partner: Partner, told: &Told, status: u16, body: &[u8]) -> Judgement {
    let expired = |code: &str| super::token::recipe(partner).is_some_and(|recipe| recipe.is_expired(code));
    let json = as_json(body);
    let json = Json::parse(&json).ok();
    let by_code = json.as_ref().filter(|_| !redirects(status)).and_then(|json| told.success.judge(json));
    match by_code {
        Some(Judgement::Refused { code, text }) if expired(&code) => Judgement::TokenExpired { code, text },
        Some(Judgement::Refused { code, text }) if is_for_now(status) => Judgement::Busy { code, text },
        Some(verdict) => verdict,
        None => {
            let code = status.to_string();
            let said = json.as_ref().and_then(|json| told.success.text(json));
            let text = said.unwrap_or_else(|| whole(status, body));
            match code {
                code if expired(&code) => Judgement::TokenExpired { code, text },
                _ if told.success.says_yes(status) => Judgement::Success,
                code => by_status(status, code, false, text),
            }
        }
    }
}

/// The answer as it came, cut.
fn whole(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.trim().chars().take(LONGEST_TEXT).collect();
    if text.is_empty() { format!("HTTP {status} without a body") } else { text }
}

/// Judges an answer of the partner to any request.
pub(super) fn judge(partner: Partner, settings: &Settings, status: u16, body: &[u8]) -> Judgement {
    let calls = &partner.profile().calls;
    let expired = |code: &str| calls.tokens.is_some_and(|tokens| (tokens.expired)(settings, code));
    let json = Json::parse(body);
    let by_code = json.as_ref().ok().filter(|_| !redirects(status)).and_then(|json| (calls.judge)(json));
    match by_code {
        Some(Judgement::Refused { code, text }) if expired(&code) => Judgement::TokenExpired { code, text },
        Some(Judgement::Refused { code, text } | Judgement::Exception { code, text }) if is_for_now(status) => {
            Judgement::Busy { code, text }
        }
        Some(verdict) => verdict,
        None => {
            let whole = String::from_utf8_lossy(body);
            let whole = whole.trim();
            // A page of markup comes from a proxy, not from the partner's application.
            let refused = calls.refuses_in_text && json.is_err() && !whole.is_empty() && !whole.starts_with('<');
            let text: String = whole.chars().take(LONGEST_TEXT).collect();
            let text = if text.is_empty() { format!("HTTP {status} without a body") } else { text };
            match status.to_string() {
                code if expired(&code) => Judgement::TokenExpired { code, text },
                code => by_status(status, code, refused, text),
            }
        }
    }
}

/// Whether the HTTP status says that the request was not processed, and may be later.
const fn is_for_now(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 503)
}

/// Whether the address redirects the request itself, so that nothing was done there. 303 (See Other) redirects to the result
/// of what was done (RFC 9110 15.4.4).
const fn redirects(status: u16) -> bool {
    matches!(status, 301 | 302 | 307 | 308)
}

/// The last resort: the HTTP status of an answer without a business code.
fn by_status(status: u16, code: String, refused: bool, text: String) -> Judgement {
    match status {
        _ if is_for_now(status) => Judgement::Busy { code, text },
        400..=499 => Judgement::Refused { code, text },
        _ if redirects(status) => Judgement::Refused { code, text },
        200..=299 if refused => Judgement::Refused { code, text },
        // A gateway that gave up or a server that broke off may have done it.
        _ => Judgement::Unreadable { text },
    }
}
