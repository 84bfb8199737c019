//! The body of a problem.

use hub::call::Standing;
use hub::{EventId, Role};
use serde::Serialize;
use serde_json::value::RawValue;

/// A problem as of RFC 9457.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Problem"))]
pub struct ProblemBody<'a> {
    /// `urn:tongguan:problem:<kind>`, which is stable.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: &'static str,
    pub(crate) status: u16,
    /// The cause, or the remedy.
    pub(crate) detail: String,
    /// The invalid field: a path within the body such as `orders[0].orderOutNo`, or a parameter's name.
    pub(crate) field: Option<String>,
    #[serde(flatten)]
    pub(crate) members: &'a Members,
}

/// Extension members of a problem.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct Members {
    /// All violations of the partner's document in the body, or all keys that the connection's configuration lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Mistake>>,
    /// The partner's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The partner's own text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTTP status of the partner's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner_status: Option<u16>,
    /// The partner's whole answer: JSON unchanged, any other body as a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub answer: Option<Original>,
    /// In an `idempotency-conflict`, the id of the call that has the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<EventId>,
    /// In an `idempotency-conflict`, the digest of this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// In an `idempotency-conflict`, the digest of the request of the stored call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_digest: Option<String>,
    /// The state of a call that cannot be resolved, retried or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Standing>,
    /// The id of the earlier call about the same order that a call waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<EventId>,
    /// In a `forbidden`, the role that the request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The id of the damaged event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
}

/// One error in a body or in the configuration.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Mistake {
    /// The invalid field, or the missing key of the configuration.
    pub field: String,
    /// The remedy.
    pub remedy: String,
}

/// A partner's answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Original {
    /// JSON, unchanged.
    Json(Box<RawValue>),
    /// Anything else.
    Text(String),
}

impl Original {
    /// The answer that is this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        serde_json::from_str(text).map_or_else(|_| Self::Text(text.to_owned()), Self::Json)
    }
}
