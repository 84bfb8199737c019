//! The receivers of messages, each by its vendor's document.

mod dingtalk;
mod feishu;
mod webhook;
mod wecom;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hub::Secret;
use hub::alert::Kind;
use hub::printable::Line;
use hub::signature::SigningKey;
use serde_json::Value;
use sha2::Sha256;
use url::Url;

use crate::Message;

/// Longest text of a message, in bytes: what WeCom takes, and the least of all.
const LONGEST: usize = 4096;

/// Longest text of a receiver's refusal that is logged, in characters.
const DETAIL: usize = 200;

/// Least length of a part of a URL that may be a secret.
const SHORTEST: usize = 8;

/// A receiver of messages.
#[derive(Clone)]
pub enum Receiver {
    /// A robot of a WeCom group.
    Wecom(Url),
    /// A robot of a DingTalk group, and its secret (加签) where it has one.
    Dingtalk(Url, Option<Secret>),
    /// A bot of a Feishu group, and its secret (签名校验) where it has one.
    Feishu(Url, Option<Secret>),
    /// A URL that takes JSON, signed by this key.
    Webhook(Url, SigningKey),
}

/// A request to a receiver, by POST. Its URL holds a secret.
pub struct Post {
    /// The URL.
    pub url: Url,
    /// Headers besides `content-type`, which is JSON.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Reason why a message was not taken. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The receiver's answer in a line.
    pub text: String,
    /// Remedy, where the answer's code tells one.
    pub remedy: Option<&'static str>,
}

impl fmt::Debug for Receiver {
    /// Without its URL: that is its secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([REDACTED])", self.kind().name())
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("body", &String::from_utf8_lossy(&self.body)).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Wecom(_) => Kind::Wecom,
            Self::Dingtalk(..) => Kind::Dingtalk,
            Self::Feishu(..) => Kind::Feishu,
            Self::Webhook(..) => Kind::Webhook,
        }
    }

    /// The request that brings a message.
    #[must_use]
    pub fn post(&self, message: &Message<'_>) -> Post {
        match self {
            Self::Wecom(url) => wecom::post(url, message),
            Self::Dingtalk(url, secret) => dingtalk::post(url, secret.as_ref(), message),
            Self::Feishu(url, secret) => feishu::post(url, secret.as_ref(), message),
            Self::Webhook(url, key) => webhook::post(url, key, message),
        }
    }

    /// Whether an answer says that the message was taken. The robots answer 200 to what they refuse, too: the code in the body
    /// counts. A secret that the answer repeats is left out.
    pub fn read(&self, status: u16, body: &[u8]) -> Result<(), Fault> {
        self.judged(status, body).map_err(|fault| Fault { text: self.hidden(&fault.text), ..fault })
    }

    /// A text without the secrets of the receiver.
    fn hidden(&self, text: &str) -> String {
        let (url, secret) = match self {
            Self::Wecom(url) => (url, None),
            Self::Dingtalk(url, secret) | Self::Feishu(url, secret) => (url, secret.as_ref().map(Secret::expose)),
            Self::Webhook(url, key) => (url, Some(key.expose())),
        };
        let pairs = url.query_pairs().map(|(_, value)| value.into_owned());
        let segments = url.path_segments().into_iter().flatten().map(str::to_owned);
        let secrets = pairs.chain(segments).chain(secret.map(str::to_owned)).filter(|part| part.len() >= SHORTEST);
        secrets.fold(text.to_owned(), |text, secret| text.replace(&secret, "[REDACTED]"))
    }

    fn judged(&self, status: u16, body: &[u8]) -> Result<(), Fault> {
        let judged = match self {
            Self::Webhook(..) if (200..300).contains(&status) => return Ok(()),
            Self::Webhook(..) => None,
            Self::Wecom(_) => Some(("errcode", "errmsg", wecom::remedy as fn(i64) -> Option<&'static str>)),
            Self::Dingtalk(..) => Some(("errcode", "errmsg", dingtalk::remedy as fn(i64) -> Option<&'static str>)),
            Self::Feishu(..) => Some(("code", "msg", feishu::remedy as fn(i64) -> Option<&'static str>)),
        };
        let Some((code, text, remedy)) = judged else {
            return Err(Fault { text: format!("it answered {status}"), remedy: None });
        };
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        match (answer.get(code).and_then(Value::as_i64), status) {
            (Some(0), 200..=299) => Ok(()),
            (Some(code), _) if code != 0 => {
                let text = answer.get(text).and_then(Value::as_str).unwrap_or_default();
                let text: String = Line(text).to_string().chars().take(DETAIL).collect();
                Err(Fault { text: format!("{code} {text}"), remedy: remedy(code) })
            }
            (Some(_) | None, _) => Err(Fault {
                text: format!("it answered {status} without a code: is this a robot's URL?"),
                remedy: None,
            }),
        }
    }
}

/// HMAC-SHA256 in base64.
fn signed(key: &str, text: &str) -> String {
    // HMAC takes keys of any length.
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map(|mac| mac.chain_update(text).finalize().into_bytes());
    mac.map(|mac| BASE64_STANDARD.encode(mac)).unwrap_or_default()
}

/// A JSON body.
fn json(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://robot.example/send?key=secret-key").unwrap()
    }

    #[test]
    fn receiver_never_prints_its_secrets() {
        let secret = || Some(Secret::new("secret-text".to_owned()));
        for receiver in [Receiver::Wecom(url()), Receiver::Dingtalk(url(), secret()), Receiver::Feishu(url(), secret())]
        {
            let printed = format!("{receiver:?}");
            assert!(!printed.contains("secret") && printed.contains(receiver.kind().name()), "{printed}");
        }
    }

    #[test]
    fn answers_are_judged_by_their_code() {
        let robots = [Receiver::Wecom(url()), Receiver::Dingtalk(url(), None)];
        for robot in &robots {
            assert_eq!(robot.read(200, br#"{"errcode":0,"errmsg":"ok"}"#), Ok(()));
            let fault = robot.read(200, br#"{"errcode":300001,"errmsg":"token is\nnot exist"}"#).unwrap_err();
            assert_eq!(fault.text, "300001 token is\\nnot exist");
            let echo = robot.read(200, br#"{"errcode":1,"errmsg":"no key secret-key"}"#).unwrap_err();
            assert_eq!(echo.text, "1 no key [REDACTED]");
            assert!(robot.read(200, b"<html>").is_err() && robot.read(500, br#"{"errcode":0}"#).is_err());
        }
        let feishu = Receiver::Feishu(url(), None);
        assert_eq!(feishu.read(200, br#"{"code":0,"msg":"success","data":{}}"#), Ok(()));
        let fault = feishu.read(200, br#"{"code":19021,"msg":"sign match fail"}"#).unwrap_err();
        assert!(fault.remedy.is_some_and(|remedy| remedy.contains("secret")), "{fault:?}");
        let limited = [(45009, &robots[0]), (130_101, &robots[1]), (11232, &feishu)];
        for (code, robot) in limited {
            let body = format!(r#"{{"errcode":{code},"code":{code}}}"#);
            let fault = robot.read(200, body.as_bytes()).unwrap_err();
            assert!(fault.remedy.is_some_and(|remedy| remedy.contains("every")), "{fault:?}");
        }
        let webhook = Receiver::Webhook(url(), SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        assert_eq!(webhook.read(204, b""), Ok(()));
        assert_eq!(webhook.read(302, b"").unwrap_err().text, "it answered 302");
    }
}
