//! Each parser of outside bytes against generated inputs: none panics or takes long, and what is read can
//! be relied on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says why")]

use std::io;

use bytes::Bytes;
use config::{Config, Credentials, Sources};
use fuzz::{Input, changed, check, corpus, json};
use hub::delivery::Outcome;
use hub::envelope::{self, Format};
use hub::{EventId, EventKey, admission, path};
use outbound::Sent;
use partners::Json;
use partners::json::{Kind, NotJson};
use partners::operation::{self, Judgement, Settings};
use partners::pulled::Answered;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::sample::select;
use queue::{Hint, Job};
use serde_json::Value;

/// Tokens of JSON, and words that partners put into it.
const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\ud83d",
    "null",
    "true",
    "1e400",
    "-0.0",
    "\u{feff}",
    "\u{fffd}",
    " ",
    "\"code\":200",
    "\"success\":true",
    "\"data\":[",
    "\"action\":\"syn_status\"",
    "\"orderOutNo\":",
    "信号旗",
];

fn pushes() -> Vec<Vec<u8>> {
    let examples = callback::examples::all().into_iter().map(|example| example.body.to_vec());
    corpus("corpus/pushes").into_iter().chain(examples).collect()
}

/// That every value within stands where it says.
fn holds(json: &Json<'_>, whole: &[u8]) {
    assert_eq!(&whole[json.span()], json.text().as_bytes());
    match json.kind() {
        Kind::Array(values) => values.iter().for_each(|value| holds(value, whole)),
        Kind::Object(members) => members.iter().for_each(|(_, value)| holds(value, whole)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {}
    }
}

/// Every document that serde_json reads is read by the hub's reader too, and its printed form is the same value.
fn agrees(bytes: &[u8]) {
    let own = Json::parse(bytes);
    if let Ok(json) = &own {
        holds(json, bytes);
    }
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    match own {
        Ok(json) => assert_eq!(serde_json::from_str::<Value>(json.text()).unwrap(), value),
        Err(error) => assert!(matches!(error, NotJson::TooDeep | NotJson::TooMany), "{error}"),
    }
}

#[test]
fn json_reader_agrees_with_serde_json() {
    check(&changed(pushes(), JSON_WORDS), |Input(bytes)| agrees(bytes));
    check(&json(), |text| agrees(text.as_bytes()));
}

#[test]
fn every_push_is_read_as_an_event() {
    let actions = callback::ACTIONS;
    check(&(select(actions.to_vec()), changed(pushes(), JSON_WORDS)), |(action, Input(bytes))| {
        let body = Bytes::from(bytes.clone());
        for partner in action.partners {
            let settings = Settings { fee_actions: vec!["order_fee".to_owned()], ..Settings::default() };
            let origin = admission::Origin { connection: &"c".into(), partner: *partner, settings: &settings };
            let arrival = admission::read(action, origin, &body, None);
            assert!(!arrival.drafts.is_empty());
            for draft in arrival.drafts {
                let subject = draft.subject.to_string();
                assert!(subject.len() <= 1024 && subject.contains(':'), "{subject}");
            }
        }
    });
}

/// Data of an answer is read as the push that it stands for, whatever it is: nothing panics, and every part is JSON.
#[test]
fn answer_of_any_shape_brings_pushes() {
    const WORDS: &[&str] = &[
        "\"result\":",
        "\"data\":",
        "\"resultData\":",
        "\"batchNo\":",
        "\"total\":2",
        "[",
        "]",
        "{",
        "}",
        "null",
        ",",
    ];
    let samples = || {
        let rows = pushes().into_iter().map(|push| String::from_utf8_lossy(&push).trim().to_owned());
        let rows = rows.filter(|row| Json::parse(row.as_bytes()).is_ok());
        let answer = |row: String| {
            format!(r#"{{"code":200,"result":{row},"data":[{row}],"resultData":[{row}],"total":1,"batchNo":"b"}}"#)
        };
        rows.map(|row| answer(row).into_bytes()).collect::<Vec<_>>()
    };
    let any =
        json().prop_map(|text| Input(format!(r#"{{"result":{text},"data":{text},"resultData":{text}}}"#).into_bytes()));
    check(&prop_oneof![changed(samples(), WORDS), any], |Input(bytes)| {
        let Ok(answer) = Json::parse(bytes) else { return };
        let (asked, settings) = (Json::parse(br#"{"batchNo":"b","pageNum":1}"#).unwrap(), Settings::default());
        for row in operation::all().filter(|row| row.brings.is_some()) {
            let found = row.brings.unwrap()(&Answered { asked: &asked, answer: &answer, settings: &settings });
            for finding in found {
                let connection = "c".into();
                let origin = admission::Origin { connection: &connection, partner: row.partner, settings: &settings };
                Json::parse(finding.body.as_bytes()).unwrap();
                let arrival = admission::read(&callback::ACTION, origin, &Bytes::from(finding.body), None);
                for draft in arrival.drafts {
                    drop(hub::pulled::facts(&connection, row.partner, &draft.kind, &draft.payload()));
                }
            }
        }
    });
}

#[test]
fn multipart_body_gives_json_or_says_why_not() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let words = &[
        "--b",
        "--b--",
        "\r\n",
        "\n",
        "Content-Disposition: form-data; name=",
        "filename*=UTF-8''%ff",
        "\"",
        ";",
        "body",
    ];
    let types =
        ["multipart/form-data; boundary=b", "multipart/form-data; boundary=\"b\"", "Multipart/Form-Data;boundary=b; x"];
    check(&(select(types.to_vec()), changed(corpus("corpus/multipart"), words)), |(content_type, Input(bytes))| {
        match runtime.block_on(api::multipart(content_type, Bytes::from(bytes.clone()))) {
            Ok((text, _)) => drop(Json::parse(text.as_bytes()).unwrap()),
            Err(faults) => assert!(!faults.is_empty()),
        }
    });
}

#[test]
fn content_type_of_any_text_is_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    check(&(".{0,40}", "(;[ \\PC]{0,30}){0,3}"), |(kind, rest)| {
        for content_type in [format!("{kind}{rest}"), format!("multipart/form-data{rest}")] {
            drop(runtime.block_on(api::multipart(&content_type, Bytes::from_static(b"--b--\r\n"))));
        }
    });
}

#[test]
fn path_read_again_is_the_same() {
    let roots = "(hooks|deliveries|events|calls|openapi\\.json|health|%68ooks|x|\\PC{0,8}|%[0-9a-fA-F]{2}|%|\\.|\\.\\.|%2e|%2F){0,1}";
    check(&proptest::collection::vec(roots, 0..8), |parts: &Vec<String>| {
        let given = format!("/{}", parts.join("/"));
        let segments = path::segments(&given);
        let encoded = segments.iter().map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
        let printed = format!("/{}", encoded.collect::<Vec<_>>().join("/"));
        assert_eq!(path::segments(&printed), segments, "{given} {printed}");
        assert!(given.ends_with(path::own(&given)) && path::own(path::own(&given)) == path::own(&given));
    });
}

#[test]
fn configuration_is_taken_or_its_mistakes_are_named() {
    const WORDS: &[&str] = &[
        "[[endpoints]]",
        "[[connections]]",
        "[server]",
        "[[api_keys]]",
        "=",
        "\"",
        "'",
        "\n",
        "{ env = \"A\" }",
        "{ file = \"/\" }",
        "[]",
        "1e999",
        "9223372036854775808",
        "true",
        "retry = [\"1s\"]",
        "[[partners]]",
        "rate = ",
        "\u{feff}",
        "#",
    ];
    let samples = vec![std::fs::read("../../examples/tongguan.toml").unwrap()];
    check(&changed(samples, WORDS), |Input(bytes)| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let none = || io::Error::new(io::ErrorKind::NotFound, "no such file");
        let sources =
            Sources { env: Box::new(|_| None), file: Box::new(move |_| Err(none())), credentials: Credentials::Unread };
        match Config::parse_with(text, &sources) {
            Ok(config) => assert!(config.endpoints.values().all(|endpoint| endpoint.concurrency > 0)),
            Err(mistakes) => assert!(!mistakes.is_empty() && mistakes.iter().all(|it| !it.to_string().is_empty())),
        }
    });
}

fn job() -> impl Strategy<Value = Job> {
    prop_oneof![
        Just(Job::Index),
        any::<u32>().prop_map(|claim| Job::Call { claim }),
        ("\\PC{0,20}", any::<u32>()).prop_map(|(to, claim)| Job::Deliver { endpoint: to.as_str().into(), claim }),
    ]
}

#[test]
fn queue_message_survives_the_queue() {
    check(&(any::<[u8; 24]>(), ".{0,20}", ".{0,40}", job()), |(id, connection, subject, job)| {
        let key =
            EventKey { connection: connection.as_str().into(), subject: subject.as_str().into(), id: EventId(*id) };
        let hint = Hint { key, job: job.clone() };
        assert_eq!(Hint::decode(&hint.encode()).unwrap(), hint);
    });
    let id = "01".repeat(24);
    let samples = ["", ",\"call\":{\"turn\":2}", ",\"deliver\":{\"endpoint\":\"erp\",\"turn\":3}"];
    let sample =
        |rest| format!("{{\"v\":1,\"connection\":\"c\",\"subject\":\"order:1\",\"id\":\"{id}\"{rest}}}").into_bytes();
    check(&changed(samples.map(sample).to_vec(), JSON_WORDS), |Input(bytes)| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(hint) = Hint::decode(text) {
            assert_eq!(Hint::decode(&hint.encode()).unwrap(), hint);
        }
    });
}

/// An answer that is no JSON never counts as success.
#[test]
fn partner_answer_that_is_no_json_is_no_success() {
    let operations: Vec<_> = operation::all().collect();
    let statuses = select(&[200_u16, 201, 204, 301, 401, 429, 500, 503][..]);
    let answers =
        prop_oneof![changed(corpus("corpus/answers"), JSON_WORDS), json().prop_map(|text| Input(text.into_bytes()))];
    check(&(select(operations), statuses, answers), |(operation, status, Input(bytes))| {
        let verdict = operation::read(operation, &Settings::default(), *status, bytes);
        assert!(verdict != Judgement::Success || Json::parse(bytes).is_ok());
        if let Judgement::Unreadable { text } = verdict {
            assert!(!text.is_empty() && text.chars().count() <= operation::LONGEST_TEXT);
        }
    });
}

#[test]
fn erp_answer_is_success_by_status_alone() {
    let answers = changed(corpus("corpus/answers"), JSON_WORDS);
    check(&(200..600_u16, any::<bool>(), answers), |(status, raw, Input(bytes))| {
        let format = if *raw { Format::Raw } else { Format::CloudEvents };
        let delivered = envelope::judge(format, *status, None, Some(bytes)) == Outcome::Delivered;
        assert!(!delivered || (200..300).contains(status));
        assert!(*raw || delivered == (200..300).contains(status));
    });
}

#[test]
fn answer_in_any_charset_becomes_text_of_bounded_size() {
    const LIMIT: usize = 100_000;
    let types =
        ["", "text/html", "application/json; charset=gbk", "text/plain;charset=\"utf-16\"", "x; charset=unknown"];
    check(&(select(types.to_vec()), changed(corpus("corpus/answers"), JSON_WORDS)), |(content_type, Input(bytes))| {
        // The body of a sample that was recorded with its head.
        let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(&bytes[..], |at| &bytes[at + 4..]);
        let sent = match Sent::answer(200, Bytes::copy_from_slice(body)) {
            Sent::Answered { status, retry_after, location, unreadable, body, ms, .. } => {
                let content_type = Some((*content_type).to_owned());
                Sent::Answered { status, retry_after, content_type, location, unreadable, body, ms }
            }
            failed @ Sent::Failed { .. } => failed,
        };
        if let Sent::Answered { unreadable: None, body, .. } = sent.into_text(LIMIT) {
            assert!(std::str::from_utf8(&body).is_ok());
            assert!(body.len() <= 3 * LIMIT);
        }
    });
}

#[test]
fn event_id_read_prints_as_it_was_given() {
    check(&"[0-9a-fA-F]{46,50}|\\PC{0,50}", |text| {
        if let Ok(id) = text.parse::<EventId>() {
            assert_eq!(id.to_string(), text.to_ascii_lowercase());
        }
    });
}

/// Whatever the file is: it is refused, or its findings are named, and what unpacks to much is not unpacked.
#[test]
fn evidence_file_of_anybody_is_checked() {
    const WORDS: &[&str] =
        &["PK\u{3}\u{4}", "PK\u{1}\u{2}", "PK\u{5}\u{6}", "manifest.json", "evidence.json", "../", "\0\0"];
    let sample = |limit: usize| {
        let mut pack = evidence::Pack::new(limit);
        for (number, push) in pushes().into_iter().take(limit).enumerate() {
            let path = format!("events/{number:05}/push.json");
            pack.add_event(&[evidence::File { path, time: 1_790_000_000, data: push }]).unwrap();
        }
        pack.finish(evidence::About::default(), None, 1_790_000_000).unwrap().0
    };
    check(&changed(vec![sample(1), sample(3)], WORDS), |Input(bytes)| match evidence::Part::read(bytes) {
        Ok(part) => {
            let lines = part.findings.iter().map(ToString::to_string).count();
            assert!(lines <= 4 * evidence::MOST_ENTRIES);
            drop(evidence::together(&[part.clone(), part]));
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    });
}
