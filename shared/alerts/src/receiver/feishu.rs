//! The custom bot of a Feishu (飞书) group, by "自定义机器人使用指南",
//! <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>: JSON by POST to the bot's URL; with 签名校验 also
//! `timestamp`, in seconds, and `sign`, the HMAC-SHA256 of nothing by the key `timestamp\nsecret`, in base64; 5 messages a second
//! and 100 a minute; `code` 0 in the answer.
//!
//! A rich text (`post`) shows what stands in it as it is: it has no mark-up but its own tags.

use hub::Secret;
use hub::alert::Language;
use serde_json::{Value, json};
use url::Url;

use super::{LONGEST, Post, signed};
use crate::Message;
use crate::texts::frame;

pub(super) fn post(url: &Url, secret: Option<&Secret>, message: &Message<'_>) -> Post {
    let language = match message.language {
        Language::Chinese => "zh_cn",
        Language::English => "en_us",
    };
    let mut body = json!({
        "msg_type": "post",
        "content": {"post": {language: {"title": message.title(), "content": lines(message)}}},
    });
    if let (Some(secret), Some(body)) = (secret, body.as_object_mut()) {
        let timestamp = message.at.seconds().to_string();
        let sign = signed(&format!("{timestamp}\n{}", secret.expose()), "");
        body.insert("timestamp".to_owned(), timestamp.into());
        body.insert("sign".to_owned(), sign.into());
    }
    Post { url: url.clone(), headers: Vec::new(), body: super::json(&body) }
}

/// The lines of the rich text, each of them a list of tags. A link stands behind its words.
fn lines(message: &Message<'_>) -> Vec<Value> {
    let text = message.plain(LONGEST);
    // The first line is the title.
    let lines = text.lines().skip(1).skip_while(|line| line.is_empty());
    let is_link =
        |line: &str| message.console.is_some_and(|console| line.starts_with(console.as_str().trim_end_matches('/')));
    let line = |line: &str| {
        if is_link(line) {
            json!([{"tag": "a", "text": frame(message.language).open, "href": line}])
        } else {
            json!([{"tag": "text", "text": line}])
        }
    };
    lines.map(line).collect()
}

/// Remedy of an error, by the vendor's document.
pub(super) const fn remedy(code: i64) -> Option<&'static str> {
    match code {
        19021 => Some(
            "the signature or its time is refused: give the bot's 签名校验 secret as secret, and check the hub's clock",
        ),
        19022 => Some("the bot takes messages of its list of addresses only: add the hub's"),
        19024 => Some("the bot takes messages with its keywords only: add the keyword 通关 or Tongguan"),
        19001 => Some("the bot does not exist any more: give the url of another"),
        11232 | 9499 => Some("too many messages: raise every"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hub::Utc;
    use hub::alert::{Cause, Finding, Group, Groups};

    use super::*;

    /// The signature was computed with Python's `hmac` by the example in the document.
    #[test]
    fn body_has_signature_title_and_lines() {
        let url = Url::parse("https://open.feishu.cn/open-apis/bot/v2/hook/x").unwrap();
        let console = Url::parse("https://hub.example.com").unwrap();
        let at = Utc(1_790_000_000_999_000);
        let mut group = Group::default();
        let (place, connections) = ("erp".to_owned(), vec![]);
        group.add(&Finding { cause: Cause::DeliveryFailed, place, connections, about: None, count: 1, at });
        let groups = Groups::from([(Cause::DeliveryFailed, group)]);
        let message =
            Message { alert: "ops", groups: &groups, language: Language::English, console: Some(&console), at };
        let body = post(&url, Some(&Secret::new("fs-secret".to_owned())), &message).body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["timestamp"], &body["sign"]),
            (&json!("1790000000"), &json!("VMObAipFGe7T472UlNxa7iBN8gpwxX5PH87DVauMB0k="))
        );
        let text = &body["content"]["post"]["en_us"];
        assert_eq!(text["title"], "Tongguan: Deliveries failed: 1");
        let last = text["content"].as_array().unwrap().last().unwrap();
        assert_eq!(last[0]["href"], "https://hub.example.com/console#/deliveries?state=failed");
        let unsigned: Value = serde_json::from_slice(&post(&url, None, &message).body).unwrap();
        assert_eq!(unsigned.get("sign"), None);
    }
}
