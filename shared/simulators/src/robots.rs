//! The receivers of alerts, played by their vendors' documents: the robots of WeCom, DingTalk and Feishu groups, and a plain
//! webhook. They check key, signature, format and rate, and answer as documented.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hub::{Clock, Utc};
use hyper::body::Incoming;
use serde_json::{Value, json};
use sha2::Sha256;
use standardwebhooks::Webhook;
use tokio::sync::watch;
use url::Url;

use crate::serve::{Answered, Server};

/// Largest difference of a signature's time, in seconds: an hour, at DingTalk as at Feishu.
const HOUR: i64 = 3600;

/// A robot, with the secrets that its group's owner was shown.
#[derive(Clone, Debug)]
pub enum Robot {
    /// Of a WeCom group: <https://developer.work.weixin.qq.com/document/path/91770>. Its key.
    Wecom(&'static str),
    /// Of a DingTalk group: <https://open.dingtalk.com/document/robots/custom-robot-access>. Its token, and its secret of 加签.
    Dingtalk(&'static str, Option<&'static str>),
    /// Of a Feishu group: <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>. Its hook, and its secret of 签名校验.
    Feishu(&'static str, Option<&'static str>),
    /// A webhook by Standard Webhooks. Its `whsec_` secret.
    Webhook(String),
}

/// Behaviour of a robot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers by its vendor's document.
    #[default]
    Works,
    /// Closes every connection without an answer.
    Down,
    /// Takes the request and never answers.
    Hangs,
    /// Answers everything with that status and body.
    Answers(u16, String),
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    messages: Vec<String>,
    times: Vec<Utc>,
}

struct Shared {
    robot: Robot,
    clock: Clock,
    state: Mutex<State>,
    /// Number of requests, refused ones included.
    count: watch::Sender<usize>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running robot; dropping it closes its port.
pub struct Receiver {
    server: Server,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Starts a robot that judges times by a clock. Port 0 lets the system choose.
    pub async fn start(address: SocketAddr, clock: Clock, robot: Robot) -> io::Result<Self> {
        let shared = Arc::new(Shared { robot, clock, state: Mutex::default(), count: watch::Sender::new(0) });
        let (door, inside) = (Arc::clone(&shared), Arc::clone(&shared));
        let admits = move || door.state().behaviour != Behaviour::Down;
        let server = Server::start(address, admits, move |request| receive(request, Arc::clone(&inside))).await?;
        Ok(Self { server, shared })
    }

    /// Its URL, as its owner is shown it.
    #[must_use]
    pub fn url(&self) -> String {
        let path = match &self.shared.robot {
            Robot::Wecom(key) => format!("cgi-bin/webhook/send?key={key}"),
            Robot::Dingtalk(token, _) => format!("robot/send?access_token={token}"),
            Robot::Feishu(hook, _) => format!("open-apis/bot/v2/hook/{hook}"),
            Robot::Webhook(_) => "alerts".to_owned(),
        };
        format!("http://{}/{path}", self.server.address())
    }

    /// Behaves so from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.state().behaviour = behaviour;
    }

    /// Texts of the messages that it has taken; of a webhook, the bodies.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.shared.state().messages.clone()
    }

    /// Number of requests, refused ones included.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Waits until it got `n` requests. Put a timeout around it.
    pub async fn received(&self, n: usize) {
        // The sender lives as long as `self`, so the wait ends by its condition only.
        let _ = self.shared.count.subscribe().wait_for(|count| *count >= n).await;
    }
}

