//! An event as the ERP receives it, and what the ERP's answer means.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use partners::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::attempt::is_zero;
use crate::delivery::Outcome;
use crate::event::{Data, Within};
use crate::time::Rfc3339;
use crate::{ConnectionId, Event, EventId, EventType, Milestone, Subject};

/// The body an endpoint wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// CloudEvents 1.0, structured JSON.
    #[default]
    CloudEvents,
    /// The partner's bytes, content type and encoding, unchanged.
    Raw,
}

/// Body of a delivery to the ERP, with its content type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its `Content-Type`.
    pub content_type: String,
    /// Its `Content-Encoding`, where it has one.
    pub encoding: Option<String>,
    /// The bytes that are signed and sent.
    pub body: Bytes,
}

/// The event in the endpoint's format.
#[must_use]
pub fn content(event: &Event, format: Format) -> Content {
    match format {
        Format::CloudEvents => Content {
            content_type: "application/cloudevents+json; charset=utf-8".to_owned(),
            encoding: None,
            // Texts, numbers and printed JSON: this cannot fail.
            body: serde_json::to_vec(&CloudEvent::of(event, &event.data())).unwrap_or_default().into(),
        },
        Format::Raw => {
            let content_type = match event.meta.content_type.as_str() {
                "" if matches!(event.meta.within, Some(Within::Text)) => "application/xml".to_owned(),
                "" if event.meta.within.is_some() => "application/x-www-form-urlencoded".to_owned(),
                "" => "application/json".to_owned(),
                content_type => content_type.to_owned(),
            };
            let body = match event.meta.data {
                Data::Json(_) | Data::Opaque => event.body.clone(),
                Data::Element => event.data().into_owned().into(),
            };
            Content { content_type, encoding: event.meta.encoding.clone(), body }
        }
    }
}

/// The longest value of a label, in bytes: what is longer is cut, so that no receiver's limit on headers is met.
const LONGEST_LABEL: usize = 1_024;

/// Headers with the type, subject and source of a delivery, and its origin where that is no push, in either format. Characters that are not visible ASCII are
/// percent-encoded, and so is `%`, so that a value can be decoded. Like all headers except the three of Standard Webhooks
/// they are not signed.
#[must_use]
pub fn labels(event: &Event) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        ("tongguan-type", label(event.meta.kind.as_str())),
        ("tongguan-subject", label(event.key.subject.as_str())),
        ("tongguan-source", label(event.key.connection.as_str())),
    ];
    labels.extend(origin(event).map(|origin| ("tongguan-origin", origin.to_owned())));
    labels
}

/// Origin of an event that was not pushed.
fn origin(event: &Event) -> Option<&'static str> {
    event.meta.pulled.map(|_| "pulled")
}

fn label(text: &str) -> String {
    let mut label = String::with_capacity(text.len());
    for char in text.chars() {
        let before = label.len();
        if char.is_ascii_graphic() && char != '%' {
            label.push(char);
        } else {
            let mut utf8 = [0; 4];
            for byte in char.encode_utf8(&mut utf8).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(label, "%{byte:02X}");
            }
        }
        if label.len() > LONGEST_LABEL {
            // Never within a character.
            label.truncate(before);
            break;
        }
    }
    label
}

/// A CloudEvent 1.0. Of `call.succeeded`, `call.failed`, `call.ambiguous` and `call.cancelled` the `data` is a `CallRecord`; of any other
/// type it is the partner's JSON, untouched.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Event"))]
pub struct CloudEvent<'a> {
    #[cfg_attr(feature = "schema", schemars(extend("const" = "1.0")))]
    specversion: &'static str,
    id: EventId,
    /// The connection.
    source: &'a ConnectionId,
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("examples" = ["xhq.single_receipt", "call.succeeded"])))]
    kind: &'a EventType,
    #[cfg_attr(feature = "schema", schemars(extend("examples" = ["order:SO-1"])))]
    subject: &'a Subject,
    /// The time at which the push was received, or at which the call ended.
    time: Rfc3339,
    /// The shipment's progress: `declared`, `accepted`, `under_inspection`, `tax_due`, `released`, `cleared`, `rejected`,
    /// `withdrawn` and others. Absent where the partner's code is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    milestone: Option<Milestone>,
    /// The reason why the payload could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    malformed: Option<&'a str>,
    datacontenttype: &'a str,
    /// Whether the event may be a late repetition of an earlier one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    possiblerepeat: bool,
    /// `pulled` where it came in a partner's answer to a call; absent where it was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    origin: Option<&'static str>,
    /// The number of business keys by which the event is not found, because it has too many.
    #[serde(skip_serializing_if = "is_zero")]
    keysleftout: u32,
    /// The payload, where it is JSON; a string of the text where a configured partner sends XML.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    data: Option<Cow<'a, RawValue>>,
    /// The payload, where it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    data_base64: Option<String>,
}

