//! Simulated partners that are called: they execute a request, refuse it, are busy, or execute it and lose the answer. A
//! request that they have begun is finished, whatever happens to the caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use courier::Wire;
use outbound::{Kind, Request, Sent};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::pushes::found;
use super::random::Random;
use super::world::World;

/// Reaction of a partner to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is done and answered.
    Done,
    /// It is done, and the answer is lost, or is nothing that can be read, or comes from something in between.
    Lost(Loss),
    /// It is not done, and never will be.
    Refused,
    /// It is not done now.
    Busy(Option<Duration>),
    /// There is no connection.
    Closed,
    /// The connection ends before it is done.
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Broken,
    Late,
    Garbled,
    Gateway,
}

/// Wire of the hub's calls to the partners.
pub(super) fn wire(world: &Arc<World>) -> Wire {
    let world = Arc::clone(world);
    Arc::new(move |request| {
        let world = Arc::clone(&world);
        Box::pin(async move { answer(&world, &request).await })
    })
}

fn fate(random: &mut Random, per_mille: u64) -> Fate {
    if !random.chance(per_mille) {
        return Fate::Done;
    }
    match random.within(0..=8) {
        0 => Fate::Lost(Loss::Broken),
        1 => Fate::Lost(Loss::Late),
        2 => Fate::Lost(Loss::Garbled),
        3 => Fate::Lost(Loss::Gateway),
        4 => Fate::Refused,
        5 => Fate::Busy(None),
        6 => Fate::Busy(Some(random.ms(1_000..=90_000))),
        7 => Fate::Closed,
        _ => Fate::Dropped,
    }
}

async fn answer(world: &Arc<World>, request: &Request) -> Sent {
    let (fate, before, after) = world.draw(|random, weather| {
        let fate = fate(random, weather.partner_errors);
        let slow = if random.chance(weather.partner_errors / 4) { 4_000 } else { 60 };
        (fate, random.ms(1..=slow), random.ms(1..=40))
    });
    if request.url.path() == "/auth/token" {
        sleep(before).await;
        let token = world.draw(|random, _| random.next());
        return match fate {
            Fate::Done => says(
                200,
                None,
                &json!({"success": true, "code": 200,
                "data": {"accessToken": format!("T{token}"), "expiresIn": 7200}}),
            ),
            Fate::Lost(_) | Fate::Refused | Fate::Busy(_) | Fate::Closed | Fate::Dropped => {
                Sent::Failed { kind: Kind::Broken, text: "no token".to_owned(), ms: 0 }
            }
        };
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let failed_pushes = request.url.path().rsplit('/').next().and_then(Listed::of);
    if let Some(listed) = failed_pushes {
        sleep(before).await;
        return listed.answer(world, fate, &body);
    }
    let port = body[0]["subNo"].as_str().map(found);
    let file = body["fileUrl"].as_str().and_then(|url| url.strip_prefix("http://f/"));
    let matter = file.or_else(|| body[0]["subNo"].as_str()).unwrap_or_default().to_owned();
    world.tell(&format!("call about {matter}: {fate:?}"));
    let sent = world.checker().calls.sent(&matter);
    world.hold(sent);
    let (done, heard) = oneshot::channel();
    let own = Arc::clone(world);
    let claims: Vec<_> = port.iter().map(|(_, claim)| claim.clone()).collect();
    // A request that arrived is processed, even if its caller has stopped waiting.
    world.aside(async move {
        sleep(before).await;
        match fate {
            Fate::Done | Fate::Lost(_) => {
                own.tell(&format!("{matter} is done"));
                let held = own.checker().calls.done(&matter);
                own.hold(held);
                let told = own.tell(&format!("{matter} is found"));
                own.checker().pushed(&claims, told, own.now());
            }
            Fate::Refused => own.checker().calls.refused(&matter),
            Fate::Busy(_) | Fate::Closed | Fate::Dropped => {}
        }
        // The caller may be gone.
        let _ = done.send(());
    });
    // It is done, or never will be; only then the answer is on its way.
    let _ = heard.await;
    let late = fate == Fate::Lost(Loss::Late);
    sleep(if late { request.timeout.saturating_sub(before) } else { after }).await;
    let done = match &port {
        Some((item, _)) => format!(r#"{{"code":200,"success":true,"data":[{item}]}}"#),
        None => r#"{"code":200,"success":true,"msg":"成功","data":"A22060714485586949"}"#.to_owned(),
    };
    said(fate, done)
}

/// XHQ's list of failed pushes, as it is asked for it.
#[derive(Clone, Copy)]
enum Listed {
    Query,
    Confirm,
}

impl Listed {
    fn of(operation: &str) -> Option<Self> {
        match operation {
            "failedPushQuery" => Some(Self::Query),
            "failedPushConfirm" => Some(Self::Confirm),
            _ => None,
        }
    }

    fn answer(self, world: &World, fate: Fate, body: &Value) -> Sent {
        let told = world.tell(&format!("the failed pushes are asked for: {fate:?} {body}"));
        let is_done = matches!(fate, Fate::Done | Fate::Lost(_));
        let mut done = r#"{"code":200,"success":true,"data":null}"#.to_owned();
        match self {
            Self::Query => done = world.checker().lost.listed(told),
            Self::Confirm if is_done => {
                let held = world.checker().lost.confirmed(body);
                world.hold(held);
            }
            Self::Confirm => {}
        }
        said(fate, done)
    }
}

/// The partner's answer, or the lack of it.
fn said(fate: Fate, done: String) -> Sent {
    let failed = |kind| Sent::Failed { kind, text: "as the seed has it".to_owned(), ms: 0 };
    let refusal = json!({"code": 500, "success": false, "msg": "该订单状态不允许此操作"});
    match fate {
        Fate::Done => Sent::answer(200, Bytes::from(done)),
        Fate::Refused => says(200, None, &refusal),
        Fate::Busy(after) => says(503, after, &refusal),
        Fate::Lost(Loss::Garbled) => says(200, None, &"系统维护".into()),
        Fate::Lost(Loss::Gateway) => says(502, None, &Value::Null),
        Fate::Lost(Loss::Late) => failed(Kind::Timeout),
        Fate::Lost(Loss::Broken) | Fate::Dropped => failed(Kind::Broken),
        Fate::Closed => failed(Kind::Connect),
    }
}

fn says(status: u16, retry_after: Option<Duration>, body: &Value) -> Sent {
    let mut sent = Sent::answer(status, Bytes::from(body.to_string()));
    if let Sent::Answered { retry_after: asked, .. } = &mut sent {
        *asked = retry_after;
    }
    sent
}
