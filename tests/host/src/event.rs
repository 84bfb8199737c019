//! The events that Lambda's services hand to functions.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

/// The sample of what a function is called with, for the configuration in `examples/tongguan.toml`: `infra/events/<name>.json`.
/// There is one of the first webhook of each partner; the other webhooks of the partner are called in the same way at their
/// own paths.
pub fn sample(function: &str) -> anyhow::Result<Value> {
    let Some(own) = callback::ACTIONS.into_iter().find(|action| action.name == function) else {
        return Ok(serde_json::from_str(&file(function)?)?);
    };
    let first = callback::ACTIONS.into_iter().find(|action| action.partners.first() == own.partners.first());
    let first = first.context("the partner has a webhook")?;
    let end = |suffix: &str| if suffix.is_empty() { "\"".to_owned() } else { format!("/{suffix}\"") };
    let mut event: Value = serde_json::from_str(&file(first.name)?.replace(&end(first.suffix), &end(own.suffix)))?;
    event["body"] = json!(BASE64_STANDARD.encode(own.examples.first().context("a webhook has an example")?.body));
    Ok(event)
}

fn file(name: &str) -> anyhow::Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/events").join(name).with_extension("json");
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// An id like those that AWS gives, no two alike in one process.
pub(crate) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A request as it came to the gateway.
pub(crate) struct Came<'a> {
    pub(crate) method: &'a str,
    /// The path behind the stage.
    pub(crate) path: &'a str,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) from: IpAddr,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) stage: &'a str,
    /// The template's path: `/hooks/{partner}/{connection}/{key}`.
    pub(crate) resource: &'a str,
}

/// The event of a REST API with Lambda proxy integration, whose `BinaryMediaTypes` are all.
pub(crate) fn rest(came: &Came<'_>) -> Value {
    let Came { method, path, stage, resource, .. } = came;
    let (mut headers, mut all_headers) = (Map::new(), Map::new());
    for name in came.headers.keys() {
        let values = came.headers.get_all(name).iter();
        let values: Vec<String> = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        headers.insert(name.to_string(), json!(values.last()));
        all_headers.insert(name.to_string(), json!(values));
    }
    let (mut query, mut all_query) = (Map::new(), Map::new());
    for (name, value) in url::form_urlencoded::parse(came.uri.query().unwrap_or_default().as_bytes()) {
        query.insert(name.to_string(), json!(value));
        let all = all_query.entry(name).or_insert_with(|| json!([]));
        all.as_array_mut().into_iter().for_each(|all| all.push(json!(value)));
    }
    let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { Value::Object(map) };
    let encoded = (!came.body.is_empty()).then(|| BASE64_STANDARD.encode(came.body));
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": all_headers,
        "queryStringParameters": or_null(query),
        "multiValueQueryStringParameters": or_null(all_query),
        "pathParameters": or_null(parameters(resource, path)),
        "stageVariables": null,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "local", "domainPrefix": "local",
            "extendedRequestId": request_id(), "httpMethod": method,
            "identity": {"sourceIp": came.from.to_string(), "userAgent": null},
            "path": format!("/{stage}{path}"), "protocol": "HTTP/1.1", "requestId": request_id(),
            "requestTime": "", "requestTimeEpoch": came.at, "resourceId": "local", "resourcePath": resource,
            "stage": stage
        },
        "isBase64Encoded": encoded.is_some(),
        "body": encoded
    })
}

fn parameters(resource: &str, path: &str) -> Map<String, Value> {
    let named = resource.split('/').zip(path.split('/'));
    let named = named.filter_map(|(name, value)| Some((name.strip_prefix('{')?.strip_suffix('}')?, value)));
    named.map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

/// A batch of the queue's, of messages that are received for the first time.
#[must_use]
pub fn batch(bodies: &[String]) -> Value {
    let records = bodies.iter().map(|body| {
        let id = request_id();
        message(&id, &id, body, 1)
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

/// One message of the queue as the event source hands it on.
pub(crate) fn message(id: &str, receipt: &str, body: &str, received: u32) -> Value {
    json!({
        "messageId": id, "receiptHandle": receipt, "body": body,
        "attributes": {"ApproximateReceiveCount": received.to_string(), "SentTimestamp": now().to_string(),
            "SenderId": "local", "ApproximateFirstReceiveTimestamp": now().to_string()},
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:tongguan", "awsRegion": "us-east-1"
    })
}

/// Event of EventBridge's schedule.
#[must_use]
pub fn schedule() -> Value {
    json!({
        "version": "0", "id": request_id(), "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "000000000000", "time": "2026-11-22T08:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/tongguan"], "detail": {}
    })
}