impl<'a> CloudEvent<'a> {
    /// The event with its payload ([`Event::data`]), which goes in byte by byte: it is never parsed and printed again.
    #[must_use]
    pub fn of(event: &'a Event, data: &'a [u8]) -> Self {
        let meta = &event.meta;
        let read = || serde_json::from_slice::<&RawValue>(data).ok().map(Cow::Borrowed);
        let text = || std::str::from_utf8(data).ok().and_then(|text| serde_json::value::to_raw_value(text).ok());
        let json = match (&meta.data, &meta.within) {
            (Data::Opaque, None) => None,
            (_, Some(Within::Text | Within::FormText { .. })) => text().map(Cow::Owned),
            (Data::Json(_) | Data::Element, None) | (_, Some(Within::Form { .. })) => read(),
        };
        let is_text = matches!(meta.within, Some(Within::Text | Within::FormText { .. }));
        let unnamed = if is_text { "application/xml" } else { "application/octet-stream" };
        // The type of a form is not that of the text in its field.
        let is_unnamed = meta.content_type.is_empty() || matches!(meta.within, Some(Within::FormText { .. }));
        let own_type = if is_unnamed { unnamed } else { &meta.content_type };
        Self {
            specversion: "1.0",
            id: event.key.id,
            source: &event.key.connection,
            kind: &meta.kind,
            subject: &event.key.subject,
            time: Rfc3339(meta.received),
            milestone: meta.milestone,
            malformed: meta.malformed.as_deref(),
            datacontenttype: if json.is_some() && !is_text { "application/json" } else { own_type },
            possiblerepeat: meta.possible_repeat,
            origin: origin(event),
            keysleftout: meta.keys_left_out,
            data_base64: json.is_none().then(|| BASE64_STANDARD.encode(data)),
            data: json,
        }
    }
}

