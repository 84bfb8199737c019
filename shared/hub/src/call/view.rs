//! A call as the ERP sees it, in the hub's answers and in the events that tell its end.

use partners::Partner;
use partners::operation::{self, Settings};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Call, Decision, Said, Standing};
use crate::call::request::{self, Sent};
use crate::event::Meta;
use crate::{Alias, ConnectionId, EventId, EventKey, Record};

/// One JSON object.
#[derive(Serialize)]
struct View<'a> {
    id: EventId,
    connection: &'a ConnectionId,
    operation: &'a str,
    idempotency_key: &'a str,
    state: Standing,
    accepted: String,
    /// When it is sent next, while it is on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<String>,
    subject: &'a str,
    aliases: Vec<&'a Alias>,
    /// What the ERP asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Sent>,
    attempts: Vec<ViewOfAttempt<'a>>,
    /// The partner's own code and text in the latest attempt, where that is no success.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    answer: Option<ViewOfAnswer<'a>>,
    /// What was decided while it was ambiguous.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<ViewOfDecision<'a>>,
}

#[derive(Serialize)]
struct ViewOfAttempt<'a> {
    at: String,
    ms: u64,
    status: Option<u16>,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    put_off: Option<u32>,
}

#[derive(Serialize)]
struct ViewOfAnswer<'a> {
    status: u16,
    body: Body<'a>,
    truncated: bool,
}

#[derive(Serialize)]
struct ViewOfDecision<'a> {
    decision: Decision,
    at: String,
    by: &'a str,
}

/// JSON goes in as the partner printed it, anything else as the text it is.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

/// A call as the ERP sees it: one JSON object.
#[must_use]
pub fn view(key: &EventKey, meta: &Meta, call: &Call) -> String {
    printed(key, meta, call, None)
}

/// A call with the request that the ERP made, without what is secret in it: what its partner's operations call a
/// credential, and the `credentials` of the connection, by name and value, where they are known. Nothing where the record is
/// no call.
#[must_use]
pub fn whole(record: &Record, credentials: &[(&str, &str)]) -> Option<String> {
    let call = record.work.call.as_ref()?;
    let meta = &record.event.meta;
    let sent = Sent::of(&record.event.body, &hidden(meta, credentials));
    Some(printed(&record.event.key, meta, call, sent))
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

fn printed(key: &EventKey, meta: &Meta, call: &Call, request: Option<Sent>) -> String {
    let time = call.progress.due.to_string();
    let (due, settled) = if call.standing == Standing::Queued { (Some(time), None) } else { (None, Some(time)) };
    let attempts = call.progress.attempts.iter().map(|made| ViewOfAttempt {
        at: made.at.to_string(),
        ms: made.ms,
        status: made.status,
        detail: &made.detail,
        put_off: (made.postponed > 0).then_some(made.postponed),
    });
    let answer = call.answer.as_ref().map(|answer| {
        let json = if answer.truncated { None } else { serde_json::from_str(&answer.body).ok() };
        let body = json.map_or(Body::Text(&answer.body), Body::Json);
        ViewOfAnswer { status: answer.status, body, truncated: answer.truncated }
    });
    let decisions = call.decisions.iter().map(|decided| ViewOfDecision {
        decision: decided.decision,
        at: decided.at.to_string(),
        by: &decided.by,
    });
    let Said { code, text } = *said(meta, call).unwrap_or_default();
    let view = View {
        id: key.id,
        connection: &key.connection,
        operation: &call.operation,
        idempotency_key: &call.key,
        state: call.standing,
        accepted: meta.received.to_string(),
        due,
        settled,
        subject: meta.aliases.first().map_or(key.subject.as_str(), Alias::as_str),
        aliases: meta.aliases.iter().chain(&call.learned).collect(),
        request,
        attempts: attempts.collect(),
        code,
        text,
        answer,
        decisions: decisions.collect(),
    };
    // Texts and numbers always print; a failure here would be a defect of serde_json.
    serde_json::to_string(&view).unwrap_or_default()
}

/// What the partner said in the latest attempt. Of a call of an earlier version it is read from the answer as that is kept.
fn said(meta: &Meta, call: &Call) -> Option<Box<Said>> {
    call.said.clone().or_else(|| {
        let answer = call.answer.as_ref()?;
        let operation = operation::find(partner(meta)?, &call.operation)?;
        Said::of(&operation::read(&operation, &Settings::default(), answer.status, answer.body.as_bytes()))
    })
}
