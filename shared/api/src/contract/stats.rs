//! Bodies of the requests and answers about the state of connections and endpoints, and about statistics.

use std::collections::BTreeMap;

use hub::breaker::CircuitView;
use hub::ledger::Tally;
use hub::time::Rfc3339;
use hub::{ConnectionId, EndpointId, EventKey};
use partners::title::Title;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Original;
use crate::request::given;

/// The ledger of the connections that the key may see.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Ledger {
    /// The ledger of each connection.
    pub connections: BTreeMap<ConnectionId, ConnectionLedger>,
    /// Whether all of them balance.
    pub balanced: bool,
}

/// The ledger of a connection: accepted = delivered + pending + failed + confirmed + unrouted, and with them the calls and the
/// watches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ConnectionLedger {
    /// Whether nothing was lost and nothing came from nowhere.
    pub balanced: bool,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
}

/// The connections that the key may see.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Connections {
    /// The connections, by their ids.
    pub connections: Vec<ListedConnection>,
    /// Whether `calls_waiting` counts every call. Otherwise more work waits than was looked at.
    pub complete: bool,
}

/// A connection and its state.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ListedConnection {
    /// The connection's id.
    pub id: ConnectionId,
    /// The partner.
    pub partner: &'static str,
    /// The names of the partner, its actions and its operations, where the configuration describes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<PartnerNames>,
    /// The pushes that the partner documents, each with the type of the event that it becomes. The names are those of a test.
    pub actions: Vec<PushedAction>,
    /// The circuits of the partner's address, which all connections at that address share.
    pub circuits: Vec<CircuitView>,
    /// The time of the latest push that was kept, as far as the statistics know it: within 35 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push: Option<Rfc3339>,
    /// The number of calls that are queued.
    pub calls_waiting: usize,
    /// The partner's token, where the hub holds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<HeldToken>,
}

/// The names of a partner, its actions and its operations, from the file that describes it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct PartnerNames {
    /// The partner's name.
    pub partner: Name,
    /// The names of events, by their types.
    pub types: BTreeMap<&'static str, Name>,
    /// The names of operations.
    pub operations: BTreeMap<&'static str, Name>,
}

/// A name in both languages, as far as it is known.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Name {
    /// The Chinese name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zh: Option<&'static str>,
    /// The English name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<&'static str>,
}

impl From<Title<'static>> for Name {
    fn from(Title { zh, en }: Title<'static>) -> Self {
        Self { zh, en }
    }
}

/// The operations that can be called through a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Operations {
    /// The connection.
    pub connection: ConnectionId,
    /// The partner.
    pub partner: &'static str,
    /// The operations, in the order of the partner's document.
    pub operations: Vec<ListedOperation>,
}

/// An operation that can be called by `POST /calls/{connection}/{name}`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ListedOperation {
    /// Its name.
    pub name: &'static str,
    /// Its effect at the partner.
    pub effect: OperationEffect,
    /// Whether the hub sends it again where no answer arrived.
    pub repeatable: bool,
    /// The partner's document and section, or what it does.
    pub source: &'static str,
    /// Facts to know before it is called, in paragraphs.
    pub description: String,
    /// Whether the partner has withdrawn it.
    pub deprecated: bool,
    /// The fields that the connection's configuration requires besides.
    pub requires: Vec<String>,
    /// The body as a JSON Schema. A `file` in it is `Enclosure` of this document.
    pub body: Value,
    /// A body.
    #[cfg_attr(feature = "schema", schemars(with = "Value"))]
    pub example: Original,
}

/// The effect of an operation at the partner.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum OperationEffect {
    /// It only reads. Its answer is the partner's.
    Query,
    /// It changes something. It is queued, and has a result.
    Command,
}

/// A push that a partner documents.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct PushedAction {
    /// The action as the partner spells it.
    pub action: &'static str,
    /// The type of its event.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The times of a partner's token.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct HeldToken {
    /// The time at which the partner gave it.
    pub obtained: Rfc3339,
    /// The time from which it is no longer valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Rfc3339>,
}

/// The URLs that a partner pushes to. Each has the connection's key in it: who knows it can push.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct PushUrls {
    /// The URLs, that which takes every push first.
    pub urls: Vec<PushUrl>,
}

/// The URL of an action.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct PushUrl {
    /// The webhook's name, of a described partner the action's; `callback` and `push` take every push.
    pub action: &'static str,
    /// The URL; a path alone where the configuration has no `public_url`.
    pub url: String,
}

/// The body of a test of a connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct ConnectionTest {
    /// The action, as the connection lists it. Its documented example is pushed.
    pub action: String,
    /// The JSON that is pushed in place of the example.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub payload: Option<Box<RawValue>>,
}

