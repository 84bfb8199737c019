//! Calls to partners through the hub, against simulated partners that keep their own rules.

mod answers;
mod cancel;
mod circuits;
mod crash;
mod credentials;
mod descriptors;
mod end_events;
mod idempotency;
mod large;
mod messages;
mod pulled;
mod requests;
mod resolution;
mod retry;
mod round_trip;
mod rows;
mod sequence;
mod tokens;

use std::fmt::Write as _;
use std::time::Duration;

use courier::Courier;
use hub::EventId;
use md5::{Digest as _, Md5};
use outbound::KeepAlive;
use partners::Partner;
use partners::operation::find;
use queue::InProcess;
use serde_json::Value;
use simulators::Erp;
use simulators::api::{Api, OneData, OneDataRules, TrackingEyes, Xhq, Yanwen};
use store_sqlite::SqliteStore;
use tongguan::Hub;

use crate::support::http::{Reply, exchange, request};
use crate::support::{self, API_KEY, Plan, Time, until};

/// Name of the forwarder at the partners.
pub(crate) const APP_ID: &str = "app-id-that-nobody-may-see";
pub(crate) const BGH_ID: &str = "bgh-id-that-nobody-may-see";
pub(crate) const API_TOKEN: &str = "api-token-that-nobody-may-see";
pub(crate) const SECRET: &str = "secret-that-nobody-may-see";

