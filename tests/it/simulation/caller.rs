//! The ERP as a caller: it repeats a request with one key until it is accepted, and decides about ambiguous calls.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hub::EventKey;
use hub::call::{Decision, Standing};
use serde_json::Value;
use tokio::time::sleep;

use super::hub::Hub;
use super::killable::Killable;
use super::pushes::API_KEY;

/// Most repetitions of a request without an answer.
const PATIENCE: usize = 30;

/// One command: at XHQ, which must not be asked twice, or at 1datatech, which may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) number: u64,
    /// The order that it is about; others may be about the same one.
    pub(super) order: u64,
    pub(super) safe: bool,
}

impl Asked {
    fn matter(self) -> String {
        format!("C{}", self.number)
    }

    /// The event of an invocation; its layout is another each time.
    fn event(self, blanks: &str) -> String {
        let matter = self.matter();
        let (connection, operation, body) = if self.safe {
            ("od", "port_query_v2", format!(r#"[{{"subType":1,{blanks}"carrierCd":"CNTAO","subNo":"{matter}"}}]"#))
        } else {
            (
                "xhq-sh",
                "upload",
                format!(r#"{{"fileUrl":"http://f/{matter}",{blanks}"orderOutNo":"SO-{}","isReload":""}}"#, self.order),
            )
        };
        format!(
            r#"{{"connection":"{connection}","operation":"{operation}","idempotency_key":"{matter}","wait":2,"body":{body}}}"#
        )
    }
}

/// Asks until it is told that the call is accepted.
pub(super) async fn ask(hub: Arc<Hub>, asked: Asked) {
    let matter = asked.matter();
    hub.world.checker().calls.asked(&matter, asked.safe);
    for _ in 0..PATIENCE {
        let blanks = hub.world.draw(|random, _| ["", " ", "\n  "][random.place(3)]);
        hub.world.tell(&format!("the ERP asks for {matter}"));
        let answer = hub.call(asked.event(blanks)).await;
        let answer: Value = answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let status = answer["status"].as_u64();
        hub.world.tell(&format!("the ERP is told of {matter}: {status:?}"));
        match status {
            Some(200 | 202) => {
                let accepted = hub.world.checker().calls.accepted(answer["body"]["id"].as_str().unwrap_or_default());
                return hub.world.hold(accepted);
            }
            None | Some(503) => {
                let pause = hub.world.draw(|random, _| random.ms(500..=15_000));
                sleep(pause).await;
            }
            Some(other) => return hub.world.broken(&format!("the ERP was told {other} about {matter}: {answer}")),
        }
    }
}

/// Decides about some call that is ambiguous, and may be cut off at any await.
pub(super) async fn decide(hub: &Hub) {
    let world = &hub.world;
    let ambiguous = world.checker().calls.standing(Standing::Ambiguous);
    if ambiguous.is_empty() {
        return;
    }
    let (key, decision, death) = world.draw(|random, weather| {
        let death = random.chance(weather.deaths).then(|| random.within(0..=12));
        let decision = if random.chance(600) { Decision::Retry } else { Decision::Done };
        (ambiguous[random.place(ambiguous.len())].clone(), decision, death)
    });
    world.checker().calls.decided(&key, decision);
    world.tell(&format!("the ERP decides about {}: {decision:?}", key.id));
    let name = if decision == Decision::Retry { "retry" } else { "done" };
    request(hub, &key, "resolve", format!(r#"{{"decision":"{name}"}}"#), death).await;
}

/// Cancels some call that is queued, and may be cut off at any await.
pub(super) async fn cancel(hub: &Hub) {
    let world = &hub.world;
    let queued = world.checker().calls.standing(Standing::Queued);
    if queued.is_empty() {
        return;
    }
    let (key, death) = world.draw(|random, weather| {
        let death = random.chance(weather.deaths).then(|| random.within(0..=20));
        (queued[random.place(queued.len())].clone(), death)
    });
    world.checker().calls.cancelled(&key);
    world.tell(&format!("the ERP cancels {}", key.id));
    request(hub, &key, "cancel", String::new(), death).await;
}

/// Requests a change of a call.
async fn request(hub: &Hub, key: &EventKey, what: &str, body: String, death: Option<u64>) {
    let request =
        Request::post(format!("/calls/{}/{what}", key.id)).header("authorization", format!("Bearer {API_KEY}"));
    let context = hub.context();
    let request = request.body(body.into()).unwrap();
    let answer = Killable::new(call_status::router().handle(&context, request), death).await;
    hub.world.tell(&format!("the ERP's request to {what}: {:?}", answer.map(|answer| answer.status())));
}

/// Timeout of the ERP for an answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