/// The answer to a test of a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct ConnectionTested {
    /// The HTTP status that the partner would get.
    pub status: u16,
    /// The body that the partner would get.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub body: Original,
    /// The events that the push became, or that it repeats.
    pub events: Vec<EventKey>,
}

/// The endpoints that receive events of the connections that the key may see.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Endpoints {
    /// The endpoints, by their ids.
    pub endpoints: Vec<ListedEndpoint>,
    /// Whether `pending` and `failed` count every delivery. Otherwise more work waits than was looked at.
    pub complete: bool,
}

/// An endpoint and its state. Its counts are of the connections that the key may see.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ListedEndpoint {
    /// The endpoint's id.
    pub id: EndpointId,
    /// The origin of its URL: the path may hold a token of the receiver's. A pull endpoint has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether the ERP asks for its events itself.
    pub pull: bool,
    /// The format of its events: `cloudevents` or `raw`.
    pub format: &'static str,
    /// The order of its events: `none` or `subject`.
    pub order: &'static str,
    /// The connections whose events it receives.
    pub connections: Vec<ConnectionId>,
    /// The types of the events that it receives.
    pub types: Vec<String>,
    /// Its circuits.
    pub circuits: Vec<CircuitView>,
    /// The number of pending deliveries.
    pub pending: usize,
    /// The number of failed deliveries that are neither confirmed nor replayed.
    pub failed: usize,
    /// The time of the latest delivery that it accepted, as far as the statistics know it: within 35 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Rfc3339>,
    /// The time at which a consumer last asked for events, to the minute, whether or not there were any; only of pull endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_pull: Option<Rfc3339>,
}

/// The answer to a test of an endpoint.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct EndpointTested {
    /// Whether the endpoint has accepted the event.
    pub delivered: bool,
    /// The HTTP status of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The reason why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The duration of the attempt.
    pub milliseconds: u64,
}

/// The statistics of the connections that the key may see. Each list has a number for each step, the earliest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Statistics {
    /// The beginning of the first step.
    pub since: Rfc3339,
    /// The end of the last step.
    pub until: Rfc3339,
    /// The length of a step, in seconds.
    pub step_seconds: u64,
    /// The connections, by their ids.
    pub connections: BTreeMap<ConnectionId, ConnectionStatistics>,
    /// The endpoints, by their ids.
    pub endpoints: BTreeMap<EndpointId, EndpointStatistics>,
}

/// The statistics of a connection.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct ConnectionStatistics {
    /// The partner.
    pub partner: &'static str,
    /// The pushes.
    pub pushes: PushStatistics,
    /// The rest of the partner's deadline at the answer, in milliseconds; negative where it had passed, null where no push came.
    pub margin_ms: Margins,
    /// The calls that ended or became ambiguous. Queries are not counted.
    pub calls: CallStatistics,
}

/// Numbers of pushes.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct PushStatistics {
    /// Kept when they came.
    pub accepted: Vec<u64>,
    /// Kept before.
    pub duplicate: Vec<u64>,
    /// Turned away for their key, address, method or size.
    pub refused: Vec<u64>,
    /// Answered after the partner's deadline, whatever the answer was.
    pub late: Vec<u64>,
    /// Not kept, so that the partner repeats them.
    pub not_kept: Vec<u64>,
}

/// Margins of pushes.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Margins {
    /// One of a hundred pushes has less.
    pub p1: Vec<Option<f64>>,
    /// Half of the pushes have less.
    pub p50: Vec<Option<f64>>,
}

/// Numbers of calls.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct CallStatistics {
    /// Accepted by the partner.
    pub succeeded: Vec<u64>,
    /// Refused by the partner, or given up.
    pub failed: Vec<u64>,
    /// Sent without a usable answer.
    pub ambiguous: Vec<u64>,
}

/// The statistics of an endpoint, of events of the connections that the key may see.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct EndpointStatistics {
    /// The deliveries that it accepted.
    pub delivered: Vec<u64>,
    /// The deliveries that were given up.
    pub failed: Vec<u64>,
    /// The time from the reception of an event, or its replay, to its delivery, in milliseconds.
    pub delay_ms: Delays,
}

/// Delays of deliveries; null where nothing was delivered.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub struct Delays {
    /// Half of the deliveries took less.
    pub p50: Vec<Option<f64>>,
    /// 95 of a hundred deliveries took less.
    pub p95: Vec<Option<f64>>,
    /// 99 of a hundred deliveries took less.
    pub p99: Vec<Option<f64>>,
}
