//! The stored record of a call, its key in the store, and the event of its end.

use std::time::Duration;

use bytes::Bytes;
use partners::json::NotJson;
use partners::operation::{self, Operation};
use partners::{Hex, Json};
use serde_json::Value;

use crate::call::{Account, Call, Standing, asked, whole};
use crate::delivery::Delivery;
use crate::event::{Data, Meta};
use crate::progress::Outgoing as _;
use crate::routes::Route;
use crate::{Alias, ConnectionId, Event, EventId, EventKey, EventType, Record, Subject, Utc, Work, identity};

/// The kind of the subjects under which calls are kept: `call:<32 hex digits>`.
pub const SUBJECT: &str = "call";

/// Whether calls are stored under this kind of subject.
#[must_use]
pub fn is_subject(subject: &Subject) -> bool {
    subject.as_str().strip_prefix(SUBJECT).is_some_and(|rest| rest.starts_with(':'))
}

/// The ERP's request for a command.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The connection to the partner.
    pub connection: &'a ConnectionId,
    /// The operation.
    pub operation: &'a Operation<'a>,
    /// The idempotency key.
    pub key: &'a str,
    /// The operation's body as the ERP printed it: JSON.
    pub body: &'a str,
    /// The description of the file of the request: JSON.
    pub file: Option<&'a str>,
}

/// Key of the call with that idempotency key. The subject is derived from the id, so that a call is found by its id alone
/// ([`find`]).
#[must_use]
pub fn key(connection: &ConnectionId, key: &str) -> EventKey {
    let own = identity::named(connection, "call", key);
    let subject = subject(&own);
    EventKey { connection: connection.clone(), id: identity::with_prefix(connection, &subject, own), subject }
}

/// Key of the call with that id, where it is a call of one of these connections.
#[must_use]
pub fn find<'c>(connections: impl IntoIterator<Item = &'c ConnectionId>, id: EventId) -> Option<EventKey> {
    let own = identity::own(id);
    let subject = subject(&own);
    let connection =
        connections.into_iter().find(|connection| identity::with_prefix(connection, &subject, own) == id)?;
    Some(EventKey { connection: connection.clone(), subject, id })
}

fn subject(own: &[u8; 16]) -> Subject {
    Subject::new(SUBJECT, &Hex(own).to_string())
}

/// The record of a call accepted at `now`. Its payload holds the ERP's body unchanged, its aliases are the business keys of
/// the shipment. The queue message that is sent with it holds the claim for `lease`.
pub fn accepted(request: &Request<'_>, now: Utc, lease: Duration, retention: Duration) -> Result<Record, NotJson> {
    let Request { connection, operation, key: name, body, file } = *request;
    let begin = format!("{{\"key\":{},\"body\":", Value::from(name));
    let data = begin.len()..begin.len() + body.len();
    let end = file.map_or_else(|| "}".to_owned(), |file| format!(",\"file\":{file}}}"));
    let text = [&begin, body, &end].concat();

    let whole = Json::parse(text.as_bytes())?;
    let kind = EventType::from(format!("{}.{}", operation.partner, operation.name));
    let digest = identity::content(connection, &kind, &whole).to_string();
    let keys = whole.get("body").map(|body| operation::subject(operation, body)).unwrap_or_default();
    let aliases: Vec<_> = keys.into_iter().map(|(kind, value)| Alias::new(kind, &value)).collect();
    let due = now.after(lease);
    let work = Work {
        accepted: 1,
        index_by: (!aliases.is_empty()).then_some(due),
        call: Some(Call::new(operation.name.to_owned(), name.to_owned(), digest, now, due)),
        ..Work::default()
    };
    let meta = Meta { data: Data::Json(data), aliases, ..Meta::json(kind, now, now.after(retention), text.len()) };
    let event = Event { key: key(connection, name), meta, body: Bytes::from(text) };
    Ok(Record { event, work })
}

impl Work {
    /// The work with this call in place of the present one. Where the call has ended, each endpoint that wants the event gets a
    /// delivery: the end and its deliveries are one write.
    #[must_use]
    pub fn with_call(mut self, call: Call, connection: &ConnectionId, routes: &[Route], lease: Duration) -> Self {
        let wanted = call.standing.event_type().map(EventType::from);
        let wanting = wanted.iter().flat_map(|kind| routes.iter().filter(|route| route.wants(connection, kind)));
        let ended = call.progress.due;
        for route in wanting {
            let mut fresh = Delivery::by(route, ended, ended.after(lease));
            match self.deliveries.iter_mut().find(|delivery| delivery.endpoint == route.endpoint) {
                Some(earlier) => {
                    fresh.progress.claim = earlier.progress.claim + 1;
                    *earlier = fresh;
                }
                None => self.deliveries.push(fresh),
            }
        }
        if call.standing == Standing::Queued {
            // The operator who decided on a retry knows the earlier end, so its pending deliveries are superseded.
            for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.is_pending()) {
                *delivery = delivery.clone().confirmed(ended);
            }
        }
        self.call = Some(call);
        self.accepted = self.promised();
        self
    }
}

