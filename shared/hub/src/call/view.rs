//! A call as the API and the events of its end show it to the ERP.

use partners::Partner;
use partners::operation::{self, Operation, Settings};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Call, Decision, PartnerMessage, Standing};
use crate::attempt::{Attempt, AttemptView};
use crate::audit::EntryView;
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
    /// The time at which the call was stored.
    accepted: Rfc3339,
    /// The time of the next attempt, while the call is queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Rfc3339>,
    /// The id of the earlier call about the same order that this one waits for, while that is queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<EventId>,
    /// The time at which the call ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<Rfc3339>,
    /// The business key of the shipment, such as `order:SO-1`.
    subject: &'a str,
    /// All business keys: those of the request, and those that the partner's answer added.
    aliases: Vec<&'a Alias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Sent>,
    /// The latest attempts, oldest first.
    attempts: Vec<AttemptView<'a>>,
    /// The partner's own code in the latest attempt, unless that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The partner's own text in the latest attempt, unless that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    answer: Option<AnswerView<'a>>,
    /// The latest decisions while the call was ambiguous, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<DecisionView<'a>>,
    /// The cancellation of a cancelled call.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<CancellationView<'a>>,
    /// Entries of the audit trail about it, latest first; only in the answer about one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Vec<EntryView>>,
}

impl CallView<'_> {
    /// The call with these entries of the audit trail.
    #[must_use]
    pub fn with_audit(self, entries: Vec<EntryView>) -> Self {
        Self { audit: Some(entries), ..self }
    }
}

/// The partner's latest answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct AnswerView<'a> {
    /// The HTTP status.
    status: u16,
    /// The partner's JSON unchanged; any other body as a string.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    body: Body<'a>,
    /// Whether `body` is the beginning of a longer one.
    truncated: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct DecisionView<'a> {
    decision: Decision,
    /// The time of the decision.
    at: Rfc3339,
    /// The id of the API key that made the decision.
    by: &'a str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct CancellationView<'a> {
    /// The time of the cancellation.
    at: Rfc3339,
    /// The id of the API key that made it.
    by: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

/// The configuration of a call's connection, as far as showing the call takes it.
#[derive(Clone, Debug, Default)]
pub struct Account<'c> {
    /// The partners that the configuration describes.
    pub described: &'c [Partner],
    /// The connection's credentials by name, as far as they are known.
    pub credentials: Vec<(&'c str, &'c str)>,
}

/// The call without its request, as lists show it; the configuration describes these partners.
#[must_use]
pub fn view<'a>(key: &'a EventKey, meta: &'a Meta, call: &'a Call, described: &[Partner]) -> CallView<'a> {
    viewed(key, meta, call, None, described)
}

/// The call with the ERP's request, whose secrets are redacted: the credential fields of the partner's operations, and the
/// credentials of the connection by name and value, where they are known. None where the record is not a call.
#[must_use]
pub fn whole<'a>(record: &'a Record, account: &Account<'_>) -> Option<CallView<'a>> {
    let call = record.work.call.as_ref()?;
    let meta = &record.event.meta;
    let sent = Sent::of(&record.event.body, &hidden(meta, account));
    Some(viewed(&record.event.key, meta, call, sent, account.described))
}

/// The body of the ERP's request, byte for byte except for the secrets, which are redacted as in [`whole`]. None where the record
/// is no call's.
#[must_use]
pub fn asked(record: &Record, account: &Account<'_>) -> Option<String> {
    request::body(&record.event.body, &hidden(&record.event.meta, account))
}

/// Names and values to redact: the credentials, and the fields in which the partner's operations send them.
fn hidden<'c>(meta: &Meta, account: &Account<'c>) -> Vec<(&'c str, &'c str)> {
    let rows = partner(meta, account.described).into_iter().flat_map(operation::of);
    let put = rows.flat_map(|row| row.credentials).flat_map(|put| [(put.field, ""), (put.name, "")]);
    account.credentials.iter().copied().chain(put).collect()
}

/// The operation that a call asks for; the configuration describes these partners.
pub(super) fn operation<'a>(meta: &Meta, call: &'a Call, described: &[Partner]) -> Option<Operation<'a>> {
    operation::find(partner(meta, described)?, &call.operation)
}

/// The partner that a call goes to, built in or one of those that the configuration describes.
fn partner(meta: &Meta, described: &[Partner]) -> Option<Partner> {
    let id = meta.kind.as_str().split('.').next()?;
    Partner::from_id(id).or_else(|| described.iter().find(|partner| partner.id() == id).copied())
}