async fn receive(request: Request<Incoming>, shared: Arc<Shared>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let behaviour = shared.state().behaviour.clone();
    let (status, answer) = match behaviour {
        Behaviour::Works => judge(&shared, &parts, &body),
        Behaviour::Answers(status, body) => (status, body),
        Behaviour::Down => return Err("down".into()),
        Behaviour::Hangs => {
            shared.count.send_modify(|count| *count += 1);
            std::future::pending().await
        }
    };
    shared.count.send_modify(|count| *count += 1);
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    *response.status_mut() = StatusCode::from_u16(status)?;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Judges a request; the answer, whose message is kept where it is taken.
fn judge(shared: &Shared, parts: &Parts, body: &[u8]) -> (u16, String) {
    let now = (shared.clock)();
    let (path, query) = (parts.uri.path().to_owned(), query(parts));
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let asked = |name: &str| query.get(name).map_or("", String::as_str);
    let code = |code: i64, text: &str| (200, json!({"errcode": code, "errmsg": text}).to_string());
    let is_json =
        parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let mut state = shared.state();
    let in_minute = state.times.iter().filter(|at| now.since(**at).as_secs() < 60 && **at <= now).count();
    let refusal = match &shared.robot {
        _ if parts.method != http::Method::POST || !is_json => Some((400, "{}".to_owned())),
        Robot::Wecom(key) => {
            let text = said(&json, "/markdown/content");
            match () {
                () if path != "/cgi-bin/webhook/send" || asked("key") != *key => {
                    Some(code(93000, "invalid webhook url"))
                }
                () if said(&json, "/msgtype") != "markdown" || text.is_empty() => {
                    Some(code(40008, "invalid message type"))
                }
                () if text.len() > 4096 => Some(code(40058, "markdown.content exceed max length 4096")),
                () if in_minute >= 20 => Some(code(45009, "api freq out of limit")),
                () => None,
            }
        }
        Robot::Dingtalk(token, secret) => {
            let seconds = asked("timestamp").parse::<i64>().unwrap_or_default() / 1000;
            let sign = secret.map(|secret| hmac(secret.as_bytes(), &format!("{}\n{secret}", asked("timestamp"))));
            match () {
                () if path != "/robot/send" || asked("access_token") != *token => {
                    Some(code(300_001, "token is not exist"))
                }
                () if sign.is_some() && (now.seconds() - seconds).abs() > HOUR => {
                    Some(code(310_000, "invalid timestamp"))
                }
                () if sign.is_some_and(|sign| sign != asked("sign")) => Some(code(310_000, "sign not match")),
                () if said(&json, "/msgtype") != "markdown" || said(&json, "/markdown/title").is_empty() => {
                    Some(code(400_402, "miss param : markdown->title"))
                }
                () if in_minute >= 20 => Some(code(130_101, "send too fast, exceed 20 times per minute")),
                () => None,
            }
        }
        Robot::Feishu(hook, secret) => feishu(now, &path, (hook, *secret), &json, body.len(), in_minute),
        Robot::Webhook(secret) => {
            let of = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let sign = Webhook::new(secret)
                .and_then(|key| key.sign(of("webhook-id"), of("webhook-timestamp").parse().unwrap_or_default(), body));
            let is_signed = sign.is_ok_and(|sign| sign == of("webhook-signature"));
            (!is_signed).then(|| (401, "{}".to_owned()))
        }
    };
    if let Some(refusal) = refusal {
        return refusal;
    }
    state.times.push(now);
    let taken = match &shared.robot {
        Robot::Wecom(_) => said(&json, "/markdown/content").to_owned(),
        Robot::Dingtalk(..) => said(&json, "/markdown/text").to_owned(),
        Robot::Feishu(..) => rich_text(&json),
        Robot::Webhook(_) => String::from_utf8_lossy(body).into_owned(),
    };
    state.messages.push(taken);
    match &shared.robot {
        Robot::Wecom(_) | Robot::Dingtalk(..) => code(0, "ok"),
        Robot::Feishu(..) => (
            200,
            json!({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}).to_string(),
        ),
        Robot::Webhook(_) => (204, String::new()),
    }
}

fn feishu(
    now: Utc,
    path: &str,
    (hook, secret): (&str, Option<&str>),
    json: &Value,
    length: usize,
    in_minute: usize,
) -> Option<(u16, String)> {
    let code = |code: i64, text: &str| Some((200, json!({"code": code, "msg": text, "data": {}}).to_string()));
    let timestamp = said(json, "/timestamp");
    let sign = secret.map(|secret| hmac(format!("{timestamp}\n{secret}").as_bytes(), ""));
    let is_old = (now.seconds() - timestamp.parse::<i64>().unwrap_or_default()).abs() > HOUR;
    match () {
        () if path != format!("/open-apis/bot/v2/hook/{hook}") => {
            code(19001, "param invalid: incoming webhook access token invalid")
        }
        () if sign.is_some_and(|sign| is_old || said(json, "/sign") != sign) => {
            code(19021, "sign match fail or timestamp is not within one hour from current time")
        }
        () if length > 20 * 1024 || in_minute >= 100 => code(11232, "frequency limited"),
        () if said(json, "/msg_type") != "post" || rich_text(json).is_empty() => code(9499, "Bad Request"),
        () => None,
    }
}

/// The title and lines of a rich text.
fn rich_text(json: &Value) -> String {
    let in_language = |language| json.pointer(&format!("/content/post/{language}"));
    let Some(post) = in_language("zh_cn").or_else(|| in_language("en_us")) else { return String::new() };
    let mut text = said(post, "/title").to_owned();
    for line in post.pointer("/content").and_then(Value::as_array).into_iter().flatten() {
        text.push('\n');
        for tag in line.as_array().into_iter().flatten() {
            text.extend([said(tag, "/text"), said(tag, "/href")]);
        }
    }
    text
}

/// The text at a JSON pointer; empty where there is none.
fn said<'j>(json: &'j Value, at: &str) -> &'j str {
    json.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn query(parts: &Parts) -> HashMap<String, String> {
    let url = Url::parse("http://robot").and_then(|base| base.join(&parts.uri.to_string()));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

/// HMAC-SHA256 in base64.
fn hmac(key: &[u8], text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(text).finalize().into_bytes());
    mac.map(|mac| BASE64_STANDARD.encode(mac)).unwrap_or_default()
}
