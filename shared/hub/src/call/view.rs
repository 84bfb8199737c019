//! A call as the ERP sees it, in the hub's answers and in the events that tell its end.

use partners::Partner;
use partners::operation::{self, Settings};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Call, Decision, Said, Standing};
use crate::attempt::{Attempt, AttemptView};
use crate::call::request::{self, Sent};
use crate::event::Meta;
use crate::time::Rfc3339;
use crate::{Alias, ConnectionId, EventId, EventKey, Record};

/// A call to a partner, with its latest attempts and the partner's answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CallRecord"))]
pub struct CallView<'a> {
    id: EventId,
    connection: &'a ConnectionId,
    operation: &'a str,
    idempotency_key: &'a str,
    state: Standing,
    /// The time at which it was stored.
    accepted: Rfc3339,
    /// The time at which it is sent next, while it is queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Rfc3339>,
    /// The time at which it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<Rfc3339>,
    /// The business key that it is about, such as `order:SO-1`.
    subject: &'a str,
    /// Its business keys, and those that the partner's answer added.
    aliases: Vec<&'a Alias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Sent>,
    /// The latest attempts, oldest first.
    attempts: Vec<AttemptView<'a>>,
    /// The partner's own code in the latest attempt, where that is no success.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The partner's own words in the latest attempt, where that is no success.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    answer: Option<AnswerView<'a>>,
    /// The latest decisions about it while it was ambiguous, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<DecisionView<'a>>,
}

/// The partner's latest answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct AnswerView<'a> {
    /// The HTTP status.
    status: u16,
    /// Its JSON as it came, anything else as a string.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    body: Body<'a>,
    /// Whether `body` is the beginning of a longer one.
    truncated: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct DecisionView<'a> {
    decision: Decision,
    /// The time at which it was made.
    at: Rfc3339,
    /// The id of the API key that it was made with.
    by: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

/// A call as the ERP sees it, without its request.
#[must_use]
pub fn view<'a>(key: &'a EventKey, meta: &'a Meta, call: &'a Call) -> CallView<'a> {
    viewed(key, meta, call, None)
}

/// A call with the request that the ERP made, without what is secret in it: what its partner's operations call a
/// credential, and the `credentials` of the connection, by name and value, where they are known. Nothing where the record is
/// no call.
#[must_use]
pub fn whole<'a>(record: &'a Record, credentials: &[(&str, &str)]) -> Option<CallView<'a>> {
    let call = record.work.call.as_ref()?;
    let meta = &record.event.meta;
    let sent = Sent::of(&record.event.body, &hidden(meta, credentials));
    Some(viewed(&record.event.key, meta, call, sent))
}

/// The body of the ERP's request as it printed it, without what is secret in it, as in [`whole`].
pub(super) fn asked(record: &Record, credentials: &[(&str, &str)]) -> Option<String> {
    request::body(&record.event.body, &hidden(&record.event.meta, credentials))
}

/// The names and values that are not shown: the `credentials`, and the names that the partner's operations put them under.
fn hidden<'c>(meta: &Meta, credentials: &[(&'c str, &'c str)]) -> Vec<(&'c str, &'c str)> {
    let rows = operation::all().filter(|row| Some(row.partner) == partner(meta));
    let put = rows.flat_map(|row| row.credentials).flat_map(|put| [(put.field, ""), (put.name, "")]);
    credentials.iter().copied().chain(put).collect()
}

/// The partner that a call goes to.
fn partner(meta: &Meta) -> Option<Partner> {
    meta.kind.as_str().split('.').next().and_then(Partner::from_id)
}

fn viewed<'a>(key: &'a EventKey, meta: &'a Meta, call: &'a Call, request: Option<Sent>) -> CallView<'a> {
    let time = Rfc3339(call.progress.due);
    let (due, settled) = if call.standing == Standing::Queued { (Some(time), None) } else { (None, Some(time)) };
    let answer = call.answer.as_ref().map(|answer| {
        let json = if answer.truncated { None } else { serde_json::from_str(&answer.body).ok() };
        let body = json.map_or(Body::Text(&answer.body), Body::Json);
        AnswerView { status: answer.status, body, truncated: answer.truncated }
    });
    let decisions = call.decisions.iter().map(|decided| DecisionView {
        decision: decided.decision,
        at: Rfc3339(decided.at),
        by: &decided.by,
    });
    let Said { code, text } = *said(meta, call).unwrap_or_default();
    CallView {
        id: key.id,
        connection: &key.connection,
        operation: &call.operation,
        idempotency_key: &call.key,
        state: call.standing,
        accepted: Rfc3339(meta.received),
        due,
        settled,
        subject: meta.aliases.first().map_or(key.subject.as_str(), Alias::as_str),
        aliases: meta.aliases.iter().chain(&call.learned).collect(),
        request,
        attempts: call.progress.attempts.iter().map(Attempt::view).collect(),
        code,
        text,
        answer,
        decisions: decisions.collect(),
    }
}

/// What the partner said in the latest attempt. Of a call of an earlier version it is read from the answer as that is kept.
fn said(meta: &Meta, call: &Call) -> Option<Box<Said>> {
    call.said.clone().or_else(|| {
        let answer = call.answer.as_ref()?;
        let operation = operation::find(partner(meta)?, &call.operation)?;
        Said::of(&operation::read(&operation, &Settings::default(), answer.status, answer.body.as_bytes()))
    })
}