/// The event of a call's end; none where it has not ended. Each end of a call that was sent again has an `id` of its own. The
/// payload is the call as the API shows it, with the connection's credentials redacted ([`whole`]).
#[must_use]
pub fn end(record: &Record, account: &Account<'_>) -> Option<Event> {
    let call = record.work.call.as_ref()?;
    let kind = EventType::from(call.standing.event_type()?);
    let Event { key, meta, .. } = &record.event;
    let subject = meta.aliases.first().map_or_else(|| key.subject.clone(), |alias| Subject::from(alias.as_str()));
    let own = identity::named(&key.connection, kind.as_str(), &format!("{}:{}", key.id, call.progress.claim));
    // Texts and numbers always print; a failure here would be a defect of serde_json.
    let body = Bytes::from(serde_json::to_vec(&whole(record, account)?).unwrap_or_default());
    Some(Event {
        key: EventKey {
            connection: key.connection.clone(),
            id: identity::with_prefix(&key.connection, &subject, own),
            subject,
        },
        meta: Meta {
            kind,
            received: call.progress.due,
            data: Data::Json(0..body.len()),
            malformed: None,
            milestone: None,
            aliases: Vec::new(),
            keys_left_out: 0,
            possible_repeat: false,
            pulled: None,
            exchange: None,
            occurred: None,
            dated: Vec::new(),
            ..meta.clone()
        },
        body,
    })
}

/// The event that the API shows for a call's record: that of its end, or the ERP's request while the call is queued, each with
/// the connection's credentials redacted. None for any other record, which is shown unchanged.
#[must_use]
pub fn shown(record: &Record, account: &Account<'_>) -> Option<Event> {
    record.work.call.as_ref()?;
    end(record, account).or_else(|| {
        let body = Bytes::from(asked(record, account)?);
        let meta = Meta { data: Data::Json(0..body.len()), ..record.event.meta.clone() };
        Some(Event { meta, body, ..record.event.clone() })
    })
}

#[cfg(test)]
mod tests {
    use partners::Partner;

    use super::*;
    use crate::attempt::Attempt;
    use crate::call::{CallAttempt, CallOutcome, PartnerAnswer, PartnerMessage, Rules, view};
    use crate::delivery::State;
    use crate::routes::Pattern;
    use crate::schedule::Schedule;

    const BODY: &str = r#"{"fileUrl":"http://x/a.zip", "orderOutNo":"SO-1","isReload":"" ,"n":1.10}"#;

    fn record(body: &str, file: Option<&str>) -> Record {
        let operation = operation::find(Partner::Xhq, "upload").unwrap();
        let connection = ConnectionId::from("xhq-sh");
        let request = Request { connection: &connection, operation: &operation, key: "k-1", body, file };
        accepted(&request, Utc(0), Duration::from_secs(30), Duration::from_hours(24)).unwrap()
    }

    fn everything(endpoint: &str, types: &str) -> Route {
        let all = |text: &str| vec![Pattern::new(text.to_owned())];
        Route { endpoint: endpoint.into(), connections: all("*"), types: all(types), pull: false }
    }

    #[test]
    fn a_call_is_found_by_its_id_alone() {
        let key = record(BODY, None).event.key;
        let connections: Vec<ConnectionId> = vec!["yanwen".into(), "xhq-sh".into()];
        assert_eq!(find(&connections, key.id), Some(key.clone()));
        assert_eq!(find(&connections[..1], key.id), None);
        assert_eq!(super::key(&key.connection, "k-1"), key);
        assert_ne!(super::key(&key.connection, "k-2").id, key.id);
    }

