//! Pushes of described partners against generated inputs: whatever comes is kept, and what is read can be relied on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails says why")]

use bytes::Bytes;
use config::Config;
use fuzz::{Input, changed, check};
use hub::admission::{self, Origin};
use hub::configured;
use partners::configured::{Body, json};
use partners::operation::Settings;
use partners::{Json, Partner};

/// An example that has something at each place.
const XML: &str =
    "<r id=\"E\"><t>1</t><l><no>1</no><at>1700000000</at><m><c>1</c><at>1700000000</at><p>a</p></m></l></r>";
const JSON: &str = r#"{"r":{"@id":"E","t":1,"l":[{"no":1,"at":1700000000,"m":[{"c":1,"at":1700000000,"p":"a"}]}]}}"#;

/// The same partner in three notations.
fn partners() -> [Partner; 3] {
    ["\"json\"", "\"xml\"", "{ form = \"f\" }"].map(|body| {
        let text = format!(
            r#"
            [[partners]]
            id = "acme"
            push.body = {body}
            push.answers = {{ accepted = {{ body = "1" }}, unavailable = {{ body = "2" }} }}
            [[partners.push.actions]]
            name = "moves"
            each = "/r/l"
            keys = [{{ kind = "bl", at = "/no" }}, {{ kind = "entry", at = "$/r/@id" }}, {{ kind = "waybill", at = "/*/n" }}]
            occurred = ["/at", "$/at"]
            identity = {{ without = ["/t", "$/r/t"] }}
            milestones = {{ each = "/m", at = "/c", time = "/at", per = "/p", of = {{ "1" = "released" }} }}
            example = '{example}'
            "#,
            example = if body.contains("xml") { XML } else { JSON },
        );
        Config::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).partners[0]
    })
}

const SAMPLES: [&str; 4] = [
    r#"{"r":{"@id":"E","t":1,"l":[{"no":"1","at":"2026-01-01 00:00:00","m":[{"c":1,"at":1700000000,"p":"a"}]},{"no":2,"t":[]}]}}"#,
    "<r id=\"E\"><t>1</t><l><no>1</no><m><c>1</c></m></l><l><no>&lt;2</no></l>x</r>",
    "a=1&f=%7B%22r%22%3A%7B%22l%22%3A%5B%7B%22no%22%3A1%7D%2C%7B%22no%22%3A%222%22%7D%5D%7D%7D",
    "f={\"r\":\"{\\\"l\\\":[{\\\"no\\\":1}]}\"}",
];

const WORDS: &[&str] = &[
    "<",
    ">",
    "</r>",
    "<l>",
    "</l>",
    "&amp;",
    "&#0;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "&b;",
    "<?x ?>",
    "xmlns:a=\"b\"",
    "%7B",
    "%ff",
    "+",
    "&",
    "=",
    "f=",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"l\":",
    "\"no\":",
    "null",
    "\\ud83d",
];

#[test]
fn every_push_of_a_described_partner_is_an_event() {
    let partners = partners();
    let samples = SAMPLES.map(|text| text.as_bytes().to_vec()).to_vec();
    check(&changed(samples, WORDS), |Input(bytes)| {
        let body = Bytes::from(bytes.clone());
        for partner in partners {
            let settings = Settings::default();
            let origin = Origin { connection: &"c".into(), partner, settings: &settings };
            let arrival = admission::read(&configured::action("push"), origin, &body, None);
            assert!(!arrival.drafts.is_empty());
            for draft in arrival.drafts {
                let subject = draft.subject.to_string();
                assert!(subject.len() <= 1024 && subject.contains(':'), "{subject}");
                let is_read = arrival.malformed.is_none();
                let is_xml = partner.push_table().unwrap().body == Body::Xml;
                assert!(!is_read || is_xml || Json::parse(&draft.payload()).is_ok(), "the payload is JSON");
            }
        }
    });
}

#[test]
fn xml_is_read_as_json_or_refused() {
    let samples = SAMPLES.map(|text| text.as_bytes().to_vec()).to_vec();
    check(&changed(samples, WORDS), |Input(bytes)| {
        if let Ok(text) = json(&Body::Xml, bytes) {
            assert!(Json::parse(&text).is_ok(), "{}", String::from_utf8_lossy(&text));
        }
    });
}
