//! A collector of traces, played by the document of OTLP 1.9: `POST /v1/traces` with an `ExportTraceServiceRequest` in JSON. It takes
//! no field, type or order of digits that the document does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::serve::{Answered, Server};

/// Behaviour of a collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes every span.
    #[default]
    Takes,
    /// Closes every connection without an answer.
    Down,
    /// Takes the request and never answers.
    Hangs,
    /// Answers everything with that status and body.
    Answers(u16, &'static str),
}

/// A span as the collector has understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// 32 hex digits.
    pub trace: String,
    /// 16 hex digits.
    pub id: String,
    /// The same of the span that it is part of; empty where it is part of none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// 1 internal, 2 server, 3 client.
    pub kind: u8,
    /// Its beginning and end, in nanoseconds since 1970.
    pub times: (u64, u64),
    /// Its attributes, each as text.
    pub attributes: BTreeMap<String, String>,
    /// Traces and spans that it is linked to.
    pub links: Vec<(String, String)>,
    /// Message of its error.
    pub error: Option<String>,
}

impl Collected {
    /// The value of an attribute; empty where it has none of that name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    spans: Vec<Collected>,
    requests: Vec<(HeaderMap, Bytes)>,
    mistakes: Vec<String>,
}

struct Shared {
    state: Mutex<State>,
    /// Number of requests, badly answered ones included.
    count: watch::Sender<usize>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running collector; dropping it closes its port and its connections.
pub struct Collector {
    server: Server,
    shared: Arc<Shared>,
}

impl Collector {
    /// Starts a collector. Port 0 lets the system choose.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), count: watch::Sender::new(0) });
        let (door, inside) = (Arc::clone(&shared), Arc::clone(&shared));
        let admits = move || door.state().behaviour != Behaviour::Down;
        let server = Server::start(address, admits, move |request| receive(request, Arc::clone(&inside))).await?;
        Ok(Self { server, shared })
    }

    /// Its URL, as a hub is configured with it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Behaves so from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.state().behaviour = behaviour;
    }

    /// Number of requests, badly answered ones included.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// The spans that it took.
    #[must_use]
    pub fn spans(&self) -> Vec<Collected> {
        self.shared.state().spans.clone()
    }

    /// The requests that it got, whatever it answered.
    #[must_use]
    pub fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.shared.state().requests.clone()
    }

    /// Mistakes in requests, by the document.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        self.shared.state().mistakes.clone()
    }
}

async fn receive(request: Request<Incoming>, shared: Arc<Shared>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let behaviour = shared.state().behaviour.clone();
    shared.state().requests.push((parts.headers.clone(), body.clone()));
    shared.count.send_modify(|count| *count += 1);
    let is_json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    let read = match () {
        () if parts.method != http::Method::POST || parts.uri.path() != "/v1/traces" => {
            Err("not POST /v1/traces".to_owned())
        }
        () if !is_json => Err("the content type is not application/json".to_owned()),
        () => spans(&body),
    };
    if let Err(mistake) = &read {
        shared.state().mistakes.push(mistake.clone());
    }
    let (status, answer) = match (behaviour, read) {
        (Behaviour::Down, _) => return Err("down".into()),
        (Behaviour::Hangs, _) => std::future::pending().await,
        (Behaviour::Answers(status, body), _) => (status, body),
        (Behaviour::Takes, Ok(spans)) => {
            shared.state().spans.extend(spans);
            (200, "{}")
        }
        (Behaviour::Takes, Err(_)) => (400, "{}"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(answer.as_bytes())));
    *response.status_mut() = StatusCode::from_u16(status)?;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Export {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<Exported>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    name: String,
    #[serde(rename = "version")]
    _version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Exported {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    flags: u32,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute>,
    #[serde(default)]
    links: Vec<Link>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Link {
    trace_id: String,
    span_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    code: u8,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    key: String,
    value: Value,
}

/// The spans of a request, or what is wrong with it.
fn spans(body: &[u8]) -> Result<Vec<Collected>, String> {
    let export: Export = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for resource in export.resource_spans {
        let attributes = attributes(resource.resource.attributes)?;
        if attributes.get("service.name").is_none_or(String::is_empty) {
            return Err("the resource has no service.name".to_owned());
        }
        for scope in resource.scope_spans {
            if scope.scope.name.is_empty() {
                return Err("the scope has no name".to_owned());
            }
            all.extend(scope.spans.into_iter().map(span).collect::<Result<Vec<_>, _>>()?);
        }
    }
    if all.is_empty() { Err("there are no spans".to_owned()) } else { Ok(all) }
}

fn span(span: Exported) -> Result<Collected, String> {
    id(&span.trace_id, 32)?;
    id(&span.span_id, 16)?;
    if !span.parent_span_id.is_empty() {
        id(&span.parent_span_id, 16)?;
    }
    for link in &span.links {
        id(&link.trace_id, 32)?;
        id(&link.span_id, 16)?;
    }
    let times = (integer(&span.start_time_unix_nano)?, integer(&span.end_time_unix_nano)?);
    let error = match span.status {
        Some(Status { code: 2, message }) => Some(message),
        Some(Status { code, .. }) => return Err(format!("the status {code} is no error, and may be left out")),
        None => None,
    };
    if span.name.is_empty() || !(1..=5).contains(&span.kind) || times.1 < times.0 || span.flags != 1 {
        return Err(format!("the name, kind, times or flags of the span {} are wrong", span.span_id));
    }
    Ok(Collected {
        trace: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
        name: span.name,
        kind: span.kind,
        times,
        attributes: attributes(span.attributes)?,
        links: span.links.into_iter().map(|link| (link.trace_id, link.span_id)).collect(),
        error,
    })
}

/// Hex digits in lower case, not all of them zero.
fn id(text: &str, digits: usize) -> Result<(), String> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_valid = is_hex && text.bytes().any(|byte| byte != b'0');
    if is_valid { Ok(()) } else { Err(format!("{text} is no id of {digits} hex digits")) }
}

/// An integer of 64 bits, which is a text in JSON.
fn integer(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no integer of 64 bits in decimal digits"))
}

fn attributes(attributes: Vec<Attribute>) -> Result<BTreeMap<String, String>, String> {
    let (mut read, mut names) = (BTreeMap::new(), BTreeSet::new());
    for Attribute { key, value } in attributes {
        let only = value.as_object().filter(|value| value.len() == 1).and_then(|value| value.iter().next());
        let text = match only {
            Some((kind, Value::String(text))) if kind == "stringValue" => text.clone(),
            Some((kind, Value::String(text))) if kind == "intValue" && text.parse::<i64>().is_ok() => text.clone(),
            Some(_) | None => return Err(format!("the value of the attribute {key} is no AnyValue")),
        };
        if key.is_empty() || !names.insert(key.clone()) {
            return Err(format!("the attribute \"{key}\" is empty or given twice"));
        }
        read.insert(key, text);
    }
    Ok(read)
}