fn viewed<'a>(
    key: &'a EventKey,
    meta: &'a Meta,
    call: &'a Call,
    request: Option<Sent>,
    described: &[Partner],
) -> CallView<'a> {
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
    let cancellation = call.cancellation.as_ref();
    let cancellation = cancellation.map(|made| CancellationView { at: Rfc3339(made.at), by: &made.by });
    let PartnerMessage { code, text } = *said(meta, call, described).unwrap_or_default();
    CallView {
        id: key.id,
        connection: &key.connection,
        operation: &call.operation,
        idempotency_key: &call.key,
        state: call.standing,
        accepted: Rfc3339(meta.received),
        due,
        waits_for: call.waits_for,
        settled,
        subject: meta.aliases.first().map_or(key.subject.as_str(), Alias::as_str),
        aliases: meta.aliases.iter().chain(&call.learned).collect(),
        request,
        attempts: call.progress.attempts.iter().map(Attempt::view).collect(),
        code,
        text,
        answer,
        decisions: decisions.collect(),
        cancellation,
        audit: None,
    }
}

/// The partner's code and text in the latest attempt. Of a call of an earlier version they are read from the stored answer.
fn said(meta: &Meta, call: &Call, described: &[Partner]) -> Option<Box<PartnerMessage>> {
    call.said.clone().or_else(|| {
        let answer = call.answer.as_ref()?;
        let operation = operation(meta, call, described)?;
        PartnerMessage::of(&operation::read(&operation, &Settings::default(), answer.status, answer.body.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use partners::configured::Definition;
    use serde_json::{Value, json};

    use super::*;
    use crate::call::{PartnerAnswer, Request, accepted};
    use crate::{Utc, Work};

    /// A partner as a file describes it: a command that may be repeated, and one that may not.
    fn described() -> Partner {
        let row = |name: &str, repeatable: bool| {
            json!({
                "name": name, "effect": "command", "repeatable": repeatable, "path": "/poll", "example": "{}",
                "credentials": [{"field": "apiKey", "credential": "key"}],
                "success": {"at": "/result", "is": ["true"], "code": "/returnCode", "text": "/message"},
            })
        };
        let operations = [row("track", true), row("book", false)].map(|row| serde_json::from_value(row).unwrap());
        let definition = Definition { id: "kd".into(), credentials: vec!["key".into()], ..Definition::default() };
        Partner::configured(Definition { operations: operations.into(), ..definition })
    }

    fn record(operation: &str) -> Record {
        let (connection, operation) = ("kd-sh".into(), operation::find(described(), operation).unwrap());
        let body = r#"{"num":"1","apiKey":"s3cr3t","key":"s3cr3t"}"#;
        let request = Request { connection: &connection, operation: &operation, key: "k", body, file: None };
        accepted(&request, Utc(0), Duration::from_secs(30), Duration::from_hours(24)).unwrap()
    }

    /// Regression: what a described partner's operations send as credentials was shown as the ERP gave it.
    #[test]
    fn credentials_of_a_described_partner_are_redacted() {
        let described = [described()];
        let account = Account { described: &described, ..Account::default() };
        let record = record("track");
        for shown in [serde_json::to_string(&whole(&record, &account)).unwrap(), asked(&record, &account).unwrap()] {
            assert!(!shown.contains("s3cr3t") && shown.contains("[REDACTED]"), "{shown}");
        }
    }

    /// Regression: the code and text of a described partner's answer were lost where an earlier version stored it.
    #[test]
    fn stored_answer_of_a_described_partner_is_read() {
        let Record { event, work: Work { call, .. } } = record("track");
        let body = r#"{"result":false,"returnCode":"501","message":"重复订阅"}"#.to_owned();
        let call = Call { answer: Some(PartnerAnswer { status: 200, body, truncated: false }), ..call.unwrap() };
        let shown = |described: &[Partner]| -> Value {
            serde_json::to_value(view(&event.key, &event.meta, &call, described)).unwrap()
        };
        assert_eq!(
            (&shown(&[described()])["code"], &shown(&[described()])["text"]),
            (&"501".into(), &"重复订阅".into())
        );
        assert_eq!(shown(&[])["code"], Value::Null);
    }

    /// Regression: each command of a described partner counted as perhaps sent while it was claimed.
    #[test]
    fn commands_of_a_described_partner_are_cancelled_as_others() {
        let cancelled = |operation: &str| {
            let Record { event, work } = record(operation);
            let during_its_lease = Utc(5);
            work.call.unwrap().cancelled("erp", &event.meta, &[described()], during_its_lease).is_some()
        };
        assert!(cancelled("book"), "it is marked before it is sent, and is not");
        assert!(!cancelled("track"), "it may be sent without a mark");
    }
}
