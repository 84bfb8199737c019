//! Built-in partners as files: 1datatech's rates and TrackingEyes' customs status. What they give is compared with what the
//! built-in ones give, down to the ids.

use hub::action::Action;
use hub::admission::{self, Arrival, Draft, Origin};
use hub::{ConnectionId, EventType, configured, identity};
use partners::answer::{Verdict, answer};
use partners::operation::Settings;
use partners::{Partner, json::Json};
use serde_json::Value;

use super::partner;

const RATES: &str = r#"
[[partners]]
id = "rates1"
[partners.push]
deadline = "500ms"
budget = "350ms"
[partners.push.answers]
accepted = { body = '{"success":true,"code":200,"message":"success"}' }
malformed = { status = 200, body = '{"success":true,"code":200,"message":"{message}"}' }
unauthorized = { body = '{"success":false,"code":404,"message":"{message}"}' }
not_post = { body = '{"success":false,"code":405,"message":"{message}"}' }
too_large = { body = '{"success":false,"code":413,"message":"{message}"}' }
unavailable = { status = 503, body = '{"success":false,"code":503,"message":"{message}"}', repeated = true }
[[partners.push.actions]]
name = "rates"
keys = [{ kind = "batch", at = "/batchNo" }]
occurred = ["/data/*/refreshTime"]
example = '{"batchNo":"1","data":[{"refreshTime":"2026-01-02 03:04:05"}]}'
"#;

const WAYBILLS: &str = include_str!("../../fixtures/described_trackingeyes.toml");

fn arrival(action: &Action, partner: Partner, body: &[u8]) -> Arrival {
    let (connection, settings) = (ConnectionId::from("c"), Settings::default());
    let origin = Origin { connection: &connection, partner, settings: &settings };
    admission::read(action, origin, &body.to_vec().into(), None)
}

/// All that an event has, under the type of the built-in partner, with its id.
fn told(draft: &Draft, from: &str, to: &str) -> String {
    let kind = EventType::from(draft.kind.as_str().replacen(from, to, 1));
    let connection = ConnectionId::from("c");
    // The type is a part of the content: that of a described partner is its own.
    let payload = draft.payload().into_owned();
    let json = Json::parse(&payload).ok();
    let content = json.as_ref().map(|json| match json.elements() {
        Some([only]) => identity::content(&connection, &kind, only),
        _ => identity::content(&connection, &kind, json),
    });
    let id = content.map(|content| identity::by_content(&connection, &draft.subject, content));
    let event = draft.clone().event(
        &connection,
        id.unwrap_or(hub::EventId([0; 24])),
        hub::Utc(0),
        false,
        "",
        std::time::Duration::ZERO,
    );
    let meta = hub::event::Meta { kind, ..event.meta };
    format!("{id:?} {:?} {:?} {meta:?} {:?}", draft.subject, draft.identity, event.body)
}

fn compare(built_in: (Partner, &Action), described: &str, bodies: &[&[u8]]) {
    let (own, action) = built_in;
    let described = partner(described);
    let (from, to) = (described.id(), own.id());
    for body in bodies {
        let expected = arrival(action, own, body);
        let found = arrival(&configured::action("push"), described, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        assert_eq!(found.malformed, expected.malformed, "{shown}");
        let all = |arrival: &Arrival| arrival.drafts.iter().map(|draft| told(draft, from, to)).collect::<Vec<_>>();
        assert_eq!(all(&found), all(&expected), "{shown}");
    }
    for verdict in [
        Verdict::Accepted,
        Verdict::Duplicate,
        Verdict::Malformed,
        Verdict::Unauthorized,
        Verdict::NotPost,
        Verdict::TooLarge,
        Verdict::Unavailable,
    ] {
        let text = "a \"b\" 放\u{1}";
        let (expected, found) = (answer(own, verdict, text), answer(described, verdict, text));
        let read = |body: &str| serde_json::from_str::<Value>(body).unwrap();
        assert_eq!((found.status, read(&found.body)), (expected.status, read(&expected.body)), "{verdict:?}");
        assert_eq!(found.content_type, expected.content_type);
    }
    assert_eq!((described.deadline(), described.budget()), (own.deadline(), own.budget()));
}

#[test]
fn rates_of_1datatech_are_the_same_as_a_file() {
    let sample = include_bytes!("../../fixtures/1datatech_rate_push.json");
    compare(
        (Partner::OneData, &rate_push::ACTION),
        RATES,
        &[
            sample,
            br#"{"batchNo":1906651379888427008,"data":[{"refreshTime":"2023-07-21 11:00:00"},{"refreshTime":null},7]}"#,
            br#"{"batchNo":"","data":null}"#,
            br#" {"data":{}} "#,
            b"[]",
            b"7",
            b"{",
            b"",
            b"{\"batchNo\":\"\xb7\xc5\"}",
            b"{\"batchNo\":\"1\",\"note\":\"a\nb\"}",
        ],
    );
}

#[test]
fn waybills_of_trackingeyes_are_the_same_as_a_file() {
    let sample = include_bytes!("../../fixtures/trackingeyes_push.json");
    compare(
        (Partner::TrackingEyes, &customs_status::ACTION),
        WAYBILLS,
        &[
            sample,
            br#"[{"blNo":"B1"},{"id":2,"entryId":"516620250******984"}]"#,
            r#"[{"blNo":"B1","localKey":"k","customsStatus":[{"statusCd":"PAS","noticeDate":"2025-03-05T00:00:00","entryId":"1"},
                {"statusCd":"CPI","noticeDate":"2025-03-04T00:00:00","entryId":"2"},{"statusCd":"已运抵","noticeDate":"2025-03-03T00:00:00"}]}]"#
                .as_bytes(),
            r#"[{"blNo":"B1","customsStatus":[{"statusCd":"PAS","noticeDate":"2025-03-05T00:00:00","entryId":"1"},
                {"statusCd":"PAS","noticeDate":"2025-03-04T00:00:00.000","entryId":"2"},{"statusCd":"EDEP","noticeDate":"2025-03-07T00:00:00"}]},{}]"#
                .as_bytes(),
            br#"{"blNo":"B1","customsStatus":[{"statusCd":"ZZZ"}]}"#,
            b"[]",
            br#"[{"blNo":"B1"},7]"#,
            b"7",
            b"null",
            b"[{",
        ],
    );
}