    #[test]
    fn the_digest_is_the_requests_and_not_its_layouts() {
        let digest = |body: &str, file| record(body, file).work.call.unwrap().digest;
        assert_eq!(digest(BODY, None), digest(&BODY.replace(' ', ""), None));
        assert_ne!(digest(BODY, None), digest(&BODY.replace("1.10", "1.1"), None));
        assert_ne!(digest(BODY, None), digest(BODY, Some(r#"{"name":"a.zip"}"#)));
    }

    #[test]
    fn erps_body_is_stored_unchanged() {
        let record = record(BODY, Some(r#"{"name":"a.zip"}"#));
        assert_eq!(record.event.data(), BODY.as_bytes());
        assert_eq!(record.event.meta.aliases, [Alias::new("order", "SO-1")]);
    }

    #[test]
    fn an_end_and_its_deliveries_are_one_change_and_balance() {
        let record = record(BODY, None);
        let routes = [everything("erp", "call.*"), everything("audit", "xhq.*")];
        let (connection, lease) = (ConnectionId::from("xhq-sh"), Duration::from_secs(30));
        let call = record.work.call.clone().unwrap().claimed_to_send(Utc(9)).interrupted(Utc(10));
        let ended = record.work.clone().with_call(call.clone(), &connection, &routes, lease);
        assert_eq!((ended.accepted, ended.deliveries.len(), ended.tally().balanced()), (2, 1, true));

        let told = end(&Record { work: ended.clone(), ..record.clone() }, &Account::default()).unwrap();
        assert_eq!((told.meta.kind.as_str(), told.key.subject.as_str()), ("call.ambiguous", "order:SO-1"));

        // The ERP decides before the first end event was delivered: it receives the next one only, under another id.
        let again = call.resolved(crate::call::Decision::Retry, "erp", Utc(11)).unwrap();
        let again = ended.with_call(again, &connection, &routes, lease);
        assert_eq!((again.deliveries[0].state, again.tally().balanced()), (State::Confirmed, true));
        assert_eq!(again.replayed(&"erp".into(), Utc(11)), None);
        let call = again.call.clone().unwrap().interrupted(Utc(12));
        let last = again.with_call(call, &connection, &routes, lease);
        assert_eq!((last.deliveries[0].state, last.accepted), (State::Pending, 2));
        assert_ne!(end(&Record { work: last, ..record }, &Account::default()).unwrap().key.id, told.key.id);
    }

    /// Two ends at one moment had one id, and the ERP took the second for a repetition of the first.
    #[test]
    fn ends_at_the_same_moment_have_ids_of_their_own() {
        let Record { event, work } = record(BODY, None);
        let told = |call: &Call| {
            let work = Work { call: Some(call.clone()), ..Work::default() };
            end(&Record { event: event.clone(), work }, &Account::default()).unwrap().key.id
        };
        let first = work.call.unwrap().claimed_to_send(Utc(9)).interrupted(Utc(10));
        let again = first.clone().resolved(crate::call::Decision::Retry, "erp", Utc(10)).unwrap();
        let second = again.claimed_to_send(Utc(20)).interrupted(Utc(10));
        assert_eq!(first.progress.due, second.progress.due);
        assert_ne!(told(&first), told(&second));
    }

    /// Regression: the code of an earlier answer was shown as that of an end without one, and none of a long answer.
    #[test]
    fn code_and_text_are_those_of_the_latest_attempt() {
        let Record { event, work } = record(BODY, None);
        let schedule = Schedule::new(vec![Duration::from_secs(5)]);
        let rules = Rules { schedule: &schedule, repeatable: false };
        let attempted = |call: Call, answer: Option<PartnerAnswer>, code: Option<&str>, came: CallOutcome| {
            let said =
                code.map(|code| Box::new(PartnerMessage { code: Some(code.to_owned()), text: Some("no".to_owned()) }));
            let tried = CallAttempt { attempt: Attempt::default(), answer, said, came, learned: vec![] };
            call.attempted(tried, &rules, Utc(0), 0.5)
        };
        let shown = |call: &Call| {
            let view = serde_json::to_value(view(&event.key, &event.meta, call, &[])).unwrap();
            (view["code"].as_str().map(str::to_owned), view["text"].as_str().map(str::to_owned))
        };
        let told = |code: &str| (Some(code.to_owned()), Some("no".to_owned()));
        let nothing = CallOutcome::Nothing { retry_after: None };
        let answer =
            |truncated| Some(PartnerAnswer { status: 503, body: r#"{"code":503,"msg":"no"}"#.to_owned(), truncated });

        let busy = attempted(work.call.unwrap(), answer(true), Some("503"), nothing);
        assert_eq!(shown(&busy), told("503"), "an answer too long to be kept whole");
        let no_answer = attempted(busy.clone(), None, None, nothing);
        assert_eq!((no_answer.standing, shown(&no_answer)), (Standing::Failed, (None, None)));
        let no_token = attempted(busy.clone(), None, Some("500"), CallOutcome::Refusal);
        assert_eq!(shown(&no_token), told("500"));
        assert_eq!(shown(&busy.clone().interrupted(Utc(9))), (None, None));
        let done = Some(PartnerAnswer { status: 200, body: r#"{"code":200}"#.to_owned(), truncated: false });
        assert_eq!(shown(&attempted(busy.clone(), done, None, CallOutcome::Success)), (None, None));
        let old = Call { said: None, ..busy };
        assert_eq!(shown(&old), told("503"), "an earlier version has not kept it");
    }

    /// Regression: the end event showed a credential of the ERP's request, and so did the API while the call was queued.
    #[test]
    fn credentials_in_a_request_are_redacted() {
        let record = record(r#"{"orderOutNo":"SO-1","note":"our key is s3cr3t-value","n":1.10}"#, None);
        let account = Account { credentials: vec![("app_id", "s3cr3t-value")], ..Account::default() };
        let cut = record.work.call.clone().unwrap().claimed_to_send(Utc(9)).interrupted(Utc(10));
        let ended = Record { work: Work { call: Some(cut), ..record.work.clone() }, ..record.clone() };
        assert_eq!(end(&record, &account), None);
        for event in [end(&ended, &account), shown(&ended, &account), shown(&record, &account)] {
            let data = event.unwrap().data().to_vec();
            let data = String::from_utf8(data).unwrap();
            assert!(data.contains("[REDACTED]") && !data.contains("s3cr3t") && data.contains(r#""n":1.10"#), "{data}");
        }
        let push = Record { work: Work::default(), ..record };
        assert_eq!(shown(&push, &account), None);
    }

    #[test]
    fn partners_answer_is_shown_unchanged() {
        let Record { event, work } = record(BODY, None);
        let mut call = work.call.unwrap();
        let body = r#"{"code": 200,"data":1906651379888427008.10}"#;
        call.answer = Some(PartnerAnswer { status: 200, body: body.to_owned(), truncated: false });
        let shown = |call: &Call| serde_json::to_string(&view(&event.key, &event.meta, call, &[])).unwrap();
        assert!(shown(&call).contains(&format!("\"body\":{body}")));
        call.answer = Some(PartnerAnswer { status: 200, body: "验签失败".to_owned(), truncated: false });
        assert!(shown(&call).contains(r#""body":"验签失败""#));
    }

    /// Regression: only the attempt's text showed a refusal.
    #[test]
    fn refusal_is_shown_with_the_partners_code_and_text() {
        let Record { event, work } = record(BODY, None);
        let mut call = work.call.unwrap();
        for (status, body, code, text) in [
            (200, r#"{"code":500,"msg":"订单不存在"}"#, Some("500"), Some("订单不存在")),
            (200, r#"{"code":200,"msg":"成功"}"#, None, None),
            (404, "gone", Some("404"), Some("gone")),
        ] {
            call.answer = Some(PartnerAnswer { status, body: body.to_owned(), truncated: false });
            let shown = serde_json::to_value(view(&event.key, &event.meta, &call, &[])).unwrap();
            assert_eq!((shown["code"].as_str(), shown["text"].as_str()), (code, text), "{shown}");
        }
    }

    #[test]
    fn accepted_call_is_one_promise_with_keys_to_write() {
        let work = record(BODY, None).work;
        assert_eq!((work.accepted, work.index_by), (1, Some(Utc(30_000_000))));
        assert_eq!(record(r#"{"fileUrl":"http://x/a.zip"}"#, None).work.index_by, None);
    }

    #[test]
    fn later_end_is_a_claim_on_for_whom_an_earlier_one_went_to() {
        let Record { event, work } = record(BODY, None);
        let ended = Call { standing: Standing::Failed, ..work.call.clone().unwrap() };
        let told = |work: Work| {
            work.with_call(ended.clone(), &event.key.connection, &[everything("erp", "*")], Duration::from_secs(30))
        };
        let mut first = told(work);
        first.deliveries[0].progress.claim += 6;
        let again = told(first);
        assert_eq!((again.deliveries.len(), again.deliveries[0].progress.claim), (1, 7));
    }

    #[test]
    fn end_has_the_time_of_the_end_and_nothing_of_the_request() {
        let mut record = record(BODY, None);
        let meta = &mut record.event.meta;
        (meta.milestone, meta.malformed) = (Some(crate::Milestone::Released), Some("cut off".to_owned()));
        (meta.keys_left_out, meta.possible_repeat) = (3, true);
        let call = record.work.call.as_mut().unwrap();
        (call.standing, call.progress.due) = (Standing::Succeeded, Utc(77));
        let meta = end(&record, &Account::default()).unwrap().meta;
        assert_eq!((meta.received, meta.milestone, meta.malformed), (Utc(77), None, None));
        assert_eq!((meta.aliases, meta.keys_left_out, meta.possible_repeat), (Vec::new(), 0, false));
    }

    #[test]
    fn queued_call_is_shown_as_its_request() {
        let event = shown(&record(BODY, None), &Account::default()).unwrap();
        assert_eq!((&*event.data(), event.meta.kind.as_str()), (BODY.as_bytes(), "xhq.upload"));
        assert_eq!(event.meta.data, Data::Json(0..BODY.len()));
    }

    #[test]
    fn subject_of_a_call_is_told_from_a_shipments() {
        assert!(is_subject(&record(BODY, None).event.key.subject));
        for other in ["order:SO-1", "call", "caller:1"] {
            assert!(!is_subject(&Subject::from(other)), "{other}");
        }
    }
}
