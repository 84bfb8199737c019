//! The answers to pushes: what became of one, and how that is said to a sender that is not known. How it is said to a
//! partner is the envelope in that partner's folder.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::json;

use crate::Partner;
use crate::configured::Reply;
use crate::sentence::sentence;

/// Result of a push, for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Stored durably just now.
    Accepted,
    /// Stored durably before.
    Duplicate,
    /// Stored unchanged, but not as the partner's documents describe.
    Malformed,
    /// Wrong key, unknown connection, an address that is not allowed, or no such path. Nothing was stored.
    Unauthorized,
    /// The path exists, the method does not. Nothing was stored.
    NotPost,
    /// The body is over the limit. Nothing was stored.
    TooLarge,
    /// We could not keep it: our fault, and worth repeating.
    Unavailable,
}

impl Verdict {
    /// Whether the time to such an answer counts: a push that is turned away before it is read is no measure.
    #[must_use]
    pub const fn is_timed(self) -> bool {
        !matches!(self, Self::Unauthorized | Self::NotPost)
    }

    /// The outcome's name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::NotPost => "not_post",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the push is stored.
    pub(crate) const fn is_kept(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate)
    }

    /// The HTTP status for a partner that reads it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::Duplicate => 200,
            Self::Malformed => 400,
            Self::Unauthorized => 404,
            Self::NotPost => 405,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
        }
    }
}

/// The content type of the built-in partners' answers.
pub(crate) const JSON: &str = "application/json";

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Result of the push.
    pub verdict: Verdict,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Cow<'static, str>,
    /// The body.
    pub body: String,
}

/// The answer to a push in the partner's envelope. `text` says what is wrong and how to mend it; it is not sent with a
/// positive answer, and cut to [`crate::sentence::LONGEST`] characters, which is the most that TrackingEyes takes in `message`.
#[must_use]
pub fn answer(partner: Partner, verdict: Verdict, text: &str) -> Answer {
    match &partner.profile().pushes {
        Some(pushes) => pushes.envelope.answer(verdict, &sentence(text)),
        None => anyone(verdict, text),
    }
}

/// Answers that a connection gives in place of its partner's, by the end of the event's type and by the verdict.
pub type Replies = BTreeMap<String, Vec<(Verdict, Reply)>>;

/// The answer of a connection with such replies to a push whose event's type ends in one of these names, the first that has a reply.
#[must_use]
pub fn replied(partner: Partner, replies: &Replies, names: &[&str], verdict: Verdict, text: &str) -> Answer {
    let of = |name: &&str| replies.get(*name)?.iter().find(|(own, _)| *own == verdict).map(|(_, reply)| reply);
    match names.iter().find_map(of) {
        Some(reply) => reply.answer(verdict, &sentence(text)),
        None => answer(partner, verdict, text),
    }
}

/// Answer to a sender whose partner is unknown: one body that satisfies every partner's reader.
#[must_use]
pub fn anyone(verdict: Verdict, text: &str) -> Answer {
    let (status, text) = (verdict.status(), sentence(text));
    let body = json!({"state": false, "msg": text, "success": false, "code": status, "message": text}).to_string();
    Answer { verdict, status, content_type: JSON.into(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partner_gets_the_answer_its_document_prints() {
        assert_eq!(answer(Partner::Xhq, Verdict::Accepted, "x").body, r#"{"msg":"","state":true}"#);
        assert_eq!(answer(Partner::TrackingEyes, Verdict::Duplicate, "x").body, r#"{"code":200,"message":"success"}"#);
        assert_eq!(answer(Partner::OneData, Verdict::Malformed, "x").status, 200);
        assert_eq!(answer(Partner::OneData, Verdict::Unavailable, "x").status, 503);
    }

    #[test]
    fn a_fault_of_ours_never_looks_like_the_partners() {
        for partner in Partner::ALL {
            let status = answer(partner, Verdict::Unavailable, "down").status;
            assert!(!(400..500).contains(&status), "{partner}: {status}");
        }
    }

    #[test]
    fn trackingeyes_retry_is_requested_in_a_body_with_code() {
        let answer = answer(Partner::TrackingEyes, Verdict::Unavailable, &"长".repeat(400));
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, body["code"].as_i64()), (200, Some(500)));
        assert_eq!(body["message"].as_str().unwrap().chars().count(), 255);
    }
}
