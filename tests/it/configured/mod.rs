//! The partners of `examples/partners`: their documents' own examples through a hub, and calls to them, played by their files.

pub(crate) mod calls;
mod known;
mod pushes;

use std::time::Duration;

use config::Config;
use partners::Partner;
use partners::configured::{PushTable, SamplePush};
use serde_json::Value;
use simulators::Erp;
use tongguan::Hub;

use crate::support::http::{Reply, exchange, request};
use crate::support::{self, Plan, Time, key, until};

/// The partners, each with a credential for everything.
const FILES: [(&str, &str); 4] = [
    ("kuaidi100", "customer = \"CUSTOMER\"\nkey = \"KEY\"\nsalt = \"SALT\"\n"),
    ("terminal49", "api_key = \"T49KEY\"\nwebhook_secret = \"T49SECRET\"\n"),
    // The secret that EasyPost's libraries are tested with, in the form that they take it.
    ("easypost", "api_key = \"EZTK1\"\nwebhook_secret = \"se\u{301}cret\"\n"),
    ("sf", "client_code = \"CLIENT\"\ncheckword = \"CHECK\"\n"),
];

/// The path of a partner's file.
pub(crate) fn path(id: &str) -> String {
    format!("{}/../examples/partners/{id}.toml", env!("CARGO_MANIFEST_DIR"))
}

/// The partner of a file.
fn partner(id: &str) -> Partner {
    described(&path(id))
}

/// The partner of the file at that path.
fn described(path: &str) -> Partner {
    let config = Config::parse(&format!("partner_files = [\"{path}\"]\n"));
    config.unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).partners[0]
}

pub(crate) fn credentials(id: &str) -> &'static str {
    FILES.into_iter().find(|(own, _)| *own == id).unwrap().1
}

/// A hub with one connection of a partner, named as that, and an ERP.
pub(crate) struct Desk {
    pub(crate) hub: Hub,
    erp: Erp,
    partner: Partner,
    time: Time,
    pub(crate) plan: Plan,
}

impl Desk {
    async fn of(id: &str) -> Self {
        Self::with(id, credentials(id), "").await
    }

    async fn with(id: &str, credentials: &str, more: &str) -> Self {
        Self::by(id, &path(id), credentials, more).await
    }

    /// With the partner of the file at that path.
    async fn by(id: &str, path: &str, credentials: &str, more: &str) -> Self {
        Self::at(id, path, credentials, more, Time::now()).await
    }

    /// The same by that time.
    async fn at(id: &str, path: &str, credentials: &str, more: &str, time: Time) -> Self {
        let erp = support::erp().await;
        let connection = format!(
            "[[connections]]\nid = \"{id}\"\npartner = \"{id}\"\nkeys = [\"{}\"]\n{credentials}{more}",
            key(id)
        );
        let plan = Plan::bare().top(&format!("partner_files = [\"{path}\"]")).table(&connection);
        let plan = plan.endpoint("erp", &erp, "");
        let hub = plan.start_at(&time).await;
        let partner = hub.context().config.partner(id).unwrap();
        Self { hub, erp, partner, time, plan }
    }

    fn table(&self) -> &'static PushTable {
        self.partner.push_table().unwrap()
    }

    /// The push of a document as the partner makes it, by the credentials of the connection.
    fn sample(&self, document: &str) -> SamplePush {
        let config = &self.hub.context().config;
        let credentials = &config.connections.values().next().unwrap().credentials;
        let credential = |name: &str| credentials.get(name).map(hub::Secret::expose);
        let now_ms = (self.time.clock())().0 / 1000;
        self.table().sample(document.trim(), &credential, now_ms).unwrap()
    }

    async fn push(&self, suffix: &str, push: &SamplePush) -> Reply {
        let query = if push.query.is_empty() { String::new() } else { format!("?{}", push.query) };
        let path = format!("/hooks/{0}/{0}/{1}/{suffix}{query}", self.partner, key(self.partner.id()));
        let mut headers = format!("content-type: {}\r\n", push.content_type);
        for (name, value) in &push.headers {
            headers.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        exchange(self.hub.address(), request("POST", &path, &headers, &push.body)).await.expect("an answer")
    }

    /// The CloudEvents that the ERP has got, once there are so many.
    async fn told(&self, times: usize) -> Vec<Value> {
        until(async || self.erp.count() >= times).await;
        let deliveries = self.erp.deliveries().into_iter();
        deliveries.map(|delivery| serde_json::from_slice(&delivery.body).unwrap()).collect()
    }

    /// Number of events that are stored.
    async fn stored(&self) -> usize {
        support::events(&self.hub.context().store).await.len()
    }

    async fn call(&self, operation: &str, headers: &str, body: &str) -> Reply {
        let path = format!("/calls/{}/{operation}", self.partner);
        let headers =
            format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n{headers}", support::API_KEY);
        exchange(self.hub.address(), request("POST", &path, &headers, body.as_bytes())).await.expect("an answer")
    }
}

/// The text of an answer.
fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

/// An hour.
const HOUR: Duration = Duration::from_hours(1);