/// An upload of that order.
pub(crate) fn upload(order: &str) -> String {
    format!(r#"{{"fileUrl":"http://files/1.zip","orderOutNo":"{order}","isReload":""}}"#)
}

/// A master waybill of that number.
pub(crate) fn waybill(number: &str) -> String {
    let example = find(Partner::Yanwen, "s3.mawb.create").unwrap().example;
    example.replace("test10000001", number)
}

/// A subscription of that number.
pub(crate) fn port(number: &str) -> String {
    format!(r#"[{{"subType":1,"carrierCd":"CNTAO","subNo":"{number}"}}]"#)
}

/// A command at a connection, with its body for each matter.
pub(crate) type Command = (&'static str, &'static str, fn(&str) -> String);

/// Commands that the partner must not be asked for twice.
pub(crate) const UNSAFE: [Command; 2] = [("xhq", "upload", upload), ("yanwen", "s3.mawb.create", waybill)];

/// A command that the partner may be asked for twice.
pub(crate) const SAFE: Command = ("onedata", "port_query_v2", port);

/// Recipe of the calls to 1datatech: its own rules are not public, and these are of the common kind.
pub(crate) const RECIPE: &str = r#"
app_key = "demo-key"
app_secret = "demo-secret"
[connections.token]
path = "/auth/token"
body = { appKey = { credential = "app_key" }, appSecret = { credential = "app_secret" } }
token = "/data/accessToken"
life = "/data/expiresIn"
expired = ["401"]
[connections.signature]
parts = [{ credential = "app_secret" }, "nonce", "timestamp", "token", "body"]
separator = "&"
hash = "md5"
case = "upper"
"#;

/// Answer of the call function to an invocation.
async fn invoke(courier: &Courier<SqliteStore, InProcess>, event: &str) -> Value {
    serde_json::from_str(&lambda::invoked(&call::invoke(courier, event.as_bytes()).await)).unwrap()
}

/// Invocation of an operation under the key of that number.
fn invocation(connection: &str, operation: &str, key: usize, body: &str) -> String {
    format!(r#"{{"connection":"{connection}","operation":"{operation}","idempotency_key":"k-{key}","body":{body}}}"#)
}

/// The four partners, the ERP, and a hub between them whose time is moved by hand.
pub(crate) struct Desk {
    pub(crate) hub: Hub,
    pub(crate) erp: Erp,
    pub(crate) xhq: Xhq,
    pub(crate) eyes: TrackingEyes,
    pub(crate) onedata: OneData,
    pub(crate) yanwen: Yanwen,
    pub(crate) time: Time,
    pub(crate) plan: Plan,
}

/// Settings of a desk.
#[derive(Clone, Copy, Default)]
pub(crate) struct Making<'a> {
    /// Further settings of every connection.
    pub(crate) every: &'a str,
    /// Further settings of XHQ's connection; `{url}` is where XHQ is.
    pub(crate) xhq: &'a str,
    /// Further settings at the top.
    pub(crate) top: &'a str,
    /// A further endpoint of another ERP, and its settings.
    pub(crate) also: Option<(&'a Erp, &'a str)>,
    /// Further tables.
    pub(crate) last: &'a str,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with(Making::default()).await
    }

    pub(crate) async fn with(making: Making<'_>) -> Self {
        let (erp, time) = (support::erp().await, Time::now());
        let any = || ([127, 0, 0, 1], 0).into();
        let clock = || time.clock();
        let xhq = Xhq::start(any(), clock(), APP_ID, BGH_ID).await.unwrap();
        xhq.unfreeze_at("unfreeze");
        let eyes = TrackingEyes::start(any(), clock(), "COMPANY", SECRET).await.unwrap();
        eyes.subscribe_at("/api/customsStatus/subscribe");
        let rules = OneDataRules::new(|signed| {
            let body = String::from_utf8_lossy(signed.body);
            let text = format!("demo-secret&{}&{}&{}&{body}", signed.nonce, signed.timestamp, signed.token);
            Md5::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
        });
        let onedata = OneData::start(any(), clock(), rules).await.unwrap();
        let yanwen = Yanwen::start(any(), clock(), "100000", API_TOKEN).await.unwrap();

        let mut tables = String::new();
        let mut connection = |id: &str, partner: &str, url: &str, more: &str| {
            let keys = if partner == "yanwen" { String::new() } else { format!("keys = [\"{}\"]", support::key(id)) };
            let every = making.every;
            write!(
                tables,
                "[[connections]]\nid = \"{id}\"\npartner = \"{partner}\"\nbase_url = \"{url}\"\nallow_private = true\n\
                 allow_private_files = true\n{keys}\n{every}\n{more}\n"
            )
            .unwrap();
        };
        let more = format!("app_id = \"{APP_ID}\"\nbgh_id = \"{BGH_ID}\"\npaths = {{ unfreeze = \"unfreeze\" }}\n");
        connection(
            "xhq",
            "xhq",
            &xhq.url(),
            &format!("{more}base64_field = \"fileBase64\"\n{}", making.xhq.replace("{url}", &xhq.url())),
        );
        let more = format!("company_code = \"COMPANY\"\nsecret = \"{SECRET}\"\n");
        let paths = "paths = { subscribe = \"/api/customsStatus/subscribe\" }\n";
        connection("eyes", "trackingeyes", &eyes.url(), &format!("{more}{paths}"));
        connection("onedata", "onedata", &onedata.url(), RECIPE);
        connection("yanwen", "yanwen", &yanwen.url(), &format!("user_id = \"100000\"\napi_token = \"{API_TOKEN}\"\n"));
        let plan = Plan::bare().top(making.top).table(&tables).endpoint("erp", &erp, "");
        let plan = making.also.into_iter().fold(plan, |plan, (erp, more)| plan.endpoint("also", erp, more));
        let plan = plan.table(making.last);
        let hub = plan.start_at(&time).await;
        Self { hub, erp, xhq, eyes, onedata, yanwen, time, plan }
    }

    /// The partner behind a connection.
    pub(crate) fn partner(&self, connection: &str) -> &Api {
        match connection {
            "xhq" => &self.xhq,
            "eyes" => &self.eyes,
            "onedata" => &self.onedata,
            "yanwen" => &self.yanwen,
            _ => panic!("{connection} is no connection of the desk"),
        }
    }

    /// Calls an operation. `headers` are whole lines.
    pub(crate) async fn call(&self, connection: &str, operation: &str, headers: &str, body: &str) -> Reply {
        let path = format!("/calls/{connection}/{operation}");
        let headers = format!("authorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\n{headers}");
        exchange(self.hub.address(), request("POST", &path, &headers, body.as_bytes())).await.expect("an answer")
    }

    /// Has a command accepted under a key. Its id.
    pub(crate) async fn command(&self, connection: &str, operation: &str, key: &str, body: &str) -> String {
        let reply = self.call(connection, operation, &format!("idempotency-key: {key}\r\n"), body).await;
        assert!(matches!(reply.status, 200 | 202), "{reply:?} {}", String::from_utf8_lossy(&reply.body));
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Asks for something of the ERP's API.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        support::http::api(self.hub.address(), "GET", path, API_KEY, "").await
    }

    /// The call of an id as it stands.
    pub(crate) async fn status(&self, id: &str) -> Value {
        self.get(&format!("/calls/{id}")).await.json()
    }

    /// Waits until a call is in that state.
    pub(crate) async fn stands(&self, id: &str, state: &str) -> Value {
        until(async || self.status(id).await["state"] == state).await;
        self.status(id).await
    }

    /// Waits until a call has so many attempts behind it.
    pub(crate) async fn attempted(&self, id: &str, attempts: usize) -> Value {
        until(async || self.status(id).await["attempts"].as_array().is_some_and(|made| made.len() >= attempts)).await;
        self.status(id).await
    }

    /// Decides about an ambiguous call.
    pub(crate) async fn resolve(&self, id: &str, decision: &str) -> Reply {
        let body = format!(r#"{{"decision":"{decision}"}}"#);
        support::http::api(self.hub.address(), "POST", &format!("/calls/{id}/resolve"), API_KEY, &body).await
    }

    /// Lets time pass, and sweeps as another process would: a retry that is due is made.
    pub(crate) async fn pass(&self, span: Duration) {
        self.time.pass(span);
        support::sweep(&self.courier()).await;
    }

    /// A courier over the hub's store that shares nothing else with it, as another process.
    pub(crate) fn courier(&self) -> Courier<SqliteStore, InProcess> {
        // With chance of its own: a nonce or a lease's holder that came twice would be somebody else's.
        Courier::new(self.hub.context().clone(), KeepAlive::Brief, callback::ACTION).unwrap()
    }

    /// The same without a queue: what it accepts waits for a sweep.
    pub(crate) fn courier_without_queue(&self) -> Courier<SqliteStore, InProcess> {
        let (queue, _) = queue::in_process([], 1);
        let mut courier = self.courier();
        courier.context.queue = queue;
        courier
    }

    /// The CloudEvents that the ERP got of that type.
    pub(crate) fn told(&self, kind: &str) -> Vec<Value> {
        let events = self.erp.deliveries().into_iter();
        let events = events.filter_map(|delivery| serde_json::from_slice::<Value>(&delivery.body).ok());
        events.filter(|event| event["type"] == kind).collect()
    }

    /// Waits until the ERP got that many events of that type.
    pub(crate) async fn hears(&self, kind: &str, times: usize) -> Vec<Value> {
        until(async || self.told(kind).len() >= times).await;
        self.told(kind)
    }

    /// Waits until the ERP has answered every delivery.
    pub(crate) async fn quiet(&self) {
        until(async || support::ledger(&self.hub.context().store).await.pending == 0).await;
    }

    /// The calls that the hub has stored, by id, with their states; the ledger balances.
    pub(crate) async fn calls(&self) -> Vec<(EventId, hub::call::Standing)> {
        support::ledger(&self.hub.context().store).await;
        let events = support::events(&self.hub.context().store).await;
        events.iter().filter_map(|item| Some((item.key.id, item.work.call.as_ref()?.standing))).collect()
    }
}
