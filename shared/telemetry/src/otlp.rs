//! Spans as a collector takes them: an `ExportTraceServiceRequest` of OTLP 1, in its JSON encoding.
//!
//! Ids are hex digits, integers of 64 bits are texts, enums are numbers, names are in lowerCamelCase.

use std::fmt::Display;

use hub::Utc;
use hub::trace::{Field, Kind, Span};
use serde::{Serialize, Serializer};

/// Content type of [`request`].
pub const CONTENT_TYPE: &str = "application/json";

/// Name of the service, and of the scope of its spans.
const NAME: &str = "tongguan";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `STATUS_CODE_ERROR`. A span without a status has `STATUS_CODE_UNSET`.
const ERROR: u8 = 2;

/// Microseconds are printed as nanoseconds.
const NANOS: i128 = 1_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource {
    attributes: [Attribute<'static>; 2],
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<Printed<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'static str,
    value: Value<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Value<'a> {
    StringValue(&'a str),
    #[serde(serialize_with = "text")]
    IntValue(i64),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    #[serde(serialize_with = "text")]
    trace_id: &'a hub::trace::TraceId,
    #[serde(serialize_with = "text")]
    span_id: &'a hub::trace::SpanId,
    #[serde(skip_serializing_if = "String::is_empty")]
    parent_span_id: String,
    /// The W3C flags: it is sampled.
    flags: u32,
    name: &'a str,
    kind: u8,
    #[serde(serialize_with = "text")]
    start_time_unix_nano: i128,
    #[serde(serialize_with = "text")]
    end_time_unix_nano: i128,
    attributes: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    #[serde(serialize_with = "text")]
    trace_id: hub::trace::TraceId,
    #[serde(serialize_with = "text")]
    span_id: hub::trace::SpanId,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u8,
    message: &'a str,
}

fn text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

const fn kind(kind: Kind) -> u8 {
    match kind {
        Kind::Internal => 1,
        Kind::Server => 2,
        Kind::Client => 3,
    }
}

/// Nanoseconds since 1970; a time before is 1970.
fn nanos(at: Utc) -> i128 {
    i128::from(at.0.max(0)) * NANOS
}

fn printed(span: &Span) -> Printed<'_> {
    let attributes = span.attributes.iter().map(|(key, field)| {
        let value = match field {
            Field::Text(text) => Value::StringValue(text),
            Field::Integer(number) => Value::IntValue(*number),
        };
        Attribute { key, value }
    });
    Printed {
        trace_id: &span.trace,
        span_id: &span.id,
        parent_span_id: span.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        flags: 1,
        name: &span.name,
        kind: kind(span.kind),
        start_time_unix_nano: nanos(span.began),
        // A clock that was set back meanwhile makes no span that ends before it begins.
        end_time_unix_nano: nanos(span.ended.max(span.began)),
        attributes: attributes.collect(),
        links: span.link.iter().map(|place| Link { trace_id: place.trace, span_id: place.span }).collect(),
        status: span.failure.as_deref().map(|message| Status { code: ERROR, message }),
    }
}

/// The body of a request with these spans.
#[must_use]
pub fn request(spans: &[Span]) -> Vec<u8> {
    let attribute = |key, value| Attribute { key, value: Value::StringValue(value) };
    let resource = Resource { attributes: [attribute("service.name", NAME), attribute("service.version", VERSION)] };
    let scope = Scope { name: NAME, version: VERSION };
    let scope_spans = [ScopeSpans { scope, spans: spans.iter().map(printed).collect() }];
    // Texts and numbers always print; a failure here would be a defect of serde_json.
    serde_json::to_vec(&Request { resource_spans: [ResourceSpans { resource, scope_spans }] }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hub::trace::{Place, SpanId, TraceId};
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn span_is_printed_as_the_protocol_says() {
        let link = Place { trace: TraceId([2; 16]), span: SpanId([3; 8]), is_sampled: true };
        let own = Place { trace: TraceId([0xab; 16]), span: SpanId([1; 8]), is_sampled: true };
        let times = (Utc(1_700_000_000_000_001), Utc(1_600_000_000_000_000));
        let span = Span::new(&own, Kind::Server, "POST /hooks", times);
        let span = span.within(Some(SpanId([9; 8]))).linked(Some(link));
        let span = span.with("a", "b\"").with("n", 503_u16).failed(Some("why"));
        let body: Json = serde_json::from_slice(&request(std::slice::from_ref(&span))).unwrap();
        let resource = &body["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({"key": "service.name", "value": {"stringValue": "tongguan"}})
        );
        assert_eq!(resource["scopeSpans"][0]["scope"]["name"], "tongguan");
        let printed = json!({
            "traceId": "ab".repeat(16), "spanId": "01".repeat(8), "parentSpanId": "09".repeat(8), "flags": 1,
            "name": "POST /hooks", "kind": 2,
            "startTimeUnixNano": "1700000000000001000", "endTimeUnixNano": "1700000000000001000",
            "attributes": [
                {"key": "a", "value": {"stringValue": "b\""}},
                {"key": "n", "value": {"intValue": "503"}},
            ],
            "links": [{"traceId": "02".repeat(16), "spanId": "03".repeat(8)}],
            "status": {"code": 2, "message": "why"},
        });
        assert_eq!(resource["scopeSpans"][0]["spans"], json!([printed]));
        let plain = Span { parent: None, link: None, failure: None, ..span };
        let body: Json = serde_json::from_slice(&request(&[plain])).unwrap();
        let printed = body.pointer("/resourceSpans/0/scopeSpans/0/spans/0").unwrap();
        for name in ["parentSpanId", "links", "status"] {
            assert!(printed.get(name).is_none(), "{name}: {printed}");
        }
    }
}