/// Judges the ERP's answer. Any 2xx is a success, as in Standard Webhooks, even where its body cannot be read. In the raw
/// format the body may revoke that in the partner's own terms, `{"state":false}` (XHQ 二.1 出参) or a `code` other than 200
/// (TrackingEyes 报关状态推送接口), so that a body that cannot be read is no success.
#[must_use]
pub fn judge(format: Format, status: u16, retry_after: Option<Duration>, body: Option<&[u8]>) -> Outcome {
    let taken_back = || {
        let Some(body) = body else { return true };
        let Ok(json) = Json::parse(body) else {
            // JSON that is cut off or damaged. Anything else that a server says with 200 is its way to say yes.
            return body.trim_ascii_start().starts_with(b"{") || body.trim_ascii_start().starts_with(b"[");
        };
        json.field("state") == Some("false") || json.field("code").is_some_and(|code| code != "200")
    };
    match status {
        200..=299 if format == Format::Raw && taken_back() => Outcome::Refused { retry_after, trouble: false },
        200..=299 => Outcome::Delivered,
        429 | 500..=599 => Outcome::Refused { retry_after, trouble: true },
        _ => Outcome::Refused { retry_after, trouble: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Meta;
    use crate::{EventKey, Utc};

    fn event(body: &'static str, data: Data) -> Event {
        Event {
            key: EventKey { connection: "xhq-sh".into(), subject: Subject::new("order", "S\"1"), id: EventId([7; 24]) },
            meta: Meta {
                kind: "xhq.single_receipt".into(),
                received: Utc(0),
                occurred: None,
                dated: Vec::new(),
                expires: Utc(1),
                content_type: "text/plain".to_owned(),
                encoding: None,
                data,
                within: None,
                milestone: Some(Milestone::Released),
                aliases: vec![],
                keys_left_out: 0,
                malformed: None,
                possible_repeat: true,
                pulled: None,
                exchange: None,
            },
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn a_cloud_event_carries_the_partners_json_untouched() {
        let payload = r#"{"id":1906651379888427008,  "price":1.10,"a":"\u653e","a":null}"#;
        let sent = content(&event(payload, Data::Json(0..payload.len())), Format::CloudEvents);
        let text = std::str::from_utf8(&sent.body).unwrap();
        assert!(text.ends_with(&format!(",\"data\":{payload}}}")), "{text}");
        let read: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(read["subject"], "order:S\"1");
        assert_eq!((&read["milestone"], &read["possiblerepeat"]), (&"released".into(), &true.into()));
        assert_eq!(read["time"], "1970-01-01T00:00:00.000000Z");
    }

    /// Regression: a raw receiver could not distinguish the types of events.
    #[test]
    fn labels_are_visible_ascii_and_can_be_decoded() {
        let mut event = event("{}", Data::Json(0..2));
        event.key.subject = Subject::from("order:A 1%\r\nx: y\u{7f}单");
        let expected = "order:A%201%25%0D%0Ax:%20y%7F%E5%8D%95".to_owned();
        let names = ["type", "subject", "source"].map(|name| format!("tongguan-{name}"));
        let values = ["xhq.single_receipt", expected.as_str(), "xhq-sh"];
        let of = |event: &Event| labels(event).into_iter().map(|(name, value)| (name.to_owned(), value));
        assert!(of(&event).eq(names.into_iter().zip(values.map(str::to_owned))));
        event.meta.pulled = Some(crate::event::Pulled::default());
        assert_eq!(of(&event).next_back(), Some(("tongguan-origin".to_owned(), "pulled".to_owned())));
        event.key.subject = Subject::from("单".repeat(500));
        assert_eq!(labels(&event)[1].1, "%E5%8D%95".repeat(1_024 / 9));
    }

    #[test]
    fn payload_that_is_no_json_is_sent_as_base64() {
        let sent = content(&event("a=b", Data::Opaque), Format::CloudEvents);
        let read: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!((&read["data_base64"], &read["datacontenttype"]), (&"YT1i".into(), &"text/plain".into()));
    }

    #[test]
    fn raw_body_is_unchanged_and_an_element_is_an_array() {
        let whole = content(&event(" {}\n", Data::Json(1..3)), Format::Raw);
        assert_eq!((&whole.body[..], whole.content_type.as_str()), (&b" {}\n"[..], "text/plain"));
        assert_eq!(&content(&event("{}", Data::Element), Format::Raw).body[..], b"[{}]");
    }

    /// The ERP got compressed bytes and nothing that said so.
    #[test]
    fn raw_says_how_its_bytes_are_encoded() {
        let mut event = event("compressed", Data::Opaque);
        event.meta.encoding = Some("gzip".to_owned());
        assert_eq!(content(&event, Format::Raw).encoding.as_deref(), Some("gzip"));
        assert_eq!(content(&event, Format::CloudEvents).encoding, None);
    }

    #[test]
    fn a_raw_receiver_may_refuse_in_the_partners_words() {
        let refused = Outcome::Refused { retry_after: None, trouble: false };
        assert_eq!(judge(Format::Raw, 200, None, Some(br#"{"state":false,"msg":"busy"}"#)), refused);
        assert_eq!(judge(Format::Raw, 200, None, Some(br#"{"code":"500"}"#)), refused);
        assert_eq!(judge(Format::Raw, 200, None, Some(br#"{"code":500.0}"#)), refused);
        let taken = [&br#"{"state":true,"msg":""}"#[..], br#"{"code":200}"#, br#"{"code":200.0}"#, br#"{"code":2E2}"#];
        for body in taken.into_iter().chain([&b"ok"[..], b""]) {
            assert_eq!(judge(Format::Raw, 200, None, Some(body)), Outcome::Delivered);
        }
        assert_eq!(judge(Format::CloudEvents, 204, None, Some(br#"{"state":false}"#)), Outcome::Delivered);
    }

    /// Regression: a refusal that could not be read counted as delivered.
    #[test]
    fn unreadable_answer_of_a_raw_receiver_is_no_success() {
        let refused = Outcome::Refused { retry_after: None, trouble: false };
        for body in [None, Some(&br#"{"state":false,"msg":"#[..]), Some(b" [{")] {
            assert_eq!(judge(Format::Raw, 200, None, body), refused, "{body:?}");
        }
        assert_eq!(judge(Format::CloudEvents, 200, None, None), Outcome::Delivered, "the status says it all");
    }

    #[test]
    fn endpoint_trouble_differs_from_refusal_of_the_event() {
        let trouble =
            |status| matches!(judge(Format::Raw, status, None, Some(b"")), Outcome::Refused { trouble: true, .. });
        assert!(trouble(500) && trouble(429) && trouble(503) && !trouble(400) && !trouble(302));
    }
}
